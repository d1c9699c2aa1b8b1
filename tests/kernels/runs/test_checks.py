"""What a person can check: agreement of estimators, the exceedance curve, the number of steps."""

import jax
import numpy as np
import pytest
from exact_models import linear_event, separated_modes, separated_tail, short_autoregression, tail

import kernels
from kernels.probability.base import Probability
from kernels.probability.latent.exceedance import Exceedance, Stage, band, decided, stage_curve
from kernels.runs import checks
from kernels.runs.checks import _difference, _verdict


@pytest.mark.slow
def test_estimators_that_are_right_agree(ar1):
    model, covariance = ar1
    event = linear_event(covariance, 2.0)[0]
    found = kernels.compare(jax.random.key(0), model, event, num_samples=256)
    assert found.agree
    assert [one.method for one in found.estimates] == ["subset_simulation", "path_importance"]
    assert found.believed in ("subset_simulation", "path_importance")
    for one in found.estimates:
        assert abs(one.value - tail(2.0)) < 5 * one.standard_error
    first, second = found.estimates
    errors = first.standard_error / first.value, second.standard_error / second.value
    gap = np.log(first.value / second.value) / np.hypot(*errors)  # below 0.1: on the log scale
    assert found.difference == pytest.approx(gap)
    assert "agree" in found.message
    assert "standard errors apart" in found.message


def test_an_estimator_that_misses_a_mode_is_caught():
    truth = separated_tail(3.54)
    found = kernels.compare(
        jax.random.key(0),
        separated_modes(),
        "mean(x) > 3.54",
        methods=("subset_simulation", "twisted_smc"),
        num_samples=320,
    )
    subset, twisted = found.estimates
    assert twisted.status == "unreliable"
    assert not found.agree  # however wide its error
    assert found.believed == "subset_simulation"
    assert abs(subset.value - truth) < 5 * subset.standard_error
    assert "Go by subset simulation. twisted smc says:" in found.message


def test_an_estimator_that_looks_sound_but_is_wrong_disagrees():
    model, _ = short_autoregression(10)
    found = kernels.compare(
        jax.random.key(0),
        model,
        "max(x) > 2",
        methods=("density_ratio", "subset_simulation"),
        num_samples=128,
    )
    assert not found.agree
    assert found.difference < -3  # all guided samples have their maximum at one time
    assert found.believed == "subset_simulation"


def probability(value, error, method, status="ok"):
    interval = (value - 2 * error, value + 2 * error)
    message = f"{method} explains itself."
    return Probability(
        value=value,
        standard_error=error,
        interval=interval,
        ess=9.0,
        method=method,
        status=status,
        message=message,
    )


@pytest.mark.parametrize(
    ("statuses", "distance", "believed", "words"),
    [
        (("ok", "ok"), 1.0, "two", " agree: 1.0"),
        (
            ("ok", "ok"),
            3.1,
            None,
            "3.1 standard errors apart on the log scale. Both call themselves reliable",
        ),
        (("ok", "unreliable"), 3.1, "one", "Go by one. two says: two explains itself."),
        (
            ("no_hits", "ok"),
            1.0,
            "two",
            "do not contradict each other: 1.0 standard errors apart on the log scale. Go by two.",
        ),
        (("unreliable", "unreliable"), 3.1, None, "Neither is to be trusted"),
        (
            ("ok", "uncorroborated"),
            1.0,
            "one",
            " agree: 1.0 standard errors apart on the log scale. Each confirms the other",
        ),
        (("ok", "uncorroborated"), 3.1, "one", "Go by one. two says: two explains itself."),
        (("uncorroborated", "uncorroborated"), 1.0, None, "do not contradict each other"),
    ],
)
def test_verdicts_follow_the_status(statuses, distance, believed, words):
    one = probability(0.01, 0.002, "one", statuses[0])
    two = probability(0.02, 0.001, "two", statuses[1])
    found, message = _verdict(one, two, distance)
    assert found == believed
    assert words in message


def test_rare_estimates_are_compared_on_the_log_scale():
    """One that is ten times too low states a small error, and is not the surer for it."""
    low, right = probability(1e-5, 2e-6, "low"), probability(1e-4, 4e-5, "right")
    assert (right.value - low.value) / np.hypot(2e-6, 4e-5) < 3  # plainly, they would agree
    assert _difference(low, right) == pytest.approx(-np.log(10) / np.hypot(0.2, 0.4))
    assert _difference(low, right) < -3
    surest = probability(1.2e-4, 1e-5, "surest")
    assert _verdict(low, surest, 1.0)[0] == "surest"
    frequent, other = probability(0.2, 0.01, "a"), probability(0.05, 0.01, "b")
    assert _difference(frequent, other) == pytest.approx(0.15 / np.hypot(0.01, 0.01))
    assert _difference(probability(0.0, 1e-3, "none"), right) == pytest.approx(-1e-4 / np.hypot(1e-3, 4e-5))


@pytest.mark.parametrize("methods", [("monte_carlo",), ("monte_carlo", "monte_carlo")])
def test_comparing_needs_two_estimators(ar1, methods):
    with pytest.raises(ValueError, match="`methods` must be two different estimators"):
        kernels.compare(jax.random.key(0), ar1[0], "max(x) > 1", methods=methods)


def test_wrong_estimators_are_refused_before_any_work(ar1):
    with pytest.raises(ValueError, match="Did you mean 'twisted_smc'"):
        kernels.compare(
            jax.random.key(0), ar1[0], "max(x) > 1", methods=("subset_simulation", "twisted_smcc")
        )
    with pytest.raises(ValueError, match="at least 80 for twisted smc"):
        kernels.compare(
            jax.random.key(0),
            ar1[0],
            "max(x) > 1",
            methods=("subset_simulation", "twisted_smc"),
            num_samples=50,
        )


@pytest.fixture(scope="module")
def curve():
    """The curve of max(x) > 3.2 and brute-force draws of its margin."""
    model, maxima = short_autoregression()
    found = kernels.exceedance_curve(jax.random.key(2), model, "max(x) > 3.2", num_samples=512)
    return found, maxima - 3.2


def test_the_exceedance_curve_is_monotone(curve):
    found, _ = curve
    assert found.sizes["threshold"] > 40
    assert (np.diff(found["threshold"]) > 0).all()
    for name in ("probability", "low", "high"):
        assert (np.diff(found[name]) <= 0).all()
        assert np.isfinite(found[name]).all()
    assert (found["low"] <= found["probability"]).all()
    assert (found["probability"] <= found["high"]).all()
    assert found["probability"][0] > 0.9
    assert found["probability"][-1] < 0.003


def test_the_exceedance_curve_agrees_with_brute_force_at_five_thresholds(curve):
    found, margins = curve
    covered = 0
    for target in (0.5, 0.1, 0.03, 0.01, 0.003):
        threshold = float(np.quantile(margins, 1 - target))
        point = found.sel(threshold=threshold, method="nearest")
        truth = float(np.mean(margins > float(point["threshold"])))
        error = (np.log(point["high"]) - np.log(point["low"])) / (2 * 2.36)  # t with 7 degrees of freedom
        assert abs(np.log(point["probability"]) - np.log(truth)) < 5 * error
        assert error < 0.5
        covered += bool(point["low"] <= truth <= point["high"])
    assert covered >= 4


def test_the_curve_passes_through_the_events_probability():
    model, _ = short_autoregression(10)
    event, key = "max(x) > 2.5", jax.random.key(4)
    found = kernels.exceedance_curve(key, model, event, num_samples=256)
    single = kernels.event_probability(key, model, event, method="subset_simulation", num_samples=256)
    assert float(found["probability"].sel(threshold=0.0)) == pytest.approx(single.value)
    assert found["threshold"].max() > 0
    assert found.attrs["event"] == event
    assert found.attrs["status"] == single.status


def test_an_impossible_event_ends_the_curve_without_nan():
    model, _ = short_autoregression(10)
    found = kernels.exceedance_curve(
        jax.random.key(4), model, "max(abs(x)) < -1", num_samples=32, num_steps=10
    )
    assert found.attrs["status"] == "budget_exhausted"
    assert found["threshold"].max() < 0
    for name in ("probability", "low", "high"):
        assert np.isfinite(found[name]).all()
        assert (np.diff(found[name]) <= 0).all()


def test_stages_meet_at_their_level():
    """Both stages that touch a level say the same there, replicate by replicate."""
    generator = np.random.default_rng(0)
    replicate = np.arange(800) % 8
    first = Stage(generator.normal(size=800), replicate, np.ones(8), independent=True)
    reached = first.above(1.0)
    second = Stage(1.0 + generator.exponential(size=800), replicate, reached, independent=False)
    np.testing.assert_allclose(second.above(1.0), reached)
    points = stage_curve(first, -np.inf, 1.0, last=False) + stage_curve(second, 1.0, 2.0, last=False)
    values = [point.probability for point in band(points)]
    assert values == sorted(values, reverse=True)
    assert max(point.threshold for point in points) == 2.0
    beyond = stage_curve(second, 1.0, 2.0, last=True)
    assert max(point.threshold for point in beyond) > 3.0


def test_bands_are_widened_to_be_monotone():
    points = [
        Exceedance(1.0, 0.2, 0.1, 0.25),
        Exceedance(0.0, 0.5, 0.05, 0.6),
        Exceedance(2.0, 0.1, 0.01, 0.4),
        Exceedance(3.0, 0.0, 0.0, 1.0),
    ]
    assert [(p.low, p.high) for p in band(points)] == [(0.05, 0.6), (0.05, 0.4), (0.01, 0.4), (0.0, 0.4)]


def test_the_event_itself_decides_at_zero():
    values = decided(np.array([1e-9, -1e-9, 2.0, -2.0]), np.array([False, True, True, False]))
    assert (values > 0).tolist() == [False, True, True, False]


def test_too_few_steps_are_noticed():
    model, _ = short_autoregression(10)
    found = kernels.step_doubling(jax.random.key(0), model, "max(x) > 1", num_samples=1024, num_steps=4)
    assert not found.agree
    assert abs(found.difference) > 3 * found.standard_error
    assert found.difference == pytest.approx(found.fine.value - found.coarse.value)
    assert "4 steps are too few. Take 8" in found.message


def test_enough_steps_pass_and_the_pairing_pays():
    model, _ = short_autoregression(10)
    found = kernels.step_doubling(jax.random.key(0), model, "max(x) > 1", num_samples=1024, num_steps=40)
    assert found.agree
    unpaired = np.hypot(found.coarse.standard_error, found.fine.standard_error)
    assert found.standard_error < 0.3 * unpaired
    assert "no effect of the steps" in found.message
    never = kernels.step_doubling(jax.random.key(0), model, "max(x) > 99", num_samples=256, num_steps=4)
    assert never.agree
    assert never.difference == 0
    assert never.standard_error == pytest.approx(1 / 256)


def test_step_doubling_checks_its_arguments(ar1):
    with pytest.raises(ValueError, match="`num_steps` must be a whole number from 2"):
        kernels.step_doubling(jax.random.key(0), ar1[0], "max(x) > 1", num_steps=1)
    with pytest.raises(ValueError, match="`event` must be an event"):
        kernels.step_doubling(jax.random.key(0), ar1[0], None)


def test_values_that_stand_for_infinity_are_no_thresholds():
    values = np.concatenate([np.linspace(-1, 1, 800), np.full(100, -1e37), np.full(100, 1e37)])
    stage = Stage(values, np.arange(1000) % 8, np.ones(8), True)
    for last in (False, True):
        points = stage_curve(stage, -np.inf, 0.0, last=last)
        assert all(abs(point.threshold) <= 1 for point in points)


def test_numbers_have_the_digits_that_their_error_allows():
    def of(value, error):
        return checks._numbers(probability(value, error, ""))

    assert of(0.0010912, 0.000093) == "0.001091 ± 0.000093"
    assert of(0.2512, 0.0213) == "0.251 ± 0.021"
    assert of(1.2e-6, 3e-7) == "1.20e-06 ± 3.0e-07"
    assert of(0.0, 0.0) == "0"
