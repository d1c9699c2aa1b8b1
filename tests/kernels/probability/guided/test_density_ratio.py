"""The density ratio: exact on Gaussians, its averages of logarithms no estimates, honest where guidance is blind."""

import jax
import numpy as np
import pytest
from exact_models import linear_event, separated_modes, separated_tail, tail
from problems import problem_of

import kernels
from kernels.probability.guided import density_ratio as module
from kernels.probability.guided.density_ratio import Densities, estimate_from_densities
from kernels.probability.guided.direct_check import MIN_DIRECT, DirectCheck


def ask(key, model, event, **options):
    return kernels.event_probability(jax.random.key(key), model, event, method="density_ratio", **options)


@pytest.mark.parametrize("deviations", [1.0, 2.0, 3.0])
def test_linear_events_of_a_gaussian(ar1, deviations):
    model, covariance = ar1
    estimate = ask(0, model, linear_event(covariance, deviations)[0], num_samples=128)
    assert abs(estimate.value - tail(deviations)) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.03 * estimate.value
    assert estimate.status == ("ok" if deviations < 3 else "uncorroborated"), estimate.message
    assert estimate.diagnostics["hit_rate"] > 0.95
    assert estimate.num_calls == 2 * 128 * 80 + MIN_DIRECT * 60


def test_one_of_two_sides_is_not_called_the_whole(ar1):
    """Guidance goes to one side of `abs(…) > c`, and its weights look perfect: half of P, to a per cent."""
    model, covariance = ar1
    text = linear_event(covariance, 3.0)[0]
    signal, threshold = text.split(" > ")
    estimate = ask(0, model, f"abs({signal}) > {threshold}", num_samples=128)
    assert estimate.status == "uncorroborated"
    assert "guidance may have missed a part of the event" in estimate.message


@pytest.mark.slow
def test_probes_give_what_the_exact_trace_gives(ar1, monkeypatch):
    model, covariance = ar1
    event = linear_event(covariance, 3.0)[0]
    exact = ask(0, model, event, num_samples=128)
    assert exact.diagnostics["probe_noise"] == 0.0
    monkeypatch.setattr(module, "EXACT_DIMENSIONS", 10)
    probed = ask(0, model, event, num_samples=128)
    assert 0 < probed.diagnostics["probe_noise"] < 0.3
    bias = np.expm1(0.5 * probed.diagnostics["probe_noise"] ** 2)
    error = np.hypot(exact.standard_error, probed.standard_error)
    assert abs(probed.value / (1 + bias) - exact.value) < 5 * error
    assert abs(probed.value - exact.value) > 1e-6 * exact.value


def test_averages_of_logarithms_are_far_below_the_probability():
    truth = separated_tail(0.5)
    estimate = ask(0, separated_modes(), "mean(x) > 0.5", num_samples=384)
    found = estimate.diagnostics
    assert abs(estimate.value - truth) < 5 * estimate.standard_error
    assert found["paper_log_mean"] + 5 * found["paper_log_mean_error"] < np.log(truth)
    assert found["hits_log_bound"] < np.log(truth) - 0.2
    assert found["paper_log_mean_error"] < 0.2


@pytest.mark.slow
def test_error_bars_are_calibrated_over_60_replicates():
    model, truth = separated_modes(), separated_tail(0.5)
    found = [ask(100 + i, model, "mean(x) > 0.5", num_samples=384) for i in range(60)]
    values, errors = np.array([e.value for e in found]), np.array([e.standard_error for e in found])
    covered = np.mean([e.interval[0] <= truth <= e.interval[1] for e in found])
    assert abs(values.mean() - truth) < max(0.05 * truth, 3 * values.std() / np.sqrt(60))
    assert 0.88 <= covered <= 1.0
    assert 0.75 < errors.mean() / values.std(ddof=1) < 1.35


def test_direct_samples_reveal_what_guidance_leaves_out(ar1):
    """All guided samples have their maximum at one time; effective size, k̂ and error look perfect."""
    estimate = ask(0, ar1[0], "max(x) > 1.5", num_samples=128, num_steps=40)
    assert estimate.ess > 100
    assert estimate.pareto_k < 0.5
    assert estimate.value < 0.2  # it is 0.51
    assert estimate.status == "unreliable"
    assert "direct samples meet the event, which contradicts it" in estimate.message


def test_an_impossible_event(ar1):
    never = ask(0, ar1[0], "max(abs(x)) < -1", num_samples=20, num_steps=10)
    assert never.value == 0.0
    assert never.status == "no_hits"
    assert never.interval == (0.0, pytest.approx(3 / MIN_DIRECT))
    assert never.diagnostics["hits_log_bound"] is None


@pytest.mark.slow
def test_complementary_events_add_up(ar1):
    inside, outside = (
        ask(3, ar1[0], text, num_samples=128, num_steps=40) for text in ("mean(x) > 0.3", "mean(x) <= 0.3")
    )
    error = np.hypot(inside.standard_error, outside.standard_error)
    assert abs(inside.value + outside.value - 1) < 5 * error + 0.01  # the error of 40 steps


def test_more_samples_begin_with_the_same_ones(ar1, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 16)
    problem = problem_of(jax.random.key(1), ar1[0], "mean(x) > 1", None)
    first, second = ([*module._draw(problem, start, 10)][-1] for start in (0, 8))
    np.testing.assert_allclose(first.log_ratio[8:], second.log_ratio[:8], atol=1e-3)
    assert len(np.unique(np.round(first.log_ratio, 4))) == 16


def densities(log_ratio, holds=None, by_probe=None):
    holds = np.ones(len(log_ratio), bool) if holds is None else holds
    return Densities(holds, log_ratio, log_ratio[None] if by_probe is None else by_probe)


def test_the_three_averages_of_known_ratios():
    log_ratio = np.log(np.random.default_rng(0).uniform(0.01, 0.03, 200))
    holds = np.arange(200) % 4 != 0
    estimate = estimate_from_densities(densities(log_ratio, holds), DirectCheck(30, 2048), 0)
    weights = holds * np.exp(log_ratio)
    assert estimate.value == pytest.approx(weights.mean())
    assert estimate.standard_error == pytest.approx(weights.std(ddof=1) / np.sqrt(200))
    assert estimate.diagnostics["paper_log_mean"] == pytest.approx(log_ratio.mean())
    assert estimate.diagnostics["hits_log_bound"] == pytest.approx(np.log(0.75) + log_ratio[holds].mean())
    assert estimate.status == "ok"


GENERATOR = np.random.default_rng(1)
EVEN = np.log(GENERATOR.uniform(0.01, 0.02, 200))


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (densities(np.log(GENERATOR.pareto(0.8, 400) / 1000 + 1e-6)), "Pareto"),
        (densities(EVEN, np.arange(200) < 10), "only 10 samples meet the event"),
        (densities(np.where(np.arange(200) == 0, 2.0, EVEN)), "one sample carries"),
        (densities(np.where(np.arange(200) < 5, 2.0, EVEN - 5)), "effective size 5 is below 40"),
        (densities(EVEN, by_probe=EVEN + np.array([[2.0], [-2.0]])), "uncertain by 2"),
    ],
)
def test_each_sign_of_trouble_is_named(done, words):
    estimate = estimate_from_densities(done, DirectCheck(15, 1024), 0)
    assert estimate.status == "unreliable"
    assert words in estimate.message
    assert "Use subset simulation" in estimate.message


def test_densities_that_are_not_finite_are_a_numerical_error():
    with pytest.raises(FloatingPointError, match="densities are not finite"):
        estimate_from_densities(densities(np.array([0.0, np.nan])), DirectCheck(0, 1024), 0)


def test_samples_that_diverged_are_misses_and_are_counted():
    diverged = np.arange(200) < 5
    log_ratio = np.where(diverged, np.nan, EVEN)
    estimate = estimate_from_densities(densities(log_ratio, ~diverged), DirectCheck(15, 1024), 0)
    assert estimate.value == pytest.approx(np.exp(EVEN)[5:].sum() / 200)
    assert estimate.diagnostics["diverged"] == 5
    assert estimate.diagnostics["paper_log_mean"] == pytest.approx(EVEN[5:].mean())
    assert estimate.status == "unreliable"
    assert "5 guided samples diverged" in estimate.message


def test_paths_that_leave_the_model_do_not_stop_the_estimate(ar1, monkeypatch):
    """A guidance that throws half the samples away to infinity."""
    problem = problem_of(jax.random.key(1), ar1[0], "mean(x) > 1", None)
    monkeypatch.setattr(module, "guided_denoiser", lambda problem, bound: Pushing(bound.denoiser))
    *_, last = module.density_ratio(problem, 64, 10)
    assert 0 < last.probability.diagnostics["diverged"] < 64
    assert last.probability.status != "ok"
    assert np.isfinite(last.probability.value)


@jax.tree_util.register_pytree_node_class
class Pushing:
    """A denoiser that pushes the samples with a positive first value to infinity."""

    def __init__(self, denoiser):
        self.denoiser = denoiser

    def tree_flatten(self):
        return (self.denoiser,), None

    @classmethod
    def tree_unflatten(cls, _, children):
        return cls(*children)

    def denoise(self, x, sigma):
        push = jax.numpy.where(x[:, :1, :1] > 0, 1e20, 0.0)
        return self.denoiser.denoise(x, sigma) + push


def test_too_few_samples_are_refused(ar1):
    with pytest.raises(ValueError, match="at least 20 for density ratio; got 19"):
        ask(0, ar1[0], "max(x) > 1", num_samples=19)


def test_hits_where_the_model_never_goes_are_no_answer():
    estimate = estimate_from_densities(densities(np.full(200, -800.0)), DirectCheck(0, 1024), 0)
    assert estimate.status == "no_hits"
    assert "the model hardly ever goes" in estimate.message
