"""Samples of a model for its report, deterministic and stochastic, and what is asked of them."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from kernels.events.parsing import parse_event
from kernels.events.semantics import compile_event
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.direct import latent_map
from kernels.samplers.drawing import draw, initial_noise, sample_keys
from kernels.samplers.gaussian_steps import SDEDPMSolver
from kernels.schedules import grid

__all__ = ["REPORT_STEPS", "deterministic", "latents", "problem_of", "share", "stochastic"]

REPORT_STEPS = 80  # of stochastic sampling
CHUNK = 256

Trajectories = Float[np.ndarray, "sample time variable"]


def problem_of(model: Model, event: str, key: PRNGKeyArray, num_steps: int) -> Problem:
    """P(event) under the model, by so many steps."""
    constraint = compile_event(parse_event(event), model.layout)
    return Problem(key=key, model=model, constraint=constraint, observations=None, num_steps=num_steps)


def share(problem: Problem, states: Trajectories) -> dict[str, float]:
    """Share of independent trajectories in the event, with its standard error."""
    value = float(problem.judge(states)[1].mean())
    return {"probability": value, "standard_error": float(np.sqrt(value * (1 - value) / len(states)))}


def stochastic(model: Model, key: PRNGKeyArray, num_samples: int) -> Trajectories:
    """By the stochastic solver, physical units."""
    sigmas, key = grid(REPORT_STEPS), jax.random.fold_in(key, 1)
    pieces = []
    for start in range(0, num_samples, CHUNK):
        keys = sample_keys(key, start, CHUNK)
        noise = initial_noise(keys, model.initial)
        x0 = draw(model.denoiser, model.initial, SDEDPMSolver(), sigmas, noise, keys)
        pieces.append(np.asarray(model.standardizer.unstandardize(x0)))
    return np.concatenate(pieces)[:num_samples]


def latents(model: Model, key: PRNGKeyArray, num_samples: int) -> Trajectories:
    """Standard normal latents of deterministic samples."""
    return np.asarray(initial_noise(sample_keys(jax.random.fold_in(key, 2), 0, num_samples), model.initial))


def deterministic(problem: Problem, key: Any, num_samples: int) -> Trajectories:
    """By the ODE, physical units."""
    return np.concatenate(list(latent_map(problem, latents(problem.model, key, num_samples))))
