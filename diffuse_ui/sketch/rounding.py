"""Numbers that a hand can place: rounded to about a pixel of the canvas, times at samples."""

import math
from typing import Any

import numpy as np

import kernels

__all__ = ["MAX_POINTS", "MIN_DRAG", "chosen", "decimals", "nearest_time", "sampled", "time_span", "within"]

MAX_POINTS = 12  # of a line drawn by hand: each is two numbers of the event
MIN_DRAG = 0.4  # of a step: a shorter drag along the time axis is a click
_PIXELS = 400  # a canvas is about as high: numbers are rounded to what a hand can place


def decimals(span: float) -> int:
    """Number of decimals that resolve a pixel of a canvas that spans `span`."""
    return max(0, math.ceil(-math.log10(max(span, 1e-300) / _PIXELS)))


def time_span(layout: kernels.Layout) -> float:
    """Time between the first sample and the last."""
    return float(layout.times[-1] - layout.times[0])


def nearest_time(time: float, layout: kernels.Layout) -> float:
    """The time of the sample nearest to `time`, without the noise of its last digits."""
    return float(f"{layout.times[np.argmin(np.abs(layout.times - time))]:.9g}")


def sampled(times: tuple[float, float], layout: kernels.Layout) -> tuple[float, float]:
    """Two times in order, rounded, and widened to the nearest sample where none is between them."""
    samples, digits = layout.times, decimals(time_span(layout))
    left, right = (round(time, digits) for time in sorted(times))
    if not np.any((samples >= left) & (samples <= right)):
        nearest = nearest_time(0.5 * (left + right), layout)
        left, right = nearest - 0.5 * layout.step, nearest + 0.5 * layout.step
    return within(left, layout), within(right, layout)


def within(time: float, layout: kernels.Layout) -> float:
    """The time itself, or the end of the trajectory that it lies beyond, as a drawing is cut there."""
    return min(max(time, float(layout.times[0])), float(layout.times[-1]))


def chosen(shown: Any, value: float, digits: int) -> float:
    """The number shown, rounded; `value` itself where they differ by no more than rounding."""
    moved = isinstance(shown, int | float) and abs(shown - value) > 0.51 * 10.0**-digits
    return round(float(shown), digits) if moved else value
