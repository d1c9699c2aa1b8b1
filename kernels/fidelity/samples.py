"""Samples of a model for its report, deterministic and stochastic.

A forecasting model draws one continuation of the first states of each true trajectory, so that its samples are
to have the law of the truth, as those of an unconditional model are.
"""

import dataclasses
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from kernels.diffusion.schedules import grid
from kernels.events.semantics.compile import compile_event
from kernels.events.syntax.parser import parse_event
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.latent.direct import CHUNK, latent_map
from kernels.samplers.sampling import draw, draw_noise, sample_keys
from kernels.samplers.sde import SDEDPMSolver

__all__ = ["REPORT_STEPS", "deterministic", "latents", "report_problem", "share", "starts_of", "stochastic"]

REPORT_STEPS = 80  # of stochastic sampling

Trajectories = Float[np.ndarray, "sample time variable"]


def report_problem(model: Model, event: str, key: PRNGKeyArray, num_steps: int) -> Problem:
    """P(event) under a model; a forecast's first states come with each sample, not with the problem."""
    constraint = compile_event(parse_event(event), model.layout)
    return Problem(key=key, model=model, constraint=constraint, observations=None, num_steps=num_steps)


def share(problem: Problem, states: Trajectories) -> dict[str, float]:
    """Share of independent trajectories in the event, with its standard error."""
    value = float(problem.judge(states)[1].mean())
    return {"probability": value, "standard_error": float(np.sqrt(value * (1 - value) / len(states)))}


def starts_of(model: Model, truth: Trajectories, num_samples: int) -> Trajectories:
    """First states for a forecasting model, of true trajectories in turn; else empty."""
    return np.resize(truth[:, : model.num_known], (num_samples, model.num_known, model.layout.num_variables))


def stochastic(model: Model, key: PRNGKeyArray, starts: Trajectories) -> Trajectories:
    """Draw samples by the stochastic solver, one for each start, physical units."""
    sigmas, key = grid(REPORT_STEPS), jax.random.fold_in(key, 1)
    pieces = []
    for first, known in _blocks(model, starts):
        keys = sample_keys(key, first, CHUNK)
        known, noise = known.bound(draw_noise(keys, 0, model.latent_shape))
        x0 = draw(known.denoiser, known.initial, SDEDPMSolver(), sigmas, noise, keys)
        pieces.append(np.asarray(model.standardizer.unstandardize(x0)))
    return np.concatenate(pieces)[: len(starts)]


def latents(model: Model, key: PRNGKeyArray, num_samples: int) -> Trajectories:
    """Standard normal latents of deterministic samples."""
    return np.asarray(
        draw_noise(sample_keys(jax.random.fold_in(key, 2), 0, num_samples), 0, model.latent_shape)
    )


def deterministic(problem: Problem, noise: Trajectories, starts: Trajectories) -> Trajectories:
    """Draw samples by the ODE, one for each latent and start, physical units."""
    pieces: list[np.ndarray] = []
    for first, known in _blocks(problem.model, starts):
        pieces += latent_map(dataclasses.replace(problem, model=known), noise[first : first + CHUNK])
    return np.concatenate(pieces)


def _blocks(model: Model, starts: Trajectories) -> Iterator[tuple[int, Model]]:
    """First sample and conditioned model of each chunk; the last start is repeated."""
    for first in range(0, len(starts), CHUNK):
        if model.num_known:
            chunk = starts[first : first + CHUNK]
            filled = np.concatenate([chunk, np.repeat(chunk[-1:], CHUNK - len(chunk), axis=0)])
            yield first, model.given_start(filled)
        else:
            yield first, model
