"""Known first states with shares: a start of its own for each sample of a forecast.

A known value that has a share of the law, no rain or a multiple of the gauge's resolution, tells an interval of its
score and no more. Scores are drawn from the Gaussian law of the known states, truncated to their intervals, by Gibbs
sampling: each in turn given all others, many starts at once (Geweke 1991).

    DrawnStarts(forecast, table)        # `drawn(latents)` gives each sample a row of the table
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.denoisers.forecast import ForecastDenoiser, GivenStart
from kernels.diffusion.gaussian import GaussianLaw
from kernels.trajectories.truncated import truncated_normal

__all__ = ["NUM_STARTS", "DrawnStarts", "drawn_starts", "is_started"]

NUM_STARTS = 256  # in a table
NUM_SWEEPS = 60
RIDGE = 1e-4  # added to the variances, standardised units


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class DrawnStarts:
    """Forecasting denoiser whose samples draw their first states from a table by further latents.

    Attributes:
        denoiser: the network.
        table: (start, known, score), standardised.
    """

    denoiser: ForecastDenoiser
    table: Float[Array, "start known score"]

    @property
    def num_latent_rows(self) -> int:
        """Rows that a sample's latents have more than its trajectory."""
        return 1

    @property
    def law(self) -> GaussianLaw:
        """Gaussian law of the data given the mean of the table."""
        return self.denoiser.given(self.table.mean(0)).law

    def drawn(self, latents: Float[Array, "sample row score"]) -> GivenStart:
        """Denoiser given the starts that latents draw, by the share of the first number."""
        share = jax.scipy.special.ndtr(jnp.asarray(latents)[:, 0, 0])
        rows = jnp.clip((share * len(self.table)).astype(jnp.int32), 0, len(self.table) - 1)
        return self.denoiser.given(self.table[rows])


def drawn_starts(
    law: GaussianLaw,
    low: Float[np.ndarray, "start known score"],
    high: Float[np.ndarray, "start known score"],
    *,
    seed: int = 0,
) -> Float[np.ndarray, "start known score"]:
    """Draws of known first states within intervals, given each other.

    Args:
        law: of whole trajectories, standardised.
        low: lower ends, standardised; of each start its own.
        high: upper ends; equal to `low` where a score is known.
        seed: of the draws.
    """
    shape = low.shape
    low, high = (np.asarray(end, np.float64).reshape(shape[0], -1) for end in (low, high))
    count = low.shape[1]
    mean, basis, variances = (np.asarray(part, np.float64) for part in law)
    mean, rows = mean.reshape(-1)[:count], basis[:count]
    precision = np.linalg.inv((rows * variances) @ rows.T + RIDGE * np.eye(count))
    deviations = 1.0 / np.sqrt(np.diag(precision))
    generator = np.random.default_rng(seed)
    x = np.clip(np.broadcast_to(mean, low.shape), low, high)
    free = np.flatnonzero((high > low).any(0))
    for _ in range(NUM_SWEEPS):
        for i in free:
            others = (x - mean) @ precision[i] - (x[:, i] - mean[i]) * precision[i, i]
            centre = mean[i] - others / precision[i, i]
            drawn = truncated_normal(generator, centre, np.full(len(x), deviations[i]), low[:, i], high[:, i])
            x[:, i] = np.where(high[:, i] > low[:, i], drawn, low[:, i])
    return x.reshape(shape).astype(np.float32)


def is_started(denoiser: Any) -> bool:
    """Whether a denoiser forecasts from first states that it was given."""
    return isinstance(denoiser, GivenStart | DrawnStarts)
