"""The calibrated twist: exact on Gaussians, unbiased as a proposal, better than moment matching for maxima."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact_models import short_autoregression, small_gaussian

import kernels
from kernels.events.semantics.compile import compile_event
from kernels.guidance.calibrated import Calibrated, regress
from kernels.guidance.moment_matching import MomentMatching
from kernels.probability.guided.direct_check import MIN_DIRECT


def constraint_of(model, text):
    return compile_event(kernels.parse_event(text), model.layout)


def test_the_regression_of_a_gaussian_is_tweedies():
    """C(x₀) = C(x̂₀) + N(0, posterior variance of C) there: α = 0, β = 1, τ² = a·Σ̂a."""
    model, covariance = small_gaussian()
    scale = float(np.asarray(model.standardizer.scale)[0])
    constraint = constraint_of(model, "mean(x) > 1.5")
    noise = jax.random.normal(jax.random.key(0), (4096, 8, 1))
    pilot = np.asarray(model.initial.perturb(noise, 0.0))
    found = regress(model.denoiser, constraint, model.standardizer, pilot)
    prior, a = covariance / scale**2, np.full(8, scale / 8)
    for level in (4, 8, 11):  # σ = 0.03, 0.6, 5
        sigma = float(np.exp(found.log_sigmas[level]))
        posterior = prior - prior @ np.linalg.solve(prior + sigma**2 * np.eye(8), prior)
        spread = np.sqrt(a @ posterior @ a)
        slope_error = spread / np.sqrt(4096 * (a @ (prior - posterior) @ a))
        assert abs(float(found.slope[0, level]) - 1.0) < 5 * slope_error
        offset_error = np.hypot(spread / np.sqrt(4096), 0.5 * slope_error)
        assert abs(float(found.offset[0, level])) < 5 * offset_error
        assert float(jnp.exp(found.log_spread[0, level])) == pytest.approx(
            spread, rel=5 / np.sqrt(8192), abs=1e-3
        )


@pytest.mark.parametrize("sigma", [0.3, 3.0])
@pytest.mark.parametrize("text", ["mean(x) > 1.5", "at(x, 3) == 1.2 tolerance 0.3"])
def test_on_a_gaussian_it_is_moment_matching(text, sigma):
    model, _ = small_gaussian()
    constraint = constraint_of(model, text)
    noise = jax.random.normal(jax.random.key(0), (8192, 8, 1))
    pilot = np.asarray(model.initial.perturb(noise, 0.0))
    arguments = (model.denoiser, constraint, model.standardizer, model.initial)
    calibrated = Calibrated.from_constraint(*arguments, pilot=pilot)
    matched = MomentMatching.from_constraint(*arguments)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4, 8, 1)) * (1 + sigma), jnp.float32)
    one, other = calibrated.twist(x, np.float32(sigma)), matched.twist(x, np.float32(sigma))
    np.testing.assert_allclose(one.x0_hat, other.x0_hat, atol=1e-5)
    np.testing.assert_allclose(one.log_psi, other.log_psi, rtol=0.05, atol=0.1)
    size = float(jnp.abs(other.shift).max())
    np.testing.assert_allclose(one.shift, other.shift, atol=0.15 * size)


@pytest.mark.slow
def test_weights_of_its_paths_are_unbiased():
    model, maxima = short_autoregression()
    truth = float(np.mean(maxima > 2.5))
    estimate = kernels.event_probability(
        jax.random.key(0),
        model,
        "max(x) > 2.5",
        method="path_importance",
        num_samples=512,
        num_steps=40,
        guidance="calibrated",
    )
    assert abs(estimate.value - truth) < 5 * estimate.standard_error + 0.02 * truth
    assert estimate.standard_error < 0.2 * truth
    assert estimate.diagnostics["hit_rate"] > 0.9
    assert estimate.num_calls == 512 * 40 + 512 * (40 + 16) + MIN_DIRECT * 40


@pytest.mark.slow
def test_parts_of_an_event_are_calibrated_each():
    model, _ = small_gaussian()
    dataset = kernels.sample(
        jax.random.key(1),
        model,
        event="at(x, 0) == 1.5 tolerance 0.2 and max(x) > 1.2",
        num_samples=128,
        num_steps=20,
        guidance="calibrated",
    )
    guided = dataset["satisfied"].values[dataset["guided"].values]
    assert guided.mean() > 0.6


@pytest.mark.slow
def test_the_twist_of_particles_can_be_the_calibrated_one():
    model, maxima = short_autoregression()
    estimate = kernels.event_probability(
        jax.random.key(2),
        model,
        "max(x) > 2",
        method="twisted_smc",
        num_samples=400,
        num_steps=30,
        guidance="calibrated",
    )
    truth = float(np.mean(maxima > 2.0))
    assert abs(estimate.value - truth) < 5 * estimate.standard_error + 0.02 * truth
    assert 0.3 * truth < estimate.diagnostics["psi_start"] < 3 * truth


def test_unknown_guidance_of_an_estimate_is_refused():
    with pytest.raises(ValueError, match="Did you mean 'calibrated'"):
        kernels.event_probability(
            jax.random.key(0), short_autoregression(10)[0], "max(x) > 1", guidance="calibratd"
        )


@pytest.mark.slow
def test_paths_of_a_learned_model_stay_where_its_trajectories_are():
    """Its Jacobian is no covariance far out: followed there, 11 of 512 paths left, the furthest for 10¹⁴."""
    drawn = kernels.sample(
        jax.random.key(0),
        "lorenz63",
        event="mean(abs(rfft(x))[1:]) < 0.6",
        num_samples=256,
        num_steps=80,
        guidance="calibrated",
    )
    reach = float(np.abs(kernels.get_system("lorenz63").simulate_array(jax.random.key(8), 2000)).max())
    assert np.abs(drawn["state"].values).max() < 1.3 * reach
    assert drawn["satisfied"].values[drawn["guided"].values].mean() > 0.75
