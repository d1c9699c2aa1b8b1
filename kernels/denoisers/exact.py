"""Exact denoisers: the posterior means of Gaussian and Gaussian mixture laws in closed form."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.noise import whitened
from kernels.trajectories.standardizer import Standardizer

__all__ = ["GaussianDenoiser", "GaussianMixtureDenoiser"]

Batch = Float[Array, "sample time variable"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False, init=False)
class GaussianDenoiser:
    """Exact denoiser of a Gaussian: D = μ + S (S + σ²)⁻¹ (x − μ).

    Args:
        mean: (time, variable), physical units.
        covariance: (dim, dim) over the trajectory flattened time-major, physical units squared.
        law: both, worked out before.

    Raises:
        ValueError: shapes disagree, or the covariance is not symmetric and positive semidefinite.
    """

    law: GaussianLaw

    def __init__(
        self,
        mean: np.ndarray | None = None,
        covariance: np.ndarray | None = None,
        *,
        law: GaussianLaw | None = None,
    ) -> None:
        if law is None:
            law = GaussianLaw.from_moments(np.asarray(mean), np.asarray(covariance))
        object.__setattr__(self, "law", law)

    def denoise(self, x: Batch, sigma: Any) -> Batch:
        return self.law.denoise(x, jnp.asarray(sigma))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (time, variable) and covariance (dim, dim)."""
        mean, basis, variances = (np.asarray(a, np.float64) for a in self.law)
        return mean, (basis * variances) @ basis.T

    def standardized(self, standardizer: Standardizer) -> "GaussianDenoiser":
        """Exact denoiser of this law in a standardiser's units."""
        mean, covariance = self.moments()
        return GaussianDenoiser(*_standardized(mean, covariance, standardizer))


@jax.tree_util.register_pytree_node_class
@dataclasses.dataclass(frozen=True, eq=False, init=False)
class GaussianMixtureDenoiser:
    """Exact denoiser of a Gaussian mixture: component denoisers weighted by responsibility.

    Args:
        weights: (component,), positive; normalised.
        means: (component, time, variable), physical units.
        covariances: (component, dim, dim), physical units squared.

    Raises:
        ValueError: a weight is not positive, shapes disagree, or a covariance is none.
    """

    log_weights: Float[Array, " component"]
    laws: GaussianLaw

    def __init__(self, weights: Any, means: Any, covariances: Any) -> None:
        weights = np.asarray(weights, np.float64)
        if weights.ndim != 1 or not np.all(weights > 0):
            raise ValueError(f"`weights` must be positive, one for each component; got {weights}.")
        if not len(weights) == len(means) == len(covariances):
            raise ValueError("`weights`, `means` and `covariances` must have one entry for each component.")
        laws = [GaussianLaw.from_moments(*pair) for pair in zip(means, covariances, strict=True)]
        object.__setattr__(self, "log_weights", jnp.asarray(np.log(weights / weights.sum()), jnp.float32))
        object.__setattr__(self, "laws", jax.tree.map(lambda *a: jnp.stack(a), *laws))

    def tree_flatten(self) -> tuple[tuple[Array, GaussianLaw], None]:
        return (self.log_weights, self.laws), None

    @classmethod
    def tree_unflatten(
        cls, auxiliary: None, children: tuple[Array, GaussianLaw]
    ) -> "GaussianMixtureDenoiser":
        restored = object.__new__(cls)
        for name, child in zip(("log_weights", "laws"), children, strict=True):
            object.__setattr__(restored, name, child)
        return restored

    def denoise(self, x: Batch, sigma: Any) -> Batch:
        sigma = jnp.atleast_1d(jnp.asarray(sigma))

        def component(law: GaussianLaw) -> tuple[Batch, Array]:
            variances = law.variances + sigma[:, None] ** 2
            flat = (x - law.mean).reshape(x.shape[0], -1) @ law.basis
            log_density = -0.5 * jnp.sum(flat**2 / variances + jnp.log(variances), axis=-1)
            return law.denoise(x, sigma), log_density

        x0_hats, log_densities = jax.vmap(component)(self.laws)
        logits = self.log_weights[:, None] + log_densities
        responsibilities = jnp.exp(logits - logsumexp(logits, axis=0))
        return jnp.einsum("kn,kntv->ntv", responsibilities, x0_hats)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (time, variable) and covariance (dim, dim) of the whole mixture."""
        weights = np.exp(np.asarray(self.log_weights, np.float64))
        means, basis, variances = (np.asarray(a, np.float64) for a in self.laws)
        mean = np.einsum("k,ktv->tv", weights, means)
        offsets = (means - mean).reshape(len(weights), -1)
        within = np.einsum("k,kij,kj,klj->il", weights, basis, variances, basis)
        return mean, within + np.einsum("k,ki,kj->ij", weights, offsets, offsets)

    def standardized(self, standardizer: Standardizer) -> "GaussianMixtureDenoiser":
        """Exact denoiser of this law in a standardiser's units."""
        means, basis, variances = (np.asarray(a, np.float64) for a in self.laws)
        covariances = np.einsum("kij,kj,klj->kil", basis, variances, basis)
        pairs = [_standardized(m, c, standardizer) for m, c in zip(means, covariances, strict=True)]
        return GaussianMixtureDenoiser(
            np.exp(np.asarray(self.log_weights, np.float64)), *zip(*pairs, strict=True)
        )


def _standardized(
    mean: np.ndarray, covariance: np.ndarray, standardizer: Standardizer
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance in a standardiser's units."""
    scale = np.asarray(standardizer.scale, np.float64)
    mean = (mean - np.asarray(standardizer.mean, np.float64)) / scale
    map_back = np.eye(mean.size)
    if standardizer.noise is not None:  # L⁻¹ over time, the same for each variable
        units = np.eye(mean.shape[0], dtype=np.float32)[:, :, None]
        over_time = np.asarray(whitened(jnp.asarray(units), standardizer.noise)[..., 0], np.float64).T
        mean, map_back = over_time @ mean, np.kron(over_time, np.eye(mean.shape[1]))
    map_back = map_back / np.tile(scale, mean.shape[0])
    return mean, map_back @ covariance @ map_back.T
