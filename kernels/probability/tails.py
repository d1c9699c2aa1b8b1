"""Tails by which a model of a record goes beyond it, and the words for them.

The card of a model with margins holds the Pareto tail of each variable, `card["margins"][variable]["upper"]` with
threshold, shape and shape_error, or "lower". A threshold on one variable beyond it is extrapolated by that tail.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from kernels.events.semantics.extremes import ExtremeThreshold, extreme_threshold
from kernels.models import Model
from kernels.probability.base import Problem

__all__ = ["MarginTail", "extrapolation", "margin_tail"]


class MarginTail(NamedTuple):
    """Pareto tail of a variable's margin.

    Attributes:
        threshold: where it begins, physical units.
        shape: ξ.
        shape_error: standard error of the shape.
    """

    threshold: float
    shape: float
    shape_error: float


def margin_tail(model: Model, extreme: ExtremeThreshold) -> MarginTail | None:
    """Tail of a model's margins beyond which a threshold lies; None where it lies in the bulk, or there is no tail."""
    facts: Any = model.card
    for name in ("margins", extreme.variable, "upper" if extreme.upper else "lower"):
        facts = facts.get(name) if isinstance(facts, Mapping) else None
    found = [facts.get(name) if isinstance(facts, Mapping) else None for name in MarginTail._fields]
    values = [float(one) for one in found if isinstance(one, int | float) and math.isfinite(one)]
    if len(values) < len(found):
        return None
    tail = MarginTail(*values)
    sign = 1.0 if extreme.upper else -1.0
    return tail if sign * (extreme.level - tail.threshold) >= 0.0 else None


def extrapolation(problem: Problem) -> str:
    """Words for how a number beyond the record comes about, which follow "the number is"."""
    extreme = None if problem.constraint is None else extreme_threshold(problem.constraint)
    tail = None if extreme is None else margin_tail(problem.model, extreme)
    if extreme is None or tail is None:
        return "an extrapolation"
    shape = f"shape {tail.shape:.2f} ± {tail.shape_error:.2f}"
    return f"extrapolated by the Pareto tail of {extreme.variable}: {shape}"
