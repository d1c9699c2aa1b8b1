"""Moment matching: the event's probability under the Gaussian posterior of x₀, with one pullback.

With μ = C(x̂₀), a = ∇C(x̂₀), s² = a·Σ̂a + τ² (see `kernels.guidance.posterior`),

    inequality C > 0:   log ψ = log Φ(μ / s),
    equality C = 0 with standard deviation w:   log ψ = log N(0; μ, s² + w²),

and the guided denoiser is D + σ² ∇log ψ, where s counts as constant, so that σ² ∇μ = Σ̂a.
After Finzi et al. (2023), section 4, who differentiate s too.

When an event contains equalities, its parts are treated one by one, as if independent given x_σ.
τ is a small floor, a fraction of the spread of C, which keeps the last steps finite.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from kernels.diffusion import GaussianLaw
from kernels.events.semantics import Constraint, Program
from kernels.guidance.posterior import part_gradients, posterior_of, value_gradient
from kernels.trajectories import Standardizer

__all__ = ["MomentMatching", "constraint_spread"]

Batch = Float[Array, "sample time variable"]

FLOOR_FRACTION = 1e-3  # τ in units of the spread of C
_LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("denoiser", "parameters", "standardizer", "floor"),
    meta_fields=("program",),
)
@dataclasses.dataclass(frozen=True, eq=False)
class MomentMatching:
    """A denoiser conditioned on an event.

    Attributes:
        denoiser: what is wrapped, plain or conditioned already.
        program: the event's structure, static.
        parameters: its numbers, traced.
        standardizer: physical ↔ standardised units.
        floor: τ, in units of C.
    """

    denoiser: Any
    program: Program
    parameters: Any
    standardizer: Standardizer
    floor: Float[Array, ""] | float

    @classmethod
    def from_constraint(
        cls, denoiser: Any, constraint: Constraint, standardizer: Standardizer, law: GaussianLaw
    ) -> "MomentMatching":
        """Wrap `denoiser`, with τ from the spread of C under the data's Gaussian law."""
        spread = constraint_spread(constraint, standardizer, law)
        return cls(denoiser, constraint.program, constraint.parameters, standardizer, FLOOR_FRACTION * spread)

    def split(self, x: Batch, sigma: Any) -> tuple[Batch, Batch]:
        """Unguided x̂₀ and the shift σ² ∇log ψ that guidance adds to it."""
        posterior = posterior_of(self.denoiser, x, sigma)
        if "equality" not in self.program.parts:
            value, gradient = value_gradient(self.program, self.parameters, self.standardizer, posterior.mean)
            return posterior.mean, _inequality_shift(
                value, gradient, posterior.covariance(gradient), self.floor
            )
        values, gradients = part_gradients(self.program, self.parameters, self.standardizer, posterior.mean)
        widths = self.program.part_tolerances(self.parameters) / np.float32(np.sqrt(3.0))
        shift = jnp.zeros_like(posterior.mean)
        for kind, value, gradient, width in zip(self.program.parts, values, gradients, widths, strict=True):
            product = posterior.covariance(gradient)
            if kind == "equality":
                shift += _equality_shift(value, gradient, product, width)
            else:
                shift += _inequality_shift(value, gradient, product, self.floor)
        return posterior.mean, shift

    def __call__(self, x: Batch, sigma: Any) -> Batch:
        x0_hat, shift = self.split(x, sigma)
        return _add(x0_hat, shift)


_add = jax.jit(jnp.add)


def _variance(gradient: Batch, product: Batch) -> Float[Array, " sample"]:
    """a·Σ̂a, which a learned Jacobian can make negative."""
    return jnp.maximum(jnp.sum(gradient * product, axis=(1, 2)), 0.0)


@jax.jit
def _inequality_shift(
    value: Float[Array, " sample"], gradient: Batch, product: Batch, floor: Float[Array, ""]
) -> Batch:
    scale = jnp.sqrt(_variance(gradient, product) + jnp.asarray(floor, value.dtype) ** 2)
    ratio = value / scale
    hazard = jnp.exp(-0.5 * ratio**2 - _LOG_SQRT_2PI - log_ndtr(ratio))  # φ/Φ, stable far in the tail
    return (hazard / scale)[:, None, None] * product


@jax.jit
def _equality_shift(
    residual: Float[Array, " sample"], gradient: Batch, product: Batch, width: Float[Array, ""]
) -> Batch:
    variance = _variance(gradient, product) + width**2
    return (-residual / variance)[:, None, None] * product


def constraint_spread(
    constraint: Constraint, standardizer: Standardizer, law: GaussianLaw, *, num_samples: int = 256
) -> float:
    """Standard deviation of C under the Gaussian law of the data; 1 where it vanishes."""
    noise = jax.random.normal(jax.random.key(0), (num_samples, *law.mean.shape))
    values = np.asarray(
        _values(constraint.program, constraint.parameters, standardizer, law, noise), np.float64
    )
    spread = float(np.std(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0
    return spread if spread > 0 else 1.0


@partial(jax.jit, static_argnames="program")
def _values(
    program: Program, parameters: Any, standardizer: Standardizer, law: GaussianLaw, noise: Batch
) -> Float[Array, " sample"]:
    x = standardizer.unstandardize(law.perturb(noise, 0.0))
    return jax.vmap(program.value, (0, None))(x, parameters)
