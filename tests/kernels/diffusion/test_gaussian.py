import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kernels.diffusion import gaussian
from kernels.diffusion.gaussian import GaussianLaw

RNG = np.random.default_rng(2)


@pytest.fixture
def law():
    root = RNG.normal(size=(6, 6))
    return GaussianLaw.from_moments(RNG.normal(size=(3, 2)), root @ root.T)


def test_conversions_invert():
    x0, x, sigma = (jnp.asarray(a) for a in (RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)), 0.7))
    np.testing.assert_allclose(
        gaussian.x0_from_score(gaussian.score_from_x0(x0, x, sigma), x, sigma), x0, rtol=1e-5
    )
    np.testing.assert_allclose(
        gaussian.x0_from_eps(gaussian.eps_from_x0(x0, x, sigma), x, sigma), x0, rtol=1e-5, atol=1e-6
    )


def test_tweedie_is_the_gradient_of_the_log_density(law):
    """(D − x)/σ² = ∇ log N(x; mean, S + σ²) by automatic differentiation."""
    sigma, x = 0.6, jnp.asarray(RNG.normal(size=(1, 3, 2)), jnp.float32)
    basis, variances = np.asarray(law.basis), np.asarray(law.variances)
    covariance = (basis * variances) @ basis.T + sigma**2 * np.eye(6)

    def log_density(x):
        flat = (x - law.mean).reshape(-1)
        return -0.5 * flat @ jnp.linalg.solve(jnp.asarray(covariance), flat)

    score = gaussian.score_from_x0(law.denoise(x, jnp.asarray(sigma)), x, jnp.asarray(sigma))
    np.testing.assert_allclose(score[0], jax.grad(log_density)(x[0]), rtol=2e-3, atol=2e-3)


def test_perturbing_gives_the_law_of_x_sigma_and_inverts(law):
    noise = jax.random.normal(jax.random.key(0), (100_000, 3, 2))
    x = law.perturb(noise, 0.5)
    np.testing.assert_allclose(law.unperturb(x, 0.5), noise, atol=2e-4)
    basis, variances = np.asarray(law.basis), np.asarray(law.variances)
    covariance = (basis * variances) @ basis.T + 0.25 * np.eye(6)
    flat = np.asarray(x).reshape(-1, 6)
    error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / len(flat))
    assert np.all(np.abs(np.cov(flat, rowvar=False) - covariance) < 5 * error)


def test_posterior_scale_is_the_root_mean_posterior_variance(law):
    basis, variances = np.asarray(law.basis, np.float64), np.asarray(law.variances, np.float64)
    prior = (basis * variances) @ basis.T
    posterior = prior - prior @ np.linalg.solve(prior + 0.49 * np.eye(6), prior)
    np.testing.assert_allclose(
        law.posterior_scale(jnp.asarray(0.7))[0], np.sqrt(np.trace(posterior) / 6), rtol=1e-4
    )


@pytest.fixture(scope="module")
def ranked():
    """A law of rank 3 in 6 dimensions, as left by `fit` where there is no variance, and the same in full."""
    root = np.random.default_rng(8).normal(size=(6, 3))
    mean = np.ones((3, 2))
    full = GaussianLaw.from_moments(mean, root @ root.T)
    kept = np.asarray(full.variances) > 1e-5
    return full, GaussianLaw(full.mean, full.basis[:, kept], full.variances[kept])


def test_a_law_without_its_empty_directions_does_the_same(ranked):
    full, low = ranked
    assert (full.num_missing, low.num_missing, low.basis.shape) == (0, 3, (6, 3))
    x = jnp.asarray(RNG.normal(size=(5, 3, 2)), jnp.float32)
    for sigma in (0.05, 2.0):
        for name in ("perturb", "unperturb", "denoise"):
            expected, found = (getattr(law, name)(x, jnp.asarray(sigma)) for law in ranked)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-4)
        np.testing.assert_allclose(*(law.posterior_scale(jnp.asarray(sigma)) for law in ranked), rtol=1e-4)
    np.testing.assert_allclose(low.unperturb(low.perturb(x, 0.3), 0.3), x, atol=1e-4)


def test_a_fitted_law_leaves_out_what_is_below_the_finest_noise(monkeypatch):
    monkeypatch.setattr(gaussian, "MAX_FULL", 5)
    monkeypatch.setattr(gaussian, "_CHUNK", 512)
    root = RNG.normal(size=(2, 6))
    states = (RNG.normal(size=(2000, 2)) @ root + 1e-5 * RNG.normal(size=(2000, 6))).reshape(2000, 3, 2)
    law = GaussianLaw.fit(states.astype(np.float32))
    assert law.basis.shape == (6, 2)
    covariance = (np.asarray(law.basis) * np.asarray(law.variances)) @ np.asarray(law.basis).T
    np.testing.assert_allclose(
        covariance, np.cov(states.reshape(2000, 6), rowvar=False), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(law.mean, states.mean(0), atol=1e-5)


@pytest.mark.parametrize(
    ("mean", "covariance", "words"),
    [
        (np.zeros((2, 1)), np.eye(3), "must be \\(time·variable"),
        (np.zeros((2, 1)), np.array([[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (np.zeros((2, 1)), np.array([[1.0, 2.0], [2.0, 1.0]]), "positive semidefinite"),
        (np.zeros((2, 1)), np.full((2, 2), np.nan), "finite"),
    ],
)
def test_moments_that_make_no_law(mean, covariance, words):
    with pytest.raises(ValueError, match=words):
        GaussianLaw.from_moments(mean, covariance)


def test_a_law_of_too_many_numbers_is_not_fitted(monkeypatch):
    monkeypatch.setattr(gaussian, "MAX_FITTED", 6)
    GaussianLaw.fit(RNG.normal(size=(20, 3, 2)).astype(np.float32))
    with pytest.raises(
        ValueError, match=r"at most 6 numbers; 4 times of 2 variables are 8.*1 variables at these"
    ):
        GaussianLaw.fit(RNG.normal(size=(20, 4, 2)).astype(np.float32))
