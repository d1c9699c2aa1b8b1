"""Own data: what files say is kept, every trouble is named with its choices, windows never leak."""

import itertools
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from kernels.recordings.parts import MIN_RUN
from kernels.recordings.reading import read_recording
from kernels.recordings.regularity import MAX_GAP, regular
from kernels.recordings.windows import LEAST, recording_layout, split_windows

RNG = np.random.default_rng(3)
ROWS = 4000


def weather(rows=ROWS, step="6h", **changes):
    """Temperature and pressure over dates, with units."""
    values = np.cumsum(RNG.normal(size=(rows, 2)), axis=0)
    return xr.Dataset(
        {
            "T": ("time", 280 + values[:, 0], {"units": "K"}),
            "P": ("time", 1e5 + values[:, 1], {"units": "Pa"}),
        },
        coords={"time": pd.date_range("2001-02-03T04:00", periods=rows, freq=step)},
    ).assign(**changes)


def table(rows=ROWS):
    dataset = weather(rows)
    return pd.DataFrame(
        {"date": dataset["time"].values, "T (K)": dataset["T"].values, "P [Pa]": dataset["P"].values}
    )


@pytest.mark.parametrize("kind", ["dataset", "nc", "zarr", "csv", "frame"])
def test_names_units_and_times_are_kept_whatever_the_file(tmp_path, kind):
    source, path = weather(50), tmp_path / f"weather.{kind}"
    if kind == "nc":
        source.to_netcdf(path, engine="h5netcdf")
    elif kind == "zarr":
        source.to_zarr(path, consolidated=False)
    elif kind == "csv":
        table(50).to_csv(path, index=False)
    given = {"dataset": source, "frame": table(50)}.get(kind, path)
    recording = read_recording(given, variables=["T", "P"])  # Zarr keeps no order
    assert recording.variables == ("T", "P")
    assert dict(recording.variable_units) == {"T": "K", "P": "Pa"}
    assert (recording.time_units, recording.start) == ("h", "2001-02-03T04:00:00")
    np.testing.assert_allclose(recording.times, 6.0 * np.arange(50))
    layout = recording_layout(regular(recording), 8)
    np.testing.assert_allclose(layout.times, 6.0 * np.arange(8))
    assert (layout.time_units, layout.variable_units["P"]) == ("h", "Pa")
    if kind in ("dataset", "nc", "zarr"):
        np.testing.assert_allclose(recording.values[:, 0], source["T"])


@pytest.mark.parametrize(
    ("step", "unit", "length"),
    [("5s", "s", 5.0), ("10min", "min", 10.0), ("90min", "h", 1.5), ("2D", "d", 2.0)],
)
def test_the_unit_of_time_suits_the_step(step, unit, length):
    recording = read_recording(weather(10, step))
    assert recording.time_units == unit
    np.testing.assert_allclose(np.diff(recording.times), length)


@pytest.mark.parametrize("calendar", ["noleap", "360_day"])
@pytest.mark.parametrize(("step", "unit", "length"), [("1D", "d", 1.0), ("6h", "h", 6.0)])
@pytest.mark.parametrize(("engine", "form"), [("h5netcdf", "NETCDF4"), ("scipy", "NETCDF3_64BIT")])
def test_other_calendars_give_times_since_the_window_began(
    tmp_path, calendar, step, unit, length, engine, form
):
    dates = xr.date_range("2000-02-28", periods=1000, freq=step, calendar=calendar, use_cftime=True)
    weather(1000).assign_coords(time=dates).to_netcdf(tmp_path / "a.nc", engine=engine, format=form)
    recording = regular(read_recording(tmp_path / "a.nc"))
    assert (recording.time_units, recording.start) == (unit, "2000-02-28T00:00:00")
    np.testing.assert_allclose(recording.times, length * np.arange(1000))
    layout = recording_layout(recording, 10)
    np.testing.assert_allclose(layout.times, length * np.arange(10))
    assert layout.time_units == unit
    assert split_windows(recording, 10).training.shape[1:] == (10, 2)


def test_plain_numbers_keep_their_unit():
    numbers = weather(5).assign_coords(time=("time", 3.0 + 0.5 * np.arange(5), {"units": "orbits"}))
    recording = read_recording(numbers)
    assert (recording.time_units, recording.start) == ("orbits", "")
    np.testing.assert_allclose(recording.times, 0.5 * np.arange(5))


def test_fields_and_ensembles_become_variables_and_runs():
    field = xr.Dataset(
        {"u": (("time", "x"), RNG.normal(size=(20, 3)), {"units": "m/s"})},
        coords={"time": np.arange(20.0), "x": [0.0, 0.5, 1.0]},
    )
    recording = read_recording(field)
    assert recording.variables == ("u0", "u1", "u2")
    assert recording.positions["u1"] == {"x": 0.5}
    assert recording.variable_units["u2"] == "m/s"
    ensemble = xr.Dataset(
        {"state": (("sample", "time", "variable"), RNG.normal(size=(4, 6, 2)))},
        coords={"time": np.arange(6) * 0.1, "variable": ["a", "b"]},
    )
    recording = regular(read_recording(ensemble, variables=["b"]))
    assert recording.num_rows == 24
    np.testing.assert_array_equal(recording.runs, np.repeat(np.arange(4), 6))
    np.testing.assert_allclose(recording.values[6:12, 0], ensemble["state"].values[1, :, 1])


@pytest.mark.parametrize("dim", ["number", "ensemble", "Member", "realisation"])
def test_members_are_runs_and_no_field(dim):
    recording = read_recording(weather(20).expand_dims({dim: 3}))
    assert recording.variables == ("T", "P")
    np.testing.assert_array_equal(recording.runs, np.repeat(np.arange(3), 20))


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def test_files_of_netcdf_3(tmp_path, form):
    source = weather(50)
    source.to_netcdf(tmp_path / "a.nc", engine="scipy", format=form)
    recording = read_recording(tmp_path / "a.nc")
    assert (recording.variables, recording.start) == (("T", "P"), "2001-02-03T04:00:00")
    np.testing.assert_allclose(recording.values[:, 1], source["P"])
    (tmp_path / "b.nc").write_bytes(b"CDF\x05" + bytes(100))
    with pytest.raises(ValueError, match=r"CDF-5; convert it, `nccopy"):
        read_recording(tmp_path / "b.nc")


@pytest.mark.parametrize(
    ("variables", "words"),
    [(["T"], None), (["T", "Q"], "distinct names"), (None, "at most one")],
)
def test_what_is_not_wanted_or_cannot_be_used_is_not_loaded(tmp_path, variables, words):
    grid = np.zeros((200, 200, 200), np.float32)  # 32 MB
    weather(200).assign(grid=(("time", "y", "x"), grid)).to_netcdf(
        tmp_path / "a.nc", engine="h5netcdf", encoding={"grid": {"zlib": True, "chunksizes": (10, 200, 200)}}
    )
    tracemalloc.start()
    try:
        if words is None:
            assert read_recording(tmp_path / "a.nc", variables=variables).variables == ("T",)
        else:
            with pytest.raises(ValueError, match=words):
                read_recording(tmp_path / "a.nc", variables=variables)
        assert tracemalloc.get_traced_memory()[1] < 0.2 * grid.nbytes
    finally:
        tracemalloc.stop()


def test_damage_within_a_file_is_said(tmp_path):
    path = tmp_path / "a.nc"
    weather(5000)[["T"]].to_netcdf(path, engine="h5netcdf", encoding={"T": {"zlib": True}})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a.nc must be.*cannot be read"):
        read_recording(path)


def test_an_axis_of_time_without_rows_or_of_text(tmp_path):
    weather(5).isel(time=slice(0)).to_netcdf(tmp_path / "a.nc", engine="h5netcdf", unlimited_dims=["time"])
    with pytest.raises(ValueError, match="a recording must have rows; its dimension 'time' is empty"):
        read_recording(tmp_path / "a.nc")
    days = ["2001-01-01", "2001-01-02", "2001-01-04"]
    weather(3).assign_coords(time=days).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    recording = read_recording(tmp_path / "b.nc")
    assert (recording.time_units, recording.start) == ("d", "2001-01-01T00:00:00")
    np.testing.assert_allclose(recording.times, [0, 1, 3])
    with pytest.raises(ValueError, match="'time' must hold times, numbers or dates"):
        read_recording(weather(3).assign_coords(time=["a", "b", "c"]))


@pytest.mark.parametrize(
    ("source", "choices", "words"),
    [
        (lambda: "nowhere.nc", {}, "no file or store"),
        (lambda: 3, {}, "must be a path, a Dataset or a DataFrame"),
        (weather, {"variables": ["T", "Q"]}, r"distinct names out of T, P; got T, Q"),
        (weather, {"variables": ["T", "T"]}, "distinct names"),
        (weather, {"time": "x"}, "`time` must be one of the dimensions time"),
        (lambda: weather().assign(c=("time", ["a"] * ROWS)), {"variables": ["c"]}, "must be numeric"),
        (
            lambda: weather().drop_vars("time").rename(time="a").expand_dims(b=2),
            {},
            "which dimension is time",
        ),
        (lambda: weather().expand_dims(x=2, y=2), {}, "at most one more dimension"),
        (
            lambda: weather(3).assign_coords(time=[1.0, 0.0, 2.0]),
            {},
            "increase from row to row; row 2 holds 0 after 1",
        ),
        (lambda: weather().drop_vars("time").isel(time=slice(0)), {}, "dimension 'time' is empty"),
        (lambda: table().rename(columns={"date": "when"}), {"time": "hour"}, "must be a column"),
        (lambda: table().assign(date="soon"), {}, "must hold times, numbers or dates"),
    ],
)
def test_what_cannot_be_read(source, choices, words):
    with pytest.raises(ValueError, match=words):
        read_recording(source(), **choices)


def test_files_that_are_something_else(tmp_path):
    (tmp_path / "text.nc").write_text("no NetCDF")
    with pytest.raises(ValueError, match="it cannot be read"):
        read_recording(tmp_path / "text.nc")
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(ValueError, match=r"a.csv must be a table; it is empty"):
        read_recording(tmp_path / "a.csv")


def test_parquet_needs_pyarrow_and_says_so(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")

    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match="needs pyarrow"):
        read_recording(path)


def holed(*gaps, rows=ROWS):
    dataset = weather(rows)
    for begin, end in gaps:
        dataset["T"][begin:end] = np.nan
    return read_recording(dataset)


def test_missing_values_want_a_choice():
    recording = holed((10, 10 + MAX_GAP), (50, 60))
    with pytest.raises(ValueError, match=r"13 of 8000.*in T, the first at time 60.*'drop'.*'interpolate'"):
        regular(recording)
    with pytest.raises(ValueError, match="`gaps` must be one of drop, interpolate; got 'fill'"):
        regular(recording, gaps="fill")
    assert np.isnan(regular(recording, gaps="drop").values).sum() == 10 + MAX_GAP
    bridged = regular(recording, gaps="interpolate").values[:, 0]
    assert np.flatnonzero(np.isnan(bridged)).tolist() == list(range(50, 60))
    straight = np.linspace(recording.values[9, 0], recording.values[10 + MAX_GAP, 0], MAX_GAP + 2)
    np.testing.assert_allclose(bridged[9 : 11 + MAX_GAP], straight)


def test_a_gap_at_the_end_is_not_bridged():
    values = regular(holed((ROWS - 2, ROWS)), gaps="interpolate").values
    assert np.isnan(values[-2:, 0]).all()


def test_missing_rows_are_gaps_and_uneven_steps_want_a_choice():
    dataset = weather(100)
    recording = read_recording(dataset.isel(time=np.delete(np.arange(100), [7, 8])))
    with pytest.raises(ValueError, match="4 of 200"):
        regular(recording)
    assert regular(recording, gaps="drop").num_rows == 100
    times = dataset["time"].values + np.timedelta64(1, "h") * RNG.integers(0, 3, 100)
    uneven = read_recording(dataset.assign_coords(time=times))
    with pytest.raises(ValueError, match=r"evenly spaced; steps run from.*--resample 6"):
        regular(uneven)
    even = regular(uneven, resample=3.0, gaps="drop")
    np.testing.assert_allclose(np.diff(even.times), 3.0)
    np.testing.assert_allclose(even.values[:, 0], np.interp(even.times, uneven.times, uneven.values[:, 0]))
    with pytest.raises(ValueError, match="`resample` must be a positive length"):
        regular(uneven, resample=-1.0)


def test_a_stray_time_is_named_before_the_gap_is_filled():
    dates = pd.date_range("2020-01-01", periods=100, freq="1s")
    first = pd.DatetimeIndex(["1970-01-01"]).append(dates[1:])
    words = r"100 rows would become 1.58e\+09 steps of 1 s.*after row 0 at time 0 s since 1970-01-01T00:00:00"
    for choices in ({"gaps": "drop"}, {"resample": 1.0, "gaps": "drop"}):
        with pytest.raises(ValueError, match=words):
            regular(read_recording(weather(100).assign_coords(time=first)), **choices)
    last = read_recording(weather(100).assign_coords(time=dates[:-1].append(dates[-1:] + pd.Timedelta("1D"))))
    with pytest.raises(ValueError, match=r"The longest is of 86401 s, after row 98 at time 98 s"):
        regular(last, gaps="drop")


def test_resampling_does_not_bridge_long_holes():
    dataset = weather(100)
    recording = read_recording(dataset.isel(time=np.delete(np.arange(100), np.arange(40, 60))))
    even = regular(recording, resample=6.0, gaps="drop")
    assert np.flatnonzero(np.isnan(even.values[:, 0])).tolist() == list(range(40, 60))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.assign(P=0 * d["P"] + 1e5), "must vary; P is constant.*--variables T"),
        (lambda d: d.assign(T=np.nan * d["T"]), "T must have values; all are missing"),
        (lambda d: d.assign(T=d["T"].where(d["T"] != d["T"][5], np.inf)), "must be finite; T are infinite"),
        (lambda d: d.isel(time=[0]), "at least 2 rows"),
    ],
)
def test_recordings_that_teach_nothing(change, words):
    with pytest.raises(ValueError, match=words):
        regular(read_recording(change(weather())), gaps="drop")


def counted(rows, gaps=()):
    """A recording whose numbers are its row numbers."""
    values = np.arange(rows, dtype=float)
    for begin, end in gaps:
        values[begin:end] = np.nan
    dataset = xr.Dataset({"n": ("time", values)}, coords={"time": np.arange(float(rows))})
    return regular(read_recording(dataset), gaps="drop")


@pytest.mark.parametrize("stride", [None, 1, 7])
def test_parts_are_apart_by_a_window_and_windows_have_no_gaps(stride):
    window = 10
    split = split_windows(counted(2000, [(300, 305), (1900, 1901)]), window, stride=stride)
    parts = [split.training, split.validation, split.held_out.windows]
    for windows in parts:
        assert np.all(np.diff(windows[:, :, 0], axis=1) == 1)  # rows that follow each other, none missing
    for before, after in itertools.pairwise(parts):
        assert after.min() - before.max() > window
    assert split.stride == (stride or 1)
    assert np.diff(split.held_out.starts).min() == split.stride
    assert parts[2].max() == pytest.approx(1999, abs=split.stride)


def test_windows_do_not_cross_runs():
    dataset = xr.Dataset(
        {"n": (("run", "time"), np.arange(3000.0).reshape(300, 10))}, coords={"time": np.arange(10.0)}
    )
    split = split_windows(regular(read_recording(dataset)), 10)
    assert np.all(split.training[:, 0, 0] % 10 == 0)


def members(num_runs, rows):
    """An ensemble whose numbers are its times, the same for all members."""
    values = np.broadcast_to(np.arange(float(rows)), (num_runs, rows))
    dataset = xr.Dataset({"n": (("member", "time"), values)}, coords={"time": np.arange(float(rows))})
    return regular(read_recording(dataset))


@pytest.mark.parametrize("rows", [60, 90, 700])
def test_members_are_held_out_later_than_any_of_them_is_trained_on(rows):
    window, num_runs = 10, 20
    split = split_windows(members(num_runs, rows), window)
    parts = [split.training, split.validation, split.held_out.windows]
    for windows in parts:
        assert np.all(np.diff(windows[:, :, 0], axis=1) == 1)
        assert len(windows) % num_runs == 0
    for before, after in itertools.pairwise(parts):
        assert after.min() - before.max() > window
    assert parts[2].max() == rows - 1
    assert split.by == "time"
    assert split.ranges["training"] == (0, parts[0].max() + 1)
    assert split.ranges["held-out"] == (parts[2].min(), rows)


def test_runs_too_short_to_be_split_are_split_whole():
    split = split_windows(members(400, 10 * MIN_RUN - 1), 10, stride=10)
    assert split.by == "runs"
    assert split.ranges["held-out"][1] == 400 * (10 * MIN_RUN - 1)
    assert split.training.min() == split.held_out.windows.min() == 0


def test_the_stride_is_chosen_by_the_amount_of_data(monkeypatch):
    monkeypatch.setattr("kernels.recordings.windows.MAX_WINDOWS", 100)
    split = split_windows(counted(2000), 10)
    assert 90 <= len(split.training) <= 100


def test_too_few_windows_and_odd_numbers():
    rows = 10 * sum(LEAST.values())
    with pytest.raises(
        ValueError, match=r"30 training, 3 validation, 5 held-out windows of 10 steps.*got.*--window"
    ):
        split_windows(counted(rows), 10)
    for window, stride in ((1, None), (2.5, None), (10, 0)):
        with pytest.raises(ValueError, match="must be a whole number, at least"):
            split_windows(counted(2000), window, stride=stride)


def test_held_out_data_are_bounded(monkeypatch):
    monkeypatch.setattr("kernels.recordings.windows.MAX_KEPT", 150)
    held_out = split_windows(counted(2000), 10).held_out
    assert held_out.series.size == 150
    assert len(held_out.windows) == 141


@pytest.mark.parametrize("recording", [counted(2000, [(300, 305)]), members(20, 100)])
def test_the_training_windows_are_kept(recording):
    split = split_windows(recording, 10)
    np.testing.assert_array_equal(split.training_data.windows, split.training)
    moments = split.training_data.moments
    assert moments is None or np.array_equal(moments, split.training[:, 0, 0])


@pytest.mark.parametrize(
    ("recording", "stride"),
    [(counted(2000, [(300, 305)]), 3), (members(20, 100), None), (members(400, 30), 10)],
)
@pytest.mark.parametrize("most", [200, 300])
def test_of_much_training_data_windows_apart_are_kept(recording, stride, most, monkeypatch):
    monkeypatch.setattr("kernels.recordings.windows.MAX_KEPT", most)
    split = split_windows(recording, 10, stride=stride)
    kept = split.training_data
    assert kept.series.size == most
    trained_on = {tuple(window) for window in split.training[..., 0]}
    assert {tuple(window) for window in kept.windows[..., 0]} <= trained_on
    assert np.all(np.diff(kept.starts) == 10)  # no row twice
    assert np.ptp(kept.windows) > 0.6 * np.ptp(split.training)  # from all over
    assert kept.moments is None or np.array_equal(kept.moments, kept.windows[:, 0, 0])


@pytest.mark.parametrize(("num_runs", "stride"), [(1000, 60), (3000, None), (1000, 7)])
def test_runs_as_long_as_a_window_fill_all_parts(num_runs, stride, monkeypatch):
    monkeypatch.setattr("kernels.recordings.windows.MAX_WINDOWS", 1000)
    values = np.arange(60.0 * num_runs).reshape(num_runs, 60)
    dataset = xr.Dataset({"n": (("run", "time"), values)}, coords={"time": np.arange(60.0)})
    split = split_windows(regular(read_recording(dataset)), 60, stride=stride)
    for windows, share in ((split.training, 0.7), (split.validation, 0.1), (split.held_out.windows, 0.2)):
        assert len(windows) == pytest.approx(share * num_runs, abs=4)
        assert np.all(windows[:, 0, 0] % 60 == 0)


def test_a_stride_that_leaves_too_few_windows():
    with pytest.raises(ValueError, match=r"got 14 training, 2 validation, 4 held-out.*--stride"):
        split_windows(counted(10_000), 60, stride=500)


@pytest.mark.parametrize(
    ("heading", "time"),
    [("t (s)", None), ("time [s]", None), ("clock (s)", "clock"), ("clock (s)", "clock (s)")],
)
def test_the_unit_of_times_stands_in_their_heading(heading, time):
    frame = pd.DataFrame({heading: 0.1 * np.arange(40), "x (m)": RNG.normal(size=40)})
    recording = read_recording(frame, time=time)
    assert (recording.variables, recording.time_units) == (("x",), "s")
    np.testing.assert_allclose(recording.times, 0.1 * np.arange(40))


def test_a_temperature_is_no_time_and_no_column_is_lost():
    dates = pd.date_range("2001-02-03", periods=40, freq="6h")
    values = RNG.normal(size=(40, 2))
    named = pd.DataFrame(values, columns=["T", "P"], index=dates)
    assert read_recording(named).variables == ("T", "P")
    assert read_recording(named.rename_axis("date").reset_index()).variables == ("T", "P")
    twice = pd.DataFrame(values, columns=["wind (m/s)", "wind (deg)"], index=dates)
    assert read_recording(twice).variables == ("wind (m/s)", "wind (deg)")
    assert not read_recording(twice).variable_units  # the names say it
