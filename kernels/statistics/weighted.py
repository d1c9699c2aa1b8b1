"""Statistics of weighted arrays: quantiles, correlations, scores, distances.

Weights are an array, or `Draws` that also know which samples are independent; without, all are. Errors are those
of `kernels.statistics.draws`, from the influence of each sample on a statistic.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from kernels.statistics.draws import Draws, Weights

__all__ = [
    "CRPS",
    "effective_sample_size",
    "kolmogorov_distance",
    "rollout_error",
    "weighted_autocorrelation",
    "weighted_correlation",
    "weighted_crps",
    "weighted_error",
    "weighted_histogram",
    "weighted_mean",
    "weighted_place",
    "weighted_quantile_errors",
    "weighted_quantiles",
    "weighted_variance",
]

GAP = 0.25  # share of the way between the ends of an interval, from which a space without samples is a gap
FEWEST = 16  # different samples in an interval; between fewer there are such spaces anyway


def effective_sample_size(weights: Float[np.ndarray, " sample"]) -> float:
    """Effective sample size (Σw)² / Σw² of weights; 0 when all are 0."""
    weights = np.asarray(weights, np.float64)
    square = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / square if square > 0 else 0.0


def weighted_mean(values: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean over the first axis.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, `Draws`, or None for equal ones.
    """
    weights = weights.shares if isinstance(weights, Draws) else weights
    return np.asarray(np.average(np.asarray(values, np.float64), axis=0, weights=weights))


def weighted_quantiles(values: np.ndarray, weights: Weights, q: np.ndarray) -> np.ndarray:
    """Quantiles over the first axis of the weighted distribution function.

    The distribution function is interpolated at its midpoints.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, `Draws`, or None for equal ones.
        q: levels between 0 and 1.

    Returns:
        (q, …).

    Raises:
        ValueError: no sample, or no positive weight.
    """
    values, q = np.asarray(values), np.atleast_1d(np.asarray(q, np.float64))
    if len(values) == 0:
        raise ValueError("`values` must hold at least one sample.")
    if weights is None:
        return np.quantile(values, q, axis=0)
    ranked, shares = _ranked(values, weights)
    midpoints = np.cumsum(shares, axis=0) - 0.5 * shares
    columns = [np.interp(q, midpoints[:, j], ranked[:, j]) for j in range(ranked.shape[1])]
    return np.stack(columns, axis=1).reshape(len(q), *values.shape[1:])


def _ranked(values: np.ndarray, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Values of positive weight (sample, column) sorted in each column, and the share of each."""
    shares = Draws.of(weights, len(values)).shares
    keep = shares > 0
    flat = values[keep].reshape(int(keep.sum()), -1)
    order = np.argsort(flat, axis=0)
    return np.take_along_axis(flat, order, axis=0), shares[keep][order]


def _column(shares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Shares with axes appended, to multiply (sample, …)."""
    return shares.reshape(-1, *[1] * (values.ndim - 1))


def weighted_error(values: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Standard error of `weighted_mean`; see `kernels.statistics.draws`.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, `Draws`, or None for equal ones.
    """
    values, draws = np.asarray(values, np.float64), Draws.of(weights, len(values))
    return draws.error(values - weighted_mean(values, draws))


def weighted_variance(values: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Variance Σp(x − Σpx)² / (1 − Σp²) over the first axis; NaN for one sample.

    It is unbiased for weights that do not depend on x.
    """
    values, draws = np.asarray(values, np.float64), Draws.of(weights, len(values))
    centred = values - weighted_mean(values, draws)
    return np.asarray(np.tensordot(draws.shares, centred**2, axes=1) * draws.correction)


def weighted_quantile_errors(values: np.ndarray, weights: Weights, q: np.ndarray) -> np.ndarray:
    """Standard errors of `weighted_quantiles`: half the gap between the quantiles at q ± δ.

    δ is the standard error of the distribution function at the quantile, that of a mean of 1[x ≤ Q];
    Woodruff (1952). Beside a gap between two modes the true quantile may lie on its other side. So where a share `GAP` of
    the way between the quantiles at q ± kδ, k errors being a 95 % interval, is one gap, and not that to a few outliers,
    the error is a k-th of the distance to the further one. Too small where few samples lie beyond the quantile.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, `Draws`, or None for equal ones.
        q: levels between 0 and 1.

    Returns:
        (q, …); NaN for one sample.
    """
    values, q = np.asarray(values), np.atleast_1d(np.asarray(q, np.float64))
    draws = Draws.of(weights, len(values))
    if not draws.degrees > 0:
        return np.full((len(q), *values.shape[1:]), np.nan)
    flat = values.reshape(len(values), -1)
    ranked, shares = _ranked(flat, draws)
    midpoints = np.cumsum(shares, axis=0) - 0.5 * shares
    squares = np.cumsum(shares**2, axis=0) - 0.5 * shares**2
    square, moves = np.sum(shares[:, 0] ** 2), _quantile_moves(flat, draws, q)
    columns, factor = [], draws.interval_factor
    for j, (middle, column, below) in enumerate(zip(midpoints.T, ranked.T, squares.T, strict=True)):
        beneath = np.interp(q, middle, below)
        variance = ((1.0 - q) ** 2 * beneath + q**2 * (square - beneath)) * draws.error_correction
        delta = draws.combined(np.sqrt(variance), None if moves is None else moves[..., j])
        error = 0.5 * (np.interp(q + delta, middle, column) - np.interp(q - delta, middle, column))
        columns.append(np.maximum(error, _across(middle, column, q, delta, factor)))
    return np.stack(columns, axis=1).reshape(len(q), *values.shape[1:])


def _across(middle: np.ndarray, column: np.ndarray, q: np.ndarray, delta: np.ndarray, factor: float) -> Any:
    """Errors of quantiles whose interval, q ± factor · delta, has a gap in it; 0 where it has none.

    Args:
        middle: distribution function at each value.
        column: the values, sorted.
        q: the quantiles' levels.
        delta: standard error of the distribution function at each.
        factor: standard errors on either side of a 95 % interval.
    """
    steps, found = np.diff(column), np.zeros(len(q))
    lowest, at, highest = (np.interp(q + side * delta, middle, column) for side in (-factor, 0.0, factor))
    wide = GAP * (highest - lowest)
    for i in np.flatnonzero((wide > 0) & (np.max(steps, initial=0.0) >= wide)):
        inner = max(q[i] - factor * delta[i], delta[i]), min(q[i] + factor * delta[i], 1.0 - delta[i])
        first, last = np.searchsorted(middle, inner)
        inside = steps[max(first - 1, 0) : last]
        if np.count_nonzero(inside) >= FEWEST and inside.max() >= wide[i]:
            found[i] = max(highest[i] - at[i], at[i] - lowest[i]) / factor
    return found


def _quantile_moves(flat: np.ndarray, draws: Draws, q: np.ndarray) -> np.ndarray | None:
    """Move of the distribution function at each quantile by each replicate, (replicate, q, column)."""
    if draws.replicate is None:
        return None
    places = weighted_quantiles(flat, draws, q)
    return np.stack([draws.moves((flat <= at) - level) for at, level in zip(places, q, strict=True)], axis=1)


def weighted_correlation(values: np.ndarray, weights: Weights = None) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of each two variables over the first axis, and its standard error.

    With standardised values z the influence on the correlation r of two variables is z z' − r (z² + z'²)/2.

    Args:
        values: (sample, …, variable).
        weights: (sample,), not negative, `Draws`, or None for equal ones.

    Returns:
        Twice (…, variable, variable); NaN where a variable does not vary.
    """
    values, draws = np.asarray(values, np.float64), Draws.of(weights, len(values))
    shares = draws.shares
    centred = values - weighted_mean(values, shares)
    varies = np.ptp(values[shares > 0], axis=0) > 0
    variance = np.where(varies, np.tensordot(shares, centred**2, axes=1), np.nan)
    z = centred / np.sqrt(variance)
    columns = np.moveaxis(z * np.sqrt(_column(shares, z)), 0, -1)
    correlation = np.clip(columns @ np.swapaxes(columns, -1, -2), -1.0, 1.0)
    errors = []
    for i in range(values.shape[-1]):  # one row at a time: all pairs of all samples at once would not fit
        one = z[..., i : i + 1]
        influence = one * z - 0.5 * correlation[..., i, :] * (one**2 + z**2)
        errors.append(draws.error(influence))
    return correlation, np.stack(errors, axis=-2)


def weighted_autocorrelation(values: np.ndarray, weights: Weights = None) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of a series with itself k steps later, and its standard error.

    With y the departure from the ensemble's mean at each time, r(k) = C / √(A B) for
    C = Σ_t E y(t) y(t + k), A = Σ_t E y(t)², B = Σ_t E y(t + k)², where t runs over 0 … T − 1 − k. A sample's
    influence is c/√(A B) − r (a/A + b/B)/2, small letters for what it adds to C, A and B.

    Args:
        values: (sample, time, …).
        weights: (sample,), not negative, `Draws`, or None for equal ones.

    Returns:
        Twice (lag, …), lags 0 … T − 1; NaN where nothing varies.
    """
    values, draws = np.asarray(values, np.float64), Draws.of(weights, len(values))
    shares = draws.shares
    length = values.shape[1]
    y = values - weighted_mean(values, shares)
    transform = np.fft.rfft(y, 2 * length, axis=1)  # padded: no product may wrap around
    c = np.fft.irfft(np.abs(transform) ** 2, 2 * length, axis=1)[:, :length]
    a = np.cumsum(y**2, axis=1)[:, ::-1]
    b = np.cumsum(y[:, ::-1] ** 2, axis=1)[:, ::-1]
    varies = np.ptp(values[shares > 0], axis=0) > 0
    some = np.logical_or.accumulate(varies)[::-1] & np.logical_or.accumulate(varies[::-1])[::-1]
    top, first, last = (np.where(some, np.tensordot(shares, part, axes=1), np.nan) for part in (c, a, b))
    size = np.sqrt(first * last)
    correlation = np.clip(top / size, -1.0, 1.0)
    influence = c / size - 0.5 * correlation * (a / first + b / last)
    return correlation, draws.error(influence)


def weighted_histogram(
    points: tuple[np.ndarray, np.ndarray], weights: Weights, edges: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of a plane's points in each cell, and its standard error.

    A sample and all its points are one draw.

    Args:
        points: first and second coordinates, (sample, point) each.
        weights: (sample,), not negative, `Draws`, or None for equal ones.
        edges: increasing; a cell holds its lower edges, the last ones also their upper edge.

    Returns:
        Twice (cell, cell). Points outside the edges count in the total.
    """
    num_samples, num_points = points[0].shape
    draws, shape = Draws.of(weights, num_samples), (len(edges[0]) - 1, len(edges[1]) - 1)
    cells, inside = np.zeros(points[0].shape, np.int64), np.ones(points[0].shape, bool)
    for values, sides, count in zip(points, edges, shape, strict=True):
        cell = np.where(values == sides[-1], count - 1, np.searchsorted(sides, values, side="right") - 1)
        inside &= (cell >= 0) & (cell < count)
        cells = cells * count + cell
    owner = np.broadcast_to(np.arange(num_samples)[:, None], inside.shape)[inside]
    size = shape[0] * shape[1]
    pairs, visits = np.unique(owner * size + cells[inside], return_counts=True)
    owner, cell, part = pairs // size, pairs % size, visits / num_points
    mean = np.bincount(cell, draws.shares[owner] * part, size)
    squares = draws.shares[owner] ** 2
    spread = np.bincount(cell, squares * (part**2 - 2.0 * part * mean[cell]), size)
    spread = np.maximum(spread + np.sum(draws.shares**2) * mean**2, 0.0)
    moves = None
    if draws.replicate is not None:
        labels, row = np.unique(draws.replicate, return_inverse=True)
        visited = np.bincount(row[owner] * size + cell, draws.shares[owner] * part, len(labels) * size)
        moves = visited.reshape(-1, size) - np.multiply.outer(draws.replicate_shares, mean)
    error = draws.combined(np.sqrt(spread * draws.error_correction), moves)
    return mean.reshape(shape), error.reshape(shape)


class CRPS(NamedTuple):
    """Continuous ranked probability scores of a finite sample, with a standard error.

    Attributes:
        plain: Σp|x − y| − ½ ΣΣ p p'|x − x'|, the score of the ensemble as it is.
        fair: the double sum over (1 − Σp²): unbiased for the score of the law that was sampled.
        error: of both, to first order.
    """

    plain: np.ndarray
    fair: np.ndarray
    error: np.ndarray


def weighted_crps(values: np.ndarray, weights: Weights, truth: np.ndarray) -> CRPS:
    """Score of a sample as a forecast of `truth`; smaller is better.

    With D_i = Σ_j p_j |x_i − x_j| a sample's influence is |x_i − y| − D_i, less its mean.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, `Draws`, or None for equal ones.
        truth: (…), what came.

    Returns:
        Scores (…); the fair one and the error are NaN for one sample.
    """
    truth = np.asarray(truth, np.float64)
    gaps = np.asarray(values, np.float64) - truth  # near zero, where differences of sums keep their digits
    draws = Draws.of(weights, len(gaps))
    order = np.argsort(gaps, axis=0)
    x, p = np.take_along_axis(gaps, order, axis=0), draws.shares[order]
    below, moment = np.cumsum(p, axis=0), np.cumsum(p * x, axis=0)
    distance = x * (2.0 * below - 1.0) + moment[-1] - 2.0 * moment
    spread, miss = np.sum(p * distance, axis=0), np.sum(p * np.abs(x), axis=0)
    influence = np.empty_like(x)
    np.put_along_axis(influence, order, np.abs(x) - distance - (miss - spread), axis=0)
    return CRPS(miss - 0.5 * spread, miss - 0.5 * spread * draws.correction, draws.error(influence))


def weighted_place(
    values: np.ndarray, weights: Weights, truth: np.ndarray, uniform: np.ndarray
) -> np.ndarray:
    """Place of `truth` in a sample, between 0 and 1.

    The place is the randomised rank over the number of ranks:

    (Σ_{x<y} p + u (Σ_{x=y} p + Σp²)) / (1 + Σp²): the truth counts as one more sample of effective size.
    With n equal weights this is (rank + u')/(n + 1), ranks 0 … n, ties broken at random, and exactly
    uniform for a truth that is exchangeable with the samples; with other weights for many samples.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, `Draws`, or None for equal ones.
        truth: (…), what came.
        uniform: (…), independent uniform numbers u in [0, 1).
    """
    values, shares = np.asarray(values), Draws.of(weights, len(values)).shares
    square = float(np.sum(shares**2))
    below = np.tensordot(shares, values < truth, axes=1)
    tied = np.tensordot(shares, values == truth, axes=1)
    return np.asarray((below + uniform * (tied + square)) / (1.0 + square))


def kolmogorov_distance(
    a: np.ndarray, b: np.ndarray, weights: Float[np.ndarray, " sample"] | None = None
) -> float:
    """Largest gap between the empirical distribution functions of two one-dimensional samples.

    Args:
        a: a sample.
        b: another.
        weights: of `a`, not negative, or None for equal ones.
    """
    a, b = np.ravel(a), np.sort(np.ravel(b))
    order = np.argsort(a, kind="stable")
    shares = np.full(a.size, 1.0) if weights is None else np.asarray(weights, np.float64)[order]
    below = np.concatenate([[0.0], np.cumsum(shares) / np.sum(shares)])
    a = a[order]
    both = np.concatenate([a, b])
    below_a = below[np.searchsorted(a, both, side="right")]
    below_b = np.searchsorted(b, both, side="right") / b.size
    return float(np.abs(below_a - below_b).max())


def rollout_error(samples: np.ndarray, rollouts: np.ndarray) -> Float[np.ndarray, " time"]:
    """Geometric mean over samples of Σ|x − y| / (Σ|x| + Σ|y|), sums over variables.

    The prediction metric of Finzi et al. (2023): a sampled trajectory against the system's own
    continuation from one of the sample's states.

    Args:
        samples: (sample, time, variable).
        rollouts: the same shape.
    """
    gap = np.abs(samples - rollouts).sum(-1)
    size = np.abs(samples).sum(-1) + np.abs(rollouts).sum(-1)
    return np.exp(np.mean(np.log(np.maximum(gap / size, 1e-12)), axis=0))
