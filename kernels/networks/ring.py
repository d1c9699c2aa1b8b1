"""A UNet over time for the sites of a ring: fields whose law is the same wherever one stands.

As `kernels.networks.unet`, with one difference: each matrix that acts on the sites is block-circulant,

    y_s = Σ_r W_r x_{s+r},   s, r = 0 … sites − 1, indices modulo `sites`,

so that a field turned by a token gives an output turned likewise. What one site teaches, all have
learned: weights are fewer by the number of sites and each has as many more examples, at the cost of the
same dense products. (Group-equivariant networks: Cohen and Welling 2016, for the cyclic group.)
Neighbouring sites share a token as neighbouring times do.
"""

import dataclasses
import itertools
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from kernels.networks.layers import NoiseEmbedding, normalize

__all__ = ["RingUNet", "RingUNetConfig"]

Tokens = Float[Array, "batch token site channel"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RingUNetConfig:
    """Architecture of a `RingUNet`.

    Attributes:
        num_times: length of a trajectory.
        in_features: features at each time of the input: fields of `out_features` sites one after the other,
            then what is the same at all sites.
        out_features: sites on the ring, each a variable of the trajectory.
        patch: neighbouring times merged into one token.
        site_patch: neighbouring sites merged into one token; divides `out_features`.
        channels: numbers at each token and site of each level, finest first; a level halves the times.
        num_blocks: convolution blocks at each level, on the way down and on the way up.
        dense_width: hidden width at each site of the dense blocks at the coarsest level.
        num_dense: number of dense blocks.
        embedding: width of the noise level's embedding.
    """

    type: ClassVar[str] = "ring_unet"

    num_times: int
    in_features: int
    out_features: int
    patch: int = 2
    site_patch: int = 1
    channels: tuple[int, ...] = (16, 16)
    num_blocks: int = 2
    dense_width: int = 16
    num_dense: int = 2
    embedding: int = 128

    @property
    def padded(self) -> int:
        """Length after padding to a multiple of the coarsest token."""
        multiple = self.patch * 2 ** (len(self.channels) - 1)
        return -(-self.num_times // multiple) * multiple

    @property
    def num_sites(self) -> int:
        """Tokens around the ring."""
        return self.out_features // self.site_patch

    def build(self, rngs: nnx.Rngs) -> "RingUNet":
        """The network, with random weights."""
        return RingUNet(self, rngs=rngs)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"channels": list(self.channels)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "RingUNetConfig":
        whole = {name: value for name, value in fields.items() if name != "channels"}
        return cls(channels=tuple(fields["channels"]), **whole)


class RingLinear(nnx.Module):
    """(…, site, in) → (…, site, out), block-circulant over the sites."""

    def __init__(
        self, sites: int, inputs: int, outputs: int, *, rngs: nnx.Rngs, kernel_init: Any = None
    ) -> None:
        init = kernel_init or nnx.initializers.normal(1.0 / math.sqrt(sites * inputs))
        self.kernel = nnx.Param(init(rngs.params(), (sites, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Float[Array, "*batch site in"]) -> Float[Array, "*batch site out"]:
        kernel = self.kernel[...]
        sites, inputs, outputs = kernel.shape
        turn = (jnp.arange(sites)[:, None] - jnp.arange(sites)) % sites  # (from, to)
        matrix = jnp.swapaxes(kernel[turn], 1, 2).reshape(sites * inputs, sites * outputs)
        flat = x.reshape(*x.shape[:-2], sites * inputs) @ matrix
        return flat.reshape(*x.shape[:-1], outputs) + self.bias[...]


def _shifted(x: Tokens) -> Tokens:
    """Each token with its two neighbours in time, zeros outside: the input of a convolution of width 3."""
    padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))
    return jnp.concatenate([padded[:, :-2], x, padded[:, 2:]], axis=-1)


def _normalize(x: Tokens) -> Tokens:
    flat = x.reshape(*x.shape[:-2], -1)
    return normalize(flat).reshape(x.shape)


class RingBlock(nnx.Module):
    """x + conv(silu(conv(modulated norm(x))))."""

    def __init__(self, sites: int, channels: int, embedding: int, *, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.modulation = nnx.Linear(embedding, 2 * channels, rngs=rngs, kernel_init=zeros)
        self.first = RingLinear(sites, 3 * channels, channels, rngs=rngs)
        self.second = RingLinear(sites, 3 * channels, channels, rngs=rngs, kernel_init=zeros)

    def __call__(self, x: Tokens, embedding: Array) -> Tokens:
        scale, shift = jnp.split(self.modulation(embedding)[:, None, None, :], 2, axis=-1)
        hidden = _normalize(x) * (1.0 + scale) + shift
        hidden = jax.nn.silu(self.first(_shifted(hidden)))
        return x + self.second(_shifted(hidden))


class RingDenseBlock(nnx.Module):
    """x + dense(silu(modulated dense(norm(x)))) over all times and sites."""

    def __init__(self, sites: int, features: int, width: int, embedding: int, *, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.modulation = nnx.Linear(embedding, 2 * width, rngs=rngs, kernel_init=zeros)
        self.first = RingLinear(sites, features, width, rngs=rngs)
        self.second = RingLinear(sites, width, features, rngs=rngs, kernel_init=zeros)

    def __call__(self, x: Float[Array, "batch site feature"], embedding: Array) -> Array:
        scale, shift = jnp.split(self.modulation(embedding)[:, None, :], 2, axis=-1)
        hidden = self.first(_normalize(x)) * (1.0 + scale) + shift
        return x + self.second(jax.nn.silu(hidden))


class RingUNet(nnx.Module):
    """(batch, time, feature) and a noise coordinate → (batch, time, site)."""

    def __init__(self, config: RingUNetConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        sites, channels, width = config.num_sites, config.channels, config.embedding
        self.embedding = NoiseEmbedding(width, rngs=rngs)
        fields, shared = divmod(config.in_features, config.out_features)
        numbers = config.patch * (fields * config.site_patch + shared)
        self.read = RingLinear(sites, numbers, channels[0], rngs=rngs)
        self.write = RingLinear(
            sites,
            channels[0],
            config.patch * config.site_patch,
            rngs=rngs,
            kernel_init=nnx.initializers.zeros,
        )

        def blocks(size: int) -> nnx.List:
            return nnx.List([RingBlock(sites, size, width, rngs=rngs) for _ in range(config.num_blocks)])

        self.down_blocks = nnx.List([blocks(size) for size in channels])
        self.up_blocks = nnx.List([blocks(size) for size in channels])
        steps = list(itertools.pairwise(channels))
        self.merge = nnx.List([RingLinear(sites, 2 * fine, coarse, rngs=rngs) for fine, coarse in steps])
        self.split = nnx.List([RingLinear(sites, coarse, 2 * fine, rngs=rngs) for fine, coarse in steps])
        self.skip = nnx.List([RingLinear(sites, 2 * fine, fine, rngs=rngs) for fine, _ in steps])
        bottom = config.padded // (config.patch * 2 ** (len(channels) - 1)) * channels[-1]
        self.dense = nnx.List(
            [
                RingDenseBlock(sites, bottom, config.dense_width, width, rngs=rngs)
                for _ in range(config.num_dense)
            ]
        )

    def __call__(
        self, x: Float[Array, "batch time feature"], noise: Float[Array, "*batch"]
    ) -> Float[Array, "batch time site"]:
        """Evaluate.

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
        out = _parted(self.write(_normalize(tokens)), self.config.patch)
        return out.reshape(x.shape[0], self.config.padded, -1)[:, : self.config.num_times]

    def _tokens(self, x: Float[Array, "batch time feature"]) -> Tokens:
        """The numbers of `patch` times and `site_patch` sites."""
        config = self.config
        x = jnp.pad(x, ((0, 0), (0, config.padded - config.num_times), (0, 0)), mode="edge")
        fields = config.in_features // config.out_features
        own, shared = jnp.split(x, [fields * config.out_features], axis=-1)
        own = own.reshape(*x.shape[:2], fields, config.num_sites, config.site_patch)
        own = jnp.moveaxis(own, 2, 3).reshape(*x.shape[:2], config.num_sites, -1)
        shared = jnp.broadcast_to(shared[:, :, None], (*own.shape[:3], shared.shape[-1]))
        return _merged(jnp.concatenate([own, shared], axis=-1), config.patch)

    def _mix(self, tokens: Tokens, embedding: Array) -> Tokens:
        batch, times, sites, channels = tokens.shape
        flat = jnp.swapaxes(tokens, 1, 2).reshape(batch, sites, times * channels)
        for block in self.dense:
            flat = block(flat, embedding)
        return jnp.swapaxes(flat.reshape(batch, sites, times, channels), 1, 2)


def _merged(x: Tokens, count: int) -> Tokens:
    """`count` neighbouring times side by side in one token."""
    batch, times, sites, channels = x.shape
    parts = jnp.swapaxes(x.reshape(batch, times // count, count, sites, channels), 2, 3)
    return parts.reshape(batch, times // count, sites, count * channels)


def _parted(x: Tokens, count: int) -> Tokens:
    """The inverse of `_merged`."""
    batch, times, sites, channels = x.shape
    parts = jnp.swapaxes(x.reshape(batch, times, sites, count, channels // count), 2, 3)
    return parts.reshape(batch, times * count, sites, channels // count)
