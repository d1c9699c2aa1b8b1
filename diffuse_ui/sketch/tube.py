"""Tube: a band around a line over time, as `tube(x, times, values, half_width)`."""

from typing import Any

import numpy as np

from diffuse_ui.sketch.rounding import MAX_POINTS, decimals, time_span, within
from diffuse_ui.sketch.shape import Axes, Digits, DrawnPart, Found, Shape, signal_name
from kernels import Layout
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Variable
from kernels.events.syntax.shapes import Tube, simplified

__all__ = ["TubeShape"]

WIDTH_SHARE = 0.06  # half width of a tube as it is drawn, of the axis


class TubeShape(Shape):
    """A band that the signal passes, stays in or avoids."""

    name = colour = "tube"
    modes = ("passes", "stays", "avoids")
    tool, hint = "poly", "drag along the path that the curve should follow"
    drawn_as = "outline"

    def find(self, event: Any, path: str) -> Found | None:
        if isinstance(event, Tube):
            return Found(signal_name(event.signal), mode=event.mode)

    def outline(self, part: DrawnPart) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the outline: the upper edge from left to right, the lower edge back."""
        tube: Any = part.event
        times, values, width = np.array(tube.times), np.array(tube.values), tube.half_width
        return np.concatenate([times, times[::-1]]), np.concatenate([values + width, values[::-1] - width])

    def draw(self, points: np.ndarray, axes: Axes) -> Event | None:
        """The tube around a line that was drawn from left to right or back."""
        if len(points) < 3:
            return None
        layout, digits = axes.layout, axes.digits[1]
        points = points if points[-1, 0] >= points[0, 0] else points[::-1]
        forward = np.concatenate([[True], np.diff(np.maximum.accumulate(points[:, 0])) > 0])
        points = points[forward & (points[:, 0] >= layout.times[0]) & (points[:, 0] <= layout.times[-1])]
        if len(points) < 2 or np.ptp(points[:, 0]) < layout.step:
            raise ValueError("a tube must be drawn along the time axis. Drag from one time to a later one.")
        points = simplified(points, MAX_POINTS)
        rounded = np.round(points[:, 0], decimals(time_span(layout)))
        ends = layout.times[[0, -1]]  # rounding must not carry the line beyond them
        times, first = np.unique(np.clip(rounded, *ends), return_index=True)
        values = np.round(points[first, 1], digits)
        half_width = round(WIDTH_SHARE * (axes.height[1] - axes.height[0]), digits)
        line = tuple(times.tolist()), tuple(values.tolist())
        return Tube(Variable(axes.signals[0]), *line, max(half_width, 10.0**-digits))

    def moved(self, part: DrawnPart, to: Any, layout: Layout, digits: Digits) -> dict[str, float]:
        """Numbers changed by dragging: the whole tube moves, or a pulled edge changes its width."""
        tube: Any = part.event
        xs, ys = self.outline(part)
        across, along = np.subtract(to.xs, xs), np.subtract(to.ys, ys)
        if np.ptp(along) > 10.0 ** -digits[1]:
            outward = along * np.repeat([1.0, -1.0], len(xs) // 2)
            pulled = outward[np.argmax(np.abs(outward))]
            width = max(round(tube.half_width + float(pulled), digits[1]), 10.0 ** -digits[1])
            return {} if width == tube.half_width else {f"{part.within}half_width": width}
        start, end = float(layout.times[0]), float(layout.times[-1])
        later, higher = round(float(across[0]), digits[0]), round(float(along[0]), digits[1])
        later = min(max(later, start - tube.times[0]), end - tube.times[-1])
        if later == 0.0 and higher == 0.0:
            return {}
        lines = (("times", tube.times, later, digits[0]), ("values", tube.values, higher, digits[1]))
        return {
            f"{part.within}{name}.{i}": _placed(number + shift, places, layout if name == "times" else None)
            for name, numbers, shift, places in lines
            for i, number in enumerate(numbers)
        }


def _placed(number: float, places: int, layout: Layout | None) -> float:
    """A number rounded to what a hand can place; a time stays within the trajectory of the `layout`."""
    rounded = round(number, places)
    return rounded if layout is None else within(rounded, layout)
