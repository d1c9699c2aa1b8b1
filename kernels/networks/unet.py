"""A 1-D UNet over time for short trajectories, made of matrix products.

Convolutions are written as shifted copies and one dense product, up- and down-sampling as reshapes
and dense products: on a CPU, XLA pays for convolution gradients and element-wise work, hardly for
products. At the coarsest level dense residual blocks see the whole trajectory at once. Each block
is modulated by the noise level (feature-wise scale and shift).
"""

import dataclasses
import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from kernels.networks.layers import NoiseEmbedding, normalize

__all__ = ["UNet", "UNetConfig"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Architecture of a `UNet`.

    Attributes:
        num_times: length of a trajectory.
        in_features: features at each time of the input.
        out_features: features at each time of the output.
        patch: neighbouring times merged into one token.
        channels: width of each level, finest first; each level halves the number of tokens.
        num_blocks: convolution blocks at each level, on the way down and on the way up.
        dense_width: hidden width of the dense blocks at the coarsest level.
        num_dense: number of dense blocks.
        embedding: width of the noise level's embedding.
    """

    type: ClassVar[str] = "unet"

    num_times: int
    in_features: int
    out_features: int
    patch: int = 1
    channels: tuple[int, ...] = (24, 48, 96)
    num_blocks: int = 1
    dense_width: int = 512
    num_dense: int = 2
    embedding: int = 128

    @property
    def padded(self) -> int:
        """Length after padding to a multiple of the coarsest token."""
        multiple = self.patch * 2 ** (len(self.channels) - 1)
        return -(-self.num_times // multiple) * multiple

    def build(self, rngs: nnx.Rngs) -> "UNet":
        """The network, with random weights."""
        return UNet(self, rngs=rngs)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"channels": list(self.channels)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "UNetConfig":
        whole = {name: value for name, value in fields.items() if name != "channels"}
        return cls(channels=tuple(fields["channels"]), **whole)


def _shifted(x: Float[Array, "batch token channel"]) -> Float[Array, "batch token three_channel"]:
    """Each token with its two neighbours, zeros outside: the input of a convolution of width 3."""
    padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0)))
    return jnp.concatenate([padded[:, :-2], x, padded[:, 2:]], axis=-1)


class ConvBlock(nnx.Module):
    """x + conv(silu(conv(modulated norm(x))))."""

    def __init__(self, channels: int, embedding: int, *, rngs: nnx.Rngs) -> None:
        self.modulation = nnx.Linear(embedding, 2 * channels, rngs=rngs, kernel_init=nnx.initializers.zeros)
        self.first = nnx.Linear(3 * channels, channels, rngs=rngs)
        self.second = nnx.Linear(3 * channels, channels, rngs=rngs, kernel_init=nnx.initializers.zeros)

    def __call__(self, x: Array, embedding: Array) -> Array:
        scale, shift = jnp.split(self.modulation(embedding)[:, None, :], 2, axis=-1)
        hidden = normalize(x) * (1.0 + scale) + shift
        hidden = jax.nn.silu(self.first(_shifted(hidden)))
        return x + self.second(_shifted(hidden))


class DenseBlock(nnx.Module):
    """x + dense(silu(modulated dense(norm(x)))) over the flattened trajectory."""

    def __init__(self, features: int, width: int, embedding: int, *, rngs: nnx.Rngs) -> None:
        self.modulation = nnx.Linear(embedding, 2 * width, rngs=rngs, kernel_init=nnx.initializers.zeros)
        self.first = nnx.Linear(features, width, rngs=rngs)
        self.second = nnx.Linear(width, features, rngs=rngs, kernel_init=nnx.initializers.zeros)

    def __call__(self, x: Array, embedding: Array) -> Array:
        scale, shift = jnp.split(self.modulation(embedding), 2, axis=-1)
        hidden = self.first(normalize(x)) * (1.0 + scale) + shift
        return x + self.second(jax.nn.silu(hidden))


class UNet(nnx.Module):
    """(batch, time, feature) and a noise coordinate → (batch, time, feature)."""

    def __init__(self, config: UNetConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        channels, width = config.channels, config.embedding
        self.embedding = NoiseEmbedding(width, rngs=rngs)
        self.read = nnx.Linear(config.patch * config.in_features, channels[0], rngs=rngs)
        self.write = nnx.Linear(
            channels[0], config.patch * config.out_features, rngs=rngs, kernel_init=nnx.initializers.zeros
        )

        def blocks(size: int) -> nnx.List:
            return nnx.List([ConvBlock(size, width, rngs=rngs) for _ in range(config.num_blocks)])

        self.down_blocks = nnx.List([blocks(size) for size in channels])
        self.up_blocks = nnx.List([blocks(size) for size in channels])
        steps = list(itertools.pairwise(channels))
        self.merge = nnx.List([nnx.Linear(2 * fine, coarse, rngs=rngs) for fine, coarse in steps])
        self.split = nnx.List([nnx.Linear(coarse, 2 * fine, rngs=rngs) for fine, coarse in steps])
        self.skip = nnx.List([nnx.Linear(2 * fine, fine, rngs=rngs) for fine, _ in steps])
        bottom = config.padded // (config.patch * 2 ** (len(channels) - 1)) * channels[-1]
        self.dense = nnx.List(
            [DenseBlock(bottom, config.dense_width, width, rngs=rngs) for _ in range(config.num_dense)]
        )

    def __call__(
        self, x: Float[Array, "batch time feature"], noise: Float[Array, "*batch"]
    ) -> Float[Array, "batch time out"]:
        """Evaluate.

        Args:
            x: scaled input.
            noise: noise coordinate, about −2 … 2, (batch,) or one for all.
        """
        config = self.config
        embedding = self.embedding(jnp.atleast_1d(noise))
        tokens = jnp.pad(x, ((0, 0), (0, config.padded - config.num_times), (0, 0)), mode="edge")
        tokens = self.read(tokens.reshape(x.shape[0], -1, config.patch * config.in_features))
        finer = []
        for level, blocks in enumerate(self.down_blocks):
            for block in blocks:
                tokens = block(tokens, embedding)
            if level < len(self.merge):
                finer.append(tokens)
                tokens = self.merge[level](tokens.reshape(x.shape[0], tokens.shape[1] // 2, -1))
        tokens = self._mix(tokens, embedding)
        for level in reversed(range(len(self.up_blocks))):
            if level < len(self.split):
                fine = finer[level]
                up = self.split[level](tokens).reshape(fine.shape)
                tokens = self.skip[level](jnp.concatenate([up, fine], axis=-1))
            for block in self.up_blocks[level]:
                tokens = block(tokens, embedding)
        out = self.write(normalize(tokens)).reshape(x.shape[0], config.padded, config.out_features)
        return out[:, : config.num_times]

    def _mix(
        self, tokens: Float[Array, "batch token channel"], embedding: Array
    ) -> Float[Array, "batch token channel"]:
        flat = tokens.reshape(tokens.shape[0], -1)
        for block in self.dense:
            flat = block(flat, embedding)
        return flat.reshape(tokens.shape)
