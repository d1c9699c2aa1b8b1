"""Widths of observations with an error: their law, and who draws them."""

import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.events import compile_event, parse_event
from kernels.events.semantics.batches import evaluate_batch
from kernels.events.semantics.noise import own_widths, residuals

LAYOUT = kernels.Layout(variables=("x", "noise"), times=np.arange(6.0))
SEEN = parse_event("at(x, 0) == 1 noise 0.5 and at(x, 2) == -1 tolerance 0.25 and mean(noise) == 0 noise 2")


def trajectories(count):
    return np.random.default_rng(0).standard_normal((count, 6, 2)).astype(np.float32)


def test_own_widths_have_their_law_and_are_those_of_a_trajectory_alone():
    constraint, states = compile_event(SEEN, LAYOUT, known=True), trajectories(6000)
    widths = own_widths(constraint, states)
    uniform = np.exp(-0.5 * (widths[:, [0, 2]] / [0.5, 2.0]) ** 2)
    for column in uniform.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(*uniform.T)[0, 1]) < 4 / np.sqrt(6000)
    for variable in range(2):  # nor do they follow the trajectories
        correlation = np.corrcoef(uniform[:, 0], states[:, 0, variable])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(6000)
    np.testing.assert_array_equal(widths[:, 1], 0.25)
    np.testing.assert_array_equal(own_widths(constraint, states[40:42].astype(np.float64)), widths[40:42])


def test_trajectories_meet_what_was_observed_with_its_likelihood():
    constraint, states = compile_event(SEEN.conjuncts[0], LAYOUT, known=True), trajectories(40_000)
    margins, holds = evaluate_batch(constraint, states)
    np.testing.assert_array_equal(holds, margins >= 0)
    likelihood = np.exp(-2.0 * residuals(constraint, states)[:, 0] ** 2)
    for low, high in ((0.0, 0.1), (0.4, 0.6), (0.9, 1.0)):
        among = (likelihood >= low) & (likelihood < high)
        expected, spread = likelihood[among].mean(), 0.5 / np.sqrt(among.sum())
        assert abs(holds[among].mean() - expected) < 4 * spread


def test_events_have_no_errors_and_say_so():
    for text in ("at(x, 0) == 1 noise 0.5", "max(x) > 1 and not at(x, 0) == 1 noise 0.5"):
        with pytest.raises(ValueError, match=r"belongs to what is known .* In an event write tolerance\."):
            compile_event(parse_event(text), LAYOUT)


def test_noise_in_text_documents_python_and_words():
    event = parse_event("at(x, 0) == 1 noise 0.5")
    assert event != parse_event("at(x, 0) == 1 tolerance 0.5")
    assert str(event) == "at(x, 0) == 1 noise 0.5"
    assert kernels.Event.from_dict(event.to_dict()) == event == kernels.Event.from_json(event.to_json())
    assert event.to_dict()["event"]["type"] == "noisy"
    assert event.describe() == "x at time 0 was observed as 1, with an error of 0.5"
    assert event.parameters(LAYOUT)[-1].name == "noise of at(x, 0)"
    signal = event.left  # pyright: ignore[reportAttributeAccessIssue]
    assert signal.equals(1, noise=0.5) == event
    for wrong in ({}, {"noise": 0.5, "tolerance": 0.5}):
        with pytest.raises(ValueError, match="a tolerance or a noise"):
            signal.equals(1, **wrong)
    with pytest.raises(ValueError, match="a noise must be above 0"):
        parse_event("at(x, 0) == 1 noise 0")
    with pytest.raises(ValueError, match="a noise belongs to an equality"):
        parse_event("max(x) > 1 noise 0.5")
    variable = parse_event("max(noise) > 1")
    assert parse_event(str(variable)) == variable
