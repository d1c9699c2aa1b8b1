"""Noise levels: σ grids from pure noise to data.

x_σ = x₀ + σ ε in standardised units. `SIGMA_MAX` and `SIGMA_MIN` bound every default grid; a grid
of `num_steps` network evaluations has `num_steps` positive, decreasing levels, log-spaced, as log σ
is the natural clock of the perturbation (Karras et al. 2022 use a polynomial; for event
probabilities the logarithm had the smaller bias).
"""

import numpy as np
from jaxtyping import Float

__all__ = ["SIGMA_MAX", "SIGMA_MIN", "log_grid"]

SIGMA_MAX = 80.0
SIGMA_MIN = 0.002


def log_grid(
    num_steps: int, *, sigma_max: float = SIGMA_MAX, sigma_min: float = SIGMA_MIN
) -> Float[np.ndarray, " steps"]:
    """Decreasing noise levels, one for each network evaluation.

    Args:
        num_steps: number of levels, at least 2.
        sigma_max: first level.
        sigma_min: last level, at which the denoiser's output is the sample.

    Returns:
        (num_steps,), float64, standardised units.

    Raises:
        ValueError: fewer than 2 steps, or levels that do not decrease.
    """
    if num_steps < 2:
        raise ValueError(f"`num_steps` must be at least 2; got {num_steps}.")
    if not 0 < sigma_min < sigma_max:
        raise ValueError(f"`sigma_min` must lie between 0 and `sigma_max`; got {sigma_min} and {sigma_max}.")
    return np.geomspace(sigma_max, sigma_min, num_steps)
