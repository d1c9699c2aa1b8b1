"""Rates of rare peaks: how often independent peaks exceed a level, and which level they exceed how often.

Peaks above a threshold u come as a Poisson process with rate λ_u, their excesses with the Pareto law of
`kernels.statistics.pareto`, so that peaks exceed x at the rate

    λ(x) = λ_u S(x − u).

Intervals are those of the profile likelihood, which is the sum of that of λ_u, for N peaks in a time T, and that of the
shape and scale, with the prior of the shape: λ belongs to the 95 % interval where the best fit with λ(x) = λ has a
deviance of at most 3.84. They are as skew as what is known, and reach down to 0 where the tail may end before x.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy import optimize, stats

from kernels.statistics.pareto import (
    SHAPES,
    Excesses,
    ParetoTail,
    excess_log_survival,
    fit_excesses,
    independent_excesses,
    log_prior,
    log_terms,
)

__all__ = ["Bounded", "exceedance_interval", "return_level_interval"]

NUM_SHAPES, NUM_LOCAL, NUM_WIDE = 41, 49, 61  # grid of a profile
REFINED = (7, 7, 7)  # shapes about the best one, between its neighbours, in turn
SPREADS = 6.0  # standard errors on either side that the grids reach
FARTHEST = 1e9  # deviance of what cannot be, finite to be interpolated
DEEPEST = 300.0  # −log S, as good as the end of the tail


class Bounded(NamedTuple):
    """Number with an interval.

    Attributes:
        value: the best fit.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


def exceedance_interval(
    peaks: Shaped[np.ndarray, " peak"], exposure: float, x: float, *, threshold: float, level: float = 0.95
) -> Bounded:
    """Rate at which independent peaks exceed x, with a profile-likelihood interval.

    Args:
        peaks: above the threshold, independent of each other.
        exposure: time in which they were seen; the rate is per unit of it.
        x: at or above the threshold.
        threshold: above which all peaks were noted.
        level: coverage of the interval.

    Raises:
        ValueError: no peaks, peaks at or below the threshold, or an x below it.
    """
    if not x >= threshold:
        raise ValueError(f"`x` must be at least the threshold {threshold:g}; got {x:g}.")
    tail, limit = fit_excesses(peaks, threshold), float(stats.chi2.ppf(level, 1))
    value = len(peaks) / exposure * float(np.exp(tail.log_survival(x)))
    deviance = _rate_deviance(independent_excesses(peaks, threshold), tail, x)
    best = np.log(max(value * exposure, np.exp(-DEEPEST)))
    start = best if value > 0.0 and deviance(best) < limit else -DEEPEST
    low = 0.0 if deviance(-DEEPEST) <= limit else np.exp(_crossing(deviance, limit, start, -1.0)) / exposure
    return Bounded(value, float(low), float(np.exp(_crossing(deviance, limit, start, 1.0)) / exposure))


def return_level_interval(
    peaks: Shaped[np.ndarray, " peak"], exposure: float, rate: float, *, threshold: float, level: float = 0.95
) -> Bounded:
    """Level that independent peaks exceed at a rate, with a profile-likelihood interval.

    Args:
        peaks: above the threshold, independent of each other.
        exposure: time in which they were seen.
        rate: per unit of the exposure; lower than that of the peaks.
        threshold: above which all peaks were noted.
        level: coverage of the interval. An end below the threshold is given as the threshold.

    Raises:
        ValueError: no peaks, peaks at or below the threshold, or a rate that is not between 0 and theirs.
    """
    tail, limit = fit_excesses(peaks, threshold), float(stats.chi2.ppf(level, 1))
    if not 0.0 < rate < len(peaks) / exposure:
        most = len(peaks) / exposure
        raise ValueError(f"`rate` must lie between 0 and that of the peaks, {most:g}; got {rate:g}.")
    excesses, count = independent_excesses(peaks, threshold), rate * exposure
    value = float(tail.quantile(np.log(count / len(peaks))))

    def deviance(log_excess: float) -> float:
        return _rate_deviance(excesses, tail, threshold + float(np.exp(log_excess)))(np.log(count))

    best, least = float(np.log(value - threshold)), float(np.log(tail.scale)) - 12.0
    below = deviance(least) > limit
    low = threshold + float(np.exp(_crossing(deviance, limit, best, -0.1))) if below else threshold
    return Bounded(value, low, threshold + float(np.exp(_crossing(deviance, limit, best, 0.1))))


def _crossing(deviance: Callable[[float], float], limit: float, start: float, step: float) -> float:
    """Place where a deviance that is below a limit at the start exceeds it, in the direction of a step."""
    inner, outer = start, start + step
    while deviance(outer) <= limit:
        inner, outer, step = outer, outer + 2.0 * step, 2.0 * step
    ends = sorted((inner, outer))
    found = optimize.root_scalar(lambda place: deviance(place) - limit, bracket=ends, xtol=1e-4)
    return float(found.root)


def _rate_deviance(excesses: Excesses, tail: ParetoTail, x: float) -> Callable[[float], float]:
    """Deviance of a logarithm of the expected number of peaks above x."""
    count = excesses.index.size
    offsets = np.linspace(-SPREADS, SPREADS, 241) / np.sqrt(count)
    wanted = 2.0 * count * (np.expm1(offsets) - offsets)  # of peaks above the threshold, e^offset as many
    if x <= tail.threshold:
        return lambda log_number: (
            2.0 * (count * (np.log(count) - log_number) - count + float(np.exp(log_number)))
        )
    depths, deviances = _depth_profile(excesses, tail, x - tail.threshold)

    def deviance(log_number: float) -> float:
        depth = np.log(count) + offsets - log_number
        found = np.where(depth >= 0.0, np.interp(depth, depths, deviances), np.inf)
        return float(np.min(found + wanted))

    return deviance


def _depth_profile(
    excesses: Excesses, tail: ParetoTail, y: float
) -> tuple[Float[np.ndarray, " depth"], Float[np.ndarray, " depth"]]:
    """Depths −log S(y), and the deviance of the best shape and scale that have each."""
    best = -float(excess_log_survival(np.asarray(y), tail.scale, tail.shape))
    depths = np.geomspace(1e-4, DEEPEST, NUM_WIDE)
    if best < DEEPEST:
        spread = _depth_error(tail, y)
        near = best + spread * np.linspace(-SPREADS, SPREADS, NUM_LOCAL)
        depths = np.union1d(depths, near[(near > 0.0) & (near < DEEPEST)])
    top = float(_log_likelihood(excesses, np.array([tail.scale]), np.array([tail.shape]))[0])
    highest = _best_of_shapes(excesses, tail, y, depths)
    if best >= DEEPEST:  # the best tail ends before y
        highest[-1] = max(highest[-1], top)
    return depths, np.clip(2.0 * (max(top, highest.max()) - highest), 0.0, FARTHEST)


def _best_of_shapes(
    excesses: Excesses, tail: ParetoTail, y: float, depths: Float[np.ndarray, " depth"]
) -> Float[np.ndarray, " depth"]:
    """Highest log-likelihood of the shapes with each depth −log S(y), on a grid that is refined."""
    half = 2.0 * SPREADS * tail.shape_error / (NUM_SHAPES - 1)
    middle, highest = np.full(depths.size, tail.shape), np.full(depths.size, -np.inf)
    for count in (NUM_SHAPES, *REFINED):
        centre, width = middle.copy(), half * (count - 1) / 2.0
        for offset in np.linspace(-width, width, count):
            shape = np.clip(centre + offset, *SHAPES)
            inner = shape * depths
            rise = depths * np.where(
                np.abs(inner) < 1e-9, 1.0, np.expm1(inner) / np.where(inner == 0.0, 1.0, inner)
            )
            found = _log_likelihood(excesses, y / rise, shape)
            middle, highest = np.where(found > highest, shape, middle), np.maximum(highest, found)
        half *= 2.0 / (REFINED[0] - 1)
    return highest


def _log_likelihood(
    excesses: Excesses, scale: Float[np.ndarray, " law"], shape: Float[np.ndarray, " law"]
) -> Float[np.ndarray, " law"]:
    """Log-likelihood and prior of scales, each with a shape."""
    terms = log_terms(excesses, scale[:, None], shape[:, None])
    with np.errstate(invalid="ignore"):
        total = terms @ excesses.weight + log_prior(shape)
    return np.where(np.isnan(total), -np.inf, total)


def _depth_error(tail: ParetoTail, y: float) -> float:
    """Standard error of −log S(y), to first order."""
    step, excess = 1e-4, np.asarray(y)
    sides = [
        (excess_log_survival(excess, tail.scale * np.exp(a), tail.shape + b) for a, b in ((s, 0.0), (0.0, s)))
        for s in (step, -step)
    ]
    slope = np.array([float(up - down) for up, down in zip(*sides, strict=True)]) / (2.0 * step)
    error = float(np.sqrt(slope @ tail.covariance @ slope))
    return error if np.isfinite(error) else 1.0
