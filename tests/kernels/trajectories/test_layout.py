import dataclasses

import jax
import numpy as np
import pytest
import xarray as xr

from kernels.trajectories import standardizer as standardizer_module
from kernels.trajectories.datasets import (
    dataset_layout,
    known_points,
    read_dataset,
    to_array,
    to_dataset,
    write_dataset,
)
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

LAYOUT = Layout(variables=("x", "y"), times=np.arange(5) * 0.5, time_units="s", variable_units={"x": "m"})


@pytest.fixture
def states():
    return np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)


def test_a_dataset_and_back(states):
    dataset = to_dataset(states, LAYOUT, attrs={"source": "test"}, weight=np.ones(3))
    assert dataset["state"].dims == ("sample", "time", "variable")
    assert dataset["time"].attrs["units"] == "s"
    assert dataset.attrs["source"] == "test"
    np.testing.assert_array_equal(to_array(dataset, LAYOUT), states)
    assert dataset_layout(dataset) == LAYOUT


def test_variables_and_dimensions_in_any_order(states):
    dataset = to_dataset(states, LAYOUT).isel(variable=[1, 0]).transpose("variable", "sample", "time")
    np.testing.assert_array_equal(to_array(dataset, LAYOUT), states)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_files_keep_everything(states, tmp_path, suffix):
    dataset = to_dataset(states, LAYOUT, satisfied=np.array([True, False, True]))
    write_dataset(dataset, tmp_path / f"run{suffix}")
    again = read_dataset(tmp_path / f"run{suffix}")
    np.testing.assert_array_equal(to_array(again, LAYOUT), states)
    np.testing.assert_array_equal(again["satisfied"].values.astype(bool), [True, False, True])
    assert dataset_layout(again) == LAYOUT


def test_nan_is_named_with_its_place_and_a_remedy(states, tmp_path):
    states[1, 2, 0] = np.nan
    dataset = to_dataset(states, LAYOUT)
    with pytest.raises(ValueError, match=r"\(1, 2, 0\).*dropna"):
        to_array(dataset, LAYOUT)
    write_dataset(dataset, tmp_path / "bad.nc")
    with pytest.raises(ValueError, match="NaN or infinite"):
        read_dataset(tmp_path / "bad.nc")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.rename(state="other"), "must have a variable `state"),
        (lambda d: d.isel(time=slice(0, 3)), "times must be the layout's"),
        (lambda d: d.isel(variable=[0]), "must have the variables x, y"),
        (lambda d: d.assign_coords(time=d.time + 0.1), "times must be the layout's"),
    ],
)
def test_a_dataset_that_does_not_fit(states, change, words):
    with pytest.raises(ValueError, match=words):
        to_array(change(to_dataset(states, LAYOUT)), LAYOUT)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="no file or store"):
        read_dataset(tmp_path / "missing.nc")
    (tmp_path / "text.nc").write_text("no NetCDF")
    with pytest.raises(ValueError, match="no readable NetCDF"):
        read_dataset(tmp_path / "text.nc")
    with pytest.raises(ValueError, match=r"must end with \.nc"):
        write_dataset(xr.Dataset(), tmp_path / "run.csv")
    with pytest.raises(ValueError, match="folder of `path` must exist"):
        write_dataset(xr.Dataset(), tmp_path / "nowhere" / "run.nc")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"variables": ()}, "distinct names"),
        ({"variables": ("x", "x")}, "distinct names"),
        ({"times": [0.0, 0.0]}, "increasing"),
        ({"times": [0.0, np.nan]}, "increasing, finite"),
        ({"times": []}, "non-empty"),
    ],
)
def test_layouts_that_make_no_sense(fields, words):
    with pytest.raises(ValueError, match=words):
        Layout(**({"variables": ("x",), "times": [0.0, 1.0]} | fields))


def test_an_unknown_variable_lists_those_there_are():
    with pytest.raises(ValueError, match=r"unknown variable 'w'.*x, y"):
        LAYOUT.index("w")


def test_the_standardizer_inverts_and_knows_its_determinant(states):
    standardizer = Standardizer.fit(10.0 + 3.0 * states)
    x0 = np.asarray(standardizer.standardize(10.0 + 3.0 * states))
    np.testing.assert_allclose(x0.reshape(-1, 2).std(0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(standardizer.unstandardize(x0), 10.0 + 3.0 * states, rtol=1e-5)
    jacobian = np.diag(np.tile(1.0 / np.asarray(standardizer.scale), 5))
    np.testing.assert_allclose(standardizer.log_det(5), np.linalg.slogdet(jacobian)[1], rtol=1e-5)


def test_an_ensemble_is_standardised_in_parts(states, monkeypatch):
    standardizer = Standardizer.fit(states)
    monkeypatch.setattr(standardizer_module, "_CHUNK", 2)
    found = standardizer.standardize_ensemble(states.astype(np.float64))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, standardizer.standardize(states))


def test_a_constant_variable_cannot_be_standardised(states):
    states[:, :, 1] = 2.0
    with pytest.raises(ValueError, match="vary in time"):
        Standardizer.fit(states)


def test_known_points_of_a_partly_known_trajectory():
    dataset = xr.Dataset(
        {"state": (("time", "variable"), [[1.0, np.nan], [np.nan, 2.0]]), "tolerance": 0.1},
        coords={"time": [0.0, 1.5], "variable": ["x", "y"]},
    )
    assert known_points(dataset, LAYOUT) == [("x", 0.0, 1.0, 0.1), ("y", 1.5, 2.0, 0.1)]
    later = dataclasses.replace(LAYOUT, times=LAYOUT.times + 3.0)
    moved = known_points(dataset.assign_coords(time=dataset["time"] + 3.0), later)
    assert moved == known_points(dataset, LAYOUT)  # events count from the first time
    with pytest.raises(ValueError, match="must lie at the layout's times"):
        known_points(dataset.assign_coords(time=[0.0, 1.4]), LAYOUT)
    with pytest.raises(ValueError, match="unknown variable"):
        known_points(dataset.assign_coords(variable=["x", "w"]), LAYOUT)


def test_drifting_variables_are_seen_as_increments_and_come_back(states):
    """The map is exact, causal, and of determinant 1 / scale, whatever the drift."""
    drifting = states.astype(np.float64) + np.arange(5)[:, None] * np.array([100.0, 0.0])
    standardizer = Standardizer.fit(drifting, increments=[True, False])
    x0 = np.asarray(standardizer.standardize(drifting.astype(np.float32)))
    np.testing.assert_allclose(standardizer.unstandardize(x0), drifting, rtol=1e-5, atol=1e-3)
    scale, mean = np.asarray(standardizer.scale), np.asarray(standardizer.mean)
    np.testing.assert_allclose(
        x0[:, 1:, 0] * scale[0] + mean[0], np.diff(drifting[:, :, 0], axis=1), atol=1e-3
    )
    np.testing.assert_allclose(x0[:, :, 1] * scale[1] + mean[1], drifting[:, :, 1], atol=1e-5)
    start = np.asarray(standardizer.standardize(drifting[:, :2].astype(np.float32)))
    np.testing.assert_allclose(start, x0[:, :2], atol=1e-5)
    jacobian = jax.jacobian(lambda x: standardizer.standardize(x))(np.zeros((5, 2), np.float32))
    sign, log_det = np.linalg.slogdet(np.asarray(jacobian).reshape(10, 10))
    np.testing.assert_allclose((sign, log_det), (1.0, standardizer.log_det(5)), rtol=1e-4)
    assert Standardizer.fit(drifting, increments=[False, False]).increments is None
