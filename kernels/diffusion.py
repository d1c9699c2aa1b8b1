"""The perturbation kernel and the conversions between its equivalent descriptions.

    x_σ = x₀ + σ ε,  ε ~ N(0, I);   D(x, σ) = E[x₀ | x_σ = x];   ∇log p_σ(x) = (D − x) / σ²

(Tweedie's formula). x₀ is standardised, flattened or not; all functions broadcast.
`GaussianLaw` is a normal law of trajectories through the eigenbasis of its covariance, in which
adding white noise of level σ is adding σ² to each variance.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["GaussianLaw", "eps_from_x0", "score_from_x0", "x0_from_eps", "x0_from_score"]


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


class GaussianLaw(NamedTuple):
    """N(mean, basis · diag(variances) · basisᵀ) over trajectories flattened time-major.

    Attributes:
        mean: (time, variable), standardised units.
        basis: (dim, dim) orthonormal columns, dim = time × variable.
        variances: (dim,), not negative.
    """

    mean: Float[Array, "time variable"]
    basis: Float[Array, "dim dim"]
    variances: Float[Array, " dim"]

    @classmethod
    def from_moments(cls, mean: np.ndarray, covariance: np.ndarray) -> "GaussianLaw":
        """From a mean (time, variable) and a covariance (dim, dim).

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
        """Mean and covariance of an ensemble (sample, time, variable)."""
        flat = np.asarray(x0, np.float64).reshape(len(x0), -1)
        return cls.from_moments(flat.mean(0).reshape(np.shape(x0)[1:]), np.cov(flat, rowvar=False))

    def perturb(
        self, noise: Float[Array, "*batch time variable"], sigma: Any
    ) -> Float[Array, "*batch time variable"]:
        """Map white noise to the law of x_σ: mean + basis · √(variances + σ²) · basisᵀ · noise."""
        flat = noise.reshape(*noise.shape[:-2], -1)
        shaped = ((flat @ self.basis) * jnp.sqrt(self.variances + sigma**2)) @ self.basis.T
        return self.mean + shaped.reshape(noise.shape)

    def unperturb(
        self, x: Float[Array, "*batch time variable"], sigma: Any
    ) -> Float[Array, "*batch time variable"]:
        """Inverse of `perturb`; σ must be positive."""
        flat = (x - self.mean).reshape(*x.shape[:-2], -1)
        return (((flat @ self.basis) / jnp.sqrt(self.variances + sigma**2)) @ self.basis.T).reshape(x.shape)

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
        return jnp.sqrt(jnp.mean(self.variances * square / (self.variances + square), axis=-1))
