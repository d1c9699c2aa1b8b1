"""Latent chains: moves that leave N(0, I) restricted to {C(F(u)) > level} unchanged.

pcn    preconditioned Crank–Nicolson: u' = √(1 − b²) u + b ξ, ξ ~ N(0, I), is taken iff the trajectory
       F(u') exceeds the level; the Gaussian needs no correction. b follows the acceptance rate towards
       `TARGET`. Cotter, Roberts, Stuart and White, Stat. Sci. 28 (2013).
slice  elliptical slice sampling: u cos θ + ξ sin θ, θ uniform, its bracket shrunk towards 0 until the
       level is exceeded: it always moves, for an uncertain number of trajectories, and has nothing to
       tune. Murray, Adams and MacKay, AISTATS 9 (2010).

By `tests/benchmarks/compare_moves.py`, on a Gaussian and on a mixture (8 runs each), slices forget C sooner
by the move but take 3.5 times the trajectories: 2 to 8 times the variance per network call. Proposals
of many sizes have 1.3 to 5 times that of one adapted size. Three, six or twelve moves make no difference
that is seen.
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

__all__ = ["KINDS", "Chains", "Moves", "walk"]

KINDS = ("pcn", "slice")
TARGET = 0.28  # acceptance rate aimed at
GAIN = 0.6  # how fast log b follows it
MAX_SHRINKS = 40  # of a slice's bracket; by then it is a point
_ARRAYS = ("latents", "states", "values", "holds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moves:
    """How chains move.

    Attributes:
        kind: a name of `KINDS`.
        count: moves of each chain at a level.
        spread: standard deviation of log b over the proposals of pCN; 0 is the same b for all.
    """

    kind: str = "pcn"
    count: int = 6
    spread: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}; got {self.kind!r}.")


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
        trajectories: how many the last move has drawn.
    """

    latents: np.ndarray
    states: np.ndarray
    values: np.ndarray
    holds: Bool[np.ndarray, " chain"]
    step_size: float = 0.5
    acceptance: float = 1.0
    trajectories: int = 0

    def take(self, indices: np.ndarray) -> "Chains":
        """The chains at `indices`, repeats allowed."""
        return dataclasses.replace(self, **{name: getattr(self, name)[indices] for name in _ARRAYS})

    def inside(self, level: float) -> Bool[np.ndarray, " chain"]:
        """Which exceed the level; at level 0 the event itself decides."""
        return self.holds if level == 0 else self.values > level

    @classmethod
    def join(cls, visited: list["Chains"]) -> "Chains":
        """All chains of several, one after the other."""
        arrays = {name: np.concatenate([getattr(one, name) for one in visited]) for name in _ARRAYS}
        return dataclasses.replace(visited[-1], **arrays)


def walk(
    problem: Problem, chains: Chains, level: float, key: PRNGKeyArray, moves: Moves
) -> Iterator[Chains | None]:
    """Move every chain `moves.count` times.

    Yields None after each chunk of trajectories, and where all chains stand after each of their moves.
    """
    if moves.kind == "slice":
        yield from _slice_walk(problem, chains, level, key, moves.count)
        return
    for index in range(moves.count):
        for moved in _pcn(problem, chains, level, jax.random.fold_in(key, index), moves.spread):
            chains = chains if moved is None else moved
            yield moved


# -- preconditioned Crank–Nicolson -----------------------------------------------------------


@jax.jit
def _propose(latents: Array, keys: Keys, step_size: Array, spread: Array) -> Array:
    noise = draw_noise(keys, 0, latents.shape[1:])
    factor = jnp.exp(spread * draw_noise(keys, 1, (1, 1)))
    step = jnp.minimum(step_size * factor, 1.0)
    return jnp.sqrt(1.0 - step**2) * latents + step * noise


def _pcn(
    problem: Problem, chains: Chains, level: float, key: PRNGKeyArray, spread: float
) -> Iterator[Chains | None]:
    """One move: yields None after each chunk of trajectories, and the moved chains last."""
    keys = sample_keys(key, 0, len(chains.values))
    latents = _propose(jnp.asarray(chains.latents), keys, np.float32(chains.step_size), np.float32(spread))
    pieces = []
    for piece in latent_map(problem, latents):
        pieces.append(piece)
        yield None
    proposal = _judged(problem, np.asarray(latents), np.concatenate(pieces))
    accepted = proposal.inside(level)
    rate = float(accepted.mean())
    yield dataclasses.replace(
        _chosen(accepted, proposal, chains),
        step_size=float(np.clip(chains.step_size * np.exp(GAIN * (rate - TARGET)), 0.02, 0.98)),
        acceptance=rate,
        trajectories=len(accepted),
    )


def _judged(problem: Problem, latents: np.ndarray, states: np.ndarray) -> Chains:
    return Chains(latents, states, *problem.judge(states))


def _chosen(accepted: Bool[np.ndarray, " chain"], new: Chains, old: Chains) -> Chains:
    """The new chains where accepted, the old ones elsewhere."""
    arrays = {}
    for name in _ARRAYS:
        first, second = getattr(new, name), getattr(old, name)
        arrays[name] = np.where(accepted.reshape(-1, *[1] * (first.ndim - 1)), first, second)
    return dataclasses.replace(old, **arrays)


# -- elliptical slices -----------------------------------------------------------------------


class _Slices:
    """Chains that move by slices, each at its own pace, and the brackets of the angles they try.

    A chain counts by its moves, never by the time it takes for them: chains that are hard to move would
    be counted too often.
    """

    def __init__(self, chains: Chains, key: PRNGKeyArray, count: int) -> None:
        size = len(chains.values)
        self.generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
        self.latents = np.array(chains.latents)
        self.count, self.done = count, np.zeros(size, int)
        self.visited = [[chains.take(np.array([i]))] * (count + 1) for i in range(size)]
        self.noise = np.zeros_like(self.latents)
        self.low, self.high, self.angle = (np.zeros(size) for _ in range(3))
        self.shrinks = np.zeros(size, int)
        self._start(np.arange(size))

    @property
    def active(self) -> np.ndarray:
        """Indices of the chains that have moves to make."""
        return np.flatnonzero(self.done < self.count)

    def _start(self, chains: np.ndarray) -> None:
        """A new ellipse for each of these chains."""
        shape = (len(chains), *self.latents.shape[1:])
        self.noise[chains] = self.generator.standard_normal(shape, np.float32)
        self.angle[chains] = self.generator.uniform(0.0, 2.0 * np.pi, len(chains))
        self.low[chains], self.high[chains] = self.angle[chains] - 2.0 * np.pi, self.angle[chains]
        self.shrinks[chains] = 0

    def proposals(self, chains: np.ndarray) -> np.ndarray:
        """Points on the ellipses of these chains."""
        angle = self.angle[chains].astype(np.float32)[:, None, None]
        return np.cos(angle) * self.latents[chains] + np.sin(angle) * self.noise[chains]

    def take(self, chains: np.ndarray, proposal: Chains, inside: np.ndarray) -> None:
        """Move the chains that are inside; shrink the brackets of the others."""
        missed = chains[~inside]
        below = self.angle[missed] < 0
        self.low[missed[below]] = self.angle[missed[below]]
        self.high[missed[~below]] = self.angle[missed[~below]]
        self.angle[missed] = self.generator.uniform(self.low[missed], self.high[missed])
        self.shrinks[missed] += 1
        stays = missed[self.shrinks[missed] > MAX_SHRINKS]
        for i, place in zip(chains[inside], np.flatnonzero(inside), strict=True):
            self._moved(int(i), proposal.take(np.array([place])))
        for i in stays:
            self._moved(int(i), self.visited[i][self.done[i]])
        ended = np.concatenate([chains[inside], stays])
        self.done[ended] += 1
        self._start(ended)

    def _moved(self, chain: int, to: Chains) -> None:
        self.latents[chain] = to.latents[0]
        self.visited[chain][self.done[chain] + 1] = to

    def sweeps(self) -> list[Chains]:
        """All chains after each move."""
        return [Chains.join([path[index] for path in self.visited]) for index in range(1, self.count + 1)]


def _slice_walk(
    problem: Problem, chains: Chains, level: float, key: PRNGKeyArray, count: int
) -> Iterator[Chains | None]:
    slices, trajectories, moves = _Slices(chains, key, count), 0, len(chains.values) * count
    while len(slices.active):
        active = slices.active
        pieces, latents = [], slices.proposals(active)
        for piece in latent_map(problem, latents):
            pieces.append(piece)
            yield None
        proposal = _judged(problem, latents, np.concatenate(pieces))
        slices.take(active, proposal, proposal.inside(level))
        trajectories += len(active)
    for index, sweep in enumerate(slices.sweeps()):
        cost = trajectories if index == 0 else 0
        yield dataclasses.replace(sweep, acceptance=moves / trajectories, trajectories=cost)
