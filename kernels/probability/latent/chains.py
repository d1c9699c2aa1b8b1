"""Latent chains: moves that leave N(0, I) restricted to {C(F(u)) > level} unchanged.

Preconditioned Crank–Nicolson: u' = √(1 − b²) u + b ξ, ξ ~ N(0, I), is taken iff the trajectory F(u') exceeds
the level; the Gaussian needs no correction. b follows the acceptance rate towards `TARGET`. Cotter, Roberts,
Stuart and White, Stat. Sci. 28 (2013).

By `tests/benchmarks/compare_moves.py`, on a Gaussian and on a mixture (8 runs each), proposals of many sizes
have 1.3 to 5 times the variance per network call of one adapted size. Three, six or twelve moves make no
difference that is seen.
"""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from kernels.probability.base import Problem
from kernels.probability.latent.direct import latent_map
from kernels.probability.latent.known import heights_within, widths_of_chains
from kernels.samplers.sampling import Keys, draw_noise, sample_keys

__all__ = ["Chains", "Moves", "judged", "walk"]

TARGET = 0.28  # acceptance rate aimed at
GAIN = 0.6  # how fast log b follows it
_ARRAYS = ("latents", "states", "values", "holds", "heights")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moves:
    """Number and sizes of the moves of chains.

    Attributes:
        count: moves of each chain at a level.
        spread: standard deviation of log b over the proposals of pCN; 0 is the same b for all.
    """

    count: int = 6
    spread: float = 0.0


@dataclasses.dataclass(frozen=True)
class Chains:
    """States of chains after a move.

    Attributes:
        latents: u, (chain, *latent_shape).
        states: F(u), physical units.
        values: C, float64; +∞ is not possible.
        holds: whether the event holds.
        step_size: b.
        acceptance: share of accepted proposals in the last move.
        trajectories: how many the last move has drawn.
        heights: what levels are compared with: C, or C with its leaves scaled, see `kernels.probability.latent.scales`.
    """

    latents: np.ndarray
    states: np.ndarray
    values: np.ndarray
    holds: Bool[np.ndarray, " chain"]
    step_size: float = 0.5
    acceptance: float = 1.0
    trajectories: int = 0
    heights: np.ndarray = None  # pyright: ignore[reportAssignmentType]  # C, unless it is given

    def __post_init__(self) -> None:
        if self.heights is None:
            object.__setattr__(self, "heights", self.values)

    def take(self, indices: np.ndarray) -> "Chains":
        """Chains at `indices`, repeats allowed."""
        return dataclasses.replace(self, **{name: getattr(self, name)[indices] for name in _ARRAYS})

    def inside(self, level: float) -> Bool[np.ndarray, " chain"]:
        """Whether each chain exceeds the level; at level 0, whether it is in the event."""
        return self.holds if level == 0 else self.heights > level

    @classmethod
    def join(cls, visited: list["Chains"]) -> "Chains":
        """Join the chains of several objects, one after the other."""
        arrays = {name: np.concatenate([getattr(one, name) for one in visited]) for name in _ARRAYS}
        return dataclasses.replace(visited[-1], **arrays)


def walk(
    problem: Problem, chains: Chains, level: float, key: PRNGKeyArray, moves: Moves
) -> Iterator[Chains | None]:
    """Move every chain `moves.count` times.

    Yields None after each chunk of trajectories, and where all chains stand after each of their moves.
    """
    for index in range(moves.count):
        for moved in _pcn(problem, chains, level, jax.random.fold_in(key, index), moves.spread):
            chains = chains if moved is None else moved
            yield moved


@jax.jit
def _propose(latents: Array, keys: Keys, step_size: Array, spread: Array) -> Array:
    noise = draw_noise(keys, 0, latents.shape[1:])
    factor = jnp.exp(spread * draw_noise(keys, 1, (1, 1)))
    step = jnp.minimum(step_size * factor, 1.0)
    return jnp.sqrt(1.0 - step**2) * latents + step * noise


def _pcn(
    problem: Problem, chains: Chains, level: float, key: PRNGKeyArray, spread: float
) -> Iterator[Chains | None]:
    """Make one pCN move; yields None after each chunk of trajectories, and the chains last."""
    keys = sample_keys(key, 0, len(chains.values))
    latents = _propose(jnp.asarray(chains.latents), keys, np.float32(chains.step_size), np.float32(spread))
    pieces = []
    for piece in latent_map(problem, latents):
        pieces.append(piece)
        yield None
    before, after = (jax.random.fold_in(key, 2**32 - 1 - turn) for turn in range(2))
    widths = widths_of_chains(problem, chains.states, level, before)
    proposal = judged(problem, np.asarray(latents), np.concatenate(pieces), widths)
    accepted = proposal.inside(level)
    rate = float(accepted.mean())
    chosen = _chosen(accepted, proposal, chains)
    if widths is not None:
        widths = widths_of_chains(problem, chosen.states, level, after)
        chosen = judged(problem, chosen.latents, chosen.states, widths)
    yield dataclasses.replace(
        chosen,
        step_size=float(np.clip(chains.step_size * np.exp(GAIN * (rate - TARGET)), 0.02, 0.98)),
        acceptance=rate,
        trajectories=len(accepted),
    )


def judged(
    problem: Problem, latents: np.ndarray, states: np.ndarray, widths: np.ndarray | None = None
) -> Chains:
    """Chains that stand at latents and their trajectories; `widths` as in `heights_within`."""
    values, holds = problem.judge(states)
    above, known = heights_within(problem, states, values, widths)
    return Chains(latents, states, values, holds & known, heights=above)


def _chosen(accepted: Bool[np.ndarray, " chain"], new: Chains, old: Chains) -> Chains:
    """Chains after acceptance: new where accepted, old elsewhere."""
    arrays = {}
    for name in _ARRAYS:
        first, second = getattr(new, name), getattr(old, name)
        arrays[name] = np.where(accepted.reshape(-1, *[1] * (first.ndim - 1)), first, second)
    return dataclasses.replace(old, **arrays)
