"""Denoisers: D(x, σ) = E[x₀ | x₀ + σ ε = x], learned or exact.

A denoiser is a pytree with a method `denoise(x, sigma)`; everything that samples, guides or
estimates takes denoisers and nothing else. `evaluate` and `evaluate_with_pullback` are the two
compiled ways to call one: they compile once for each kind of denoiser and batch shape, whatever
event is being asked about.

Guided denoisers (see `kernels.guidance`) satisfy the same protocol on the host: they have
`__call__(x, sigma)` too.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

__all__ = ["Denoiser", "apply_pullback", "evaluate", "evaluate_with_pullback", "taken"]

Batch = Float[Array, "sample time variable"]
AnyBatch = Batch | Float[np.ndarray, "sample time variable"]


@runtime_checkable
class Denoiser(Protocol):
    """Protocol of a denoiser, `denoise(x, sigma)`.

    x is (sample, time, variable), standardised; sigma is a scalar or (sample,).
    """

    def denoise(self, x: Batch, sigma: Any) -> Batch: ...


def evaluate(denoiser: Any, x: AnyBatch, sigma: Any) -> Batch:
    """x̂₀ = D(x, σ), compiled."""
    return _evaluate(_at_level(denoiser, x, sigma), x, sigma)


def evaluate_with_pullback(denoiser: Denoiser, x: AnyBatch, sigma: Any) -> tuple[Batch, Callable]:
    """x̂₀ and the pullback a ↦ (∂D/∂x)ᵀ a, to be called through `apply_pullback`."""
    return _evaluate_with_pullback(_at_level(denoiser, x, sigma), x, sigma)


def taken(denoiser: Any, indices: np.ndarray) -> Any:
    """Denoiser of some samples of a batch: of one that knows something of each sample, theirs.

    What wraps a denoiser, guided or conditioned, has it as its `denoiser`.
    """
    if hasattr(denoiser, "taken"):
        return denoiser.taken(indices)
    inner = getattr(denoiser, "denoiser", None)
    if inner is None:
        return denoiser
    of_some = taken(inner, indices)
    return denoiser if of_some is inner else dataclasses.replace(denoiser, denoiser=of_some)


def _at_level(denoiser: Any, x: Any, sigma: Any) -> Any:
    """Denoiser to evaluate at one noise level, unless an argument is traced."""
    if not hasattr(denoiser, "at_level") or np.size(sigma) != 1:
        return denoiser
    traced = any(isinstance(leaf, Tracer) for leaf in (x, sigma, *jax.tree.leaves(denoiser)))
    return denoiser if traced else denoiser.at_level(sigma)


@jax.jit
def _evaluate(denoiser: Any, x: Batch, sigma: Any) -> Batch:
    return denoiser.denoise(x, jnp.asarray(sigma, x.dtype))


@jax.jit
def _evaluate_with_pullback(denoiser: Any, x: Batch, sigma: Any) -> tuple[Batch, Callable]:
    return jax.vjp(lambda x: denoiser.denoise(x, jnp.asarray(sigma, x.dtype)), x)


@jax.jit
def apply_pullback(pullback: Callable, cotangent: Batch) -> Batch:
    """Apply a pullback to one cotangent a per sample: (∂D/∂x)ᵀ a."""
    return pullback(cotangent)[0]
