"""Time of a table: the column, or the columns, that tell when a row was measured.

A column of dates by type, text or digits, of a usual name if several are there; else year, month, day and so on in
columns of their own; else a column of numbers of a usual name, or of growing numbers whose name has a word for
time. Where none of these is there, rows are numbered, but only if no text is left over that may have been the time.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Shaped

from kernels.recordings.dates import as_times, holds_dates, is_text
from kernels.recordings.frames import Table
from kernels.recordings.names_of_time import (
    SERIES,
    TIME_NAMES,
    is_named,
    is_time_name,
    part_of_date,
    sounds_like_time,
)
from kernels.recordings.stamps import date_and_clock, find_stamps
from kernels.recordings.units import split_heading
from kernels.recordings.words import listed

__all__ = ["TimeColumns", "find_time", "named_column"]


class TimeColumns(NamedTuple):
    """Time of a table.

    Attributes:
        times: (row,) dates, moments or numbers; None where rows are to be numbered.
        columns: names of the columns that they come from.
        units: of numbers.
    """

    times: Shaped[np.ndarray, " row"] | None
    columns: tuple[str, ...] = ()
    units: str = ""


def find_time(table: Table, time: str | None, dates: str | None, notes: list[str]) -> TimeColumns:
    """Find the time of a table.

    Args:
        table: the table.
        time: name of the column; "none": rows are to be numbered.
        dates: "day-first" or "month-first", where both may be.
        notes: what was found goes here.

    Raises:
        ValueError: no such column, several or none that may be the time, or text that is no date.
    """
    if time == "none" and "none" not in table.columns:
        notes.append("rows are numbered, as was chosen")
        return TimeColumns(None)
    if time is not None:
        return _read(table, named_column(table, time, "time"), dates)
    dated = [name for name, column in table.columns.items() if holds_dates(column, name)]
    whole = [name for name in dated if not part_of_date(name) or is_text(table.columns[name])]
    name = _preferred(whole)
    if name:
        found = _read(table, name, dates)
        if found.times is not None and found.times.dtype.kind == "M":
            joined = date_and_clock(table, name, found.times)
            found = found if joined is None else TimeColumns(joined.times, joined.columns)
        notes.append(f"the time is taken from {listed(found.columns, 'and')}")
        return found
    stamps = find_stamps(table)
    if stamps is not None:
        notes.append(f"the time is put together from {listed(stamps.columns, 'and')}")
        return TimeColumns(stamps.times, stamps.columns)
    usual = [name for name in table.columns if is_time_name(name)]
    growing = [name for name, column in table.columns.items() if sounds_like_time(name) and _grows(column)]
    found = min(usual, key=lambda name: TIME_NAMES.index(str(name).lower())) if usual else _only(growing)
    if found:
        notes.append(f"the time is taken from {found}")
        return _read(table, found, dates)
    _require_no_text(table)
    notes.append("rows are numbered: no column is named or written like a time")
    return TimeColumns(None)


def named_column(table: Table, name: str, argument: str) -> str:
    """Column of a name, which may hold its unit. Raises ValueError where there is none."""
    for wanted in (name, split_heading(name)[0]):
        if wanted in table.columns:
            return wanted
    raise ValueError(f"`{argument}` must be a column, one of {listed(table.columns)}; got {name!r}.")


def _preferred(dated: list[str]) -> str:
    """Column of dates to take; of several the one with the most usual name."""
    usual = [name for name in dated if is_time_name(name)]
    if usual:
        return min(usual, key=lambda name: TIME_NAMES.index(str(name).lower()))
    return _only([name for name in dated if sounds_like_time(name)] or dated)


def _only(found: list[str]) -> str:
    if len(found) > 1:
        raise ValueError(
            f"which column is time? Each of {listed(found)} may be. Name it with `time` (--time {found[0]})."
        )
    return found[0] if found else ""


def _read(table: Table, name: str, dates: str | None) -> TimeColumns:
    column = table.columns[name]
    if getattr(column.dt, "tz", None) is not None if hasattr(column, "dt") else False:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    values = column.to_numpy()
    if isinstance(column.dtype, pd.PeriodDtype):
        values = column.dt.to_timestamp().to_numpy()
    times = as_times(values, name, table.where, dates)
    return TimeColumns(times, (name,), table.units.get(name, ""))


def _grows(column: pd.Series) -> bool:
    values = column.to_numpy()
    return values.dtype.kind in "iuf" and bool(np.all(np.diff(values) > 0))


def _require_no_text(table: Table) -> None:
    """Raise ValueError if text is left, which may be the time, before rows are numbered."""
    text = [name for name, column in table.columns.items() if is_text(column) and not is_named(name, SERIES)]
    text = [name for name in text if not _numeric(table.columns[name])]
    if text:
        raise ValueError(
            "which column is time? None has a name such as time or date, and none holds dates. If it is "
            f"{listed(text, 'or')}, name it with `time` (--time) and write its dates as ISO 8601 (2020-01-31 06:00); "
            "if there is none, say so (`time='none'`, --time none), and rows are numbered."
        )


def _numeric(column: pd.Series) -> bool:
    """Whether most of a column of text are numbers, or texts that hold them."""
    texts = column.dropna().astype(str).str.strip().iloc[:1000]
    return bool(texts.size) and texts.str.fullmatch(r"[<>-]?\s*[\d.,]*\d\s*\D{0,12}").mean() > 0.5
