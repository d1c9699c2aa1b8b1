"""UNet over time for short trajectories, made of matrix products.

Convolutions are written as one dense product whose parts are shifted and summed, up- and down-sampling as
reshapes and dense products: on a CPU, XLA pays for convolution gradients and element-wise work, hardly
for products. At the coarsest level dense residual blocks see the whole trajectory at once. Each block
is modulated by the noise level (feature-wise scale and shift).

Where the variables are the sites of a ring and their law is the same at each, every product is the same at
each site: what one teaches, all have learned. Sites act on their neighbours: layers see some sites to each side
(`kernels.networks.layers.RingConv`), in turn with convolutions over time. (Group-equivariant networks, Cohen and
Welling 2016, for the cyclic group.)
A trajectory that is no such field is a ring of one site.
"""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from kernels.networks.layers import Dense, NoiseEmbedding, RingConv, convolve, normalize

__all__ = ["UNet", "UNetConfig", "with_more_fields"]

MAX_BLOCKS = 64  # of one kind in a row; a card that asks for more is damaged
MAX_LEVELS = 16
MAX_WIDTH = 2**24

Tokens = Float[Array, "batch token site channel"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Architecture of a `UNet`.

    Attributes:
        num_times: length of a trajectory.
        in_features: features at each time of the input: fields of `out_features` numbers one after the
            other, then what belongs to no variable.
        out_features: features at each time of the output.
        patch: neighbouring times merged into one token.
        channels: width of each level at each site, finest first; each level halves the number of tokens.
        num_blocks: convolution blocks at each level, on the way down and on the way up.
        dense_width: hidden width at each site of the dense blocks at the coarsest level.
        num_dense: number of dense blocks.
        embedding: width of the noise level's embedding.
        sites: parts, of as many neighbouring outputs, around a ring on which all are alike; 1 where it is none.
        reach: sites to each side that a layer sees, 0 where there is one site alone.

    Raises:
        ValueError: a number that makes no network, as a damaged card may have.
    """

    num_times: int
    in_features: int
    out_features: int
    patch: int = 1
    channels: tuple[int, ...] = (24, 48, 96)
    num_blocks: int = 1
    dense_width: int = 512
    num_dense: int = 2
    embedding: int = 128
    sites: int = 1
    reach: int = 0

    def __post_init__(self) -> None:
        numbers = {name: value for name, value in dataclasses.asdict(self).items() if name != "channels"}
        numbers |= {f"channels[{level}]": width for level, width in enumerate(self.channels)}
        for name, value in numbers.items():
            least = 0 if name in ("num_blocks", "num_dense", "reach") else 1
            most = MAX_BLOCKS if name in ("num_blocks", "num_dense") else MAX_WIDTH
            if not isinstance(value, int) or not least <= value <= most:
                raise ValueError(f"`{name}` must be a whole number from {least} to {most}; got {value!r}.")
        if not 1 <= len(self.channels) <= MAX_LEVELS:
            raise ValueError(f"`channels` must be 1 to {MAX_LEVELS} widths; got {len(self.channels)}.")
        if self.out_features % self.sites:
            raise ValueError(f"`sites` must divide {self.out_features} features; got {self.sites}.")
        if (self.sites > 1) != (self.reach > 0):
            raise ValueError(
                f"`reach` must be positive on a ring, and 0 for one site; got {self.reach} for {self.sites} sites."
            )

    @property
    def padded(self) -> int:
        """Length after padding to a multiple of the coarsest token."""
        multiple = self.patch * 2 ** (len(self.channels) - 1)
        return -(-self.num_times // multiple) * multiple

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"channels": list(self.channels)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "UNetConfig":
        whole = {name: value for name, value in fields.items() if name != "channels"}
        return cls(channels=tuple(fields["channels"]), **whole)


def _merged(x: Tokens, count: int) -> Tokens:
    """Merge `count` neighbouring times into one token, at each site."""
    batch, times, sites, channels = x.shape
    parts = jnp.swapaxes(x.reshape(batch, times // count, count, sites, channels), 2, 3)
    return parts.reshape(batch, times // count, sites, count * channels)


def _parted(x: Tokens, count: int) -> Tokens:
    """Inverse of `_merged`."""
    batch, times, sites, channels = x.shape
    parts = jnp.swapaxes(x.reshape(batch, times, sites, count, channels // count), 2, 3)
    return parts.reshape(batch, times * count, sites, channels // count)


class ConvBlock(nnx.Module):
    """Residual block of convolutions over time, or around the ring and then over time.

    The block computes x + conv(silu(conv(modulated norm(x)))).
    """

    def __init__(self, config: UNetConfig, channels: int, *, rngs: nnx.Rngs) -> None:
        self.modulation = nnx.Linear(
            config.embedding, 2 * channels, rngs=rngs, kernel_init=nnx.initializers.zeros
        )
        if config.reach:
            self.first = RingConv(channels, channels, config.reach, rngs=rngs)
        else:
            self.first = Dense(3 * channels, channels, rngs=rngs)
        self.second = Dense(3 * channels, channels, rngs=rngs, kernel_init=nnx.initializers.zeros)

    def __call__(self, x: Tokens, embedding: Array) -> Tokens:
        scale, shift = jnp.split(self.modulation(embedding)[:, None, None, :], 2, axis=-1)
        first = self.first
        hidden = normalize(x, each_site=isinstance(first, RingConv)) * (1.0 + scale) + shift
        hidden = first(hidden) if isinstance(first, RingConv) else convolve(first, hidden)
        return x + convolve(self.second, jax.nn.silu(hidden))


class DenseBlock(nnx.Module):
    """Residual block of dense layers over the whole trajectory.

    The block computes x + dense(silu(modulated dense(norm(x)))); x is (batch, site, token · channel).
    """

    def __init__(self, config: UNetConfig, features: int, *, rngs: nnx.Rngs) -> None:
        width = config.dense_width
        self.modulation = nnx.Linear(
            config.embedding, 2 * width, rngs=rngs, kernel_init=nnx.initializers.zeros
        )
        if config.reach:
            self.first = RingConv(features, width, config.reach, rngs=rngs)
        else:
            self.first = Dense(features, width, rngs=rngs)
        self.second = Dense(width, features, rngs=rngs, kernel_init=nnx.initializers.zeros)

    def __call__(self, x: Float[Array, "batch site feature"], embedding: Array) -> Array:
        scale, shift = jnp.split(self.modulation(embedding)[:, None, :], 2, axis=-1)
        local = isinstance(self.first, RingConv)
        hidden = self.first(normalize(x, each_site=local)) * (1.0 + scale) + shift
        return x + self.second(jax.nn.silu(hidden))


class UNet(nnx.Module):
    """UNet network: (batch, time, feature) and a noise coordinate → (batch, time, feature)."""

    def __init__(self, config: UNetConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        channels = config.channels
        fields, shared = divmod(config.in_features, config.out_features)
        own = config.out_features // config.sites
        self.embedding = NoiseEmbedding(config.embedding, rngs=rngs)
        self.read = Dense(config.patch * (fields * own + shared), channels[0], rngs=rngs)
        self.write = Dense(channels[0], config.patch * own, rngs=rngs, kernel_init=nnx.initializers.zeros)

        def blocks(size: int) -> nnx.List:
            return nnx.List([ConvBlock(config, size, rngs=rngs) for _ in range(config.num_blocks)])

        self.down_blocks = nnx.List([blocks(size) for size in channels])
        self.up_blocks = nnx.List([blocks(size) for size in channels])
        steps = list(itertools.pairwise(channels))
        self.merge = nnx.List([Dense(2 * fine, coarse, rngs=rngs) for fine, coarse in steps])
        self.split = nnx.List([Dense(coarse, 2 * fine, rngs=rngs) for fine, coarse in steps])
        self.skip = nnx.List([Dense(2 * fine, fine, rngs=rngs) for fine, _ in steps])
        bottom = config.padded // (config.patch * 2 ** (len(channels) - 1)) * channels[-1]
        self.dense = nnx.List([DenseBlock(config, bottom, rngs=rngs) for _ in range(config.num_dense)])

    def __call__(
        self, x: Float[Array, "batch time feature"], noise: Float[Array, "*batch"]
    ) -> Float[Array, "batch time out"]:
        """Evaluate the network.

        Args:
            x: scaled input.
            noise: noise coordinate, about −2 … 2, (batch,) or one for all.
        """
        embedding = self.embedding(jnp.atleast_1d(noise))
        tokens = self.read(self._tokens(x))
        finer = []
        for level, blocks in enumerate(self.down_blocks):
            for block in blocks:
                tokens = block(tokens, embedding)
            if level < len(self.merge):
                finer.append(tokens)
                tokens = self.merge[level](_merged(tokens, 2))
        tokens = self._mix(tokens, embedding)
        for level in reversed(range(len(self.up_blocks))):
            if level < len(self.split):
                up = _parted(self.split[level](tokens), 2)
                tokens = self.skip[level](jnp.concatenate([up, finer[level]], axis=-1))
            for block in self.up_blocks[level]:
                tokens = block(tokens, embedding)
        written = self.write(normalize(tokens, each_site=self.config.reach > 0))
        out = _parted(written, self.config.patch)
        return out.reshape(x.shape[0], self.config.padded, -1)[:, : self.config.num_times]

    def _tokens(self, x: Float[Array, "batch time feature"]) -> Tokens:
        """Tokens of `patch` times at each site: the site's own fields, then the shared features."""
        config = self.config
        x = jnp.pad(x, ((0, 0), (0, config.padded - config.num_times), (0, 0)), mode="edge")
        fields = config.in_features // config.out_features
        own, shared = jnp.split(x, [fields * config.out_features], axis=-1)
        own = jnp.swapaxes(own.reshape(*x.shape[:2], fields, config.sites, -1), 2, 3)
        own = own.reshape(*x.shape[:2], config.sites, -1)
        shared = jnp.broadcast_to(shared[:, :, None], (*own.shape[:3], shared.shape[-1]))
        return _merged(jnp.concatenate([own, shared], axis=-1), config.patch)

    def _mix(self, tokens: Tokens, embedding: Array) -> Tokens:
        batch, times, sites, channels = tokens.shape
        flat = jnp.swapaxes(tokens, 1, 2).reshape(batch, sites, times * channels)
        for block in self.dense:
            flat = block(flat, embedding)
        return jnp.swapaxes(flat.reshape(batch, sites, times, channels), 1, 2)


def with_more_fields(network: UNet, count: int) -> UNet:
    """Network that computes the same function, with further input fields of zero weight.

    Args:
        network: the network whose weights are taken.
        count: further fields of `out_features` numbers at each time, after the present ones.
    """
    config = network.config
    fields, shared = divmod(config.in_features, config.out_features)
    own = config.out_features // config.sites
    kernel = network.read.kernel[...]
    parts = kernel.reshape(*kernel.shape[:-2], config.patch, fields * own + shared, kernel.shape[-1])
    known, rest = jnp.split(parts, [fields * own], axis=-2)
    new = jnp.zeros((*known.shape[:-2], count * own, known.shape[-1]), kernel.dtype)
    wider = UNet(
        dataclasses.replace(config, in_features=config.in_features + count * config.out_features),
        rngs=nnx.Rngs(0),
    )
    nnx.update(wider, nnx.state(network, lambda path, _: path[:2] != ("read", "kernel")))
    wider.read.kernel[...] = jnp.concatenate([known, new, rest], axis=-2).reshape(wider.read.kernel.shape)
    return wider
