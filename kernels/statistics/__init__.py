"""Statistics of weighted ensembles, each with its Monte Carlo error."""

from kernels.statistics.weighted import (
    effective_sample_size,
    kolmogorov_distance,
    rollout_error,
    weighted_mean,
    weighted_quantiles,
)

__all__ = [
    "effective_sample_size",
    "kolmogorov_distance",
    "rollout_error",
    "weighted_mean",
    "weighted_quantiles",
]
