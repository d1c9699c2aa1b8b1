"""Run of subset simulation: the levels, the seeds of the chains, and the factors.

A run begins with independent states. Each level keeps those that exceed it; chains that start there and
stay above it visit the states of the next stage, and the share of those that exceed the next level is
the next factor. The states belong to replicates that share nothing but the levels, so that the spread of
the replicates' products is the error of their mean. Levels are quantiles of all states together, or those
of an earlier run, with which the products are unbiased. Where an event joins several leaves, levels are those of a C
with scaled leaves (`kernels.probability.latent.scales`). Where something is known, the first levels lead to it
(`kernels.probability.latent.known`); the products begin anew there.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jaxtyping import Array

from kernels.probability.base import Population, Problem, log_interval
from kernels.probability.latent.chains import Chains, Moves, walk
from kernels.probability.latent.convergence import Mixing, mixing_of
from kernels.probability.latent.exceedance import Stage, decided
from kernels.probability.latent.known import KNOWN, refreshed
from kernels.probability.latent.scales import scales_of

__all__ = ["NUM_REPLICATES", "Run", "Scheme", "mixing"]

NUM_REPLICATES = 8
MAX_LEVELS = 24
ENOUGH_WORTH = 40  # distinct trajectories of a replicate, from which on no further round of moves is made
LEAST_WORTH = 4.0  # where all rounds would not lead to it, further levels would say nothing
MOST_ROUNDS = 4  # rounds of moves, where what is known leaves little room
MANY_KNOWN = 48  # direct samples of a replicate that meet what is known: no level has to lead there


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scheme:
    """Settings of subset simulation.

    Attributes:
        moves: moves of the chains.
        first_share: share of the direct samples above the first level; they are cheap and independent.
        share: share of the states above each further level.
        num_chains: largest number of chains of a replicate at a level; more are drawn in further batches.
    """

    moves: Moves = dataclasses.field(default_factory=Moves)
    first_share: float = 0.1
    share: float = 0.25
    num_chains: int = 64


class Run:
    """Run of subset simulation: pool of states, replicates, levels and factors so far.

    Args:
        problem: what is asked.
        pool: independent states; state i belongs to replicate i mod `NUM_REPLICATES`.
        per_replicate: chains of a replicate.
        scheme: settings of subset simulation.
        key: random key of this run.
        levels: levels of an earlier run, or None to choose levels.
    """

    def __init__(
        self,
        problem: Problem,
        pool: Chains,
        per_replicate: int,
        scheme: Scheme,
        key: Array,
        levels: Sequence[float] | None = None,
    ) -> None:
        self.problem, self.scheme, self.key = problem, scheme, key
        self.scales = scales_of(problem)
        self.per_replicate = per_replicate
        self.pool = pool
        self.replicate = np.arange(len(pool.values)) % NUM_REPLICATES
        self.is_known = problem.observations is None  # whether the pool meets what is known
        self.worth = np.full(NUM_REPLICATES, np.inf)  # of each replicate: distinct trajectories in its pool
        self.least_worth = np.inf  # smallest since what is known is met
        self.known_share = 1.0  # P of what is known
        self.path: list[float] = []  # all levels
        self.products = np.ones(NUM_REPLICATES)
        self.before = self.products  # products without the last factor: weights of the pool's states
        self.reached = -np.inf  # the last level above which there were states
        self.bound = (1.0, 1.0)  # P(C > reached), and the upper end of its interval
        self.levels: list[float] = []  # those of the event
        self.stages: list[Stage] = []
        self.acceptance: list[float] = []
        self.num_direct = len(pool.values)
        self.trajectories = len(pool.values)
        self.stuck = False
        self.last_values = np.zeros(
            (0, NUM_REPLICATES, per_replicate)
        )  # heights after each move of the last stage
        self._fixed = levels
        self._chains = pool
        self._visited: list[Chains] = []
        self._round = 0
        if problem.observations is not None:
            self.worth = np.bincount(self.replicate, minlength=NUM_REPLICATES).astype(float)

    def steps(self) -> Iterator[tuple[float, str]]:
        """Run to the end; yields progress and a message after each chunk of trajectories."""
        while self._advance():
            before = self.worth
            yield from self._walk()
            if self.problem.observations is None:
                continue
            if before.min() + MOST_ROUNDS * (self.worth - before).min() < LEAST_WORTH:
                self.stuck, self.least_worth = True, float(self.worth.min())
                break
            while self._round < MOST_ROUNDS and self.worth.min() < ENOUGH_WORTH:
                yield from self._walk()
        if self._visited:
            values = np.stack([one.heights for one in self._visited])
            self.last_values = values.reshape(len(values), NUM_REPLICATES, -1)
            self._visited = []  # the pool holds the states

    def _walk(self) -> Iterator[tuple[float, str]]:
        """Make one round of moves."""
        moves, start = self.scheme.moves, self._visited[-1] if self._visited else self._chains
        key = jax.random.fold_in(self.key, len(self.path))
        key = jax.random.fold_in(key, self._round) if self._round else key
        self._visited = []
        for moved in walk(self.problem, start, self.path[-1], key, moves):
            if moved is not None:
                self._visited.append(moved)
                self.acceptance.append(moved.acceptance)
                self.trajectories += moved.trajectories
            index = min(len(self._visited) + 1, moves.count) + self._round * moves.count
            goal = "" if self.is_known and self.levels else "towards what is known, "
            message = f"{goal}level {len(self.path)}, move {index}"
            yield self._fraction((len(self._visited) + 0.5) / (moves.count + 1)), message
        self._round += 1
        if self.problem.observations is not None:
            fresh = refreshed(start.latents, self._visited[-1].latents).reshape(NUM_REPLICATES, -1)
            self.worth = np.minimum(self.worth + fresh.sum(axis=1), self.per_replicate)

    def _select(self, shares: np.ndarray) -> None:
        """Note what is left of each replicate's worth after a level that keeps these shares."""
        if self.problem.observations is None:
            return
        self.worth = self.worth * shares
        if self.is_known:
            self.least_worth = min(self.least_worth, float(self.worth.min()))

    def _advance(self) -> bool:
        """Choose the next level, multiply the factors in, and start its chains; False when done."""
        if self._visited:
            self._gather()
        level = self._next_level()
        inside = self.pool.inside(level)
        counts = np.array([inside[self.replicate == r].mean() for r in range(NUM_REPLICATES)])
        pool = self.pool
        self.stages.append(
            Stage(
                decided(pool.heights, pool.holds),
                self.replicate,
                self.products,
                independent=self.pool is self._chains,
                margins=None if self.scales is None else decided(pool.values, pool.holds),
            )
        )
        self.before, self.products = self.products, self.products * counts
        exhausted = len(self.levels) >= MAX_LEVELS or bool(self.levels and level <= self.levels[-1])
        self.stuck = (level < 0 and exhausted) or not self.products.any()
        if level < 0:  # the last factor is an average over the pool
            self._select(counts)
        self.levels.append(level)
        self.path.append(level)
        if self.products.any():
            self.bound = _bound(self.products)
            self.reached = level
        if level == 0 or self.stuck:
            return False
        if level == KNOWN:
            return self._begin_event(inside)
        self._start(inside)
        return True

    def _begin_event(self, inside: np.ndarray) -> bool:
        """Forget the levels that led to what is known: what follows is conditional on it.

        Direct samples that meet it are the first pool themselves, where they are many.
        """
        self.is_known, self.levels, self.stages = True, [], []
        self.known_share = float(self.products.mean())
        self.products = self.before = np.ones(NUM_REPLICATES)
        self.reached, self.bound = -np.inf, (1.0, 1.0)
        if len(self.path) > 1:
            self._start(inside)
            return True
        self._chains = self.pool = self.pool.take(np.flatnonzero(inside))
        self.replicate = self.replicate[inside]
        return self._advance()

    def _next_level(self) -> float:
        """Weighted quantile of the heights that keeps `share`; 0 if that share is in the event."""
        if self._fixed is not None:
            return self._fixed[len(self.path)]
        direct = self.pool is self._chains
        share = self.scheme.first_share if direct else self.scheme.share
        weights = self.products[self.replicate]
        if np.sum(weights * self.pool.holds) >= share * np.sum(weights):
            return 0.0
        order = np.argsort(-self.pool.heights, kind="stable")
        position = np.searchsorted(np.cumsum(weights[order]), share * np.sum(weights))
        candidate = self._untied(float(self.pool.heights[order[min(position, len(order) - 1)]]), share)
        if not self.is_known:
            enough = direct and np.sum(self.pool.heights > KNOWN) >= MANY_KNOWN * NUM_REPLICATES
            return KNOWN if enough else min(candidate, KNOWN)
        return candidate if candidate < 0 else 0.0

    def _untied(self, level: float, share: float) -> float:
        """Level below the ties with it, where few states would be left above them."""
        weights, heights = self.products[self.replicate], self.pool.heights
        if np.sum(weights * (heights > level)) >= 0.5 * share * np.sum(weights):
            return level
        below = heights[heights < level]
        return float(below.max()) if below.size else level

    def _start(self, inside: np.ndarray) -> None:
        """Start the next chains from random survivors of each replicate, repeated as needed."""
        key = jax.random.fold_in(self.key, 1000 + len(self.path))
        generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
        seeds = []
        for r in range(NUM_REPLICATES):
            survivors = np.flatnonzero(inside & (self.replicate == r))
            if len(survivors) == 0:  # a replicate of product 0 goes on from seeds of others
                survivors = np.flatnonzero(inside)
            seeds.append(np.resize(generator.permutation(survivors), self.per_replicate))
        self._chains = self.pool.take(np.concatenate(seeds))
        self._visited, self._round = [], 0

    def _gather(self) -> None:
        self.pool = Chains.join(self._visited)
        self.replicate = np.tile(np.repeat(np.arange(NUM_REPLICATES), self.per_replicate), len(self._visited))

    def _fraction(self, within: float) -> float:
        """Share of the way to the event, on the scale of the levels."""
        if not self.levels:  # where what is known is met
            return 0.45 + 0.05 * within
        goal = 0.0 if self.is_known else KNOWN
        first, present = self.levels[0], self.levels[-1]
        travelled = 0.0 if first >= goal else (present - first) / (goal - first)
        done = float(np.clip(0.9 * travelled + 0.1 * within, 0.0, 0.99))
        if self.problem.observations is None:
            return done
        return 0.5 + 0.5 * done if self.is_known else 0.45 * done

    def population(self, *, done: bool) -> Population | None:
        """States in the event, ordered by replicate, with the weights of their replicates.

        Args:
            done: all states of the last stage; else those where the chains of a stage under way stand.
        """
        pooled = done or not self._visited
        if pooled:
            chains, replicate, products = self.pool, self.replicate, self.before
        else:
            chains, products = self._visited[-1], self.products
            replicate = np.repeat(np.arange(NUM_REPLICATES), self.per_replicate)
        weights = np.where(chains.holds, products[replicate], 0.0)
        keep = np.flatnonzero(weights > 0)
        if len(keep) == 0:
            return None
        keep = keep[np.argsort(replicate[keep], kind="stable")]
        chosen = chains.take(keep)
        if pooled and self.stages and self.stages[-1].independent:
            replicate = np.arange(len(replicate))
        return Population(chosen.latents, chosen.states, chosen.values, weights[keep], replicate[keep])


def _bound(products: np.ndarray) -> tuple[float, float]:
    """Mean of the replicates' products, and the upper end of its 95 % interval."""
    value = float(products.mean())
    relative = float(products.std(ddof=1) / np.sqrt(len(products))) / value
    return value, log_interval(value, relative, len(products) - 1)[1]


def mixing(runs: Sequence[Run]) -> Mixing:
    """Convergence of the last stage; the groups are the replicates of all runs that reached it."""
    there = [run.last_values for run in runs if run.products.any()] or [runs[0].last_values]
    return mixing_of(np.concatenate(there, axis=1))
