"""Statistics of weighted arrays: quantiles, correlations, scores, distances.

A sample x_i has the weight w_i ≥ 0 and the share p_i = w_i / Σw; Σp² is one over the effective size.
A statistic moves by p_i φ_i with its sample i, φ being its influence (x_i − Σp x for the mean), so
that its standard error is the linearised one of a ratio estimator,

    error² = Σ p_i² φ_i² / (1 − Σp²),

s/√n for a mean with equal weights; NaN for a single sample. Samples count as independent.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

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


def effective_sample_size(weights: Float[np.ndarray, " sample"]) -> float:
    """Effective sample size (Σw)² / Σw² of weights; 0 when all are 0."""
    weights = np.asarray(weights, np.float64)
    square = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / square if square > 0 else 0.0


def weighted_mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the first axis.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, or None for equal ones.
    """
    return np.asarray(np.average(np.asarray(values, np.float64), axis=0, weights=weights))


def weighted_quantiles(values: np.ndarray, weights: np.ndarray | None, q: np.ndarray) -> np.ndarray:
    """Quantiles over the first axis of the weighted distribution function.

    The distribution function is interpolated at its midpoints.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, or None for equal ones.
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


def _ranked(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of positive weight (sample, column) sorted in each column, and the share of each."""
    shares = _shares(weights, len(values))
    keep = shares > 0
    flat = values[keep].reshape(int(keep.sum()), -1)
    order = np.argsort(flat, axis=0)
    return np.take_along_axis(flat, order, axis=0), shares[keep][order]


def _shares(weights: np.ndarray | None, num_samples: int) -> Float[np.ndarray, " sample"]:
    """Shares p_i = w_i / Σw."""
    weights = np.ones(num_samples) if weights is None else np.asarray(weights, np.float64)
    if not np.any(weights > 0):
        raise ValueError("`weights` must have a positive entry.")
    return weights / weights.sum()


def _column(shares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Shares with axes appended, to multiply (sample, …)."""
    return shares.reshape(-1, *[1] * (values.ndim - 1))


def _influence_error(influence: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Standard error of a statistic from the influence (sample, …) of each sample on it."""
    return np.asarray(np.sqrt(np.tensordot(shares**2, influence**2, axes=1) * _correction(shares)))


def _correction(shares: np.ndarray) -> float:
    """Factor 1 / (1 − Σp²); n / (n − 1) for equal weights; NaN for one sample."""
    square = float(np.sum(shares**2))
    return 1.0 / (1.0 - square) if square < 1.0 else np.nan


def weighted_error(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Standard error of `weighted_mean`: Σp²(x − Σpx)² / (1 − Σp²), its root.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, or None for equal ones.
    """
    values, shares = np.asarray(values, np.float64), _shares(weights, len(values))
    return _influence_error(values - weighted_mean(values, shares), shares)


def weighted_variance(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Variance Σp(x − Σpx)² / (1 − Σp²) over the first axis; NaN for one sample.

    It is unbiased for weights that do not depend on x.
    """
    values, shares = np.asarray(values, np.float64), _shares(weights, len(values))
    centred = values - weighted_mean(values, shares)
    return np.asarray(np.tensordot(shares, centred**2, axes=1) * _correction(shares))


def weighted_quantile_errors(values: np.ndarray, weights: np.ndarray | None, q: np.ndarray) -> np.ndarray:
    """Standard errors of `weighted_quantiles`: half the gap between the quantiles at q ± δ.

    δ is the standard error of the distribution function at the quantile, δ² = Σp²(1[x ≤ Q] − q)² / (1 − Σp²);
    Woodruff (1952). Too small where few samples lie beyond the quantile.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, or None for equal ones.
        q: levels between 0 and 1.

    Returns:
        (q, …); NaN for one sample.
    """
    values, q = np.asarray(values), np.atleast_1d(np.asarray(q, np.float64))
    ranked, shares = _ranked(values, np.ones(len(values)) if weights is None else weights)
    square, correction = np.sum(shares[:, 0] ** 2), _correction(shares[:, 0])
    if np.isnan(correction):
        return np.full((len(q), *values.shape[1:]), np.nan)
    midpoints = np.cumsum(shares, axis=0) - 0.5 * shares
    squares = np.cumsum(shares**2, axis=0) - 0.5 * shares**2
    columns = []
    for middle, column, below in zip(midpoints.T, ranked.T, squares.T, strict=True):
        beneath = np.interp(q, middle, below)
        delta = np.sqrt(((1.0 - q) ** 2 * beneath + q**2 * (square - beneath)) * correction)
        columns.append(0.5 * (np.interp(q + delta, middle, column) - np.interp(q - delta, middle, column)))
    return np.stack(columns, axis=1).reshape(len(q), *values.shape[1:])


def weighted_correlation(
    values: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of each two variables over the first axis, and its standard error.

    With standardised values z the influence on the correlation r of two variables is z z' − r (z² + z'²)/2.

    Args:
        values: (sample, …, variable).
        weights: (sample,), not negative, or None for equal ones.

    Returns:
        Twice (…, variable, variable); NaN where a variable does not vary.
    """
    values, shares = np.asarray(values, np.float64), _shares(weights, len(values))
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
        errors.append(_influence_error(influence, shares))
    return correlation, np.stack(errors, axis=-2)


def weighted_autocorrelation(
    values: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of a series with itself k steps later, and its standard error.

    With y the departure from the ensemble's mean at each time, r(k) = C / √(A B) for
    C = Σ_t E y(t) y(t + k), A = Σ_t E y(t)², B = Σ_t E y(t + k)², where t runs over 0 … T − 1 − k. A sample's
    influence is c/√(A B) − r (a/A + b/B)/2, small letters for what it adds to C, A and B.

    Args:
        values: (sample, time, …).
        weights: (sample,), not negative, or None for equal ones.

    Returns:
        Twice (lag, …), lags 0 … T − 1; NaN where nothing varies.
    """
    values, shares = np.asarray(values, np.float64), _shares(weights, len(values))
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
    return correlation, _influence_error(influence, shares)


def weighted_histogram(
    points: tuple[np.ndarray, np.ndarray], weights: np.ndarray | None, edges: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of a plane's points in each cell, and its standard error.

    A sample and all its points are one draw.

    Args:
        points: first and second coordinates, (sample, point) each.
        weights: (sample,), not negative, or None for equal ones.
        edges: increasing; a cell holds its lower edges, the last ones also their upper edge.

    Returns:
        Twice (cell, cell). Points outside the edges count in the total.
    """
    num_samples, num_points = points[0].shape
    shares, shape = _shares(weights, num_samples), (len(edges[0]) - 1, len(edges[1]) - 1)
    cells, inside = np.zeros(points[0].shape, np.int64), np.ones(points[0].shape, bool)
    for values, sides, count in zip(points, edges, shape, strict=True):
        cell = np.where(values == sides[-1], count - 1, np.searchsorted(sides, values, side="right") - 1)
        inside &= (cell >= 0) & (cell < count)
        cells = cells * count + cell
    owner = np.broadcast_to(np.arange(num_samples)[:, None], inside.shape)[inside]
    size = shape[0] * shape[1]
    pairs, visits = np.unique(owner * size + cells[inside], return_counts=True)
    owner, cell, part = pairs // size, pairs % size, visits / num_points
    mean = np.bincount(cell, shares[owner] * part, size)
    squares = shares[owner] ** 2
    spread = (
        np.bincount(cell, squares * (part**2 - 2.0 * part * mean[cell]), size) + np.sum(shares**2) * mean**2
    )
    error = np.sqrt(np.maximum(spread, 0.0) * _correction(shares))
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


def weighted_crps(values: np.ndarray, weights: np.ndarray | None, truth: np.ndarray) -> CRPS:
    """Score of a sample as a forecast of `truth`; smaller is better.

    With D_i = Σ_j p_j |x_i − x_j| a sample's influence is |x_i − y| − D_i, less its mean.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, or None for equal ones.
        truth: (…), what came.

    Returns:
        Scores (…); the fair one and the error are NaN for one sample.
    """
    truth = np.asarray(truth, np.float64)
    gaps = np.asarray(values, np.float64) - truth  # near zero, where differences of sums keep their digits
    shares = _shares(weights, len(gaps))
    order = np.argsort(gaps, axis=0)
    x, p = np.take_along_axis(gaps, order, axis=0), shares[order]
    below, moment = np.cumsum(p, axis=0), np.cumsum(p * x, axis=0)
    distance = x * (2.0 * below - 1.0) + moment[-1] - 2.0 * moment
    spread, miss = np.sum(p * distance, axis=0), np.sum(p * np.abs(x), axis=0)
    influence = np.abs(x) - distance - (miss - spread)
    correction = _correction(shares)
    error = np.sqrt(np.sum(p**2 * influence**2, axis=0) * correction)
    return CRPS(miss - 0.5 * spread, miss - 0.5 * spread * correction, error)


def weighted_place(
    values: np.ndarray, weights: np.ndarray | None, truth: np.ndarray, uniform: np.ndarray
) -> np.ndarray:
    """Place of `truth` in a sample, between 0 and 1.

    The place is the randomised rank over the number of ranks:

    (Σ_{x<y} p + u (Σ_{x=y} p + Σp²)) / (1 + Σp²): the truth counts as one more sample of effective size.
    With n equal weights this is (rank + u')/(n + 1), ranks 0 … n, ties broken at random, and exactly
    uniform for a truth that is exchangeable with the samples; with other weights for many samples.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, or None for equal ones.
        truth: (…), what came.
        uniform: (…), independent uniform numbers u in [0, 1).
    """
    values, shares = np.asarray(values), _shares(weights, len(values))
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
