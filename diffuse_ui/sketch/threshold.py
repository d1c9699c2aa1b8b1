"""Threshold: a level that a signal rises above, falls below, or stays above or below.

max[w](x) > c    eventually[w](x > c)    "rises above"
min[w](x) < c    eventually[w](x < c)    "falls below"
min[w](x) > c    always[w](x > c)        "stays above"
max[w](x) < c    always[w](x < c)        "stays below"
"""

import dataclasses
from typing import Any

import numpy as np

from diffuse_ui.sketch.shape import Axes, DrawnPart, Found, Shape, Sides, signal_name, window_sides
from kernels import Layout
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Number, Variable
from kernels.events.syntax.functions import Reduction
from kernels.events.syntax.predicates import Always, Comparison, Eventually
from kernels.events.syntax.tree import Window

__all__ = ["ThresholdShape"]

_FORMS = {  # meaning → reduction, comparison
    "rises above": ("max", ">"),
    "falls below": ("min", "<"),
    "stays above": ("min", ">"),
    "stays below": ("max", "<"),
}


class ThresholdShape(Shape):
    """A level, and the side of it where the signal is at some time or at all times."""

    name = colour = "threshold"
    modes = tuple(_FORMS)
    tool, hint = "click", "click at the height of the threshold"
    drawn_as = "level"
    has_window = True

    def find(self, event: Any, path: str) -> Found | None:
        timed = isinstance(event, Always | Eventually)
        comparison = event.argument if timed else event
        if not isinstance(comparison, Comparison) or not isinstance(comparison.right, Number):
            return None
        left, operator = comparison.left, comparison.operator[0]
        if timed:
            signal, window, window_path, inner = left, event.window, f"{path}window.", f"{path}argument."
            reduction = "max" if isinstance(event, Eventually) == (operator == ">") else "min"
        elif isinstance(left, Reduction) and left.name in ("max", "min"):
            signal, window, window_path, inner = left.argument, left.window, f"{path}left.window.", path
            reduction = left.name
        else:
            return None
        if signal.kind != "signal":
            return None
        mode = next(mode for mode, form in _FORMS.items() if form == (reduction, operator))
        sides = window_sides(window, window_path) | _level(comparison, inner)
        return Found(signal_name(signal), mode=mode, sides=sides)

    def grips(self, part: DrawnPart) -> tuple[str, str]:
        return ("both", "all") if "left" in part.sides else ("none", next(iter(part.sides)))

    def draw(self, points: np.ndarray, axes: Axes) -> Event | None:
        level = float(points[0, 1])
        mode = "rises above" if level > 0.5 * sum(axes.values) else "falls below"
        return _event(Variable(axes.signals[0]), round(level, axes.digits[1]), mode)

    def with_mode(self, part: DrawnPart, mode: str) -> Event:
        event: Any = part.event
        comparison: Any = event.argument if isinstance(event, Always | Eventually) else event
        left = comparison.left
        signal = left.argument if isinstance(left, Reduction) else left
        *times, level = (edge for edge in part.edges().values() if edge is not None)
        return _event(signal, level, mode, Window.of(times or None))

    def with_window(self, event: Any, window: Window, whole: bool) -> Event:
        if isinstance(event, Always | Eventually):
            return super().with_window(event, window, whole)
        return dataclasses.replace(event, left=super().with_window(event.left, window, whole))

    def find_link(self, event: Any, path: str) -> Found | None:
        leveled = isinstance(event, Comparison) and isinstance(event.right, Number)
        if leveled and event.left.kind == "signal" and not event.left.constant:
            return Found(signal_name(event.left), mode=_crossing(event), sides=_level(event, path))

    def as_link(self, part: DrawnPart) -> tuple[Event, Window | None] | None:
        event: Any = part.event
        if part.mode not in ("rises above", "falls below"):
            return None
        if isinstance(event, Eventually):
            return event.argument, event.window
        return dataclasses.replace(event, left=event.left.argument), event.left.window

    def from_link(self, event: Any, window: Window | None, layout: Layout) -> Event | None:
        if isinstance(event, Comparison) and isinstance(event.right, Number) and event.operator in ("<", ">"):
            return _event(event.left, event.right.value, _crossing(event), window)


def _event(signal: Expression, level: float, mode: str, window: Window | None = None) -> Event:
    reduction, comparison = _FORMS[mode]
    return Comparison(comparison, Reduction(reduction, signal, window), Number(level))


def _crossing(comparison: Comparison) -> str:
    """The meaning of a comparison that holds at some time."""
    return "rises above" if comparison.operator[0] == ">" else "falls below"


def _level(comparison: Comparison, path: str) -> Sides:
    side = "bottom" if comparison.operator[0] == ">" else "top"
    return {side: (f"{path}right.value", comparison.right.value)}  # pyright: ignore[reportAttributeAccessIssue]
