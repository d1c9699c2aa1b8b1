"""Probability-flow ODE by an adaptive solver (diffrax, Tsit5), in both directions.

    dx/dlog σ = x − D(x, σ)

The map is deterministic and invertible: `inverse_flow` finds the latents of given trajectories, those
that `flow`, or any deterministic solver with enough steps, maps back to them.
"""

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.denoisers.base import Denoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.schedules import SIGMA_MAX, SIGMA_MIN

__all__ = ["flow", "inverse_flow"]

Batch = Float[Array, "sample time variable"]

MAX_SOLVER_STEPS = 4096
TOLERANCE = 1e-4


def flow(denoiser: Denoiser, law: GaussianLaw, latents: Batch, *, rtol: float = TOLERANCE) -> Batch:
    """Map standard normal latents to trajectories (sample, time, variable), standardised.

    Args:
        denoiser: a plain denoiser.
        law: law of the data, to which noise of level σ_max is added.
        latents: standard normal numbers.
        rtol: relative tolerance of the solver; the absolute one is a tenth of it.

    Raises:
        RuntimeError: the tolerance needs more than 4096 steps.
    """
    x = law.perturb(latents, SIGMA_MAX)
    return denoiser.denoise(_integrate(denoiser, x, SIGMA_MAX, SIGMA_MIN, rtol), jnp.float32(SIGMA_MIN))


def inverse_flow(denoiser: Denoiser, law: GaussianLaw, x0: Batch, *, rtol: float = TOLERANCE) -> Batch:
    """Map trajectories to latents, which `flow` maps back up to noise of level σ_min.

    Arguments as of `flow`.
    """
    return law.unperturb(_integrate(denoiser, x0, SIGMA_MIN, SIGMA_MAX, rtol), SIGMA_MAX)


@jax.jit
def _integrate(denoiser: Any, x: Batch, start: Any, end: Any, rtol: Any) -> Batch:
    def field(log_sigma: Any, x: Any, args: Any) -> Any:
        return x - denoiser.denoise(x, jnp.exp(log_sigma))

    begin, finish = jnp.log(jnp.float32(start)), jnp.log(jnp.float32(end))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Tsit5(),
        t0=begin,
        t1=finish,
        dt0=0.05 * jnp.sign(finish - begin),
        y0=x,
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=0.1 * rtol),
        max_steps=MAX_SOLVER_STEPS,
    )
    assert solution.ys is not None  # noqa: S101 - the end is saved
    return solution.ys[-1]
