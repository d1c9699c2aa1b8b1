"""An expert beside a general network: which one speaks, drawing, saving, and training it."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from kernels.denoisers.base import apply_pullback, evaluate, evaluate_with_pullback
from kernels.denoisers.expert import ExpertDenoiser
from kernels.denoisers.network import NetworkDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.models import Model
from kernels.networks.precision import VARIABLE
from kernels.networks.unet import UNetConfig
from kernels.training import from_system, presets
from kernels.training.loop import TrainingConfig, initialize
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

NETWORK = UNetConfig(
    num_times=8,
    in_features=4,
    out_features=2,
    patch=2,
    channels=(8, 16),
    dense_width=32,
    num_dense=1,
    embedding=16,
)
LEVELS = (0.4, 12.0)


@pytest.fixture(autouse=True)
def _single_precision(monkeypatch):
    monkeypatch.setenv(VARIABLE, "float32")


@pytest.fixture(scope="module")
def pair():
    """A denoiser whose two networks have random weights of their own."""
    x0 = np.random.default_rng(0).normal(size=(256, 8, 2)).cumsum(axis=1)
    law = GaussianLaw.fit(x0 / x0.std((0, 1)))

    def network(seed):
        made = initialize(NETWORK, law, jax.random.key(seed))
        leaves, structure = jax.tree.flatten(made.params)
        keys = jax.random.split(jax.random.key(seed), len(leaves))
        noise = [
            leaf + 0.3 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)
        ]
        return dataclasses.replace(made, params=jax.tree.unflatten(structure, noise))

    return ExpertDenoiser(network(1), network(2), LEVELS)


@pytest.fixture
def x():
    return jax.random.normal(jax.random.key(3), (4, 8, 2))


@pytest.mark.parametrize(
    ("sigma", "name"),
    [(0.39, "general"), (0.4, "expert"), (3.0, "expert"), (12.0, "expert"), (12.1, "general")],
)
def test_the_network_of_a_noise_level(pair, x, sigma, name):
    """The same numbers by hand, compiled with the level known, and compiled with the level traced."""
    network = getattr(pair, name)
    wanted = network.denoise(x, sigma)
    assert not np.allclose(pair.general.denoise(x, sigma), pair.expert.denoise(x, sigma), atol=1e-3)
    for found in (evaluate(pair, x, sigma), jax.jit(pair.denoise)(x, jnp.float32(sigma))):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=5e-5)
    cotangent = jnp.ones_like(x)
    pulled, own = (
        apply_pullback(evaluate_with_pullback(denoiser, x, sigma)[1], cotangent)
        for denoiser in (pair, network)
    )
    np.testing.assert_allclose(pulled, own, rtol=1e-4, atol=5e-5)


def test_levels_of_their_own(pair, x):
    sigma = jnp.asarray([0.1, 1.0, 5.0, 40.0])
    found = pair.denoise(x, sigma)
    for index, name in enumerate(("general", "expert", "expert", "general")):
        alone = getattr(pair, name).denoise(x[index : index + 1], sigma[index])
        np.testing.assert_allclose(found[index : index + 1], alone, rtol=1e-4, atol=5e-5)


@pytest.fixture
def model(pair):
    layout = Layout(variables=("a", "b"), times=np.arange(8.0))
    return Model(
        denoiser=pair,
        layout=layout,
        standardizer=Standardizer.identity(2),
        initial=pair.law,
        card={"name": "pair"},
    )


def test_saved_and_read_again(model, x, tmp_path):
    path = kernels.save_checkpoint(model, tmp_path / "pair")
    again = kernels.load_checkpoint(path)
    assert isinstance(again.denoiser, ExpertDenoiser)
    assert again.denoiser.levels == LEVELS
    assert again.fingerprint == model.fingerprint
    for sigma in (0.1, 1.0):
        np.testing.assert_array_equal(evaluate(again.denoiser, x, sigma), evaluate(model.denoiser, x, sigma))


@pytest.mark.parametrize("levels", [[0.4], [12.0, 0.4], ["a", "b"], 3, "ab", [0.0, 1.0]])
def test_levels_that_make_no_sense(model, tmp_path, levels):
    path = kernels.save_checkpoint(model, tmp_path / "pair")
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | {"expert_levels": levels}))
    with pytest.raises(ValueError, match=r"`expert_levels` in the card of .* must be two noise levels"):
        kernels.load_checkpoint(path)


def test_the_expert_changes_the_fingerprint(model):
    alone = dataclasses.replace(model, denoiser=model.denoiser.general)
    assert alone.fingerprint != model.fingerprint


@pytest.fixture
def small(monkeypatch):
    """Presets that train for a moment."""
    monkeypatch.setattr(presets, "network_config", lambda *shape, **more: small_network(*shape))
    brief = TrainingConfig(num_steps=4, batch_size=8, warmup=1, report_every=2)
    general = presets.Preset(num_samples=64, num_validation=16, training=brief)
    return general, dataclasses.replace(general, training=dataclasses.replace(brief, levels=LEVELS))


def small_network(num_times, num_variables):
    return UNetConfig(
        num_times=num_times,
        in_features=2 * num_variables,
        out_features=num_variables,
        patch=4,
        channels=(8,),
        dense_width=16,
        num_dense=1,
        embedding=16,
    )


def trained(path, preset, seed, start=None):
    (*_, (_, model)) = from_system.train_system("lorenz63", path, preset=preset, seed=seed, start=start)
    return model


def same(one: NetworkDenoiser, other: NetworkDenoiser) -> bool:
    leaves = zip(jax.tree.leaves(one.params), jax.tree.leaves(other.params), strict=True)
    return all(np.array_equal(a, b) for a, b in leaves)


@pytest.mark.slow
def test_an_expert_is_trained_beside_a_model_and_either_goes_on(small, tmp_path):
    general, expert = small
    first = trained(tmp_path / "first", general, 0)
    both = trained(tmp_path / "both", expert, 1, start=first)
    assert same(both.denoiser.general, first.denoiser)
    assert not same(both.denoiser.expert, first.denoiser)
    weights = [sum(leaf.size for leaf in jax.tree.leaves(m.denoiser)) for m in (first, both)]
    assert both.card["training"]["parameters"] == 2 * first.card["training"]["parameters"]
    assert weights[1] > both.card["training"]["parameters"]
    expert_again = trained(tmp_path / "expert", expert, 2, start=both)
    general_again = trained(tmp_path / "general", general, 2, start=both)
    assert same(expert_again.denoiser.general, both.denoiser.general)
    assert same(general_again.denoiser.expert, both.denoiser.expert)
    assert not same(expert_again.denoiser.expert, both.denoiser.expert)
    assert not same(general_again.denoiser.general, both.denoiser.general)


def test_an_expert_needs_a_model_to_stand_beside(small, tmp_path):
    with pytest.raises(ValueError, match="beside a model"):
        next(from_system.train_system("lorenz63", tmp_path / "alone", preset=small[1]))


def test_an_expert_sees_its_levels_only():
    from kernels.training import loop

    drawn = loop._draw_sigmas(jax.random.key(0), 4096, TrainingConfig(levels=LEVELS))
    assert float(drawn.min()) >= LEVELS[0]
    assert float(drawn.max()) <= LEVELS[1] * (1 + 1e-6)
    log = np.log(np.asarray(drawn))
    assert abs(log.mean() - np.log(LEVELS).mean()) < 5 * np.ptp(np.log(LEVELS)) / np.sqrt(12 * 4096)
