"""Guided denoisers of stochastic paths, calibrated on a pilot where the guidance learns.

The pilot of a method that learns is the first `NUM_PILOT` direct samples, from the cache that all events
share. They are independent of the paths, so that weights of the latter stay unbiased.
"""

import dataclasses
import threading
from typing import Any

import jax.numpy as jnp
import numpy as np

from kernels.guidance.calibrated import NUM_LEVELS
from kernels.guidance.registry import GUIDANCE, guided
from kernels.probability.base import Problem
from kernels.probability.cache import LRUCache, identity_of
from kernels.probability.latent.direct import direct_latents, direct_samples
from kernels.probability.latent.scales import NUM_SAMPLES, steering_constraint

__all__ = ["NUM_PILOT", "guided_denoiser", "pilot_calls"]

NUM_PILOT = 512
MIN_PILOT = 64
NUM_SEARCHED = 6144  # direct samples among which those are looked for that meet what is known


class _Slot:
    """Slot for a guided denoiser, filled by the first thread that needs it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.denoiser: Any = None


_piloted = LRUCache(8)


def guided_denoiser(problem: Problem, bound: Problem) -> Any:
    """Denoiser guided to the problem's event; has `split(x, sigma)`.

    Args:
        problem: what is asked.
        bound: the problem of a batch of paths, given the conditions of these, see `Problem.bound`.

    Raises:
        ValueError: there is no event, or the guidance cannot steer towards it.
    """
    if problem.constraint is None:
        raise ValueError("guided paths need an event.")
    if not GUIDANCE[problem.guidance].piloted:
        return _guided(problem, bound.denoiser, None)
    slot = _piloted.get(identity_of(problem, event=True), _Slot)
    with slot.lock:
        if slot.denoiser is None:
            indices, states = _pilot(problem)
            pilot = np.asarray(problem.model.standardizer.standardize(jnp.asarray(states)))
            model, _ = problem.model.bound(direct_latents(problem, indices))
            slot.denoiser = _guided(problem, dataclasses.replace(problem, model=model).denoiser, pilot)
        learned = slot.denoiser
    return learned if bound is problem else dataclasses.replace(learned, denoiser=bound.denoiser)


def _pilot(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Indices and states of direct samples to learn from; where something is known, of those that meet it, if enough."""
    if problem.observations is None:
        return np.arange(NUM_PILOT), np.concatenate(list(direct_samples(problem, NUM_PILOT)))
    states = np.concatenate(list(direct_samples(problem, NUM_SEARCHED)))
    found = np.flatnonzero(problem.known(states))
    chosen = (found if len(found) >= MIN_PILOT else np.arange(len(states)))[:NUM_PILOT]
    return chosen, states[chosen]


def _guided(problem: Problem, denoiser: Any, pilot: np.ndarray | None) -> Any:
    constraint, model = steering_constraint(problem), problem.model
    assert constraint is not None  # noqa: S101 - checked by `guided_denoiser`
    return guided(
        problem.guidance,
        denoiser,
        constraint,
        model.standardizer,
        model.initial,
        pilot=pilot,
    )


def pilot_calls(problem: Problem) -> int:
    """Network evaluations for the scales of an event, and for a pilot: drawing it, denoising it at every level."""
    scaling = 0 if steering_constraint(problem) is problem.constraint else NUM_SAMPLES * problem.num_steps
    piloted = GUIDANCE[problem.guidance].piloted
    return scaling + (NUM_PILOT * (problem.num_steps + NUM_LEVELS) if piloted else 0)
