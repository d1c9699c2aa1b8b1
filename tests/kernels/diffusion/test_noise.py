import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.noise import NOISES, amplitudes, coloured, log_det, whitened
from kernels.networks.sizing import network_config
from kernels.training.loop import initialize
from kernels.trajectories.datasets import to_dataset


def dense(noise, num_times):
    units = np.eye(num_times, dtype=np.float32)[:, :, None]
    return np.asarray(coloured(jnp.asarray(units), amplitudes(noise, num_times))[..., 0], np.float64).T


@pytest.mark.parametrize("num_times", [1, 2, 7, 12, 59])
@pytest.mark.parametrize("noise", NOISES)
def test_the_factor_is_symmetric_invertible_and_of_unit_variance(noise, num_times):
    factor = dense(noise, num_times)
    np.testing.assert_allclose(factor, factor.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(factor @ factor.T), 1.0, atol=1e-5)
    amplitude = amplitudes(noise, num_times)
    assert log_det(amplitude, num_times) == pytest.approx(np.linalg.slogdet(factor)[1], abs=1e-4)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, num_times, 2)), jnp.float32)
    np.testing.assert_allclose(whitened(coloured(x, amplitude), amplitude), x, atol=2e-5)


@pytest.mark.parametrize(("noise", "exponent"), NOISES.items())
def test_power_falls_with_the_frequency(noise, exponent):
    rng = np.random.default_rng(0)
    draws = coloured(jnp.asarray(rng.normal(size=(4000, 64, 1)), jnp.float32), amplitudes(noise, 64))
    power = (np.abs(np.fft.rfft(np.asarray(draws)[..., 0], axis=1)) ** 2).mean(0)[1:32]
    slope = np.polyfit(np.log(np.arange(1, 32)), np.log(power), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.03)


def test_white_is_no_change_and_unknown_noise_an_error():
    np.testing.assert_allclose(amplitudes("white", 9), 1.0)
    with pytest.raises(ValueError, match="`noise` must be one of white, pink, brown; got 'blue'"):
        amplitudes("blue", 9)
    layout = kernels.Layout(variables=("x",), times=np.arange(3.0))
    with pytest.raises(ValueError, match="must be white for a denoiser without"):
        kernels.Model.from_denoiser(object(), layout, noise="pink")


@pytest.mark.parametrize("noise", NOISES)
def test_a_standardizer_with_noise_is_its_own_inverse_and_knows_its_determinant(noise):
    states = np.random.default_rng(1).normal(2.0, 3.0, size=(50, 9, 2))
    standardizer = kernels.Standardizer.fit(states, noise=noise)
    x0 = standardizer.standardize(jnp.asarray(states, jnp.float32))
    np.testing.assert_allclose(standardizer.unstandardize(x0), states, rtol=1e-4, atol=1e-4)
    units = np.eye(18, dtype=np.float32).reshape(18, 9, 2)
    offset = standardizer.standardize(jnp.zeros((9, 2)))
    matrix = np.asarray(standardizer.standardize(jnp.asarray(units)) - offset, np.float64).reshape(18, 18)
    assert standardizer.log_det(9) == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-3)


@pytest.mark.parametrize("noise", ["pink", "brown"])
def test_the_log_density_does_not_depend_on_the_noise(noise):
    from scipy import stats

    steps = np.arange(7)
    covariance = 0.7 ** np.abs(np.subtract.outer(steps, steps))
    layout = kernels.Layout(variables=("x",), times=steps * 1.0)
    model = kernels.Model.from_denoiser(
        kernels.GaussianDenoiser(np.full((7, 1), 2.0), covariance), layout, noise=noise
    )
    law = stats.multivariate_normal(np.full(7, 2.0), covariance)
    states = law.rvs(5, random_state=0)
    found = kernels.log_likelihood(model, to_dataset(states[:, :, None], layout))
    np.testing.assert_allclose(found, law.logpdf(states), atol=0.05)


def test_a_checkpoint_keeps_its_noise(tmp_path):
    states = np.random.default_rng(2).normal(size=(40, 8, 1))
    standardizer = kernels.Standardizer.fit(states, noise="pink")
    law = GaussianLaw.fit(np.asarray(standardizer.standardize(jnp.asarray(states, jnp.float32))))
    model = kernels.Model(
        denoiser=initialize(network_config(8, 1), law, jax.random.key(0)),
        layout=kernels.Layout(variables=("x",), times=np.arange(8.0)),
        standardizer=standardizer,
        initial=law,
    )
    loaded = kernels.load_checkpoint(kernels.save_checkpoint(model, tmp_path / "pink"))
    np.testing.assert_array_equal(loaded.standardizer.noise, standardizer.noise)
