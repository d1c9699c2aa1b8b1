"""Box: a rectangle of times and values, as `box(x, [t0, t1], [low, high])`."""

from typing import Any

import numpy as np

from diffuse_ui.sketch.rounding import MIN_DRAG, sampled
from diffuse_ui.sketch.shape import Axes, DrawnPart, Found, Shape, Sides, signal_name, window_sides
from kernels import Layout
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Variable
from kernels.events.syntax.predicates import Between
from kernels.events.syntax.shapes import Box
from kernels.events.syntax.tree import Window

__all__ = ["BoxShape"]

MIN_HEIGHT = 0.005  # of the axis: what is flatter is a click


class BoxShape(Shape):
    """A rectangle that the signal passes, stays in or avoids."""

    name = colour = "box"
    modes = ("passes", "stays", "avoids")
    tool, hint = "rect", "drag on the curves to draw a box; drag a shape to change it"
    drawn_as = "area"
    has_window = True

    def find(self, event: Any, path: str) -> Found | None:
        if isinstance(event, Box):
            sides = window_sides(event.window, f"{path}window.") | _levels(event, path)
            return Found(signal_name(event.signal), mode=event.mode, sides=sides)

    def grips(self, part: DrawnPart) -> tuple[str, str]:
        return ("both", "all") if "left" in part.sides else ("y", "y")

    def draw(self, points: np.ndarray, axes: Axes) -> Event | None:
        layout, digits = axes.layout, axes.digits[1]
        (left, low), (right, high) = np.sort(points, axis=0).tolist()
        left, right = max(left, float(layout.times[0])), min(right, float(layout.times[-1]))
        bottom, top = axes.height
        if right - left < MIN_DRAG * layout.step or high - low < MIN_HEIGHT * (top - bottom):
            return None
        window = Window(*sampled((left, right), layout))
        return Box(Variable(axes.signals[0]), window, round(low, digits), round(high, digits))

    def with_window(self, event: Box, window: Window, whole: bool) -> Event:
        return super().with_window(event, window, whole=False)

    def find_link(self, event: Any, path: str) -> Found | None:
        if isinstance(event, Between) and event.argument.kind == "signal":
            return Found(signal_name(event.argument), mode="passes", sides=_levels(event, path))

    def as_link(self, part: DrawnPart) -> tuple[Event, Window | None] | None:
        event: Any = part.event
        if part.mode == "passes":
            return Between(event.signal, event.low, event.high), event.window

    def from_link(self, event: Any, window: Window | None, layout: Layout) -> Event | None:
        if isinstance(event, Between):
            whole = Window(float(layout.times[0]), float(layout.times[-1]))
            return Box(event.argument, window or whole, event.low, event.high)


def _levels(event: Box | Between, path: str) -> Sides:
    return {"bottom": (f"{path}low", event.low), "top": (f"{path}high", event.high)}
