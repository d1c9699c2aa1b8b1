"""Latent chains: Metropolis moves that leave N(0, I) restricted to {C(F(u)) > level} unchanged.

A preconditioned Crank–Nicolson move proposes u' = √(1 − b²) u + b ξ, ξ ~ N(0, I), and is accepted
iff the trajectory F(u') exceeds the level; the Gaussian needs no correction. b follows the
acceptance rate towards `TARGET`. Cotter, Roberts, Stuart and White, Stat. Sci. 28 (2013).
"""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from kernels.probability.base import Problem
from kernels.probability.direct import latent_map
from kernels.samplers.drawing import Keys, draw_noise, sample_keys

__all__ = ["Chains", "move"]

TARGET = 0.28  # acceptance rate aimed at
GAIN = 0.6  # how fast log b follows it


@dataclasses.dataclass(frozen=True)
class Chains:
    """Where chains stand.

    Attributes:
        latents: u, (chain, time, variable).
        states: F(u), physical units.
        values: C, float64; +∞ is not possible.
        holds: whether the event holds.
        step_size: b.
        acceptance: share of accepted proposals in the last move.
    """

    latents: np.ndarray
    states: np.ndarray
    values: np.ndarray
    holds: Bool[np.ndarray, " chain"]
    step_size: float = 0.5
    acceptance: float = 1.0

    def take(self, indices: np.ndarray) -> "Chains":
        """The chains at `indices`, repeats allowed."""
        names = ("latents", "states", "values", "holds")
        return dataclasses.replace(self, **{name: getattr(self, name)[indices] for name in names})

    def inside(self, level: float) -> Bool[np.ndarray, " chain"]:
        """Which exceed the level; at level 0 the event itself decides."""
        return self.holds if level == 0 else self.values > level


@jax.jit
def _propose(latents: Array, keys: Keys, step_size: Array) -> Array:
    noise = draw_noise(keys, 0, latents.shape[1:])
    return jnp.sqrt(1.0 - step_size**2) * latents + step_size * noise


def move(problem: Problem, chains: Chains, level: float, key: PRNGKeyArray) -> Iterator[Chains | None]:
    """One move of every chain: yields None after each chunk of trajectories, and the moved chains last."""
    keys = sample_keys(key, 0, len(chains.values))
    latents = _propose(jnp.asarray(chains.latents), keys, np.float32(chains.step_size))
    pieces = []
    for piece in latent_map(problem, latents):
        pieces.append(piece)
        yield None
    states = np.concatenate(pieces)
    values, holds = problem.judge(states)
    accepted = holds if level == 0 else values > level
    rate = float(accepted.mean())
    pick = accepted[:, None, None]
    yield Chains(
        np.where(pick, np.asarray(latents), chains.latents),
        np.where(pick, states, chains.states),
        np.where(accepted, values, chains.values),
        np.where(accepted, holds, chains.holds),
        float(np.clip(chains.step_size * np.exp(GAIN * (rate - TARGET)), 0.02, 0.98)),
        rate,
    )
