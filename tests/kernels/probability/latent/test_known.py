"""P(event | what is known) by rejection and by chains, against closed forms of a Gaussian."""

import dataclasses

import jax
import numpy as np
import pytest
from exact_models import short_autoregression
from scipy import stats

import kernels
from kernels.probability.auto import _or_direct
from kernels.probability.base import Progress
from kernels.probability.latent.known import KNOWN, heights_within

COVARIANCE = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
SEEN = (0, 1.0, 0.3), (5, -0.5, 0.3)  # time, value and tolerance of what is known
GIVEN = " and ".join(f"at(x, {time}) == {value} tolerance {width}" for time, value, width in SEEN)


@pytest.fixture(scope="module")
def short():
    return short_autoregression(2)[0]


def conditional(known, threshold: float) -> float:
    """P(mean(x) > threshold | |x(t) − v| ≤ w for all of `known`), by quadrature over what is known."""
    times = [time for time, _, _ in known]
    seen = COVARIANCE[np.ix_(times, times)]
    gain = np.linalg.solve(seen, COVARIANCE[times]).mean(axis=1)
    variance = COVARIANCE.mean() - gain @ seen @ gain
    axes = [value + width * (np.arange(41) / 20 - 1.0) for _, value, width in known]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(known))
    density = stats.multivariate_normal(np.zeros(len(known)), seen).pdf(points)
    return float(np.average(stats.norm.sf((threshold - points @ gain) / np.sqrt(variance)), weights=density))


def ask(seed, model, threshold, given=GIVEN, **choices):
    event = f"mean(x) > {threshold}"
    return kernels.event_probability(jax.random.key(seed), model, event, given=given, **choices)


def test_direct_samples_that_meet_what_is_known_count(short):
    wide = ((0, 1.0, 0.5),)
    found = ask(0, short, 0.8, "at(x, 0) == 1 tolerance 0.5", method="monte_carlo", num_samples=4096)
    assert abs(found.value - conditional(wide, 0.8)) < 4 * found.standard_error
    assert found.diagnostics["num_drawn"] == 4096
    assert found.diagnostics["num_samples"] < 1500
    assert "of 4096 direct samples meet what is known" in found.message


def test_heights_lead_to_what_is_known_and_then_to_the_event(short):
    problem = kernels.RunSpec(model=short, event="max(x) > 2", given=GIVEN).problem(jax.random.key(0))
    states = np.zeros((4, 10, 1), np.float32)
    states[:, 0, 0], states[:, 5, 0] = (0.0, 0.95, 1.0, 1.0), -0.5
    states[3, 2, 0] = 1.5
    heights, known = heights_within(problem, states, problem.judge(states)[0])
    assert known.tolist() == [False, True, True, True]
    assert np.all(np.diff(heights) > 0)
    assert heights[0] < KNOWN < heights[1]


def test_knowledge_without_a_trajectory_gives_no_number(short):
    impossible = "at(x, 0) == 5 tolerance 0.001 and at(x, 1) == -5 tolerance 0.001"
    found = ask(0, short, 0.5, impossible, method="monte_carlo", num_samples=512)
    assert (found.status, found.interval) == ("no_hits", (0.0, 1.0))
    assert "meets what is known" in found.message
    found = ask(0, short, 0.5, impossible, method="subset_simulation", num_samples=64)
    assert (found.status, found.interval) == ("budget_exhausted", (0.0, 1.0))
    assert found.message.startswith("No number. What is known")


def test_chains_that_cannot_move_within_what_is_known_give_no_number(short):
    found = ask(0, short, 1.6, "at(x, 0) == 1 tolerance 0.02", method="subset_simulation", num_samples=64)
    assert (found.status, found.interval) == ("budget_exhausted", (0.0, 1.0))
    assert "so little room" in found.message


def test_paths_that_are_only_steered_to_what_is_known_are_not_ok(short):
    found = ask(
        0, short, 0.5, "at(x, 0) == 1 tolerance 0.5", method="path_importance", num_samples=200, num_steps=20
    )
    assert found.status == "unreliable"
    assert "only steered to" in found.message


@pytest.mark.slow
def test_auto_answers_by_direct_samples_only_where_chains_have_no_number(short):
    narrow = ask(0, short, 1.6, "at(x, 0) == 1 tolerance 0.02", num_samples=64)
    assert narrow.method == "monte_carlo"
    assert narrow.diagnostics["num_drawn"] > 6144
    problem = kernels.RunSpec(model=short, event="max(x) > 9", given=GIVEN).problem(jax.random.key(0))
    bound = dataclasses.replace(narrow, method="chains", status="budget_exhausted", interval=(0.0, 1e-9))
    kept = list(_or_direct(problem, iter([Progress(1.0, "done", bound)]), 512))[-1]
    assert kept.probability is bound  # direct samples could not say that


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.55, 0.9])
def test_chains_that_pass_through_what_is_known_agree_with_the_closed_form(short, threshold):
    truth = conditional(SEEN, threshold)
    found = [ask(seed, short, threshold, method="subset_simulation", num_samples=512) for seed in range(8)]
    found = [one for one in found if one.status == "ok"]
    assert len(found) >= 5
    errors = [(one.value - truth) / one.standard_error for one in found]
    assert np.sqrt(np.mean(np.square(errors))) < 2.0
    assert abs(np.mean([one.value for one in found]) / truth - 1) < 0.15
    assert [one.interval[0] <= truth <= one.interval[1] for one in found].count(False) <= 1


@pytest.mark.slow
def test_exact_ensembles_meet_what_is_known_with_and_without_an_event(short):
    for event in (None, "mean(x) > 0.5"):
        spec = kernels.RunSpec(model=short, event=event, given=GIVEN, method="exact", num_samples=256)
        states = kernels.run(spec).dataset.state.values[:, :, 0]
        for time, value, width in SEEN:
            assert np.all(np.abs(states[:, time] - value) <= width * (1 + 1e-5))
        if event is None:
            gain = np.linalg.solve(COVARIANCE[np.ix_([0, 5], [0, 5])], COVARIANCE[[0, 5]])
            np.testing.assert_allclose(states.mean(axis=0), np.array([1.0, -0.5]) @ gain, atol=0.2)
