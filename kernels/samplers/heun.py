"""Heun's method for the probability-flow ODE, and EDM's stochastic form of the method.

Both take two evaluations per step.

    dx/dσ = (x − D)/σ;   x̃ = x + (σ' − σ) d(x, σ),   x' = x + (σ' − σ) (d(x, σ) + d(x̃, σ')) / 2.

The stochastic form first raises the noise from σ to σ̂ = (1 + γ) σ, γ = min(churn / steps, √2 − 1),
adding √(σ̂² − σ²) ε. Karras et al. (2022), algorithms 1 and 2.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from kernels.samplers.base import Batch, Levels, SamplerState

__all__ = ["EDMHeun", "Heun"]


@dataclasses.dataclass(frozen=True)
class Heun:
    """Heun's method, deterministic."""

    churn: float = 0.0
    order = 2

    @property
    def stochastic(self) -> bool:
        return self.churn > 0

    def num_levels(self, num_evaluations: int) -> int:
        return max(2, (num_evaluations + 1) // 2)

    def plan(self, sigmas: Float[np.ndarray, " level"]) -> list[Levels]:
        """Plan of two evaluations per pair of neighbours: at the raised level, and at the next."""
        num_steps = len(sigmas) - 1
        raised = sigmas * (1.0 + min(self.churn / num_steps, np.sqrt(2.0) - 1.0))
        raised[-1] = sigmas[-1]  # the sample is what the denoiser makes of the last level as it is
        levels = []
        for index in range(num_steps):
            levels.append(Levels(np.inf, raised[index], sigmas[index + 1], 0.0))
            levels.append(Levels(raised[index], sigmas[index + 1], raised[index + 1], 1.0))
        return [Levels(*(np.float32(value) for value in level)) for level in levels]

    def step(self, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState:
        slope = (state.x - x0_hat) / levels.sigma
        predicted = state.x + (levels.following - levels.sigma) * slope
        first = (state.anchor - state.x0_previous) / levels.previous
        corrected = state.anchor + (levels.sigma - levels.previous) * 0.5 * (first + slope)
        # as a product it is exactly 0 where the levels are equal; a difference of squares, fused, is not
        raised = (levels.following - levels.sigma) * (levels.following + levels.sigma)
        added = jnp.sqrt(jnp.maximum(raised, 0.0))
        refined = levels.refines > 0
        x = jnp.where(refined, corrected + added * noise, predicted)
        return SamplerState(x, x0_hat, jnp.where(refined, x, state.x), state.x0_previous)


@dataclasses.dataclass(frozen=True)
class EDMHeun(Heun):
    """EDM's stochastic Heun method; churn 40 is Karras et al.'s for images of ImageNet."""

    churn: float = 40.0
