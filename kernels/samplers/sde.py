"""Solvers of the reverse diffusion SDE with Gaussian steps x' ~ N(m, v I) given the past.

A Gaussian kernel is what gives the weights of guided paths in closed form. With r = σ'/σ:

    ancestral       m = r² x + (1 − r²) D,   v = σ'² (1 − r²)     order 1   Ho et al. (2020)
    Euler–Maruyama  m = r² x + (1 − r²) D,   v = σ² − σ'²         order 1   as in Finzi et al. (2023)
    SDE-DPM-Solver  m = r² x + (1 − r²) D̃,   v = σ'² (1 − r²)     order 2   Lu et al., arXiv:2211.01095

D is the denoiser's output and D̃ its extrapolation from the step before (`extrapolate`).
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.samplers.base import Batch, Levels, OneEvaluation, SamplerState, extrapolate

__all__ = ["AncestralSolver", "EulerMaruyama", "GaussianStep", "SDEDPMSolver"]


class GaussianStep(OneEvaluation):
    """Base class: `transition` gives mean and variance of a step, `step` draws."""

    stochastic = True
    order = 1

    def transition(
        self, state: SamplerState, x0_hat: Batch, levels: Levels
    ) -> tuple[Batch, Float[Array, ""]]:
        """Mean (sample, time, variable) and variance v of the step's kernel."""
        square = (levels.following / levels.sigma) ** 2
        return square * state.x + (1.0 - square) * x0_hat, levels.following**2 * (1.0 - square)

    def step(self, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState:
        mean, variance = self.transition(state, x0_hat, levels)
        x = mean + jnp.sqrt(variance) * noise
        return SamplerState(x, x0_hat, x, state.x0_previous)


@dataclasses.dataclass(frozen=True)
class AncestralSolver(GaussianStep):
    """Ancestral solver: the kernel q(x' | x, x₀ = D) of the forward process."""


@dataclasses.dataclass(frozen=True)
class EulerMaruyama(GaussianStep):
    """Euler–Maruyama steps of dx = −2σ (D − x)/σ² dσ + √(2σ) dw, run down in σ."""

    def transition(
        self, state: SamplerState, x0_hat: Batch, levels: Levels
    ) -> tuple[Batch, Float[Array, ""]]:
        mean, _ = super().transition(state, x0_hat, levels)
        return mean, levels.sigma**2 - levels.following**2


@dataclasses.dataclass(frozen=True)
class SDEDPMSolver(GaussianStep):
    """SDE-DPM-Solver++(2M); the default for stochastic paths."""

    order = 2

    def transition(
        self, state: SamplerState, x0_hat: Batch, levels: Levels
    ) -> tuple[Batch, Float[Array, ""]]:
        return super().transition(state, extrapolate(state, x0_hat, levels), levels)
