"""Generalised Pareto tail of a variable: beyond a high threshold u, excesses y = x − u have the survival function

    S(y) = (1 + ξ y/σ)^(−1/ξ),    exp(−y/σ) at ξ = 0,    0 from y = −σ/ξ on where ξ < 0

with scale σ > 0 and shape ξ, so that P(X > x) = P(X > u) S(x − u). The fit maximises the likelihood times a prior on
the shape, ξ ~ N(0.1, 0.2²), about what is found in nature: a little wider than that of Martins & Stedinger (2000), with
room for tails that end. It hardly matters for hundreds of excesses and keeps twenty from running away. Values on a
grid, as gauges give them, stand for the cell around them: their likelihood is S(y − δ/2) − S(y + δ/2), and u lies on
an edge.

Excesses come in clusters, which tell less than as many independent ones. With H the observed information and J the
variance of the score, summed within clusters, the likelihood counts 1/φ, φ = tr(H⁻¹J)/2 ≥ 1, both against the prior
and in the errors (Ribatet et al. 2012). Clusters are those of `kernels.statistics.clusters`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy import optimize

from kernels.statistics.clusters import cluster_labels

__all__ = [
    "Excesses",
    "ParetoTail",
    "excess_log_survival",
    "fit_excesses",
    "fit_tail",
    "independent_excesses",
    "log_prior",
    "log_terms",
    "tail_threshold",
]

SHARE = 0.03  # of the values beyond the threshold, where that is enough of them
MIN_VALUES, MIN_EXCEEDANCES, MIN_DISTINCT = 50, 20, 10
MOST_SHARE = 0.2  # beyond the threshold, for the sake of distinct values
PRIOR_MEAN, PRIOR_SD = 0.1, 0.2  # of the shape
SHAPES = (-0.5, 1.0)  # shapes beyond have no regular likelihood, or no mean
STEP = 1e-4  # of numerical derivatives
LARGEST_DIVISOR = 10  # of the smallest difference of distinct values, in the search for their grid
OFF_GRID = 0.02  # steps that a value may be off its grid, beyond single precision


class ParetoTail(NamedTuple):
    """Generalised Pareto law of a variable beyond a threshold.

    Attributes:
        threshold: where the tail begins, in the variable's units.
        scale: σ > 0, in the variable's units.
        shape: ξ; below 0 the tail ends.
        share: P(X > threshold), the share of values beyond.
        num_exceedances: values beyond.
        shape_error: standard error of the shape, clusters counted.
        covariance: (2, 2) of log scale and shape.
    """

    threshold: float
    scale: float
    shape: float
    share: float
    num_exceedances: int
    shape_error: float
    covariance: Float[np.ndarray, "2 2"]

    @property
    def end_point(self) -> float:
        """Largest possible value; ∞ for a shape that is not negative."""
        return self.threshold - self.scale / self.shape if self.shape < 0.0 else np.inf

    def log_survival(self, x: Shaped[np.ndarray, "*any"] | float) -> Shaped[np.ndarray, "*any"]:
        """Logarithm of P(X > x) beyond the threshold; −∞ from the end point on, log share up to the threshold."""
        excess = np.maximum(np.asarray(x, np.float64) - self.threshold, 0.0)
        return np.log(self.share) + excess_log_survival(excess, self.scale, self.shape)

    def quantile(self, log_survival: Shaped[np.ndarray, "*any"] | float) -> Shaped[np.ndarray, "*any"]:
        """Value x with log P(X > x) as given; the threshold where that is more than log share."""
        depth = np.maximum(np.log(self.share) - np.asarray(log_survival, np.float64), 0.0)
        if self.shape == 0.0:
            return self.threshold + self.scale * depth
        with np.errstate(over="ignore"):
            return self.threshold + self.scale * np.expm1(self.shape * depth) / self.shape


class Excesses(NamedTuple):
    """Distinct excesses over a threshold, with their weight.

    Attributes:
        low: lower edge of the cell that each stands for; its value itself without a grid.
        high: upper edge.
        weight: of each; they sum to the number of values that all are worth.
        index: distinct excess of each value.
        cluster: label of each value, from 0.
        each: weight of each value.
    """

    low: Float[np.ndarray, " distinct"]
    high: Float[np.ndarray, " distinct"]
    weight: Float[np.ndarray, " distinct"]
    index: Int[np.ndarray, " value"]
    cluster: Int[np.ndarray, " value"]
    each: Float[np.ndarray, " value"]


def excess_log_survival(
    excess: Shaped[np.ndarray, "..."],
    scale: Shaped[np.ndarray, "..."] | float,
    shape: Shaped[np.ndarray, "..."] | float,
) -> np.ndarray:
    """Logarithm of S(y) of excesses y ≥ 0 under a scale and a shape; they broadcast."""
    reduced = np.asarray(excess / scale)
    inner = np.asarray(shape * reduced)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.abs(inner) < 1e-8, 1.0 - inner / 2.0, np.log1p(np.maximum(inner, -1.0)) / inner)
        return np.where(inner <= -1.0, -np.inf, -reduced * ratio)


def fit_tail(
    values: Shaped[np.ndarray, " value"],
    *,
    share: float = SHARE,
    weights: Shaped[np.ndarray, " value"] | None = None,
    bound: float | None = None,
    clusters: Shaped[np.ndarray, " value"] | None = None,
) -> ParetoTail:
    """Pareto tail above a high threshold, by penalised maximum likelihood; negate values for the lower tail.

    Args:
        values: a series in the order of time, or any sample if `clusters` are given; not finite where missing.
        share: of the values that the tail is to hold. It holds more where these are fewer than 20, or
            fewer than 10 distinct ones.
        weights: not negative; None for equal ones.
        bound: a hard end point b above all values. The shape then is −σ/(b − threshold), without a prior.
        clusters: labels, equal for values that belong to the same occurrence; None finds those of a series.

    Raises:
        ValueError: fewer than 50 values; fewer than 10 distinct ones beyond any high threshold; values at or
            beyond the bound, which are no part of the tail.
    """
    values = np.asarray(values, np.float64)
    there = np.isfinite(values)
    if weights is not None:
        there &= np.asarray(weights) > 0
    if there.sum() < MIN_VALUES:
        raise ValueError(
            f"`values` must hold at least {MIN_VALUES} finite numbers for a Pareto tail; got {there.sum()}."
        )
    if not 0.0 < share < 1.0:
        raise ValueError(f"`share` must lie between 0 and 1; got {share}.")
    rows, found = np.flatnonzero(there), values[there]
    if bound is not None and found.max() >= bound:
        raise ValueError(
            f"`values` must lie below the `bound` {bound:g}; the largest is {found.max():g}. "
            "Take out what lies at the bound, or give no bound."
        )
    weight = np.ones(found.size) if weights is None else np.asarray(weights, np.float64)[there]
    threshold, step = tail_threshold(found, share, weight)
    beyond = found > threshold
    labels = cluster_labels(rows[beyond]) if clusters is None else np.asarray(clusters)[there][beyond]
    excesses = _excesses(found[beyond] - threshold, weight[beyond], labels, step)
    share = float(weight[beyond].sum() / weight.sum())
    if bound is None:
        return _fitted(excesses, threshold, share)
    return _bounded(excesses, threshold, share, bound - threshold)


def fit_excesses(peaks: Shaped[np.ndarray, " peak"], threshold: float) -> ParetoTail:
    """Pareto law of independent values above a given threshold; its share is 1.

    Raises:
        ValueError: no value, or one that is not above the threshold.
    """
    return _fitted(independent_excesses(peaks, threshold), threshold, 1.0)


def independent_excesses(peaks: Shaped[np.ndarray, " peak"], threshold: float) -> Excesses:
    """Excesses of independent values, whose grid lies wholly above the threshold or is not regarded."""
    peaks = np.asarray(peaks, np.float64)
    if not peaks.size or not peaks.min() > threshold:
        raise ValueError(f"`peaks` must be numbers above the threshold {threshold:g}, at least one.")
    step = _resolution(np.unique(peaks))
    step = step if peaks.min() - step / 2.0 >= threshold - 1e-3 * step else 0.0
    return _excesses(peaks - threshold, np.ones(peaks.size), np.arange(peaks.size), step)


def tail_threshold(
    found: Shaped[np.ndarray, " value"], share: float, weight: Shaped[np.ndarray, " value"] | None = None
) -> tuple[float, float]:
    """Threshold with a share of finite values beyond, or more, see `fit_tail`, and the step of their grid; 0 for none."""
    distinct, inverse, counts = np.unique(found, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weight)
    beyond = np.cumsum(shares[::-1]) / shares.sum()  # share from each distinct value on, largest first
    counts = np.cumsum(counts[::-1])
    last = int(np.argmax((beyond >= share * (1.0 - 1e-9)) & (counts >= MIN_EXCEEDANCES)))
    if last + 1 < MIN_DISTINCT:
        last = min(MIN_DISTINCT, distinct.size) - 1
        if last + 1 < MIN_DISTINCT or beyond[last] > MOST_SHARE:
            raise ValueError(
                f"`values` must hold at least {MIN_DISTINCT} distinct numbers in the tail; their largest "
                f"{MOST_SHARE:.0%} hold {int(np.sum(beyond <= MOST_SHARE))}."
            )
    if last + 1 >= distinct.size:
        raise ValueError("`values` must not all lie in the tail. Ask for a smaller `share`.")
    lowest, below = distinct[-last - 1], distinct[-last - 2]
    step = _resolution(distinct[-last - 2 :])
    return float(lowest - step / 2.0 if step else below), step


def _resolution(distinct: Float[np.ndarray, " distinct"]) -> float:
    """Step of the grid that increasing values lie on; 0 if they lie on none that single precision can tell."""
    if distinct.size < 3:
        return 0.0
    steps, blur = np.diff(distinct), 2.0**-22 * np.max(np.abs(distinct))
    for divisor in range(1, LARGEST_DIVISOR + 1):
        step = float(np.min(steps)) / divisor
        if step < 10.0 * blur:
            return 0.0
        for _ in range(2):  # the smallest difference is only as exact as single precision
            whole = np.round((distinct - distinct[0]) / step)
            step = float((distinct[-1] - distinct[0]) / whole[-1])
        if np.all(np.abs((distinct - distinct[0]) / step - whole) <= OFF_GRID + blur / step):
            return step
    return 0.0


def _excesses(excess: np.ndarray, weight: np.ndarray, cluster: np.ndarray, step: float) -> Excesses:
    weight = weight * (weight.sum() / np.sum(weight**2))  # they sum to the effective number
    distinct, index = np.unique(excess, return_inverse=True)
    low, high = np.maximum(distinct - step / 2.0, 0.0), distinct + step / 2.0
    labels = np.unique(cluster, return_inverse=True)[1]
    return Excesses(low, high, np.bincount(index, weight), index, labels, weight)


def log_terms(excesses: Excesses, scale: np.ndarray | float, shape: np.ndarray | float) -> np.ndarray:
    """Log-likelihood of each distinct excess, of its cell where there is a grid; scale and shape broadcast."""
    upper = excess_log_survival(excesses.high, scale, shape)
    if excesses.low[0] == excesses.high[0]:
        return (1.0 + shape) * upper - np.log(scale)
    lower = excess_log_survival(excesses.low, scale, shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isneginf(lower), -np.inf, lower + np.log(-np.expm1(upper - lower)))


def log_prior(shape: Shaped[np.ndarray, "..."] | float) -> np.ndarray:
    """Logarithm of the shape's prior, up to a constant."""
    within = (SHAPES[0] <= np.asarray(shape)) & (np.asarray(shape) <= SHAPES[1])
    return np.where(within, -0.5 * ((shape - PRIOR_MEAN) / PRIOR_SD) ** 2, -np.inf)


def _fitted(excesses: Excesses, threshold: float, share: float) -> ParetoTail:
    place, inflation = _start(excesses), 1.0
    for _ in range(2):  # with what clusters are worth, once that is known
        place = _mode(excesses, place, inflation)
        information = _information(excesses, place)
        inflation = _inflation(excesses, _scores(excesses, place), information)
    place = _mode(excesses, place, inflation)
    precision = _information(excesses, place) / inflation + np.diag([0.0, PRIOR_SD**-2.0])
    covariance = np.linalg.inv(precision)
    scale, shape = float(np.exp(place[0])), float(place[1])
    error = float(np.sqrt(covariance[1, 1]))
    return ParetoTail(threshold, scale, shape, share, excesses.index.size, error, covariance)


def _start(excesses: Excesses) -> np.ndarray:
    """Log scale and shape to begin with: exponential, a little heavier."""
    middle = 0.5 * (excesses.low + excesses.high)
    return np.array([np.log(np.average(middle, weights=excesses.weight)), 0.05])


def _mode(excesses: Excesses, place: np.ndarray, inflation: float) -> np.ndarray:
    def loss(place: np.ndarray) -> float:
        terms = log_terms(excesses, np.exp(place[0]), place[1])
        value = float(log_prior(place[1])) + float(excesses.weight @ terms) / inflation
        return -value if np.isfinite(value) else np.inf

    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000, "initial_simplex": place + 0.1 * np.eye(3, 2)}
    return optimize.minimize(loss, place, method="Nelder-Mead", options=options).x


def _scores(excesses: Excesses, place: np.ndarray) -> np.ndarray:
    """Derivatives (distinct, 2) of the log-likelihood of each distinct excess."""
    moves = STEP * np.eye(2)
    sides = [
        [log_terms(excesses, np.exp(p[0]), p[1]) for p in (place + move, place - move)] for move in moves
    ]
    return np.stack([(up - down) / (2.0 * STEP) for up, down in sides], axis=1)


def _information(excesses: Excesses, place: np.ndarray) -> np.ndarray:
    """Observed information (2, 2) without the prior; the expected one where the tail ends too close to the data."""
    sides = [[_scores(excesses, place + sign * move) for sign in (1, -1)] for move in STEP * np.eye(2)]
    rows = [excesses.weight @ (down - up) / (2.0 * STEP) for up, down in sides]
    observed = 0.5 * (np.array(rows) + np.array(rows).T)
    if np.isfinite(observed).all() and np.linalg.eigvalsh(observed)[0] > 0.0:
        return observed
    shape = max(place[1], -0.45)
    each = np.array([[1.0, 1.0 / (1.0 + shape)], [1.0 / (1.0 + shape), 2.0 / (1.0 + shape)]])
    return excesses.weight.sum() * each / (1.0 + 2.0 * shape)


def _inflation(excesses: Excesses, scores: np.ndarray, information: np.ndarray) -> float:
    """Variance of the score by the information, φ ≥ 1; scores (distinct, parameter)."""
    count = int(excesses.cluster.max()) + 1
    if count < 2 or not np.isfinite(scores).all():
        return float(max(excesses.index.size / count, 1.0))
    each = excesses.each[:, None] * scores[excesses.index]
    each = each - np.average(each, axis=0)
    sums = np.stack([np.bincount(excesses.cluster, column) for column in each.T], axis=1)
    variance = sums.T @ sums * count / (count - 1.0)
    return float(max(np.trace(np.linalg.solve(information, variance)) / len(information), 1.0))


def _bounded(excesses: Excesses, threshold: float, share: float, width: float) -> ParetoTail:
    """Tail with a known end point: −log(1 − y/width) is exponential, its mean −ξ."""
    depth = -np.log1p(-0.5 * (excesses.low + excesses.high) / width)
    count = excesses.weight.sum()
    mean = float(excesses.weight @ depth / count)
    scores = (depth / mean - 1.0)[:, None]
    variance = _inflation(excesses, scores, np.array([[count]])) / count
    covariance = variance * np.array([[1.0, -mean], [-mean, mean**2]])
    error = float(mean * np.sqrt(variance))
    return ParetoTail(threshold, mean * width, -mean, share, excesses.index.size, error, covariance)
