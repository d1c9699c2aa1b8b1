"""Subset simulation in latent space: rare events as a product of frequent ones. Gradient-free.

With u ~ N(0, I), F the model's latent map and levels c₁ < c₂ < … < 0,

    P(C > 0) = P(C > c₁) · P(C > c₂ | C > c₁) · …,

the first factor from direct samples, each further one from chains that stay above the level before
(`kernels.probability.chains`). All states that the chains visit count (Dau and Chopin, "Waste-free
sequential Monte Carlo", 2022). Everything runs in `NUM_REPLICATES` replicates which share nothing
but the levels, quantiles of all of them together; P̂ is the mean of their products, its standard
error their spread. Au and Beck, Probab. Eng. Mech. 16 (2001).
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from kernels.probability.base import Population, Probability, Problem, Progress, log_interval, percent
from kernels.probability.chains import Chains, move
from kernels.probability.direct import direct_latents, direct_samples
from kernels.probability.exceedance import Exceedance, Stage, band, decided, stage_curve
from kernels.probability.monte_carlo import estimate_proportion
from kernels.probability.resampling import systematic

__all__ = ["NUM_MOVES", "extend", "predicted_calls", "subset_simulation"]

NUM_REPLICATES = 8
NUM_MOVES = 6
FIRST_SHARE = 0.1  # of the direct samples kept by the first level; they are cheap and independent
SHARE = 0.25  # kept by each further level
MAX_LEVELS = 24
MAX_RELATIVE_ERROR = 0.5


def predicted_calls(value: float, num_samples: int, num_steps: int) -> float:
    """Network evaluations that `subset_simulation` is likely to spend beyond the direct samples."""
    levels = max(1.0, np.ceil(np.log(max(value, 1e-12) / FIRST_SHARE) / np.log(SHARE)))
    return float(levels * num_samples * NUM_MOVES * num_steps)


def subset_simulation(problem: Problem, num_samples: int, *, num_direct: int = 0) -> Iterator[Progress]:
    """Estimate a rare probability.

    Args:
        problem: what is asked.
        num_samples: chains at each level over all replicates; each moves `NUM_MOVES` times.
        num_direct: direct samples for the first level, at least as many as the chains of a level visit.
    """
    per_replicate = max(4, -(-num_samples // NUM_REPLICATES))
    visits = per_replicate * NUM_REPLICATES * NUM_MOVES
    num_direct = max(visits, num_direct - num_direct % NUM_REPLICATES)
    states: list[np.ndarray] = []
    for chunk in direct_samples(problem, num_direct):
        states.append(chunk)
        fraction = sum(map(len, states)) / num_direct
        yield Progress(0.15 * fraction, f"direct samples for the first level, {fraction:.0%}")
    run = _Run(problem, _pool(problem, np.concatenate(states)), per_replicate)
    calls = num_direct * problem.num_steps
    while run.advance():
        key = jax.random.fold_in(problem.stream_key("subset"), len(run.levels))
        for index in range(NUM_MOVES):
            message = f"level {len(run.levels)}, move {index + 1} of {NUM_MOVES}"
            for _ in run.move(jax.random.fold_in(key, index)):
                fraction = 0.15 + 0.85 * run.fraction((index + 0.5) / NUM_MOVES)
                yield Progress(fraction, message, None, run.population())
        calls += visits * problem.num_steps
    yield Progress(1.0, "subset simulation is done", run.estimate(calls), run.population())


def _pool(problem: Problem, states: np.ndarray) -> Chains:
    """The first level's independent samples, as chains (sample order: replicate = index mod replicates)."""
    return Chains(direct_latents(problem, np.arange(len(states))), states, *problem.judge(states))


class _Run:
    """The state of a run: the pool of visited states, its replicates, the levels and the factors so far."""

    def __init__(self, problem: Problem, pool: Chains, per_replicate: int) -> None:
        self.problem = problem
        self.per_replicate = per_replicate
        self.pool = pool
        self.replicate = np.arange(len(pool.values)) % NUM_REPLICATES
        self.products = np.ones(NUM_REPLICATES)
        self.levels: list[float] = []
        self.curve: list[Exceedance] = []
        self.bound = 1.0
        self.acceptance: list[float] = []
        self.stuck = False
        self.visited: list[Chains] = []
        self.chains: Chains | None = None

    def advance(self) -> bool:
        """Choose the next level, multiply the factors in, and start its chains; False when done."""
        if self.visited:
            self._gather()
        level = self._next_level()
        inside = self.pool.inside(level)
        counts = np.array([inside[self.replicate == r].mean() for r in range(NUM_REPLICATES)])
        self._extend_curve(level)
        self.products = self.products * counts
        self.bound = float(self.products.mean()) or self.bound
        exhausted = len(self.levels) >= MAX_LEVELS or (self.levels and level <= self.levels[-1])
        self.stuck = bool(level < 0 and exhausted) or not self.products.any()
        self.levels.append(level)
        if level == 0 or self.stuck:
            return False
        self._start(inside)
        return True

    def _extend_curve(self, level: float) -> None:
        """Points of P(C > c) from the level before to this one, from the pool between them."""
        values = decided(self.pool.values, self.pool.holds)
        before = self.levels[-1] if self.levels else -np.inf
        stage = Stage(values, self.replicate, self.products, independent=not self.levels)
        self.curve += stage_curve(stage, before, level, last=level == 0)

    def _next_level(self) -> float:
        """The weighted quantile of C that keeps `SHARE`, or 0 once so many are in the event."""
        share = SHARE if self.levels else FIRST_SHARE
        weights = self.products[self.replicate]
        if np.sum(weights * self.pool.holds) >= share * np.sum(weights):
            return 0.0
        order = np.argsort(-self.pool.values, kind="stable")
        position = np.searchsorted(np.cumsum(weights[order]), share * np.sum(weights))
        candidate = float(self.pool.values[order[min(position, len(order) - 1)]])
        return candidate if candidate < 0 else 0.0

    def _start(self, inside: np.ndarray) -> None:
        """Seeds of the next chains: survivors of each replicate, in random order, repeated as needed."""
        generator = np.random.default_rng(np.asarray(jax.random.key_data(self._key())).tolist())
        seeds = []
        for r in range(NUM_REPLICATES):
            survivors = np.flatnonzero(inside & (self.replicate == r))
            if len(survivors) == 0:  # a dead replicate has product 0; it walks along with borrowed seeds
                survivors = np.flatnonzero(inside)
            seeds.append(np.resize(generator.permutation(survivors), self.per_replicate))
        self.chains = self.pool.take(np.concatenate(seeds))
        self.visited = []

    def _key(self) -> Array:
        return jax.random.fold_in(self.problem.stream_key("subset"), 1000 + len(self.levels))

    def move(self, key: Array) -> Iterator[None]:
        """Move all chains once, yielding after each chunk."""
        assert self.chains is not None  # noqa: S101 - `advance` has started them
        for moved in move(self.problem, self.chains, self.levels[-1], key):
            if moved is not None:
                self.chains = moved
                self.visited.append(moved)
                self.acceptance.append(moved.acceptance)
            yield

    def _gather(self) -> None:
        last = self.visited[-1]
        names = ("latents", "states", "values", "holds")
        arrays = {name: np.concatenate([getattr(c, name) for c in self.visited]) for name in names}
        self.pool = dataclasses.replace(last, **arrays)
        self.replicate = np.tile(np.repeat(np.arange(NUM_REPLICATES), self.per_replicate), len(self.visited))

    def fraction(self, within: float) -> float:
        """Share of the way to the event in the present level, by the levels' own scale."""
        first, present = self.levels[0], self.levels[-1]
        travelled = 0.0 if first >= 0 else (present - first) / -first
        return float(np.clip(0.9 * travelled + 0.1 * within, 0.0, 0.99))

    def population(self) -> Population | None:
        """Visited states in the event, weighted by their replicate's product."""
        chains = self.pool if not self.visited else self.visited[-1]
        replicate = (
            self.replicate if not self.visited else np.repeat(np.arange(NUM_REPLICATES), self.per_replicate)
        )
        weights = np.where(chains.holds, self.products[replicate], 0.0)
        keep = np.flatnonzero(weights > 0)
        if len(keep) == 0:
            return None
        chosen = chains.take(keep)
        return Population(chosen.latents, chosen.states, chosen.values, weights[keep])

    def estimate(self, calls: int) -> Probability:
        """The mean of the replicates' products, its error and how far to trust it."""
        products = self.products
        value = float(products.mean())
        diagnostics = {
            "levels": self.levels,
            "exceedance": band(self.curve),
            "acceptance": float(np.mean(self.acceptance)) if self.acceptance else None,
            "replicates": products.tolist(),
        }
        if self.stuck or value == 0:
            return self._unreached(calls, diagnostics)
        if len(self.levels) == 1:  # direct samples have settled it; their error is binomial
            hits, total = int(self.pool.holds.sum()), len(self.pool.holds)
            direct = estimate_proportion(hits, total, method="subset_simulation", num_calls=calls)
            return dataclasses.replace(direct, diagnostics=direct.diagnostics | diagnostics)
        error = float(products.std(ddof=1) / np.sqrt(NUM_REPLICATES))
        relative = error / value
        reliable = relative <= MAX_RELATIVE_ERROR and np.count_nonzero(products) > NUM_REPLICATES / 2
        words = (
            f"{NUM_REPLICATES} replicates over {len(self.levels)} levels; "
            f"relative standard error {percent(relative)}."
        )
        return Probability(
            value=value,
            standard_error=error,
            interval=log_interval(value, relative, NUM_REPLICATES - 1),
            ess=1.0 / max(relative, 1e-9) ** 2,
            method="subset_simulation",
            status="ok" if reliable else "unreliable",
            message=words if reliable else words + " The replicates disagree: take more samples.",
            num_calls=calls,
            diagnostics=diagnostics,
        )

    def _unreached(self, calls: int, diagnostics: dict[str, Any]) -> Probability:
        """The levels never came to the event: an upper bound is all there is."""
        bound = self.bound
        return Probability(
            value=0.0,
            standard_error=bound,
            interval=(0.0, bound),
            ess=0.0,
            method="subset_simulation",
            status="budget_exhausted",
            message=(
                f"The levels stopped at C = {self.levels[-1]:.3g}, with P(C > that) ≈ {bound:.1g}: "
                "the event may be impossible under the model. Check it, or take more samples."
            ),
            num_calls=calls,
            diagnostics=diagnostics,
        )


def extend(problem: Problem, population: Population, num_samples: int) -> Iterator[tuple[float, Chains]]:
    """Draw from the conditional law: chains started in a population of the event, moved until mixed.

    Yields the share of the work done and the chains; the last ones are the ensemble.
    """
    assert population.latents is not None  # noqa: S101 - a finished estimator supplies them
    weights = population.weights / population.weights.sum()
    key = problem.stream_key("exact")
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    seeds = systematic(weights, num_samples, generator.uniform())
    holds = np.ones(len(weights), bool)
    chains = Chains(population.latents, population.states, population.values, holds).take(seeds)
    for index in range(2 * NUM_MOVES):
        for moved in move(problem, chains, 0.0, jax.random.fold_in(key, index)):
            chains = chains if moved is None else moved
            yield (index + 0.5) / (2 * NUM_MOVES), chains
    yield 1.0, chains
