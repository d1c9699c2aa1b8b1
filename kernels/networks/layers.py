"""Layers of the networks: normalisation without weights, the noise level's embedding, products around a ring."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

__all__ = ["Dense", "NoiseEmbedding", "RingConv", "RingLinear", "convolve", "linear", "normalize"]


def normalize(
    x: Float[Array, "*batch site channel"], *, each_site: bool = False
) -> Float[Array, "*batch site channel"]:
    """Divide by the root mean square over channels and, unless `each_site` has its own, over all sites."""
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
    """In the precision of the matrix, and summed in single precision."""
    if matrix.dtype != x.dtype:
        return _mixed(x, jax.lax.stop_gradient(matrix))
    rows = x.reshape(-1, x.shape[-1])  # so that its gradient is a product of two matrices too
    return (rows @ matrix).reshape(*x.shape[:-1], matrix.shape[-1])


@jax.custom_vjp
def _mixed(x: Array, matrix: Array) -> Array:
    """Pulled back in the precision of the matrix too, where JAX would take the cotangent's.

    For drawing: rounded weights are not trained, so they have no gradient, and x is not kept for one.
    """
    return jnp.matmul(x.astype(matrix.dtype), matrix, preferred_element_type=x.dtype)


def _mixed_forward(x: Array, matrix: Array) -> tuple[Array, Array]:
    return _mixed(x, matrix), matrix


def _mixed_backward(matrix: Array, cotangent: Array) -> tuple[Array, Array]:
    return _mixed(cotangent, matrix.T), jnp.zeros_like(matrix)


_mixed.defvjp(_mixed_forward, _mixed_backward)


class Dense(nnx.Linear):
    """(…, in) → (…, out), in the precision of its weights; on a ring at each site alone."""

    def matrix(self) -> Float[Array, "in out"]:
        """What an input is multiplied with."""
        return self.kernel[...]

    def __call__(self, x: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
        return _product(x, self.matrix()) + jnp.asarray(self.bias)


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

    def matrix(self) -> Float[Array, "site_in site_out"]:
        """What the inputs of all sites, one site after the other, are multiplied with."""
        kernel = self.kernel[...]
        sites, inputs, outputs = kernel.shape
        turn = (jnp.arange(sites)[:, None] - jnp.arange(sites)) % sites  # (from, to)
        return jnp.swapaxes(kernel[turn], 1, 2).reshape(sites * inputs, sites * outputs)

    def __call__(self, x: Float[Array, "*batch site in"]) -> Float[Array, "*batch site out"]:
        sites, inputs, outputs = self.kernel.shape
        flat = _product(x.reshape(*x.shape[:-2], sites * inputs), self.matrix())
        return flat.reshape(*x.shape[:-1], outputs) + self.bias[...]


class RingConv(nnx.Module):
    """(…, site, in) → (…, site, out): what a site gets from those at most `reach` sites away, around a ring.

        y_s = Σ_{|r| ≤ reach} x_{s + r} W_r + b,   indices modulo the number of sites.

    One product gives what each site adds to its neighbours, and this is turned and summed.
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
    layer: Dense | RingLinear, x: Float[Array, "batch token site channel"]
) -> Float[Array, "batch token site out"]:
    """A convolution of width 3 over tokens, zeros outside, whose layer takes a token between its neighbours.

    One product gives what each token adds to the next one, to itself and to the one before, and this is
    shifted and summed: that copies less than putting neighbours side by side before the product.
    """
    batch, tokens, sites, channels = x.shape
    mixed = sites if isinstance(layer, RingLinear) else 1  # sites that one product takes together
    shares = jnp.swapaxes(layer.matrix().reshape(mixed, 3, channels, -1), 1, 2)
    rows = x.reshape(batch, tokens, sites // mixed, mixed * channels)
    products = _product(rows, shares.reshape(mixed * channels, -1))
    to_next, own, to_previous = jnp.split(products, 3, axis=-1)
    later = jnp.pad(to_next[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
    earlier = jnp.pad(to_previous[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0)))
    summed = (later + own + earlier).reshape(batch, tokens, sites, layer.kernel.shape[-1])
    return summed + jnp.asarray(layer.bias)


def linear(
    sites: int, inputs: int, outputs: int, *, rngs: nnx.Rngs, zero: bool = False
) -> Dense | RingLinear:
    """A dense layer between the channels of all sites; one site is no ring.

    Args:
        sites: on the ring that are taken together; 1 for each alone.
        inputs: channels at each site.
        outputs: channels at each site.
        rngs: draws the weights.
        zero: begin with zeros.
    """
    if sites > 1:
        return RingLinear(sites, inputs, outputs, rngs=rngs, zero=zero)
    if zero:
        return Dense(inputs, outputs, rngs=rngs, kernel_init=nnx.initializers.zeros)
    return Dense(inputs, outputs, rngs=rngs)
