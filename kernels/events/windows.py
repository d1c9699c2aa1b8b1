"""From windows to masks: which samples an operator sees, worked out on the host in float64.

At the top of an event there is one time of evaluation, the trajectory's start, and a mask is (time,).
Inside `always`, `eventually` and `until` every time is one, and a mask is (evaluation, time).
A sample belongs to a window when start − δ ≤ time − evaluation time ≤ end + δ, δ = 1e-6 steps.
"""

import numpy as np
from jaxtyping import Bool, Float

from kernels.events.trees import Window, printed
from kernels.trajectories import Layout

__all__ = ["elapsed", "nearest_mask", "require_samples", "window_mask"]

SLACK = 1e-6  # of a step, so that 0.1 + 0.2 belongs to [0, 0.3]


def elapsed(layout: Layout, *, nested: bool) -> Float[np.ndarray, "*evaluation time"]:
    """Times since the time of evaluation."""
    times = layout.times
    return times[None, :] - times[:, None] if nested else times - times[0]


def window_mask(window: Window, layout: Layout, *, nested: bool) -> Bool[np.ndarray, "*evaluation time"]:
    """Samples of the window."""
    since, slack = elapsed(layout, nested=nested), SLACK * layout.step
    return (since >= window.start - slack) & (since <= window.end + slack)


def nearest_mask(time: float, layout: Layout, *, nested: bool) -> Bool[np.ndarray, "*evaluation time"]:
    """The one sample nearest to `time`; the earlier one of two."""
    index = np.argmin(np.abs(elapsed(layout, nested=nested) - time), axis=-1)
    return np.arange(layout.num_times) == index[..., None]


def require_samples(window: Window, layout: Layout, what: str) -> None:
    """Raise ValueError that names the nearest sample times when a window at the top holds none."""
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
    unit = f" {layout.time_units}" if layout.time_units else ""
    raise ValueError(
        f"{what} {window} {problem}; times run from 0 to {_time(last)}{unit} in steps of {_time(layout.step)}, and "
        f"the nearest sample {'times are' if len(near) > 1 else 'time is'} {' and '.join(near)}. Move or widen it."
    )


def require_inside(time: float, layout: Layout, what: str) -> None:
    """Raise ValueError when a single time lies more than half a step outside the trajectory."""
    since = elapsed(layout, nested=False)
    reach = 0.5 * layout.step * (1 + SLACK)
    if not -reach <= time <= since[-1] + reach:
        nearest = since[int(np.argmin(np.abs(since - time)))]
        raise ValueError(
            f"{what}: time {printed(time)} lies outside the trajectory; times run from 0 to "
            f"{_time(float(since[-1]))}, and the nearest sample time is {_time(float(nearest))}. Move it."
        )


def _time(value: float) -> str:
    return f"{value:.6g}"
