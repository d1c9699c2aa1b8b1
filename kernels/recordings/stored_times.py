"""Times of Datasets: which dimension is time, which variable tells it, and what its numbers mean.

The variable is the dimension's own coordinate, or stands beside it, as `time(obs)` and `Times(Time)`. Numbers since a
date become dates where xarray can work them out; months and years are counted as such, weeks become days.
"""

import re
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Shaped

from kernels.recordings.axis import require_known
from kernels.recordings.dates import as_times, is_moment
from kernels.recordings.names_of_time import is_time_name, plain_name, sounds_like_time
from kernels.recordings.units import split_heading
from kernels.recordings.words import listed, where_in_memory

__all__ = ["StoredTime", "find_stored_time", "is_about_time"]

SINCE = re.compile(r"^\s*([A-Za-z_]+)\s+since\s+(.+)$", re.IGNORECASE)
AS_DIGITS = re.compile(r"^\s*days?\s+as\s+%Y%m%d(\.%f)?\s*$", re.IGNORECASE)
DAYS = {"week": 7.0, "fortnight": 14.0}
CALENDAR = {
    "month": "months",
    "year": "years",
    "common_year": "years",
    "yr": "years",
    "mon": "months",
    "decade": "decades",
    "century": "centuries",
}
BOUNDS = ("bnds", "bounds", "_bnd")


class StoredTime(NamedTuple):
    """Time of a Dataset.

    Attributes:
        dim: dimension.
        name: of the variable; empty where rows are numbered.
        times: (row,) dates, moments or numbers.
        units: of numbers.
    """

    dim: str
    name: str
    times: Shaped[np.ndarray, " row"]
    units: str


def find_stored_time(dataset: xr.Dataset, time: str | None, notes: list[str]) -> StoredTime:
    """Find and decode the time of a Dataset.

    Args:
        dataset: with times decoded or not.
        time: name of the dimension or the variable; found unless given.
        notes: what was found goes here.

    Raises:
        ValueError: no such dimension, none or several that may be time, no rows, or fill values among the times.
    """
    dim, name = _named(dataset, time) if time is not None else _found(dataset)
    if dataset.sizes[dim] == 0:
        raise ValueError(f"a recording must have rows; its dimension {dim!r} is empty.")
    if not name:
        notes.append(f"rows along {dim} are numbered: no variable tells their time")
        return StoredTime(dim, "", np.arange(dataset.sizes[dim]), "")
    if name != dim:
        notes.append(f"the time along {dim} is taken from {name}")
    times, units = _decoded(dataset[name], notes)
    return StoredTime(dim, name, times, units)


def is_about_time(array: xr.DataArray) -> bool:
    """Whether a variable tells times, by its type, its attributes, or being the bounds of some."""
    return _is_dated(array) or any(word in str(array.name).lower() for word in BOUNDS)


def _is_dated(array: xr.DataArray) -> bool:
    """Whether a variable holds dates, by its type or its units."""
    units = str(array.attrs.get("units", ""))
    return (
        array.dtype.kind == "M"
        or bool(SINCE.match(units) or AS_DIGITS.match(units))
        or (array.dtype == object and array.size > 0 and is_moment(array.values.flat[0]))
    )


def _named(dataset: xr.Dataset, time: str) -> tuple[str, str]:
    """Dimension and variable of the time that was named."""
    dims = [str(dim) for dim in dataset.dims]
    for name in (time, split_heading(time)[0]):
        if name in dims:
            beside = _beside(dataset, name)
            return name, name if name in dataset.coords else (beside[0] if len(beside) == 1 else "")
        if name in dataset.variables and dataset[name].ndim == 1:
            return str(dataset[name].dims[0]), name
    raise ValueError(f"`time` must be one of the dimensions {listed(dims)}; got {time!r}.")


def _found(dataset: xr.Dataset) -> tuple[str, str]:
    """Dimension and variable of the time."""
    dims = [str(dim) for dim in dataset.dims]
    beside = {dim: _beside(dataset, dim) for dim in dims}
    own = [d for d in dims if d in dataset.coords]
    dated = [d for d in own if _is_dated(dataset[d])]
    stamped = [d for d in dims if any(_is_dated(dataset[n]) for n in beside[d])]
    usual = [
        d for d in dims if d.lower() in ("time", "times", "t", "date", "datetime", "timestamp", "valid_time")
    ]
    worded = [d for d in dims if sounds_like_time(d)]
    told = [d for d in dims if beside[d]]
    for found in (dated, stamped, usual, worded, told, dims):
        if len(found) != 1:
            continue
        dim = found[0]
        if dim in dated or not beside[dim]:
            return dim, dim if dim in own else ""
        if dim in own and not any(_is_dated(dataset[n]) or _is_text(dataset[n]) for n in beside[dim]):
            return dim, dim
        return dim, _first(dataset, beside[dim])
    raise ValueError(f"which dimension is time? There are {listed(dims)}. Name it with `time` (--time).")


def _first(dataset: xr.Dataset, names: list[str]) -> str:
    """Variable of the most usual name, of those that are dated if some are."""
    dated = [n for n in names if _is_dated(dataset[n])] or names
    return min(dated, key=lambda n: (not is_time_name(n), n.lower() != "times", names.index(n)))


def _beside(dataset: xr.Dataset, dim: str) -> list[str]:
    """Variables over a dimension alone, of another name, that tell times."""
    return [
        str(name)
        for name, array in dataset.variables.items()
        if name != dim
        and array.dims == (dim,)
        and not any(word in str(name).lower() for word in BOUNDS)
        and (
            _is_dated(dataset[name])
            or is_time_name(name)
            or plain_name(name) == "xtime"
            or array.attrs.get("standard_name") == "time"
            or (_is_text(dataset[name]) and sounds_like_time(name))
        )
    ]


def _is_text(array: xr.DataArray) -> bool:
    return array.dtype.kind in "SUO" and not _is_dated(array)


def _decoded(array: xr.DataArray, notes: list[str]) -> tuple[Shaped[np.ndarray, " row"], str]:
    """Times of a variable, and the unit of those that are numbers."""
    values, units = np.asarray(array.values), str(array.attrs.get("units", ""))
    if values.dtype.kind not in "iuf":
        return as_times(values, str(array.name)), ""
    require_known(values, where_in_memory)
    if AS_DIGITS.match(units):
        return _of_digits(values.astype(float)), ""
    since = SINCE.match(units)
    if since is None:
        return as_times(values, str(array.name)), units
    unit, date = since[1].lower(), since[2]
    single = unit.removesuffix("s") if unit not in ("centuries",) else "century"
    if single in CALENDAR:
        notes.append(f"times are counted in {CALENDAR[single]}, as the file says ({units})")
        return values.astype(float), CALENDAR[single]
    if single in DAYS:
        values, units = values * DAYS[single], f"days since {date}"
    calendar = str(array.attrs.get("calendar", "standard"))
    variable = xr.Variable(("row",), values, {"units": units, "calendar": calendar})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoded = xr.decode_cf(xr.Dataset({"time": variable}))["time"].values
    except Exception:  # xarray, pandas and cftime raise errors of any type
        notes.append(f"times are counted in {unit}: no dates can be worked out from {units!r}")
        return values.astype(float), unit
    return decoded, ""


def _of_digits(values: Shaped[np.ndarray, " row"]) -> Shaped[np.ndarray, " row"]:
    """Dates of numbers such as 20200131.75. Raises ValueError for numbers that are none."""
    days = np.floor(values)
    dates = pd.to_datetime(pd.Series(days).astype("int64").astype(str), format="%Y%m%d", errors="coerce")
    if dates.isna().any():
        raise ValueError(
            f"times must be dates as 20200131.5; row {int(dates.isna().argmax()) + 1} holds {values[dates.isna()][0]:g}."
        )
    seconds = np.round(86_400 * (values - days)).astype("timedelta64[s]")
    return dates.to_numpy().astype("datetime64[s]") + seconds
