"""The base of all shapes, and a part of an event that has one.

A `Shape` is everything that is known about one kind of shape; there is one instance of each
(`diffuse_ui.sketch.shapes`). It is asked about a `DrawnPart`: one part of an event as it stands on the
canvas. A shape's edges are numbers of the event's tree, named by their paths, so that dragging an edge
changes numbers and never structure.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from diffuse_ui.sketch.rounding import chosen, sampled
from kernels import Layout
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Variable
from kernels.events.syntax.predicates import Not
from kernels.events.syntax.tree import Window

__all__ = ["OTHER", "Axes", "Digits", "DrawnPart", "Found", "Shape", "Sides", "signal_name", "window_sides"]

Digits = tuple[int, int]
Sides = dict[str, tuple[str, float]]
_EDGES = ("left", "right", "bottom", "top")


@dataclasses.dataclass(frozen=True)
class Axes:
    """Axes that a shape is drawn on.

    Attributes:
        signals: the variable over time, or the two variables of the phase plane.
        layout: the model's times and variables.
        digits: decimals that resolve a pixel across and along the axes.
        height: lower and upper end of the vertical axis.
        values: least and greatest value of the trajectories along the vertical axis.
    """

    signals: tuple[str, ...]
    layout: Layout
    digits: Digits
    height: tuple[float, float]
    values: tuple[float, float]


class Found(NamedTuple):
    """Place, meaning and edges of a shape in an event; the fields are those of `DrawnPart`."""

    variable: str = ""
    plane: tuple[str, str] | None = None
    mode: str = ""
    sides: Mapping[str, tuple[str, float]] = {}


class Shape:
    """Base of all shapes; itself the shape of a part that has words only and nothing to draw.

    Attributes:
        name: how parts, tools and the palette call it.
        colour: name of its colour in the palette.
        modes: meanings that it can be given.
        tool: gesture that draws it: "rect" and "poly" are drags, "click" is a click; "" for none.
        hint: instruction for drawing it.
        drawn_as: "area" between its edges, "level" with all beyond it, "bar" with the sides time,
            value and tolerance, or "outline"; "" when it is not drawn.
        in_plane: it is drawn on the phase plane, not against time.
        has_window: its window of times can be set.
        action: action that its chip offers: "know" or "separate"; "" for none.
    """

    name = colour = "other"
    modes: tuple[str, ...] = ()
    tool = hint = drawn_as = action = ""
    in_plane = has_window = False

    # -- from an event to the canvas -----------------------------------------------------------

    def find(self, event: Any, path: str) -> Found | None:
        """Describe the shape that the event at `path` is; None when it is no such shape."""

    def signals(self, event: Any) -> tuple[Expression, ...]:
        """The two signals in whose plane the shape is drawn; none for a shape over time."""
        return ()

    def edges(self, part: "DrawnPart") -> dict[str, float | None]:
        """The shape's edges on the canvas; None is the canvas's own edge."""
        return {side: part.sides[side][1] if side in part.sides else None for side in _EDGES}

    def outline(self, part: "DrawnPart") -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the shape's outline on the canvas."""
        raise ValueError(f"`{part.event}` has no outline: it is neither a tube nor a polygon.")

    def extent(self, part: "DrawnPart") -> tuple[list[float], list[float]]:
        """Coordinates across and along that axes must hold for the shape to be seen."""
        if self.drawn_as == "outline":
            xs, ys = self.outline(part)
            return xs.tolist(), ys.tolist()
        edges = self.edges(part)
        return [], [edges[side] for side in ("bottom", "top") if edges[side] is not None]  # pyright: ignore[reportReturnType]

    def dots(self, part: "DrawnPart") -> list[tuple[float, float]]:
        """Points of the shape that are marked by dots."""
        return []

    def grips(self, part: "DrawnPart") -> tuple[str, str]:
        """Directions in which the shape can be moved, and edges by which it can be resized."""
        return "both", "all"

    # -- from the canvas to an event -----------------------------------------------------------

    def draw(self, points: np.ndarray, axes: Axes) -> Event | None:
        """The event of a shape drawn through points (point, 2); None when the gesture was too small.

        A "rect" has two opposite corners, a "poly" the points of its line, a "click" one point.

        Raises:
            ValueError: the points make no such shape.
        """

    def moved(self, part: "DrawnPart", to: Any, layout: Layout, digits: Digits) -> dict[str, float]:
        """Numbers changed by dragging edges; those dragged past each other change places."""
        old = {side: value for side, (_, value) in part.sides.items()}
        new = {
            side: chosen(getattr(to, side), value, digits[side in ("bottom", "top")])
            for side, value in old.items()
        }
        if new == old:
            return {}
        for low, high in (_EDGES[:2], _EDGES[2:]):
            if low in new and high in new:
                new[low], new[high] = sorted((new[low], new[high]))
        if "left" in new:
            new["left"] = max(new["left"], float(layout.times[0]))
            new["right"] = min(new["right"], float(layout.times[-1]))
        return {part.sides[side][0]: value for side, value in new.items()}

    def with_mode(self, part: "DrawnPart", mode: str) -> Event:
        """The part's event with another meaning, its numbers kept."""
        return dataclasses.replace(part.event, mode=mode)  # pyright: ignore[reportCallIssue]

    def with_window(self, event: Any, window: Window, whole: bool) -> Any:
        """The event within another window of times; without one for the `whole` trajectory."""
        return dataclasses.replace(event, window=None if whole else window)

    # -- links of a chain (`diffuse_ui.sketch.sequence`) ---------------------------------------

    def find_link(self, event: Any, path: str) -> Found | None:
        """Describe the shape of a condition on one time; None when it has no such shape."""

    def as_link(self, part: "DrawnPart") -> tuple[Event, Window | None] | None:
        """The part as a condition on one time, and the window of that time; None if it is none."""

    def from_link(self, event: Any, window: Window | None, layout: Layout) -> Event | None:
        """The shape as an event, from a condition on one time; None when it has no such shape."""


OTHER = Shape()


@dataclasses.dataclass(frozen=True)
class DrawnPart:
    """One part of an event, or one of several shapes in it.

    Attributes:
        index: position among the parts, muted ones included.
        term: the part as an event of its own.
        event: its shape as an event; the term itself where it has none, or several.
        prefix: beginning of the term's paths in the whole event.
        within: beginning of the shape's paths in the term.
        shape: everything that is known about shapes of its kind.
        variable: signal over time on which it is drawn, a variable's name or another signal's text; else empty.
        plane: the two signals in whose plane it is drawn, or None.
        mode: the chosen one of `modes`.
        sides: "left", "right", "bottom", "top", or a point's "time", "value", "tolerance"
            → (path within the term, value), of those there are.
        negated: an odd number of `not` stands before it.
        muted: kept aside, and not part of the event.
        known: part of what is known, not of the event.
        number: 1, 2, … where a part has several shapes, else 0.
        shapes: the shapes in the part.
    """

    index: int
    term: Event
    event: Event
    prefix: str = ""
    within: str = ""
    shape: Shape = OTHER
    variable: str = ""
    plane: tuple[str, str] | None = None
    mode: str = ""
    sides: Mapping[str, tuple[str, float]] = dataclasses.field(default_factory=dict)
    negated: bool = False
    muted: bool = False
    known: bool = False
    number: int = 0
    shapes: tuple["DrawnPart", ...] = ()

    @property
    def kind(self) -> str:
        """The name of its shape, "then" for a chain, "other" for words only."""
        return self.shape.name

    @property
    def label(self) -> str:
        """The letter on canvas and chip, small for what is known; numbered for one of several shapes."""
        return _letters(self.index, "a" if self.known else "A") + (str(self.number) if self.number else "")

    @property
    def drawable(self) -> bool:
        return bool(self.shape.drawn_as)

    @property
    def modes(self) -> tuple[str, ...]:
        """The meanings that the part may be given."""
        return self.shape.modes

    @property
    def form(self) -> tuple[Any, ...]:
        """Properties for which an annotation is rebuilt: all but the numbers and the meaning."""
        return self.kind, self.variable, self.plane, tuple(sorted(self.sides)), len(self.extent()[0])

    def edges(self) -> dict[str, float | None]:
        """The shape's edges on the canvas; None is the canvas's own edge."""
        return self.shape.edges(self)

    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the shape's outline on the canvas."""
        return self.shape.outline(self)

    def extent(self) -> tuple[list[float], list[float]]:
        """Coordinates across and along that axes must hold for the shape to be seen."""
        return self.shape.extent(self)

    def moved(self, to: Any, *, layout: Layout, digits: Digits) -> dict[str, float]:
        """Numbers of the part changed since its shape was drawn, by their paths in the part.

        A number changes only when its edge moved by more than rounding.

        Args:
            to: anything with the attributes of the dragged annotation: left, right, bottom, top, or
                the outline's xs and ys.
            layout: times that there are.
            digits: decimals to which numbers across and along the canvas are rounded.
        """
        return self.shape.moved(self, to, layout, digits)

    def with_mode(self, mode: str) -> Event:
        """The part with another of its meanings, its numbers kept."""
        if mode not in self.modes:
            raise ValueError(f"`mode` must be one of {', '.join(self.modes)}; got {mode!r}.")
        event = self.shape.with_mode(self, mode)
        return Not(event) if self.negated else event

    def with_window(self, times: tuple[float, float], layout: Layout) -> Event:
        """The part within another window of times; over all samples, a threshold has no window.

        Raises:
            ValueError: the part has no window to set.
        """
        if not self.shape.has_window:
            raise ValueError(f"`{self.term}` has no window of times. Choose a threshold or a box.")
        left, right = sampled(times, layout)
        whole = left - layout.times[0] < 0.5 * layout.step and layout.times[-1] - right < 0.5 * layout.step
        event = self.shape.with_window(self.event, Window(left, right), whole)
        return Not(event) if self.negated else event


def _letters(index: int, first: str) -> str:
    """A … Z, AA, AB, …"""
    letter = chr(ord(first) + index % 26)
    return letter if index < 26 else _letters(index // 26 - 1, first) + letter


def signal_name(signal: Expression) -> str:
    """Name of a signal on a canvas: a variable's name, else its text."""
    return signal.name if isinstance(signal, Variable) else str(signal)


def window_sides(window: Window | None, path: str) -> Sides:
    """Left and right edge of a window; none without one."""
    if window is None:
        return {}
    return {"left": (f"{path}start", window.start), "right": (f"{path}end", window.end)}
