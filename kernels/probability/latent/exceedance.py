"""Exceedance curve P(C > c) from the stages of one subset simulation, with a band.

Between two of its levels, low < c ≤ high, a run knows the probability of low in each replicate r, ρ_r,
and states that are distributed by the law above low, so that

    P(C > c) = mean over r of ρ_r · share of r's states with C > c,

and beyond the last level as far as states reach. In every replicate that falls as c rises, and at a
level both stages agree: the curve is monotone by construction. Its 95 % band is binomial for the first
stage, whose states are independent, and from the spread of the replicates beyond.

Where levels are those of a C with scaled leaves, h, and the curve is that of C, a stage knows the states between its
two levels, of whatever C:

    P(C > c) = mean over r of Σ over stages of ρ_r · share of r's states with C > c and low < h ≤ high,

without an upper end in the last stage. With h = C that is the same curve.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from kernels.events.semantics.algebras import CERTAIN
from kernels.probability.base import binomial_interval, log_interval

__all__ = ["Exceedance", "Stage", "band", "decided", "layered_curve", "stage_curve"]

NUM_POINTS = 16  # points of the curve in a stage
MIN_SHARE = 0.02  # share of a stage's states above the curve's last point


class Exceedance(NamedTuple):
    """One point of the curve: threshold c, P(C > c), and its 95 % interval (low, high)."""

    threshold: float
    probability: float
    low: float
    high: float


class Stage(NamedTuple):
    """States of one stage of subset simulation.

    Attributes:
        values: C, by `decided`.
        replicate: index of each state's replicate.
        products: ρ, probability of the stage's lower level in each replicate.
        independent: whether the states are.
        margins: C by `decided`, where `values` are scaled; else None.
    """

    values: Float[np.ndarray, " state"]
    replicate: Int[np.ndarray, " state"]
    products: Float[np.ndarray, " replicate"]
    independent: bool
    margins: Float[np.ndarray, " state"] | None = None

    def above(self, threshold: float) -> Float[np.ndarray, " replicate"]:
        """P(C > threshold) in each replicate."""
        count = len(self.products)
        inside = np.bincount(self.replicate[self.values > threshold], minlength=count)
        return self.products * inside / np.bincount(self.replicate, minlength=count)


def decided(
    values: Float[np.ndarray, " state"], holds: Bool[np.ndarray, " state"]
) -> Float[np.ndarray, " state"]:
    """Robustness C corrected for rounding at 0: positive exactly where the event holds."""
    return np.where(holds, np.maximum(values, np.finfo(float).tiny), np.minimum(values, 0.0))


def stage_curve(stage: Stage, low: float, high: float, *, last: bool) -> list[Exceedance]:
    """Points of the curve in (low, high], with high; in the last stage also beyond."""
    values = stage.values[(np.abs(stage.values) < 0.5 * CERTAIN) & (stage.values > low)]
    top = float(np.quantile(values, 1.0 - MIN_SHARE)) if last and len(values) else high
    between = values[(values > low) & (values <= max(top, high))]
    points = np.quantile(between, np.linspace(0.0, 1.0, NUM_POINTS)) if len(between) else np.zeros(0)
    kept = np.union1d(points[(points <= high) | last], [high])
    return [_point(stage, float(threshold)) for threshold in kept]


def _point(stage: Stage, threshold: float) -> Exceedance:
    found = stage.above(threshold)
    value = float(found.mean())
    if stage.independent:
        hits, total = int((stage.values > threshold).sum()), len(stage.values)
        return Exceedance(threshold, value, *binomial_interval(hits, total))
    return _spread_point(threshold, found)


def _spread_point(threshold: float, found: Float[np.ndarray, " replicate"]) -> Exceedance:
    """Point with its interval from the spread of the replicates."""
    value, count = float(found.mean()), len(found)
    if value == 0:
        return Exceedance(threshold, 0.0, 0.0, 1.0)  # `band` narrows the interval
    relative = float(found.std(ddof=1) / np.sqrt(count)) / value
    return Exceedance(threshold, value, *log_interval(value, relative, count - 1))


def layered_curve(stages: Sequence[Stage], levels: Sequence[float]) -> list[Exceedance]:
    """Points of the curve of C from stages whose levels are scaled, and the point at 0.

    Args:
        stages: one after the other, all with the same replicates and with margins.
        levels: the upper level of each stage; 0 is the event.
    """
    ends = [-np.inf, *levels[:-1], np.inf]
    layers = [_layer(stage, *pair) for stage, pair in zip(stages, pairwise(ends), strict=True)]
    count, wanted = len(stages[0].products), [np.zeros(1)]
    for c, _, _ in layers:
        known = c[np.abs(c) < 0.5 * CERTAIN]
        top = 1.0 - MIN_SHARE if c is layers[-1][0] else 1.0
        wanted += [np.quantile(known, np.linspace(0.0, top, NUM_POINTS))] if len(known) else []
    points = []
    for threshold in np.unique(np.concatenate(wanted)):
        found = sum(
            np.bincount(replicate[c > threshold], mass[c > threshold], count) for c, replicate, mass in layers
        )
        points.append(_spread_point(float(threshold), np.asarray(found, np.float64)))
    return points


def _layer(stage: Stage, low: float, high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margins, replicates and masses of a stage's states between two levels."""
    assert stage.margins is not None  # noqa: S101 - stages of one leaf have a curve of their own
    count = len(stage.products)
    mass = stage.products / np.maximum(np.bincount(stage.replicate, minlength=count), 1)
    kept = (stage.values > low) & (stage.values <= high)
    return stage.margins[kept], stage.replicate[kept], mass[stage.replicate[kept]]


def band(points: list[Exceedance]) -> list[Exceedance]:
    """Sort the curve by threshold, and widen its band until it is monotone.

    Where two stages meet, what they say may differ in its last bit; that is taken out.
    Where nothing was found any more, the upper end is that of the last point where something was.
    """
    points = sorted(points, key=lambda point: (point.threshold, -point.probability))
    known = [point.high for point in points if point.probability > 0]
    highs = [point.high if point.probability > 0 or not known else known[-1] for point in points]
    upper = np.maximum.accumulate(highs[::-1])[::-1]
    lower = np.minimum.accumulate([point.low for point in points])
    values = np.asarray([point.probability for point in points])
    falling = np.minimum.accumulate(values)
    values = np.where(np.isclose(values, falling, rtol=1e-12, atol=0.0), falling, values)
    return [
        point._replace(probability=float(value), low=float(lo), high=float(hi))
        for point, value, lo, hi in zip(points, values, lower, upper, strict=True)
    ]
