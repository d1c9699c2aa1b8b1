"""Signals and numbers: what an event compares.

An `Expression` has a kind:

    signal      a value at each time: a variable, an observable, arithmetic on them, `derivative`
    spectrum    a value at each frequency: `abs(rfft(s))`; "complex" before `abs` is taken
    number      one value: a literal, a reduction (`max`, …, `at`) of a signal or a spectrum

A reduction reads its signal from the time of evaluation on; a number inside that signal is the
number at that same time, so `std(x)` is `sqrt(mean((x - mean(x))^2))`, and `x - at(x, 0)` is
the displacement since then.

    x = Variable("x")
    (x.max() > 1.2) & ((x**2).mean((0, 3)) < 4)
"""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from kernels.events.syntax.tree import Node, Window, number, printed

if TYPE_CHECKING:
    from kernels.events.syntax.predicates import Comparison, Equality

__all__ = [
    "FUNCTIONS",
    "REDUCTIONS",
    "RESERVED",
    "At",
    "Binary",
    "Expression",
    "Function",
    "Index",
    "Negative",
    "Number",
    "Power",
    "Reduction",
    "Slice",
    "Variable",
    "expression",
]

FUNCTIONS = ("abs", "sqrt", "exp", "log", "sin", "cos", "tanh", "derivative", "rfft")
REDUCTIONS = ("max", "min", "mean", "integral", "std", "range", "final")
RESERVED = frozenset(
    (
        *FUNCTIONS,
        *REDUCTIONS,
        "at",
        "between",
        "always",
        "eventually",
        "until",
        "and",
        "or",
        "not",
        "tolerance",
        "box",
        "tube",
        "polygon",
        "passes",
        "stays",
        "avoids",
        "enters",
        "pi",
    )
)  # a variable of such a name is written in quotes
MAX_POWER = 16
MAX_NAME = 100

Pair = Window | Iterable[float] | None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Expression(Node):
    """Base of signals, spectra and numbers; Python's operators and the reductions build trees."""

    kind: ClassVar[str] = "signal"
    precedence: ClassVar[int] = 10  # 6 sum, 7 product, 8 sign, 9 power, 10 needs no parentheses

    @property
    def constant(self) -> bool:
        """Whether no variable occurs."""
        return all(child.constant for _, child in self.children() if isinstance(child, Expression))

    def __add__(self, other: Any) -> "Expression":
        return Binary("+", self, expression(other))

    def __radd__(self, other: Any) -> "Expression":
        return Binary("+", expression(other), self)

    def __sub__(self, other: Any) -> "Expression":
        return Binary("-", self, expression(other))

    def __rsub__(self, other: Any) -> "Expression":
        return Binary("-", expression(other), self)

    def __mul__(self, other: Any) -> "Expression":
        return Binary("*", self, expression(other))

    def __rmul__(self, other: Any) -> "Expression":
        return Binary("*", expression(other), self)

    def __truediv__(self, other: Any) -> "Expression":
        return Binary("/", self, expression(other))

    def __rtruediv__(self, other: Any) -> "Expression":
        return Binary("/", expression(other), self)

    def __neg__(self) -> "Expression":
        return Number(-self.value) if isinstance(self, Number) else Negative(self)

    def __pow__(self, exponent: Any) -> "Expression":
        return Power(self, exponent)

    def __abs__(self) -> "Expression":
        return Function("abs", self)

    def __getitem__(self, index: int | slice) -> "Expression":
        """Frequencies of a spectrum, counted as NumPy counts."""
        if isinstance(index, slice):
            if index.step is not None:
                raise ValueError("a slice of a spectrum must be [start:stop], without a step.")
            return Slice(self, index.start, index.stop)
        return Index(self, index)

    __iter__ = None  # __getitem__ would otherwise make expressions iterable, without end

    def __gt__(self, other: Any) -> "Comparison":
        return self._compare(">", other)

    def __lt__(self, other: Any) -> "Comparison":
        return self._compare("<", other)

    def __ge__(self, other: Any) -> "Comparison":
        return self._compare(">=", other)

    def __le__(self, other: Any) -> "Comparison":
        return self._compare("<=", other)

    def _compare(self, operator: str, other: Any) -> "Comparison":
        from kernels.events.syntax.predicates import Comparison

        return Comparison(operator, self, expression(other))

    def equals(self, value: Any, *, tolerance: float) -> "Equality":
        """The event |self − value| ≤ tolerance; `==` compares trees."""
        from kernels.events.syntax.predicates import Equality

        return Equality(self, expression(value), tolerance)

    def __bool__(self) -> bool:
        raise TypeError(
            f"`{self}` has no truth value. Join events by &, | and ~; write between(s, lo, hi) for lo < s < hi."
        )

    def max(self, window: Pair = None) -> "Reduction":
        """Largest value in the window."""
        return Reduction("max", self, Window.of(window))

    def min(self, window: Pair = None) -> "Reduction":
        """Smallest value in the window."""
        return Reduction("min", self, Window.of(window))

    def mean(self, window: Pair = None) -> "Reduction":
        """Plain mean over the samples in the window, or over the frequencies."""
        return Reduction("mean", self, Window.of(window))

    def integral(self, window: Pair = None) -> "Reduction":
        """Integral over time by the trapezoid rule."""
        return Reduction("integral", self, Window.of(window))

    def std(self, window: Pair = None) -> "Reduction":
        """Standard deviation over the samples in the window (ddof 0)."""
        return Reduction("std", self, Window.of(window))

    def range(self, window: Pair = None) -> "Reduction":
        """Largest minus smallest value in the window."""
        return Reduction("range", self, Window.of(window))

    def final(self, window: Pair = None) -> "Reduction":
        """Value at the last sample in the window."""
        return Reduction("final", self, Window.of(window))

    def at(self, time: float) -> "At":
        """Value at the sample nearest to `time`, counted from the time of evaluation."""
        return At(self, time)


def expression(value: Any) -> Expression:
    """An expression as it is; a number as a literal."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, Node):
        raise ValueError(
            f"expected a signal or a number; got the event `{value}`. Compare signals, join events."
        )
    return Number(value)


def _require(argument: Any, what: str, kinds: tuple[str, ...], remedy: str) -> None:
    if not isinstance(argument, Expression):
        raise ValueError(f"{what} must be a signal; got {str(argument)[:60]!r}.")
    if argument.kind not in kinds:
        raise ValueError(
            f"{what} must be a {' or '.join(kinds)}; `{_short(argument)}` is a {_named(argument.kind)}. {remedy}"
        )


def _named(kind: str) -> str:
    return "complex spectrum" if kind == "complex" else kind


def _short(node: Node) -> str:
    text = str(node)
    return text if len(text) <= 60 else text[:57] + "…"


def _within(child: Expression, precedence: int) -> str:
    """Printed form of an operand, in parentheses where it binds less tightly than `precedence`."""
    return f"({child})" if child.precedence < precedence else str(child)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Number(Expression):
    """A literal."""

    value: float
    kind = "number"

    def _check(self) -> None:
        self._set(value=number(self.value))

    @property
    def precedence(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return 8 if self.value < 0 else 10

    def __str__(self) -> str:
        return printed(self.value)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Variable(Expression):
    """A variable or an observable of the layout; `time` is the time itself, unless there is such a variable."""

    name: str

    def _check(self) -> None:
        if (
            not isinstance(self.name, str)
            or not 0 < len(self.name) <= MAX_NAME
            or not self.name.isprintable()
        ):
            raise ValueError(
                f"the name of a variable must be a text of 1 to {MAX_NAME} printable characters; got {str(self.name)[:40]!r}."
            )
        if '"' in self.name or "\\" in self.name:
            raise ValueError(
                f"the name of a variable must not contain quotes or backslashes; got {self.name!r}. Rename it."
            )

    @property
    def constant(self) -> bool:
        return False

    def __str__(self) -> str:
        plain = self.name.isidentifier() and self.name.isascii() and self.name not in RESERVED
        return self.name if plain else f'"{self.name}"'


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Negative(Expression):
    """−argument."""

    argument: Expression
    precedence = 8

    def _check(self) -> None:
        if isinstance(self.argument, Number):
            raise ValueError(f"a negative number must be one literal; write {printed(-self.argument.value)}.")
        _require(self.argument, "the operand of `-`", ("signal", "number", "spectrum", "complex"), "")

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.argument.kind

    def __str__(self) -> str:
        return f"-{_within(self.argument, 9)}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Binary(Expression):
    """left + right, and so on."""

    operator: str
    left: Expression
    right: Expression

    def _check(self) -> None:
        if self.operator not in ("+", "-", "*", "/"):
            raise ValueError(f"an operator must be one of + - * /; got {str(self.operator)[:20]!r}.")
        for side in (self.left, self.right):
            _require(
                side, f"an operand of `{self.operator}`", ("signal", "number", "spectrum", "complex"), ""
            )
        kinds = {self.left.kind, self.right.kind}
        if "signal" in kinds and kinds & {"spectrum", "complex"}:
            raise ValueError(
                f"a signal and a spectrum have different axes; `{_short(self)}` mixes them. Reduce one of them first, for example by mean(…)."
            )
        order = ("complex", "spectrum", "signal", "number")
        self._set(_kind=next(kind for kind in order if kind in kinds))

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.__dict__["_kind"]

    @property
    def precedence(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return 6 if self.operator in "+-" else 7

    def __str__(self) -> str:
        return f"{_within(self.left, self.precedence)} {self.operator} {_within(self.right, self.precedence + 1)}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Power(Expression):
    """base to a whole power, which is structure."""

    base: Expression
    exponent: int
    precedence = 9

    def _check(self) -> None:
        _require(self.base, "the base of a power", ("signal", "number", "spectrum"), "Take abs(…) first.")
        exponent = self.exponent
        if isinstance(exponent, Number | float) and float(getattr(exponent, "value", exponent)).is_integer():
            exponent = int(getattr(exponent, "value", exponent))
        if isinstance(exponent, bool) or not isinstance(exponent, int) or not 1 <= exponent <= MAX_POWER:
            raise ValueError(
                f"an exponent must be a whole number from 1 to {MAX_POWER}; got {_short_text(self.exponent)}. Use sqrt, exp and log for others."
            )
        self._set(exponent=exponent)

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.base.kind

    def __str__(self) -> str:
        return f"{_within(self.base, 10)}^{self.exponent}"


def _short_text(value: Any) -> str:
    return f"`{str(value)[:40]}`"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Function(Expression):
    """name(argument), elementwise; `derivative` in time as np.gradient, `rfft` of all times as np.fft.rfft."""

    name: str
    argument: Expression

    def _check(self) -> None:
        if self.name not in FUNCTIONS:
            raise ValueError(
                f"a function must be one of {', '.join(FUNCTIONS)}; got {str(self.name)[:40]!r}."
            )
        if self.name in ("derivative", "rfft"):
            _require(self.argument, f"the argument of {self.name}", ("signal",), "")
        elif self.name == "abs":
            _require(self.argument, "the argument of abs", ("signal", "number", "spectrum", "complex"), "")
        else:
            _require(
                self.argument,
                f"the argument of {self.name}",
                ("signal", "number", "spectrum"),
                "Take abs(…) first.",
            )

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self.name == "rfft":
            return "complex"
        return "spectrum" if self.argument.kind == "complex" else self.argument.kind

    def __str__(self) -> str:
        return f"{self.name}({self.argument})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Slice(Expression):
    """Frequencies start … stop − 1 of a spectrum; structure."""

    argument: Expression
    start: int | None
    stop: int | None

    def _check(self) -> None:
        _require(
            self.argument,
            "what is sliced",
            ("spectrum", "complex"),
            "Use a window for times, as in max[0, 3](x).",
        )
        for end in (self.start, self.stop):
            _check_index(end, optional=True)

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.argument.kind

    def __str__(self) -> str:
        start, stop = ("" if end is None else end for end in (self.start, self.stop))
        return f"{_within(self.argument, 10)}[{start}:{stop}]"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Index(Expression):
    """One frequency of a spectrum, counted from 0; structure."""

    argument: Expression
    index: int
    kind = "number"

    def _check(self) -> None:
        _require(
            self.argument,
            "what is indexed",
            ("spectrum",),
            "Use at(x, time) for a time; take abs(…) of a complex spectrum first.",
        )
        _check_index(self.index, optional=False)

    def __str__(self) -> str:
        return f"{_within(self.argument, 10)}[{self.index}]"


def _check_index(index: Any, *, optional: bool) -> None:
    if index is None and optional:
        return
    if isinstance(index, bool) or not isinstance(index, int) or abs(index) > 10**9:
        raise ValueError(f"a frequency must be counted by a whole number; got {_short_text(index)}.")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Reduction(Expression):
    """name[window](argument): one number from a signal or a spectrum."""

    name: str
    argument: Expression
    window: Window | None = None
    kind = "number"

    def _check(self) -> None:
        if self.name not in REDUCTIONS:
            raise ValueError(
                f"a reduction must be one of {', '.join(REDUCTIONS)}; got {str(self.name)[:40]!r}."
            )
        if self.window is not None and not isinstance(self.window, Window):
            raise ValueError(f"a window must be [start, end]; got {_short_text(self.window)}.")
        remedy = f"Take abs(…) of a complex spectrum first; for a number in moving windows write eventually({self.argument} > …) or always(…)."
        _require(self.argument, f"the argument of {self.name}", ("signal", "spectrum"), remedy)
        if self.argument.kind == "spectrum":
            if self.name in ("integral", "final"):
                raise ValueError(
                    f"{self.name} runs over time; `{_short(self.argument)}` is a spectrum. Use mean(…), or an index as in abs(rfft(x))[3]."
                )
            if self.window is not None:
                raise ValueError(
                    f"a window holds times; `{_short(self.argument)}` is a spectrum. Choose frequencies by a slice, as in abs(rfft(x))[1:4]."
                )

    def __str__(self) -> str:
        return f"{self.name}{self.window or ''}({self.argument})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class At(Expression):
    """at(argument, time): the value at the nearest sample, `time` counted from the time of evaluation."""

    argument: Expression
    time: float
    kind = "number"

    def _check(self) -> None:
        _require(self.argument, "the first argument of at", ("signal",), "")
        self._set(time=number(self.time, "the time in at(signal, time)"))

    def __str__(self) -> str:
        return f"at({self.argument}, {printed(self.time)})"
