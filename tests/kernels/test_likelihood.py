import dataclasses

import jax
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.diffusion.gaussian import GaussianLaw
from kernels.trajectories.datasets import to_dataset

RNG = np.random.default_rng(4)


def test_a_gaussians_log_density(ar1):
    model, covariance = ar1
    states = RNG.multivariate_normal(np.zeros(80), covariance, 5).reshape(5, 40, 2)
    found = kernels.log_likelihood(model, to_dataset(states, model.layout))
    expected = stats.multivariate_normal(np.zeros(80), covariance).logpdf(states.reshape(5, 80))
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert found.attrs["units"] == "nats"
    assert np.all(np.abs(found - expected) < 2 * found["error"] + 0.01)
    assert float(found["error"].max()) < 0.3


@pytest.fixture(scope="module")
def mixture():
    means = np.stack([np.full((4, 2), -1.0), np.full((4, 2), 1.5)]) * [1.0, 10.0]
    scale = np.tile([1.0, 10.0], 4)
    covariances = np.stack([np.diag(0.3 * scale**2), np.diag(0.1 * scale**2)])
    denoiser = kernels.GaussianMixtureDenoiser([0.7, 0.3], means, covariances)
    layout = kernels.Layout(variables=("x", "y"), times=np.arange(4.0))
    laws = [stats.multivariate_normal(m.ravel(), c) for m, c in zip(means, covariances, strict=True)]
    return kernels.Model.from_denoiser(denoiser, layout), laws


@pytest.mark.slow
def test_a_mixtures_log_density_exactly_and_by_probes(mixture):
    model, laws = mixture
    flat = np.concatenate([laws[0].rvs(6, random_state=1), laws[1].rvs(4, random_state=2)])
    expected = np.log(0.7 * laws[0].pdf(flat) + 0.3 * laws[1].pdf(flat))
    dataset = to_dataset(flat.reshape(10, 4, 2), model.layout)
    np.testing.assert_allclose(kernels.log_likelihood(model, dataset), expected, atol=0.05)


@pytest.mark.parametrize("num_probes", [2, 8])
def test_the_error_of_probes_is_honest(bent, num_probes):
    """Stated against true error over repetitions, of a mixture whose linear part explains little."""
    model, laws = bent
    flat = np.concatenate([law.rvs(30, random_state=i) for i, law in enumerate(laws)])
    expected = np.log(sum(0.5 * law.pdf(flat) for law in laws))
    found = kernels.log_likelihood(
        model, to_dataset(flat.reshape(60, 4, 2), model.layout), num_probes=num_probes, key=jax.random.key(0)
    )
    off = np.asarray(found) - expected
    stated = np.sqrt(np.mean(np.asarray(found["error"]) ** 2))
    assert np.sqrt(np.mean(off**2)) > 0.1  # an error worth stating
    assert 0.75 < stated / np.sqrt(np.mean(off**2)) < 1.35
    assert abs(off.mean()) < 5 * stated / np.sqrt(60)


@pytest.fixture(scope="module")
def bent():
    """A mixture of two Gaussians whose correlations are opposite."""
    signs = np.where(np.add.outer(np.arange(8), np.arange(8)) % 2, -1.0, 1.0)
    over_time = 0.8 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    covariances, means = np.stack([over_time, signs * over_time]), np.zeros((2, 4, 2))
    denoiser = kernels.GaussianMixtureDenoiser([0.5, 0.5], means, covariances)
    layout = kernels.Layout(variables=("x", "y"), times=np.arange(4.0))
    laws = [stats.multivariate_normal(np.zeros(8), covariance) for covariance in covariances]
    return kernels.Model.from_denoiser(denoiser, layout), laws


def test_probes_need_a_key(mixture):
    with pytest.raises(ValueError, match="must be given together"):
        kernels.log_likelihood(mixture[0], to_dataset(np.zeros((1, 4, 2)), mixture[0].layout), num_probes=3)


def test_one_probe_has_no_spread(mixture):
    states = to_dataset(np.zeros((1, 4, 2)), mixture[0].layout)
    with pytest.raises(ValueError, match="`num_probes` must be at least 2"):
        kernels.log_likelihood(mixture[0], states, num_probes=1, key=jax.random.key(0))


def test_a_law_without_its_empty_directions_has_the_same_density():
    """A line in four dimensions: its law with and without the directions in which there is no variance."""
    direction = np.array([1.0, -2.0, 0.5, 1.5])
    covariance = np.outer(direction, direction)
    layout = kernels.Layout(variables=("x", "y"), times=np.arange(2.0))
    full = kernels.Model.from_denoiser(kernels.GaussianDenoiser(np.zeros((2, 2)), covariance), layout)
    law = full.initial
    kept = np.asarray(law.variances) > 1e-5
    low = GaussianLaw(law.mean, law.basis[:, kept], law.variances[kept])
    assert low.num_missing == 3
    model = dataclasses.replace(full, denoiser=kernels.GaussianDenoiser(law=low), initial=low)
    dataset = to_dataset((RNG.normal(size=(4, 1)) * direction).reshape(4, 2, 2), layout)
    np.testing.assert_allclose(
        kernels.log_likelihood(model, dataset), kernels.log_likelihood(full, dataset), atol=0.05
    )
