"""Calibrated twist: C of the sample regressed on C of the reconstruction, level by level.

Moment matching takes C(x̂₀) for the mean of C(x₀). But x̂₀ is smooth at high noise, and C of a smooth
trajectory is not: the maximum of a mean is less than the mean of the maximum (Jensen). Here a pilot of
trajectories x₀ that are perturbed to every level of a grid, x̂₀ = D(x₀ + σ ε, σ), gives by least squares

    C(x₀) ≈ α_σ + β_σ C(x̂₀) + τ_σ ε,

and, interpolated over log σ, with ρ = α_σ + β_σ C(x̂₀) and w the standard deviation of an equality,

    inequality C > 0:   ψ = Φ(ρ / τ_σ),
    equality C = 0:     ψ = N(0; ρ, τ_σ² + w²),
    σ² ∇log ψ = (∂log ψ/∂ρ) β_σ Σ̂ ∇C(x̂₀),   Σ̂ = σ² ∂D/∂x.

The parts that `and` joins count as independent given x̂₀. τ_σ is the same wherever x_σ lies, unlike
moment matching's s: better for maxima and minima, worse where the posterior's spread varies much.
"""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.denoisers.base import taken
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.schedules import log_grid
from kernels.events.semantics.algebras import CERTAIN
from kernels.events.semantics.compile import Constraint, Program
from kernels.guidance.linearization import linearised
from kernels.guidance.moment_matching import (
    FLOOR_FRACTION,
    Twist,
    hazard,
    limited,
    log_normal_cdf,
    variance_along,
)
from kernels.guidance.posterior import posterior_of
from kernels.trajectories.standardizer import Standardizer

__all__ = ["NUM_LEVELS", "Calibrated", "Regression", "regress"]

Batch = Float[Array, "sample time variable"]
PerSample = Float[Array, " sample"]

NUM_LEVELS = 16
NUM_GAUSSIAN = 512  # pilot trajectories from the data's Gaussian law where none are given
WIDEST = 2.0  # standard deviation of C given x̂₀, in units of its mean over the pilot
CHUNK = 128  # equal to the number of paths evaluated together, so that nothing compiles anew
_LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


class Regression(NamedTuple):
    """Regression of the final C on C(x̂₀), (part, level), over increasing log σ (level,)."""

    log_sigmas: Float[Array, " level"]
    offset: Float[Array, "part level"]
    slope: Float[Array, "part level"]
    log_spread: Float[Array, "part level"]

    def at(self, part: int, sigma: Any) -> tuple[Array, Array, Array]:
        """Coefficients α, β and τ of one part at one noise level."""
        where = jnp.log(jnp.asarray(sigma, jnp.float32))
        offset, slope, log_spread = (jnp.interp(where, self.log_sigmas, row[part]) for row in self[1:])
        return offset, slope, jnp.exp(log_spread)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Calibrated:
    """Denoiser guided to an event by the calibrated twist.

    Attributes:
        denoiser: the wrapped denoiser, plain or conditioned already.
        program: the event's structure, static.
        parameters: its numbers, traced.
        standardizer: physical ↔ standardised units.
        regression: what C(x̂₀) says about C(x₀).
    """

    denoiser: Any
    program: Program = dataclasses.field(metadata={"static": True})
    parameters: Any
    standardizer: Standardizer
    regression: Regression

    @classmethod
    def from_constraint(
        cls,
        denoiser: Any,
        constraint: Constraint,
        standardizer: Standardizer,
        law: GaussianLaw,
        *,
        pilot: Float[np.ndarray, "sample time variable"] | None = None,
    ) -> "Calibrated":
        """Wrap `denoiser`, calibrated on pilot trajectories (standardised) of the model.

        Without a pilot, trajectories of the data's Gaussian law take its place.
        """
        if pilot is None:
            noise = jax.random.normal(jax.random.key(0), (NUM_GAUSSIAN, *law.mean.shape))
            pilot = np.asarray(law.perturb(noise, 0.0))
        regression = regress(denoiser, constraint, standardizer, pilot)
        return cls(denoiser, *constraint, standardizer, regression)

    def twist(self, x: Batch, sigma: Any) -> Twist:
        """Reconstruction x̂₀, shift and log ψ at one noise level."""
        posterior = posterior_of(self.denoiser, x, sigma)
        shift, log_psi = jnp.zeros_like(x), jnp.zeros(x.shape[0], x.dtype)
        for part in linearised(self.program, self.parameters, self.standardizer, posterior.mean):
            fitted = self.regression.at(part.index, sigma)
            pull, gain = _matched(part.value, part.width, *fitted)
            product = posterior.covariance(part.gradient)
            damping = _damping(part.gradient, product, sigma, fitted[1], fitted[2])
            shift, log_psi = _added(shift, log_psi, product, pull * damping, gain)
        return Twist(posterior.mean, limited(shift), log_psi)

    def split(self, x: Batch, sigma: Any) -> tuple[Batch, Batch]:
        """Unguided x̂₀ and the shift σ² ∇log ψ that guidance adds to it."""
        return self.twist(x, sigma)[:2]

    def __call__(self, x: Batch, sigma: Any) -> Batch:
        x0_hat, shift = self.split(x, sigma)
        return x0_hat + shift


@jax.jit
def _matched(
    value: PerSample, width: Array | None, offset: Array, slope: Array, spread: Array
) -> tuple[PerSample, PerSample]:
    """Derivative ∂log ψ/∂C(x̂₀) and log ψ of one part."""
    mean = offset + slope * value
    if width is None:
        ratio = mean / spread
        return hazard(ratio) * slope / spread, log_normal_cdf(ratio)
    variance = spread**2 + width**2
    return -mean / variance * slope, -0.5 * (mean**2 / variance + jnp.log(variance)) - _LOG_SQRT_2PI


@jax.jit
def _damping(gradient: Batch, product: Batch, sigma: Any, slope: Array, spread: Array) -> PerSample:
    """Factor of the shift, below 1 where C would vary far more than usual at this level.

    Up to `WIDEST` times the regression's spread is allowed. A network's Jacobian gives more where no trajectory
    goes, and a full shift would lead further away.
    """
    seen, here = (WIDEST * spread) ** 2, slope**2 * variance_along(gradient, product, sigma)
    return jnp.where(here > seen, seen / jnp.where(here > seen, here, 1.0), 1.0)


@jax.jit
def _added(
    shift: Batch, log_psi: PerSample, product: Batch, pull: PerSample, gain: PerSample
) -> tuple[Batch, PerSample]:
    return shift + pull[:, None, None] * product, log_psi + gain


def regress(
    denoiser: Any,
    constraint: Constraint,
    standardizer: Standardizer,
    pilot: Float[np.ndarray, "sample time variable"],
) -> Regression:
    """Regress C of the pilot on C of the pilot perturbed and denoised, at each level."""
    sigmas = log_grid(NUM_LEVELS)[::-1]
    program, parameters = constraint
    final = np.asarray(_part_values(program, parameters, standardizer, jnp.asarray(pilot)), np.float64)
    inside = (row[np.abs(row) < 0.5 * CERTAIN] for row in final)
    spreads = np.array([row.std() if row.size else 0.0 for row in inside])
    floors = FLOOR_FRACTION * np.where(spreads > 0, spreads, 1.0)
    rows = []
    for index, sigma in enumerate(sigmas):
        seen = [
            np.asarray(_part_values(program, parameters, standardizer, x0_hat), np.float64)
            for x0_hat in _denoised(denoiser, pilot, np.float32(sigma), index)
        ]
        rows.append(_least_squares(np.concatenate(seen, axis=1)[:, : final.shape[1]], final, floors))
    offset, slope, log_spread = (jnp.asarray(np.stack(part, axis=1), jnp.float32) for part in zip(*rows))
    return Regression(jnp.asarray(np.log(sigmas), jnp.float32), offset, slope, log_spread)


def _denoised(denoiser: Any, pilot: np.ndarray, sigma: Any, level: int) -> list[Batch]:
    """Reconstructions x̂₀ of the perturbed pilot, in padded chunks of one size."""
    key = jax.random.fold_in(jax.random.key(1), level)
    noise = np.asarray(jax.random.normal(key, pilot.shape))
    chunks = []
    for start in range(0, len(pilot), CHUNK):
        indices = np.arange(start, start + CHUNK) % len(pilot)
        x = jnp.asarray(pilot[indices] + sigma * noise[indices], jnp.float32)
        chunks.append(posterior_of(taken(denoiser, indices), x, sigma).mean)
    return chunks


def _least_squares(
    seen: np.ndarray, final: np.ndarray, floors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients α, β and log τ of each part (part,); β = 0 where C(x̂₀) does not vary."""
    known = (np.abs(seen) < 0.5 * CERTAIN) & (np.abs(final) < 0.5 * CERTAIN)  # others stand for ±∞
    count = np.maximum(known.sum(axis=1), 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.where(known, values, 0.0).sum(axis=1) / count

    centre, goal = mean(seen)[:, None], mean(final)[:, None]
    variance = mean((seen - centre) ** 2)
    together = mean((seen - centre) * (final - goal))
    slope = np.divide(together, variance, out=np.zeros_like(together), where=variance > 1e-12 * floors**2)
    offset = goal[:, 0] - slope * centre[:, 0]
    left = mean((final - offset[:, None] - slope[:, None] * seen) ** 2)
    return offset, slope, 0.5 * np.log(left + floors**2)


@partial(jax.jit, static_argnames="program")
def _part_values(
    program: Program, parameters: Any, standardizer: Standardizer, x0: Batch
) -> Float[Array, "part sample"]:
    """C of each inequality and the residual of each equality, (part, sample)."""

    def values(x: Float[Array, "time variable"]) -> Float[Array, " part"]:
        return program.part_values(standardizer.unstandardize(x), parameters)

    return jax.vmap(values)(x0).T
