"""Guidance against the exact conditional laws of a Gaussian."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact_models import linear_event, truncated_moments

import kernels
from kernels.diffusion.schedules import log_grid
from kernels.events.semantics.compile import compile_event
from kernels.guidance import observations
from kernels.guidance.moment_matching import (
    MAX_SHIFT,
    MomentMatching,
    constraint_spread,
    hazard,
    log_normal_cdf,
    part_spreads,
)
from kernels.guidance.observations import Observed
from kernels.guidance.registry import GUIDANCE
from kernels.runs.given import compile_given
from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.sampling import draw, initial_noise, sample_keys


def constraint_of(model, text):
    return compile_event(kernels.parse_event(text), model.layout)


def standardised(model, covariance):
    scale = np.tile(np.asarray(model.standardizer.scale, np.float64), model.layout.num_times)
    return covariance / np.outer(scale, scale), scale


@pytest.mark.parametrize("sigma", [0.05, 0.7, 10.0])
def test_an_equality_gives_the_exact_conditional_denoiser(ar1, sigma):
    """D given a·x₀ = y (Gaussian window) is the Kalman update, computed densely."""
    model, covariance = ar1
    prior, scale = standardised(model, covariance)
    constraint = constraint_of(model, "at(x, 5) + 0.5 * at(y, 8) == 0.7 tolerance 0.3")
    guided = MomentMatching.from_constraint(model.denoiser, constraint, model.standardizer, model.initial)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 40, 2)) * (1 + sigma), jnp.float32)
    found = np.asarray(guided(x, np.float32(sigma)))

    a = np.zeros((40, 2))
    a[10, 0], a[16, 1] = 1.0, 0.5
    a = a.ravel() * scale
    posterior = prior - prior @ np.linalg.solve(prior + sigma**2 * np.eye(80), prior)
    mean = np.asarray(x).reshape(3, 80) @ np.linalg.solve(prior + sigma**2 * np.eye(80), prior)
    gain = posterior @ a / (a @ posterior @ a + 0.3**2 / 3)
    expected = mean + np.outer(0.7 - mean @ a, gain)
    np.testing.assert_allclose(found.reshape(3, 80), expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("sigma", [0.05, 0.7, 10.0])
def test_an_inequality_gives_the_exact_conditional_denoiser(ar1, sigma):
    """D given a·x₀ > c is the mean of a Gaussian cut along one direction."""
    from scipy import stats

    model, covariance = ar1
    prior, scale = standardised(model, covariance)
    text, flat, threshold = linear_event(covariance, 1.0)
    guided = MomentMatching.from_constraint(
        model.denoiser, constraint_of(model, text), model.standardizer, model.initial
    )
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4, 40, 2)) * (1 + sigma), jnp.float32)
    found = np.asarray(guided(x, np.float32(sigma))).reshape(4, 80)
    a = flat * scale
    posterior = prior - prior @ np.linalg.solve(prior + sigma**2 * np.eye(80), prior)
    mean = np.asarray(x).reshape(4, 80) @ np.linalg.solve(prior + sigma**2 * np.eye(80), prior)
    spread = np.sqrt(a @ posterior @ a)
    ratio = (mean @ a - threshold) / spread
    hazard = np.exp(stats.norm.logpdf(ratio) - stats.norm.logcdf(ratio))
    expected = mean + np.outer(hazard, posterior @ a / spread)
    np.testing.assert_allclose(found, expected, atol=5e-3 * np.abs(expected).max())


def test_conditioning_on_observed_points_is_kriging(ar1):
    """Mean and covariance of ODE samples given four observed points, against the closed form."""
    model, covariance = ar1
    text = " and ".join(
        f"at({n}, {t}) == {v} tolerance 0.2"
        for n, t, v in [("x", 0, 1.0), ("x", 6, -0.5), ("y", 0, 2.0), ("y", 12.5, 1.0)]
    )
    observed = Observed.from_constraint(model.denoiser, compile_given(text, model), model.standardizer)
    size = 4000
    latents = initial_noise(sample_keys(jax.random.key(0), 0, size), model.initial)
    x0 = draw(observed, model.initial, DPMSolver(), log_grid(80), latents)
    states = np.asarray(model.standardizer.unstandardize(x0)).reshape(size, 80)

    rows = np.zeros((4, 40, 2))
    for row, (t, v) in zip(rows, [(0, 0), (12, 0), (0, 1), (25, 1)], strict=True):
        row[t, v] = 1.0
    rows = rows.reshape(4, 80)
    gain = covariance @ rows.T @ np.linalg.inv(rows @ covariance @ rows.T + 0.2**2 / 3 * np.eye(4))
    mean, cov = gain @ np.array([1.0, -0.5, 2.0, 1.0]), covariance - gain @ rows @ covariance
    deviation = np.sqrt(np.diag(cov) / size)
    assert np.abs((states.mean(0) - mean) / deviation).max() < 5
    spread = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / size)
    # 5 SE, and 1 % of the variances for the bias of 80 steps
    allowed = 5 * spread + 0.01 * np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    assert np.all(np.abs(np.cov(states, rowvar=False) - cov) < allowed)


def test_guided_samples_of_a_linear_event_have_nearly_the_conditional_mean(ar1):
    model, covariance = ar1
    text, flat, _ = linear_event(covariance, 2.0)
    dataset = kernels.sample(jax.random.key(0), model, event=text, num_samples=640, num_steps=40)
    steered = dataset.isel(sample=np.flatnonzero(dataset["guided"].values))
    assert steered["satisfied"].values.mean() > 0.95
    mean, conditional = truncated_moments(covariance, flat, 2.0)
    found = steered["state"].values.reshape(-1, 80).mean(0)
    error = np.sqrt(np.diag(conditional) / steered.sizes["sample"])
    assert np.abs((found - mean) / error).max() < 6


def test_twenty_thresholds_compile_once(ar1):
    model, _ = ar1
    x = jnp.ones((8, 40, 2))
    traces = []

    class Counting(kernels.GaussianDenoiser):
        def denoise(self, x, sigma):
            traces.append(1)
            return super().denoise(x, sigma)

    denoiser = Counting(law=model.initial)
    jax.tree_util.register_dataclass(Counting, data_fields=["law"], meta_fields=[])
    from kernels.guidance import linearization

    before = linearization.value_gradient._cache_size()
    for threshold in np.linspace(0.1, 2.0, 20):
        constraint = constraint_of(model, f"max[0, 10](x) > {threshold}")
        MomentMatching.from_constraint(denoiser, constraint, model.standardizer, model.initial)(
            x, np.float32(1.0)
        )
    assert len(traces) == 1
    assert linearization.value_gradient._cache_size() == before + 1


def test_the_floor_scales_with_the_event(ar1):
    model, _ = ar1
    one = constraint_spread(constraint_of(model, "mean(x) > 0"), model.standardizer, model.initial)
    thousand = constraint_spread(
        constraint_of(model, "mean(1000 * x) > 0"), model.standardizer, model.initial
    )
    assert thousand == pytest.approx(1000 * one, rel=1e-3)


def test_only_equalities_can_be_known(ar1):
    model, _ = ar1
    with pytest.raises(ValueError, match="must consist of equalities"):
        compile_given("max(x) > 1", model)
    with pytest.raises(ValueError, match="must consist of equalities"):
        observations.Observed.from_constraint(
            model.denoiser, constraint_of(model, "max(x) > 1"), model.standardizer
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"w": 1.0}, "unknown variable"),
        ({"x": (1.0, 2.0, 3.0)}, "number or \\(number, tolerance\\)"),
        ({}, "1 to 64 known points"),
        (3.0, "must be text, a mapping or a Dataset"),
    ],
)
def test_knowledge_that_makes_no_sense(ar1, given, words):
    with pytest.raises(ValueError, match=words):
        compile_given(given, ar1[0])


def test_the_hazard_of_an_event_far_away_is_finite_with_its_derivatives():
    from scipy import stats

    ratio = jnp.array([-1e6, -3e4, -100.0, -20.1, -19.9, -5.0, 0.0, 5.0])
    wide = np.asarray(ratio, float)
    exact = np.exp(stats.norm.logpdf(wide) - stats.norm.logcdf(wide))
    exact[:2] = -wide[:2]  # to 1e-8 of it; the logarithms cancel in double precision as well
    np.testing.assert_allclose(hazard(ratio), exact, rtol=2e-5)
    np.testing.assert_allclose(jax.vmap(jax.grad(log_normal_cdf))(ratio), exact, rtol=2e-5)
    curvature = jax.vmap(jax.grad(jax.grad(log_normal_cdf)))(ratio)
    np.testing.assert_allclose(curvature[2:], -exact[2:] * (exact[2:] + wide[2:]), rtol=2e-3, atol=1e-5)
    assert np.isfinite(curvature).all()


@pytest.mark.parametrize("differentiate", [False, True])
def test_a_jacobian_that_is_not_symmetric_does_not_throw_a_path_away(ar1, differentiate):
    """Along the event's gradient its variance is negative, while its product with the gradient is not small."""
    model, _ = ar1
    denoiser = Turned(1.0)
    constraint = constraint_of(model, "at(x, 5) - at(x, 6) > 3")
    guided = MomentMatching.from_constraint(
        denoiser, constraint, model.standardizer, model.initial, differentiate_covariance=differentiate
    )
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 40, 2)), jnp.float32)
    _, shift = guided.split(x, np.float32(1.0))
    size = np.sqrt(np.sum(np.asarray(shift) ** 2, axis=(1, 2)))
    assert np.isfinite(size).all()
    assert size.max() < 8.0  # 89, which is `MAX_SHIFT` in root mean square, by the variance as it is


def test_a_jacobian_that_is_next_to_nothing_throws_no_path_beyond_the_limit(ar1):
    model, _ = ar1
    constraint = constraint_of(model, "at(x, 5) - at(x, 6) > 3")
    guided = MomentMatching.from_constraint(Turned(1e-3), constraint, model.standardizer, model.initial)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 40, 2)), jnp.float32)
    _, shift = guided.split(x, np.float32(1.0))
    size = np.sqrt(np.mean(np.asarray(shift) ** 2, axis=(1, 2)))
    assert size.max() <= MAX_SHIFT * 1.001
    assert size.max() > 0.5 * MAX_SHIFT  # so the limit is what holds it


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Turned:
    """D(x) takes each time's state from the time before, less its own, times `scale`."""

    scale: float

    def denoise(self, x, sigma):
        return self.scale * (jnp.roll(x, 1, axis=1) - x)


def test_guided_paths_of_a_learned_model_stay_where_its_trajectories_are():
    """Half of those guided to a maximum in few steps once left by ten times the data's reach."""
    drawn = kernels.sample(
        jax.random.key(0), "lorenz63", event="max(x) > 0.8", method="guided", num_samples=64, num_steps=16
    )
    reach = float(np.abs(kernels.get_system("lorenz63").simulate_array(jax.random.key(8), 2000)).max())
    assert np.mean(np.abs(drawn["state"].values).max(axis=(1, 2)) < 1.3 * reach) > 0.95
    guided = drawn["guided"].values
    assert drawn["satisfied"].values[guided].mean() > 0.45  # of 0.3 without guidance


@pytest.mark.slow
def test_three_known_states_keep_a_learned_model_on_its_attractor():
    """Its Jacobian is neither symmetric nor positive, and neighbouring states are nearly one observation."""
    model = kernels.load_model("lorenz63")
    case = kernels.get_system("lorenz63").simulate(jax.random.key(7), num_samples=1).isel(sample=0)
    start = case.isel(time=slice(0, 3))
    drawn = kernels.sample(jax.random.key(0), model, given=start, num_samples=16, num_steps=40)
    reach = float(np.abs(kernels.get_system("lorenz63").simulate_array(jax.random.key(8), 2000)).max())
    assert np.abs(drawn["state"].values).max() < 1.3 * reach
    errors = drawn["state"].isel(time=slice(0, 3)) - start["state"]
    assert float(np.sqrt((errors**2).mean())) < 0.05


def test_samples_where_the_event_is_undefined_have_no_say_in_its_spread(ar1):
    model, _ = ar1
    constraint = constraint_of(model, "at(log(x), 1) > 1")
    assert 0.1 < constraint_spread(constraint, model.standardizer, model.initial) < 10.0


@pytest.mark.parametrize("guidance", sorted(set(GUIDANCE) - {"replacement"}))
@pytest.mark.parametrize(
    "text", ["at(log(x), 1) > 1", "at(log(x), 1) > 1 and mean(y) > 0.2", "at(log(x), 1) == 0.2 tolerance 0.3"]
)
def test_events_that_are_undefined_somewhere_leave_paths_finite(ar1, text, guidance):
    model, _ = ar1
    drawn = kernels.sample(
        jax.random.key(0), model, event=text, num_samples=64, num_steps=12, guidance=guidance
    )
    assert np.isfinite(drawn["state"].values).all()
    assert np.isfinite(drawn["weight"].values).all()
    if guidance != "moment_matching_full":  # its gradient of s throws few paths of a logarithm far out
        assert drawn["satisfied"].values[drawn["guided"].values].any()


@pytest.mark.slow  # chains
def test_an_exact_ensemble_of_an_event_that_is_undefined_somewhere(ar1):
    model, _ = ar1
    drawn = kernels.sample(
        jax.random.key(0), model, event="at(log(x), 1) > 0.5", num_samples=64, method="exact"
    )
    assert drawn["satisfied"].values.all()


def test_each_part_has_a_floor_in_its_own_units(ar1):
    model, _ = ar1
    apart = "at(x, 1) > 0.01 and at(1000000 * y, 1) > 0"
    fine, coarse = part_spreads(constraint_of(model, apart), model.standardizer, model.initial)
    alone = constraint_spread(constraint_of(model, "at(x, 1) > 0.01"), model.standardizer, model.initial)
    assert fine == pytest.approx(alone, rel=1e-3)
    assert coarse > 1e5 * fine


def test_a_part_is_guided_with_the_floor_that_is_its_own(ar1):
    """Beside a part that holds anyway, in units a million times as large, the other one is guided as if alone."""
    model, _ = ar1
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 40, 2)), jnp.float32)
    shifts = [
        MomentMatching.from_constraint(
            model.denoiser, constraint_of(model, text), model.standardizer, model.initial
        ).split(x, np.float32(0.1))[1]
        for text in ("at(x, 1) > 1", "at(1000000 * y, 1) > -100000000 and at(x, 1) > 1")
    ]
    assert np.abs(np.asarray(shifts[0])).max() > 0.01
    np.testing.assert_allclose(shifts[1], shifts[0], rtol=1e-3, atol=1e-5)
