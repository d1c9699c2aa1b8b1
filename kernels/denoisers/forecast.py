"""Forecasting denoisers: trained to know the first k states of a trajectory exactly.

    D(x, σ | c) = E[x₀ | x_σ = x, first k states of x₀ = c]

Preconditioned as `kernels.denoisers.network.NetworkDenoiser`, with the Gaussian law of the data given c in the
place of the unconditional one: its mean moves with c, its covariance does not, and has none at the known
states. The network sees the known states themselves, and which they are.

    forecast = denoiser.given(c)        # an ordinary denoiser, with `forecast.law`
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from kernels.diffusion.gaussian import GaussianLaw
from kernels.networks.precision import halved, uses_half

__all__ = ["ForecastDenoiser", "GivenStart", "Regression"]

Batch = Float[Array, "sample time variable"]


class Regression(NamedTuple):
    """Gaussian law of a trajectory given its first k states c: mean + gain · (c − mean_k).

    The covariance does not depend on c.

    Attributes:
        gain: (dim, k · variable); the identity at the known states.
        basis: (dim, dim) eigenvectors of the covariance.
        variances: (dim,), 0 in the directions of the known states.
    """

    gain: Float[Array, "dim known"]
    basis: Float[Array, "dim dim"]
    variances: Float[Array, " dim"]

    @classmethod
    def of(cls, law: GaussianLaw, num_known: int) -> "Regression":
        """Regression from the unconditional law."""
        mean, basis, variances = (np.asarray(part, np.float64) for part in law)
        covariance = (basis * variances) @ basis.T
        known = num_known * mean.shape[1]
        gain = np.linalg.lstsq(covariance[:known, :known], covariance[:known], rcond=1e-10)[0].T
        gain[:known] = np.eye(known)
        rest = covariance - gain @ covariance[:known]
        rest[:known], rest[:, :known] = 0.0, 0.0
        spectrum, vectors = np.linalg.eigh((rest + rest.T) / 2)
        return cls(*(jnp.asarray(a, jnp.float32) for a in (gain, vectors, np.maximum(spectrum, 0.0))))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class ForecastDenoiser:
    """Forecasting network; `given(known)` makes a denoiser of it.

    Attributes:
        graph: the network's structure (flax nnx), static; its input features are 2 · variables + 1.
        params: its weights.
        law: mean and covariance of the data, standardised units.
        num_known: k, how many first states it has to know.
        regression: the law of the data given those.
    """

    graph: nnx.GraphDef = dataclasses.field(metadata={"static": True})
    params: Any
    law: GaussianLaw
    num_known: int = dataclasses.field(metadata={"static": True})
    regression: Regression

    @classmethod
    def of(cls, graph: nnx.GraphDef, params: Any, law: GaussianLaw, num_known: int) -> "ForecastDenoiser":
        """Forecasting network with the regression computed from the law."""
        return cls(graph, params, law, num_known, Regression.of(law, num_known))

    def given(self, known: Float[Array, "*batch known variable"]) -> "GivenStart":
        """Denoiser given the first states: one start for all samples, or one per sample."""
        offset = (known - self.law.mean[: self.num_known]).reshape(*known.shape[:-2], -1)
        mean = self.law.mean + (offset @ self.regression.gain.T).reshape(
            *known.shape[:-2], *self.law.mean.shape
        )
        return GivenStart(self, known, GaussianLaw(mean, self.regression.basis, self.regression.variances))

    @functools.cached_property
    def halved(self) -> "ForecastDenoiser":
        """Forecasting network with products in bfloat16, see `kernels.networks.precision`."""
        return dataclasses.replace(self, params=halved(self.graph, self.params))

    def reconstruct(self, x: Batch, sigma: Any, x0: Batch) -> Batch:
        """Reconstruction x̂₀ for the training loss, given each sample's own first states."""
        return self.given(x0[:, : self.num_known]).denoise(x, sigma)

    def posterior_scale(self, sigma: Any) -> Float[Array, " batch"]:
        """Error of the regression at a noise level, the unit of the training loss."""
        law = GaussianLaw(self.law.mean, self.regression.basis, self.regression.variances)
        return law.posterior_scale(sigma)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class GivenStart:
    """Forecasting denoiser with its first states given.

    Attributes:
        denoiser: the network.
        known: the first states, standardised, (known, variable) or (sample, known, variable).
        law: the Gaussian law of the data given them, from which samplers start.
    """

    denoiser: ForecastDenoiser
    known: Float[Array, "*batch known variable"]
    law: GaussianLaw

    def taken(self, indices: Int[Array, " sample"] | np.ndarray) -> "GivenStart":
        """Denoiser of the samples at `indices`, repeats allowed; one start for all stays as it is."""
        if self.known.ndim == 2:
            return self
        law = self.law._replace(mean=self.law.mean[indices])
        return dataclasses.replace(self, known=self.known[indices], law=law)

    def at_level(self, sigma: Any) -> "GivenStart":
        """Denoiser in the form that this machine evaluates fastest."""
        return dataclasses.replace(self, denoiser=self.denoiser.halved) if uses_half() else self

    def denoise(self, x: Batch, sigma: Any) -> Batch:
        source, sigma = self.denoiser, jnp.atleast_1d(jnp.asarray(sigma, x.dtype))
        count, mean = source.num_known, source.law.mean
        known = jnp.broadcast_to(self.known, (x.shape[0], *self.known.shape[-2:]))
        linear = self.law.denoise(x, sigma)
        scaled = (x - mean) / jnp.sqrt(1.0 + sigma**2)[:, None, None]
        scaled = scaled.at[:, :count].set(known - mean[:count])
        mask = jnp.zeros((*x.shape[:2], 1), x.dtype).at[:, :count].set(1.0)
        network = nnx.merge(source.graph, source.params)
        features = jnp.concatenate([scaled, linear - mean, mask], axis=-1)
        correction = network(features, jnp.log(sigma) / 4.0) * (1.0 - mask)
        x0_hat = linear + source.posterior_scale(sigma)[:, None, None] * correction
        return x0_hat.at[:, :count].set(known)
