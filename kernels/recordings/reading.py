"""Reading: a file, Dataset or table → `Recording`, on the boundary of xarray and arrays.

NetCDF, Zarr, CSV and Parquet are read. Times become numbers since the first row, in seconds, minutes,
hours or days, whichever suits the step; names and units are kept. A variable over time and one more
dimension is a field: its points become variables of their own, u0, u1, …, with their positions kept.
Of a large file only the variables that are wanted are loaded, once it is clear that they can be used.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from kernels.files import readable
from kernels.recordings.dates import TIME_NAMES, as_times, is_moment, sounds_like_time
from kernels.recordings.tables import NOT_NUMERIC, listed, read_table, table_dataset
from kernels.recordings.units import split_heading
from kernels.trajectories.datasets import variable_units
from kernels.trajectories.stores import open_store, require_loadable

__all__ = ["Recording", "read_recording"]

SAMPLE_NAMES = (
    *("sample", "run", "member", "trajectory", "realization", "realisation", "replicate", "number"),
    *("ensemble", "ens", "ensemble_member", "samples", "runs", "members", "trajectories"),
)
UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))  # the longest not above the step is used
UNREADABLE = "{path} must be a NetCDF (.nc), Zarr (a folder), CSV (.csv) or Parquet (.parquet) file; it cannot be read ({error})."


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Recording: rows of numbers over time.

    Attributes:
        values: (row, variable), physical units; NaN where nothing was measured.
        times: (row,), since the first row, in `time_units`; increasing within a run.
        runs: (row,), number of the run that a row belongs to; one recording may hold several.
        variables: names.
        time_units: "s", "min", "h", "d", or what a numeric time axis says.
        variable_units: unit of each variable; those that are not listed have none.
        start: date and time of the first row, ISO 8601; empty where times are plain numbers.
        calendar: of dates that are not those of everyday life, as "noleap" of a climate model; else empty.
        source: where it comes from.
        positions: of the points of fields, variable → {coordinate: value}.
    """

    values: Float[np.ndarray, "row variable"]
    times: Float[np.ndarray, " row"]
    runs: Int[np.ndarray, " row"]
    variables: tuple[str, ...]
    time_units: str = ""
    variable_units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    start: str = ""
    calendar: str = ""
    source: str = ""
    positions: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def num_rows(self) -> int:
        return len(self.values)


def read_recording(
    source: str | Path | xr.Dataset | Any, *, variables: Sequence[str] | None = None, time: str | None = None
) -> Recording:
    """Read a recording.

    Args:
        source: path of a NetCDF file (.nc), Zarr store, CSV or Parquet file; or a Dataset or DataFrame.
        variables: which to keep, in this order; all numeric ones over time unless given.
        time: name of the time dimension or column; found by its name or its type unless given.

    Raises:
        ValueError: no such file, variable or time; text among the numbers; dates that can be read in two
            ways; times that do not increase; no rows.
    """
    with _opened(source, time) as opened:
        name = _time_name(opened, time)
        dataset = _unstacked(opened)
        if name not in dataset.dims:
            raise ValueError(f"`time` must be a dimension; {name!r} is none. Use `dataset.swap_dims`.")
        if dataset.sizes[name] == 0:
            raise ValueError(f"a recording must have rows; its dimension {name!r} is empty.")
        chosen = _loaded(_chosen(dataset, variables, name), source)
        order = dataset[name].values if name in dataset.coords else np.arange(dataset.sizes[name])
        unit = str(dataset[name].attrs.get("units", "")) if name in dataset.coords else ""
    columns = [column for array in chosen for column in _columns(array, name)]
    sample = next((d for d in columns[0].array.dims if _is_sample(d)), None)
    stacked = [_rows(column, name, sample) for column in columns]
    num_runs = stacked[0].size // order.size
    order = as_times(np.asarray(order), name)
    times, units, start = _numbers(order, unit)
    return Recording(
        values=np.stack(stacked, axis=1),
        times=np.tile(times, num_runs),
        runs=np.repeat(np.arange(num_runs), order.size),
        variables=tuple(column.name for column in columns),
        time_units=units,
        variable_units={column.name: column.unit for column in columns if column.unit},
        start=start,
        calendar=str(getattr(order[0], "calendar", "")),
        source=str(source) if isinstance(source, str | Path) else f"a {type(source).__name__} in memory",
        positions={column.name: column.position for column in columns if column.position},
    )


@dataclasses.dataclass(frozen=True)
class _Column:
    name: str
    unit: str
    array: xr.DataArray
    position: Mapping[str, float]


@contextmanager
def _opened(source: Any, time: str | None) -> Iterator[xr.Dataset]:
    """Open a source as a Dataset; of files only the coordinates are loaded."""
    if isinstance(source, xr.Dataset):
        yield source
    elif isinstance(source, xr.DataArray):
        yield source.to_dataset(name=source.name or "x")
    elif not isinstance(source, str | Path):
        yield table_dataset(source, time)
    elif not Path(source).exists():
        raise ValueError(f"no file or store at {Path(source)}. NetCDF, Zarr, CSV and Parquet are read.")
    elif Path(source).suffix in (".csv", ".parquet"):
        yield table_dataset(read_table(Path(source)), time)
    else:
        with open_store(Path(source), UNREADABLE) as opened:
            yield opened


def _loaded(arrays: list[xr.DataArray], source: Any) -> list[xr.DataArray]:
    """Load the numbers of variables, and drop coordinates that are no axis."""
    arrays = [array.reset_coords(drop=True) for array in arrays]
    if not isinstance(source, str | Path):
        return [array.compute() for array in arrays]
    require_loadable(arrays, source)
    with readable(Path(source), UNREADABLE):
        return [array.compute() for array in arrays]


def _is_sample(dim: Any) -> bool:
    return str(dim).lower() in SAMPLE_NAMES


def _time_name(dataset: xr.Dataset, time: str | None) -> str:
    dims = [str(dim) for dim in dataset.dims]
    if time is not None:
        time = time if time in dims else split_heading(time)[0]
        if time not in dims:
            raise ValueError(f"`time` must be one of the dimensions {listed(dims)}; got {time!r}.")
        return time
    dated = [d for d in dims if d in dataset.coords and _is_dated(dataset[d])]
    named = [d for d in dims if d.lower() in TIME_NAMES]
    worded = [d for d in dims if sounds_like_time(d)]
    for found in (dated, named, worded, dims):
        if len(found) == 1:
            return found[0]
    raise ValueError(f"which dimension is time? There are {listed(dims)}. Name it with `time` (--time).")


def _is_dated(axis: xr.DataArray) -> bool:
    return axis.dtype.kind == "M" or (axis.dtype == object and axis.size > 0 and is_moment(axis.values[0]))


def _unstacked(dataset: xr.Dataset) -> xr.Dataset:
    """Split an ensemble state(sample, time, variable) into one variable each."""
    if "state" not in dataset or "variable" not in dataset["state"].dims:
        return dataset
    units = variable_units(dataset)
    names = [str(name) for name in dataset["variable"].values]
    split = {name: dataset["state"].sel(variable=name, drop=True) for name in names}
    return xr.Dataset(
        {n: a.assign_attrs(units=units.get(n, "")) for n, a in split.items()},
        coords={"time": dataset["time"]},
    )


def _chosen(dataset: xr.Dataset, variables: Sequence[str] | None, time: str) -> list[xr.DataArray]:
    """Variables to read, checked but not loaded."""
    over_time = [n for n in dataset.data_vars if time in dataset[n].dims]
    numeric = [n for n in over_time if dataset[n].dtype.kind in "fiu"]
    if variables is None:
        for name in (name for name in over_time if name not in numeric):
            _require_no_numbers(dataset[name])
        wanted: list[Any] = numeric
    else:
        wanted = [str(name).strip() for name in variables]
        unknown = [name for name in wanted if name not in over_time]
        if unknown or len(set(wanted)) != len(wanted):
            raise ValueError(
                f"`variables` must be distinct names out of {listed(over_time)}; got {listed(wanted)}."
            )
    if not wanted:
        raise ValueError(f"no numeric variable depends on {time!r}; there are {listed(dataset.data_vars)}.")
    for name in wanted:
        if dataset[name].dtype.kind not in "fiu":
            _require_no_numbers(dataset[name])
            raise ValueError(
                f"variable {name!r} must be numeric; it is {dataset[name].dtype}. Convert it, or leave it out."
            )
    return [_series(dataset[name], time) for name in wanted]


def _require_no_numbers(array: xr.DataArray) -> None:
    """Raise ValueError if a variable is measurements with some text among them."""
    trouble = array.attrs.get(NOT_NUMERIC)
    if trouble:
        raise ValueError(
            f"variable {str(array.name)!r} must be numeric; {trouble}. Or leave it out: name the others "
            "with `variables` (--variables)."
        )


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
    return [str(d) for d in array.dims if d != time and not _is_sample(d)]


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


def _rows(column: _Column, time: str, sample: Any) -> Float[np.ndarray, " row"]:
    dims = (time,) if sample is None else (sample, time)
    if set(column.array.dims) != set(dims):
        raise ValueError(
            f"all variables must have the same dimensions; {column.name!r} has {tuple(column.array.dims)}, "
            f"others {dims}. Select or average first."
        )
    return np.asarray(column.array.transpose(*dims).values, np.float64).reshape(-1)


def _numbers(order: np.ndarray, units: str) -> tuple[Float[np.ndarray, " row"], str, str]:
    """Times as numbers since the first, their unit, and the date of the first."""
    start = ""
    if order.dtype.kind == "M":
        if np.isnat(order).any():
            raise ValueError("times must be known for every row; some are missing. Drop those rows first.")
        start = str(order[0].astype("datetime64[s]"))
        seconds = (order - order[0]) / np.timedelta64(1, "s")
    elif order.dtype.kind == "m":
        seconds = (order - order[0]) / np.timedelta64(1, "s")
    elif is_moment(order[0]):
        start = str(order[0].isoformat())
        seconds = np.array([(moment - order[0]).total_seconds() for moment in order])
    else:
        times = np.asarray(order, np.float64)
        _require_increasing(times)
        return times - times[0], units, ""
    _require_increasing(seconds)
    step = float(np.median(np.diff(seconds))) if seconds.size > 1 else 1.0
    unit, length = next((pair for pair in UNITS if step >= pair[1]), UNITS[-1])
    return seconds / length, unit, start


def _require_increasing(times: np.ndarray) -> None:
    if not np.isfinite(times).all() or np.any(np.diff(times) <= 0):
        raise ValueError(
            "times must be finite and increase from row to row. Sort them and drop repeated ones "
            "(`dataset.sortby('time').drop_duplicates('time')`); dates and times of day in two columns "
            "must be joined first."
        )
