"""Between the event's tree and what is drawn: parts of a conjunction, and the shapes some of them are.

An event is a conjunction of *parts* (one, when it is none). A part that is a box, a tube or a threshold
of one signal has a shape, on the canvas where the signal is one of its variables: its edges are numbers
of the tree, named by their paths, so that dragging an edge changes numbers and never structure. Every
other part has no shape, and stands on its chip in words alone.

    box          box(x, [t0, t1], [low, high])            "passes", "stays", "avoids"
    tube         tube(x, times, values, half_width)       "passes", "stays", "avoids"
    threshold    max[w](x) > c    eventually[w](x > c)    "rises above"
                 min[w](x) < c    eventually[w](x < c)    "falls below"
                 min[w](x) > c    always[w](x > c)        "stays above"
                 max[w](x) < c    always[w](x < c)        "stays below"
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

import kernels
from kernels.events.expressions import Expression, Number, Reduction, Variable
from kernels.events.predicates import Always, Comparison, Event, Eventually
from kernels.events.shapes import Box, Tube, simplified
from kernels.events.trees import Window

__all__ = [
    "BOX_MODES",
    "THRESHOLD_MODES",
    "Part",
    "add",
    "box",
    "decimals",
    "moved",
    "parts",
    "parts_of_text",
    "removed",
    "replaced",
    "signal_name",
    "threshold",
    "tube",
    "with_mode",
]

BOX_MODES = ("passes", "stays", "avoids")
THRESHOLD_MODES = {  # words → reduction, comparison
    "rises above": ("max", ">"),
    "falls below": ("min", "<"),
    "stays above": ("min", ">"),
    "stays below": ("max", "<"),
}
MAX_TUBE_POINTS = 12  # of a line drawn by hand: each is two numbers of the event
_PIXELS = 400  # a canvas is about as high: numbers are rounded to what a hand can place


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of an event.

    Attributes:
        index: position in the conjunction.
        event: the part as an event of its own.
        prefix: what its paths begin with in the whole event.
        kind: "box", "threshold", "tube" or "other".
        variable: what it is drawn on, a variable's name or another signal's text; empty for "other".
        mode: the chosen one of `modes`.
        sides: "left", "right", "bottom", "top" → (path within the part, value) of the edges there are.
    """

    index: int
    event: Event
    prefix: str = ""
    kind: str = "other"
    variable: str = ""
    mode: str = ""
    sides: Mapping[str, tuple[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def label(self) -> str:
        """A letter that names the part on the canvas and on its chip."""
        return chr(ord("A") + self.index % 26)

    @property
    def drawable(self) -> bool:
        return self.kind != "other"

    @property
    def modes(self) -> tuple[str, ...]:
        """The meanings that the part may be given."""
        if self.kind == "threshold":
            return tuple(THRESHOLD_MODES)
        return BOX_MODES if self.drawable else ()

    @property
    def form(self) -> tuple[Any, ...]:
        """What a shape must be rebuilt for: everything but the numbers and a box's meaning."""
        points = len(self.event.times) if isinstance(self.event, Tube) else 0
        return self.kind, self.variable, tuple(sorted(self.sides)), points

    def edges(self) -> dict[str, float | None]:
        """The shape's edges on the canvas; None is the canvas's own edge."""
        return {
            side: self.sides[side][1] if side in self.sides else None
            for side in ("left", "right", "bottom", "top")
        }

    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """The outline of a tube on the canvas: its upper edge there, its lower edge back."""
        if not isinstance(self.event, Tube):
            raise ValueError(f"`{self.event}` is no tube.")
        times, values, width = np.array(self.event.times), np.array(self.event.values), self.event.half_width
        return np.concatenate([times, times[::-1]]), np.concatenate([values + width, values[::-1] - width])


# -- reading ---------------------------------------------------------------------------------


def parts(event: Event | None) -> list[Part]:
    """The parts of an event, in order; none without an event."""
    if event is None:
        return []
    conjuncts = event.conjuncts
    prefixes = [f"terms.{index}." for index in range(len(conjuncts))] if len(conjuncts) > 1 else [""]
    return [_part(index, conjunct, prefixes[index]) for index, conjunct in enumerate(conjuncts)]


def parts_of_text(event: Any) -> list[Part]:
    """As `parts`, for an event that may still be text."""
    return parts(kernels.parse_event(event) if isinstance(event, str) else event)


def _part(index: int, event: Event, prefix: str) -> Part:
    if isinstance(event, Box):
        sides = _window_sides(event.window, "window.") | {
            "bottom": ("low", event.low),
            "top": ("high", event.high),
        }
        return Part(index, event, prefix, "box", signal_name(event.signal), event.mode, sides)
    if isinstance(event, Tube):
        return Part(index, event, prefix, "tube", signal_name(event.signal), event.mode)
    found = _threshold(event)
    if found is None:
        return Part(index, event, prefix)
    variable, reduction, comparison, sides = found
    mode = next(name for name, form in THRESHOLD_MODES.items() if form == (reduction, comparison))
    return Part(index, event, prefix, "threshold", variable, mode, sides)


def signal_name(signal: Expression) -> str:
    """What a signal is called on a canvas: a variable's name, else its text."""
    return signal.name if isinstance(signal, Variable) else str(signal)


def _window_sides(window: Window | None, path: str) -> dict[str, tuple[str, float]]:
    return (
        {}
        if window is None
        else {"left": (f"{path}start", window.start), "right": (f"{path}end", window.end)}
    )


def _threshold(event: Event) -> tuple[str, str, str, dict[str, tuple[str, float]]] | None:
    """Variable, reduction, comparison and edges of a threshold in either of its forms."""
    comparison = event.argument if isinstance(event, Always | Eventually) else event
    if not isinstance(comparison, Comparison) or not isinstance(comparison.right, Number):
        return None
    left, above = comparison.left, comparison.operator[0] == ">"
    if isinstance(event, Always | Eventually):
        signal, window, path, inner = left, event.window, "window.", "argument."
        reduction = "max" if isinstance(event, Eventually) == above else "min"
    elif isinstance(left, Reduction) and left.name in ("max", "min"):
        signal, window, path, inner = left.argument, left.window, "left.window.", ""
        reduction = left.name
    else:
        return None
    if signal.kind != "signal":
        return None
    level = {"bottom" if above else "top": (f"{inner}right.value", comparison.right.value)}
    return signal_name(signal), reduction, comparison.operator[0], _window_sides(window, path) | level


# -- writing ---------------------------------------------------------------------------------


def decimals(span: float) -> int:
    """Decimals that resolve a pixel of a canvas that spans `span`."""
    return max(0, math.ceil(-math.log10(max(span, 1e-300) / _PIXELS)))


def box(
    variable: str,
    times: tuple[float, float],
    values: tuple[float, float],
    *,
    layout: kernels.Layout,
    digits: int,
    mode: str = "passes",
) -> Event:
    """A box event as it was drawn: rounded to pixels, widened to the nearest sample where it holds none."""
    left, right = _times(times, layout)
    low, high = (round(value, digits) for value in sorted(values))
    return Box(Variable(variable), Window(left, right), low, high, mode)


def _times(times: tuple[float, float], layout: kernels.Layout) -> tuple[float, float]:
    samples, digits = layout.times, decimals(float(layout.times[-1] - layout.times[0]))
    left, right = sorted(times)
    left, right = round(left, digits), round(right, digits)
    if not np.any((samples >= left) & (samples <= right)):
        nearest = float(samples[np.argmin(np.abs(samples - 0.5 * (left + right)))])
        left, right = nearest - 0.5 * layout.step, nearest + 0.5 * layout.step
    return max(left, float(samples[0])), min(right, float(samples[-1]))


def tube(
    variable: str,
    points: np.ndarray,
    half_width: float,
    *,
    layout: kernels.Layout,
    digits: int,
    mode: str = "stays",
) -> Event:
    """A tube around a line (point, 2) drawn by hand from left to right or back.

    Raises:
        ValueError: the line spans less than one step in time.
    """
    points = np.asarray(points, np.float64)
    points = points if points[-1, 0] >= points[0, 0] else points[::-1]
    forward = np.concatenate([[True], np.diff(np.maximum.accumulate(points[:, 0])) > 0])
    points = points[forward & (points[:, 0] >= layout.times[0]) & (points[:, 0] <= layout.times[-1])]
    if len(points) < 2 or np.ptp(points[:, 0]) < layout.step:
        raise ValueError("a tube must be drawn along the time axis. Drag from one time to a later one.")
    points = simplified(points, MAX_TUBE_POINTS)
    time_digits = decimals(float(layout.times[-1] - layout.times[0]))
    _, first = np.unique(np.round(points[:, 0], time_digits), return_index=True)
    times = tuple(float(time) for time in np.round(points[first, 0], time_digits))
    values = tuple(float(value) for value in np.round(points[first, 1], digits))
    return Tube(Variable(variable), times, values, max(round(half_width, digits), 10.0**-digits), mode)


def threshold(
    signal: str | Expression, level: float, mode: str, times: tuple[float, float] | None = None
) -> Event:
    """A threshold event on the maximum or minimum of a variable, or of another signal."""
    reduction, comparison = THRESHOLD_MODES[mode]
    signal = Variable(signal) if isinstance(signal, str) else signal
    return Comparison(comparison, Reduction(reduction, signal, Window.of(times)), Number(level))


def _thresholded(event: Event) -> Any:
    """The signal of a threshold in either of its forms."""
    comparison: Any = event.argument if isinstance(event, Always | Eventually) else event
    return comparison.left.argument if isinstance(comparison.left, Reduction) else comparison.left


def with_mode(part: Part, mode: str) -> Event:
    """The part with another of its meanings, its numbers kept."""
    if mode not in part.modes:
        raise ValueError(f"`mode` must be one of {', '.join(part.modes)}; got {mode!r}.")
    if isinstance(part.event, Box | Tube):
        return dataclasses.replace(part.event, mode=mode)
    edges = part.edges()
    level = edges["bottom"] if edges["bottom"] is not None else edges["top"]
    times = None if edges["left"] is None else (edges["left"], edges["right"])
    return threshold(_thresholded(part.event), level, mode, times)  # pyright: ignore[reportArgumentType]


def add(event: Event | None, part: Event) -> Event:
    """The event and one more part."""
    return part if event is None else event & part


def removed(event: Event, index: int) -> Event | None:
    """The event without a part; None when it was the last."""
    return _joined([conjunct for i, conjunct in enumerate(event.conjuncts) if i != index])


def replaced(event: Event, index: int, part: Event) -> Event | None:
    """The event with another part in the place of one."""
    return _joined([part if i == index else conjunct for i, conjunct in enumerate(event.conjuncts)])


def _joined(conjuncts: list[Event]) -> Event | None:
    joined = None
    for conjunct in conjuncts:
        joined = add(joined, conjunct)
    return joined


def moved(event: Event, part: Part, shape: Any, *, layout: kernels.Layout, digits: int) -> Event:
    """The event after a part's shape (anything with left, right, bottom, top) was dragged.

    A number changes only when its edge moved by more than rounding.
    """
    time_digits = decimals(float(layout.times[-1] - layout.times[0]))
    if part.kind == "tube":
        return _shifted(event, part, shape, layout=layout, digits=digits)
    places = {"left": time_digits, "right": time_digits, "bottom": digits, "top": digits}
    values, changed = {}, False
    for side, (_, value) in part.sides.items():
        shown = getattr(shape, side)
        dragged = isinstance(shown, int | float) and abs(shown - value) > 0.51 * 10.0 ** -places[side]
        values[side] = round(float(shown), places[side]) if dragged else value
        changed |= dragged
    if not changed:
        return event
    for low, high in (("left", "right"), ("bottom", "top")):
        if low in values and high in values and values[low] > values[high]:
            values[low], values[high] = values[high], values[low]
    if "left" in values:
        values["left"] = max(values["left"], float(layout.times[0]))
        values["right"] = min(values["right"], float(layout.times[-1]))
    return event.with_parameters({part.prefix + part.sides[side][0]: value for side, value in values.items()})


def _shifted(event: Event, part: Part, shape: Any, *, layout: kernels.Layout, digits: int) -> Event:
    """The event after a tube's outline (anything with xs and ys) was moved as a whole."""
    tube, (xs, ys) = part.event, part.outline()
    time_digits = decimals(float(layout.times[-1] - layout.times[0]))
    later, higher = round(float(shape.xs[0] - xs[0]), time_digits), round(float(shape.ys[0] - ys[0]), digits)
    later = min(max(later, float(layout.times[0]) - tube.times[0]), float(layout.times[-1]) - tube.times[-1])  # pyright: ignore[reportAttributeAccessIssue]
    if later == 0.0 and higher == 0.0:
        return event
    new = {f"{part.prefix}times.{i}": round(time + later, time_digits) for i, time in enumerate(tube.times)}  # pyright: ignore[reportAttributeAccessIssue]
    new |= {f"{part.prefix}values.{i}": round(value + higher, digits) for i, value in enumerate(tube.values)}  # pyright: ignore[reportAttributeAccessIssue]
    return event.with_parameters(new)
