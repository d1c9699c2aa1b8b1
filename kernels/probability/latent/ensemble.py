"""Exact conditional ensemble of a model: chains in the event that move until they mix.

The chains start in states that an estimator has found in the event and weighted to its conditional law. Moving
them serves two ends: chains that start from the same state forget it, and errors of the weights fade. Whether
this has happened, `kernels.probability.latent.convergence` tells: the chains, ordered by the state that they come
from, are cut into `NUM_GROUPS` groups of nearly separate descent. How many independent trajectories they are worth,
the replicates of the estimator tell. With fewer starting states than groups this cannot be told, and the chains
count as that many trajectories.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from kernels.probability.base import Population, Problem
from kernels.probability.latent.chains import Chains, walk
from kernels.probability.latent.convergence import Mixing, worst_mixing
from kernels.probability.latent.levels import Scheme
from kernels.probability.latent.subset_simulation import DEFAULT_SCHEME
from kernels.probability.resampling import systematic
from kernels.statistics.draws import Draws

__all__ = ["Extension", "extend"]

NUM_GROUPS = 8
FEWEST_CHAINS = 128  # least number of chains: fewer do not show whether they have mixed
MOST_VARIABLES, NUM_TIMES = 6, 5  # variables and times of the states checked for mixing
FEWEST_MOVES = 2 * DEFAULT_SCHEME.moves.count
MOST_ROUNDS = 6  # rounds of `DEFAULT_SCHEME.moves.count` moves


class Extension(NamedTuple):
    """Chains after some of the moves, the replicate that each descends from, and their `mixing`.

    `mixing` is None in the first round.
    """

    fraction: float
    chains: Chains
    replicate: Int[np.ndarray, " chain"]
    mixing: Mixing | None


def extend(
    problem: Problem, population: Population, num_samples: int, *, scheme: Scheme = DEFAULT_SCHEME
) -> Iterator[Extension]:
    """Draw from the conditional law, by chains from a population in the event.

    The last record has the ensemble.

    Args:
        problem: what is asked.
        population: states in the event, with their latents, in order of descent.
        num_samples: chains.
        scheme: settings of subset simulation; its moves are made in rounds, at least two.
    """
    assert population.latents is not None  # noqa: S101 - a finished estimator supplies them
    weights = population.weights / population.weights.sum()
    key = problem.stream_key("exact")
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    walked = max(num_samples, FEWEST_CHAINS)
    shown = np.arange(num_samples) * walked // num_samples
    seeds = systematic(weights, walked, generator.uniform())
    holds = np.ones(len(weights), bool)
    chains = Chains(population.latents, population.states, population.values, holds).take(seeds)
    replicate = population.replicate[seeds]
    visited: list[np.ndarray] = []
    mixing = None
    fewest = -(-FEWEST_MOVES // scheme.moves.count)
    for index in range(MOST_ROUNDS):
        for moved in walk(problem, chains, 0.0, jax.random.fold_in(key, index), scheme.moves):
            if moved is not None:
                chains = moved
                visited.append(_statistics(chains))
            done = min(0.99, (len(visited) + 0.5) / FEWEST_MOVES)
            yield Extension(done, chains.take(shown), replicate[shown], mixing)
        ess = _worth(visited[-1], replicate, len(np.unique(seeds)))
        mixing = worst_mixing(_grouped(visited))._replace(ess=ess)
        if index + 1 >= fewest and mixing.mixed:
            break
    yield Extension(1.0, chains.take(shown), replicate[shown], mixing)


def _worth(values: np.ndarray, replicate: np.ndarray, num_seeds: int) -> float:
    """Independent draws that chains are worth, by statistics of their states (chain, statistic), the first one C.

    It is the smaller one of what C and what the states are worth: C may have mixed while the share of a branch has not.
    If there are fewer seeds than groups, it is at most that number: chains from a few seeds agree with each other,
    and say nothing of places where no seed was.
    """
    draws = Draws(np.full(len(values), 1.0 / len(values)), replicate)
    ess = float(np.fmin(draws.measured(values[:, :1]), draws.measured(values[:, 1:])))
    return ess if num_seeds >= NUM_GROUPS else float(np.fmin(ess, num_seeds))


def _statistics(chains: Chains) -> np.ndarray:
    """Statistics of chains, (chain, statistic): C, and a few variables at a few times."""
    _, num_times, num_variables = chains.states.shape
    times = np.linspace(0, num_times - 1, NUM_TIMES).round().astype(int)
    variables = np.linspace(0, num_variables - 1, min(num_variables, MOST_VARIABLES)).round().astype(int)
    shown = chains.states[:, times][:, :, variables].reshape(len(chains.values), -1)
    return np.column_stack([chains.values, shown]).astype(np.float64)


def _grouped(visited: list[np.ndarray]) -> np.ndarray:
    """Group chains by descent: (move, group, chain, statistic), without a remainder."""
    size = len(visited[0]) // NUM_GROUPS
    kept = np.stack(visited)[:, : NUM_GROUPS * size]
    return kept.reshape(len(visited), NUM_GROUPS, size, kept.shape[-1])
