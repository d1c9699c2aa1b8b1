"""What the networks share: normalisation without weights, and the embedding of the noise level."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

__all__ = ["NoiseEmbedding", "normalize"]


def normalize(x: Float[Array, "*batch channel"]) -> Float[Array, "*batch channel"]:
    """Divide by the root mean square over the channels."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


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
