"""NetCDF, Zarr, Datasets and DataFrames that hold their times, fills, groups and members in unusual places."""

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from kernels.recordings.reading import read_recording
from kernels.recordings.regularity import regular

NAN = np.nan
DATES = pd.date_range("2020-01-01", periods=4)
T = ("time", [1.0, -9999.0, 2.0, 3.0])


def over_days(**variables):
    return xr.Dataset(variables, coords={"time": DATES})


@pytest.mark.parametrize(
    "attrs",
    [
        {"valid_range": [-50.0, 60.0]},
        {"valid_min": -50.0},
        {"missing_value": "-9999"},
        {"missing_value": "-9999.0 -8888.0"},
        {"valid_range": np.array([-50, 60], np.int16)},
    ],
)
@pytest.mark.parametrize("written", [True, False])
def test_declared_flags_are_missing(attrs, written, tmp_path):
    source = over_days(T=("time", T[1], attrs))
    if written:
        source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        source = tmp_path / "a.nc"
    recording = read_recording(source)
    np.testing.assert_array_equal(recording.values[:, 0], [1, NAN, 2, 3])
    assert any("taken as missing" in note for note in recording.notes)


def test_flags_that_nobody_declares_are_asked_about():
    with pytest.raises(ValueError, match=r"'T' holds 1 value of -9999.*--missing -9999"):
        read_recording(over_days(T=T))
    assert np.isnan(read_recording(over_days(T=T), missing=-9999).values[1, 0])
    assert read_recording(over_days(T=T), missing="none").values[1, 0] == -9999
    frame = pd.DataFrame({"date": DATES, "T": T[1]})
    with pytest.raises(ValueError, match="--missing -9999"):
        read_recording(frame)


UNFILLED = pytest.mark.filterwarnings("ignore:saving variable")


@UNFILLED
@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT"])
def test_numbers_never_written_are_missing(form, tmp_path):
    engine = "h5netcdf" if form == "NETCDF4" else "scipy"
    fills = {"T": 9.969209968386869e36, "packed": -32767 * 0.1 + 20}
    source = over_days(**{name: ("time", [1.0, 2.0, fill, 3.0]) for name, fill in fills.items()})
    encoding = {
        "T": {"_FillValue": None},
        "packed": {"dtype": "int16", "scale_factor": 0.1, "add_offset": 20.0, "_FillValue": None},
    }
    source.to_netcdf(tmp_path / "a.nc", engine=engine, format=form, encoding=encoding)
    recording = read_recording(tmp_path / "a.nc")
    np.testing.assert_allclose(recording.values, [[1, 1], [2, 2], [NAN, NAN], [3, 3]])


@UNFILLED
def test_a_range_of_packed_numbers_is_packed(tmp_path):
    source = over_days(T=("time", [1.0, 2.0, 90.0, 3.0], {"valid_range": np.array([-500, 500], np.int16)}))
    encoding = {"T": {"dtype": "int16", "scale_factor": 0.1, "_FillValue": None}}
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding=encoding)
    np.testing.assert_allclose(read_recording(tmp_path / "a.nc").values[:, 0], [1, 2, NAN, 3])


@pytest.mark.parametrize(
    ("units", "values", "times", "unit", "start"),
    [
        ("day as %Y%m%d.%f", [20200131.75, 20200201.0, 20200201.25], [0, 6, 12], "h", "2020-01-31T18"),
        ("months since 1900-01-01", [0, 1, 3], [0, 1, 3], "months", ""),
        ("years since 0000-01-01", [2000, 2001, 2003], [0, 1, 3], "years", ""),
        ("weeks since 2020-01-01", [0, 1, 3], [0, 7, 21], "d", "2020-01-01"),
        ("fortnights since 2020-01-01", [0, 1, 2], [0, 14, 28], "d", "2020-01-01"),
        ("days since 2020-01-15", [0, 31, 60], [0, 1, 2], "months", "2020-01-15"),
        ("days since nowhere", [0, 1, 3], [0, 1, 3], "days", ""),
        ("days since 2020-01-01", [0, 0.25, 0.5], [0, 6, 12], "h", "2020-01-01"),
    ],
)
@pytest.mark.parametrize("written", [True, False])
def test_units_of_time(units, values, times, unit, start, written, tmp_path):
    source = xr.Dataset({"T": ("time", [1.0, 2.0, 5.0])}, coords={"time": ("time", values, {"units": units})})
    if written:
        source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        source = tmp_path / "a.nc"
    recording = read_recording(source)
    np.testing.assert_allclose(recording.times, times)
    assert recording.time_units == unit
    assert recording.start.startswith(start)
    assert bool(recording.start) == bool(start)


@pytest.mark.parametrize("values", [[0.0, 9.969209968386869e36, 2.0], [0, -9223372036854775806, 2]])
def test_fill_values_among_times_are_named(values, tmp_path):
    source = xr.Dataset(
        {"T": ("time", [1.0, 2.0, 5.0])},
        coords={"time": ("time", np.array(values), {"units": "days since 2020-01-01"})},
    )
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"time": {"_FillValue": None}})
    with pytest.raises(ValueError, match="the time of row 2 is none, a fill value"):
        read_recording(tmp_path / "a.nc")


def test_bounds_never_written_do_not_matter(tmp_path):
    fill = np.full((3, 2), 9.969209968386869e36)
    source = xr.Dataset(
        {"T": ("time", [1.0, 2.0, 5.0]), "time_bnds": (("time", "nv"), fill)},
        coords={"time": ("time", [0.0, 1.0, 2.0], {"units": "days since 2020-01-01", "bounds": "time_bnds"})},
    )
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"time_bnds": {"_FillValue": None}})
    recording = read_recording(tmp_path / "a.nc")
    assert recording.variables == ("T",)
    assert "left out time_bnds: it tells times" in recording.notes


@pytest.mark.parametrize(
    ("dim", "name", "times", "attrs"),
    [
        ("obs", "time", [2.0, 0.0, 8.0], {"units": "days since 2020-01-01"}),
        ("obs", "time", [*DATES[[2, 0]], pd.Timestamp("2020-01-09")], {}),
        ("Time", "Times", ["2020-01-03_00:00:00", "2020-01-01_00:00:00", "2020-01-09_00:00:00"], {}),
        ("Time", "XTIME", [2880.0, 0.0, 11520.0], {"units": "minutes since 2020-01-01 00:00:00"}),
    ],
)
@pytest.mark.parametrize("written", [True, False])
def test_the_time_stands_beside_the_dimension(dim, name, times, attrs, written, tmp_path):
    source = xr.Dataset({"T": (dim, [1.0, 2.0, 5.0]), name: (dim, times, attrs)})
    if written:
        source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        source = tmp_path / "a.nc"
    recording = read_recording(source)
    assert recording.variables == ("T",)
    np.testing.assert_allclose(recording.times, [0, 2, 8])  # sorted, and said
    np.testing.assert_allclose(recording.values[:, 0], [2, 1, 5])
    assert any("sorted" in note for note in recording.notes)


def test_times_as_characters_with_a_gap(tmp_path):
    stamps = [f"2020-01-01_{hour:02d}:00:00" for hour in (0, 1, 2, 11, 12)]
    source = xr.Dataset({"T2": ("Time", np.arange(5.0) ** 2), "Times": ("Time", np.array(stamps, "S19"))})
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    recording = regular(read_recording(tmp_path / "a.nc"), gaps="drop")
    assert (recording.num_rows, recording.time_units) == (13, "h")


@pytest.mark.parametrize("kind", ["nc", "zarr"])
def test_groups(kind, tmp_path):
    path, source = tmp_path / f"a.{kind}", over_days(T=("time", [1.0, 2.0, 5.0, 3.0]))

    def write(group, mode):
        if kind == "nc":
            source.to_netcdf(path, group=group, mode=mode, engine="h5netcdf")
        else:
            source.to_zarr(path, group=group, mode=mode, consolidated=False, zarr_format=2)

    write("measurements", "w")
    recording = read_recording(path)
    assert recording.variables == ("T",)
    assert "variables are read from the group measurements" in recording.notes
    write("raw/first", "a")
    with pytest.raises(ValueError, match=r"are in measurements, raw/first. Name one with `group` \(--group"):
        read_recording(path)
    assert read_recording(path, group="raw/first").num_rows == 4
    with pytest.raises(ValueError, match="`group` must be one of measurements, raw/first; got 'row'"):
        read_recording(path, group="row")


@pytest.mark.parametrize(
    "dim", ["member_id", "realization", "ensemble_id", "draw", "traj", "Ensemble_Member"]
)
def test_members_under_any_usual_name(dim):
    source = xr.Dataset(
        {"tas": ((dim, "time"), np.arange(8.0).reshape(2, 4))},
        coords={"time": DATES, dim: ["r1i1p1f1", "r2i1p1f1"]},
    )
    recording = read_recording(source)
    assert recording.variables == ("tas",)
    np.testing.assert_array_equal(recording.runs, np.repeat([0, 1], 4))


def test_durations_and_truth_are_numbers_or_named():
    source = over_days(
        T=("time", [1.0, 2.0, 5.0, 3.0]),
        wait=("time", pd.to_timedelta([12, 24, 36, 48], unit="h")),
        wet=("time", [True, False, True, True]),
    )
    recording = read_recording(source)
    assert recording.variables == ("T", "wait")
    np.testing.assert_array_equal(recording.values[:, 1], [0.5, 1, 1.5, 2])
    assert recording.variable_units["wait"] == "d"
    assert any(note.startswith("left out wet: it holds true and false") for note in recording.notes)
    np.testing.assert_array_equal(read_recording(source, variables=["wet"]).values[:, 0], [1, 0, 1, 1])


def test_a_variable_in_days_stays_a_number(tmp_path):
    source = over_days(age=("time", [1.0, 2.0, 5.0, 3.0], {"units": "days"}))
    source.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    recording = read_recording(tmp_path / "a.nc")
    np.testing.assert_array_equal(recording.values[:, 0], [1, 2, 5, 3])
    assert recording.variable_units["age"] == "days"


def test_rows_of_stations_and_dates():
    index = pd.MultiIndex.from_product([["A", "B"], DATES], names=["station", "date"])
    recording = read_recording(pd.DataFrame({"T": np.arange(8.0)}, index=index))
    assert recording.variables == ("T",)
    np.testing.assert_array_equal(recording.runs, np.repeat([0, 1], 4))
    np.testing.assert_array_equal(recording.times, np.tile(np.arange(4), 2))
    nameless = pd.DataFrame({"T": np.arange(8.0)}, index=index.set_names([None, "date"]))
    np.testing.assert_array_equal(read_recording(nameless).runs, np.repeat([0, 1], 4))


def test_frames_carry_the_troubles_of_files():
    frame = pd.DataFrame({"YEAR": 2020, "MO": 1, "DY": [1, 2, 3, 9], "T": ["1,5", "2,5", "3,25", "-"]})
    recording = read_recording(frame)
    np.testing.assert_array_equal(recording.times, [0, 1, 2, 8])
    np.testing.assert_array_equal(recording.values[:, 0], [1.5, 2.5, 3.25, NAN])
    counted = pd.DataFrame({"rownames": np.arange(1, 5), "date": DATES, "T": [3.0, 1, 2, 4]})
    assert read_recording(counted).variables == ("T",)
    zoned = pd.DataFrame({"T": [3.0, 1, 2, 4]}, index=DATES.tz_localize("Europe/Berlin"))
    assert read_recording(zoned).start == "2019-12-31T23:00:00"


def test_another_file_under_the_suffix_of_a_table(tmp_path):
    over_days(T=("time", [1.0, 2.0, 5.0, 3.0])).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    (tmp_path / "a.nc").rename(tmp_path / "a.dat")
    assert read_recording(tmp_path / "a.dat").variables == ("T",)
    with h5py.File(tmp_path / "b.nc", "w"):
        pass
    with pytest.raises(ValueError, match="which dimension is time"):
        read_recording(tmp_path / "b.nc")
