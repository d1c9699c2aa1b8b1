"""Stores from outside: nothing is read that is too large, lies elsewhere, runs code, or never ends."""

import json
import os
import shutil
import struct

import h5py
import numpy as np
import pytest
import xarray as xr

from kernels.recordings.reading import read_recording
from kernels.trajectories.datasets import dataset_layout, read_dataset, variable_units


def record(rows=50):
    return xr.Dataset({"T": ("time", np.arange(1.0 * rows))}, coords={"time": np.arange(1.0 * rows)})


def scaled(file, name, shape, **storage):
    """An array over a time, and places, of its own."""
    array = file.create_dataset(name, shape, "f8", **storage)
    for dim, (axis, size) in enumerate(zip(("time", "place"), shape, strict=False)):
        scale = file.create_dataset(axis, data=np.arange(1.0 * size))
        scale.make_scale(axis)
        array.dims[dim].attach_scale(scale)
    return array


def test_what_a_small_file_declares_is_not_loaded_if_it_is_large(tmp_path):
    with h5py.File(tmp_path / "bomb.nc", "w") as file:
        scaled(file, "T", (200_000, 200_000), chunks=(100, 100), compression="gzip")
    for read in (read_recording, read_dataset):
        with pytest.raises(ValueError, match=r"bomb.nc must take at most 2 GB.*variable 'T' has 320 GB"):
            read(tmp_path / "bomb.nc")
    with h5py.File(tmp_path / "axis.nc", "w") as file:
        file.create_dataset("time", (10**12,), "f8", chunks=(1000,)).make_scale("time")
    with pytest.raises(ValueError, match=r"axis.nc must take at most 2 GB.*variable 'time' has 8e\+03 GB"):
        read_recording(tmp_path / "axis.nc")
    with h5py.File(tmp_path / "crumbs.nc", "w") as file:
        scaled(file, "T", (4000, 5000), chunks=(1, 1))
    with pytest.raises(
        ValueError, match=r"crumbs.nc must hold variables of at most 1000000 chunks; 'T' has 20000000"
    ):
        read_recording(tmp_path / "crumbs.nc")


def test_a_zarr_store_that_declares_much(tmp_path):
    record().to_zarr(tmp_path / "a.zarr", consolidated=False, zarr_format=2)
    for name, words in (("T", "variable 'T' has 8e"), ("time", "variable 'time' has 8e")):
        store = shutil.copytree(tmp_path / "a.zarr", tmp_path / f"{name}.zarr")
        about = json.loads((store / name / ".zarray").read_text())
        (store / name / ".zarray").write_text(json.dumps(about | {"shape": [10**12]}))
        with pytest.raises(ValueError, match=rf"{name}.zarr must take at most 2 GB.*{words}"):
            read_recording(store)
        (store / name / ".zarray").write_text(json.dumps(about | {"chunks": [10**12]}))
        with pytest.raises(
            ValueError, match=rf"{name}.zarr must take at most 2 GB.*a chunk of variable '{name}'"
        ):
            read_recording(store)


def test_the_limit_can_be_raised(tmp_path, monkeypatch):
    record().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    monkeypatch.setenv("DIFFUSE_UI_MAX_GB", "1e-7")
    with pytest.raises(
        ValueError, match=r"a.nc must take at most 1e-07 GB of memory; .*set DIFFUSE_UI_MAX_GB"
    ):
        read_recording(tmp_path / "a.nc")
    monkeypatch.setenv("DIFFUSE_UI_MAX_GB", "1e-3")
    assert read_recording(tmp_path / "a.nc").num_rows == 50


def test_a_file_holds_its_data_itself(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(range(32)))
    with h5py.File(tmp_path / "raw.nc", "w") as file:
        scaled(file, "T", (4,), external=[(str(tmp_path / "secret"), 0, 32)])
    with h5py.File(tmp_path / "link.nc", "w") as file:
        scaled(file, "T", (4,))
        file["other"] = h5py.ExternalLink("raw.nc", "/T")
    with h5py.File(tmp_path / "virtual.nc", "w") as file:
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "raw.nc", "T", (4,))
        file.create_virtual_dataset("T", layout)
    for name in ("raw", "link", "virtual"):
        with pytest.raises(
            ValueError, match=rf"{name}.nc must hold its data itself; '\w+' lies in another file"
        ):
            read_recording(tmp_path / f"{name}.nc")


def test_groups_that_hold_themselves_come_to_an_end(tmp_path):
    record().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with h5py.File(tmp_path / "a.nc", "a") as file:
        file["inner"] = file["/"]
        file["soft"] = h5py.SoftLink("/")
        file["nowhere"] = h5py.SoftLink("/gone")
    with pytest.raises(ValueError, match=r"a.nc must be a NetCDF.*it cannot be read"):
        read_recording(tmp_path / "a.nc")


@pytest.mark.parametrize("number", [0, 5])
def test_a_heap_that_the_library_would_never_leave(tmp_path, number):
    path = tmp_path / "a.nc"
    record().to_netcdf(path, engine="h5netcdf")
    assert read_recording(path).num_rows == 50
    content = bytearray(path.read_bytes())
    start = content.find(b"GCOL\x01")
    assert start > 0
    struct.pack_into("<H6xQ", content, start + 16, number, 2**64 - 16 if number else 0)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a.nc is damaged \(its heap at byte {start}\)"):
        read_recording(path)


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices of Unix")
def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    record().to_zarr(tmp_path / "a.zarr", consolidated=False, zarr_format=2)
    (tmp_path / "a.zarr" / "T" / "0").unlink()
    os.mkfifo(tmp_path / "a.zarr" / "T" / "0")
    with pytest.raises(ValueError, match=r"a.zarr must hold files only; '0' is none"):
        read_recording(tmp_path / "a.zarr")
    for name in ("zero.nc", "zero.csv", "zero.parquet"):
        (tmp_path / name).symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.nc", "zero.csv", "zero.parquet"):
        with pytest.raises(ValueError, match=rf"{name} must be a file; it is a folder, a device or a pipe"):
            read_recording(tmp_path / name)
    with pytest.raises(ValueError, match=r"zero.nc must be a file"):
        read_dataset(tmp_path / "zero.nc")


@pytest.mark.parametrize("place", ["compressor", "filters"])
def test_a_store_of_programs_is_not_run(tmp_path, place):
    record().to_zarr(tmp_path / "a.zarr", consolidated=False, zarr_format=2)
    about = json.loads((tmp_path / "a.zarr/T/.zarray").read_text())
    codec = {"id": "pickle", "protocol": 5}
    about[place] = [codec] if place == "filters" else codec
    (tmp_path / "a.zarr/T/.zarray").write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"a.zarr holds programs"):
        read_recording(tmp_path / "a.zarr")


def test_attributes_of_other_kinds(tmp_path):
    dataset = xr.Dataset(
        {"state": (("sample", "time", "variable"), np.zeros((1, 3, 1)))},
        coords={"time": [0.0, 1.0, 2.0], "variable": ["x"]},
    )
    for units in ("{", "[]", '{"x": 3}', 5, "NaN"):
        with pytest.raises(
            ValueError, match="`variable_units` of the dataset must be a JSON object of texts"
        ):
            variable_units(dataset.assign_attrs(variable_units=units))
    assert variable_units(dataset) == {}
    with pytest.raises(ValueError, match="the dataset's times must be numbers; they are <U1"):
        dataset_layout(dataset.assign_coords(time=["a", "b", "c"]))
