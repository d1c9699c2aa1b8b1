"""Functions of signals: arithmetic, spectra, and reductions over time."""

import dataclasses
from typing import Any

from kernels.events.syntax.expressions import (
    FUNCTIONS,
    REDUCTIONS,
    Expression,
    Number,
    require_kind,
    short_text,
    shortened,
    within,
)
from kernels.events.syntax.tree import Window, number, printed

__all__ = ["MAX_POWER", "At", "Binary", "Function", "Index", "Negative", "Power", "Reduction", "Slice"]


MAX_POWER = 16


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Negative(Expression):
    """Negation −argument."""

    argument: Expression
    precedence = 8

    def _check(self) -> None:
        if isinstance(self.argument, Number):
            raise ValueError(f"a negative number must be one literal; write {printed(-self.argument.value)}.")
        require_kind(self.argument, "the operand of `-`", ("signal", "number", "spectrum", "complex"), "")

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.argument.kind

    def __str__(self) -> str:
        return f"-{within(self.argument, 9)}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Binary(Expression):
    """Binary operation: left + right, left − right, left · right or left / right."""

    operator: str
    left: Expression
    right: Expression

    def _check(self) -> None:
        if self.operator not in ("+", "-", "*", "/"):
            raise ValueError(f"an operator must be one of + - * /; got {str(self.operator)[:20]!r}.")
        for side in (self.left, self.right):
            require_kind(
                side, f"an operand of `{self.operator}`", ("signal", "number", "spectrum", "complex"), ""
            )
        kinds = {self.left.kind, self.right.kind}
        if "signal" in kinds and kinds & {"spectrum", "complex"}:
            raise ValueError(
                f"a signal and a spectrum have different axes; `{short_text(self)}` mixes them. Reduce one, for example by mean(…)."
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
        return (
            f"{within(self.left, self.precedence)} {self.operator} {within(self.right, self.precedence + 1)}"
        )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Power(Expression):
    """Power of an expression to a whole exponent, which is part of the structure."""

    base: Expression
    exponent: int
    precedence = 9

    def _check(self) -> None:
        require_kind(self.base, "the base of a power", ("signal", "number", "spectrum"), "Take abs(…) first.")
        exponent = self.exponent
        if isinstance(exponent, Number | float) and float(getattr(exponent, "value", exponent)).is_integer():
            exponent = int(getattr(exponent, "value", exponent))
        if isinstance(exponent, bool) or not isinstance(exponent, int) or not 1 <= exponent <= MAX_POWER:
            raise ValueError(
                f"an exponent must be a whole number from 1 to {MAX_POWER}; got {shortened(self.exponent)}. Use sqrt, exp and log for others."
            )
        self._set(exponent=exponent)

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.base.kind

    def __str__(self) -> str:
        return f"{within(self.base, 10)}^{self.exponent}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Function(Expression):
    """Function name(argument), elementwise or, for `derivative` and `rfft`, over time.

    `derivative` is np.gradient, and `rfft` is np.fft.rfft of all times.
    """

    name: str
    argument: Expression

    def _check(self) -> None:
        if self.name not in FUNCTIONS:
            raise ValueError(
                f"a function must be one of {', '.join(FUNCTIONS)}; got {str(self.name)[:40]!r}."
            )
        if self.name in ("derivative", "rfft"):
            require_kind(self.argument, f"the argument of {self.name}", ("signal",), "")
        elif self.name == "abs":
            require_kind(
                self.argument, "the argument of abs", ("signal", "number", "spectrum", "complex"), ""
            )
        else:
            require_kind(
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
    """Frequencies start … stop − 1 of a spectrum; both ends are part of the structure."""

    argument: Expression
    start: int | None
    stop: int | None

    def _check(self) -> None:
        require_kind(
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
        return f"{within(self.argument, 10)}[{start}:{stop}]"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Index(Expression):
    """One frequency of a spectrum, counted from 0; the index is part of the structure."""

    argument: Expression
    index: int
    kind = "number"

    def _check(self) -> None:
        require_kind(
            self.argument,
            "what is indexed",
            ("spectrum",),
            "Use at(x, time) for a time; take abs(…) of a complex spectrum first.",
        )
        _check_index(self.index, optional=False)

    def __str__(self) -> str:
        return f"{within(self.argument, 10)}[{self.index}]"


def _check_index(index: Any, *, optional: bool) -> None:
    if index is None and optional:
        return
    if isinstance(index, bool) or not isinstance(index, int) or abs(index) > 10**9:
        raise ValueError(f"a frequency must be counted by a whole number; got {shortened(index)}.")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Reduction(Expression):
    """Reduction name[window](argument): one number from a signal or a spectrum."""

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
            raise ValueError(f"a window must be [start, end]; got {shortened(self.window)}.")
        remedy = f"Take abs(…) of a complex spectrum first; for a number in moving windows write eventually({self.argument} > …) or always(…)."
        require_kind(self.argument, f"the argument of {self.name}", ("signal", "spectrum"), remedy)
        if self.argument.kind == "spectrum":
            if self.name in ("integral", "final"):
                raise ValueError(
                    f"{self.name} runs over time; `{short_text(self.argument)}` is a spectrum. Use mean(…), or an index as in abs(rfft(x))[3]."
                )
            if self.window is not None:
                raise ValueError(
                    f"a window holds times; `{short_text(self.argument)}` is a spectrum. Choose frequencies by a slice: abs(rfft(x))[1:4]."
                )

    def __str__(self) -> str:
        return f"{self.name}{self.window or ''}({self.argument})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class At(Expression):
    """Value at(argument, time) at the nearest sample; `time` counts from the evaluation."""

    argument: Expression
    time: float
    kind = "number"

    def _check(self) -> None:
        require_kind(self.argument, "the first argument of at", ("signal",), "")
        self._set(time=number(self.time, "the time in at(signal, time)"))

    def __str__(self) -> str:
        return f"at({self.argument}, {printed(self.time)})"
