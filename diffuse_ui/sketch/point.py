"""Point: a value observed at a time, as `at(x, t) == value tolerance width`."""

from typing import Any

import numpy as np

from diffuse_ui.sketch.rounding import nearest_time
from diffuse_ui.sketch.shape import Axes, Digits, DrawnPart, Found, Shape, signal_name
from kernels import Layout
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Number, Variable
from kernels.events.syntax.functions import At
from kernels.events.syntax.predicates import Between, Equality
from kernels.events.syntax.tree import Window

__all__ = ["PointShape"]

TOLERANCE_SHARE = 0.02  # tolerance of a point as it is placed, of the trajectories' range
TOLERANCE_DIGITS = 2  # significant digits of a tolerance that nobody has chosen


class PointShape(Shape):
    """A value at one sample, within a tolerance; it can become knowledge."""

    name = colour = "point"
    tool, hint = "click", "click where a value was observed"
    drawn_as = "bar"
    action = "know"

    def find(self, event: Any, path: str) -> Found | None:
        if isinstance(event, Equality) and isinstance(event.left, At) and isinstance(event.right, Number):
            sides = {
                "time": (f"{path}left.time", event.left.time),
                "value": (f"{path}right.value", event.right.value),
                "tolerance": (f"{path}tolerance", event.tolerance),
            }
            return Found(signal_name(event.left.argument), sides=sides)

    def edges(self, part: DrawnPart) -> dict[str, float | None]:
        time, value, width = (part.sides[side][1] for side in ("time", "value", "tolerance"))
        return {"left": time, "right": time, "bottom": value - width, "top": value + width}

    def dots(self, part: DrawnPart) -> list[tuple[float, float]]:
        return [(part.sides["time"][1], part.sides["value"][1])]

    def draw(self, points: np.ndarray, axes: Axes) -> Event | None:
        time, level = points[0].tolist()
        low, high = axes.values
        tolerance = float(f"{TOLERANCE_SHARE * (high - low):.{TOLERANCE_DIGITS}g}")
        at = At(Variable(axes.signals[0]), nearest_time(time, axes.layout))
        return Equality(at, Number(round(level, axes.digits[1])), tolerance)

    def moved(self, part: DrawnPart, to: Any, layout: Layout, digits: Digits) -> dict[str, float]:
        """Numbers changed by dragging: the centre moves to a sample, half the height is tolerance."""
        time = nearest_time(0.5 * (to.left + to.right), layout)
        value, width = 0.5 * (to.bottom + to.top), 0.5 * abs(to.top - to.bottom)
        finest = 10.0 ** -digits[1]
        new = {  # side → number, the least change that counts, number as it is kept
            "time": (time, 1e-6 * layout.step, time),
            "value": (value, 0.51 * finest, round(value, digits[1])),
            "tolerance": (width, 0.05 * width, max(round(width, digits[1]), finest)),
        }
        known = ((new[side], path, old) for side, (path, old) in part.sides.items())
        return {path: kept for (now, least, kept), path, old in known if abs(now - old) > least}

    def as_link(self, part: DrawnPart) -> tuple[Event, Window | None] | None:
        event: Any = part.event
        edges: dict[str, Any] = self.edges(part)
        between = Between(event.left.argument, edges["bottom"], edges["top"])
        return between, Window(event.left.time, event.left.time)
