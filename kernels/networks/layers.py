"""Layers of the networks: normalisation without weights, the noise level's embedding, products around a ring."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

__all__ = ["NoiseEmbedding", "RingLinear", "linear", "normalize"]


def normalize(x: Float[Array, "*batch site channel"]) -> Float[Array, "*batch site channel"]:
    """Divide by the root mean square over all sites and channels."""
    flat = x.reshape(*x.shape[:-2], -1)
    return (flat * jax.lax.rsqrt(jnp.mean(flat * flat, axis=-1, keepdims=True) + 1e-6)).reshape(x.shape)


class NoiseEmbedding(nnx.Module):
    """Noise coordinates (batch,) → (batch, embedding): Fourier features and two dense layers."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.width = width
        self.first = nnx.Linear(width, width, rngs=rngs)
        self.second = nnx.Linear(width, width, rngs=rngs)

    def __call__(self, noise: Float[Array, " batch"]) -> Float[Array, "batch embedding"]:
        frequencies = jnp.geomspace(0.25, 64.0, self.width // 2)
        angles = noise[:, None] * frequencies
        features = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        return jax.nn.silu(self.second(jax.nn.silu(self.first(features))))


class RingLinear(nnx.Module):
    """(…, site, in) → (…, site, out), the same for whoever stands at a site of the ring.

    The matrix is block-circulant: with indices modulo the number of sites,

        y_s = Σ_r x_{s + r} W_r + b,

    so that an input turned by a site gives an output turned by a site. (Group-equivariant networks, Cohen and
    Welling 2016, for the cyclic group.) It costs as much as a dense matrix and has as many fewer weights as
    there are sites.
    """

    def __init__(self, sites: int, inputs: int, outputs: int, *, rngs: nnx.Rngs, zero: bool = False) -> None:
        draw = nnx.initializers.zeros if zero else nnx.initializers.normal(1.0 / math.sqrt(sites * inputs))
        self.kernel = nnx.Param(draw(rngs.params(), (sites, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Float[Array, "*batch site in"]) -> Float[Array, "*batch site out"]:
        kernel = self.kernel[...]
        sites, inputs, outputs = kernel.shape
        turn = (jnp.arange(sites)[:, None] - jnp.arange(sites)) % sites  # (from, to)
        matrix = jnp.swapaxes(kernel[turn], 1, 2).reshape(sites * inputs, sites * outputs)
        flat = x.reshape(*x.shape[:-2], sites * inputs) @ matrix
        return flat.reshape(*x.shape[:-1], outputs) + self.bias[...]


def linear(
    sites: int, inputs: int, outputs: int, *, rngs: nnx.Rngs, zero: bool = False
) -> nnx.Linear | RingLinear:
    """A dense layer between the channels of all sites; one site is no ring.

    Args:
        sites: on the ring.
        inputs: channels at each site.
        outputs: channels at each site.
        rngs: draws the weights.
        zero: begin with zeros.
    """
    if sites > 1:
        return RingLinear(sites, inputs, outputs, rngs=rngs, zero=zero)
    if zero:
        return nnx.Linear(inputs, outputs, rngs=rngs, kernel_init=nnx.initializers.zeros)
    return nnx.Linear(inputs, outputs, rngs=rngs)
