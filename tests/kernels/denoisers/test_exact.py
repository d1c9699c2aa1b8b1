import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from kernels.denoisers.base import apply_pullback, evaluate, evaluate_with_pullback

RNG = np.random.default_rng(3)
WEIGHTS = np.array([0.8, 0.2])
MEANS = np.stack([np.full((2, 1), -1.0), np.full((2, 1), 2.0)])
COVARIANCES = np.stack([np.array([[0.5, 0.2], [0.2, 0.4]]), np.array([[0.1, 0.0], [0.0, 0.3]])])


def test_the_mixture_is_the_posterior_mean_by_quadrature():
    """E[x0 | x] by a sum over a fine grid of x0."""
    denoiser = kernels.GaussianMixtureDenoiser(WEIGHTS, MEANS, COVARIANCES)
    axis = np.linspace(-6, 6, 401)
    x0 = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    density = sum(
        w
        * np.exp(-0.5 * np.einsum("ni,ij,nj->n", x0 - m.ravel(), np.linalg.inv(c), x0 - m.ravel()))
        / np.sqrt(np.linalg.det(c))
        for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
    )
    for sigma in (0.2, 1.0, 5.0):
        x = RNG.normal(size=(5, 2))
        expected = []
        for point in x:
            weight = density * np.exp(-0.5 * np.sum((point - x0) ** 2, 1) / sigma**2)
            expected.append(weight @ x0 / weight.sum())
        found = np.asarray(evaluate(denoiser, jnp.asarray(x, jnp.float32)[..., None], sigma))[..., 0]
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_moments_of_the_mixture_and_of_its_standardised_self():
    denoiser = kernels.GaussianMixtureDenoiser(WEIGHTS, MEANS, COVARIANCES)
    draws = np.concatenate(
        [
            RNG.multivariate_normal(m.ravel(), c, int(400_000 * w))
            for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
        ]
    )
    mean, covariance = denoiser.moments()
    np.testing.assert_allclose(mean.ravel(), draws.mean(0), atol=0.01)
    np.testing.assert_allclose(covariance, np.cov(draws, rowvar=False), atol=0.02)
    layout = kernels.Layout(variables=("x",), times=[0.0, 1.0])
    model = kernels.Model.from_denoiser(denoiser, layout)
    scale = float(model.standardizer.scale[0])
    np.testing.assert_allclose(model.denoiser.moments()[1] * scale**2, covariance, rtol=1e-4)


def test_the_pullback_is_the_transposed_jacobian():
    denoiser = kernels.GaussianMixtureDenoiser(WEIGHTS, MEANS, COVARIANCES)
    x, cotangent = (jnp.asarray(RNG.normal(size=(3, 2, 1)), jnp.float32) for _ in range(2))
    x0_hat, pullback = evaluate_with_pullback(denoiser, x, 0.7)
    np.testing.assert_allclose(x0_hat, evaluate(denoiser, x, 0.7), rtol=1e-5)
    jacobian = jax.jacfwd(lambda v: denoiser.denoise(v[None], 0.7)[0])
    for i, found in enumerate(apply_pullback(pullback, cotangent)):
        expected = jnp.einsum("tvab,tv->ab", jacobian(x[i]), cotangent[i])
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.array([1.0, -1.0]), MEANS, COVARIANCES), "must be positive"),
        ((np.array([1.0]), MEANS, COVARIANCES), "one entry for each component"),
    ],
)
def test_mixtures_that_make_no_sense(arguments, words):
    with pytest.raises(ValueError, match=words):
        kernels.GaussianMixtureDenoiser(*arguments)


def test_a_denoiser_of_another_shape_than_the_layout():
    layout = kernels.Layout(variables=("x",), times=[0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="must have the denoiser's shape"):
        kernels.Model.from_denoiser(kernels.GaussianDenoiser(np.zeros((2, 1)), np.eye(2)), layout)


def test_fingerprints_tell_models_apart():
    layout = kernels.Layout(variables=("x",), times=[0.0, 1.0])
    one, same, other = (
        kernels.Model.from_denoiser(kernels.GaussianDenoiser(np.zeros((2, 1)), np.diag([1.0, v])), layout)
        for v in (2.0, 2.0, 2.1)
    )
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint


class Around:
    """The exact denoiser of independent normal numbers around a centre; nothing in it is an array."""

    def __init__(self, centre):
        self.centre = centre

    def denoise(self, x, sigma):
        return self.centre + (x - self.centre) / (1.0 + sigma**2)


def test_denoisers_without_arrays_do_not_share_samples():
    layout = kernels.Layout(variables=("x",), times=[0.0, 1.0])
    for centre, share in ((0.0, 0.1587), (2.0, 0.8413)):
        model = kernels.Model.from_denoiser(Around(centre), layout)
        found = kernels.event_probability(
            jax.random.key(0), model, "final(x) > 1", method="monte_carlo", num_samples=2048
        )
        assert abs(found.value - share) < 5 * found.standard_error


class AroundWithMoments(Around):
    """As `Around`, and it knows its moments, in units in which they are far from 0 and 1."""

    def moments(self):
        return np.full((2, 1), self.centre), np.eye(2)

    def standardized(self, standardizer):
        moved = (self.centre - np.asarray(standardizer.mean)) / np.asarray(standardizer.scale)
        return AroundWithMoments(moved.astype(np.float32))


def test_moments_of_a_plain_class_are_heard():
    layout = kernels.Layout(variables=("T",), times=[0.0, 1.0])
    model = kernels.Model.from_denoiser(AroundWithMoments(300.0), layout)
    np.testing.assert_allclose(model.standardizer.mean, [300.0])
    drawn = kernels.sample(jax.random.key(0), model, num_samples=256, num_steps=20)["state"].values
    assert abs(drawn.mean() - 300.0) < 0.3
    assert 0.8 < drawn.std() < 1.2
