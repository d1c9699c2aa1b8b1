"""The Gaussian approximation of x₀ given x_σ, which every guidance method here starts from.

    x₀ | x_σ = x  ≈  N(x̂₀, Σ̂),   x̂₀ = D(x, σ),   Σ̂ = σ² ∂D/∂x

(Tweedie's formulas of first and second order; Σ̂ is symmetric for an exact denoiser). Σ̂ is never
formed: `Posterior.covariance` applies it to one cotangent per sample by one pullback.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.denoisers import apply_pullback, evaluate_with_pullback
from kernels.events.semantics import Program
from kernels.trajectories import Standardizer

__all__ = ["Posterior", "part_gradients", "posterior_of", "value_gradient"]

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


@jax.jit
def _scale(g: Batch, sigma: Any) -> Batch:
    return jnp.asarray(sigma, g.dtype) ** 2 * g


@partial(jax.jit, static_argnames="program")
def value_gradient(
    program: Program, parameters: Any, standardizer: Standardizer, x0_hat: Batch
) -> tuple[Float[Array, " sample"], Batch]:
    """C and its gradient in standardised units; compiles once for each kind of event."""

    def value(x0: Float[Array, "time variable"]) -> Float[Array, ""]:
        return program.value(standardizer.unstandardize(x0), parameters)

    return jax.vmap(jax.value_and_grad(value))(x0_hat)


@partial(jax.jit, static_argnames="program")
def part_gradients(
    program: Program, parameters: Any, standardizer: Standardizer, x0_hat: Batch
) -> tuple[Float[Array, "part sample"], Float[Array, "part sample time variable"]]:
    """Values of the event's parts and their gradients in standardised units."""

    def values(x0: Float[Array, "time variable"]) -> tuple[Array, Array]:
        parts = program.part_values(standardizer.unstandardize(x0), parameters)
        return parts, parts

    gradients, parts = jax.vmap(jax.jacrev(values, has_aux=True))(x0_hat)
    return parts.T, jnp.moveaxis(gradients, 1, 0)
