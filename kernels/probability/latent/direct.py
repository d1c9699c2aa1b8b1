"""Direct samples: the latent map of a model, and a cache of its unconditional samples.

F: latents → trajectories is the probability-flow ODE by UniPC (a few steps: DPM-Solver++), a deterministic map.
Sample i of a cache depends on (key, i) only; its latents need not be stored. Caches are shared by
all that is asked about the same model with the same key and steps, whatever is known: what is known, and the
event, choose among the samples.
"""

import threading
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.diffusion.schedules import SIGMA_MIN, grid
from kernels.events.semantics.compile import Constraint
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.cache import LRUCache, identity_of
from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.sampling import draw, draw_noise, sample_keys
from kernels.samplers.unipc import UniPC

__all__ = [
    "CHUNK",
    "direct_latents",
    "direct_samples",
    "finest_sigma",
    "latent_map",
    "ode_grid",
    "ode_solver",
    "tolerated_sigma",
]

WIDEST_FOR_PARABOLAS = 0.82  # mean step of log σ: 14 evaluations from `SIGMA_MAX` to `SIGMA_MIN`
CHUNK = 256  # trajectories evaluated together


def ode_solver(sigmas: Float[np.ndarray, " steps"]) -> UniPC | DPMSolver:
    """Solver of the ODE on a grid: UniPC, or DPM-Solver++ where the levels are far apart.

    On Gaussians (`tests/helpers/discrete_laws.py`) the largest error of the spread is by UniPC 0.6 of
    DPM-Solver++'s in 14 steps over all levels, a quarter in 20 and an eighth in 30; where evaluations are
    further apart its parabolas overshoot.
    """
    mean_step = np.log(sigmas[0] / sigmas[-1]) / (len(sigmas) - 1)
    return UniPC() if mean_step <= WIDEST_FOR_PARABOLAS else DPMSolver()


def ode_grid(problem: Problem) -> Float[np.ndarray, " steps"]:
    """Noise levels of the ODE, from the model.

    What is asked and what is known do not count, so that all share samples.
    """
    highest, lowest = problem.model.ode_levels
    return grid(problem.num_steps, sigma_max=highest, sigma_min=lowest)


def finest_sigma(problem: Problem) -> float:
    """Smallest noise level σ_min of stochastic paths, standardised units.

    It is `SIGMA_MIN` without observations, else their `tolerated_sigma`.
    """
    if problem.observations is None:
        return SIGMA_MIN
    return tolerated_sigma(problem.observations, problem.model)


def tolerated_sigma(constraint: Constraint, model: Model) -> float:
    """Smallest noise level that the tolerances of a constraint require, standardised units.

    It is a tenth of the standard deviation of the finest equality, in units of the widest variable; at most
    `SIGMA_MIN`.
    """
    widths = np.asarray(constraint.program.part_deviations(constraint.parameters))
    if not widths.any():
        return SIGMA_MIN
    spread = np.max(np.asarray(model.standardizer.spread))
    return float(np.clip(widths[widths > 0].min() / spread / 10.0, 1e-4, SIGMA_MIN))


def latent_map(problem: Problem, latents: Array | np.ndarray) -> Iterator[np.ndarray]:
    """Map latents to trajectories in physical units, a chunk at a time, in order.

    The last rows of a conditional model's latents draw the season, hour and covariates of each sample.
    """
    sigmas = ode_grid(problem)
    for start in range(0, len(latents), CHUNK):
        block = jnp.asarray(latents[start : start + CHUNK])
        padding = CHUNK - len(block)
        padded = jnp.pad(block, ((0, padding), (0, 0), (0, 0))) if padding else block
        model, noise = problem.model.bound(padded)
        x0 = draw(model.denoiser, model.initial, ode_solver(sigmas), sigmas, noise)
        yield problem.physical(x0)[: len(block)]


def direct_latents(problem: Problem, indices: np.ndarray) -> np.ndarray:
    """Latents of some direct samples (sample, *latent_shape), computed from their keys."""
    if len(indices) == 0:
        return np.zeros((0, *problem.model.latent_shape), np.float32)
    key = problem.stream_key("direct")
    size = 1 << max(0, len(indices) - 1).bit_length()
    padded = np.concatenate([indices, np.zeros(size - len(indices), indices.dtype)]).astype(np.uint32)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.asarray(padded))
    return np.asarray(draw_noise(keys, 0, problem.model.latent_shape))[: len(indices)]


class _Cache:
    """Growing store of direct samples of one model, key and grid."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.chunks: list[np.ndarray] = []


_caches = LRUCache(8)


def direct_samples(problem: Problem, num_samples: int) -> Iterator[np.ndarray]:
    """First `num_samples` direct samples, in chunks (sample, time, variable), cached."""
    cache = _caches.get(identity_of(problem, event=False), _Cache)
    key = problem.stream_key("direct")
    for index in range(-(-num_samples // CHUNK)):
        with cache.lock:
            if index == len(cache.chunks):
                latents = draw_noise(sample_keys(key, index * CHUNK, CHUNK), 0, problem.model.latent_shape)
                cache.chunks.extend(latent_map(problem, latents))
            chunk = cache.chunks[index]
        yield chunk[: num_samples - index * CHUNK]
