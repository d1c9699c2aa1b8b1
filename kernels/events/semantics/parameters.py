"""Parameters of an event, for sliders: name, unit, path and a sensible range.

With a layout, times range over the trajectory and thresholds have units; with trajectories, a
threshold ranges over the values that its signal takes in them, a little beyond on both sides.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels.events.semantics.attribution import expression_values, states_of
from kernels.events.syntax.event import Event, Parameter, face
from kernels.events.syntax.expressions import Expression, Number
from kernels.events.syntax.functions import At, Reduction
from kernels.events.syntax.predicates import Always, Between, Comparison, Equality, Eventually, Until
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import Node, Window, join
from kernels.events.syntax.units import unit_of
from kernels.trajectories.layout import Layout

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["parameters"]

MARGIN = 0.1  # share of the data's range, added at both ends
MAX_TRAJECTORIES = 256  # trajectories that ranges are taken from


class _Context(NamedTuple):
    """Layout and trajectories from which units and ranges are taken."""

    layout: Layout | None
    states: np.ndarray | None
    points: bool


@face
def parameters(
    event: Event, layout: Layout | None = None, dataset: "xr.Dataset | None" = None, *, points: bool = False
) -> list[Parameter]:
    """Parameters of an event, see `Event.parameters`."""
    states = None
    if dataset is not None:
        layout, states = states_of(dataset, layout)
        states = states[:MAX_TRAJECTORIES]
    return list(_visit(event, "", None, _Context(layout, states, points), nested=False))


def _visit(
    node: Node, path: str, parent: Node | None, context: _Context, *, nested: bool
) -> Iterator[Parameter]:
    below = nested or isinstance(node, Always | Eventually | Until)
    for name, value in _in_order_of_text(node):
        here = join(path, name)
        if isinstance(value, Node):
            yield from _visit(value, here, node, context, nested=below and not isinstance(value, Window))
        elif isinstance(value, float):
            yield _parameter(node, name, value, here, parent, context, nested=nested)
        elif isinstance(value, tuple):
            for i, item in enumerate(value):
                if isinstance(item, Node):
                    yield from _visit(item, f"{here}.{i}", node, context, nested=below)
                elif context.points:
                    yield from _points(node, name, item, f"{here}.{i}", i, context)


def _in_order_of_text(node: Node) -> list[tuple[str, Any]]:
    """Fields of a node in the order of the text, where a window comes first."""
    leading = isinstance(node, Reduction | Always | Eventually)
    return sorted(node.fields(), key=lambda field: leading and field[0] != "window")


def _parameter(
    node: Node, field: str, value: float, path: str, parent: Node | None, context: _Context, *, nested: bool
) -> Parameter:
    match node:
        case Window():
            owner = _owner(parent)
            return _time(f"{field} of {owner}", value, path, context)
        case At():
            return _time(f"time of {node}", value, path, context)
        case Number() if isinstance(parent, Comparison | Equality):
            other = parent.left if parent.right is node else parent.right
            word = "threshold" if isinstance(parent, Comparison) else "value"
            return _level(f"{word} of {other}", other, value, path, context, nested=nested)
        case Number():
            return Parameter(f"number in {parent}", value, "", path, *_around(value), of_formula=True)
        case Equality():
            return _width(f"{node.word} of {node.left}", node.left, value, path, context, nested=nested)
        case Between():
            return _level(
                f"{field} end for {node.argument}", node.argument, value, path, context, nested=nested
            )
        case Box():
            word = {"low": "lower", "high": "upper"}[field]
            return _level(
                f"{word} edge of the box on {node.signal}", node.signal, value, path, context, nested=nested
            )
        case Tube():
            return _width(
                f"half width of the tube on {node.signal}", node.signal, value, path, context, nested=nested
            )
    return Parameter(field, value, "", path, *_around(value))


def _points(
    node: Node, field: str, item: object, path: str, index: int, context: _Context
) -> Iterator[Parameter]:
    if isinstance(node, Tube) and isinstance(item, float):
        if field == "times":
            yield _time(f"time of point {index} of the tube on {node.signal}", item, path, context)
        else:
            yield _level(
                f"point {index} of the tube on {node.signal}", node.signal, item, path, context, nested=False
            )
    elif isinstance(node, Polygon) and isinstance(item, tuple):
        for axis, signal, value in zip((0, 1), (node.x, node.y), item, strict=True):
            yield _level(
                f"{signal} of vertex {index}", signal, value, f"{path}.{axis}", context, nested=False
            )


def _owner(parent: Node | None) -> str:
    if isinstance(parent, Box):
        return f"the box on {parent.signal}"
    if isinstance(parent, Reduction):
        return f"{parent.name}({parent.argument})"
    return type(parent).__name__.lower()


# -- ranges ----------------------------------------------------------------------------------


def _time(name: str, value: float, path: str, context: _Context) -> Parameter:
    if context.layout is None:
        return Parameter(name, value, "", path, min(0.0, value), max(1.0, 2.0 * value))
    duration = float(context.layout.times[-1] - context.layout.times[0])
    return Parameter(name, value, context.layout.time_units, path, min(0.0, value), max(duration, value))


def _level(
    name: str, signal: Expression, value: float, path: str, context: _Context, *, nested: bool
) -> Parameter:
    data = _data_range(signal, context, nested=nested)
    lower, upper = _around(value)
    if data is not None:
        margin = MARGIN * (data[1] - data[0])
        lower, upper = min(data[0] - margin, value), max(data[1] + margin, value)
    return Parameter(name, value, unit_of(signal, context.layout), path, lower, upper)


def _width(
    name: str, signal: Expression, value: float, path: str, context: _Context, *, nested: bool
) -> Parameter:
    """Parameter of a positive width, up to half the range of the data; never 0."""
    data = _data_range(signal, context, nested=nested)
    upper = 10.0 * value if data is None else max(0.5 * (data[1] - data[0]), value)
    return Parameter(name, value, unit_of(signal, context.layout), path, min(1e-3 * upper, value), upper)


def _around(value: float) -> tuple[float, float]:
    reach = max(1.0, abs(value))
    return value - reach, value + reach


def _data_range(signal: Expression, context: _Context, *, nested: bool) -> tuple[float, float] | None:
    """Smallest and largest value of a signal in the data; None without data or variation."""
    if context.states is None or context.layout is None:
        return None
    values = expression_values(signal, context.states, context.layout, nested=nested)
    values = values[np.isfinite(values)]
    if values.size == 0 or values.min() == values.max():
        return None
    return float(values.min()), float(values.max())
