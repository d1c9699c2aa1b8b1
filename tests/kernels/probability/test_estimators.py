"""Estimators against closed forms: the exact Gaussian, an asymmetric mixture; calibration by replication."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest
from exact_models import linear_event, tail, truncated_moments
from problems import problem_of
from scipy import stats

import kernels
from kernels.probability.base import binomial_interval, log_interval
from kernels.probability.cache import identity_of
from kernels.probability.guided.direct_check import DirectCheck, nothing_found
from kernels.probability.guided.path_importance import Paths, estimate_from_paths
from kernels.probability.guided.reliability import pareto_shape
from kernels.probability.latent.direct import direct_samples, ode_grid

PATHS = {"num_samples": 512, "num_steps": 80}
BLIND = DirectCheck(0, 100)  # too few to say anything of small numbers


@pytest.mark.parametrize("method", ["path_importance", "subset_simulation", "auto"])
@pytest.mark.parametrize("deviations", [1.0, 3.0])
def test_linear_events_of_a_gaussian(ar1, method, deviations):
    model, covariance = ar1
    text, _, _ = linear_event(covariance, deviations)
    estimate = kernels.event_probability(jax.random.key(0), model, text, method=method)
    steered = method == "path_importance" and deviations == 3.0  # too rare for direct samples to say a word
    assert estimate.status == ("uncorroborated" if steered else "ok")
    assert abs(estimate.value - tail(deviations)) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.25 * estimate.value
    if method == "path_importance":
        assert estimate.standard_error < 0.08 * estimate.value
        assert estimate.pareto_k is not None


@pytest.mark.slow
@pytest.mark.parametrize("method", ["path_importance", "subset_simulation"])
def test_error_bars_are_calibrated_over_60_replicates(ar1, method):
    model, covariance = ar1
    text, _, _ = linear_event(covariance, 3.0)
    truth = tail(3.0)
    found = [
        kernels.event_probability(jax.random.key(100 + i), model, text, method=method) for i in range(60)
    ]
    values, errors = np.array([e.value for e in found]), np.array([e.standard_error for e in found])
    covered = np.mean([e.interval[0] <= truth <= e.interval[1] for e in found])
    assert abs(values.mean() - truth) < max(0.05 * truth, 3 * values.std() / np.sqrt(60))
    assert 0.88 <= covered <= 1.0
    assert 0.75 < errors.mean() / values.std(ddof=1) < 1.35


@pytest.mark.slow
def test_the_exact_ensemble_has_the_truncated_normals_moments(ar1):
    model, covariance = ar1
    text, flat, _ = linear_event(covariance, 3.0)
    asked = {"method": "exact", "estimator": "subset_simulation", "num_samples": 1024, "seed": 5}
    dataset = kernels.run(kernels.RunSpec(model=model, event=text, **asked)).dataset
    assert len(np.unique(dataset["replicate"])) == 16  # of eight, ess would be known roughly
    assert dataset["satisfied"].values.all()
    np.testing.assert_array_equal(dataset["weight"].values, 1.0)
    states = dataset["state"].values.reshape(1024, 80).astype(float)
    mean, cov = truncated_moments(covariance, flat, 3.0)
    size = dataset.attrs["ess"]  # what the chains say that they are worth
    assert size > 400
    assert np.abs((states.mean(0) - mean) / np.sqrt(np.diag(cov) / size)).max() < 5
    spread = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / size)
    assert np.abs((np.cov(states, rowvar=False) - cov) / spread).max() < 5


@pytest.fixture(scope="module")
def mixture():
    """Two modes of unequal weight and width; an event that only the small one meets."""
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    denoiser = kernels.GaussianMixtureDenoiser(
        [0.97, 0.03],
        [np.full((10, 1), -0.5), np.full((10, 1), 3.0)],
        [0.25 * correlation, 0.16 * correlation],
    )
    layout = kernels.Layout(variables=("x",), times=np.arange(10.0))
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "two modes", "num_steps": 80})


def mixture_tail(threshold):
    a = np.full(10, 0.1)
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    variance = a @ correlation @ a
    return sum(
        w * stats.norm.sf((threshold - m) / np.sqrt(s * variance))
        for w, m, s in [(0.97, -0.5, 0.25), (0.03, 3.0, 0.16)]
    )


@pytest.mark.parametrize("threshold", [1.0, pytest.param(3.6, marks=pytest.mark.slow)])
def test_an_event_that_separates_modes(mixture, threshold):
    truth = mixture_tail(threshold)
    for method, size in (("subset_simulation", 1024), ("auto", 512)):
        estimate = kernels.event_probability(
            jax.random.key(1), mixture, f"mean(x) > {threshold}", method=method, num_samples=size
        )
        assert abs(estimate.value - truth) < 5 * estimate.standard_error + 0.03 * truth
    paths = kernels.event_probability(
        jax.random.key(1), mixture, f"mean(x) > {threshold}", method="path_importance"
    )
    assert paths.status != "ok" or abs(paths.value - truth) < 5 * paths.standard_error


def test_complementary_events_add_up(ar1):
    model, _ = ar1
    inside, outside = (
        kernels.event_probability(jax.random.key(3), model, text, method="path_importance", **PATHS)
        for text in ("max(x) > 1.5", "not max(x) > 1.5")
    )
    total = inside.value + outside.value
    assert abs(total - 1) < 5 * np.hypot(inside.standard_error, outside.standard_error)


def test_impossible_and_certain_events_are_answered_honestly(ar1):
    model, _ = ar1
    for method in ("monte_carlo", "path_importance", "subset_simulation", "auto"):
        ask = partial(
            kernels.event_probability, jax.random.key(0), model, method=method, num_samples=64, num_steps=8
        )
        never = ask("max(abs(x)) < -1")
        assert never.value == 0.0
        assert never.status in ("no_hits", "budget_exhausted")
        assert never.interval[0] == 0.0
        assert 0 < never.interval[1] <= 1
        always = ask("max(abs(x)) > -1")
        assert always.value == pytest.approx(1.0, abs=0.01)
        assert np.isfinite([always.standard_error, *always.interval, always.ess]).all()


def test_a_certain_event_is_worth_no_more_than_its_samples(ar1):
    for method in ("monte_carlo", "subset_simulation"):
        always = kernels.event_probability(
            jax.random.key(0), ar1[0], "max(abs(x)) > -1", method=method, num_samples=256
        )
        assert always.status == "ok"
        assert always.ess <= always.diagnostics["num_samples"]
        assert 0.98 < always.interval[0] < always.interval[1] == 1.0
        assert always.standard_error > 0


def test_paths_that_nothing_steered_are_direct_samples():
    guided = np.arange(500) % 10 != 0
    paths = Paths(np.zeros((500, 1, 1)), np.ones(500), np.ones(500, bool), guided, np.zeros(500))
    always = estimate_from_paths(paths, BLIND, 80)
    assert always.status == "ok"
    assert always.method == "path_importance"
    assert always.interval == (1 - 3 / 500, 1.0)
    half = estimate_from_paths(paths._replace(holds=np.arange(500) < 250), BLIND, 80)
    assert half.interval == binomial_interval(250, 500)


def test_small_probabilities_have_intervals_on_the_log_scale(ar1):
    model, covariance = ar1
    found = kernels.event_probability(
        jax.random.key(0), model, linear_event(covariance, 3.0)[0], method="path_importance", num_samples=128
    )
    low, high = found.interval
    assert low > 0
    assert low * high == pytest.approx(found.value**2)


def test_paths_are_held_against_direct_samples():
    """Weights of e^0.5 in all guided paths say P = 0.6, and look good."""
    guided = np.arange(1000) % 10 != 0
    log_ratio = np.where(guided, 0.5 + 0.01 * np.random.default_rng(0).normal(size=1000), 0.0)
    paths = Paths(np.zeros((1000, 1, 1)), np.ones(1000), guided, guided, log_ratio)
    agreed = estimate_from_paths(paths, DirectCheck(600, 1000), 80)
    assert (agreed.value, agreed.status) == (pytest.approx(0.58, abs=0.02), "ok")
    found = estimate_from_paths(paths, DirectCheck(500, 1000), 80)
    assert found.value == agreed.value
    assert found.status == "unreliable"
    assert "500 of 1000 direct samples meet the event, which contradicts it" in found.message


def test_one_guided_path_that_carries_all_weight_says_nothing():
    """Ratios of e^40 and up: the smallest is all of the mean, 1e-20 or so, and no measure of a probability."""
    guided = np.arange(1000) % 10 != 0
    log_ratio = np.where(guided, 20.0 * np.arange(1, 1001), 0.0)
    paths = Paths(np.zeros((1000, 1, 1)), np.ones(1000), guided, guided, log_ratio)
    found = estimate_from_paths(paths, BLIND, 80)
    assert (found.status, found.value, found.interval) == ("no_hits", 0.0, (0.0, 0.03))
    assert found.message.startswith("Only guided paths meet the event")
    theirs = estimate_from_paths(paths, DirectCheck(2, 100), 80)
    assert (theirs.status, theirs.value) == ("unreliable", 0.02)
    told = estimate_from_paths(paths._replace(holds=guided | (np.arange(1000) == 0)), BLIND, 80)
    assert told.status == "unreliable"  # an unguided hit is something
    assert told.value == pytest.approx(1 / 1000, rel=1e-3)
    missed = estimate_from_paths(paths._replace(holds=np.zeros(1000, bool)), BLIND, 80)
    assert (missed.status, missed.interval) == ("no_hits", (0.0, 0.03))
    assert missed.message.startswith("No path meets the event")


def test_direct_hits_are_the_answer_where_nothing_else_is_found():
    found = nothing_found("twisted_smc", "No particle meets it", DirectCheck(40, 1024), 7, {"hit_rate": 0.0})
    assert found.value == pytest.approx(40 / 1024)
    assert found.interval == binomial_interval(40, 1024)
    assert found.status == "unreliable"
    assert "40 of 1024 direct samples meet it: the number is theirs" in found.message
    assert found.diagnostics == {"hit_rate": 0.0}


def test_automatic_choice_keeps_to_its_budget(ar1):
    model, covariance = ar1
    event = linear_event(covariance, 3.5)[0]
    small = kernels.event_probability(jax.random.key(0), model, event, num_samples=64)
    assert small.num_calls <= (6144 + 60 * 64) * 60
    assert small.standard_error > 0.1 * small.value
    assert "network calls that 64 samples allow are spent" in small.message
    assert abs(small.value - tail(3.5)) < 5 * small.standard_error


def test_automatic_choice_explains_itself(ar1):
    model, covariance = ar1
    frequent = kernels.event_probability(jax.random.key(0), model, linear_event(covariance, 0.5)[0])
    assert frequent.method == "monte_carlo"
    assert "direct samples suffice" in frequent.message
    assert frequent.standard_error <= 0.1 * frequent.value
    rare = kernels.event_probability(jax.random.key(0), model, linear_event(covariance, 4.0)[0])
    assert rare.method == "subset_simulation"
    assert "subset simulation, as" in rare.message


def test_direct_samples_are_shared_by_events(ar1):
    model, _ = ar1
    from kernels.probability.latent import direct

    calls = []
    original = direct.draw

    def counting(*arguments):
        calls.append(1)
        return original(*arguments)

    direct.draw = counting
    try:
        key = jax.random.key(77)
        first = kernels.event_probability(key, model, "max(x) > 1", method="monte_carlo", num_samples=1024)
        drawn = len(calls)
        again = kernels.event_probability(key, model, "max(x) > 1", method="monte_carlo", num_samples=1024)
        kernels.event_probability(key, model, "max(x) > 2", method="monte_carlo", num_samples=512)
    finally:
        direct.draw = original
    assert drawn == 4
    assert len(calls) == drawn
    assert first == again


def test_more_samples_begin_with_the_same_ones(ar1):
    model, _ = ar1
    key = jax.random.key(8)
    few = kernels.sample(key, model, event="max(x) > 1.5", num_samples=40, num_steps=20)
    many = kernels.sample(key, model, event="max(x) > 1.5", num_samples=200, num_steps=20)
    np.testing.assert_allclose(few["state"], many["state"][:40], atol=1e-3)


def test_intervals_of_proportions():
    assert binomial_interval(0, 100) == (0.0, 0.03)
    assert binomial_interval(100, 100) == (0.97, 1.0)
    low, high = binomial_interval(30, 100)
    assert 0.2 < low < 0.3 < high < 0.4
    low, high = log_interval(1e-4, 0.2, 7)
    assert low * high == pytest.approx(1e-8)


def test_pareto_shape_of_ratios_with_a_known_tail():
    """Ratios with a Pareto tail of index 1/k have shape k."""
    generator = np.random.default_rng(0)
    for k in (0.2, 0.9):
        ratios = generator.pareto(1 / k, 20_000) + 1
        paths = Paths(np.zeros(1), np.zeros(1), np.ones(20_000, bool), np.ones(20_000, bool), -np.log(ratios))
        assert pareto_shape(paths.log_ratio[paths.guided & paths.holds]) == pytest.approx(k, abs=0.12)


def test_heavy_tailed_weights_are_flagged():
    generator = np.random.default_rng(1)
    ratios = generator.pareto(0.8, 900) + 1e-6
    guided = np.arange(1000) % 10 != 0
    log_ratio = np.where(
        guided, np.r_[-np.log(ratios), np.zeros(100)][np.argsort(np.argsort(~guided, kind="stable"))], 5.0
    )
    paths = Paths(np.zeros((1000, 1, 1)), np.ones(1000), guided, guided, log_ratio)
    estimate = estimate_from_paths(paths, BLIND, 80)
    assert estimate.status == "unreliable"
    assert "Pareto" in estimate.message
    assert "Use subset simulation" in estimate.message


def test_weights_that_are_not_finite_are_a_numerical_error():
    paths = Paths(
        np.zeros((4, 1, 1)), np.ones(4), np.ones(4, bool), np.array([0, 1, 1, 1], bool), np.full(4, np.nan)
    )
    with pytest.raises(FloatingPointError, match="not finite"):
        estimate_from_paths(paths, BLIND, 80)


def test_the_simulator_needs_a_system(ar1):
    with pytest.raises(ValueError, match="needs a model of a registered system"):
        kernels.event_probability(jax.random.key(0), ar1[0], "max(x) > 1", method="simulator")
    with pytest.raises(ValueError, match="Did you mean 'monte_carlo'"):
        kernels.event_probability(jax.random.key(0), ar1[0], "max(x) > 1", method="montecarlo")


def with_levels(model, levels):
    return dataclasses.replace(model, card=dict(model.card) | {"ode_levels": levels})


def first_samples(model, num_steps):
    return next(direct_samples(problem_of(jax.random.key(3), model, None, None, num_steps), 64))


def test_samples_between_a_models_own_levels_are_those_between_all_levels(ar1):
    model, _ = ar1
    whole = first_samples(model, 200)
    narrow, broad = (first_samples(with_levels(model, levels), 16) for levels in ([16, 0.02], [80, 0.002]))
    errors = [np.sqrt(np.mean((found - whole) ** 2)) for found in (narrow, broad)]
    assert errors[0] < 0.02  # of deviations of 1 and 2
    assert 2 * errors[0] < errors[1]  # as many steps lie nearer to each other between fewer levels


def test_what_is_known_chooses_among_the_same_samples(ar1):
    known = "at(x, 0) == 1 tolerance 0.01"
    asked, plain = (problem_of(jax.random.key(0), ar1[0], None, given) for given in (known, None))
    assert asked.num_steps == plain.num_steps == 60
    np.testing.assert_array_equal(ode_grid(asked), ode_grid(plain))
    assert identity_of(asked, event=False) == identity_of(plain, event=False)
    assert identity_of(asked, event=True) != identity_of(plain, event=True)


@pytest.mark.parametrize("levels", [[0.03, 16], [16], "16 to 0.03", [16, "low"], [16, 0], None])
def test_levels_that_are_none_are_refused(ar1, levels):
    with pytest.raises(ValueError, match="`ode_levels` in the card of ar1 must be two noise levels"):
        with_levels(ar1[0], levels)
