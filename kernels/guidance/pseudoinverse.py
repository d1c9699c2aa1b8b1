"""Pseudoinverse guidance (ΠGDM): an isotropic posterior of x₀ in place of the model's own.

    Cov[x₀ | x_σ] ≈ r² I,   r² = σ² / (1 + σ²),

exact for white standardised data only. Otherwise as `kernels.guidance.moment_matching`, parts one by
one. Song, Vahdat, Mardani and Kautz (ICLR 2023), section 3. A baseline: it keeps to the constraint and
gets the spread around it wrong where the data are correlated in time.
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
from kernels.guidance.moment_matching import FLOOR_FRACTION, hazard, part_spreads
from kernels.guidance.posterior import posterior_of
from kernels.trajectories.standardizer import Standardizer

__all__ = ["PseudoinverseGuidance"]

Batch = Float[Array, "sample time variable"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class PseudoinverseGuidance:
    """Denoiser guided to an event by ΠGDM; attributes as of `MomentMatching`."""

    denoiser: Any
    program: Program = dataclasses.field(metadata={"static": True})
    parameters: Any
    standardizer: Standardizer
    floor: Float[np.ndarray | Array, " part"]

    @classmethod
    def from_constraint(
        cls, denoiser: Any, constraint: Constraint, standardizer: Standardizer, law: GaussianLaw
    ) -> "PseudoinverseGuidance":
        """Guide `denoiser` to an event."""
        floor = FLOOR_FRACTION * part_spreads(constraint, standardizer, law)
        return cls(denoiser, constraint.program, constraint.parameters, standardizer, floor)

    def split(self, x: Batch, sigma: Any) -> tuple[Batch, Batch]:
        """Unguided x̂₀ and the shift that guidance adds to it."""
        posterior = posterior_of(self.denoiser, x, sigma)
        shift = jnp.zeros_like(x)
        for part in linearised(self.program, self.parameters, self.standardizer, posterior.mean):
            product = posterior.covariance(part.gradient)
            width = self.floor[part.index] if part.width is None else part.width
            term = _inequality if part.width is None else _equality
            shift = shift + term(part.value, part.gradient, product, width, sigma)
        return posterior.mean, shift

    def __call__(self, x: Batch, sigma: Any) -> Batch:
        x0_hat, shift = self.split(x, sigma)
        return x0_hat + shift


def _variance(gradient: Batch, width: Any, sigma: Any) -> Float[Array, " sample"]:
    square = jnp.asarray(sigma, gradient.dtype) ** 2
    isotropic = square / (1.0 + square) * jnp.sum(gradient**2, axis=(1, 2))
    return isotropic + jnp.asarray(width, gradient.dtype) ** 2


@jax.jit
def _inequality(value: Array, gradient: Batch, product: Batch, floor: Any, sigma: Any) -> Batch:
    scale = jnp.sqrt(_variance(gradient, floor, sigma))
    return (hazard(value / scale) / scale)[:, None, None] * product


@jax.jit
def _equality(residual: Array, gradient: Batch, product: Batch, width: Any, sigma: Any) -> Batch:
    return (-residual / _variance(gradient, width, sigma))[:, None, None] * product
