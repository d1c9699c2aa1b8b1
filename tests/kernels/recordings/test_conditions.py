"""Conditions of a record: which become inputs, that neighbours in the table are alike, and what `when` leaves."""

import numpy as np
import pandas as pd
import pytest

from kernels.recordings.conditions import MAX_ROWS
from kernels.recordings.reading import read_recording
from kernels.recordings.regularity import regular
from kernels.recordings.seasons import asked_cycles, conditions_of, raw_conditions, without_covariates
from kernels.recordings.windows import split_windows

RNG = np.random.default_rng(0)


def record(rows, freq="D", **columns):
    times = pd.date_range("2001-01-01", periods=rows, freq=freq)
    found = {"time": times, "x": RNG.normal(size=rows)} | columns
    return regular(read_recording(pd.DataFrame(found)), gaps="drop")


def known(recording, seasons=None, covariates=(), window=10, stride=None):
    recording, series = without_covariates(recording, covariates)
    raw = raw_conditions(recording, series)
    split = split_windows(recording, window, stride=stride, conditions=raw)
    return conditions_of(recording, split, raw, asked_cycles(seasons, covariates, 0), covariates)


def weekly(rows, share):
    weekday = pd.date_range("2001-01-01", periods=rows, freq="D").day_of_week
    return share * (np.asarray(weekday) >= 5) + RNG.normal(size=rows)


@pytest.mark.parametrize(
    ("recording", "cycles"),
    [
        (record(365 * 4), ("year",)),
        (record(600), ()),
        (record(24 * 60, "h"), ("day",)),
        (record(24 * 800, "h"), ("year", "day")),
        (record(365 * 4, y=weekly(365 * 4, 3.0)), ("year", "week")),
    ],
    ids=["years", "one-year", "hours", "hourly-years", "week-pays"],
)
def test_cycles_that_the_record_shows_become_inputs(recording, cycles):
    conditions = known(recording, window=7, stride=7)[1]
    assert (() if conditions is None else conditions.cycles) == cycles


def test_times_that_are_plain_numbers_have_no_seasons():
    recording = regular(read_recording(pd.DataFrame({"time": np.arange(2000.0), "x": RNG.normal(size=2000)})))
    split, conditions, features = known(recording)
    assert conditions is None
    assert features is None
    assert split.held_out.conditions is None
    with pytest.raises(ValueError, match="needs dates"):
        known(recording, "year")


@pytest.mark.parametrize(
    ("seasons", "words"),
    [("day", "in steps of at most 12 hours"), ("moon", "some of year, day, week; got 'moon'")],
    ids=["too-coarse", "unknown"],
)
def test_a_cycle_that_cannot_be_seen_is_refused(seasons, words):
    with pytest.raises(ValueError, match=words):
        known(record(1500), seasons)


def test_forecasts_take_no_seasons():
    assert asked_cycles(None, (), 3) == ()
    with pytest.raises(ValueError, match="must be none for a forecast"):
        asked_cycles("year", (), 3)


def test_features_have_mean_zero_and_neighbours_are_alike():
    _, conditions, features = known(record(24 * 365 * 3, "6h"))
    assert conditions.cycles == ("year", "day")
    assert features[0].shape[1] == conditions.num_features == 8
    np.testing.assert_allclose(features[0].mean(0), 0.0, atol=1e-6)
    assert len(conditions.rows) == MAX_ROWS
    day, hour = conditions.rows[:, 1], conditions.rows[:, 2]
    apart = np.abs((np.diff(np.append(day, day[0])) + 182) % 365 - 182)
    assert np.quantile(apart, 0.99) <= 8
    assert np.median(np.abs((np.diff(hour) + 12) % 24 - 12)) == 0


def test_when_restricts_the_table_and_the_windows():
    split, conditions, _ = known(record(365 * 6))
    summer = conditions.restricted("month in 6..8")
    assert set(summer.rows[:, 0]) == {6, 7, 8}
    met = summer.met(split.training_data)
    assert set(split.training_data.conditions[met, 0]) == {6, 7, 8}
    assert met.sum() == np.isin(split.training_data.conditions[:, 0], [6, 7, 8]).sum()
    assert conditions.met(split.training_data).all()
    july = summer.restricted({"day_of_year": (190, 190)})
    assert july.text == "month in 6..8 and day_of_year == 190"
    assert set(np.floor(july.rows[:, 1])) == {190}


def test_a_covariate_is_given_a_value_or_chooses_windows():
    rows = 365 * 6
    co2 = np.linspace(380.0, 420.0, rows)
    recording = record(rows, co2=co2)
    split, conditions, _ = known(recording, covariates=["co2"])
    assert split.training.shape[-1] == 1
    assert conditions.words == ("month", "day_of_year", "co2")
    fixed = conditions.restricted("month == 1 and co2 == 400")
    assert set(fixed.rows[:, 4]) == {400.0}
    met = split.training_data.conditions[fixed.met(split.training_data)]
    assert 0 < len(met) <= 31
    assert np.abs(met[:, 4] - 400).max() < 0.1 * conditions.scale[1, 0] + 1e-4
    late = conditions.restricted("co2 in 390..400")
    assert late.rows[:, 4].min() >= 390
    assert conditions.restricted("co2 == 400 tolerance 3").met(split.training_data).sum() > 100


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (
            "hour in 7..19",
            "names 'hour', which the model does not know. It knows month",
        ),
        ("moth == 3", "Did you mean 'month'"),
        ("co2 == 500", "must be from 380"),
        ("month == 7 and day_of_year == 3", "no window of the record has month == 7 and day_of_year == 3"),
    ],
    ids=["hour", "typo", "beyond", "empty"],
)
def test_what_the_model_does_not_know_is_named(when, words):
    _, conditions, _ = known(record(365 * 6, co2=np.linspace(380.0, 420.0, 365 * 6)), covariates=["co2"])
    with pytest.raises(ValueError, match=words):
        conditions.restricted(when)


def test_where_a_covariate_is_missing_windows_are_left_out():
    co2 = np.linspace(380.0, 420.0, 2000)
    co2[500:520] = np.nan
    split, _, features = known(record(2000, co2=co2), covariates=["co2"])
    assert np.isfinite(features[0]).all()
    with pytest.raises(ValueError, match="there is no 'co3'"):
        known(record(2000, co2=co2), covariates=["co3"])
    assert not np.isin(np.arange(491, 520), split.starts["training"]).any()
