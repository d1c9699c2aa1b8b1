"""The frequency in held-out data: its interval covers, and it stands where a simulator would."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.probability.data import block_bootstrap
from kernels.recordings.windows import Segment

KEY = jax.random.key(0)


def persistent(generator, count, rho=0.8):
    """A stationary Gaussian AR(1) series (count,)."""
    noise = generator.standard_normal(count) * np.sqrt(1 - rho**2)
    noise[0] /= np.sqrt(1 - rho**2)
    for i in range(1, count):
        noise[i] += rho * noise[i - 1]
    return noise


@pytest.mark.parametrize("probability", [0.1, 0.4])
def test_the_block_bootstraps_interval_covers_and_its_error_is_honest(probability):
    generator, threshold = np.random.default_rng(5), stats.norm.isf(probability)
    found = [block_bootstrap(persistent(generator, 1000) > threshold, 5) for _ in range(100)]
    covered = np.mean([e.interval[0] <= probability <= e.interval[1] for e in found])
    assert 0.86 <= covered <= 1.0
    values = np.array([e.value for e in found])
    assert abs(values.mean() - probability) < 5 * values.std() / 10
    assert 0.75 < np.mean([e.standard_error for e in found]) / values.std() < 1.35


def test_blocks_span_what_hangs_together():
    generator = np.random.default_rng(6)
    independent = block_bootstrap(generator.random(2000) < 0.3, 5)
    assert independent.diagnostics["block"] == 5
    assert independent.standard_error == pytest.approx(np.sqrt(0.3 * 0.7 / 2000), rel=0.25)
    slow = block_bootstrap(np.repeat(generator.random(100) < 0.3, 20), 5)
    assert slow.diagnostics["block"] > 20
    assert slow.standard_error == pytest.approx(np.sqrt(0.3 * 0.7 / 100), rel=0.4)


def test_none_all_and_too_few_blocks():
    none = block_bootstrap(np.zeros(100, bool), 5)
    assert (none.status, none.value, none.interval) == ("no_hits", 0.0, (0.0, 0.15))
    assert "P < 0.15" in none.message
    every = block_bootstrap(np.ones(100, bool), 5)
    assert (every.value, every.interval) == (1.0, (0.85, 1.0))
    few = block_bootstrap(np.arange(20) % 3 == 0, 5)
    assert few.status == "unreliable"
    assert "Too few blocks" in few.message


@pytest.fixture(scope="module")
def model(ar1):
    """The exact model of two AR(1) processes, with a recording of them."""
    model, _ = ar1
    generator = np.random.default_rng(7)
    series = np.stack([persistent(generator, 6000, 0.9), 2 * persistent(generator, 6000, 0.9)], axis=1)
    return dataclasses.replace(model, held_out=Segment(series.astype(np.float32), np.arange(0, 5960, 4), 40))


def test_the_frequency_agrees_with_the_exact_model(model):
    found = kernels.event_probability(KEY, model, "mean(x) > 0.5", method="data")
    weights = np.full(40, 1 / 40)
    spread = np.sqrt(weights @ 0.9 ** np.abs(np.subtract.outer(np.arange(40), np.arange(40))) @ weights)
    assert abs(found.value - stats.norm.sf(0.5 / spread)) < 5 * found.standard_error
    assert (found.method, found.status, found.num_calls) == ("data", "ok", 0)
    assert found.diagnostics["num_samples"] == len(model.held_out.windows)
    again = kernels.event_probability(jax.random.key(9), model, "mean(x) > 0.5", method="data")
    assert again.interval == found.interval  # all the data, whatever the seed


def test_the_frequency_in_what_was_learned_from(model):
    """What a perfect model of the training part would say, whatever the held-out part holds."""
    learned = Segment(model.held_out.series + np.float32(1.0), model.held_out.starts, 40)
    both = dataclasses.replace(model, training_data=learned)
    there = kernels.event_probability(KEY, both, "mean(x) > 1.5", method="training_data")
    here = kernels.event_probability(KEY, both, "mean(x) > 0.5", method="data")
    assert there.value == pytest.approx(here.value)
    assert there.standard_error == pytest.approx(here.standard_error)
    assert (there.method, there.status) == ("training_data", "ok")
    assert "training windows" in there.message
    assert (
        "None of 1490 training windows"
        in next(iter(kernels.estimate(KEY, both, "max(x) > 99", method="training_data"))).probability.message
    )
    with pytest.raises(ValueError, match=r"'training_data' needs a model .* the part that it learned from"):
        kernels.event_probability(KEY, model, "max(x) > 1", method="training_data")
    with pytest.raises(ValueError, match="the part that it learned from"):
        kernels.stream(kernels.RunSpec(model=model, event="max(x) > 1", estimator="training_data"))
    with pytest.raises(ValueError, match="'training_data' cannot be conditioned"):
        kernels.event_probability(
            KEY, both, "max(x) > 1", given="at(x, 0) == 0 tolerance 0.1", method="training_data"
        )


def test_the_backdrop_is_the_data(model):
    dataset = kernels.backdrop(model, num_samples=50)
    assert dataset.attrs["source"] == "data"
    assert dataset.sizes["sample"] == 50
    np.testing.assert_array_equal(dataset["state"].values[0], model.held_out.windows[0])


def test_where_there_are_no_data_or_something_is_known(model, ar1):
    with pytest.raises(ValueError, match="needs a model that was trained on a recording"):
        kernels.event_probability(KEY, ar1[0], "max(x) > 1", method="data")
    with pytest.raises(ValueError, match="'data' cannot be conditioned on `given`"):
        kernels.event_probability(
            KEY, model, "max(x) > 1", given="at(x, 0) == 0 tolerance 0.1", method="data"
        )
    with pytest.raises(ValueError, match="needs a model that was trained"):
        kernels.stream(kernels.RunSpec(model=ar1[0], event="max(x) > 1", estimator="data"))


def test_one_spell_in_the_event_is_one_observation():
    one = np.zeros(1000, bool)
    one[504:510] = True
    found = block_bootstrap(one, 10)
    assert found.status == "unreliable"
    assert "in 1 separate blocks only" in found.message
    assert block_bootstrap(~one, 10).status == "unreliable"
    assert block_bootstrap(np.ones(12, bool), 6).status == "unreliable"
    assert block_bootstrap(np.ones(100, bool), 5).status == "ok"


def test_a_block_spans_all_windows_that_begin_within_one(model):
    """Copies whose windows begin a row apart hang together as those at the same times do."""
    one = model.held_out
    starts = np.concatenate([k * 6000 + one.starts for k in range(4)])
    shifted = Segment(
        np.tile(one.series, (4, 1)), starts, 40, np.concatenate([k + one.starts for k in range(4)])
    )
    assert shifted.least_block == 4 * one.least_block
    assert one.least_block == 10
    assert dataclasses.replace(one, starts=one.starts[:1]).least_block == 1


def test_replicates_are_drawn_in_pieces_that_fit_in_memory(monkeypatch):
    holds = np.random.default_rng(3).random(2000) < 0.3
    whole = block_bootstrap(holds, 5)
    monkeypatch.setattr("kernels.probability.data.MAX_DRAWN", 1000)
    assert block_bootstrap(holds, 5) == whole


def test_copies_of_a_record_say_no_more_than_the_record(model):
    """Members at the same times: their windows go into the same blocks."""
    one = model.held_out
    series, starts = np.tile(one.series, (4, 1)), np.concatenate([k * 6000 + one.starts for k in range(4)])
    four = Segment(series, starts, one.length, np.tile(one.starts, 4))
    assert four.least_block == 4 * one.least_block
    single, copied = (
        kernels.event_probability(
            KEY, dataclasses.replace(model, held_out=held_out), "mean(x) > 0.5", method="data"
        )
        for held_out in (one, four)
    )
    assert copied.value == single.value
    assert copied.standard_error == pytest.approx(single.standard_error, rel=0.15)
