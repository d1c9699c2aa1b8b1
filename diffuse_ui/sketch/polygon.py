"""Polygon: a region in the phase plane of two signals, as `polygon(x, z, vertices)`."""

from typing import Any

import numpy as np

from diffuse_ui.sketch.rounding import MAX_POINTS, chosen
from diffuse_ui.sketch.shape import Axes, Digits, DrawnPart, Found, Shape, signal_name
from kernels import Layout
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Variable
from kernels.events.syntax.shapes import Polygon, simplified

__all__ = ["PolygonShape"]


class PolygonShape(Shape):
    """A region that two signals enter, stay in or avoid."""

    name, colour = "polygon", "region"
    modes = ("enters", "stays", "avoids")
    tool = "poly"
    hint = "drag around a region to draw a polygon; drag it, or one of its vertices, to change it"
    drawn_as = "outline"
    in_plane = True

    def find(self, event: Any, path: str) -> Found | None:
        if isinstance(event, Polygon):
            return Found(plane=(signal_name(event.x), signal_name(event.y)), mode=event.mode)

    def signals(self, event: Any) -> tuple[Expression, ...]:
        return event.x, event.y

    def outline(self, part: DrawnPart) -> tuple[np.ndarray, np.ndarray]:
        xs, ys = np.array(part.event.vertices).T  # pyright: ignore[reportAttributeAccessIssue]
        return xs, ys

    def dots(self, part: DrawnPart) -> list[tuple[float, float]]:
        return [] if part.muted else list(zip(*self.extent(part), strict=True))

    def draw(self, points: np.ndarray, axes: Axes) -> Event | None:
        """The polygon of at most `MAX_POINTS` vertices around the region that the line encloses."""
        if len(points) < 3:
            return None
        spread = np.ptp(points, axis=0)
        scaled = points / np.where(spread > 0, spread, 1.0)
        farthest = int(np.argmax(np.linalg.norm(scaled - scaled[0], axis=1)))
        halves = points[: farthest + 1], np.concatenate([points[farthest:], points[:1]])
        vertices = np.concatenate([simplified(half, MAX_POINTS // 2 + 1)[:-1] for half in halves])
        across, along = axes.digits
        rounded = tuple(dict.fromkeys((round(x, across), round(y, along)) for x, y in vertices.tolist()))
        if len(rounded) < 3:
            raise ValueError("a polygon must be drawn around a region. Drag around it and back to the start.")
        x, y = axes.signals
        return Polygon(Variable(x), Variable(y), rounded)

    def moved(self, part: DrawnPart, to: Any, layout: Layout, digits: Digits) -> dict[str, float]:
        """Numbers changed by dragging: those of every vertex that moved."""
        values = {}
        for axis, (shown, known) in enumerate(zip((to.xs, to.ys), self.extent(part), strict=True)):
            for i, (now, old) in enumerate(zip(shown, known)):
                new = chosen(now, old, digits[axis])
                if new != old:
                    values[f"{part.within}vertices.{i}.{axis}"] = new
        return values
