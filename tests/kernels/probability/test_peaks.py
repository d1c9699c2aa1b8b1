"""Peaks over threshold: right against closed forms and brute force, and refused where they have no answer."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy import signal, stats

import kernels
from kernels.recordings.windows import Segment

KEY = jax.random.key(0)
LENGTH = 10


def modelled(series, *, moments=None, starts=None, length=LENGTH):
    """A model of white noise whose training data are a series (row,) or (row, variable)."""
    series = np.asarray(series, np.float32).reshape(len(series), -1)
    names = ("x", "y")[: series.shape[1]]
    denoiser = kernels.GaussianDenoiser(np.zeros((length, len(names))), np.eye(length * len(names)))
    layout = kernels.Layout(variables=names, times=np.arange(float(length)))
    model = kernels.Model.from_denoiser(denoiser, layout, card={"name": "noise", "num_steps": 20})
    starts = np.arange(len(series) - length + 1) if starts is None else starts
    return dataclasses.replace(model, training_data=Segment(series, starts, length, moments))


def ask(model, event, **choices):
    return kernels.event_probability(KEY, model, event, method="peaks_over_threshold", **choices)


@pytest.fixture(scope="module")
def exponential():
    return np.random.default_rng(0).exponential(size=(20_000, 2))


@pytest.mark.parametrize("level", [5.0, 8.0])
def test_independent_values_have_a_closed_form(exponential, level):
    found = ask(modelled(exponential), f"max(x) > {level}")
    exact = -np.expm1(LENGTH * np.log1p(-np.exp(-level)))
    assert found.interval[0] < exact < found.interval[1]
    assert found.interval[1] < 20 * found.interval[0]
    assert found.status == "ok"
    assert "independent peaks beyond" in found.message
    assert "Pareto tail of shape" in found.message


def test_a_part_of_the_window_has_fewer_chances(exponential):
    model = modelled(exponential)
    whole, part = (ask(model, f"max{window}(x) > 9").value for window in ("", "[2, 4]"))
    assert part / whole == pytest.approx(0.3, rel=0.05)
    assert ask(model, "eventually[2, 4](x > 9)").value == part


def test_the_lower_tail_is_that_of_the_negative(exponential):
    both, level = exponential * [1, -1], 9
    upper, lower = (
        ask(modelled(both[:, ::-1] * -1), f"max(x) > {level}"),
        ask(modelled(both), f"min(y) < -{level}"),
    )
    assert upper.value == lower.value
    assert lower.diagnostics["threshold"] == -upper.diagnostics["threshold"]


def test_within_the_data_it_is_their_frequency(exponential):
    for series in (exponential, signal.lfilter([1.0], [1.0, -0.9], exponential, axis=0)):
        model = modelled(series)
        level = float(np.quantile(series[:, 0], 0.9985))
        training = kernels.event_probability(KEY, model, f"max(x) > {level}", method="training_data")
        assert ask(model, f"max(x) > {level}").value == pytest.approx(training.value, rel=0.2)


def test_a_grid_tells_more_than_a_level_from_at_least_it(exponential):
    model = modelled(np.round(exponential[:, :1] * 4) / 4)
    beyond, reached = ask(model, "max(x) > 7"), ask(model, "max(x) >= 7")
    assert reached.value == ask(model, "max(x) > 6.8").value
    assert beyond.value / reached.value == pytest.approx(np.exp(-0.25), rel=0.05)


def test_members_at_the_same_times_count_once():
    rows, starts = np.random.default_rng(0).exponential(size=5000), np.arange(4991)
    copies = modelled(
        np.tile(rows, 4),
        starts=(starts + 5000 * np.arange(4)[:, None]).ravel(),
        moments=np.tile(starts, 4),
    )
    one, four = ask(modelled(rows), "max(x) > 9"), ask(copies, "max(x) > 9")
    assert four.value == pytest.approx(one.value)
    assert four.interval == pytest.approx(one.interval)


@pytest.mark.parametrize(
    ("event", "given", "words"),
    [
        ("mean(x) > 1", None, "needs a threshold on the largest or the smallest value of one variable"),
        ("max(x) > 9", "at(x, 0) == 0 tolerance 1", "knows nothing of what is given"),
        ("max(x) > 1", None, r"the tail of x begins at 3\.\d+: 1 lies within its bulk"),
    ],
)
def test_other_questions_are_refused(exponential, event, given, words):
    with pytest.raises(ValueError, match=words):
        ask(modelled(exponential), event, given=given)


def test_short_and_coarse_records_are_refused(exponential):
    with pytest.raises(ValueError, match="at least 200 values; got 150"):
        ask(modelled(exponential[:150]), "max(x) > 9")
    with pytest.raises(ValueError, match="at least 10 distinct numbers"):
        ask(modelled(np.round(exponential)), "max(x) > 12")
    slow = np.repeat(exponential[:40, 0], 50) + 1e-3 * exponential[:2000, 1]
    with pytest.raises(ValueError, match="at least 20 independent peaks"):
        ask(modelled(slow), "max(x) > 9")
    with pytest.raises(ValueError, match="needs a model that was trained on a recording"):
        ask("lorenz63", "max(x) > 1")


def test_a_tail_that_ends_before_the_level_gives_a_bound():
    found = ask(modelled(np.random.default_rng(0).random(20_000)), "max(x) > 1.5")
    assert found.value == found.interval[0] == 0.0
    assert found.interval[1] > 0.0
    assert found.status == "no_hits"
    assert "The fitted tail ends at 1.0" in found.message


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.0, 0.9])
@pytest.mark.parametrize("rarity", [1.0, 10.0])
def test_intervals_cover_in_autoregressions(memory, rarity):
    """Events once, and a tenth of once, in records of 4,000 steps; brute force tells the truth."""
    generator, steps, covered = np.random.default_rng(3), 4000, []

    def series(count):
        noise = generator.standard_normal(count) * np.sqrt(1 - memory**2)
        return signal.lfilter([1.0], [1.0, -memory], noise)

    level = stats.norm.isf(1.0 / (rarity * steps))
    long = series(6_000_000).reshape(-1, LENGTH)
    exact = np.mean(long.max(1) > level)
    for _ in range(60):
        low, high = ask(modelled(series(steps)), f"max(x) > {level}").interval
        covered.append(low <= exact <= high)
    assert np.mean(covered) > 0.85
