"""Layers of the networks: normalisation, noise embedding, convolutions, products."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

__all__ = ["Dense", "NoiseEmbedding", "RingConv", "convolve", "normalize"]


def normalize(
    x: Float[Array, "*batch site channel"], *, each_site: bool = False
) -> Float[Array, "*batch site channel"]:
    """Divide by the root mean square over channels and sites; with `each_site`, over channels."""
    flat = x if each_site else x.reshape(*x.shape[:-2], -1)
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


def _product(x: Array, matrix: Array) -> Array:
    """Matrix product in the precision of the matrix, summed in single precision."""
    if matrix.dtype != x.dtype:
        return _mixed(x, jax.lax.stop_gradient(matrix))
    rows = x.reshape(-1, x.shape[-1])  # so that its gradient is a product of two matrices too
    return (rows @ matrix).reshape(*x.shape[:-1], matrix.shape[-1])


@jax.custom_vjp
def _mixed(x: Array, matrix: Array) -> Array:
    """Matrix product whose pullback, too, has the precision of the matrix.

    JAX would take the precision of the cotangent.

    For drawing: rounded weights are not trained, so they have no gradient, and x is not kept for one.
    """
    return jnp.matmul(x.astype(matrix.dtype), matrix, preferred_element_type=x.dtype)


def _mixed_forward(x: Array, matrix: Array) -> tuple[Array, Array]:
    return _mixed(x, matrix), matrix


def _mixed_backward(matrix: Array, cotangent: Array) -> tuple[Array, Array]:
    return _mixed(cotangent, matrix.T), jnp.zeros_like(matrix)


_mixed.defvjp(_mixed_forward, _mixed_backward)


class Dense(nnx.Linear):
    """Dense layer (…, in) → (…, out), in the precision of its weights; on a ring, at each site."""

    def matrix(self) -> Float[Array, "in out"]:
        """Matrix that an input is multiplied by."""
        return self.kernel[...]

    def __call__(self, x: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
        return _product(x, self.matrix()) + jnp.asarray(self.bias)


class RingConv(nnx.Module):
    """Convolution around a ring, (…, site, in) → (…, site, out).

    Each output site depends on the sites at most `reach` away:

        y_s = Σ_{|r| ≤ reach} x_{s + r} W_r + b,   indices modulo the number of sites.

    One product gives what each site adds to its neighbours; the parts are rolled around the ring and summed.
    """

    def __init__(self, inputs: int, outputs: int, reach: int, *, rngs: nnx.Rngs) -> None:
        count = 2 * reach + 1
        draw = nnx.initializers.normal(1.0 / math.sqrt(count * inputs))
        self.kernel = nnx.Param(draw(rngs.params(), (count, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Float[Array, "*batch site in"]) -> Float[Array, "*batch site out"]:
        kernel = self.kernel[...]
        count, inputs, _ = kernel.shape
        products = _product(x, jnp.swapaxes(kernel, 0, 1).reshape(inputs, -1))
        parts = enumerate(jnp.split(products, count, axis=-1), start=-(count // 2))
        return sum((jnp.roll(part, -r, axis=-2) for r, part in parts), start=self.bias[...])


def convolve(
    layer: Dense, x: Float[Array, "batch token site channel"]
) -> Float[Array, "batch token site out"]:
    """Convolution of width 3 over tokens, with zeros outside.

    The layer's matrix stacks the weights for the token before, the token itself and the token after. One
    product gives what each token adds to the next one, to itself and to the one before; the parts are shifted
    and summed, which copies less than putting neighbours side by side before the product.
    """
    channels = x.shape[-1]
    shares = jnp.swapaxes(layer.matrix().reshape(3, channels, -1), 0, 1)
    to_next, own, to_previous = jnp.split(_product(x, shares.reshape(channels, -1)), 3, axis=-1)
    later = jnp.pad(to_next[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
    earlier = jnp.pad(to_previous[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0)))
    return later + own + earlier + jnp.asarray(layer.bias)
