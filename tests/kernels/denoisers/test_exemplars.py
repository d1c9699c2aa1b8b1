"""Posterior means over trajectories: as targets, and as what a network looks at."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from kernels.checkpoints import read_card, write_card
from kernels.denoisers.base import evaluate
from kernels.denoisers.exact import GaussianMixtureDenoiser
from kernels.denoisers.exemplars import BANDWIDTH, Exemplars, draw_with_references, posterior_means
from kernels.diffusion.gaussian import GaussianLaw
from kernels.models import Model
from kernels.networks.unet import UNetConfig
from kernels.training import from_system, loop, presets
from kernels.training.loop import TrainingConfig, fit, initialize
from kernels.training.warm_start import require_unseen
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

NETWORK = UNetConfig(
    num_times=6,
    in_features=4,
    out_features=2,
    patch=2,
    channels=(8,),
    dense_width=16,
    num_dense=1,
    embedding=16,
)
RING = dataclasses.replace(NETWORK, in_features=8, out_features=4, channels=(6,), sites=4, reach=1)


def ensemble(size, variables=2, seed=0):
    """Trajectories of two kinds, standardised: (size, 6, variables)."""
    generator = np.random.default_rng(seed)
    sign = generator.choice([-1.0, 1.0], (size, 1, 1))
    x0 = sign + 0.2 * np.cumsum(generator.normal(size=(size, 6, variables)), axis=1)
    return ((x0 - x0.mean((0, 1))) / x0.std((0, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def x0():
    return ensemble(512)


@pytest.fixture(scope="module")
def untrained(x0):
    return initialize(NETWORK, GaussianLaw.fit(x0), jax.random.key(0))


def perturbed(denoiser, seed=1):
    """The same with random weights in every layer, so that each has a say."""
    leaves, structure = jax.tree.flatten(denoiser.params)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    noisy = [a + 0.3 * jax.random.normal(key, a.shape) for a, key in zip(leaves, keys, strict=True)]
    return dataclasses.replace(denoiser, params=jax.tree.unflatten(structure, noisy))


@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0])
def test_posterior_means_are_those_of_a_mixture_of_points(x0, sigma):
    points = x0[:5]
    covariances = np.broadcast_to(1e-8 * np.eye(12), (5, 12, 12))
    mixture = GaussianMixtureDenoiser(np.ones(5), points, covariances)
    x = points[:3] + sigma * np.random.default_rng(2).normal(size=(3, 6, 2)).astype(np.float32)
    found = posterior_means(jnp.asarray(x), jnp.full(3, sigma), jnp.asarray(points))
    np.testing.assert_allclose(found, evaluate(mixture, x, sigma), atol=2e-4)


def test_targets_have_the_mean_of_those_that_they_replace_and_less_scatter(x0):
    """Of pairs drawn at one level, projections on functions of x agree, while the square is smaller."""
    keys = jax.random.split(jax.random.key(4), 200)
    sigma = jnp.full(64, 1.5)

    def moments(key):
        batch_key, noise_key = jax.random.split(key)
        drawn, references = draw_with_references(batch_key, jnp.asarray(x0), 64, 128)
        x = drawn + sigma[:, None, None] * jax.random.normal(noise_key, drawn.shape)
        targets = posterior_means(x, sigma, references)
        return [jnp.mean(t * jnp.tanh(x), axis=(0, 1, 2)) for t in (drawn, targets)], [
            jnp.mean(t**2) for t in (drawn, targets)
        ]

    (plain, mean), (plain_square, square) = jax.tree.map(np.asarray, jax.lax.map(moments, keys))
    difference = plain - mean
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(keys))
    assert square.mean() < 0.95 * plain_square.mean()


def test_a_batch_is_of_its_references(x0):
    drawn, references = draw_with_references(jax.random.key(0), jnp.asarray(x0), 32, 100)
    assert references.shape == (100, 6, 2)
    known = {row.tobytes() for row in np.asarray(references)}
    assert {row.tobytes() for row in np.asarray(drawn)} <= known
    _, everything = draw_with_references(jax.random.key(0), jnp.asarray(x0), 32, 10_000)
    np.testing.assert_array_equal(everything, x0)


@pytest.mark.parametrize("sigma", [0.01, 0.3, 2.0, 50.0])
def test_exemplars_are_a_kernel_density(x0, sigma):
    """With all directions kept: the denoiser of a mixture of equal Gaussians, minus the linear one."""
    law = GaussianLaw.fit(x0)
    points = x0[:7]
    kernels_there = np.broadcast_to(BANDWIDTH**2 * np.eye(12), (7, 12, 12))
    mixture = GaussianMixtureDenoiser(np.ones(7), points, kernels_there)
    x = jnp.asarray(x0[100:104] + sigma * np.random.default_rng(3).normal(size=(4, 6, 2)), jnp.float32)
    linear = law.denoise(x, sigma)
    found = linear + Exemplars.of(points, law).correction(x, jnp.float32(sigma)[None], linear, law)
    np.testing.assert_allclose(found, evaluate(mixture, x, sigma), atol=2e-3)


def test_exemplars_correct_in_the_leading_directions_only(x0):
    law = GaussianLaw.fit(x0)
    few = Exemplars(Exemplars.of(x0[:7], law).points[:, -3:])
    x = jnp.asarray(x0[:4] + 1.0, jnp.float32)
    correction = few.correction(x, jnp.ones(1), law.denoise(x, 1.0), law).reshape(4, -1)
    assert np.abs(correction @ law.basis[:, -3:]).min() > 1e-4
    np.testing.assert_allclose(correction @ law.basis[:, :-3], 0.0, atol=1e-5)


@pytest.mark.parametrize(("config", "variables"), [(NETWORK, 2), (RING, 4)])
def test_given_exemplars_a_network_says_what_it_said(config, variables):
    data = ensemble(256, variables)
    before = perturbed(initialize(config, GaussianLaw.fit(data), jax.random.key(0)))
    after = before.with_exemplars(data[:50])
    x = jnp.asarray(data[:4] + 0.7)
    for sigma in (0.01, 1.0, 30.0):
        np.testing.assert_allclose(evaluate(after, x, sigma), evaluate(before, x, sigma), atol=1e-5)
    moved = perturbed(after, seed=2)  # and now it looks at them
    other = dataclasses.replace(moved, exemplars=Exemplars(-moved.exemplars.points + 1.0))
    assert np.abs(evaluate(moved, x, 1.0) - evaluate(other, x, 1.0)).max() > 1e-3


def model_of(denoiser):
    return Model(
        denoiser=denoiser,
        layout=Layout(variables=("a", "b"), times=np.arange(6.0)),
        standardizer=Standardizer.identity(2),
        initial=denoiser.law,
        card={"name": "told"},
    )


def test_saved_and_read_again(untrained, x0, tmp_path):
    model = model_of(perturbed(untrained).with_exemplars(x0[:50]))
    again = kernels.load_checkpoint(kernels.save_checkpoint(model, tmp_path / "told"))
    x = jnp.asarray(x0[:4] + 0.7)
    np.testing.assert_array_equal(evaluate(again.denoiser, x, 1.0), evaluate(model.denoiser, x, 1.0))
    assert again.fingerprint == model.fingerprint
    alike = dataclasses.replace(model.denoiser, exemplars=Exemplars(model.denoiser.exemplars.points[:-1]))
    assert model_of(alike).fingerprint != model.fingerprint


def test_exemplars_that_do_not_fit_their_card(untrained, x0, tmp_path):
    from safetensors.numpy import load_file, save_file

    path = kernels.save_checkpoint(model_of(untrained.with_exemplars(x0[:50])), tmp_path / "told")
    write_card(
        path, {k: v for k, v in read_card(path).items() if k != "weights_sha256"}
    )  # it would be seen first
    tensors = load_file(path)
    points = tensors.pop("exemplars.points")
    for wrong in ({}, {"exemplars.points": points[0]}, {"exemplars.points": np.tile(points, 2)}):
        save_file(tensors | wrong, path)
        with pytest.raises(ValueError, match=r"exemplars in .* do not fit"):
            kernels.load_checkpoint(path)


@pytest.mark.slow
def test_the_loss_that_is_shown_is_against_the_trajectories(untrained, x0):
    """What is minimised lies below it by the scatter of the trajectories, and training lowers both."""
    config = TrainingConfig(num_steps=60, batch_size=64, warmup=5, report_every=30, num_references=256)
    records = list(fit(jax.random.key(0), x0[:448], NETWORK, config, validation=x0[448:], initial=untrained))
    assert records[-1].loss < records[0].loss
    drawn, references = draw_with_references(jax.random.key(1), jnp.asarray(x0), 256, 512)
    minimised, shown = loop._losses(untrained, drawn, jax.random.key(2), config, references)
    assert minimised < 0.8 * shown
    alone, same = loop._losses(untrained, drawn, jax.random.key(2), config)
    assert alone == same == shown
    assert records[-1].loss > minimised


def test_training_moves_towards_the_means(untrained, x0, monkeypatch):
    """With zeros in their place the denoiser shrinks, whatever the trajectories are."""
    monkeypatch.setattr(loop, "posterior_means", lambda x, sigma, references: jnp.zeros_like(x))
    config = TrainingConfig(num_steps=90, batch_size=64, warmup=5, report_every=90, num_references=128)
    (record,) = fit(jax.random.key(0), x0[:448], NETWORK, config, validation=x0[448:], initial=untrained)
    x = jnp.asarray(x0[:64])
    after, before = (float(jnp.mean(evaluate(d, x, 0.5) ** 2)) for d in (record.denoiser, untrained))
    assert after < 0.8 * before


@pytest.mark.parametrize("more", [{"num_known": 3}, {"training": TrainingConfig(levels=(0.4, 12.0))}])
def test_exemplars_are_for_networks_of_all_levels_that_know_nothing(more):
    with pytest.raises(ValueError, match="`num_exemplars` must be 0"):
        presets.Preset(**{"num_samples": 8, "num_exemplars": 4, "training": TrainingConfig()} | more)


def test_a_forecast_takes_no_references(x0):
    config = TrainingConfig(num_steps=2, batch_size=8, num_references=16)
    with pytest.raises(ValueError, match="`num_references` must be 0"):
        next(fit(jax.random.key(0), x0, NETWORK, config, validation=x0, num_known=1))


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_no_seed_is_taken_that_a_model_or_its_forebears_had(untrained, seed):
    told = {"seed": 5, "started_from": {"seed": 1, "started_from": {"seed": 0}}}
    model = dataclasses.replace(model_of(untrained), card={"name": "third", "training": told})
    require_unseen(model, 6)
    with pytest.raises(ValueError, match=r"`seed` must be another than those that 'third' .*, 5, 1, 0"):
        require_unseen(model, seed)


@pytest.fixture
def brief(monkeypatch):
    def network(num_times, num_variables, **more):
        return dataclasses.replace(
            NETWORK, num_times=num_times, in_features=2 * num_variables, out_features=num_variables, patch=4
        )

    monkeypatch.setattr(presets, "network_config", network)
    config = TrainingConfig(num_steps=2, batch_size=8, warmup=1, report_every=2, num_references=32)
    return presets.Preset(num_samples=64, num_validation=16, num_exemplars=20, training=config)


def trained(path, preset, seed, start=None):
    (*_, (_, model)) = from_system.train_system("lorenz63", path, preset=preset, seed=seed, start=start)
    return model


@pytest.mark.slow
def test_a_model_gains_exemplars_and_keeps_them(brief, tmp_path):
    """From nothing, from a model without, and from one with some; an expert that sees none goes."""
    first = trained(tmp_path / "first", brief, 0)
    assert first.denoiser.exemplars.points.shape[0] == 20
    assert first.card["training"]["exemplars"] == 20
    again = trained(tmp_path / "again", brief, 1, start=first)
    np.testing.assert_array_equal(again.denoiser.exemplars.points, first.denoiser.exemplars.points)
    further = trained(tmp_path / "further", dataclasses.replace(brief, num_exemplars=0), 5, start=first)
    assert further.card["training"]["exemplars"] == 20
    plain = trained(tmp_path / "plain", dataclasses.replace(brief, num_exemplars=0), 2)
    assert plain.denoiser.exemplars is None
    levels = dataclasses.replace(brief.training, levels=(0.4, 12.0))
    expert = dataclasses.replace(brief, num_exemplars=0, training=levels)
    pair = trained(tmp_path / "pair", expert, 3, start=plain)
    alone = trained(tmp_path / "alone", brief, 4, start=pair)
    assert alone.denoiser.exemplars.points.shape[0] == 20
    assert kernels.load_checkpoint(tmp_path / "alone").denoiser.exemplars is not None
