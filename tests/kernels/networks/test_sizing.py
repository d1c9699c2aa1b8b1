"""Networks sized by their data: shapes, sizes on disk, and their cost counted in another way."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import kernels
from kernels.networks.layers import Dense, RingConv, convolve
from kernels.networks.sizing import evaluation_seconds, network_config, network_cost
from kernels.networks.unet import UNet, UNetConfig
from kernels.training.presets import MANY_VALUES, MAX_VALUES, PRESETS

TINY = UNetConfig(
    num_times=7, in_features=4, out_features=2, patch=2, channels=(6, 8, 10), dense_width=12, embedding=16
)


def described(config):
    """A network's graph, and the shapes of its parameters; nothing is drawn."""
    return nnx.split(nnx.eval_shape(lambda: UNet(config, rngs=nnx.Rngs(0))))


def random_network(config):
    """A network all of whose weights count: those that start at zero are drawn too."""
    graph, params = described(config)
    leaves, structure = jax.tree.flatten(params)
    generator = np.random.default_rng(1)
    drawn = [jnp.asarray(0.2 * generator.normal(size=leaf.shape), leaf.dtype) for leaf in leaves]
    return nnx.merge(graph, jax.tree.unflatten(structure, drawn))


@pytest.mark.parametrize(
    "config", [network_config(60, 3), network_config(300, 2), network_config(40, 24, ring=True)]
)
def test_the_cost_is_what_the_compiler_counts(config):
    graph, params = described(config)
    x = jnp.zeros((1, config.num_times, config.in_features))
    program = jax.jit(lambda params, x, noise: nnx.merge(graph, params)(x, noise))
    analysis = program.lower(params, x, jnp.zeros(1)).cost_analysis()
    cost = network_cost(config)
    assert 1.0 < analysis["flops"] / (2 * cost.multiply_adds) < 1.05  # type: ignore[index]
    assert cost.parameters == sum(leaf.size for leaf in jax.tree.leaves(params))


def test_the_network_of_the_shipped_lorenz_model_stays_as_it_is():
    config = kernels.load_model("lorenz63").card["architecture"]
    written = {name: config[name] for name in config if name != "type"}
    assert network_config(60, 3) == UNetConfig.from_dict(written)


@pytest.mark.parametrize("name", kernels.available_systems())
def test_weights_of_every_system_fit_in_nine_megabytes(name):
    """Half precision for the weights; the basis of the law beside them is at most 2 MB (see the systems)."""
    system = kernels.get_system(name)
    assert 2 * network_cost(PRESETS["shipped"].network_of(system)).parameters < 8e6
    numbers = np.prod(system.layout.shape)
    assert PRESETS["shipped"].samples_of(system) * numbers <= MAX_VALUES
    assert MAX_VALUES < PRESETS["large"].samples_of(system) * numbers <= MANY_VALUES
    assert PRESETS["shipped"].samples_of(system) >= 90_000


def test_long_trajectories_get_levels_and_recordings_a_small_network():
    assert network_config(500, 2).channels == (64, 128, 128, 128, 128)
    assert network_config(60, 3, num_samples=10_000).channels == (32, 64)
    long, short = (network_cost(network_config(count, 2)) for count in (512, 64))
    assert long.parameters < 2 * short.parameters
    assert long.multiply_adds < 12 * short.multiply_adds


def test_what_the_sites_of_a_ring_share():
    config = network_config(32, 64, ring=True)
    assert [network_config(32, n, ring=True).sites for n in (24, 64, 63, 62, 101)] == [12, 16, 21, 31, 1]
    assert network_config(32, 101, ring=True) == network_config(32, 101)
    twice = dataclasses.replace(
        config,
        sites=2 * config.sites,
        in_features=2 * config.in_features,
        out_features=2 * config.out_features,
    )
    one, two = network_cost(config), network_cost(twice)
    assert two.parameters == one.parameters
    assert 1.95 < two.multiply_adds / one.multiply_adds <= 2.0


@pytest.mark.parametrize(("patch", "num_known"), [(1, 0), (2, 0), (2, 1)])
def test_a_field_that_is_turned_gives_an_output_turned_likewise(patch, num_known):
    times, variables = 7, 6
    config = UNetConfig(
        num_times=times,
        in_features=2 * variables + num_known,
        out_features=variables,
        sites=variables // patch,
        channels=(4, 5, 6),
        dense_width=8,
        embedding=16,
        reach=1,
    )
    network, noise = random_network(config), jnp.array([0.3, -0.2, 1.0])
    fields, shared = jnp.split(
        jax.random.normal(jax.random.key(2), (3, times, config.in_features)), [2 * variables], -1
    )

    def turned(x, shift):
        return jnp.roll(x.reshape(3, times, -1, variables), shift, axis=-1).reshape(x.shape)

    graph, params = nnx.split(network)

    @jax.jit
    def evaluated(fields):
        return nnx.merge(graph, params)(jnp.concatenate([fields, shared], axis=-1), noise)

    out = evaluated(fields)
    assert out.shape == (3, times, variables)
    np.testing.assert_allclose(evaluated(turned(fields, 2)), turned(out, 2), atol=2e-5)
    assert float(jnp.abs(evaluated(fields.at[:, 0, 0].add(1.0)) - out)[:, -1, -1].min()) > 1e-4


@pytest.mark.parametrize("reach", [1, 2])
def test_a_convolution_around_the_ring_is_the_sum_it_says(reach):
    layer = RingConv(2, 3, reach, rngs=nnx.Rngs(0))
    layer.bias = nnx.Param(jnp.arange(3.0))
    x, kernel = np.arange(14.0).reshape(7, 2), np.asarray(layer.kernel[...])
    near = range(-reach, reach + 1)
    said = [np.arange(3.0) + sum(x[(s + r) % 7] @ kernel[r + reach] for r in near) for s in range(7)]
    np.testing.assert_allclose(layer(jnp.asarray(x)), np.array(said), rtol=1e-5)


@pytest.mark.parametrize("sites", [1, 4])
def test_a_convolution_is_the_layer_on_each_token_between_its_neighbours(sites):
    layer = Dense(6, 5, rngs=nnx.Rngs(0))
    layer.bias = nnx.Param(jnp.arange(5.0))
    x = jax.random.normal(jax.random.key(0), (3, 7, sites, 2))
    between = jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))
    expected = layer(jnp.concatenate([between[:, :-2], x, between[:, 2:]], axis=-1))
    np.testing.assert_allclose(convolve(layer, x), expected, atol=1e-5)
    assert convolve(layer, x[:0]).shape == (0, 7, sites, 5)


def test_an_evaluation_is_timed():
    tiny = dataclasses.replace(TINY, channels=(4,), num_dense=1)
    assert 0 < evaluation_seconds(tiny, batch_size=4, num_repeats=1) < 1
