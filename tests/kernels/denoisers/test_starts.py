"""Forecasts from values that have a share of the law: each sample has a draw of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.denoisers.starts import DrawnStarts, drawn_starts, is_started
from kernels.diffusion.gaussian import GaussianLaw
from kernels.networks.unet import UNetConfig
from kernels.training.loop import initialize
from kernels.training.margins import fit_margins

TIMES, CORRELATION = 4, 0.95
NETWORK = UNetConfig(
    num_times=TIMES, in_features=3, out_features=1, channels=(8,), num_blocks=1, dense_width=16, embedding=16
)


def covariance(correlation=CORRELATION):
    return correlation ** np.abs(np.subtract.outer(np.arange(TIMES), np.arange(TIMES)))


@pytest.fixture(scope="module")
def forecast():
    """Forecast from one state of a Gaussian copula whose values are 0 and 1, half of the time each."""
    margins = fit_margins(np.resize([0.0, 1.0], (1_000, 1)), ["wet"]).margins
    law = GaussianLaw.from_moments(np.zeros((TIMES, 1)), covariance())
    return kernels.Model(
        denoiser=initialize(NETWORK, law, jax.random.key(0), num_known=1),
        layout=kernels.Layout(variables=("wet",), times=np.arange(float(TIMES))),
        standardizer=kernels.Standardizer.identity(1)._replace(margins=margins),
        initial=law,
        card={"name": "forecast", "num_steps": 30},
    )


def test_what_follows_a_value_is_averaged_over_its_share(forecast):
    drawn = kernels.sample(
        jax.random.key(0), forecast, given="at(wet, 0) == 1 tolerance 0.1", num_samples=4096
    )["state"].values[..., 0]
    assert np.all(drawn[:, 0] == 1.0)
    exact = 0.5 + np.arcsin(CORRELATION) / np.pi  # one quadrant of two correlated normal numbers
    middle = stats.norm.cdf(stats.norm.ppf(0.75) * CORRELATION / np.sqrt(1.0 - CORRELATION**2))
    assert middle - exact > 0.05
    assert np.mean(drawn[:, 1] == 1.0) == pytest.approx(exact, abs=0.02)


def test_probabilities_average_as_well(forecast):
    found = kernels.event_probability(
        jax.random.key(1),
        forecast,
        "at(wet, 1) < 0.5",
        given="at(wet, 0) == 1 tolerance 0.1",
        method="monte_carlo",
        num_samples=4096,
    )
    assert found.value == pytest.approx(0.5 - np.arcsin(CORRELATION) / np.pi, abs=0.02)


def test_each_sample_may_have_a_start_of_its_own(forecast):
    starts = np.resize([0.0, 1.0], (512, 1, 1))
    given = forecast.given_start(starts)
    known = np.asarray(given.denoiser.known)
    assert np.all((known[:, 0, 0] > 0) == (starts[:, 0, 0] == 1.0))
    assert len(np.unique(known)) > 500
    kept = given.denoiser.taken(np.array([3, 3, 0]))
    np.testing.assert_array_equal(kept.known[:, 0, 0], known[[3, 3, 0], 0, 0])
    assert kept.law.mean.shape == (3, TIMES, 1)


def test_one_start_is_a_table_that_latents_draw_from(forecast):
    given = forecast.given_start(np.ones((1, 1)))
    assert isinstance(given.denoiser, DrawnStarts)
    assert is_started(given.denoiser)
    assert given.latent_shape == (TIMES + 1, 1)
    bound, latents = given.bound(
        jnp.zeros((3, TIMES + 1, 1)).at[:, TIMES].set(jnp.array([[-9.0], [0.0], [9.0]]))
    )
    assert latents.shape == (3, TIMES, 1)
    np.testing.assert_array_equal(bound.denoiser.known, given.denoiser.table[np.array([0, 128, 255])])
    assert given.fingerprint == forecast.given_start(np.ones((1, 1))).fingerprint


def test_draws_have_the_truncated_law():
    law = GaussianLaw.from_moments(np.zeros((TIMES, 1)), covariance(0.6))
    low = np.broadcast_to([[-8.0], [0.3]], (20_000, 2, 1))
    high = np.broadcast_to([[0.0], [0.3]], (20_000, 2, 1))
    x = drawn_starts(law, low, high)[..., 0]
    assert np.all(x[:, 1] == np.float32(0.3))
    expected = stats.truncnorm(-8.0, (0.0 - 0.18) / 0.8, loc=0.18, scale=0.8)
    assert x[:, 0].mean() == pytest.approx(expected.mean(), abs=4 * expected.std() / np.sqrt(20_000))
    low, high = (np.broadcast_to(np.full((2, 1), end), (20_000, 2, 1)) for end in (-8.0, 0.0))
    both = drawn_starts(law, low, high)[..., 0]
    share = 0.25 + np.arcsin(0.6) / (2 * np.pi)  # E z₁ given both below 0: −φ(0) (1 + ρ) / (2 P)
    mean = -stats.norm.pdf(0.0) * (1.0 + 0.6) / (2.0 * share)
    assert both.mean() == pytest.approx(mean, abs=0.02)
