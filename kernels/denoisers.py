"""Denoisers: D(x, σ) = E[x₀ | x₀ + σ ε = x], learned or exact.

A denoiser is a pytree with a method `denoise(x, sigma)`; everything that samples, guides or
estimates takes denoisers and nothing else. `evaluate` and `evaluate_with_pullback` are the two
compiled ways to call one: they compile once for each kind of denoiser and batch shape, whatever
event is being asked about.

Guided denoisers (see `kernels.guidance`) satisfy the same protocol on the host: they have
`__call__(x, sigma)` too.
"""

import dataclasses
import functools
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.core import Tracer
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from kernels.covariances import whitened
from kernels.diffusion import GaussianLaw
from kernels.networks.precision import halved, uses_half
from kernels.networks.unet import with_more_fields
from kernels.references import Exemplars
from kernels.trajectories import Standardizer

__all__ = [
    "Denoiser",
    "GaussianDenoiser",
    "GaussianMixtureDenoiser",
    "NetworkDenoiser",
    "apply_pullback",
    "evaluate",
    "evaluate_with_pullback",
]

Batch = Float[Array, "sample time variable"]
AnyBatch = Batch | Float[np.ndarray, "sample time variable"]


@runtime_checkable
class Denoiser(Protocol):
    """Anything with `denoise`; x is (sample, time, variable), standardised, and σ a scalar or (sample,)."""

    def denoise(self, x: Batch, sigma: Any) -> Batch: ...


def evaluate(denoiser: Any, x: AnyBatch, sigma: Any) -> Batch:
    """x̂₀ = D(x, σ), compiled."""
    return _evaluate(_at(denoiser, x, sigma), x, sigma)


def evaluate_with_pullback(denoiser: Denoiser, x: AnyBatch, sigma: Any) -> tuple[Batch, Callable]:
    """x̂₀ and the pullback a ↦ (∂D/∂x)ᵀ a, to be called through `apply_pullback`."""
    return _evaluate_with_pullback(_at(denoiser, x, sigma), x, sigma)


def _at(denoiser: Any, x: Any, sigma: Any) -> Any:
    """What a denoiser draws with at one noise level, where nothing is traced yet."""
    if not hasattr(denoiser, "at_level") or np.size(sigma) != 1:
        return denoiser
    traced = any(isinstance(leaf, Tracer) for leaf in (x, sigma, *jax.tree.leaves(denoiser)))
    return denoiser if traced else denoiser.at_level(sigma)


@jax.jit
def _evaluate(denoiser: Any, x: Batch, sigma: Any) -> Batch:
    return denoiser.denoise(x, jnp.asarray(sigma, x.dtype))


@jax.jit
def _evaluate_with_pullback(denoiser: Any, x: Batch, sigma: Any) -> tuple[Batch, Callable]:
    return jax.vjp(lambda x: denoiser.denoise(x, jnp.asarray(sigma, x.dtype)), x)


@jax.jit
def apply_pullback(pullback: Callable, cotangent: Batch) -> Batch:
    """(∂D/∂x)ᵀ a for one cotangent per sample."""
    return pullback(cotangent)[0]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("params", "law", "exemplars", "epsilon_scale"),
    meta_fields=("graph",),
)
@dataclasses.dataclass(frozen=True, eq=False)
class NetworkDenoiser:
    """A network preconditioned by the best linear denoiser.

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
        exemplars: trajectories to look at, see `kernels.references`, or None.
        epsilon_scale: factor of the noise estimate, see `kernels.zoo.scaling`; None for 1.
    """

    graph: nnx.GraphDef
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
        """The same network with another factor of its noise estimate."""
        factor = None if epsilon_scale is None else jnp.asarray(epsilon_scale, jnp.float32)
        return dataclasses.replace(self, epsilon_scale=factor)

    def with_exemplars(self, x0: Float[np.ndarray, "exemplar time variable"]) -> "NetworkDenoiser":
        """The same denoiser, which can learn to look at these trajectories."""
        graph, params = nnx.split(with_more_fields(nnx.merge(self.graph, self.params), 1))
        return NetworkDenoiser(graph, params, self.law, Exemplars.of(x0, self.law))

    def at_level(self, sigma: Any) -> "NetworkDenoiser":
        """The network as this machine evaluates it fastest, see `kernels.networks.precision`."""
        return self._halved if uses_half() else self

    @functools.cached_property
    def _halved(self) -> "NetworkDenoiser":
        return dataclasses.replace(self, params=halved(self.graph, self.params))

    def reconstruct(self, x: Batch, sigma: Any, x0: Batch) -> Batch:
        """x̂₀ as the training loss wants it; forecasting denoisers look at x₀ too."""
        return self.denoise(x, sigma)

    def posterior_scale(self, sigma: Any) -> Float[Array, " batch"]:
        """Error of the linear denoiser, the unit of the training loss."""
        return self.law.posterior_scale(sigma)


@partial(jax.tree_util.register_dataclass, data_fields=("law",), meta_fields=())
@dataclasses.dataclass(frozen=True, eq=False, init=False)
class GaussianDenoiser:
    """The exact denoiser of a Gaussian: D = μ + S (S + σ²)⁻¹ (x − μ).

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
        """The same law in a standardiser's units."""
        mean, covariance = self.moments()
        return GaussianDenoiser(*_standardized(mean, covariance, standardizer))


@jax.tree_util.register_pytree_node_class
@dataclasses.dataclass(frozen=True, eq=False, init=False)
class GaussianMixtureDenoiser:
    """The exact denoiser of a Gaussian mixture: its components' denoisers, weighted by responsibility.

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
        """The same law in a standardiser's units."""
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
