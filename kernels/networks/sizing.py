"""Which network for which trajectories: the one rule that sizes a network from its data, and its cost.

    numbers at a time   level widths   bottleneck
    up to 8             64, 128        384         short trajectories of few variables
    more                128, 192       192         many variables, 1-D fields

Two neighbouring times share a token, and levels that halve the number of tokens are added until
at most 16 are left for the dense bottleneck, so that long trajectories cost as their length and no more.
From a recording, whose windows are few and overlap, half the widths are learned: a small network
stops at the data's own noise later, and trains four times as fast.
"""

import math
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from kernels.networks.unet import UNet, UNetConfig

__all__ = ["Cost", "evaluation_seconds", "network_config", "network_cost"]

FEW_VARIABLES = 8
MANY_SAMPLES = 200_000  # training trajectories from which on the full widths are used
BOTTLENECK_TOKENS = 16
PATCH = 2


class Cost(NamedTuple):
    """What a network costs.

    Attributes:
        parameters: numbers in its weights.
        multiply_adds: of one evaluation for one trajectory.
    """

    parameters: int
    multiply_adds: int


def network_config(
    num_times: int, num_variables: int, *, num_known: int = 0, num_samples: int | None = None
) -> UNetConfig:
    """A UNet for trajectories of `num_times` × `num_variables` numbers.

    Inputs are the scaled trajectory and its linear denoising, so twice the variables, and for forecasts
    one more that marks the known states.

    Args:
        num_times: length of a trajectory.
        num_variables: numbers at each time.
        num_known: first states that the model is to know; 0 for none.
        num_samples: training trajectories; None where they can be simulated without end.
    """
    finest, coarse, dense_width = (64, 128, 384) if num_variables <= FEW_VARIABLES else (128, 192, 192)
    if num_samples is not None and num_samples < MANY_SAMPLES:
        finest, coarse, dense_width = finest // 2, coarse // 2, dense_width // 2
    tokens, channels = math.ceil(num_times / PATCH), [finest, coarse]
    while math.ceil(tokens / 2 ** (len(channels) - 1)) > BOTTLENECK_TOKENS:
        channels.append(coarse)
    return UNetConfig(
        num_times=num_times,
        in_features=2 * num_variables + (num_known > 0),
        out_features=num_variables,
        patch=PATCH,
        channels=tuple(channels),
        num_blocks=2,
        dense_width=dense_width,
        num_dense=2,
        embedding=128,
    )


def network_cost(config: UNetConfig) -> Cost:
    """Parameters, and multiply-adds of the matrix products of one evaluation.

    A weight of a convolution block or a resampling is used once for each token of its level, one of a dense
    block or of the noise embedding once.
    """
    network = nnx.eval_shape(lambda: UNet(config, rngs=nnx.Rngs(0)))

    def size(module: nnx.Module, ndim: int = 0) -> int:
        leaves = jax.tree.leaves(nnx.state(module))
        return sum(math.prod(leaf.shape) for leaf in leaves if leaf.ndim >= ndim)

    tokens = [config.padded // (config.patch * 2**level) for level in range(len(config.channels))]
    products = size(network.embed_in, 2) + size(network.embed_out, 2)
    products += tokens[0] * (size(network.read, 2) + size(network.write, 2))
    for level, count in enumerate(tokens):
        for block in (*network.down_blocks[level], *network.up_blocks[level]):
            products += size(block.modulation, 2) + count * (size(block.first, 2) + size(block.second, 2))
        if level + 1 < len(tokens):
            resampling = size(network.merge[level], 2) + size(network.split[level], 2)
            products += tokens[level + 1] * resampling + count * size(network.skip[level], 2)
    products += sum(size(block, 2) for block in network.dense)
    return Cost(size(network), products)


def evaluation_seconds(config: UNetConfig, *, batch_size: int = 256, num_repeats: int = 3) -> float:
    """Seconds that one evaluation for one trajectory takes on this machine, in batches; the best of a few.

    The weights are random: time does not depend on what they are.
    """
    graph, params = nnx.split(UNet(config, rngs=nnx.Rngs(0)))
    x = jnp.ones((batch_size, config.num_times, config.in_features))

    @jax.jit
    def evaluate(params: nnx.State, x: jax.Array) -> jax.Array:
        return nnx.merge(graph, params)(x, jnp.zeros(1))

    evaluate(params, x).block_until_ready()
    seconds = []
    for _ in range(num_repeats):
        begin = time.perf_counter()
        evaluate(params, x).block_until_ready()
        seconds.append(time.perf_counter() - begin)
    return min(seconds) / batch_size
