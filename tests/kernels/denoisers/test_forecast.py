"""Models that know the first states: against the conditional law of a Gaussian, with an untrained network (D linear)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.denoisers.forecast import ForecastDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.networks.unet import UNetConfig
from kernels.training.loop import TrainingConfig, fit, initialize
from kernels.trajectories.datasets import to_dataset

TIMES, KNOWN = 8, 3
NETWORK = UNetConfig(
    num_times=TIMES, in_features=5, out_features=2, channels=(8,), num_blocks=1, dense_width=16, embedding=16
)


@pytest.fixture(scope="module")
def gaussian():
    """(model, mean, covariance) in physical units, standardised by hand."""
    steps = np.arange(TIMES)
    over_time = 0.8 ** np.abs(np.subtract.outer(steps, steps))
    covariance = np.kron(over_time, [[1.0, 0.5], [0.5, 2.0]])
    mean = np.stack([np.linspace(0.0, 1.0, TIMES), np.full(TIMES, -1.0)], axis=1)
    scale = np.array([2.0, 0.5])
    flat = np.tile(scale, TIMES)
    law = GaussianLaw.from_moments(mean / scale, covariance / np.outer(flat, flat))
    model = kernels.Model(
        denoiser=initialize(NETWORK, law, jax.random.key(0), num_known=KNOWN),
        layout=kernels.Layout(variables=("x", "y"), times=steps * 1.0),
        standardizer=kernels.Standardizer(jnp.zeros(2), jnp.asarray(scale, jnp.float32)),
        initial=law,
        card={"name": "forecast", "num_steps": 60},
    )
    return model, mean.ravel(), covariance


START = np.array([[0.5, -0.5], [1.0, 0.0], [1.5, -2.0]])


def truth(mean, covariance, extra_rows=None, extra_values=None, width=0.2):
    """Conditional mean and covariance of all states given the start, and further points with a tolerance."""
    known = KNOWN * 2
    gain = covariance[:, :known] @ np.linalg.inv(covariance[:known, :known])
    mean, covariance = mean + gain @ (START.ravel() - mean[:known]), covariance - gain @ covariance[:known]
    if extra_rows is not None:
        noise = width**2 / 3 * np.eye(len(extra_rows))
        gain = covariance @ extra_rows.T @ np.linalg.inv(extra_rows @ covariance @ extra_rows.T + noise)
        mean, covariance = (
            mean + gain @ (extra_values - extra_rows @ mean),
            covariance - gain @ extra_rows @ covariance,
        )
    return mean, covariance


def start_dataset(model):
    layout = kernels.Layout(variables=("x", "y"), times=model.layout.times[:KNOWN])
    return kernels.trajectories.datasets.to_dataset(START[None], layout)


@pytest.mark.parametrize("sigma", [0.05, 1.0, 20.0])
def test_the_linear_denoiser_given_a_start_is_exact(gaussian, sigma):
    model, mean, covariance = gaussian
    denoiser = model.given_start(START).denoiser
    scale = np.tile([2.0, 0.5], TIMES)
    m, c = truth(mean, covariance)
    m, c = m / scale, c / np.outer(scale, scale)
    x = np.random.default_rng(0).normal(size=(3, TIMES, 2)).astype(np.float32)
    found = np.asarray(denoiser.denoise(jnp.asarray(x), np.float32(sigma)))
    rest = slice(2 * KNOWN, None)
    inner = c[rest, rest]
    gain = inner @ np.linalg.inv(inner + sigma**2 * np.eye(len(inner)))
    expected = m[rest] + (x.reshape(3, -1)[:, rest] - m[rest]) @ gain.T
    np.testing.assert_allclose(found.reshape(3, -1)[:, rest], expected, atol=2e-3)
    np.testing.assert_allclose(
        found[:, :KNOWN], np.broadcast_to(START / [2.0, 0.5], (3, KNOWN, 2)), rtol=1e-6
    )


def test_samples_keep_the_start_and_have_the_conditional_law(gaussian):
    model, mean, covariance = gaussian
    dataset = kernels.sample(jax.random.key(1), model, given=start_dataset(model), num_samples=4000)
    states = dataset["state"].values.astype(float)
    np.testing.assert_allclose(states[:, :KNOWN], np.broadcast_to(START, (4000, KNOWN, 2)), rtol=1e-5)
    m, c = truth(mean, covariance)
    rest = slice(2 * KNOWN, None)
    flat, m, c = states.reshape(4000, -1)[:, rest], m[rest], c[rest, rest]
    assert np.abs((flat.mean(0) - m) / np.sqrt(np.diag(c) / 4000)).max() < 5
    spread = np.sqrt((np.outer(np.diag(c), np.diag(c)) + c**2) / 4000)
    allowed = 5 * spread + 0.02 * np.sqrt(np.outer(np.diag(c), np.diag(c)))  # 80 steps
    assert np.all(np.abs(np.cov(flat, rowvar=False) - c) < allowed)


@pytest.mark.slow
def test_an_event_and_further_points_compose_with_the_start(gaussian):
    """P(mean of the rest > c | first states, one later point)."""
    model, mean, covariance = gaussian
    rows = np.zeros((1, TIMES, 2))
    rows[0, 6, 0] = 1.0
    m, c = truth(mean, covariance, rows.reshape(1, -1), np.array([2.0]))
    a = np.zeros((TIMES, 2))
    a[3:, 0] = 1 / 5
    a = a.ravel()
    terms = [
        f"at({name}, {t}) == {START[t, v]} tolerance 0.01"
        for t in range(KNOWN)
        for v, name in enumerate("xy")
    ]
    given = " and ".join([*terms, "at(x, 6) == 2.0 tolerance 0.2"])
    threshold = float(m @ a + 0.5 * np.sqrt(a @ c @ a))
    for method in ("monte_carlo", "path_importance"):
        estimate = kernels.event_probability(
            jax.random.key(2),
            model,
            f"mean[3, 7](x) > {threshold!r}",
            given=given,
            method=method,
            num_samples=2048,
        )
        assert abs(estimate.value - stats.norm.sf(0.5)) < 5 * estimate.standard_error


def test_a_start_that_is_missing_or_does_not_fit(gaussian):
    model, _, _ = gaussian
    with pytest.raises(
        ValueError, match=r"first 3 states of model forecast.*6 of 6 values are missing.*at\(x, 0\)"
    ):
        kernels.sample(jax.random.key(0), model)
    with pytest.raises(ValueError, match=r"5 of 6 values are missing. Add `at\(y, 0\)"):
        kernels.sample(jax.random.key(0), model, given={"x": 0.5})
    with pytest.raises(ValueError, match=r"`states` must have the shape \(3, 2\)"):
        model.given_start(START[:2])
    with pytest.raises(
        ValueError, match=r"exact; `at\(x, 0\) == 0\.5 noise 0\.1` has an error\. Write tolerance"
    ):
        kernels.sample(jax.random.key(0), model, given="at(x, 0) == 0.5 noise 0.1")
    with pytest.raises(ValueError, match="`model` must not have been given a start"):
        kernels.log_likelihood(model.given_start(START), start_dataset(model))


def test_the_log_density_of_what_follows_the_start(gaussian):
    model, mean, covariance = gaussian
    states = np.random.default_rng(5).multivariate_normal(mean, covariance, 4)
    known = KNOWN * 2
    gain = covariance[known:, :known] @ np.linalg.inv(covariance[:known, :known])
    rest = covariance[known:, known:] - gain @ covariance[:known, known:]
    means = mean[known:] + (states[:, :known] - mean[:known]) @ gain.T
    expected = stats.multivariate_normal(np.zeros(len(rest)), rest).logpdf(states[:, known:] - means)
    found = kernels.log_likelihood(model, to_dataset(states.reshape(4, TIMES, 2), model.layout))
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_a_start_for_each_sample_is_that_samples_start(gaussian):
    model, _, _ = gaussian
    starts = np.stack([START, START + 1.0])
    x = jnp.asarray(np.random.default_rng(6).normal(size=(2, TIMES, 2)), jnp.float32)
    together = np.asarray(model.given_start(starts).denoiser.denoise(x, np.float32(1.0)))
    apart = [
        np.asarray(model.given_start(s).denoiser.denoise(x[i : i + 1], np.float32(1.0)))[0]
        for i, s in enumerate(starts)
    ]
    np.testing.assert_allclose(together, apart, atol=1e-5)
    with pytest.raises(ValueError, match="one start for all or one a sample; got"):
        model.given_start(starts[:, :, :1])


@pytest.mark.slow
def test_training_beats_the_regression_and_the_checkpoint_keeps_the_start(tmp_path):
    """Trajectories x(t) = r(t) · sign of the first state squared: no linear forecast knows which way."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(2048, 1, 2))
    x0 = np.concatenate(
        [np.repeat(first, KNOWN, 1), np.repeat(np.abs(first) - 0.8, TIMES - KNOWN, 1)], axis=1
    )
    x0 = (x0 + 0.1 * rng.normal(size=x0.shape)).astype(np.float32)
    config = TrainingConfig(num_steps=150, batch_size=128, warmup=10, report_every=75)
    record = list(fit(jax.random.key(0), x0[:1800], NETWORK, config, validation=x0[1800:], num_known=KNOWN))[
        -1
    ]
    assert isinstance(record.denoiser, ForecastDenoiser)
    untrained = initialize(NETWORK, record.denoiser.law, jax.random.key(0), num_known=KNOWN)
    held_out, sigma = jnp.asarray(x0[1800:]), jnp.float32(1.0)
    noisy = held_out + sigma * jax.random.normal(jax.random.key(9), held_out.shape)

    def error(denoiser):
        return float(jnp.mean((denoiser.reconstruct(noisy, sigma, held_out) - held_out) ** 2))

    assert error(record.denoiser) < 0.7 * error(untrained)
    model = kernels.Model(
        denoiser=record.denoiser,
        layout=kernels.Layout(variables=("x", "y"), times=np.arange(TIMES) * 1.0),
        standardizer=kernels.Standardizer.identity(2),
        initial=record.denoiser.law,
    )
    again = kernels.load_checkpoint(kernels.save_checkpoint(model, tmp_path / "forecast"))
    assert again.num_known == KNOWN
    one, two = (
        kernels.sample(jax.random.key(1), m, given=start_dataset(m), num_samples=4, num_steps=8)["state"]
        for m in (model, again)
    )
    np.testing.assert_allclose(one, two, atol=1e-5)
