"""Binding: checks of an event against a layout, and its numbers as arrays by path.

Number, tolerance, low, high, half width    path → float32 scalar
window                                      path → bool (time,), or (evaluation, time) when nested
time of `at`                                path → bool, one sample marked
tube                                        path.line → float32 line at the samples; path.window → bool
polygon                                     path.vertices → float32 (vertex, 2)

Which samples belong to a window, and which windows are errors, says `kernels.events.semantics.windows`.
"""

import numpy as np

from kernels.events.semantics.windows import (
    elapsed,
    nearest_mask,
    require_samples,
    require_within,
    window_mask,
    window_name,
)
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Number, Variable
from kernels.events.syntax.functions import At, Function, Index, Reduction, Slice
from kernels.events.syntax.predicates import Always, Between, Equality, Eventually, Noisy, Until
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import Node, Window, join
from kernels.names import nearest
from kernels.trajectories.layout import Layout

__all__ = ["TIME", "bind", "bind_expression", "num_frequencies"]

TIME = "time"  # a signal that every layout has


def bind(event: Event, layout: Layout) -> dict[str, np.ndarray]:
    """Parameters of an event on a layout.

    Raises:
        ValueError: an unknown variable, a frequency that does not exist, a window at the top without samples.
        BeyondTrajectoryError: a window or time at the top reaches beyond the trajectory.
    """
    bound: dict[str, np.ndarray] = {}
    _bind(event, "", layout, nested=False, bound=bound)
    require_within(event, layout)
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
            require_samples(window, layout, window_name(node))
        bound[join(path, "window")] = window_mask(window, layout, nested=nested)
    scalars = {
        Number: ("value",),
        Between: ("low", "high"),
        Box: ("low", "high"),
        Equality: ("tolerance",),
        Noisy: ("tolerance",),
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
