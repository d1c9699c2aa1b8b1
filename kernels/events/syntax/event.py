"""Event: base class of everything that holds, or does not hold, of a trajectory.

An event has several faces: a document, English, numbers behind sliders, its truth on a Dataset. Each is a
function in a file of its own, which registers it by `face`; the methods of `Event` look it up by name. So the
tree knows nothing of what is made of it.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from kernels.events.syntax.tree import NODE_TYPES, Node, join
from kernels.names import nearest

if TYPE_CHECKING:
    import xarray as xr

    from kernels.trajectories.layout import Layout

__all__ = ["Event", "Parameter", "face", "require_untimed"]

Function = TypeVar("Function", bound=Callable[..., Any])
faces: dict[str, Callable[..., Any]] = {}  # name of a method of `Event` → the function behind it


def face(function: Function) -> Function:
    """Register a function as the method of `Event` that has its name."""
    faces[function.__name__] = function
    return function


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One number of an event.

    Attributes:
        name: in words, for example "threshold of max(x)".
        value: the number.
        unit: empty when unknown or dimensionless.
        path: its address, for `Event.with_parameters`.
        lower: start of a sensible range, which contains `value`.
        upper: end of that range.
        of_formula: whether it is a constant of a formula, as the 2 of (x + y) / 2, and no bound, time or width.
    """

    name: str
    value: float
    unit: str
    path: str
    lower: float
    upper: float
    of_formula: bool = False


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Event(Node):
    """Base class of events, which hold or do not hold of a trajectory.

    `&`, `|`, `~` compose; `str(event)` is text that `parse_event` reads back to an equal event.
    """

    precedence: ClassVar[int] = 10  # 1 or, 2 and, 3 until, 4 not, 5 comparison, 10 needs no parentheses

    @property
    def timed(self) -> bool:
        """Whether the event has a truth value at each time, rather than one per trajectory."""
        return any(child.timed for _, child in self.children() if isinstance(child, Event))

    def __and__(self, other: "Event") -> "Event":
        return NODE_TYPES["and"]((self, other))

    def __or__(self, other: "Event") -> "Event":
        return NODE_TYPES["or"]((self, other))

    def __invert__(self) -> "Event":
        return NODE_TYPES["not"](self)

    def __bool__(self) -> bool:
        raise TypeError(
            f"the event `{self}` has no truth value without a trajectory. Join events by &, | and ~; use .holds(dataset)."
        )

    @property
    def conjuncts(self) -> tuple["Event", ...]:
        """Parts of the event joined by `and` at the top; without any, the event itself."""
        return (self,)

    @property
    def is_leaf(self) -> bool:
        """Whether the event joins, negates or quantifies no other one."""
        return not any(isinstance(child, Event) for _, child in self.children())

    def leaves(self, path: str = "") -> Iterator[tuple[str, "Event"]]:
        """Path and node of each leaf, in the order of the text."""
        if self.is_leaf:
            yield path, self
        for name, child in self.children():
            if isinstance(child, Event):
                yield from child.leaves(join(path, name))

    # -- other faces -------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Versioned document of the event for JSON, see `kernels.events.event_schema`."""
        return faces["to_dict"](self)

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> "Event":
        """Event of a document from `to_dict`. Raises ValueError that names the wrong place."""
        return faces["from_dict"](document)

    def to_json(self) -> str:
        """JSON text of the event."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_json(text: str) -> "Event":
        """Event of a JSON text. Raises ValueError."""
        return faces["from_json"](text)

    def describe(self, layout: "Layout | None" = None) -> str:
        """Describe the event in plain English, with units when a layout is given."""
        return faces["describe"](self, layout)

    def caveats(self, layout: "Layout") -> tuple[str, ...]:
        """Sentences on windows that mean less than they seem to on a layout; none where all is well.

        An inner window, of an operator inside `always`, `eventually` or `until`, counts with the samples that the
        trajectory has. Where it has none, `always`, `stays` and `avoids` hold, `eventually`, `until` and `passes`
        do not, `max` is −∞ and `min` ∞ accordingly, and every other number, `at` included, has no value: no
        comparison with it holds. Each such window is said, with the times, and so is a deviation over one sample.
        """
        return faces["caveats"](self, layout)

    # -- numbers -----------------------------------------------------------------------------

    def parameters(
        self, layout: "Layout | None" = None, dataset: "xr.Dataset | None" = None, *, points: bool = False
    ) -> list[Parameter]:
        """Numbers of the event, in the order of the text, with ranges for sliders.

        Args:
            layout: gives units, and the range of times.
            dataset: trajectories that give the range of every threshold.
            points: whether to list each point of tubes and polygons too.
        """
        return faces["parameters"](self, layout, dataset, points=points)

    def with_parameters(self, values: Mapping[str, float]) -> "Event":
        """Event of the same structure with other numbers, addressed by `Parameter.path`.

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
        """Robustness C(x) of each sample. The layout is needed for observables only."""
        return faces["robustness"](self, dataset, layout)

    def holds(self, dataset: "xr.Dataset", layout: "Layout | None" = None) -> "xr.DataArray":
        """Whether the event holds, for each sample."""
        return faces["holds"](self, dataset, layout)


def require_untimed(event: Event) -> None:
    """Raise ValueError if a signal is compared outside `always`, `eventually` and `until`."""
    bare = bare_comparison(event)
    if bare is not None:
        raise ValueError(f"`{bare}` holds or not at each time. Write eventually({bare}) or always({bare}).")


def bare_comparison(event: Event) -> Event | None:
    """First comparison of a signal outside `always`, `eventually` and `until`, or None."""
    if not event.timed:
        return None
    inner = (bare_comparison(child) for _, child in event.children() if isinstance(child, Event))
    return next((found for found in inner if found is not None), event)
