"""Datasets of trajectories: the boundary between xarray and arrays.

`to_dataset` and `to_array` cross the boundary between an ensemble (sample, time, variable) in physical
units and `state(sample, time, variable)` with names, times and units; `read_dataset` and `write_dataset`
open and keep one as NetCDF or Zarr. Recordings are read in `kernels.recordings.reading`; what draws and
estimates works on arrays.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from kernels.files import parse_json, readable, replacing
from kernels.trajectories.layout import Layout
from kernels.trajectories.stores import open_store, require_loadable

__all__ = [
    "dataset_layout",
    "known_points",
    "read_dataset",
    "require_writable",
    "sample_array",
    "to_array",
    "to_dataset",
    "variable_units",
    "without_booleans",
    "write_dataset",
]

UNREADABLE = "{path} is no readable NetCDF file or Zarr store ({error})."


def to_dataset(
    states: np.ndarray, layout: Layout, *, attrs: Mapping[str, Any] | None = None, **per_sample: Any
) -> xr.Dataset:
    """Wrap an ensemble (sample, time, variable) with names, times and units.

    Args:
        states: trajectories in physical units.
        layout: what the axes mean.
        attrs: provenance; values must be strings or numbers.
        **per_sample: further variables (sample,), for example `weight`.
    """
    states = np.asarray(states)
    data: dict[str, Any] = {"state": (("sample", "time", "variable"), states)}
    data |= {name: ("sample", np.asarray(value)) for name, value in per_sample.items()}
    dataset = xr.Dataset(
        data,
        coords={
            "sample": np.arange(states.shape[0]),
            "time": ("time", np.array(layout.times), {"units": layout.time_units, "long_name": "time"}),
            "variable": list(layout.variables),
        },
        attrs={"variable_units": json.dumps({k: layout.variable_units.get(k, "") for k in layout.variables})},
    )
    dataset["state"].attrs["long_name"] = "state of the system"
    return dataset.assign_attrs(attrs or {})


def sample_array(values: np.ndarray, name: str, *, units: str, **coordinates: np.ndarray) -> xr.DataArray:
    """DataArray of one number per sample, with further numbers as coordinates."""
    coords = {"sample": np.arange(len(values))} | {k: ("sample", v) for k, v in coordinates.items()}
    return xr.DataArray(values, dims="sample", coords=coords, name=name, attrs={"units": units})


def to_array(dataset: xr.Dataset, layout: Layout) -> np.ndarray:
    """Ensemble (sample, time, variable) of a Dataset, variables in the layout's order.

    Raises:
        ValueError: `state` or a dimension is missing, names or times differ, or values are not finite.
    """
    if "state" not in dataset:
        raise ValueError(
            "the dataset must have a variable `state(sample, time, variable)`; it has "
            + ", ".join(map(str, dataset.data_vars))
            + "."
        )
    state = dataset["state"]
    missing = {"time", "variable"} - set(map(str, state.dims))
    if missing:
        raise ValueError(f"`state` must have dimensions (sample, time, variable); {sorted(missing)} missing.")
    if "sample" not in state.dims:
        state = state.expand_dims("sample")
    if state.ndim > 3:
        raise ValueError(
            f"`state` must have dimensions (sample, time, variable); it has {state.dims}. Select first."
        )
    names = [str(name) for name in state["variable"].values]
    if set(layout.variables) - set(names):
        raise ValueError(
            f"the dataset must have the variables {', '.join(layout.variables)}; it has {', '.join(names)}."
        )
    if len(set(names)) != len(names):
        raise ValueError(f"the dataset's variables must have distinct names; it has {', '.join(names)}.")
    order = [names.index(name) for name in layout.variables]
    state = state.isel(variable=order).transpose("sample", "time", "variable")
    times = _times(state)
    if times.shape != layout.times.shape or not np.allclose(times, layout.times, atol=1e-6 * layout.step):
        raise ValueError(
            f"the dataset's times must be the layout's {layout.num_times} times from {layout.times[0]:g} "
            f"to {layout.times[-1]:g}; interpolate or cut it first."
        )
    return _require_finite(np.asarray(state.values))


def variable_units(dataset: xr.Dataset) -> dict[str, str]:
    """Unit of each variable that a Dataset written by `to_dataset` names.

    Raises:
        ValueError: its attribute `variable_units` is no JSON object of texts.
    """
    words = "the attribute `variable_units` of the dataset must be a JSON object of texts ({error})."
    units = parse_json(dataset.attrs.get("variable_units", "{}"), words)
    if not isinstance(units, dict) or not all(isinstance(unit, str) for unit in units.values()):
        raise ValueError(words.format(error=f"it is {str(units)[:40]!r}"))
    return units


def _require_finite(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"`state` must hold real numbers; it holds {values.dtype}. Convert it.")
    bad = ~np.isfinite(values)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"every value must be finite; {int(bad.sum())} are NaN or infinite, the first at "
            f"(sample, time, variable) = {first}. Drop those samples "
            "(`dataset.dropna('sample')`) or interpolate."
        )
    return values


def dataset_layout(dataset: xr.Dataset) -> Layout:
    """Layout that a Dataset written by `to_dataset` describes."""
    if "state" not in dataset or not {"time", "variable"} <= set(map(str, dataset["state"].dims)):
        raise ValueError("the dataset must have a variable `state(sample, time, variable)`.")
    return Layout(
        variables=tuple(str(v) for v in dataset["variable"].values),
        times=_times(dataset),
        time_units=str(dataset["time"].attrs.get("units", "")),
        variable_units=variable_units(dataset),
    )


def _times(dataset: xr.Dataset | xr.DataArray) -> np.ndarray:
    times = dataset["time"].values
    if times.dtype.kind not in "fiu":
        raise ValueError(f"the dataset's times must be numbers; they are {times.dtype}. Convert them.")
    return times.astype(np.float64)


def known_points(dataset: xr.Dataset, layout: Layout) -> list[tuple[str, float, float, float | None]]:
    """Known numbers of one, partly known, trajectory.

    Args:
        dataset: `state(time, variable)` at some of the layout's times and variables, NaN where nothing
            is known; an optional `tolerance`, a number or of the same dimensions.
        layout: which names and times there are.

    Returns:
        (variable, time since the layout's first, value, tolerance or None) of each.

    Raises:
        ValueError: dimensions, names or times that the layout does not have.
    """
    state = dataset.get("state")
    if state is not None and "sample" in state.dims and state.sizes["sample"] == 1:
        state = state.isel(sample=0)
    if state is None or set(state.dims) != {"time", "variable"}:
        raise ValueError(
            "a Dataset of known points must have a variable `state(time, variable)` of one trajectory."
        )
    tolerance = dataset["tolerance"].broadcast_like(state) if "tolerance" in dataset else None
    points = []
    for time in state["time"].values:
        gap = float(np.min(np.abs(layout.times - float(time))))
        if gap > 1e-6 * layout.step:
            raise ValueError(
                f"known points must lie at the layout's times; {float(time):g} does not. Interpolate first."
            )
        for name in map(str, state["variable"].values):
            layout.index(name)
            value = float(state.sel(time=time, variable=name))
            if np.isfinite(value):
                width = None if tolerance is None else float(tolerance.sel(time=time, variable=name))
                points.append((name, float(time) - float(layout.times[0]), value, width))
    return points


def write_dataset(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a Dataset as NetCDF (.nc) or Zarr (.zarr).

    Boolean variables become 0 and 1 in NetCDF.

    Raises:
        ValueError: another ending, or a folder that does not exist.
    """
    path = Path(path)
    require_writable(path)
    if path.suffix == ".zarr":
        names = dataset["variable"].astype(object)  # Zarr 3 specifies text of any length only
        dataset.assign_coords(variable=names).to_zarr(path, mode="w", consolidated=False)
    else:  # made in memory: HDF5 on a disk that is full ends in a segmentation fault
        with replacing(path) as (new,):
            new.write_bytes(without_booleans(dataset).to_netcdf(engine="h5netcdf"))


def require_writable(path: Path) -> None:
    """Raise ValueError if `write_dataset` could not write; ask before long work."""
    if path.suffix not in (".nc", ".zarr"):
        raise ValueError(f"`path` must end with .nc (NetCDF) or .zarr; got {path.name!r}.")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"the folder of `path` must exist; there is no {path.absolute().parent}.")


def without_booleans(dataset: xr.Dataset) -> xr.Dataset:
    """Dataset with 0 and 1 in place of Booleans, which NetCDF lacks."""
    flags = {name: dataset[name].astype("i1") for name in dataset.data_vars if dataset[name].dtype == bool}
    return dataset.assign(flags)


def read_dataset(path: str | Path) -> xr.Dataset:
    """Open trajectories from a NetCDF file or a Zarr store, checked to be finite.

    Raises:
        ValueError: the file is missing, unreadable, or holds NaN; the message names the remedy.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(
            f"no file or store at {path}. Check the path; NetCDF files and Zarr stores are read."
        )
    with open_store(path, UNREADABLE) as opened:
        require_loadable([opened[name] for name in opened.data_vars], path)
        with readable(path, UNREADABLE):
            dataset = opened.load()
    if "state" in dataset:
        _require_finite(np.asarray(dataset["state"].values))
    return dataset
