"""Events: comparisons, and the Boolean and temporal operators that join them.

    Comparison  Equality  Between           of signals and numbers
    Noisy                                   an observation with a Gaussian error, in what is known only
    Not  And  Or                            Boolean
    Always  Eventually  Until               over a window of times

A comparison of signals holds or not at each time; only inside `always`, `eventually` or `until` is
it an event of a whole trajectory (`timed` says which). Shapes (`kernels.events.syntax.shapes`) are events.
"""

import dataclasses
from typing import Any, ClassVar

from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Pair, expression
from kernels.events.syntax.tree import Window, number, printed

__all__ = [
    "COMPARISONS",
    "Always",
    "And",
    "Between",
    "Comparison",
    "Equality",
    "Eventually",
    "Noisy",
    "Not",
    "Or",
    "Until",
    "always",
    "between",
    "eventually",
    "until",
]

COMPARISONS = (">", "<", ">=", "<=")


# -- comparisons -----------------------------------------------------------------------------


def _require_comparable(side: Any, what: str) -> None:
    if not isinstance(side, Expression):
        raise ValueError(f"{what} must be a signal or a number; got `{str(side)[:60]}`.")
    if side.kind in ("spectrum", "complex"):
        raise ValueError(
            f"{what} must be a signal or a number; `{side}` is a spectrum. Reduce it, for example by mean(abs(…)[1:])."
        )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison(Event):
    """Comparison such as left > right. C = left − right, or its negative."""

    operator: str
    left: Expression
    right: Expression
    precedence = 5

    def _check(self) -> None:
        if self.operator not in COMPARISONS:
            raise ValueError(
                f"a comparison must be one of {' '.join(COMPARISONS)}; got {str(self.operator)[:20]!r}."
            )
        for side in (self.left, self.right):
            _require_comparable(side, f"each side of `{self.operator}`")
        if self.left.constant and self.right.constant:
            raise ValueError(f"`{self}` compares two constants. Compare a signal, as in max(x) > 1.")

    @property
    def timed(self) -> bool:
        return "signal" in (self.left.kind, self.right.kind)

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Equality(Event):
    """Equality |left − right| ≤ width, `left == right tolerance width`.

    C = width − |left − right|.
    """

    left: Expression
    right: Expression
    tolerance: float
    precedence = 5
    word: ClassVar[str] = "tolerance"

    def _check(self) -> None:
        for side in (self.left, self.right):
            _require_comparable(side, "each side of `==`")
        if self.left.constant and self.right.constant:
            raise ValueError(
                f"`{self.left} == {self.right}` compares two constants. Compare a signal, as in at(x, 1) == 0.4 tolerance 0.01."
            )
        self._set(tolerance=positive(self.tolerance, f"a {self.word}"))

    @property
    def timed(self) -> bool:
        return "signal" in (self.left.kind, self.right.kind)

    def __str__(self) -> str:
        return f"{self.left} == {self.right} {self.word} {printed(self.tolerance)}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Noisy(Equality):
    """Observation of a signal with a Gaussian error, `left == right noise deviation`.

    It belongs to what is known: a trajectory x is weighted by exp(−(left − right)² / (2 deviation²)). As an equality
    it has a tolerance that is random, deviation · √(−2 log U) with U uniform. No event has one.

    Attributes:
        tolerance: the standard deviation of the error.
    """

    word: ClassVar[str] = "noise"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Between(Event):
    """Event low ≤ argument ≤ high. C = min(argument − low, high − argument)."""

    argument: Expression
    low: float
    high: float

    def _check(self) -> None:
        _require_comparable(self.argument, "the first argument of between")
        if self.argument.constant:
            raise ValueError(f"between needs a signal; `{self.argument}` is constant.")
        low, high = ordered(self.low, self.high, "between(signal, low, high)")
        self._set(low=low, high=high)

    @property
    def timed(self) -> bool:
        return self.argument.kind == "signal"

    def __str__(self) -> str:
        return f"between({self.argument}, {printed(self.low)}, {printed(self.high)})"


def positive(value: Any, what: str) -> float:
    """Convert a number above 0; raises ValueError."""
    result = number(value, what)
    if result <= 0:
        raise ValueError(f"{what} must be above 0; got {printed(result)}.")
    return result


def ordered(low: Any, high: Any, what: str) -> tuple[float, float]:
    """Convert two numbers, the first below the second; raises ValueError."""
    low, high = number(low, f"low in {what}"), number(high, f"high in {what}")
    if low >= high:
        raise ValueError(
            f"{what} must have low below high; got {printed(low)} and {printed(high)}. Swap or widen them."
        )
    return low, high


# -- Boolean ---------------------------------------------------------------------------------


def _require_event(value: Any, what: str) -> None:
    if not isinstance(value, Event):
        raise ValueError(f"{what} must be an event; got `{str(value)[:60]}`. Compare it, as in `max(x) > 1`.")


def _within(event: Event, precedence: int) -> str:
    return f"({event})" if event.precedence < precedence else str(event)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Not(Event):
    """Negation of an event. C changes its sign."""

    argument: Event
    precedence = 4

    def _check(self) -> None:
        _require_event(self.argument, "what follows `not`")

    def __str__(self) -> str:
        return f"not {self.argument if isinstance(self.argument, Not) else _within(self.argument, 10)}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class And(Event):
    """Conjunction: all terms hold. C is their smallest C. Nested conjunctions are flattened."""

    terms: tuple[Event, ...]
    precedence = 2

    def _check(self) -> None:
        self._set(terms=_flattened(self.terms, And))

    @property
    def conjuncts(self) -> tuple[Event, ...]:
        return self.terms

    def __str__(self) -> str:
        return " and ".join(_within(term, 4) for term in self.terms)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Or(Event):
    """Disjunction: some term holds. C is the largest C of the terms.

    Nested disjunctions are flattened.
    """

    terms: tuple[Event, ...]
    precedence = 1

    def _check(self) -> None:
        self._set(terms=_flattened(self.terms, Or))

    def __str__(self) -> str:
        return " or ".join(_within(term, 4) if term.precedence != 2 else str(term) for term in self.terms)


def _flattened(terms: Any, kind: type) -> tuple[Event, ...]:
    word = kind.__name__.lower()
    if not isinstance(terms, tuple | list) or len(terms) < 2:
        raise ValueError(f"`{word}` must join at least two events.")
    for term in terms:
        _require_event(term, f"each side of `{word}`")
    return tuple(inner for term in terms for inner in (term.terms if isinstance(term, kind) else (term,)))


# -- over time -------------------------------------------------------------------------------


def _check_temporal(argument: Any, window: Any, word: str) -> None:
    _require_event(argument, f"what {word} is about")
    if window is not None and not isinstance(window, Window):
        raise ValueError(f"a window must be [start, end]; got `{str(window)[:60]}`.")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Always(Event):
    """Event always[window](argument): the argument holds at every sample of the window."""

    argument: Event
    window: Window | None = None

    def _check(self) -> None:
        _check_temporal(self.argument, self.window, "always")

    @property
    def timed(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"always{self.window or ''}({self.argument})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Eventually(Event):
    """Event eventually[window](argument): the argument holds at some sample of the window."""

    argument: Event
    window: Window | None = None

    def _check(self) -> None:
        _check_temporal(self.argument, self.window, "eventually")

    @property
    def timed(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"eventually{self.window or ''}({self.argument})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Until(Event):
    """Event left until[window] right.

    `right` holds at some sample of the window, and `left` at every sample before it.
    """

    left: Event
    right: Event
    window: Window | None = None
    precedence = 3

    def _check(self) -> None:
        _check_temporal(self.left, self.window, "until")
        _check_temporal(self.right, None, "until")

    @property
    def timed(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{_within(self.left, 10)} until{self.window or ''} {_within(self.right, 10)}"


def always(event: Event, window: Pair = None) -> Always:
    """Event that holds if `event` holds at every sample of the window."""
    return Always(event, Window.of(window))


def eventually(event: Event, window: Pair = None) -> Eventually:
    """Event that holds if `event` holds at some sample of the window."""
    return Eventually(event, Window.of(window))


def until(left: Event, right: Event, window: Pair = None) -> Until:
    """Event: `right` at some sample of the window, and `left` at every sample before it."""
    return Until(left, right, Window.of(window))


def between(signal: Any, low: float, high: float) -> Between:
    """Event low ≤ signal ≤ high."""
    return Between(expression(signal), low, high)
