"""Datasets (NetCDF, Zarr, xarray) → `Rows`: variables over time, members and the points of fields.

A variable over time and one more dimension is a field: its points become variables of their own, u0, u1, …, with
their positions kept. A dimension of a usual name for members makes runs. Of a large file only the variables that
are wanted are loaded, once it is clear that they can be used.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from kernels.files import readable
from kernels.recordings.choices import Choices
from kernels.recordings.flags import declared_missing, without_flags
from kernels.recordings.names_of_time import MEMBERS, is_named
from kernels.recordings.rows import Rows, require_names
from kernels.recordings.stored_times import find_stored_time, is_about_time
from kernels.recordings.words import listed
from kernels.trajectories.datasets import variable_units
from kernels.trajectories.stores import open_store, require_loadable, store_groups

__all__ = ["UNREADABLE", "dataset_rows", "opened_store"]

UNREADABLE = "{path} must be a NetCDF (.nc), Zarr (a folder), CSV (.csv) or Parquet (.parquet) file; it cannot be read ({error})."


@dataclasses.dataclass(frozen=True)
class _Column:
    name: str
    unit: str
    array: xr.DataArray
    position: Mapping[str, float]


def opened_store(path: Path, choices: Choices, notes: list[str]) -> xr.Dataset:
    """Open a store, or the only group of it that holds variables.

    Raises:
        ValueError: several groups, or not the one that was chosen.
    """
    dataset = open_store(path, UNREADABLE, group=None, decode_times=False)
    if choices.group is None and dataset.data_vars:
        return dataset
    groups = store_groups(path, UNREADABLE)
    chosen = (
        choices.group.strip("/") if choices.group is not None else groups[0] if len(groups) == 1 else None
    )
    if choices.group is not None and chosen not in groups:
        raise ValueError(f"`group` must be one of {listed(groups)}; got {choices.group!r}.")
    if chosen is None and not groups:
        return dataset
    if chosen is None:
        raise ValueError(
            f"variables must be in one group; those of {path} are in {listed(groups)}. Name one with `group` "
            f"(--group {groups[0]})."
        )
    dataset.close()
    notes.append(f"variables are read from the group {chosen}")
    return open_store(path, UNREADABLE, group=chosen, decode_times=False)


def dataset_rows(
    dataset: xr.Dataset,
    variables: Sequence[str] | None,
    time: str | None,
    choices: Choices,
    notes: list[str],
    source: Any = None,
) -> Rows:
    """Find the time of a Dataset, and load its variables.

    Args:
        dataset: opened; of files nothing but coordinates is loaded.
        variables: names of those to read; all numeric ones over time unless given.
        time: name of its dimension or variable; found unless given.
        choices: what was chosen.
        notes: what was understood goes here.
        source: path of the file that it is from, if any.

    Raises:
        ValueError: no time or no variables can be found, or a question that the file does not answer.
    """
    found = find_stored_time(dataset, time, notes)
    dataset = _unstacked(dataset)
    taken = _chosen(dataset, variables, found.dim, found.name, notes)
    arrays = [_known(array, choices, notes) for array in _loaded(taken, source)]
    columns = [column for array in arrays for column in _columns(array, found.dim)]
    member = next((d for d in columns[0].array.dims if _is_member(d)), None)
    stacked = [_rows(column, found.dim, member) for column in columns]
    num_runs = stacked[0].size // found.times.size
    if num_runs > 1:
        notes.append(f"{member} tells {num_runs} series apart: each is a run of its own")
    return Rows(
        values=np.stack(stacked, axis=1),
        times=np.tile(found.times, num_runs),
        runs=np.repeat(np.arange(num_runs), found.times.size),
        variables=tuple(column.name for column in columns),
        time_units=found.units,
        units={column.name: column.unit for column in columns if column.unit},
        positions={column.name: column.position for column in columns if column.position},
    )


def _is_member(dim: Any) -> bool:
    return is_named(dim, MEMBERS)


def _unstacked(dataset: xr.Dataset) -> xr.Dataset:
    """Split an ensemble state(sample, time, variable) into one variable each."""
    if "state" not in dataset or "variable" not in dataset["state"].dims:
        return dataset
    units = variable_units(dataset)
    names = [str(name) for name in dataset["variable"].values]
    split = {name: dataset["state"].sel(variable=name, drop=True) for name in names}
    return xr.Dataset({n: a.assign_attrs(units=units.get(n, "")) for n, a in split.items()})


def _chosen(
    dataset: xr.Dataset, variables: Sequence[str] | None, time: str, told_by: str, notes: list[str]
) -> list[xr.DataArray]:
    """Variables to read, checked but not loaded."""
    over_time = [str(n) for n in dataset.data_vars if time in dataset[n].dims and n != told_by]
    if variables is None:
        reasons = {name: _no_variable(dataset[name]) for name in over_time}
        for name, reason in reasons.items():
            if reason:
                notes.append(f"left out {name}: {reason}")
        others = [str(name) for name in dataset.data_vars if time not in dataset[name].dims]
        if others:
            notes.append(f"left out {listed(others)}: not over time")
        wanted = [name for name, reason in reasons.items() if not reason]
    else:
        wanted = require_names(variables, over_time)
    if not wanted:
        raise ValueError(f"no numeric variable depends on {time!r}; there are {listed(dataset.data_vars)}.")
    for name in wanted:
        if dataset[name].dtype.kind not in "fiumb":
            raise ValueError(
                f"variable {name!r} must be numeric; it is {dataset[name].dtype}. Convert it, or leave it out."
            )
    return [_series(dataset[name], time) for name in wanted]


def _no_variable(array: xr.DataArray) -> str:
    """Reason why a variable is left out unless it is asked for; empty where there is none."""
    if is_about_time(array):
        return "it tells times"
    if array.dtype.kind == "b":
        return "it holds true and false; name it in `variables` (--variables) to take it as 1 and 0"
    return "" if array.dtype.kind in "fium" else f"it is no number ({array.dtype})"


def _series(array: xr.DataArray, time: str) -> xr.DataArray:
    """Drop dimensions of length 1. Raises ValueError if too many are left."""
    array = array.squeeze([dim for dim in array.dims if dim != time and array.sizes[dim] == 1], drop=True)
    if len(_places(array, time)) > 1:
        raise ValueError(
            f"variable {str(array.name)!r} must depend on time and at most one more dimension; it has "
            f"{tuple(array.dims)}. Select or average first, as in `dataset.isel(level=0)`."
        )
    return array


def _places(array: xr.DataArray, time: str) -> list[str]:
    """Dimensions other than those of time and runs."""
    return [str(d) for d in array.dims if d != time and not _is_member(d)]


def _loaded(arrays: list[xr.DataArray], source: Any) -> list[xr.DataArray]:
    """Load the numbers of variables, and drop coordinates that are no axis."""
    arrays = [array.reset_coords(drop=True) for array in arrays]
    if source is None:
        return [array.compute() for array in arrays]
    require_loadable(arrays, source)
    with readable(Path(source), UNREADABLE):
        return [array.compute() for array in arrays]


def _known(array: xr.DataArray, choices: Choices, notes: list[str]) -> xr.DataArray:
    """Variable as floats, with NaN for what means "missing"."""
    name, values = str(array.name), array.values
    if values.dtype.kind == "m":
        notes.append(f"{name}: durations are taken in days")
        return array.copy(data=values / np.timedelta64(86_400, "s")).assign_attrs(units="d")
    values = declared_missing(name, values, array.attrs, array.encoding, notes)
    return array.copy(data=without_flags(name, values, choices, notes))


def _columns(array: xr.DataArray, time: str) -> Iterator[_Column]:
    """Column of a variable, or one column for each point of a field."""
    name, unit = str(array.name), str(array.attrs.get("units", ""))
    others = _places(array, time)
    if not others:
        yield _Column(name, unit, array, {})
        return
    dim = others[0]
    places = array[dim].values if dim in array.coords else np.arange(array.sizes[dim])
    for i, place in enumerate(places):
        position = {dim: float(place)} if np.issubdtype(np.asarray(places).dtype, np.number) else {}
        yield _Column(f"{name}{i}", unit, array.isel({dim: i}, drop=True), position)


def _rows(column: _Column, time: str, member: Any) -> Float[np.ndarray, " row"]:
    dims = (time,) if member is None else (member, time)
    if set(column.array.dims) != set(dims):
        raise ValueError(
            f"all variables must have the same dimensions; {column.name!r} has {tuple(column.array.dims)}, "
            f"others {dims}. Select or average first."
        )
    return np.asarray(column.array.transpose(*dims).values, np.float64).reshape(-1)
