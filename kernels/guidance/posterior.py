"""Gaussian approximation of x₀ given x_σ, from which every guidance method here starts.

    x₀ | x_σ = x  ≈  N(x̂₀, Σ̂),   x̂₀ = D(x, σ),   Σ̂ = σ² ∂D/∂x

(Tweedie's formulas of first and second order; Σ̂ is symmetric for an exact denoiser). Σ̂ is never
formed: `Posterior.covariance` applies it to one cotangent per sample by one pullback.

Conditioning it on one number after another, each a linear function a·x₀ of it, takes one product u = Σ̂a
and two coefficients:  x̂₀ + c u,  Σ̂ − κ u uᵀ.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.denoisers.base import apply_pullback, evaluate_with_pullback

__all__ = ["Posterior", "conditioned", "posterior_of"]

Batch = Float[Array, "sample time variable"]


class Posterior(NamedTuple):
    """Mean x̂₀ (sample, time, variable), and the product a ↦ Σ̂ a, one cotangent a per sample."""

    mean: Batch
    covariance: Callable[[Batch], Batch]


def posterior_of(denoiser: Any, x: Batch, sigma: Any) -> Posterior:
    """Posterior of any denoiser; a wrapper that conditions supplies its own (`posterior`)."""
    if hasattr(denoiser, "posterior"):
        return denoiser.posterior(x, sigma)
    x0_hat, pullback = evaluate_with_pullback(denoiser, x, sigma)
    return Posterior(x0_hat, lambda cotangent: _scale(apply_pullback(pullback, cotangent), sigma))


def conditioned(posterior: Posterior, product: Batch, shrink: Float[Array, " sample"]) -> Posterior:
    """Posterior with covariance Σ̂ − shrink · u uᵀ, u = `product`, and the same mean."""
    return posterior._replace(
        covariance=lambda cotangent: _shrunk(posterior.covariance(cotangent), cotangent, product, shrink)
    )


@jax.jit
def _shrunk(vector: Batch, cotangent: Batch, product: Batch, shrink: Float[Array, " sample"]) -> Batch:
    overlap = jnp.sum(product * cotangent, axis=(1, 2))
    return vector - (shrink * overlap)[:, None, None] * product


@jax.jit
def _scale(g: Batch, sigma: Any) -> Batch:
    return jnp.asarray(sigma, g.dtype) ** 2 * g
