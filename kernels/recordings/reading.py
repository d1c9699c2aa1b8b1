"""A file, Dataset or table → `Recording`: the second place where xarray meets arrays.

NetCDF, Zarr, CSV and Parquet are read. Times become numbers since the first row, in seconds, minutes,
hours or days, whichever suits the step; names and units are kept. A variable over time and one more
dimension is a field: its points become variables of their own, u0, u1, …, with their positions kept.
"""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

__all__ = ["Recording", "read_recording"]

TIME_NAMES = ("time", "times", "t", "date", "datetime", "timestamp", "valid_time")
SAMPLE_NAMES = ("sample", "run", "member", "trajectory", "realization")
UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))  # the longest that is not above the step
UNIT_IN_NAME = re.compile(r"^(?P<name>.*\S)\s*[(\[](?P<unit>[^()\[\]]*)[)\]]$")
MAX_NAMED = 12  # names listed in a message


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Rows of numbers over time.

    Attributes:
        values: (row, variable), physical units; NaN where nothing was measured.
        times: (row,), since the first row, in `time_units`; increasing within a run.
        runs: (row,), number of the run that a row belongs to; one recording may hold several.
        variables: names.
        time_units: "s", "min", "h", "d", or what a numeric time axis says.
        variable_units: unit of each variable; those that are not listed have none.
        start: date and time of the first row, ISO 8601; empty where times are plain numbers.
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
        ValueError: no such file, variable or time; text among the numbers; times that do not increase.
    """
    dataset = _opened(source, time)
    name = _time_name(dataset, time)
    dataset = _unstacked(dataset)
    if name not in dataset.dims:
        raise ValueError(f"`time` must be a dimension; {name!r} is none. Use `dataset.swap_dims`.")
    order = np.asarray(dataset[name].values) if name in dataset.coords else np.arange(dataset.sizes[name])
    columns = [column for wanted in _chosen(dataset, variables, name) for column in _columns(wanted, name)]
    sample = next((d for d in columns[0].array.dims if d in SAMPLE_NAMES), None)
    stacked = [_rows(column, name, sample) for column in columns]
    num_runs = stacked[0].size // order.size
    times, units, start = _numbers(
        order, str(dataset[name].attrs.get("units", "")) if name in dataset else ""
    )
    return Recording(
        values=np.stack(stacked, axis=1),
        times=np.tile(times, num_runs),
        runs=np.repeat(np.arange(num_runs), order.size),
        variables=tuple(column.name for column in columns),
        time_units=units,
        variable_units={column.name: column.unit for column in columns if column.unit},
        start=start,
        source=str(source) if isinstance(source, str | Path) else f"a {type(source).__name__} in memory",
        positions={column.name: column.position for column in columns if column.position},
    )


@dataclasses.dataclass(frozen=True)
class _Column:
    name: str
    unit: str
    array: xr.DataArray
    position: Mapping[str, float]


def _opened(source: Any, time: str | None) -> xr.Dataset:
    if isinstance(source, xr.Dataset):
        return source
    if isinstance(source, xr.DataArray):
        return source.to_dataset(name=source.name or "x")
    if not isinstance(source, str | Path):
        return _of_table(source, time)
    path = Path(source)
    if not path.exists():
        raise ValueError(f"no file or store at {path}. NetCDF, Zarr, CSV and Parquet are read.")
    if path.suffix in (".csv", ".parquet"):
        return _of_table(_table(path), time)
    try:
        if path.is_dir():
            return xr.open_zarr(path, consolidated=False)
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            return opened.load()
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} must be a NetCDF-4 (.nc), Zarr (a folder), CSV (.csv) or Parquet (.parquet) file; "
            f"it cannot be read ({type(error).__name__}: {error})."
        ) from error


def _table(path: Path) -> Any:
    import pandas as pd  # xarray brings it

    try:
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except ImportError as error:
        raise ValueError(
            f"reading {path.name} needs pyarrow. Install it (`pip install pyarrow`), or write CSV or NetCDF."
        ) from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is no readable {path.suffix[1:]} file ({error}).") from error


def _of_table(table: Any, time: str | None) -> xr.Dataset:
    """A DataFrame as a Dataset over `time`; units in headings, as in `T (K)`, become attributes."""
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"`source` must be a path, a Dataset or a DataFrame; got {type(table).__name__}. "
            "Wrap arrays in a Dataset first."
        )
    column = _time_column(table, time)
    if column is not None:
        table = table.set_index(column)
    index = table.index
    name, unit = _read_heading(index.name if index.name is not None else "time")
    if index.dtype == object or str(index.dtype) in ("str", "string"):
        try:
            index = pd.to_datetime(index, utc=True).tz_localize(None)
        except (ValueError, TypeError) as error:
            raise ValueError(f"column {name!r} must hold times, numbers or dates; {error}.") from error
    elif getattr(index, "tz", None) is not None:
        index = pd.DatetimeIndex(index).tz_convert("UTC").tz_localize(None)
    values = np.asarray(index)
    headings = [(heading, *_read_heading(heading)) for heading in table.columns]
    labels = Counter([name, *(label for _, label, _ in headings)])
    data = {
        label if labels[label] == 1 else str(heading): (name, table[heading].to_numpy(), {"units": of_it})
        for heading, label, of_it in headings
    }
    return xr.Dataset(
        data, coords={name: (name, values, {"units": unit} if values.dtype.kind in "iuf" else {})}
    )


def _read_heading(heading: Any) -> tuple[str, str]:
    """Name and unit of a heading such as `T (K)`."""
    found = UNIT_IN_NAME.match(str(heading))
    return (found["name"], found["unit"].strip()) if found else (str(heading), "")


def _time_column(table: Any, time: str | None) -> Any:
    """The heading of the column of times; None where the index is to be taken."""
    labels = {heading: _read_heading(heading)[0].strip() for heading in table.columns}
    if time is not None:
        named = [heading for heading, label in labels.items() if time in (str(heading), label)]
        if not named and time != table.index.name:
            raise ValueError(f"`time` must be a column, one of {_listed(table.columns)}; got {time!r}.")
        return named[0] if named else None
    if table.index.dtype.kind == "M":
        return None
    for name in TIME_NAMES:
        for heading, label in labels.items():
            if label == name or (label.lower() == name and len(name) > 1):  # T is a temperature
                return heading
    return None


def _time_name(dataset: xr.Dataset, time: str | None) -> str:
    dims = [str(dim) for dim in dataset.dims]
    if time is not None:
        time = time if time in dims else _read_heading(time)[0]
        if time not in dims:
            raise ValueError(f"`time` must be one of the dimensions {_listed(dims)}; got {time!r}.")
        return time
    dated = [d for d in dims if d in dataset.coords and dataset[d].dtype.kind == "M"]
    named = [d for d in dims if d.lower() in TIME_NAMES]
    for found in (dated, named, dims):
        if len(found) == 1:
            return found[0]
    raise ValueError(f"which dimension is time? There are {_listed(dims)}. Name it with `time` (--time).")


def _unstacked(dataset: xr.Dataset) -> xr.Dataset:
    """An ensemble state(sample, time, variable), as this project writes it, as one variable each."""
    if "state" not in dataset or "variable" not in dataset["state"].dims:
        return dataset
    units = json.loads(dataset.attrs.get("variable_units", "{}"))
    names = [str(name) for name in dataset["variable"].values]
    split = {name: dataset["state"].sel(variable=name, drop=True) for name in names}
    return xr.Dataset(
        {n: a.assign_attrs(units=units.get(n, "")) for n, a in split.items()},
        coords={"time": dataset["time"]},
    )


def _chosen(dataset: xr.Dataset, variables: Sequence[str] | None, time: str) -> list[xr.DataArray]:
    over_time = [n for n in dataset.data_vars if time in dataset[n].dims]
    numeric = [n for n in over_time if dataset[n].dtype.kind in "fiu"]
    if variables is None:
        wanted: list[Any] = numeric
    else:
        wanted = [str(name).strip() for name in variables]
        unknown = [name for name in wanted if name not in over_time]
        if unknown or len(set(wanted)) != len(wanted):
            raise ValueError(
                f"`variables` must be distinct names out of {_listed(over_time)}; got {_listed(wanted)}."
            )
    if not wanted:
        raise ValueError(f"no numeric variable depends on {time!r}; there are {_listed(dataset.data_vars)}.")
    for name in wanted:
        if dataset[name].dtype.kind not in "fiu":
            raise ValueError(
                f"variable {name!r} must be numeric; it is {dataset[name].dtype}. Convert it, or leave it out."
            )
    return [dataset[name].squeeze(drop=True) if dataset.sizes[time] > 1 else dataset[name] for name in wanted]


def _columns(array: xr.DataArray, time: str) -> Iterator[_Column]:
    """The variable itself, or one for each point of a field."""
    others = [str(d) for d in array.dims if d != time and d not in SAMPLE_NAMES]
    name, unit = str(array.name), str(array.attrs.get("units", ""))
    if len(others) > 1:
        raise ValueError(
            f"variable {name!r} must depend on time and at most one more dimension; it has {tuple(array.dims)}. "
            "Select or average first, as in `dataset.isel(level=0)`."
        )
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
    elif order.dtype == object and hasattr(order[0], "isoformat"):  # calendars that NumPy does not know
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
            "(`dataset.sortby('time').drop_duplicates('time')`)."
        )


def _listed(names: Any) -> str:
    names = [str(name) for name in names]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return (", ".join(names[:MAX_NAMED]) or "none") + more
