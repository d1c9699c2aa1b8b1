"""Events: comparisons, and what joins them.

    Comparison  Equality  Between           of signals and numbers
    Not  And  Or                            Boolean
    Always  Eventually  Until               over a window of times

A comparison of signals holds or not at each time; only inside `always`, `eventually` or `until` is
it an event of a whole trajectory (`timed` says which). Shapes (`kernels.events.syntax.shapes`) are events.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kernels.events.syntax.expressions import Expression, Pair, expression
from kernels.events.syntax.tree import Node, Window, nearest, number, printed

if TYPE_CHECKING:
    import xarray as xr

    from kernels.events.semantics.parameters import Parameter
    from kernels.trajectories.layout import Layout

__all__ = [
    "COMPARISONS",
    "Always",
    "And",
    "Between",
    "Comparison",
    "Equality",
    "Event",
    "Eventually",
    "Not",
    "Or",
    "Until",
    "always",
    "between",
    "eventually",
    "require_untimed",
    "until",
]

COMPARISONS = (">", "<", ">=", "<=")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Event(Node):
    """Base of everything that holds or does not.

    `&`, `|`, `~` compose; `str(event)` is text that `parse_event` reads back to an equal event.
    """

    precedence: ClassVar[int] = 10  # 1 or, 2 and, 3 until, 4 not, 5 comparison, 10 needs no parentheses

    @property
    def timed(self) -> bool:
        """Whether it holds or not at each time, rather than for the trajectory."""
        return any(child.timed for _, child in self.children() if isinstance(child, Event))

    def __and__(self, other: "Event") -> "And":
        return And((self, other))

    def __or__(self, other: "Event") -> "Or":
        return Or((self, other))

    def __invert__(self) -> "Not":
        return Not(self)

    def __bool__(self) -> bool:
        raise TypeError(
            f"the event `{self}` has no truth value without a trajectory. Join events by &, | and ~; use .holds(dataset)."
        )

    @property
    def conjuncts(self) -> tuple["Event", ...]:
        """The parts joined by `and` at the top; the event itself when there are none."""
        return (self,)

    # -- other faces -------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """A versioned description that JSON can hold; see `kernels.events.event_schema`."""
        from kernels.events.syntax.documents import to_dict

        return to_dict(self)

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> "Event":
        """The event of a description. Raises ValueError that says where the description is wrong."""
        from kernels.events.syntax.documents import from_dict

        return from_dict(document)

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_json(text: str) -> "Event":
        """The event of a JSON text. Raises ValueError."""
        from kernels.events.syntax.documents import from_json

        return from_json(text)

    def describe(self, layout: "Layout | None" = None) -> str:
        """The event in plain English, with units when a layout is given."""
        from kernels.events.syntax.description import describe

        return describe(self, layout)

    # -- numbers -----------------------------------------------------------------------------

    def parameters(
        self, layout: "Layout | None" = None, dataset: "xr.Dataset | None" = None, *, points: bool = False
    ) -> list["Parameter"]:
        """The event's numbers, in the order of the text, with ranges for sliders.

        Args:
            layout: gives units, and the range of times.
            dataset: trajectories that give the range of every threshold.
            points: whether to list each point of tubes and polygons too.
        """
        from kernels.events.semantics.parameters import parameters

        return parameters(self, layout, dataset, points=points)

    def with_parameters(self, values: Mapping[str, float]) -> "Event":
        """The same structure with other numbers, addressed by `Parameter.path`.

        Raises:
            ValueError: a path does not exist, or a number is not allowed there.
        """
        known = {path for path, _, _ in self.numbers()}
        for path in values:
            if path not in known:
                raise ValueError(
                    f"the event has no number at {path!r}. {nearest(str(path), known)}Its numbers: {', '.join(sorted(known)[:20])}."
                )
        return self.replace_numbers(lambda path, value: values.get(path, value))

    # -- on a Dataset ------------------------------------------------------------------------

    def robustness(self, dataset: "xr.Dataset", layout: "Layout | None" = None) -> "xr.DataArray":
        """C(x) of each sample. The layout is needed for observables only."""
        from kernels.events.semantics.attribution import robustness

        return robustness(self, dataset, layout)

    def holds(self, dataset: "xr.Dataset", layout: "Layout | None" = None) -> "xr.DataArray":
        """Whether the event holds, for each sample."""
        from kernels.events.semantics.attribution import holds

        return holds(self, dataset, layout)


def require_untimed(event: Event) -> None:
    """Raise ValueError when a bare comparison of a signal is left for the whole trajectory."""
    bare = bare_comparison(event)
    if bare is not None:
        raise ValueError(f"`{bare}` holds or not at each time. Write eventually({bare}) or always({bare}).")


def bare_comparison(event: Event) -> Event | None:
    """The first comparison of a signal outside of `always`, `eventually` and `until`."""
    if not event.timed:
        return None
    inner = (bare_comparison(child) for _, child in event.children() if isinstance(child, Event))
    return next((found for found in inner if found is not None), event)


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
    """left > right, and so on. C = left − right, or its negative."""

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
    """left == right tolerance width: |left − right| ≤ width. C = width − |left − right|."""

    left: Expression
    right: Expression
    tolerance: float
    precedence = 5

    def _check(self) -> None:
        for side in (self.left, self.right):
            _require_comparable(side, "each side of `==`")
        if self.left.constant and self.right.constant:
            raise ValueError(
                f"`{self.left} == {self.right}` compares two constants. Compare a signal, as in at(x, 1) == 0.4 tolerance 0.01."
            )
        self._set(tolerance=positive(self.tolerance, "a tolerance"))

    @property
    def timed(self) -> bool:
        return "signal" in (self.left.kind, self.right.kind)

    def __str__(self) -> str:
        return f"{self.left} == {self.right} tolerance {printed(self.tolerance)}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Between(Event):
    """between(argument, low, high), both ends included. C = min(argument − low, high − argument)."""

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
    """A number above 0."""
    result = number(value, what)
    if result <= 0:
        raise ValueError(f"{what} must be above 0; got {printed(result)}.")
    return result


def ordered(low: Any, high: Any, what: str) -> tuple[float, float]:
    """Two numbers, the first below the second."""
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
    """not argument. C changes its sign."""

    argument: Event
    precedence = 4

    def _check(self) -> None:
        _require_event(self.argument, "what follows `not`")

    def __str__(self) -> str:
        return f"not {self.argument if isinstance(self.argument, Not) else _within(self.argument, 10)}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class And(Event):
    """All terms. C is the smallest of theirs. Nested ones are flattened."""

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
    """At least one term. C is the largest of theirs. Nested ones are flattened."""

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
    """always[window](argument): at every sample of the window."""

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
    """eventually[window](argument): at some sample of the window."""

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
    """left until[window] right: right at some sample of the window, left at every sample before it."""

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
    """At every sample of the window."""
    return Always(event, Window.of(window))


def eventually(event: Event, window: Pair = None) -> Eventually:
    """At some sample of the window."""
    return Eventually(event, Window.of(window))


def until(left: Event, right: Event, window: Pair = None) -> Until:
    """`right` at some sample of the window, and `left` at every sample before it."""
    return Until(left, right, Window.of(window))


def between(signal: Any, low: float, high: float) -> Between:
    """Low ≤ signal ≤ high."""
    return Between(expression(signal), low, high)
