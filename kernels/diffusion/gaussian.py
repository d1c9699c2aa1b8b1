"""Perturbation kernel, and conversions between its equivalent descriptions.

    x_σ = x₀ + σ ε,  ε ~ N(0, I);   D(x, σ) = E[x₀ | x_σ = x];   ∇log p_σ(x) = (D − x) / σ²

(Tweedie's formula). x₀ is standardised, flattened or not; all functions broadcast.
`GaussianLaw` is a normal law of trajectories through the eigenbasis of its covariance, in which
adding white noise of level σ is adding σ² to each variance. Of long trajectories of many variables
only the directions are kept in which there is more than noise at the finest level.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.diffusion.schedules import SIGMA_MIN

__all__ = [
    "GaussianLaw",
    "eps_from_x0",
    "require_fittable",
    "score_from_x0",
    "x0_from_eps",
    "x0_from_score",
]

MAX_FITTED = 8192  # largest size of a trajectory whose law is fitted; the covariance has this size squared
MATRICES = 6  # matrices of this size, in double precision, in memory at once
MAX_FULL = 1024  # size of a trajectory up to which a fitted law keeps every direction
NEGLIGIBLE = SIGMA_MIN**2  # variance of directions that a larger law leaves out
_CHUNK = 8192  # trajectories whose moments are summed together


def score_from_x0(x0_hat: Array, x: Array, sigma: Array) -> Array:
    """∇log p_σ(x) = (x̂₀ − x) / σ²."""
    return (x0_hat - x) / sigma**2


def x0_from_score(score: Array, x: Array, sigma: Array) -> Array:
    """x̂₀ = x + σ² ∇log p_σ(x)."""
    return x + sigma**2 * score


def eps_from_x0(x0_hat: Array, x: Array, sigma: Array) -> Array:
    """ε̂ = (x − x̂₀) / σ."""
    return (x - x0_hat) / sigma


def x0_from_eps(eps: Array, x: Array, sigma: Array) -> Array:
    """x̂₀ = x − σ ε̂."""
    return x - sigma * eps


def require_fittable(num_times: int, num_variables: int) -> None:
    """Raise ValueError if fitting a law to trajectories of this size needs too much memory."""
    numbers = num_times * num_variables
    if numbers > MAX_FITTED:
        gigabytes = MATRICES * 8 * numbers**2 / 1e9
        raise ValueError(
            f"a trajectory must hold at most {MAX_FITTED} numbers; {num_times} times of {num_variables} "
            f"variables are {numbers}, and their covariance alone would take about {gigabytes:.0f} GB of memory. "
            f"Choose fewer variables (`variables`, --variables) or a shorter `window` (--window): "
            f"{max(MAX_FITTED // num_times, 1)} variables at these times, or "
            f"{max(MAX_FITTED // num_variables, 2)} times of these variables."
        )


class GaussianLaw(NamedTuple):
    """N(mean, basis · diag(variances) · basisᵀ) over trajectories flattened time-major.

    Attributes:
        mean: (time, variable), standardised units.
        basis: (dim, rank) orthonormal columns, dim = time × variable; the variance outside of them is 0.
        variances: (rank,), not negative.
    """

    mean: Float[Array, "time variable"]
    basis: Float[Array, "dim rank"]
    variances: Float[Array, " rank"]

    @property
    def num_missing(self) -> int:
        """Number of directions without variance, which the basis leaves out."""
        return self.basis.shape[-2] - self.basis.shape[-1]

    @classmethod
    def from_moments(cls, mean: np.ndarray, covariance: np.ndarray) -> "GaussianLaw":
        """Gaussian law from a mean (time, variable) and a covariance (dim, dim).

        Raises:
            ValueError: shapes disagree, or the covariance is not symmetric and positive semidefinite.
        """
        mean = np.asarray(mean, np.float64)
        covariance = np.asarray(covariance, np.float64)
        if mean.ndim != 2 or covariance.shape != (mean.size, mean.size):
            raise ValueError(
                "`covariance` must be (time·variable, time·variable) for a mean (time, variable); "
                f"got {covariance.shape} for a mean {mean.shape}."
            )
        if not (np.all(np.isfinite(covariance)) and np.all(np.isfinite(mean))):
            raise ValueError("`mean` and `covariance` must be finite.")
        if not np.allclose(covariance, covariance.T, atol=1e-6 * max(1e-300, np.abs(covariance).max())):
            raise ValueError("`covariance` must be symmetric.")
        variances, basis = np.linalg.eigh((covariance + covariance.T) / 2)
        if variances[0] < -1e-6 * max(variances[-1], 1e-300):
            raise ValueError(
                f"`covariance` must be positive semidefinite; its smallest eigenvalue is {variances[0]:g}."
            )
        return cls(*(jnp.asarray(a, jnp.float32) for a in (mean, basis, np.maximum(variances, 0.0))))

    @classmethod
    def fit(cls, x0: np.ndarray) -> "GaussianLaw":
        """Gaussian law with the mean and covariance of an ensemble (sample, time, variable).

        Of more than `MAX_FULL` numbers a trajectory, only directions of a variance above `NEGLIGIBLE` are
        kept: standardised data of smooth fields have far fewer of those than numbers.

        Raises:
            ValueError: more than `MAX_FITTED` numbers a trajectory, before anything of that size is made.
        """
        require_fittable(*np.shape(x0)[1:])
        shape, count = np.shape(x0)[1:], len(x0)
        flat = np.reshape(x0, (count, -1))
        mean = flat.mean(0, dtype=np.float64)
        covariance = np.zeros((flat.shape[1], flat.shape[1]))
        for start in range(0, count, _CHUNK):
            offsets = flat[start : start + _CHUNK] - mean
            covariance += offsets.T @ offsets
        law = cls.from_moments(mean.reshape(shape), covariance / max(count - 1, 1))
        if flat.shape[1] <= MAX_FULL:
            return law
        kept = np.asarray(law.variances) > NEGLIGIBLE
        return cls(law.mean, law.basis[:, kept], law.variances[kept])

    def perturb(
        self, noise: Float[Array, "*batch time variable"], sigma: Any
    ) -> Float[Array, "*batch time variable"]:
        """Map white noise to the law of x_σ: mean + basis · √(variances + σ²) · basisᵀ · noise."""
        return self.mean + self._scaled(noise, jnp.sqrt(self.variances + sigma**2), sigma)

    def unperturb(
        self, x: Float[Array, "*batch time variable"], sigma: Any
    ) -> Float[Array, "*batch time variable"]:
        """Inverse of `perturb`; σ must be positive."""
        return self._scaled(
            x - self.mean, 1.0 / jnp.sqrt(self.variances + sigma**2), 1.0 / jnp.asarray(sigma)
        )

    def _scaled(self, x: Array, inside: Array, outside: Any) -> Array:
        """Scale x by `inside` along the basis, and by `outside` in all other directions."""
        flat = x.reshape(*x.shape[:-2], -1)
        if not self.num_missing:
            return (((flat @ self.basis) * inside) @ self.basis.T).reshape(x.shape)
        return outside * x + (((flat @ self.basis) * (inside - outside)) @ self.basis.T).reshape(x.shape)

    def denoise(
        self, x: Float[Array, "batch time variable"], sigma: Any
    ) -> Float[Array, "batch time variable"]:
        """E[x₀ | x_σ = x] if x₀ has this law: mean + S (S + σ²)⁻¹ (x − mean).

        Args:
            x: perturbed trajectories.
            sigma: noise level, one for all or (batch,).
        """
        flat = (x - self.mean).reshape(x.shape[0], -1)
        gain = self.variances / (self.variances + jnp.atleast_1d(sigma)[:, None] ** 2)
        return self.mean + (((flat @ self.basis) * gain) @ self.basis.T).reshape(x.shape)

    def posterior_scale(self, sigma: Any) -> Float[Array, " batch"]:
        """Root mean posterior variance of a coordinate of x₀ given x_σ, (batch,) or (1,)."""
        square = jnp.atleast_1d(sigma)[:, None] ** 2
        share = self.basis.shape[-1] / self.basis.shape[-2]
        return jnp.sqrt(share * jnp.mean(self.variances * square / (self.variances + square), axis=-1))
