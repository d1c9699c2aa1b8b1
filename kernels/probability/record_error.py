"""Record's error: how far a model's probability may be off because its record is one of many that could have been.

A model that learns a record well has the record's own frequencies, and their error with them. Where the record holds
20 independent occurrences, the error is that of the event's frequency in it, from blocks. A rarer event is reached along
C: the level c that 20 occurrences exceed is as well known as its frequency f, and beyond it the tail says by which
factor P is smaller. With t = log(L p_u / P), as deep as P lies below the threshold u of a Pareto tail in windows of L
steps,

    var log P = var log f + (g(t) − g(t_c))ᵀ Σ (g(t) − g(t_c)),    g = (∂t/∂log σ, ∂t/∂ξ),

with Σ of scale and shape that has the tail's stated error of the shape, in the proportions of the Fisher information
(Smith, Biometrika 72, 1985). The tail is that of the event's variable which is known worst. Where the event is no
threshold on one variable, nothing says that it lies along a margin's tail: the variance is at least (t − t_c)² / 20,
that of an exponential tail known from the 20 occurrences.

All is worked out in log-odds, so that an event and its complement have the same error.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from kernels.events.semantics.extremes import extreme_threshold
from kernels.events.syntax.expressions import named_variables
from kernels.probability.base import Probability, Problem
from kernels.probability.data import block_frequency
from kernels.probability.latent.exceedance import Exceedance, band
from kernels.recordings.windows import Segment

__all__ = ["ENOUGH", "Evidence", "evidence_of", "with_record_error", "with_wider_band"]

ENOUGH = 20  # independent occurrences from which a frequency's error is known
UNKNOWN_SHAPE = (0.1, 0.2)  # ξ and its error where a record has no tail
SHARE = 0.03  # of the values in a tail where a card does not tell
NORMAL = 1.96


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Windows of a record that meet what is known, with what an event is in them.

    Attributes:
        values: (window,) C.
        holds: (window,) whether the event holds.
        places: (window,) moment at which each begins.
        least_block: moments in a block.
        frequency: of the event.
    """

    values: Float[np.ndarray, " window"]
    holds: Bool[np.ndarray, " window"]
    places: Int[np.ndarray, " window"]
    least_block: int
    frequency: Probability

    @functools.cached_property
    def occurrences(self) -> int:
        """Number of separate blocks in which the event holds, or does not where it mostly holds."""
        rarer = ~self.holds if self.frequency.value > 0.5 else self.holds
        return len(np.unique(self.places[rarer] // self.least_block))

    @functools.cached_property
    def anchor(self) -> Probability:
        """Frequency of a milder event, which holds in `ENOUGH` separate blocks, or in all.

        Of an event that mostly holds it is a harder one, which does not hold in as many.
        """
        sign = -1.0 if self.frequency.value > 0.5 else 1.0
        _, index = np.unique(self.places // self.least_block, return_inverse=True)
        highest = np.full(index.max() + 1, -np.inf)
        np.maximum.at(highest, index, sign * self.values)
        level = float(np.sort(highest)[::-1][min(ENOUGH, highest.size) - 1])
        reaching = sign * self.values >= level
        holds = reaching if sign > 0 else ~reaching
        return block_frequency(holds, self.least_block, "training_data", places=self.places)


def evidence_of(problem: Problem, part: Segment) -> Evidence | None:
    """Evidence in the windows of a part of a record; None where none of them meets what is known."""
    windows = part.windows
    known = problem.known(windows) & problem.meant(part)
    if not known.any():
        return None
    values, holds = (found[known] for found in problem.judge(windows))
    places = part.places[known]
    frequency = block_frequency(holds, part.least_block, "training_data", places=places)
    return Evidence(values, holds, places, part.least_block, frequency)


def with_record_error(problem: Problem, evidence: Evidence, estimate: Probability) -> Probability:
    """Estimate whose error and interval hold the record's own error as well as the sampler's."""
    if not 0.0 < estimate.value < 1.0:
        return estimate
    error = _log_odds_error(problem, evidence, estimate.value)
    slope = estimate.value * (1.0 - estimate.value)
    return dataclasses.replace(
        estimate,
        standard_error=math.hypot(estimate.standard_error, slope * error),
        interval=_widened(estimate.value, estimate.interval, error),
        record_error=slope * error,
    )


def with_wider_band(problem: Problem, evidence: Evidence, estimate: Probability) -> Probability:
    """Estimate whose exceedance curve, if it has one, has the record's own error in its band."""
    points: list[Exceedance] = estimate.diagnostics.get("exceedance", [])
    wider = []
    for point in points:
        if not 0.0 < point.probability < 1.0:
            wider.append(point)
            continue
        holds = evidence.values > point.threshold
        found = block_frequency(holds, evidence.least_block, "training_data", places=evidence.places)
        there = dataclasses.replace(
            evidence, values=evidence.values - point.threshold, holds=holds, frequency=found
        )
        error = _log_odds_error(problem, there, point.probability)
        low, high = _widened(point.probability, (point.low, point.high), error)
        wider.append(point._replace(low=low, high=high))
    if not wider:
        return estimate
    return dataclasses.replace(estimate, diagnostics=estimate.diagnostics | {"exceedance": band(wider)})


def _widened(value: float, interval: tuple[float, float], error: float) -> tuple[float, float]:
    """95 % interval with a further standard error of the log-odds."""
    middle = _log_odds(value)
    low, high = (
        _share(middle + sign * math.hypot(_log_odds(end) - middle, NORMAL * error))
        for sign, end in zip((-1, 1), interval, strict=True)
    )
    return low, high


def _log_odds_error(problem: Problem, evidence: Evidence, value: float) -> float:
    """Standard error of the log-odds that the record leaves."""
    if evidence.occurrences >= ENOUGH:
        return _relative(evidence.frequency)
    mostly = evidence.frequency.value > 0.5
    anchor = evidence.anchor
    share, rarer = (1.0 - anchor.value, 1.0 - value) if mostly else (anchor.value, value)
    return math.hypot(_relative(anchor), _tail_error(problem, share, rarer))


def _relative(frequency: Probability) -> float:
    """Standard error of a frequency's log-odds; that of one block where there is no contrast."""
    value = float(np.clip(frequency.value, 1e-12, 1.0 - 1e-12))
    if frequency.value in (0.0, 1.0):
        return 1.0
    return frequency.standard_error / (value * (1.0 - value))


def _tail_error(problem: Problem, anchor: float, value: float) -> float:
    """Standard error of log P that the tail adds between an anchor's probability and the event's."""
    assert problem.constraint is not None  # noqa: S101 - there is an event
    depth = math.log(max(anchor / value, 1.0))
    extreme = extreme_threshold(problem.constraint)
    if extreme is None:
        names, sides = named_variables(problem.constraint.program.event), ("lower", "upper")
    else:
        names, sides = {extreme.variable}, ("upper" if extreme.upper else "lower",)
    length = problem.model.layout.num_times
    tails = [_tail(problem.model.card, name, side) for name in names for side in sides]
    errors = [
        _grown(*tail, max(math.log(length * tail[2] / anchor), 0.0), depth)
        for tail in tails or [(*UNKNOWN_SHAPE, SHARE)]
    ]
    least = 0.0 if extreme is not None else depth / math.sqrt(ENOUGH)
    return max(*errors, least)


def _grown(shape: float, shape_error: float, share: float, start: float, depth: float) -> float:
    """Standard error of a tail's log-survival from one depth to a deeper one."""
    first, last = _sensitivity(shape, start), _sensitivity(shape, start + depth)
    scale, bend = last[0] - first[0], last[1] - first[1]
    variance = scale**2 * 2.0 / (1.0 + shape) - 2.0 * scale * bend / (1.0 + shape) + bend**2
    return shape_error * math.sqrt(max(variance, 0.0))


def _sensitivity(shape: float, depth: float) -> tuple[float, float]:
    """Derivatives of t = −log S of a Pareto tail by log σ and by ξ, where t is `depth`."""
    if abs(shape) < 1e-4:
        return -depth, -0.5 * depth**2
    bent = -math.expm1(-shape * depth) / shape
    return -bent, (bent - depth) / shape


def _tail(card: Mapping[str, Any], name: str, side: str) -> tuple[float, float, float]:
    """Shape, its error and share of a variable's tail, from a model's card."""
    facts: Any = card
    for key in ("margins", name, side):
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    found = [
        facts.get(key) if isinstance(facts, Mapping) else None for key in ("shape", "shape_error", "share")
    ]
    numbers = [float(one) for one in found if isinstance(one, int | float) and math.isfinite(one)]
    if len(numbers) < 3 or numbers[0] <= -1.0:
        return (*UNKNOWN_SHAPE, SHARE)
    return numbers[0], numbers[1], numbers[2]


def _log_odds(share: float) -> float:
    share = min(max(share, 1e-300), 1.0 - 1e-15)
    return math.log(share) - math.log1p(-share)


def _share(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -700 else 0.0
