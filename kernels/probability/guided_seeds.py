"""Seeds for latent chains from guided paths: their trajectories, taken back through the ODE to latents.

Guided paths reach a rare event at once, but are not distributed as the model given the event. The inverse
of the probability-flow ODE finds the latents u of their trajectories; those with F(u) in the event are where
chains may start, and only moving them (`kernels.probability.exact_chains`) makes the law right. Modes
that guidance does not reach are missing, and split R̂ does not see that: subset simulation's own states
are the better seeds wherever it gets to the event.
"""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from kernels.probability.base import Population, Problem
from kernels.probability.direct import latent_map
from kernels.probability.path_importance import CHUNK, Paths, kept_paths
from kernels.samplers.adaptive import inverse_flow

__all__ = ["guided_seeds"]


def guided_seeds(problem: Problem, num_paths: int, num_steps: int) -> Iterator[Population | float]:
    """Yields the share of the work done, and the seeds last.

    Args:
        problem: what is asked; with a plain denoiser.
        num_paths: guided paths.
        num_steps: network evaluations on each.

    Raises:
        ValueError: something is known beside the event: conditioned denoisers have no inverse here.
    """
    if problem.observations is not None:
        raise ValueError("`given` must be None for seeds from guided paths. Use subset simulation's states.")
    model, hits = problem.model, []
    denoiser: Any = model.denoiser
    for start in range(0, num_paths, CHUNK):
        for record in kept_paths(problem, "seeds", start, CHUNK, num_steps):
            if isinstance(record, Paths):
                hits.append(record.states[record.holds & record.guided])
            yield (start + (CHUNK if isinstance(record, Paths) else CHUNK * record)) / num_paths * 0.8
    states = np.concatenate(hits)
    latents = [np.zeros((0, *model.layout.shape), np.float32)]
    for start in range(0, len(states), CHUNK):
        block = states[start : start + CHUNK]
        padded = np.concatenate([block, np.repeat(block[-1:], CHUNK - len(block), axis=0)])
        x0 = model.standardizer.standardize(jnp.asarray(padded, jnp.float32))
        latents.append(np.asarray(inverse_flow(denoiser, model.initial, x0))[: len(block)])
        yield 0.8 + 0.2 * min(1.0, (start + CHUNK) / len(states))
    found = np.concatenate(latents)
    mapped = np.concatenate([np.zeros((0, *model.layout.shape), np.float32), *latent_map(problem, found)])
    values, holds = problem.judge(mapped) if len(mapped) else (np.zeros(0), np.zeros(0, bool))
    kept = np.flatnonzero(holds)
    yield Population(found[kept], mapped[kept], values[kept], np.ones(len(kept)))
