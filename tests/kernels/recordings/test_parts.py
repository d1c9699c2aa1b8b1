"""Parts of short records take turns, those of long ones follow each other; every one tells its dates."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from kernels.recordings.calendar import calendar_of
from kernels.recordings.reading import read_recording
from kernels.recordings.regularity import regular
from kernels.recordings.windows import part_dates, split_windows


def dated(days, freq="D", start="2001-01-01"):
    times = pd.date_range(start, periods=days, freq=freq)
    return regular(read_recording(pd.DataFrame({"time": times, "q": np.arange(float(days))})))


def rows_of(split):
    windows = [split.training, split.validation, split.held_out.windows]
    return [np.unique(part[:, :, 0]) for part in windows]


def test_one_year_is_cut_into_parts_that_take_turns():
    recording = dated(365)
    split = split_windows(recording, 5)
    assert split.by == "blocks"
    parts = rows_of(split)
    for rows in parts:
        quarters = np.unique((calendar_of(recording, rows.astype(int))[:, 0] - 1) // 3)
        assert quarters.size >= 3
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(parts[one][:, None] - parts[other][None]).min() > 5  # a gap of a window's length


def test_a_long_record_keeps_its_three_stretches():
    split = split_windows(dated(1096 + 365), 5)
    assert split.by == "time"
    assert [len(pairs) for pairs in split.blocks.values()] == [1, 1, 1]
    assert split.ranges["held-out"][1] == 1096 + 365


def test_windows_too_long_to_take_turns_leave_three_stretches():
    assert split_windows(dated(730), 12).by == "blocks"
    assert split_windows(dated(730), 16).by == "time"  # 30 windows to train on fit in one stretch only


@pytest.mark.parametrize(("days", "blocks"), [(1500, 1), (700, 5)], ids=["stretches", "turns"])
def test_each_part_tells_its_dates(days, blocks):
    dates = part_dates(dated(days), split_windows(dated(days), 10))
    assert dates["training"][0][0] == "2001-01-01"
    assert len(dates["held-out"]) >= blocks
    assert dates["held-out"][-1][1] <= str(np.datetime64("2001-01-01") + days - 1)


def test_the_calendar_of_a_climate_model_has_no_29th_of_february():
    cftime_range = xr.date_range("2001-01-01", periods=1600, freq="D", calendar="noleap", use_cftime=True)
    recording = regular(
        read_recording(xr.Dataset({"q": ("time", np.arange(1600.0))}, coords={"time": cftime_range}))
    )
    assert calendar_of(recording, np.array([4 * 365]))[0].tolist() == [1, 1, 0, 4]


def test_the_calendar_has_month_day_hour_and_weekday():
    recording = dated(400, freq="6h", start="2024-02-28")
    month, day, hour, weekday = calendar_of(recording, np.array([7]))[0]
    assert (month, day, hour, weekday) == (2, 60.75, 18, 4)  # Thursday, 29 February, 18:00
