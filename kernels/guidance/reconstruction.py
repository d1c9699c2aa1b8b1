"""Reconstruction guidance: descend on the squared error of the denoiser's reconstruction.

    log ψ = −(strength / 2σ²) (ρ / spread)²,   ρ = the residual of an equality, min(C, 0) of an inequality,

with a hand-tuned strength. Ho et al., "Video diffusion models" (2022), section 3.1; diffusion posterior
sampling (Chung et al., ICLR 2023) differs in the weight only. A baseline: it ignores how uncertain x₀
still is, so that its samples crowd at the constraint's edge.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.diffusion.gaussian import GaussianLaw
from kernels.events.semantics.compile import Constraint, Program
from kernels.guidance.linearization import linearised
from kernels.guidance.moment_matching import constraint_spread, part_spreads
from kernels.guidance.posterior import posterior_of
from kernels.trajectories.standardizer import Standardizer

__all__ = ["ReconstructionGuidance"]

Batch = Float[Array, "sample time variable"]

STRENGTH = 1.0  # at small σ, where ∂D/∂x → 1, more would overshoot what is observed


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class ReconstructionGuidance:
    """Denoiser guided to an event by reconstruction guidance.

    Attributes:
        denoiser: what is wrapped.
        program: the event's structure, static.
        parameters: its numbers, traced.
        standardizer: physical ↔ standardised units.
        spread: standard deviation of C in the data, or of the C or residual of each of several parts, (part,).
        strength: weight of the squared error.
    """

    denoiser: Any
    program: Program = dataclasses.field(metadata={"static": True})
    parameters: Any
    standardizer: Standardizer
    spread: Float[np.ndarray | Array, " part"]
    strength: Float[Array, ""] | float = STRENGTH

    @classmethod
    def from_constraint(
        cls,
        denoiser: Any,
        constraint: Constraint,
        standardizer: Standardizer,
        law: GaussianLaw,
        *,
        strength: float = STRENGTH,
    ) -> "ReconstructionGuidance":
        """Guide `denoiser` to an event."""
        if len(constraint.program.parts) > 1:  # each in units of its own
            spread = part_spreads(constraint, standardizer, law)
        else:
            spread = np.array([constraint_spread(constraint, standardizer, law)], np.float32)
        return cls(denoiser, constraint.program, constraint.parameters, standardizer, spread, strength)

    def split(self, x: Batch, sigma: Any) -> tuple[Batch, Batch]:
        """Unguided x̂₀ and the shift that guidance adds to it."""
        posterior = posterior_of(self.denoiser, x, sigma)
        shift = jnp.zeros_like(x)
        for part in linearised(self.program, self.parameters, self.standardizer, posterior.mean):
            error = jnp.minimum(part.value, 0.0) if part.width is None else part.value
            product = posterior.covariance(part.gradient)
            shift = shift + _descent(error, product, self.spread[part.index], self.strength, sigma)
        return posterior.mean, shift

    def __call__(self, x: Batch, sigma: Any) -> Batch:
        x0_hat, shift = self.split(x, sigma)
        return x0_hat + shift


@jax.jit
def _descent(error: Float[Array, " sample"], product: Batch, spread: Any, strength: Any, sigma: Any) -> Batch:
    """Shift −strength ρ/spread² · Jᵀ∇C; `product` is σ² Jᵀ∇C."""
    sigma = jnp.asarray(sigma, product.dtype)
    return -(strength * error / (spread * sigma) ** 2)[:, None, None] * product
