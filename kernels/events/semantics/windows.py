"""Windows of an event on a layout: masks of their samples, and the error for one beyond the trajectory.

At the top of an event there is one time of evaluation, the trajectory's start, and a mask is (time,).
Inside `always`, `eventually` and `until` every time is one, and a mask is (evaluation, time). A sample
belongs to a window when start − δ ≤ time − evaluation time ≤ end + δ, δ = 1e-6 steps, in float64.

At the top, a window may reach beyond the first and the last sample by `REACH` steps, which is no more than
rounding; beyond that it is an error with the corrected text. Inside, it counts with the samples that there are
(`kernels.events.semantics.caveats` says where that matters).
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from kernels.events.syntax.event import Event
from kernels.events.syntax.functions import At
from kernels.events.syntax.predicates import Always, Eventually, Until
from kernels.events.syntax.shapes import Box, Tube
from kernels.events.syntax.tree import Node, Window, printed
from kernels.trajectories.layout import Layout

__all__ = [
    "REACH",
    "SLACK",
    "BeyondTrajectoryError",
    "elapsed",
    "nearest_mask",
    "require_samples",
    "require_within",
    "tidy_time",
    "window_mask",
    "window_name",
]

SLACK = 1e-6  # share of a step, so that 0.1 + 0.2 belongs to [0, 0.3]
REACH = 0.01  # share of a step: times in float32, or as they are printed, are off by less


class BeyondTrajectoryError(ValueError):
    """Error of a window at the top of an event that reaches beyond the trajectory.

    Attributes:
        corrected: the event within the trajectory; None where there is no such event.
    """

    def __init__(self, message: str, corrected: Event | None) -> None:
        super().__init__(message)
        self.corrected = corrected


# -- masks -----------------------------------------------------------------------------------


def elapsed(layout: Layout, *, nested: bool) -> Float[np.ndarray, "*evaluation time"]:
    """Times since the time of evaluation."""
    times = layout.times
    return times[None, :] - times[:, None] if nested else times - times[0]


def window_mask(window: Window, layout: Layout, *, nested: bool) -> Bool[np.ndarray, "*evaluation time"]:
    """Mask of the samples in a window."""
    since, slack = elapsed(layout, nested=nested), SLACK * layout.step
    return (since >= window.start - slack) & (since <= window.end + slack)


def nearest_mask(time: float, layout: Layout, *, nested: bool) -> Bool[np.ndarray, "*evaluation time"]:
    """Mask of the one sample nearest to `time`, the earlier one of two; of none beyond the trajectory."""
    since, reach = elapsed(layout, nested=nested), REACH * layout.step
    there = (since[..., 0] - reach <= time) & (time <= since[..., -1] + reach)
    index = np.argmin(np.abs(since - time), axis=-1)
    return (np.arange(layout.num_times) == index[..., None]) & there[..., None]


# -- at the top ------------------------------------------------------------------------------


def require_samples(window: Window, layout: Layout, what: str) -> None:
    """Raise ValueError, with the nearest sample times, if a window at the top has no sample."""
    if window_mask(window, layout, nested=False).any():
        return
    since = elapsed(layout, nested=False)
    last = float(since[-1])
    if window.start > last or window.end < 0:
        problem = "lies outside the trajectory"
    else:
        problem = "contains no sample"
    below, above = since[since < window.start], since[since > window.end]
    near = [_time(float(t)) for t in (*below[-1:], *above[:1])]
    raise ValueError(
        f"{what} {window} {problem}; {_span(layout)} in steps of {_time(layout.step)}, and "
        f"the nearest sample {'times are' if len(near) > 1 else 'time is'} {' and '.join(near)}. Move or widen it."
    )


def require_within(event: Event, layout: Layout) -> None:
    """Raise BeyondTrajectoryError if a window or time at the top of an event reaches beyond the trajectory."""
    first = next((node for node in _top(event) if _reaches_beyond(node, layout)), None)
    if first is None:
        return
    if isinstance(first, At):
        end = _within(first.time, layout)
        problem = f"`{first}`: time {printed(first.time)} lies outside the trajectory"
        place = f"{_span(layout)}, and the nearest sample time is {printed(end)}"
    else:
        problem = f"{window_name(first)} {first.window} reaches beyond the trajectory"  # pyright: ignore[reportAttributeAccessIssue]
        place = _span(layout)
    corrected = _clipped(event, layout)
    remedy = "Move it." if corrected is None else f"Write {corrected}."
    raise BeyondTrajectoryError(f"{problem}; {place}. {remedy}", corrected)


def window_name(node: Node) -> str:
    """The window of a node in words, as an error begins."""
    if isinstance(node, Box):
        return "the box over times"
    if isinstance(node, Tube):
        return "the tube over times"
    word = type(node).__name__.lower() if isinstance(node, Event) else getattr(node, "name", "")
    return f"the window of `{word}`"


def _top(node: Node) -> Iterator[Node]:
    """The node and all below it that are evaluated at the trajectory's start."""
    yield node
    if not isinstance(node, Always | Eventually | Until):
        for _, child in node.children():
            yield from _top(child)


def _reaches_beyond(node: Node, layout: Layout) -> bool:
    window = Window(node.time, node.time) if isinstance(node, At) else getattr(node, "window", None)
    if not isinstance(window, Window):
        return False
    last, reach = float(layout.times[-1] - layout.times[0]), REACH * layout.step
    return window.start < -reach or window.end > last + reach


def _clipped(event: Event, layout: Layout) -> Event | None:
    """Event with its windows at the top cut where the trajectory ends; None where one cannot be cut."""
    try:
        return _cut(event, layout)  # pyright: ignore[reportReturnType]
    except ValueError:  # a tube with one point left
        return None


def _cut(node: Node, layout: Layout) -> Node:
    changes: dict[str, object] = {}
    if not isinstance(node, Always | Eventually | Until):
        for name, value in node.fields():
            if isinstance(value, Node):
                changes[name] = _cut(value, layout)
            elif isinstance(value, tuple) and value and isinstance(value[0], Node):
                changes[name] = tuple(_cut(item, layout) for item in value)
    if _reaches_beyond(node, layout):
        if isinstance(node, At):
            changes["time"] = _within(node.time, layout)
        elif isinstance(node, Tube):
            changes |= _cut_line(node, layout)
        else:
            window: Window = node.window  # pyright: ignore[reportAttributeAccessIssue, reportAssignmentType]
            changes["window"] = Window(_within(window.start, layout), _within(window.end, layout))
    return dataclasses.replace(node, **changes) if changes else node


def _cut_line(tube: Tube, layout: Layout) -> dict[str, tuple[float, ...]]:
    """Times and values of a tube's line between the first and the last sample."""
    ends = [_within(end, layout) for end in (tube.times[0], tube.times[-1])]
    inner = [time for time in tube.times if ends[0] < time < ends[1]]
    times = (ends[0], *inner, ends[1])
    known = dict(zip(tube.times, tube.values, strict=True))
    line = np.interp(times, tube.times, tube.values)
    values = (known.get(time, float(f"{value:.6g}")) for time, value in zip(times, line, strict=True))
    return {"times": times, "values": tuple(values)}


def _within(time: float, layout: Layout) -> float:
    """The time itself, or the end of the trajectory that it lies beyond."""
    last, reach = float(layout.times[-1] - layout.times[0]), REACH * layout.step
    if time < -reach:
        return 0.0
    return tidy_time(last, layout) if time > last + reach else time


def tidy_time(time: float, layout: Layout) -> float:
    """The number of fewest digits that stands for a time: off by less than what belongs to a window."""
    candidates = (float(f"{time:.{digits}g}") for digits in range(1, 17))
    return next((one for one in candidates if abs(one - time) <= 0.5 * SLACK * layout.step), time)


def _span(layout: Layout) -> str:
    unit = f" {layout.time_units}" if layout.time_units else ""
    return f"times run from 0 to {_time(float(layout.times[-1] - layout.times[0]))}{unit}"


def _time(value: float) -> str:
    return f"{value:.6g}"
