"""The frequency in held-out data: its interval covers, and it stands where a simulator would."""

import dataclasses

import jax
import numpy as np
import pytest
from correlated_hits import persistent, records, replicated
from scipy import stats

import kernels
from kernels.probability.blocks import block_error
from kernels.probability.data import block_frequency
from kernels.recordings.windows import Segment

KEY = jax.random.key(0)


def frequency(hits):
    """Estimate from hits (member, time), the members one after another."""
    members, times = hits.shape
    return block_frequency(np.asarray(hits).ravel(), 1, places=np.tile(np.arange(times), members))


@pytest.mark.parametrize("probability", [0.1, 0.4])
@pytest.mark.parametrize(("members", "shared"), [(1, 0.0), (8, 0.0), (8, 0.7)])
def test_intervals_cover_and_errors_are_honest(members, shared, probability):
    """An interleaving of members is no time series: the moments are."""
    generator = np.random.default_rng(5)
    hits = records(generator, 100, members, 1000, 5.0, probability, shared)
    found = replicated(frequency, hits, probability)
    assert 0.88 <= found["coverage"] <= 1.0
    assert 0.75 < found["stated_over_spread"] < 1.35
    assert found["ok"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("efolding", [1.0, 10.0, 100.0])
@pytest.mark.parametrize(("members", "shared"), [(1, 0.0), (8, 0.0), (8, 0.7), (20, 0.0), (20, 0.7)])
def test_intervals_cover_whatever_the_memory_of_the_members(members, shared, efolding):
    generator, probability = np.random.default_rng(6), 0.1
    hits = records(generator, 60, members, 10_000, efolding, probability, shared)
    found = replicated(frequency, hits, probability)
    assert 0.88 <= found["coverage"] <= 1.0
    assert 0.75 < found["stated_over_spread"] < 1.35


def test_members_without_all_moments_are_no_shorter_of_memory():
    """Windows left out at random tell the same time scale: of 20 slow members, 5 % of the windows each."""
    generator = np.random.default_rng(8)
    hits = records(generator, 60, 20, 3000, 30.0, 0.3)
    kept = generator.random(hits.shape[1:]) < 0.05
    places = np.unique(np.nonzero(kept)[1], return_inverse=True)[1]
    found = replicated(lambda one: block_frequency(one[kept], 1, places=places), hits, 0.3)
    assert 0.88 <= found["coverage"] <= 1.0
    assert 0.75 < found["stated_over_spread"] < 1.35


def test_the_error_of_any_mean_is_honest():
    values = persistent(np.random.default_rng(9), (200, 2000), 10.0)
    stated = np.sqrt(np.mean([block_error(one, 1).standard_error ** 2 for one in values]))
    assert 0.85 < stated / values.mean(1).std() < 1.15


def test_blocks_span_what_hangs_together():
    generator = np.random.default_rng(6)
    independent = block_frequency(generator.random(2000) < 0.3, 5)
    assert independent.diagnostics["block"] == 5
    assert independent.standard_error == pytest.approx(np.sqrt(0.3 * 0.7 / 2000), rel=0.25)
    slow = block_frequency(np.repeat(generator.random(100) < 0.3, 20), 5)
    assert slow.diagnostics["block"] > 20
    assert slow.standard_error == pytest.approx(np.sqrt(0.3 * 0.7 / 100), rel=0.4)


def test_none_all_and_too_few_blocks():
    none = block_frequency(np.zeros(100, bool), 5)
    assert (none.status, none.value, none.interval) == ("no_hits", 0.0, (0.0, 0.15))
    assert "P < 0.15" in none.message
    every = block_frequency(np.ones(100, bool), 5)
    assert (every.value, every.interval) == (1.0, (0.85, 1.0))
    few = block_frequency(np.arange(20) % 3 == 0, 5)
    assert few.status == "unreliable"
    assert "Too few blocks" in few.message


@pytest.fixture(scope="module")
def model(ar1):
    """The exact model of two AR(1) processes, with a recording of them."""
    model, _ = ar1
    generator = np.random.default_rng(7)
    series = persistent(generator, (2, 6000), -1 / np.log(0.9)).T * [1, 2]
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


def test_the_backdrop_is_the_data(model):
    dataset = kernels.backdrop(model, num_samples=50)
    assert dataset.attrs["source"] == "data"
    assert dataset.sizes["sample"] == 50
    np.testing.assert_array_equal(dataset["state"].values[0], model.held_out.windows[0])


def test_windows_that_meet_what_is_known_count(model):
    given = "at(x, 0) == 1 tolerance 0.3"
    found = kernels.event_probability(KEY, model, "at(x, 0.5) > 1.2", given=given, method="data")
    starts = np.linspace(0.7, 1.3, 101)
    later = stats.norm.sf((1.2 - 0.9 * starts) / np.sqrt(1 - 0.9**2))
    assert abs(found.value - np.average(later, weights=stats.norm.pdf(starts))) < 4 * found.standard_error
    assert found.diagnostics["num_samples"] == round(found.diagnostics["known_share"] * 1490)
    assert "of 1490 held-out windows meet what is known" in found.message
    plain = kernels.event_probability(KEY, model, "at(x, 0.5) > 1.2", method="data")
    assert found.value > 2 * plain.value
    nowhere = "at(x, 0) == 99 tolerance 0.3"
    nothing = kernels.event_probability(KEY, model, "max(x) > 1", given=nowhere, method="data")
    assert (nothing.status, nothing.interval) == ("no_hits", (0.0, 1.0))
    assert "None of 1490 held-out windows meets what is known" in nothing.message


def test_where_there_are_no_data(model, ar1):
    with pytest.raises(ValueError, match="needs a model that was trained on a recording"):
        kernels.event_probability(KEY, ar1[0], "max(x) > 1", method="data")
    with pytest.raises(ValueError, match="needs a model that was trained"):
        kernels.stream(kernels.RunSpec(model=ar1[0], event="max(x) > 1", estimator="data"))


def test_one_spell_in_the_event_is_one_observation():
    one = np.zeros(1000, bool)
    one[504:510] = True
    found = block_frequency(one, 10)
    assert found.status == "unreliable"
    assert "in 1 separate blocks only" in found.message
    assert block_frequency(~one, 10).status == "unreliable"
    assert block_frequency(np.ones(12, bool), 6).status == "unreliable"
    assert block_frequency(np.ones(100, bool), 5).status == "ok"


def test_members_whose_windows_begin_a_row_apart_are_at_the_same_moment(model):
    one = model.held_out
    starts = np.concatenate([k * 6000 + one.starts for k in range(4)])
    shifted = Segment(
        np.tile(one.series, (4, 1)), starts, 40, np.concatenate([k + one.starts for k in range(4)])
    )
    np.testing.assert_array_equal(shifted.places, np.tile(one.places, 4))
    assert shifted.least_block == one.least_block == 10
    assert dataclasses.replace(one, starts=one.starts[:1]).least_block == 1


def test_the_order_of_members_does_not_matter():
    """Windows of all members at a moment go together, wherever they stand."""
    hits = records(np.random.default_rng(3), 1, 5, 500, 8.0, 0.3)[0]
    assert frequency(hits) == frequency(hits[::-1])
    assert "500 moments" not in frequency(hits).message
    assert "moments, all members together" in frequency(hits).message


def test_copies_of_a_record_say_no_more_than_the_record(model):
    """Members at the same times: their windows go into the same blocks."""
    one = model.held_out
    series, starts = np.tile(one.series, (4, 1)), np.concatenate([k * 6000 + one.starts for k in range(4)])
    four = Segment(series, starts, one.length, np.tile(one.starts, 4))
    assert four.least_block == one.least_block
    single, copied = (
        kernels.event_probability(
            KEY, dataclasses.replace(model, held_out=held_out), "mean(x) > 0.5", method="data"
        )
        for held_out in (one, four)
    )
    assert copied.value == single.value
    assert copied.standard_error == pytest.approx(single.standard_error, rel=1e-6)
