"""Conditional denoisers: a network that is given numbers about each trajectory, such as its season.

    D(x, σ | c) = E[x₀ | x_σ = x, features c]

Preconditioned as `kernels.denoisers.network.NetworkDenoiser`, with the Gaussian law of the data given c in the place
of the unconditional one: its mean is linear in c, so that the cycle of the year comes for nothing, and its covariance
is that of what is left. The network sees c at every time.

    denoiser.given(c)           # an ordinary denoiser, one c for each sample
    denoiser.drawn(latents)     # the same, each sample's c drawn from the table by further latents

Two latent numbers of each sample are turned into the angle that they make, which is uniform, and this into a row of
the table. Where neighbouring rows are alike, so are the conditions of neighbouring latents, and the last row is next to
the first.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from kernels.denoisers.forecast import Regression
from kernels.diffusion.gaussian import GaussianLaw
from kernels.networks.precision import halved, uses_half

__all__ = ["ConditionalDenoiser", "GivenConditions", "padded", "regressed"]

Batch = Float[Array, "sample time variable"]

MAX_ROWS = 4096  # of the table, whatever it holds, so that another one compiles nothing
_CHUNK = 8192


def regressed(
    x0: Float[np.ndarray, "sample time variable"], features: Float[np.ndarray, "sample feature"]
) -> Regression:
    """Gaussian law of trajectories given features of mean 0: mean + gain · c, by least squares."""
    flat = np.reshape(x0, (len(x0), -1))
    mean, known = flat.mean(0, dtype=np.float64), np.asarray(features, np.float64)
    products = np.zeros((known.shape[1], flat.shape[1]))
    for start in range(0, len(flat), _CHUNK):
        products += known[start : start + _CHUNK].T @ (flat[start : start + _CHUNK] - mean)
    gain = np.linalg.lstsq(known.T @ known, products, rcond=1e-10)[0].T
    left = np.empty(np.shape(x0), np.float32)
    for start in range(0, len(flat), _CHUNK):
        block = slice(start, start + _CHUNK)
        left[block] = (flat[block] - known[block] @ gain.T).reshape(left[block].shape)
    law = GaussianLaw.fit(left)
    return Regression(jnp.asarray(gain, jnp.float32), law.basis, law.variances)


def padded(features: Float[np.ndarray, "row feature"]) -> tuple[Float[Array, "row feature"], Int[Array, ""]]:
    """Table of a fixed size, and how many of its rows count."""
    table = np.zeros((MAX_ROWS, features.shape[1]), np.float32)
    table[: len(features)] = features
    return jnp.asarray(table), jnp.asarray(len(features), jnp.int32)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class ConditionalDenoiser:
    """Network with conditions; `given` and `drawn` make denoisers of it.

    Attributes:
        graph: the network's structure (flax nnx), static; its input features are 2 · variables + those of c.
        params: its weights.
        law: mean and covariance of all the data, standardised units.
        regression: the law of the data given c.
        table: (row, feature) conditions to draw from.
        count: rows of it that count.
    """

    graph: nnx.GraphDef = dataclasses.field(metadata={"static": True})
    params: Any
    law: GaussianLaw
    regression: Regression
    table: Float[Array, "row feature"]
    count: Int[Array, ""]

    @property
    def num_latent_rows(self) -> int:
        """Rows that a sample's latents have more than its trajectory."""
        return 1 if self.law.mean.shape[1] > 1 else 2

    def among(self, features: Float[np.ndarray, "row feature"]) -> "ConditionalDenoiser":
        """Denoiser that draws from another table."""
        table, count = padded(features)
        return dataclasses.replace(self, table=table, count=count)

    def rows(self, latents: Float[Array, "sample row variable"]) -> Int[Array, " sample"]:
        """Row of the table that each sample draws."""
        return _rows(jnp.asarray(latents), self.count)

    def drawn(self, latents: Float[Array, "sample row variable"]) -> "GivenConditions":
        """Denoiser given the conditions that latents draw."""
        return self.given(_picked(self.table, jnp.asarray(latents), self.count))

    def given(self, features: Float[Array, "sample feature"]) -> "GivenConditions":
        """Denoiser given the features of each sample."""
        regression = self.regression
        mean = self.law.mean + (features @ regression.gain.T).reshape(-1, *self.law.mean.shape)
        return GivenConditions(self, features, GaussianLaw(mean, regression.basis, regression.variances))

    @functools.cached_property
    def halved(self) -> "ConditionalDenoiser":
        """Network with products in bfloat16, see `kernels.networks.precision`."""
        return dataclasses.replace(self, params=halved(self.graph, self.params))

    def posterior_scale(self, sigma: Any) -> Float[Array, " batch"]:
        """Error of the regression at a noise level, the unit of the training loss."""
        law = GaussianLaw(self.law.mean, self.regression.basis, self.regression.variances)
        return law.posterior_scale(sigma)


@jax.jit
def _rows(latents: Float[Array, "sample row variable"], count: Int[Array, ""]) -> Int[Array, " sample"]:
    flat = latents.reshape(latents.shape[0], -1)
    turn = jnp.arctan2(flat[:, 1], flat[:, 0]) / (2.0 * jnp.pi) + 0.5
    return jnp.clip(jnp.floor(turn * count).astype(jnp.int32), 0, count - 1)


@jax.jit
def _picked(table: Array, latents: Array, count: Array) -> Float[Array, "sample feature"]:
    return table[_rows(latents, count)]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class GivenConditions:
    """Conditional denoiser with the conditions of each sample given.

    Attributes:
        denoiser: the network.
        features: (sample, feature).
        law: the Gaussian law of the data given them, from which samplers start; its mean is (sample, time, variable).
    """

    denoiser: ConditionalDenoiser
    features: Float[Array, "sample feature"]
    law: GaussianLaw

    def taken(self, indices: Int[Array, " sample"] | np.ndarray) -> "GivenConditions":
        """Denoiser of the samples at `indices`, repeats allowed."""
        law = self.law._replace(mean=self.law.mean[indices])
        return dataclasses.replace(self, features=self.features[indices], law=law)

    def at_level(self, sigma: Any) -> "GivenConditions":
        """Denoiser in the form that this machine evaluates fastest."""
        return dataclasses.replace(self, denoiser=self.denoiser.halved) if uses_half() else self

    def denoise(self, x: Batch, sigma: Any) -> Batch:
        source, sigma = self.denoiser, jnp.atleast_1d(jnp.asarray(sigma, x.dtype))
        mean, linear = source.law.mean, self.law.denoise(x, sigma)
        scaled = (x - mean) / jnp.sqrt(1.0 + sigma**2)[:, None, None]
        constant = jnp.broadcast_to(self.features[:, None], (*x.shape[:2], self.features.shape[-1]))
        network = nnx.merge(source.graph, source.params)
        features = jnp.concatenate([scaled, linear - mean, constant.astype(x.dtype)], axis=-1)
        return linear + source.posterior_scale(sigma)[:, None, None] * network(features, jnp.log(sigma) / 4.0)
