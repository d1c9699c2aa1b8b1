"""Size of a network from the shape and the number of its trajectories, and its cost.

    numbers at a time   level widths   bottleneck
    up to 8             64, 128        384         short trajectories of few variables
    more                128, 192       192         many variables, 1-D fields
    a field on a ring   48, 64         64          of each of about 16 sites: the weights are the same at all,
                                                   see `kernels.networks.layers.RingConv`

Two neighbouring times share a token, and levels that halve the number of tokens are added until
at most 16 are left for the dense bottleneck, so that long trajectories cost as their length and no more.
From a recording, whose windows are few and overlap, half the widths are learned: a small network
stops at the data's own noise later, and trains four times as fast.
"""

import math
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from kernels.networks.unet import UNet, UNetConfig

__all__ = ["Cost", "evaluation_seconds", "network_config", "network_cost"]

FEW_VARIABLES = 8
MANY_SAMPLES = 200_000  # training trajectories from which the full widths are used
BOTTLENECK_TOKENS = 16
SITES = 16  # wanted number of equal parts of a ring
MAX_SITES = 32
PATCH = 2


class Cost(NamedTuple):
    """Cost of a network.

    Attributes:
        parameters: numbers in its weights.
        multiply_adds: of one evaluation for one trajectory.
    """

    parameters: int
    multiply_adds: int


def network_config(
    num_times: int,
    num_variables: int,
    *,
    num_known: int = 0,
    num_conditions: int = 0,
    num_samples: int | None = None,
    ring: bool = False,
) -> UNetConfig:
    """Architecture for trajectories of `num_times` × `num_variables` numbers.

    Inputs are the scaled trajectory and its linear denoising, so twice the variables, and for forecasts
    one more that marks the known states, or those of conditions.

    Args:
        num_times: length of a trajectory.
        num_variables: numbers at each time.
        num_known: first states that the model is to know; 0 for none.
        num_conditions: features of each trajectory that it is given, see `kernels.denoisers.conditional`.
        num_samples: training trajectories; None where they can be simulated without end.
        ring: whether the variables are a field around a ring, and the law is the same at each.
    """
    sites = _sites(num_variables) if ring else 1
    finest, coarse, dense_width = _widths(num_variables, sites)
    if num_samples is not None and num_samples < MANY_SAMPLES:
        finest, coarse, dense_width = finest // 2, coarse // 2, dense_width // 2
    tokens, channels = math.ceil(num_times / PATCH), [finest, coarse]
    while math.ceil(tokens / 2 ** (len(channels) - 1)) > BOTTLENECK_TOKENS:
        channels.append(channels[-1])
    return UNetConfig(
        num_times=num_times,
        in_features=2 * num_variables + (num_known > 0) + num_conditions,
        out_features=num_variables,
        patch=PATCH,
        channels=tuple(channels),
        num_blocks=2,
        dense_width=dense_width,
        num_dense=2,
        embedding=128,
        sites=sites,
        reach=1 if sites > 1 else 0,
    )


def _widths(num_variables: int, sites: int) -> tuple[int, int, int]:
    """Widths of the finest level, the coarser ones and the bottleneck; on a ring, per site."""
    if sites > 1:
        return 48, 64, 64
    return (64, 128, 384) if num_variables <= FEW_VARIABLES else (128, 192, 192)


def _sites(num_variables: int) -> int:
    """Number of equal parts of a ring, the possible one nearest to `SITES`."""
    counts = [count for count in range(1, MAX_SITES + 1) if num_variables % count == 0]
    return min(counts, key=lambda count: abs(math.log(count / SITES)))


def network_cost(config: UNetConfig) -> Cost:
    """Parameters, and multiply-adds of the matrix products of one evaluation of a trajectory."""
    network = nnx.eval_shape(lambda: UNet(config, rngs=nnx.Rngs(0)))
    graph, params = nnx.split(network)
    x, noise = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((1, *_input_shape(config)), (1,)))
    program = jax.make_jaxpr(lambda params, x, noise: nnx.merge(graph, params)(x, noise))(params, x, noise)
    size = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
    return Cost(size, sum(map(_multiply_adds, program.jaxpr.eqns)))


def _input_shape(config: UNetConfig) -> tuple[int, int]:
    return config.num_times, config.in_features


def _multiply_adds(equation: Any) -> int:
    """Multiply-adds of one operation of a traced program, matrix products only."""
    if equation.primitive is not jax.lax.dot_general_p:
        inner = (value.jaxpr for value in equation.params.values() if hasattr(value, "jaxpr"))
        return sum(_multiply_adds(part) for program in inner for part in program.eqns)
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)


def evaluation_seconds(config: UNetConfig, *, batch_size: int = 256, num_repeats: int = 3) -> float:
    """Seconds per evaluation of a trajectory on this machine, in batches; the best of a few.

    The weights are random: time does not depend on what they are.
    """
    graph, params = nnx.split(UNet(config, rngs=nnx.Rngs(0)))
    x = jnp.ones((batch_size, *_input_shape(config)))

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
