"""Systematic resampling of weighted particles.

Systematic resampling takes the points (i + u)/n, i = 0 … n − 1, with one uniform u, and for each the
particle in whose stretch of the cumulated weights it falls: particle j is taken ⌊n w_j⌋ or ⌈n w_j⌉
times, n w_j in the mean. Carpenter, Clifford and Fearnhead, IEE Proc. F 146 (1999).
"""

import numpy as np
from jaxtyping import Float, Int

__all__ = ["systematic"]


def systematic(
    weights: Float[np.ndarray, " particle"], num_samples: int, offset: float
) -> Int[np.ndarray, " sample"]:
    """Draw indices in proportion to the weights, in increasing order.

    Args:
        weights: not negative, at least one positive; normalised here.
        num_samples: how many to take.
        offset: u, uniform on [0, 1).
    """
    cumulated = np.cumsum(np.asarray(weights, np.float64))
    points = (np.arange(num_samples) + offset) / num_samples * cumulated[-1]
    last = np.flatnonzero(weights)[-1]  # rounding must not lead to a particle of weight 0
    return np.minimum(np.searchsorted(cumulated, points, side="right"), last)
