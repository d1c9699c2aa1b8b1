"""Generators of ensembles: unconditional, guided to an event, or exactly conditional.

Each yields the share of the work done and the ensemble so far (None as long as there is none).
Chunks begin small, so that the first trajectories are there at once; any step is a place to stop.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from kernels.diffusion.schedules import grid
from kernels.probability.base import Population, Problem
from kernels.probability.guided.path_importance import CHUNK, Paths, cached_paths, join_paths, path_weights
from kernels.probability.latent.convergence import Mixing
from kernels.probability.latent.direct import CHUNK as DIRECT_CHUNK, direct_samples, finest_sigma
from kernels.probability.latent.ensemble import extend
from kernels.samplers.adaptive_ode import flow
from kernels.samplers.base import Batch
from kernels.samplers.registry import SAMPLERS
from kernels.samplers.sampling import draw_steps, sample_keys

__all__ = [
    "Ensemble",
    "draw_exact",
    "draw_guided",
    "draw_unconditional",
    "exact_ensemble",
    "is_cheap",
    "weighted_paths",
]

FIRST_CHUNK = 12
DRAWS_PER_HIT = (
    60  # direct samples that an independent hit may cost: chains cost at least 12 and are worth less
)


class Ensemble(NamedTuple):
    """Ensemble of trajectories in physical units, with C, truth and weight of each.

    Attributes:
        states: (sample, time, variable).
        values: C, NaN without an event.
        holds: whether the event holds.
        weights: importance weights; 1 for draws from the law that is shown.
        guided: whether the sampler was steered.
        kind: "unconditional", "guided" or "exact".
        mixing: of the chains that made it, where chains did.
        replicate: that each chain descends from, where chains made it; else all trajectories are independent.
    """

    states: np.ndarray
    values: np.ndarray
    holds: Bool[np.ndarray, " sample"]
    weights: Float[np.ndarray, " sample"]
    guided: Bool[np.ndarray, " sample"]
    kind: str
    mixing: Mixing | None = None
    replicate: Int[np.ndarray, " sample"] | None = None


Draw = tuple[float, Ensemble | None]


def _chunks(num_samples: int, size: int) -> Iterator[tuple[int, int]]:
    """Chunks (start, size) of two sizes that cover `num_samples`, the first one small."""
    start = 0
    while start < num_samples:
        present = FIRST_CHUNK if start == 0 else size
        yield start, present
        start += present


def draw_unconditional(problem: Problem, num_samples: int, num_steps: int) -> Iterator[Draw]:
    """Draw samples without an event, guided to the observations if there are any."""
    known = problem.observations is not None
    kind = "guided" if known else "unconditional"
    states: list[np.ndarray] = []
    ensemble = None
    for start, size in _chunks(num_samples, DIRECT_CHUNK):
        x0 = None
        for done, estimate in _walk(problem, start, size, num_steps):
            x0 = estimate
            yield min(0.999, (start + size * done) / num_samples), ensemble
        assert x0 is not None  # noqa: S101 - a walk has at least one step
        states.append(problem.physical(x0))
        drawn = np.concatenate(states)[:num_samples]
        values, holds = problem.judge(drawn)
        count = len(drawn)
        ensemble = Ensemble(drawn, values, holds, np.ones(count), np.full(count, known), kind)
        yield min(1.0, (start + size) / num_samples), ensemble


def _walk(problem: Problem, start: int, size: int, num_steps: int) -> Iterator[tuple[float, Batch]]:
    """Share of the steps done, and the present estimate of samples start … start + size − 1."""
    solver = SAMPLERS[problem.sampler].solver
    keys = sample_keys(problem.stream_key("unconditional"), start, size)
    bound, noise = problem.bound(keys)
    law = bound.model.initial
    if solver is None:
        yield 1.0, flow(bound.denoiser, law, noise)
        return
    levels = solver.num_levels(num_steps)
    sigmas = grid(levels, schedule=problem.schedule, sigma_min=finest_sigma(problem))
    for step in draw_steps(bound.denoiser, law, solver, sigmas, noise, keys):
        yield step.num_evaluations / num_steps, step.x0_hat


def draw_guided(
    problem: Problem, num_samples: int, num_steps: int, *, purpose: str = "path"
) -> Iterator[tuple[float, Paths | None]]:
    """Draw paths guided to the event, every tenth unguided; see `path_importance`."""
    chunks: list[Paths] = []
    joined = None
    for start, size in _chunks(num_samples, CHUNK):
        for record in cached_paths(problem, purpose, start, size, num_steps):
            if isinstance(record, Paths):
                chunks.append(record)
                joined = Paths(*(a[:num_samples] for a in join_paths(chunks)))
                yield min(1.0, (start + size) / num_samples), joined
            else:
                yield min(0.999, (start + size * record) / num_samples), joined


def weighted_paths(paths: Paths) -> Ensemble:
    """Ensemble of paths with their importance weights."""
    return Ensemble(paths.states, paths.values, paths.holds, path_weights(paths), paths.guided, "guided")


def draw_exact(
    problem: Problem, population: Population | None, value: float, num_samples: int
) -> Iterator[Draw]:
    """Draw the exact conditional ensemble: direct hits where cheap, else latent chains.

    Args:
        problem: what is asked.
        population: trajectories in the event, with their latents; None where direct samples have to do.
        value: probability of the event and of what is known, about.
        num_samples: size of the ensemble.
    """
    if is_cheap(value):
        yield from _direct_hits(problem, num_samples)
        return
    assert population is not None  # noqa: S101 - chains start from it
    for fraction, chains, replicate, mixing in extend(problem, population, num_samples):
        ensemble = exact_ensemble(chains.states, chains.values)
        yield fraction, ensemble._replace(mixing=mixing, replicate=replicate)


def is_cheap(value: float) -> bool:
    """Whether direct samples find trajectories of that probability at less cost than chains."""
    return value * DRAWS_PER_HIT >= 1.0


def _direct_hits(problem: Problem, num_samples: int) -> Iterator[Draw]:
    states, values, count = [], [], 0
    for chunk in direct_samples(problem, 100 * num_samples + 10_000):
        value, holds = problem.judge(chunk)
        holds &= problem.known(chunk)
        states.append(chunk[holds])
        values.append(value[holds])
        count += int(holds.sum())
        if count:
            yield (
                min(1.0, count / num_samples),
                exact_ensemble(np.concatenate(states)[:num_samples], np.concatenate(values)[:num_samples]),
            )
        if count >= num_samples:
            return


def exact_ensemble(states: np.ndarray, values: np.ndarray) -> Ensemble:
    """Ensemble of trajectories that are drawn from the conditional law."""
    count = len(states)
    return Ensemble(states, values, np.ones(count, bool), np.ones(count), np.zeros(count, bool), "exact")
