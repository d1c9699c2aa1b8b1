"""Binding: checks of an event against a layout, and its numbers as arrays by path.

Number, tolerance, low, high, half width    path → float32 scalar
window                                      path → bool (time,), or (evaluation, time) when nested
time of `at`                                path → bool, one sample marked
tube                                        path.line → float32 line at the samples; path.window → bool
polygon                                     path.vertices → float32 (vertex, 2)

At the top of an event there is one time of evaluation, the trajectory's start, and a mask is (time,).
Inside `always`, `eventually` and `until` every time is one, and a mask is (evaluation, time). A sample
belongs to a window when start − δ ≤ time − evaluation time ≤ end + δ, δ = 1e-6 steps, in float64.
"""

import numpy as np
from jaxtyping import Bool, Float

from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Number, Variable
from kernels.events.syntax.functions import At, Function, Index, Reduction, Slice
from kernels.events.syntax.predicates import Always, Between, Equality, Eventually, Until
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import Node, Window, join, printed
from kernels.names import nearest
from kernels.trajectories.layout import Layout

__all__ = [
    "TIME",
    "bind",
    "bind_expression",
    "elapsed",
    "nearest_mask",
    "num_frequencies",
    "require_inside",
    "require_samples",
    "window_mask",
]

TIME = "time"  # a signal that every layout has


def bind(event: Event, layout: Layout) -> dict[str, np.ndarray]:
    """Parameters of an event on a layout.

    Raises:
        ValueError: an unknown variable, a window without samples, a frequency that does not exist.
    """
    bound: dict[str, np.ndarray] = {}
    _bind(event, "", layout, nested=False, bound=bound)
    return bound


def bind_expression(expression: Expression, layout: Layout, *, nested: bool) -> dict[str, np.ndarray]:
    """Parameters of an expression on its own."""
    bound: dict[str, np.ndarray] = {}
    _bind(expression, "", layout, nested=nested, bound=bound)
    return bound


def _bind(node: Node, path: str, layout: Layout, *, nested: bool, bound: dict[str, np.ndarray]) -> None:
    window = getattr(node, "window", None)
    if isinstance(window, Window):
        if not nested:
            require_samples(window, layout, _window_of(node))
        bound[join(path, "window")] = window_mask(window, layout, nested=nested)
    scalars = {
        Number: ("value",),
        Between: ("low", "high"),
        Box: ("low", "high"),
        Equality: ("tolerance",),
        Tube: ("half_width",),
    }.get(type(node), ())
    for name in scalars:
        bound[join(path, name)] = np.float32(getattr(node, name))  # pyright: ignore[reportArgumentType]
    _bind_special(node, path, layout, nested=nested, bound=bound)
    below = nested or isinstance(node, Always | Eventually | Until)
    for name, child in node.children():
        if not isinstance(child, Window):
            _bind(child, join(path, name), layout, nested=below, bound=bound)


def _bind_special(
    node: Node, path: str, layout: Layout, *, nested: bool, bound: dict[str, np.ndarray]
) -> None:
    match node:
        case Variable():
            _require_known(node.name, layout)
        case At():
            if not nested:
                require_inside(node.time, layout, f"`{node}`")
            bound[join(path, "time")] = nearest_mask(node.time, layout, nested=nested)
        case Tube():
            line = np.interp(elapsed(layout, nested=nested), node.times, node.values)
            bound[join(path, "line")] = line.astype(np.float32)
        case Polygon():
            bound[join(path, "vertices")] = np.asarray(node.vertices, np.float32)
        case Function(name="derivative") if layout.num_times < 2:
            raise ValueError(f"`{node}` needs at least two times; the trajectory has one.")
        case Reduction() if node.argument.kind == "spectrum":
            num_frequencies(node.argument, layout)
        case Slice() | Index():
            _require_frequencies(node, layout)


def _window_of(node: Node) -> str:
    if isinstance(node, Box):
        return "the box over times"
    if isinstance(node, Tube):
        return "the tube over times"
    word = type(node).__name__.lower() if isinstance(node, Event) else getattr(node, "name", "")
    return f"the window of `{word}`"


def _require_known(name: str, layout: Layout) -> None:
    known = (*layout.variables, *layout.observables)
    if name in known or name == TIME:
        return
    raise ValueError(
        f"unknown variable {name!r}. {nearest(name, known)}Available: {', '.join((*known, TIME))}."
    )


def num_frequencies(expression: Expression, layout: Layout) -> int:
    """Number of frequencies of a spectrum."""
    if isinstance(expression, Slice):
        return len(range(num_frequencies(expression.argument, layout))[expression.start : expression.stop])
    if isinstance(expression, Function) and expression.name == "rfft":
        return layout.num_times // 2 + 1
    lengths = [
        num_frequencies(child, layout)
        for _, child in expression.children()
        if isinstance(child, Expression) and child.kind in ("spectrum", "complex")
    ]
    if len(set(lengths)) != 1:
        raise ValueError(
            f"the spectra in `{expression}` must have the same frequencies; they have {' and '.join(map(str, lengths))}. Slice them alike."
        )
    return lengths[0]


def _require_frequencies(node: Slice | Index, layout: Layout) -> None:
    available = num_frequencies(node.argument, layout)
    if isinstance(node, Index):
        if not -available <= node.index < available:
            raise ValueError(f"`{node}`: the spectrum has frequencies 0 to {available - 1}.")
    elif num_frequencies(node, layout) == 0:
        raise ValueError(f"`{node}` is empty: the spectrum has frequencies 0 to {available - 1}.")


SLACK = 1e-6  # share of a step, so that 0.1 + 0.2 belongs to [0, 0.3]


def elapsed(layout: Layout, *, nested: bool) -> Float[np.ndarray, "*evaluation time"]:
    """Times since the time of evaluation."""
    times = layout.times
    return times[None, :] - times[:, None] if nested else times - times[0]


def window_mask(window: Window, layout: Layout, *, nested: bool) -> Bool[np.ndarray, "*evaluation time"]:
    """Mask of the samples in a window."""
    since, slack = elapsed(layout, nested=nested), SLACK * layout.step
    return (since >= window.start - slack) & (since <= window.end + slack)


def nearest_mask(time: float, layout: Layout, *, nested: bool) -> Bool[np.ndarray, "*evaluation time"]:
    """Mask of the one sample nearest to `time`; the earlier one of two."""
    index = np.argmin(np.abs(elapsed(layout, nested=nested) - time), axis=-1)
    return np.arange(layout.num_times) == index[..., None]


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
    unit = f" {layout.time_units}" if layout.time_units else ""
    raise ValueError(
        f"{what} {window} {problem}; times run from 0 to {_time(last)}{unit} in steps of {_time(layout.step)}, and "
        f"the nearest sample {'times are' if len(near) > 1 else 'time is'} {' and '.join(near)}. Move or widen it."
    )


def require_inside(time: float, layout: Layout, what: str) -> None:
    """Raise ValueError if a time is more than half a step outside the trajectory."""
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
