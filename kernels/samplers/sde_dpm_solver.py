"""SDE-DPM-Solver++(2M), a second-order multistep solver of the reverse diffusion SDE.

With r = σ'/σ and the extrapolated denoiser output D̃, a step draws x' ~ N(m, v I),

    m = r² x + (1 − r²) D̃,    v = σ'² (1 − r²).

The kernel is Gaussian given the history (x, D₋), which gives path weights in closed form.
Lu et al., DPM-Solver++ (arXiv:2211.01095), in the variance-exploding form.
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.samplers.base import Batch, Levels, SamplerState, extrapolate

__all__ = ["SDEDPMSolver"]


@dataclasses.dataclass(frozen=True)
class SDEDPMSolver:
    """Stochastic; the default for reports."""

    stochastic: bool = True

    def transition(
        self, state: SamplerState, x0_hat: Batch, levels: Levels
    ) -> tuple[Batch, Float[Array, ""]]:
        """Mean (sample, time, variable) and variance v of the step's Gaussian kernel."""
        square = (levels.following / levels.sigma) ** 2
        mean = square * state.x + (1.0 - square) * extrapolate(state, x0_hat, levels)
        return mean, levels.following**2 * (1.0 - square)

    def step(self, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState:
        mean, variance = self.transition(state, x0_hat, levels)
        return SamplerState(mean + jnp.sqrt(variance) * noise, x0_hat)
