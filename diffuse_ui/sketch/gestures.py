"""From gestures to events: a drag, a click or a drawn line becomes a part, in numbers that a hand can place.

Numbers are rounded to about a pixel of the canvas. Samples decide what can be said about time: a box
or a window too narrow for one is widened to the nearest, an observed point stands at a sample.
"""

import dataclasses
import math
from typing import Any

import numpy as np

import kernels
from diffuse_ui.sketch.parts import THRESHOLD_MODES, DrawnPart
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Number, Variable
from kernels.events.syntax.functions import At, Reduction
from kernels.events.syntax.predicates import Always, Comparison, Equality, Eventually, Not
from kernels.events.syntax.shapes import Box, Polygon, Tube, simplified
from kernels.events.syntax.tree import Window

__all__ = [
    "MAX_POINTS",
    "box",
    "decimals",
    "nearest_time",
    "point",
    "polygon",
    "threshold",
    "time_span",
    "tube",
    "with_mode",
    "with_window",
]

MAX_POINTS = 12  # of a line drawn by hand: each is two numbers of the event
TOLERANCE_DIGITS = 2  # significant digits of a tolerance that nobody has chosen
_PIXELS = 400  # a canvas is about as high: numbers are rounded to what a hand can place


def decimals(span: float) -> int:
    """Decimals that resolve a pixel of a canvas that spans `span`."""
    return max(0, math.ceil(-math.log10(max(span, 1e-300) / _PIXELS)))


def time_span(layout: kernels.Layout) -> float:
    """From the first sample to the last."""
    return float(layout.times[-1] - layout.times[0])


def nearest_time(time: float, layout: kernels.Layout) -> float:
    """The time of the sample nearest to `time`, without the noise of its last digits."""
    return float(f"{layout.times[np.argmin(np.abs(layout.times - time))]:.9g}")


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
    samples, digits = layout.times, decimals(time_span(layout))
    left, right = sorted(times)
    left, right = round(left, digits), round(right, digits)
    if not np.any((samples >= left) & (samples <= right)):
        nearest = nearest_time(0.5 * (left + right), layout)
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
    points = simplified(points, MAX_POINTS)
    time_digits = decimals(time_span(layout))
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


def point(
    variable: str, time: float, value: float, tolerance: float, *, layout: kernels.Layout, digits: int
) -> Event:
    """An observed point at the nearest sample: at(x, t) == value tolerance width."""
    tolerance = float(f"{tolerance:.{TOLERANCE_DIGITS}g}")
    return Equality(
        At(Variable(variable), nearest_time(time, layout)), Number(round(value, digits)), tolerance
    )


def polygon(
    plane: tuple[str, str], points: np.ndarray, *, digits: tuple[int, int], mode: str = "enters"
) -> Event:
    """A polygon of at most `MAX_POINTS` vertices around what a line (point, 2) was drawn about.

    Raises:
        ValueError: the line encloses nothing.
    """
    points = np.asarray(points, np.float64)
    spread = np.ptp(points, axis=0)
    scaled = points / np.where(spread > 0, spread, 1.0)
    farthest = int(np.argmax(np.linalg.norm(scaled - scaled[0], axis=1)))
    halves = points[: farthest + 1], np.concatenate([points[farthest:], points[:1]])
    vertices = np.concatenate([simplified(half, MAX_POINTS // 2 + 1)[:-1] for half in halves])
    rounded = list(
        dict.fromkeys((round(float(x), digits[0]), round(float(y), digits[1])) for x, y in vertices)
    )
    if len(rounded) < 3:
        raise ValueError("a polygon must be drawn around a region. Drag around it and back to the start.")
    x, y = plane
    return Polygon(Variable(x), Variable(y), tuple(rounded), mode)


# -- another meaning, another window ---------------------------------------------------------


def _thresholded(event: Event) -> Any:
    """The signal of a threshold in either of its forms."""
    comparison: Any = event.argument if isinstance(event, Always | Eventually) else event
    return comparison.left.argument if isinstance(comparison.left, Reduction) else comparison.left


def with_mode(part: DrawnPart, mode: str) -> Event:
    """The part with another of its meanings, its numbers kept."""
    if mode not in part.modes:
        raise ValueError(f"`mode` must be one of {', '.join(part.modes)}; got {mode!r}.")
    if isinstance(part.event, Box | Tube | Polygon):
        event: Event = dataclasses.replace(part.event, mode=mode)
    else:
        edges = part.edges()
        level = edges["bottom"] if edges["bottom"] is not None else edges["top"]
        times = None if edges["left"] is None else (edges["left"], edges["right"])
        event = threshold(_thresholded(part.event), level, mode, times)  # pyright: ignore[reportArgumentType]
    return Not(event) if part.negated else event


def with_window(part: DrawnPart, times: tuple[float, float], layout: kernels.Layout) -> Event:
    """The part within another window of times; over all samples, a threshold has no window.

    Raises:
        ValueError: the part has no window to set.
    """
    left, right = _times(times, layout)
    whole = left - layout.times[0] < 0.5 * layout.step and layout.times[-1] - right < 0.5 * layout.step
    window = Window(left, right)
    event: Any = part.event
    if isinstance(event, Box):
        event = dataclasses.replace(event, window=window)
    elif part.kind == "then" or (part.kind == "threshold" and isinstance(event, Always | Eventually)):
        event = dataclasses.replace(event, window=None if whole else window)
    elif part.kind == "threshold":
        left_side = dataclasses.replace(event.left, window=None if whole else window)
        event = dataclasses.replace(event, left=left_side)
    else:
        raise ValueError(f"`{part.term}` has no window of times. Choose a threshold or a box.")
    return Not(event) if part.negated else event
