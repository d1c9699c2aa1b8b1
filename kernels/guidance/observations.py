"""Conditioning on observed points with tolerances.

With residuals r(x̂₀), their gradients A and the observations' covariance R = diag(width² / 3), or their own noise², the
posterior N(x̂₀, Σ̂) of x₀ given x_σ becomes, as in a Kalman update,

    x̂₀' = x̂₀ − K r,   Σ̂' = Σ̂ − K A Σ̂,   K = Σ̂Aᵀ (A Σ̂ Aᵀ + R)⁻¹,

exact for linear observations of a Gaussian. The update composes: an event can be conditioned on
top of it. Costs one pullback per observed number.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.events.semantics.compile import Constraint, Program
from kernels.guidance.linearization import part_gradients
from kernels.guidance.posterior import Posterior, posterior_of
from kernels.trajectories.standardizer import Standardizer

__all__ = ["Observed"]

Batch = Float[Array, "sample time variable"]
Parts = Float[Array, "part sample time variable"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Observed:
    """Denoiser conditioned on observations: an event made of equalities only.

    Attributes:
        denoiser: what is wrapped.
        program: structure of the observations, static.
        parameters: their values and tolerances, traced.
        standardizer: physical ↔ standardised units.
    """

    denoiser: Any
    program: Program = dataclasses.field(metadata={"static": True})
    parameters: Any
    standardizer: Standardizer

    @classmethod
    def from_constraint(cls, denoiser: Any, constraint: Constraint, standardizer: Standardizer) -> "Observed":
        """Condition `denoiser` on observations.

        Raises:
            ValueError: the constraint contains anything but equalities.
        """
        if set(constraint.program.parts) != {"equality"}:
            raise ValueError(
                "`given` must consist of equalities such as `at(x, 0) == 0.4 tolerance 0.01`, "
                "joined by `and`."
            )
        return cls(denoiser, constraint.program, constraint.parameters, standardizer)

    def posterior(self, x: Batch, sigma: Any) -> Posterior:
        prior = posterior_of(self.denoiser, x, sigma)
        residuals, gradients = part_gradients(self.program, self.parameters, self.standardizer, prior.mean)
        widths = self.program.part_deviations(self.parameters)
        products = jnp.stack([prior.covariance(gradient) for gradient in gradients])
        gain = _gain(gradients, products, widths)
        return Posterior(
            _updated_mean(prior.mean, residuals, products, gain),
            lambda cotangent: _updated_product(prior.covariance(cotangent), cotangent, products, gain),
        )

    def __call__(self, x: Batch, sigma: Any) -> Batch:
        return self.posterior(x, sigma).mean


@jax.jit
def _gain(
    gradients: Parts, products: Parts, widths: Float[Array, " part"]
) -> Float[Array, "sample part part"]:
    """Gain (A Σ̂ Aᵀ + R + ε)⁻¹, with A Σ̂ Aᵀ made symmetric and positive.

    ε is how far a learned Jacobian is from both, so that directions which it knows no better are left alone:
    there the gain would be 1/R of a number without a meaning. It is 0 for an exact one.
    """
    matrix = jnp.einsum("pntv,qntv->npq", gradients, products)
    turned = jnp.swapaxes(matrix, 1, 2)
    eigenvalues, vectors = jnp.linalg.eigh((matrix + turned) / 2)
    asymmetry = jnp.linalg.norm((matrix - turned) / 2, axis=(1, 2))
    unknown = asymmetry + jnp.maximum(-eigenvalues[:, 0], 0.0)
    clipped = jnp.einsum("npk,nk,nqk->npq", vectors, jnp.maximum(eigenvalues, 0.0), vectors)
    noise = jnp.maximum(widths, 1e-6) ** 2 + unknown[:, None]
    return jnp.linalg.inv(clipped + jax.vmap(jnp.diag)(noise))


@jax.jit
def _updated_mean(mean: Batch, residuals: Float[Array, "part sample"], products: Parts, gain: Array) -> Batch:
    return mean - jnp.einsum("pntv,npq,qn->ntv", products, gain, residuals)


@jax.jit
def _updated_product(product: Batch, cotangent: Batch, products: Parts, gain: Array) -> Batch:
    overlap = jnp.einsum("qntv,ntv->qn", products, cotangent)  # A Σ̂ a, as Σ̂ is symmetric
    return product - jnp.einsum("pntv,npq,qn->ntv", products, gain, overlap)
