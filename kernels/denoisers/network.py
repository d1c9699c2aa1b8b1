"""Learned denoiser: a network preconditioned by the best linear denoiser."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from kernels.denoisers.exemplars import Exemplars
from kernels.diffusion.gaussian import GaussianLaw
from kernels.networks.precision import halved, uses_half
from kernels.networks.unet import with_more_fields

__all__ = ["NetworkDenoiser"]

Batch = Float[Array, "sample time variable"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class NetworkDenoiser:
    """Network preconditioned by the best linear denoiser.

    With L(x, σ) the denoiser of the Gaussian law with the data's mean and covariance, and s(σ) the
    root mean posterior variance under it,

        D(x, σ) = L(x, σ) + s(σ) · network([x / √(1 + σ²), L(x, σ)], log σ / 4).

    This is EDM's preconditioning (Karras et al. 2022, table 1) with the data's full covariance in
    the place of σ_data²: the network's target has unit variance at each σ, and at high noise,
    where the linear denoiser is optimal, it has nothing left to do. With exemplars it also sees
    what these say, (E(x, σ) − L(x, σ)) / s(σ).

    Last, its noise estimate (x − D)/σ is multiplied by the `epsilon_scale`: a network that has not learned all
    there is to know makes samples a little too tame, and a number just below 1 lets them keep more of the noise
    that they grow from (Ning et al. 2024, "Elucidating the exposure bias in diffusion models").

    Attributes:
        graph: the network's structure (flax nnx), static.
        params: its weights.
        law: mean and covariance of the data, standardised units.
        exemplars: trajectories to look at, see `kernels.denoisers.exemplars`, or None.
        epsilon_scale: factor of the noise estimate, see `kernels.fidelity.epsilon_scaling`; None for 1.
    """

    graph: nnx.GraphDef = dataclasses.field(metadata={"static": True})
    params: Any
    law: GaussianLaw
    exemplars: Exemplars | None = None
    epsilon_scale: Float[Array, ""] | None = None

    def denoise(self, x: Batch, sigma: Any) -> Batch:
        sigma = jnp.atleast_1d(sigma)
        linear = self.law.denoise(x, sigma)
        network = nnx.merge(self.graph, self.params)
        scaled = (x - self.law.mean) / jnp.sqrt(1.0 + sigma**2)[:, None, None]
        scale = self.law.posterior_scale(sigma)[:, None, None]
        features = [scaled, linear - self.law.mean]
        if self.exemplars is not None:
            features.append(self.exemplars.correction(x, sigma, linear, self.law) / scale)
        x0_hat = linear + scale * network(jnp.concatenate(features, axis=-1), jnp.log(sigma) / 4.0)
        return x0_hat if self.epsilon_scale is None else x0_hat + (1.0 - self.epsilon_scale) * (x - x0_hat)

    def scaled(self, epsilon_scale: float | None) -> "NetworkDenoiser":
        """Network with another factor of its noise estimate."""
        factor = None if epsilon_scale is None else jnp.asarray(epsilon_scale, jnp.float32)
        return dataclasses.replace(self, epsilon_scale=factor)

    def with_exemplars(self, x0: Float[np.ndarray, "exemplar time variable"]) -> "NetworkDenoiser":
        """Denoiser with exemplars as a further input, at first of weight zero."""
        graph, params = nnx.split(with_more_fields(nnx.merge(self.graph, self.params), 1))
        return NetworkDenoiser(graph, params, self.law, Exemplars.of(x0, self.law))

    def at_level(self, sigma: Any) -> "NetworkDenoiser":
        """Network in the form that this machine evaluates fastest.

        See `kernels.networks.precision`.
        """
        return self._halved if uses_half() else self

    @functools.cached_property
    def _halved(self) -> "NetworkDenoiser":
        return dataclasses.replace(self, params=halved(self.graph, self.params))

    def reconstruct(self, x: Batch, sigma: Any, x0: Batch) -> Batch:
        """Reconstruction x̂₀ for the training loss; only forecasting denoisers use x₀."""
        return self.denoise(x, sigma)

    def posterior_scale(self, sigma: Any) -> Float[Array, " batch"]:
        """Error of the linear denoiser, the unit of the training loss."""
        return self.law.posterior_scale(sigma)
