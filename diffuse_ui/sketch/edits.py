"""From a dragged shape to numbers: what of a part changed when its shape was moved, resized or bent.

A *shape* is anything with the attributes of its annotation: left, right, bottom, top of boxes,
thresholds and points, xs and ys of tubes and polygons. A number changes only when its edge moved by
more than rounding, so that a shape that was only looked at leaves the event as it is.
"""

from typing import Any

import numpy as np

import kernels
from diffuse_ui.sketch.gestures import nearest_time
from diffuse_ui.sketch.parts import DrawnPart

__all__ = ["moved"]

_ENDS = (("left", "right"), ("bottom", "top"))


def moved(
    part: DrawnPart, shape: Any, *, layout: kernels.Layout, digits: tuple[int, int]
) -> dict[str, float]:
    """The part's numbers that changed since its shape was drawn, by their paths in the part.

    Args:
        part: as it was before the drag.
        shape: as it is now.
        layout: times that there are.
        digits: decimals to which numbers across and along the canvas are rounded.
    """
    if part.kind == "tube":
        return _bent_tube(part, shape, layout, digits)
    if part.kind == "polygon":
        return _bent_polygon(part, shape, digits)
    if part.kind == "point":
        return _moved_point(part, shape, layout, digits)
    return _moved_edges(part, shape, layout, digits)


def _moved_edges(
    part: DrawnPart, shape: Any, layout: kernels.Layout, digits: tuple[int, int]
) -> dict[str, float]:
    """Of a box or a threshold; edges dragged past each other change places."""
    places = {"left": digits[0], "right": digits[0], "bottom": digits[1], "top": digits[1]}
    values, changed = {}, False
    for side, (_, value) in part.sides.items():
        shown = getattr(shape, side)
        dragged = isinstance(shown, int | float) and abs(shown - value) > 0.51 * 10.0 ** -places[side]
        values[side] = round(float(shown), places[side]) if dragged else value
        changed |= dragged
    if not changed:
        return {}
    for low, high in _ENDS:
        if low in values and high in values and values[low] > values[high]:
            values[low], values[high] = values[high], values[low]
    if "left" in values:
        values["left"] = max(values["left"], float(layout.times[0]))
        values["right"] = min(values["right"], float(layout.times[-1]))
    return {part.sides[side][0]: value for side, value in values.items()}


def _moved_point(
    part: DrawnPart, shape: Any, layout: kernels.Layout, digits: tuple[int, int]
) -> dict[str, float]:
    """Of an observed point: its centre at a sample, half its height the tolerance."""
    new = {
        "time": nearest_time(0.5 * (shape.left + shape.right), layout),
        "value": 0.5 * (shape.bottom + shape.top),
        "tolerance": 0.5 * abs(shape.top - shape.bottom),
    }
    finest = {
        "time": 1e-6 * layout.step,
        "value": 0.51 * 10.0 ** -digits[1],
        "tolerance": 0.05 * new["tolerance"],
    }
    values = {}
    for side, (path, value) in part.sides.items():
        if abs(new[side] - value) > finest[side]:
            rounded = {
                "time": new["time"],
                "value": round(new["value"], digits[1]),
                "tolerance": max(round(new["tolerance"], digits[1]), 10.0 ** -digits[1]),
            }
            values[path] = rounded[side]
    return values


def _bent_tube(
    part: DrawnPart, shape: Any, layout: kernels.Layout, digits: tuple[int, int]
) -> dict[str, float]:
    """Of a tube: moved as a whole, or one of its borders pulled, which is its half width."""
    tube: Any = part.event
    xs, ys = part.outline()
    across, along = np.subtract(shape.xs, xs), np.subtract(shape.ys, ys)
    if np.ptp(along) > 10.0 ** -digits[1]:
        outward = along * np.repeat([1.0, -1.0], len(xs) // 2)
        pulled = outward[np.argmax(np.abs(outward))]
        width = max(round(tube.half_width + float(pulled), digits[1]), 10.0 ** -digits[1])
        return {} if width == tube.half_width else {f"{part.within}half_width": width}
    start, end = float(layout.times[0]), float(layout.times[-1])
    later, higher = round(float(across[0]), digits[0]), round(float(along[0]), digits[1])
    later = min(max(later, start - tube.times[0]), end - tube.times[-1])
    if later == 0.0 and higher == 0.0:
        return {}
    new = {f"{part.within}times.{i}": round(time + later, digits[0]) for i, time in enumerate(tube.times)}
    return new | {
        f"{part.within}values.{i}": round(value + higher, digits[1]) for i, value in enumerate(tube.values)
    }


def _bent_polygon(part: DrawnPart, shape: Any, digits: tuple[int, int]) -> dict[str, float]:
    """Of a polygon: every vertex that moved."""
    values = {}
    for axis, (shown, known) in enumerate(zip((shape.xs, shape.ys), part.outline())):
        for i, (new, old) in enumerate(zip(shown, known)):
            if abs(new - old) > 0.51 * 10.0 ** -digits[axis]:
                values[f"{part.within}vertices.{i}.{axis}"] = round(float(new), digits[axis])
    return values
