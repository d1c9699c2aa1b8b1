"""Statistics of weighted ensembles: quantiles, effective sizes, distances. Arrays in, arrays out."""

import numpy as np
from jaxtyping import Float

__all__ = [
    "effective_sample_size",
    "kolmogorov_distance",
    "rollout_error",
    "weighted_mean",
    "weighted_quantiles",
]


def effective_sample_size(weights: Float[np.ndarray, " sample"]) -> float:
    """(Σw)² / Σw²: how many equally weighted samples the weights are worth; 0 when all are 0."""
    weights = np.asarray(weights, np.float64)
    square = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / square if square > 0 else 0.0


def weighted_mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the first axis.

    Args:
        values: (sample, …).
        weights: (sample,), not negative, or None for equal ones.
    """
    return np.average(np.asarray(values, np.float64), axis=0, weights=weights)


def weighted_quantiles(values: np.ndarray, weights: np.ndarray | None, q: np.ndarray) -> np.ndarray:
    """Quantiles over the first axis, by interpolating the weighted distribution function at its midpoints.

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
    weights = np.asarray(weights, np.float64)
    keep = weights > 0
    if not keep.any():
        raise ValueError("`weights` must have a positive entry.")
    values, weights = values[keep], weights[keep]
    flat = values.reshape(len(values), -1)
    order = np.argsort(flat, axis=0)
    cumulative = np.cumsum(weights[order], axis=0)
    midpoints = (cumulative - 0.5 * weights[order]) / cumulative[-1]
    ranked = np.take_along_axis(flat, order, axis=0)
    columns = [np.interp(q, midpoints[:, j], ranked[:, j]) for j in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(len(q), *values.shape[1:])


def kolmogorov_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest gap between the empirical distribution functions of two one-dimensional samples."""
    a, b = np.sort(np.ravel(a)), np.sort(np.ravel(b))
    both = np.concatenate([a, b])
    below_a = np.searchsorted(a, both, side="right") / a.size
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
