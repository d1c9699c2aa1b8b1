"""Expressions: the signals, spectra and numbers that an event compares.

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
from typing import Any, ClassVar

from kernels.events.syntax.event import Event
from kernels.events.syntax.tree import NODE_TYPES, Node, Window, number, printed

__all__ = [
    "FUNCTIONS",
    "REDUCTIONS",
    "RESERVED",
    "Expression",
    "Number",
    "Variable",
    "expression",
    "named_variables",
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
        "noise",
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
MAX_NAME = 100

Pair = Window | Iterable[float] | None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Expression(Node):
    """Base class of signals, spectra and numbers; operators and reductions build trees."""

    kind: ClassVar[str] = "signal"
    precedence: ClassVar[int] = 10  # 6 sum, 7 product, 8 sign, 9 power, 10 needs no parentheses

    @property
    def constant(self) -> bool:
        """Whether the expression contains no variable."""
        return all(child.constant for _, child in self.children() if isinstance(child, Expression))

    def __add__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("+", self, expression(other))

    def __radd__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("+", expression(other), self)

    def __sub__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("-", self, expression(other))

    def __rsub__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("-", expression(other), self)

    def __mul__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("*", self, expression(other))

    def __rmul__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("*", expression(other), self)

    def __truediv__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("/", self, expression(other))

    def __rtruediv__(self, other: Any) -> "Expression":
        return NODE_TYPES["binary"]("/", expression(other), self)

    def __neg__(self) -> "Expression":
        return Number(-self.value) if isinstance(self, Number) else NODE_TYPES["negative"](self)

    def __pow__(self, exponent: Any) -> "Expression":
        return NODE_TYPES["power"](self, exponent)

    def __abs__(self) -> "Expression":
        return NODE_TYPES["function"]("abs", self)

    def __getitem__(self, index: int | slice) -> "Expression":
        """Frequencies of a spectrum, indexed as in NumPy."""
        if isinstance(index, slice):
            if index.step is not None:
                raise ValueError("a slice of a spectrum must be [start:stop], without a step.")
            return NODE_TYPES["slice"](self, index.start, index.stop)
        return NODE_TYPES["index"](self, index)

    __iter__ = None  # __getitem__ would otherwise make expressions iterable, without end

    def __gt__(self, other: Any) -> Event:
        return self._compare(">", other)

    def __lt__(self, other: Any) -> Event:
        return self._compare("<", other)

    def __ge__(self, other: Any) -> Event:
        return self._compare(">=", other)

    def __le__(self, other: Any) -> Event:
        return self._compare("<=", other)

    def _compare(self, operator: str, other: Any) -> Event:
        return NODE_TYPES["comparison"](operator, self, expression(other))

    def equals(self, value: Any, *, tolerance: float | None = None, noise: float | None = None) -> Event:
        """Event |self − value| ≤ tolerance, or an observation with a Gaussian error for `given`; `==` compares trees.

        Args:
            value: signal or number.
            tolerance: half width.
            noise: standard deviation of the error, in the place of a tolerance.

        Raises:
            ValueError: none of the two, or both.
        """
        if (tolerance is None) == (noise is None):
            raise ValueError("an equality needs a tolerance or a noise, one of them.")
        kind, width = ("equality", tolerance) if noise is None else ("noisy", noise)
        return NODE_TYPES[kind](self, expression(value), width)

    def __bool__(self) -> bool:
        raise TypeError(
            f"`{self}` has no truth value. Join events by &, | and ~; write between(s, lo, hi) for lo < s < hi."
        )

    def max(self, window: Pair = None) -> "Expression":
        """Largest value in the window."""
        return NODE_TYPES["reduction"]("max", self, Window.of(window))

    def min(self, window: Pair = None) -> "Expression":
        """Smallest value in the window."""
        return NODE_TYPES["reduction"]("min", self, Window.of(window))

    def mean(self, window: Pair = None) -> "Expression":
        """Mean over the samples in the window, or over the frequencies; not weighted."""
        return NODE_TYPES["reduction"]("mean", self, Window.of(window))

    def integral(self, window: Pair = None) -> "Expression":
        """Integral over time by the trapezoid rule."""
        return NODE_TYPES["reduction"]("integral", self, Window.of(window))

    def std(self, window: Pair = None) -> "Expression":
        """Standard deviation over the samples in the window (ddof 0)."""
        return NODE_TYPES["reduction"]("std", self, Window.of(window))

    def range(self, window: Pair = None) -> "Expression":
        """Largest minus smallest value in the window."""
        return NODE_TYPES["reduction"]("range", self, Window.of(window))

    def final(self, window: Pair = None) -> "Expression":
        """Value at the last sample in the window."""
        return NODE_TYPES["reduction"]("final", self, Window.of(window))

    def at(self, time: float) -> "Expression":
        """Value at the sample nearest to `time`, counted from the time of evaluation."""
        return NODE_TYPES["at"](self, time)


def expression(value: Any) -> Expression:
    """Convert a value to an expression; a number becomes a literal."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, Node):
        raise ValueError(
            f"expected a signal or a number; got the event `{value}`. Compare signals, join events."
        )
    return Number(value)


def require_kind(argument: Any, what: str, kinds: tuple[str, ...], remedy: str) -> None:
    if not isinstance(argument, Expression):
        raise ValueError(f"{what} must be a signal; got {str(argument)[:60]!r}.")
    if argument.kind not in kinds:
        raise ValueError(
            f"{what} must be a {' or '.join(kinds)}; `{short_text(argument)}` is a {_named(argument.kind)}. {remedy}"
        )


def _named(kind: str) -> str:
    return "complex spectrum" if kind == "complex" else kind


def short_text(node: Node) -> str:
    text = str(node)
    return text if len(text) <= 60 else text[:57] + "…"


def within(child: Expression, precedence: int) -> str:
    """Text of an operand, in parentheses where its operator binds less than `precedence`."""
    return f"({child})" if child.precedence < precedence else str(child)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Number(Expression):
    """Literal number."""

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
    """Variable or observable of the layout.

    `time` is the time itself, unless there is a variable of this name.
    """

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


def shortened(value: Any) -> str:
    return f"`{str(value)[:40]}`"


def named_variables(node: Node) -> set[str]:
    """Names of the variables and observables that an event or expression is about."""
    below = set().union(*(named_variables(child) for _, child in node.children()))
    return below | ({node.name} if isinstance(node, Variable) else set())
