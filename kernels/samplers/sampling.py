"""Drawing: the loop over a solver's steps, and the random numbers of each sample.

Sample i uses the key fold_in(key, i), and its noise at step k the key fold_in(·, k): what is drawn
depends on (key, i) alone, however samples are grouped into chunks. On a CPU the loop is a Python
loop over compiled pieces, so that the network compiles once whatever guides it and a caller can
stop between steps; on an accelerator `draw` is one compiled scan. Several devices share a batch.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from kernels.denoisers.base import Denoiser, evaluate
from kernels.diffusion.gaussian import GaussianLaw
from kernels.samplers.base import Batch, Levels, SamplerState, Solver
from kernels.sharding import spread

__all__ = ["Keys", "Step", "draw", "draw_noise", "draw_steps", "initial_noise", "sample_keys"]


class Step(NamedTuple):
    """Record of `draw_steps`: evaluations done, and the present estimate of the samples."""

    num_evaluations: int
    x0_hat: Batch


Keys = Key[Array, " sample"]


def sample_keys(key: PRNGKeyArray, start: int, size: int) -> Keys:
    """Keys of samples start … start + size − 1."""
    return spread(_fold_in_range(key, jnp.uint32(start), size))


@partial(jax.jit, static_argnames="size")
def _fold_in_range(key: PRNGKeyArray, start: Array, size: int) -> Keys:
    return jax.vmap(jax.random.fold_in, (None, 0))(key, start + jnp.arange(size, dtype=jnp.uint32))


@partial(jax.jit, static_argnames="shape")
def draw_noise(keys: Keys, step: int | Array, shape: tuple[int, int]) -> Batch:
    """Standard normal numbers (sample, *shape) of one step; step 0 is the initial noise."""
    return jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, step), shape))(keys)


def initial_noise(keys: Keys, law: GaussianLaw) -> Batch:
    """Latents (sample, time, variable) from which samples start."""
    return draw_noise(keys, 0, law.mean.shape)


@jax.jit
def _start(law: GaussianLaw, latents: Batch, sigma: Any) -> SamplerState:
    return SamplerState.start(law.perturb(latents, sigma))


@partial(jax.jit, static_argnames="solver")
def _step(solver: Solver, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState:
    return solver.step(state, x0_hat, levels, noise)


def _denoise(denoiser: Any, x: Batch, sigma: Any) -> Batch:
    """Denoise; plain denoisers are compiled here, guided ones consist of compiled pieces."""
    if callable(denoiser):
        guided: Any = denoiser
        return guided(x, sigma)
    return evaluate(denoiser, x, sigma)


def draw_steps(
    denoiser: Denoiser | Any,
    law: GaussianLaw,
    solver: Solver,
    sigmas: Float[np.ndarray, " steps"],
    latents: Batch,
    keys: Keys | None = None,
) -> Iterator[Step]:
    """Walk one batch down the grid; yields after each evaluation of the denoiser.

    The last x̂₀ is the sample.

    Args:
        denoiser: plain or guided.
        law: where the noise starts: law of the data, to which noise of level sigmas[0] is added.
        solver: the rule.
        sigmas: decreasing noise levels, between which the solver steps.
        latents: standard normal numbers (sample, time, variable).
        keys: one key a sample, for stochastic solvers.

    Raises:
        ValueError: a stochastic solver without keys.
    """
    if solver.stochastic and keys is None:
        raise ValueError("`keys` must be given for a stochastic solver.")
    plan = solver.plan(np.asarray(sigmas, np.float64))
    noise = latents = spread(jnp.asarray(latents))
    state = _start(law, latents, plan[0].sigma)
    for index, levels in enumerate(plan):
        x0_hat = _denoise(denoiser, state.x, levels.sigma)
        yield Step(index + 1, x0_hat)
        if keys is not None and solver.stochastic:
            noise = draw_noise(keys, np.uint32(index + 1), latents.shape[1:])
        state = _step(solver, state, x0_hat, levels, noise)
    yield Step(len(plan) + 1, _denoise(denoiser, state.x, plan[-1].following))


def draw(
    denoiser: Denoiser | Any,
    law: GaussianLaw,
    solver: Solver,
    sigmas: Float[np.ndarray, " steps"],
    latents: Batch,
    keys: Keys | None = None,
) -> Batch:
    """Draw samples (sample, time, variable), standardised; arguments as in `draw_steps`."""
    if jax.default_backend() != "cpu":
        latents = spread(jnp.asarray(latents))
        if solver.stochastic and keys is None:
            raise ValueError("`keys` must be given for a stochastic solver.")
        plan = solver.plan(np.asarray(sigmas, np.float64))
        return _scan(denoiser, law, solver, Levels(*map(jnp.asarray, zip(*plan, strict=True))), latents, keys)
    *_, last = draw_steps(denoiser, law, solver, sigmas, latents, keys)
    return last.x0_hat


@partial(jax.jit, static_argnames="solver")
def _scan(
    denoiser: Any, law: GaussianLaw, solver: Solver, plan: Levels, latents: Batch, keys: Keys | None
) -> Batch:
    """Walk down the grid as one program, for accelerators; `plan` holds arrays (evaluation,)."""

    def body(state: SamplerState, inputs: tuple[Array, Levels]) -> tuple[SamplerState, None]:
        index, levels = inputs
        noise = (
            draw_noise(keys, index + 1, latents.shape[1:])
            if solver.stochastic and keys is not None
            else latents
        )
        x0_hat = _denoise(denoiser, state.x, levels.sigma)
        return solver.step(state, x0_hat, levels, noise), None

    start = _start(law, latents, plan.sigma[0])
    state, _ = jax.lax.scan(body, start, (jnp.arange(len(plan.sigma)), plan))
    return _denoise(denoiser, state.x, plan.following[-1])
