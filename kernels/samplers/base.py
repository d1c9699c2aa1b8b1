"""Base of all solvers: state, noise levels, and the `plan` / `step` protocol.

A solver walks down a grid σ₀ > σ₁ > … > σ_{N−1}. `plan` says at which levels the denoiser is
evaluated, one `Levels` each; after each evaluation `step` moves the state on. The evaluation after
the last step is the sample. `step` is pure and compiles once for each batch shape; levels are traced.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["Levels", "SamplerState", "Solver", "extrapolate", "level_triples"]

Batch = Float[Array, "sample time variable"]


class SamplerState(NamedTuple):
    """State of a batch between two evaluations.

    Attributes:
        x: perturbed trajectories at the present level.
        x0_previous: denoiser output at the evaluation before; anything at the first one.
        anchor: perturbed trajectories at the start of the last step, for solvers that take it again.
        x0_earlier: denoiser output one evaluation before that.
    """

    x: Batch
    x0_previous: Batch
    anchor: Batch
    x0_earlier: Batch

    @classmethod
    def start(cls, x: Batch) -> "SamplerState":
        """State at the first level."""
        return cls(x, jnp.zeros_like(x), x, jnp.zeros_like(x))


class Levels(NamedTuple):
    """Noise levels around one evaluation: before (∞ at the first), present, next.

    `refines` is 1 where the evaluation is a step's second one, which corrects the first; `weights` are
    those of a multistep rule, worked out beforehand in double precision.
    """

    previous: Any
    sigma: Any
    following: Any
    refines: Any = np.float32(0.0)
    weights: Any = np.float32(0.0)


@runtime_checkable
class Solver(Protocol):
    """Protocol of a solver.

    Stochastic solvers use `noise`, others ignore it; `order` is the order of the weak error.
    """

    @property
    def stochastic(self) -> bool: ...

    @property
    def order(self) -> int: ...

    def num_levels(self, num_evaluations: int) -> int:
        """Length of the grid for a walk of `num_evaluations` evaluations, or one fewer."""
        ...

    def plan(self, sigmas: Float[np.ndarray, " level"]) -> list[Levels]: ...

    def step(self, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState: ...


def level_triples(sigmas: Float[np.ndarray, " steps"]) -> list[Levels]:
    """Plan of one evaluation per step: one `Levels` for each pair of neighbours."""
    before = np.concatenate([[np.inf], sigmas[:-2]])
    return [
        Levels(*(np.float32(s) for s in triple))
        for triple in zip(before, sigmas[:-1], sigmas[1:], strict=True)
    ]


class OneEvaluation:
    """Base class of solvers with one evaluation per step."""

    def num_levels(self, num_evaluations: int) -> int:
        return num_evaluations

    def plan(self, sigmas: Float[np.ndarray, " level"]) -> list[Levels]:
        return level_triples(sigmas)


def extrapolate(state: SamplerState, x0_hat: Batch, levels: Levels) -> Batch:
    """Extrapolated output D + (h / 2h₋)(D − D₋) of the denoiser; D at the first step.

    Here h = log(σ/σ') and h₋ = log(σ₋/σ).
    """
    h = jnp.log(levels.sigma / levels.following)
    h_previous = jnp.log(levels.previous / levels.sigma)  # ∞ at the first step, which switches the term off
    return x0_hat + 0.5 * h / h_previous * (x0_hat - state.x0_previous)
