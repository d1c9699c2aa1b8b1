"""Dates in several columns of a table → one column of times.

    year, month, day   year, day of the year   year, month   year      each with hour, minute, second, or HHMM
    date, time of day

A column stands for a part of a date by its name, and only if all its values can be that part.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from kernels.recordings.dates import is_text, is_time_of_day
from kernels.recordings.frames import Table
from kernels.recordings.names_of_time import part_of_date, plain_name

__all__ = ["Stamps", "date_and_clock", "find_stamps"]

RANGES = {
    "year": (0, 3000),
    "month": (1, 12),
    "day": (1, 31),
    "doy": (1, 366),
    "hour": (0, 2400),
    "minute": (0, 60),
    "second": (0, 61),
    "clock": (0, 2400),
}
CENTURY = 70  # years of two digits from here on belong to 1900


class Stamps(NamedTuple):
    """Times put together.

    Attributes:
        times: (row,), NaT where a part is missing or the date does not exist.
        columns: names of the columns that they were put together from.
    """

    times: Shaped[np.ndarray, " row"]
    columns: tuple[str, ...]


def find_stamps(table: Table) -> Stamps | None:
    """Times from the columns of year, month, day and so on; None where there are none."""
    parts = _parts(table)
    names = list(parts)
    if "year" not in parts:
        return None
    if "day" in parts and "month" not in parts:
        names.remove("day")
    if "month" in parts and "day" in parts:
        names = [name for name in names if name != "doy"]
    elif "doy" in parts:
        names = [name for name in names if name != "month"]
    days = "day" in names or "doy" in names
    if not days:
        names = [name for name in names if name in ("year", "month")]
    chosen = {name: _numbers(table.columns[parts[name]]) for name in names}
    used = [parts[name] for name in names]
    clock = next((name for name in table.columns if plain_name(name) in ("time", "times", "utc")), None)
    if days and "hour" not in names and "clock" not in names and clock is not None:
        seconds = _time_of_day(table.columns[clock])
        if seconds is not None:
            chosen["seconds"] = seconds
            used.append(clock)
    if not days and "month" not in names and not _years_go_on(chosen["year"]):
        return None
    return Stamps(_joined(chosen), tuple(used))


def date_and_clock(table: Table, date: str, dates: Shaped[np.ndarray, " row"]) -> Stamps | None:
    """Times from a column of dates without times of day and one with them; None where there is none."""
    if not np.all(dates == dates.astype("datetime64[D]")):
        return None
    for name, column in table.columns.items():
        if name == date:
            continue
        if is_time_of_day(column) or plain_name(name) in (
            *("time", "hour", "hr", "hhmm", "hrmin", "hh", "utc", "heure"),
        ):
            seconds = _time_of_day(column)
            if seconds is not None:
                return Stamps(_plus(dates, seconds), (date, name))
    return None


def _parts(table: Table) -> dict[str, str]:
    """Columns of parts of a date; MM is a month and mm a minute where both are there."""
    found: dict[str, str] = {}
    for name, column in table.columns.items():
        part = part_of_date(name)
        if str(name) == "mm" and "MM" in table.columns:
            part = "minute"
        if part and part not in found and _can_be(part, column):
            found[part] = name
    return found or _unnamed_parts(table)


def _unnamed_parts(table: Table) -> dict[str, str]:
    """Year, month and day in the first columns of a table without headings."""
    names = list(table.columns)[:3]
    if names != ["column 1", "column 2", "column 3"]:
        return {}
    year, month = (_numbers(table.columns[name]) for name in names[:2])
    if not (
        np.all((year >= 1800) & (year <= 2199)) and np.all(np.diff(year) >= 0) and np.any(np.diff(year) == 0)
    ):
        return {}
    if not _can_be("month", table.columns[names[1]]) or np.all(month == month[0]):
        return {}
    found = {"year": names[0], "month": names[1]}
    repeated = np.any((np.diff(year) == 0) & (np.diff(month) == 0))
    return found | {"day": names[2]} if repeated and _can_be("day", table.columns[names[2]]) else found


def _can_be(part: str, column: pd.Series) -> bool:
    values = _numbers(column)
    known = values[np.isfinite(values)]
    low, high = RANGES[part]
    return bool(known.size and np.all((known >= low) & (known <= high)) and np.all(known == np.floor(known)))


def _numbers(column: pd.Series) -> Float[np.ndarray, " row"]:
    if column.dtype.kind in "Mmb":
        return np.full(len(column), np.nan)
    return np.asarray(pd.to_numeric(column, errors="coerce"), np.float64)


def _years_go_on(years: Float[np.ndarray, " row"]) -> bool:
    """Whether years are those of annual values, going up or down."""
    steps = np.diff(years)
    four = np.all((years >= 1000) & (years <= 2999))
    return bool(four and steps.size and (np.all(steps > 0) or np.all(steps < 0)))


def _time_of_day(column: pd.Series) -> Float[np.ndarray, " row"] | None:
    """Seconds since midnight; from text as 06:30, hours, or numbers as 630 for 06:30; None where it is none."""
    if is_text(column):
        if not is_time_of_day(column) or column.isna().any():
            return None
        texts = column.astype(str).str.strip().str.replace(",", ".").str.lower()
        after_noon, clock = texts.str.endswith("pm"), texts.str.replace(r" ?[ap]m$", "", regex=True)
        parts = clock.str.split(":", expand=True).astype(float).fillna(0.0).to_numpy()
        hours = parts[:, 0]
        if texts.str.endswith("m").any():
            hours = hours % 12 + 12 * after_noon.to_numpy()
        return 3600 * hours + 60 * parts[:, 1] + (parts[:, 2] if parts.shape[1] > 2 else 0.0)
    values = _numbers(column)
    if (
        not values.size
        or not np.all(np.isfinite(values))
        or np.any(values < 0)
        or np.any(values != np.floor(values))
    ):
        return None
    if values.max() <= 24:
        return 3600 * values
    if values.max() <= 2400 and np.all(values % 100 < 60):
        return 3600 * (values // 100) + 60 * (values % 100)
    if values.max() <= 240000 and np.all(values % 100 < 60) and np.all(values // 100 % 100 < 60):
        return 3600 * (values // 10000) + 60 * (values // 100 % 100) + values % 100
    return None


def _joined(parts: dict[str, Float[np.ndarray, " row"]]) -> Shaped[np.ndarray, " row"]:
    known = np.all([np.isfinite(values) for values in parts.values()], axis=0)
    whole = {name: np.where(known, values, 1).astype(np.int64) for name, values in parts.items()}
    year = whole["year"]
    if year.max(initial=0) < 100:
        year = year + np.where(year < CENTURY, 2000, 1900)
    month = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (
        whole.get("month", np.ones(1, int)) - 1
    )
    since = whole.get("doy", whole.get("day", np.ones(1, int))) - 1
    days = month.astype("datetime64[D]") + since
    unit = "datetime64[Y]" if "doy" in whole else "datetime64[M]"
    known &= days.astype(unit) == month.astype(unit)
    seconds = parts.get("seconds", np.zeros(len(days)))
    hour = whole.get("hour", whole.get("clock", np.zeros(1, int)))
    if "clock" in whole or hour.max(initial=0) > 24:
        hour, seconds = hour // 100, seconds + 60 * (hour % 100)
    seconds = seconds + 3600 * hour + 60 * whole.get("minute", 0) + parts.get("second", 0.0)
    return np.where(known, _plus(days, np.where(known, seconds, 0.0)), np.datetime64("NaT"))


def _plus(
    dates: Shaped[np.ndarray, " row"], seconds: Float[np.ndarray, " row"]
) -> Shaped[np.ndarray, " row"]:
    return dates.astype("datetime64[us]") + np.round(1e6 * seconds).astype("timedelta64[us]")
