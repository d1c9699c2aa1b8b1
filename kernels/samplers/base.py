"""What every solver shares: its state, its levels, and the `init` / `step` protocol.

A solver walks down a grid σ₀ > σ₁ > … > σ_{N−1} with one denoiser evaluation at each level; the
last one returns the denoiser's output itself. `step` is pure and compiles once for each batch
shape; noise levels are traced.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["Levels", "SamplerState", "Solver", "extrapolate", "level_triples"]

Batch = Float[Array, "sample time variable"]


class SamplerState(NamedTuple):
    """Where a batch stands.

    Attributes:
        x: perturbed trajectories at the present level.
        x0_previous: denoiser output at the level before; anything at the first level.
    """

    x: Batch
    x0_previous: Batch


class Levels(NamedTuple):
    """Noise levels around one step: before (∞ at the first), present, next."""

    previous: Any
    sigma: Any
    following: Any


@runtime_checkable
class Solver(Protocol):
    """A rule: `step(state, x0_hat, levels, noise)`; `stochastic` rules use `noise`, the others ignore it."""

    @property
    def stochastic(self) -> bool: ...

    def step(self, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState: ...


def level_triples(sigmas: Float[np.ndarray, " steps"]) -> list[Levels]:
    """One `Levels` for each step between neighbouring levels, steps − 1 of them."""
    before = np.concatenate([[np.inf], sigmas[:-2]])
    return [
        Levels(*(np.float32(s) for s in triple))
        for triple in zip(before, sigmas[:-1], sigmas[1:], strict=True)
    ]


def extrapolate(state: SamplerState, x0_hat: Batch, levels: Levels) -> Batch:
    """D + (h / 2h₋)(D − D₋) with h = log(σ/σ') and h₋ = log(σ₋/σ); D alone at the first step."""
    h = jnp.log(levels.sigma / levels.following)
    h_previous = jnp.log(levels.previous / levels.sigma)  # ∞ at the first step, which switches the term off
    return x0_hat + 0.5 * h / h_previous * (x0_hat - state.x0_previous)
