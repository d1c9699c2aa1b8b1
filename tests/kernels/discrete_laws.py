"""What a solver's samples are distributed like on a one-dimensional Gaussian: a linear recursion.

For x₀ ~ N(0, v) the denoiser is D = v/(v + σ²) x, so each step maps (x, D₋) linearly and adds noise;
the second moments follow exactly.
"""

import numpy as np


def final_variance(solver: str, sigmas: np.ndarray, v: float) -> float:
    """Variance of the sample that `solver` returns; "dpm" or "sde_dpm"."""
    gain = v / (v + sigmas**2)
    moments = np.zeros((2, 2))  # of (x, previous D)
    moments[0, 0] = v + sigmas[0] ** 2
    for k in range(len(sigmas) - 1):
        ratio = sigmas[k + 1] / sigmas[k]
        if solver == "sde_dpm":
            ratio, noise = ratio**2, sigmas[k + 1] ** 2 * (1 - ratio**2)
        else:
            noise = 0.0
        h = np.log(sigmas[k] / sigmas[k + 1])
        weight = 0.0 if k == 0 else 0.5 * h / np.log(sigmas[k - 1] / sigmas[k])
        step = np.array(
            [
                [ratio + (1 - ratio) * (1 + weight) * gain[k], -(1 - ratio) * weight],
                [gain[k], 0.0],
            ]
        )
        moments = step @ moments @ step.T
        moments[0, 0] += noise
    return float(gain[-1] ** 2 * moments[0, 0])
