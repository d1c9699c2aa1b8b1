"""Networks sized by their data: shapes, sizes on disk, and their cost counted in another way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import kernels
from kernels.networks.sizing import evaluation_seconds, network_config, network_cost
from kernels.networks.unet import UNet, UNetConfig
from kernels.zoo.presets import MAX_VALUES, PRESETS

TINY = UNetConfig(
    num_times=7, in_features=4, out_features=2, patch=2, channels=(6, 8, 10), dense_width=12, embedding=16
)


def products(jaxpr):
    """Multiply-adds of every matrix product in a traced function."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [value for value in equation.params.values() if hasattr(value, "eqns")]
        inner += [value.jaxpr for value in equation.params.values() if hasattr(value, "jaxpr")]
        total += sum(products(jaxpr) for jaxpr in inner)
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            total += np.prod([shape[axis] for axis in contracted]) * np.prod(equation.outvars[0].aval.shape)
    return int(total)


@pytest.mark.parametrize("config", [TINY, network_config(60, 3), network_config(300, 2)])
def test_the_cost_is_what_the_traced_network_does(config):
    graph, params = nnx.split(nnx.eval_shape(lambda: UNet(config, rngs=nnx.Rngs(0))))
    x = jax.ShapeDtypeStruct((1, config.num_times, config.in_features), jnp.float32)
    noise = jax.ShapeDtypeStruct((1,), jnp.float32)
    traced = jax.make_jaxpr(lambda params, x, noise: nnx.merge(graph, params)(x, noise))(params, x, noise)
    cost = network_cost(config)
    assert cost.multiply_adds == products(traced.jaxpr)
    assert cost.parameters == sum(leaf.size for leaf in jax.tree.leaves(params))


def test_the_network_of_the_shipped_lorenz_model_stays_as_it_is():
    config = kernels.load_model("lorenz63").card["architecture"]
    assert network_config(60, 3).to_dict() == {name: config[name] for name in config if name != "type"}


@pytest.mark.parametrize("name", kernels.available_systems())
def test_weights_of_every_system_fit_in_nine_megabytes(name):
    """Half precision for the weights; the basis of the law beside them is at most 2 MB (see the systems)."""
    system = kernels.get_system(name)
    assert 2 * network_cost(PRESETS["shipped"].network_of(system)).parameters < 8e6
    assert PRESETS["shipped"].samples_of(system) * np.prod(system.layout.shape) <= MAX_VALUES
    assert PRESETS["shipped"].samples_of(system) >= 90_000


def test_long_trajectories_get_levels_and_recordings_a_small_network():
    assert network_config(500, 2).channels == (64, 128, 128, 128, 128)
    assert network_config(60, 3, num_samples=10_000).channels == (32, 64)
    long, short = (network_cost(network_config(count, 2)) for count in (512, 64))
    assert long.parameters < 2 * short.parameters
    assert long.multiply_adds < 10 * short.multiply_adds


def test_an_evaluation_is_timed():
    assert 0 < evaluation_seconds(TINY, batch_size=4, num_repeats=1) < 1
