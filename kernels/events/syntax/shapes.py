"""Shapes sketched on a canvas, as events: boxes, tubes, polygons.

    box(signal, [t0, t1], [low, high])             in the plane of time and signal; passes through it
    tube(signal, times, values, half_width)        within half_width of a drawn line; stays in it
    polygon(x, y, vertices)                        in the plane of two signals; enters it

A last word changes the meaning: `passes` / `enters` (at some sample), `stays` (at every sample),
`avoids` (at no sample). The edges belong to the shape. With d the signed margin at one sample,

    box: d = min(s − low, high − s),   tube: d = half_width − |s − line(time)|,
    polygon: d = ± the Euclidean distance to the nearest edge, positive inside (even–odd rule),

C is max d, min d or −max d over the shape's samples. Times count from the time of evaluation.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, expression
from kernels.events.syntax.predicates import ordered, positive
from kernels.events.syntax.tree import Window, number, printed

__all__ = ["MODES", "Box", "Polygon", "Tube", "box", "polygon", "simplified", "tube"]

MODES = ("passes", "stays", "avoids", "enters")
MAX_POINTS = 1000


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Box(Event):
    """Event of a signal and a rectangle of times and values."""

    signal: Expression
    window: Window
    low: float
    high: float
    mode: str = "passes"

    def _check(self) -> None:
        _require_signal(self.signal, "the first argument of box")
        if not isinstance(self.window, Window):
            raise ValueError(f"the times of a box must be [start, end]; got `{str(self.window)[:60]}`.")
        low, high = ordered(self.low, self.high, "box(signal, [start, end], [low, high])")
        self._set(low=low, high=high, mode=_mode(self.mode, enters="passes"))

    @property
    def timed(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"box({self.signal}, {self.window}, [{printed(self.low)}, {printed(self.high)}]){_last_word(self.mode, 'passes')}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Tube(Event):
    """Event of a signal and a band around a line drawn through (times, values)."""

    signal: Expression
    times: tuple[float, ...]
    values: tuple[float, ...]
    half_width: float
    mode: str = "stays"

    def _check(self) -> None:
        _require_signal(self.signal, "the first argument of tube")
        times, values = (
            _numbers(seq, f"the {what} of a tube")
            for seq, what in ((self.times, "times"), (self.values, "values"))
        )
        if not 2 <= len(times) <= MAX_POINTS or len(times) != len(values):
            raise ValueError(
                f"a tube must have as many times as values, 2 to {MAX_POINTS}; got {len(times)} and {len(values)}."
            )
        if any(a >= b for a, b in itertools.pairwise(times)):
            raise ValueError("the times of a tube must increase. Sort them, and keep one value for each.")
        half_width = positive(self.half_width, "the half width of a tube")
        self._set(times=times, values=values, half_width=half_width, mode=_mode(self.mode, enters="passes"))

    @property
    def timed(self) -> bool:
        return False

    @property
    def window(self) -> Window:
        """Window of the times that the line spans."""
        return Window(self.times[0], self.times[-1])

    def __str__(self) -> str:
        times, values = (", ".join(map(printed, seq)) for seq in (self.times, self.values))
        return f"tube({self.signal}, [{times}], [{values}], {printed(self.half_width)}){_last_word(self.mode, 'stays')}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Polygon(Event):
    """Event of two signals and a closed polygon in their plane; join several by `or`."""

    x: Expression
    y: Expression
    vertices: tuple[tuple[float, float], ...]
    mode: str = "enters"

    def _check(self) -> None:
        _require_signal(self.x, "the first argument of polygon")
        _require_signal(self.y, "the second argument of polygon")
        vertices = tuple(
            _numbers(vertex, "a vertex of a polygon")
            for vertex in _sequence(self.vertices, "the vertices of a polygon")
        )
        if any(len(vertex) != 2 for vertex in vertices):
            raise ValueError("a vertex of a polygon must be a pair [x, y].")
        if not len(set(vertices)) >= 3 or len(vertices) > MAX_POINTS:
            raise ValueError(
                f"a polygon must have 3 to {MAX_POINTS} different vertices; got {len(set(vertices))}."
            )
        self._set(vertices=vertices, mode=_mode(self.mode, passes="enters"))

    @property
    def timed(self) -> bool:
        return False

    def __str__(self) -> str:
        vertices = ", ".join(f"[{printed(x)}, {printed(y)}]" for x, y in self.vertices)
        return f"polygon({self.x}, {self.y}, [{vertices}]){_last_word(self.mode, 'enters')}"


def _require_signal(value: Any, what: str) -> None:
    if not isinstance(value, Expression) or value.kind != "signal":
        raise ValueError(
            f"{what} must be a signal; got `{str(value)[:60]}`. Name a variable, as in box(x, [0, 1], [2, 3])."
        )


def _sequence(values: Any, what: str) -> Sequence[Any]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ValueError(f"{what} must be a list; got `{str(values)[:60]}`.")
    return values


def _numbers(values: Any, what: str) -> tuple[float, ...]:
    return tuple(number(value, f"every number in {what}") for value in _sequence(values, what))


def _mode(mode: Any, **aliases: str) -> str:
    if not isinstance(mode, str) or mode not in MODES:
        raise ValueError(
            f"the last word of a shape must be one of {', '.join(MODES)}; got {str(mode)[:40]!r}."
        )
    return aliases.get(mode, mode)


def _last_word(mode: str, default: str) -> str:
    return "" if mode == default else f" {mode}"


def box(signal: Any, times: Iterable[float], values: Iterable[float], mode: str = "passes") -> Box:
    """Box event: the signal `passes` through a rectangle, `stays` inside, or `avoids` it."""
    low, high = values
    window = Window.of(times)
    if window is None:
        raise ValueError("the times of a box must be [start, end].")
    return Box(expression(signal), window, low, high, mode)


def tube(
    signal: Any, times: Iterable[float], values: Iterable[float], half_width: float, mode: str = "stays"
) -> Tube:
    """Tube event: the signal `stays` within `half_width` of a line, `passes` or `avoids` it."""
    return Tube(expression(signal), tuple(times), tuple(values), half_width, mode)


def polygon(x: Any, y: Any, vertices: Iterable[Iterable[float]], mode: str = "enters") -> Polygon:
    """Polygon event: the point (x, y) `enters` the polygon, `stays` inside, or `avoids` it."""
    return Polygon(expression(x), expression(y), tuple(tuple(vertex) for vertex in vertices), mode)  # pyright: ignore[reportArgumentType]


def simplified(points: np.ndarray, max_points: int = 32) -> np.ndarray:
    """Simplify a drawn line (point, 2) to at most `max_points` points.

    The interior point farthest from the line kept so far is added, one at a time (Ramer–Douglas–
    Peucker, ordered by distance), each axis in units of its range. The ends stay.
    """
    points = np.asarray(points, np.float64)
    if len(points) <= max_points:
        return points
    spread = np.ptp(points, axis=0)
    scaled = points / np.where(spread > 0, spread, 1.0)
    kept = [0, len(points) - 1]
    distances = _distances(scaled, 0, len(points) - 1)
    while len(kept) < max(2, max_points):
        worst = int(np.argmax(distances))
        before, after = max(k for k in kept if k < worst), min(k for k in kept if k > worst)
        kept.append(worst)
        distances[before : worst + 1] = _distances(scaled, before, worst)
        distances[worst : after + 1] = _distances(scaled, worst, after)
    return points[sorted(kept)]


def _distances(points: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Distances of points start … stop from the segment between both; −1 at the ends."""
    segment, offsets = points[stop] - points[start], points[start : stop + 1] - points[start]
    along = np.clip(offsets @ segment / max(float(segment @ segment), 1e-300), 0.0, 1.0)
    distances = np.linalg.norm(offsets - along[:, None] * segment, axis=1)
    distances[[0, -1]] = -1.0
    return distances
