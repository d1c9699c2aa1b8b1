"""Between the event's tree and what is drawn: the parts of an event, and the shapes in them.

An event is joined of *parts*, by `and` or by `or` (one part, when it is neither). Shapes are found in
a part through `not`, `and`, `or` and "then"; a part with one shape *is* that shape, perhaps negated. A
shape's edges are numbers of the tree, named by their paths, so that dragging an edge changes numbers
and never structure. A part without a shape stands on its chip in words alone.

    box          box(x, [t0, t1], [low, high])            "passes", "stays", "avoids"
    tube         tube(x, times, values, half_width)       "passes", "stays", "avoids"
    polygon      polygon(x, z, vertices)                  "enters", "stays", "avoids", in the plane of x and z
    point        at(x, t) == value tolerance width
    threshold    max[w](x) > c    eventually[w](x > c)    "rises above"
                 min[w](x) < c    eventually[w](x < c)    "falls below"
                 min[w](x) > c    always[w](x > c)        "stays above"
                 max[w](x) < c    always[w](x < c)        "stays below"
    then         eventually[w](p and eventually[0, v](q)) p at a time in w, q within v after it
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import kernels
from diffuse_ui.state.clauses import Arrangement
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Number, Variable
from kernels.events.syntax.functions import At, Reduction
from kernels.events.syntax.predicates import Always, And, Between, Comparison, Equality, Eventually, Not, Or
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import Window

__all__ = [
    "BOX_MODES",
    "POLYGON_MODES",
    "THRESHOLD_MODES",
    "DrawnPart",
    "arranged_parts",
    "drawn_parts",
    "parts_of_text",
    "signal_name",
]

BOX_MODES = ("passes", "stays", "avoids")
POLYGON_MODES = ("enters", "stays", "avoids")
THRESHOLD_MODES = {  # words → reduction, comparison
    "rises above": ("max", ">"),
    "falls below": ("min", "<"),
    "stays above": ("min", ">"),
    "stays below": ("max", "<"),
}
_SIDES = ("left", "right", "bottom", "top")


@dataclasses.dataclass(frozen=True)
class DrawnPart:
    """One part of an event, or one of several shapes in it.

    Attributes:
        index: position among the parts, muted ones included.
        term: the part as an event of its own.
        event: its shape as an event; the term itself where it has none, or several.
        prefix: what the term's paths begin with in the whole event.
        within: what the shape's paths begin with in the term.
        kind: "box", "threshold", "tube", "point", "polygon", "then" or "other".
        variable: what it is drawn on over time, a variable's name or another signal's text; else empty.
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
    kind: str = "other"
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
    def label(self) -> str:
        """A letter that names the part on the canvas and on its chip, small for what is known; with a number, one of its shapes."""
        return _letters(self.index, "a" if self.known else "A") + (str(self.number) if self.number else "")

    @property
    def drawable(self) -> bool:
        return self.kind not in ("then", "other")

    @property
    def modes(self) -> tuple[str, ...]:
        """The meanings that the part may be given."""
        return {
            "threshold": tuple(THRESHOLD_MODES),
            "box": BOX_MODES,
            "tube": BOX_MODES,
            "polygon": POLYGON_MODES,
        }.get(self.kind, ())

    @property
    def form(self) -> tuple[Any, ...]:
        """What a shape must be rebuilt for: everything but the numbers and a shape's meaning."""
        points = len(self.outline()[0]) if self.kind in ("tube", "polygon") else 0
        return self.kind, self.variable, self.plane, tuple(sorted(self.sides)), points

    def edges(self) -> dict[str, float | None]:
        """The shape's edges on the canvas; None is the canvas's own edge."""
        if self.kind == "point":
            time, value, width = (self.sides[side][1] for side in ("time", "value", "tolerance"))
            return {"left": time, "right": time, "bottom": value - width, "top": value + width}
        return {side: self.sides[side][1] if side in self.sides else None for side in _SIDES}

    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """The outline on the canvas of a tube (its upper edge there, its lower edge back) or a polygon."""
        if isinstance(self.event, Polygon):
            xs, ys = np.array(self.event.vertices).T
            return xs, ys
        if not isinstance(self.event, Tube):
            raise ValueError(f"`{self.event}` has no outline: it is neither a tube nor a polygon.")
        times, values, width = np.array(self.event.times), np.array(self.event.values), self.event.half_width
        return np.concatenate([times, times[::-1]]), np.concatenate([values + width, values[::-1] - width])


def _letters(index: int, first: str) -> str:
    """A … Z, AA, AB, …"""
    letter = chr(ord(first) + index % 26)
    return letter if index < 26 else _letters(index // 26 - 1, first) + letter


def signal_name(signal: Expression) -> str:
    """What a signal is called on a canvas: a variable's name, else its text."""
    return signal.name if isinstance(signal, Variable) else str(signal)


def drawn_parts(event: Event | None) -> list[DrawnPart]:
    """The parts of an event, in order; none without an event."""
    return arranged_parts(Arrangement.of(event))


def parts_of_text(event: Any) -> list[DrawnPart]:
    """All shapes of an event that may still be text; a part without a shape stands for itself."""
    tree = kernels.parse_event(event) if isinstance(event, str) else event
    return [shape for part in drawn_parts(tree) for shape in part.shapes or (part,)]


def arranged_parts(arrangement: Arrangement, *, known: bool = False) -> list[DrawnPart]:
    """The parts of an arrangement, muted ones included; `known` when it is what is known."""
    active = [index for index in range(len(arrangement.terms)) if index not in arrangement.muted]
    found = []
    for index, term in enumerate(arrangement.terms):
        muted = index in arrangement.muted
        prefix = "" if muted or len(active) == 1 else f"terms.{active.index(index)}."
        found.append(_part(DrawnPart(index, term, term, prefix, muted=muted, known=known)))
    return found


def _part(bare: DrawnPart) -> DrawnPart:
    """A part with its shapes."""
    shapes = [
        dataclasses.replace(bare, within=within, negated=negated, **found)
        for within, negated, found in _shapes(bare.term, "", False)
    ]
    inner, negated = bare.term, False
    while isinstance(inner, Not):
        inner, negated = inner.argument, not negated
    if len(shapes) == 1 and shapes[0].event == inner:
        return dataclasses.replace(shapes[0], shapes=(shapes[0],))
    numbered = tuple(dataclasses.replace(shape, number=n) for n, shape in enumerate(shapes, 1))
    kind = "then" if _chained(inner) else "other"
    return dataclasses.replace(bare, kind=kind, event=inner, negated=negated, shapes=numbered)


# -- shapes in a term ------------------------------------------------------------------------


def _shapes(event: Event, path: str, negated: bool) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """Path, sign and description of each shape."""
    if isinstance(event, Not):
        yield from _shapes(event.argument, f"{path}argument.", not negated)
    elif isinstance(event, And | Or):
        for i, term in enumerate(event.terms):
            yield from _shapes(term, f"{path}terms.{i}.", negated)
    elif isinstance(event, Eventually) and _chained(event):
        sides = _window_sides(event.window, f"{path}window.")
        for within, found in _chain(event, path, sides):
            yield within, negated, found
    else:
        found = _shape(event, path)
        if found is not None:
            yield path, negated, found


def _chained(event: Event) -> bool:
    """Is it a "then": something at a time, and something else after it?"""
    return (
        isinstance(event, Eventually)
        and isinstance(event.argument, And)
        and any(isinstance(term, Eventually) for term in event.argument.terms)
    )


def _chain(
    event: Eventually, path: str, sides: dict[str, tuple[str, float]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What holds at each time of a chain; only the first has edges in time."""
    inner = event.argument
    several = isinstance(inner, And)
    for i, term in enumerate(inner.terms if several else (inner,)):  # pyright: ignore[reportAttributeAccessIssue]
        here = f"{path}argument.terms.{i}." if several else f"{path}argument."
        if isinstance(term, Eventually):
            yield from _chain(term, here, {})
            continue
        levels = _levels(term, here)
        if levels is not None:
            signal, mode, edges = levels
            kind = "threshold" if isinstance(term, Comparison) else "box"
            found = {"kind": kind, "event": term, "variable": signal_name(signal)}
            yield here, {**found, "mode": mode, "sides": {**sides, **edges}}


def _levels(event: Event, path: str) -> tuple[Expression, str, dict[str, tuple[str, float]]] | None:
    """Signal, meaning and edges of what holds at one time."""
    if isinstance(event, Between) and event.argument.kind == "signal":
        edges = {"bottom": (f"{path}low", event.low), "top": (f"{path}high", event.high)}
        return event.argument, "passes", edges
    if (
        isinstance(event, Comparison)
        and event.left.kind == "signal"
        and not event.left.constant
        and isinstance(event.right, Number)
    ):
        above = event.operator[0] == ">"
        edges = {"bottom" if above else "top": (f"{path}right.value", event.right.value)}
        return event.left, "rises above" if above else "falls below", edges
    return None


def _shape(event: Event, path: str) -> dict[str, Any] | None:
    """Kind, place, meaning and edges of a shape; None when the event is none."""
    if isinstance(event, Box):
        sides = _window_sides(event.window, f"{path}window.") | {
            "bottom": (f"{path}low", event.low),
            "top": (f"{path}high", event.high),
        }
        place = {"variable": signal_name(event.signal), "sides": sides}
        return {"kind": "box", "event": event, "mode": event.mode, **place}
    if isinstance(event, Tube):
        return {"kind": "tube", "event": event, "mode": event.mode, "variable": signal_name(event.signal)}
    if isinstance(event, Polygon):
        plane = (signal_name(event.x), signal_name(event.y))
        return {"kind": "polygon", "event": event, "mode": event.mode, "plane": plane}
    if isinstance(event, Equality) and isinstance(event.left, At) and isinstance(event.right, Number):
        sides = {
            "time": (f"{path}left.time", event.left.time),
            "value": (f"{path}right.value", event.right.value),
            "tolerance": (f"{path}tolerance", event.tolerance),
        }
        variable = signal_name(event.left.argument)
        return {"kind": "point", "event": event, "variable": variable, "sides": sides}
    return _threshold(event, path)


def _threshold(event: Event, path: str) -> dict[str, Any] | None:
    """A threshold in either of its forms."""
    comparison = event.argument if isinstance(event, Always | Eventually) else event
    if not isinstance(comparison, Comparison) or not isinstance(comparison.right, Number):
        return None
    left, above = comparison.left, comparison.operator[0] == ">"
    if isinstance(event, Always | Eventually):
        signal, window, window_path, inner = left, event.window, f"{path}window.", f"{path}argument."
        reduction = "max" if isinstance(event, Eventually) == above else "min"
    elif isinstance(left, Reduction) and left.name in ("max", "min"):
        signal, window, window_path, inner = left.argument, left.window, f"{path}left.window.", path
        reduction = left.name
    else:
        return None
    if signal.kind != "signal":
        return None
    form = (reduction, comparison.operator[0])
    level = {"bottom" if above else "top": (f"{inner}right.value", comparison.right.value)}
    return {
        "kind": "threshold",
        "event": event,
        "variable": signal_name(signal),
        "mode": next(name for name, known in THRESHOLD_MODES.items() if known == form),
        "sides": _window_sides(window, window_path) | level,
    }


def _window_sides(window: Window | None, path: str) -> dict[str, tuple[str, float]]:
    return (
        {}
        if window is None
        else {"left": (f"{path}start", window.start), "right": (f"{path}end", window.end)}
    )
