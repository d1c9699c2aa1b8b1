"""Thresholds on the extremes of one variable: the events that extreme-value theory knows a probability for.

max(x) > c    max[a, b](x) >= c    eventually(x > c)    not always(x <= c)    the largest value exceeds c
min(x) < c    eventually[a, b](x < c)    not min(x) >= c                      the smallest value is below c
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from kernels.events.semantics.compile import Constraint
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Number, Variable
from kernels.events.syntax.functions import Reduction
from kernels.events.syntax.predicates import Always, Comparison, Eventually, Not
from kernels.events.syntax.tree import join

__all__ = ["ExtremeThreshold", "extreme_threshold"]

_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_NEGATED = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}


class ExtremeThreshold(NamedTuple):
    """Event that the largest value of a variable exceeds a level, or the smallest one is below it.

    Attributes:
        variable: the variable's name.
        upper: whether the largest value exceeds the level.
        level: c, physical units.
        strict: whether the level itself does not count.
        samples: (time,) the samples that are looked at.
    """

    variable: str
    upper: bool
    level: float
    strict: bool
    samples: Bool[np.ndarray, " time"]


def extreme_threshold(constraint: Constraint) -> ExtremeThreshold | None:
    """Threshold on an extreme of one variable that a compiled event is; None for all others.

    The numbers of a compiled event are among its parameters, not in its tree.
    """
    event, path, negated = constraint.program.event, "", False
    while isinstance(event, Not):
        event, path, negated = event.argument, join(path, "argument"), not negated
    found = _temporal(event, path, negated) or _reduced(event, path, negated)
    if found is None:
        return None
    name, operator, level, window = found
    layout = constraint.program.layout
    if name not in layout.variables:
        return None
    samples = constraint.parameters.get(window, np.ones(layout.num_times, bool))
    value = float(constraint.parameters[level])
    return ExtremeThreshold(name, operator in (">", ">="), value, operator in (">", "<"), samples)


_Found = tuple[str, str, str, str]  # variable, operator, path of the level, path of the window


def _temporal(event: Event, path: str, negated: bool) -> _Found | None:
    """Eventually x > c, or not always x <= c."""
    if not isinstance(event, Always if negated else Eventually):
        return None
    comparison = event.argument
    if not isinstance(comparison, Comparison):
        return None
    sides = _sides(comparison, join(path, "argument"))
    if sides is None or not isinstance(sides[0], Variable):
        return None
    operator = _NEGATED[sides[1]] if negated else sides[1]
    return sides[0].name, operator, sides[2], join(path, "window")


def _reduced(event: Event, path: str, negated: bool) -> _Found | None:
    """Comparison of max(x) or min(x) with a number, in the direction of the extreme."""
    sides = _sides(event, path) if isinstance(event, Comparison) else None
    if sides is None:
        return None
    reduction, operator, level, place = sides
    operator = _NEGATED[operator] if negated else operator
    if not isinstance(reduction, Reduction) or not isinstance(reduction.argument, Variable):
        return None
    if (reduction.name, operator[0]) not in (("max", ">"), ("min", "<")):
        return None
    return reduction.argument.name, operator, level, join(place, "window")


def _sides(comparison: Comparison, path: str) -> tuple[object, str, str, str] | None:
    """Signal, operator, path of the number and path of the signal, as if the number stood on the right."""
    if isinstance(comparison.right, Number):
        return comparison.left, comparison.operator, join(path, "right.value"), join(path, "left")
    if isinstance(comparison.left, Number):
        return (
            comparison.right,
            _MIRRORED[comparison.operator],
            join(path, "left.value"),
            join(path, "right"),
        )
    return None
