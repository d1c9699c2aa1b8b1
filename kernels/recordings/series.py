"""Several series in one table → runs, and tables that are long or wide → a column for each quantity.

station, date, T     rows belong to series: runs by `station`, where that tells equal times apart
unit, cycle, s1      the same without dates; what counts anew in each unit is its time
date, variable, value    a quantity's name is in a column: one column each
year, Jan, …, Dec    a month a column: one series
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from kernels.names import printable
from kernels.recordings.choices import Choices
from kernels.recordings.dates import is_moment, is_text
from kernels.recordings.frames import Table
from kernels.recordings.names_of_time import CYCLES, QUANTITIES, SERIES, is_named
from kernels.recordings.time_columns import TimeColumns, named_column
from kernels.recordings.units import is_unit
from kernels.recordings.words import count_of

__all__ = ["Runs", "find_runs", "selected", "with_months_below", "with_quantities_beside"]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
VALUES = (
    "value",
    "values",
    "val",
    "result",
    "resultvalue",
    "obsvalue",
    "measure",
    "datavalue",
    "observation",
    "amount",
)
MAX_QUANTITIES = 1_000


class Runs(NamedTuple):
    """Runs of a table: number of each row's, the columns that say so, and the time where it was found on the way."""

    runs: Int[np.ndarray, " row"]
    columns: tuple[str, ...] = ()
    time: TimeColumns | None = None


def selected(table: Table, choices: Choices, notes: list[str]) -> Table:
    """Rows that were chosen, without the columns that tell them. Raises ValueError where there are none."""
    for name, value in choices.selected.items():
        column = table.columns[named_column(table, name, "select")]
        texts = column.astype(str).str.strip()
        same = (texts == value).to_numpy() | (_number(texts) == _number(pd.Series([value]))[0])
        if not same.any():
            there = ", ".join(printable(str(one), 20) for one in column.dropna().unique()[:8])
            raise ValueError(f"`select` must leave rows; {name!r} is never {value!r}. There are {there}.")
        notes.append(f"read {count_of(int(same.sum()), 'row')} of {len(same)}, those with {name}={value}")
        table = table.rows(np.flatnonzero(same)).without([named_column(table, name, "select")])
    return table


def _number(texts: pd.Series) -> np.ndarray:
    return np.asarray(pd.to_numeric(texts, errors="coerce"), np.float64)


def find_runs(table: Table, found: TimeColumns, choices: Choices, notes: list[str]) -> Runs:
    """Find which series each row belongs to.

    Args:
        table: the table.
        found: its time.
        choices: what was chosen.
        notes: what was found goes here.
    """
    one = Runs(np.zeros(table.num_rows, np.int64))
    if choices.series == "none":
        return one
    if choices.series:
        name = named_column(table, choices.series, "series")
        return _by(table, name, found, notes)
    others = [name for name in table.columns if name not in found.columns]
    named = [name for name in others if is_named(name, SERIES) and _several(table.columns[name])]
    if found.times is None:
        name = next((name for name in named if _blocks(table.columns[name])), None)
        return one if name is None else _by(table, name, found, notes)
    if not _repeats(found.times, one.runs):
        name = next((name for name in named if _blocks(table.columns[name])), None)
        return one if name is None else _by(table, name, found, notes)
    apart = [name for name in named if not _repeats(found.times, _codes(table.columns[name]))]
    if not apart:
        texts = [n for n in others if is_text(table.columns[n]) and _several(table.columns[n])]
        apart = [name for name in texts if not _repeats(found.times, _codes(table.columns[name]))]
    return _by(table, apart[0], found, notes) if apart else one


def _by(table: Table, name: str, found: TimeColumns, notes: list[str]) -> Runs:
    runs = _codes(table.columns[name])
    count = int(runs.max()) + 1
    notes.append(f"{name} tells {count} series apart: each is a run of its own")
    if found.times is not None:
        return Runs(runs, (name,))
    order = np.argsort(runs, kind="stable")
    for other, column in table.columns.items():
        if other != name and is_named(other, CYCLES) and column.dtype.kind in "iu":
            steps = np.diff(column.to_numpy()[order])[np.diff(runs[order]) == 0]
            if steps.size and np.all(steps > 0):
                notes.append(f"the time is taken from {other}")
                return Runs(runs, (name, other), TimeColumns(column.to_numpy(), (other,), ""))
    return Runs(runs, (name,))


def _codes(column: pd.Series) -> Int[np.ndarray, " row"]:
    return pd.factorize(column.astype(object).where(column.notna(), "missing").astype(str).str.strip())[0]


def _several(column: pd.Series) -> bool:
    """Whether a column tells from two series on to half as many as there are rows, and holds no units."""
    if column.dtype.kind in "fMmc" and not np.array_equal(column.dropna(), np.floor(column.dropna())):
        return False
    distinct = column.dropna().unique()
    units = is_text(column) and all(is_unit(str(one)) for one in distinct[:20]) and len(str(distinct[:1])) > 5
    return 1 < len(distinct) <= max(2, len(column) // 2) and not units


def _blocks(column: pd.Series) -> bool:
    """Whether equal values of a column stand together."""
    codes = _codes(column)
    return int((np.diff(codes) != 0).sum()) == int(codes.max())


def _repeats(times: Shaped[np.ndarray, " row"], runs: Int[np.ndarray, " row"]) -> bool:
    """Whether a time stands twice in a run, or, of numbers, falls."""
    keys = times if not is_moment(times[0]) else np.array([str(time) for time in times])
    if pd.DataFrame({"run": runs, "time": keys}).duplicated().any():
        return True
    if times.dtype.kind not in "iuf":
        return False
    order = np.argsort(runs, kind="stable")
    steps = np.diff(times[order].astype(float))[np.diff(runs[order]) == 0]
    return bool(np.any(steps < 0) and np.any(steps > 0))


def with_quantities_beside(table: Table, found: TimeColumns, notes: list[str]) -> tuple[Table, TimeColumns]:
    """Table with a column for each quantity, where one column holds their names and one their values."""
    names = [n for n in table.columns if is_named(n, QUANTITIES) and is_text(table.columns[n])]
    values = [n for n in table.columns if is_named(n, VALUES) and n not in names]
    if len(names) != 1 or len(values) != 1 or found.times is None or is_moment(found.times[0]):
        return table, found
    quantity, value = names[0], values[0]
    kinds = table.columns[quantity].dropna().unique()
    keys = [
        n
        for n in table.columns
        if is_named(n, SERIES) and _several(table.columns[n]) and n not in (quantity, value)
    ]
    frame = pd.DataFrame(
        {"time": found.times, "quantity": table.columns[quantity], "value": table.columns[value]}
    )
    if frame.duplicated(["time", "quantity"]).any():
        frame = frame.assign(**{f"key {i}": table.columns[n] for i, n in enumerate(keys)})
    rows = [column for column in frame.columns if column not in ("quantity", "value")]
    if not 1 <= len(kinds) <= MAX_QUANTITIES or frame.duplicated([*rows, "quantity"]).any():
        return table, found
    wide = frame.dropna(subset=["quantity"]).set_index([*rows, "quantity"])["value"].unstack("quantity")
    wide = wide.reset_index()
    columns = {str(kind).strip(): wide[kind] for kind in kinds}
    columns |= {keys[int(column.split()[1])]: wide[column] for column in rows if column != "time"}
    notes.append(
        f"{quantity} names {count_of(len(kinds), 'quantity').replace('quantitys', 'quantities')}: a column was made of each"
    )
    times = wide["time"].to_numpy()
    return (
        dataclasses.replace(
            table,
            columns=columns,
            units={},
            unnamed=frozenset(),
            where=lambda row: f"the row at {times[row]}",
        ),
        TimeColumns(times, (), found.units),
    )


def _is_table_of_months(table: Table) -> bool:
    """Whether a table without headings is of a year and twelve numbers in each row."""
    if list(table.columns) != [f"column {i}" for i in range(1, 14)]:
        return False
    years = _number(table.columns["column 1"])
    return bool(np.all((years >= 1000) & (years <= 2999)) and np.all(np.diff(years) == 1))


def with_months_below(table: Table, notes: list[str]) -> Table:
    """Table of one series, where each row was a year and each column a month."""
    names = list(table.columns)
    months = [name for name in names if str(name).strip().lower()[:3] in MONTHS]
    if [str(n).strip().lower()[:3] for n in months] != list(MONTHS):
        if not _is_table_of_months(table):
            return table
        months = names[1:]
    year = next((name for name in names if name not in months), None)
    years = None if year is None else _number(table.columns[year])
    if years is None or not np.all(np.isfinite(years)) or np.any(np.diff(years) == 0):
        return table
    values = pd.concat([table.columns[name].astype(object) for name in months], axis=1).to_numpy().ravel()
    kinds = {table.columns[name].dtype.kind for name in months}
    column = pd.Series(values.astype(float) if kinds <= set("iuf") else values)
    before = table.where
    notes.append(f"each row is a year of twelve months: they were put one below the other, by {year}")
    return dataclasses.replace(
        table,
        columns={
            "year": pd.Series(np.repeat(years, 12).astype(np.int64)),
            "month": pd.Series(np.tile(np.arange(1, 13), len(years))),
            "value": column,
        },
        units={},
        unnamed=frozenset(),
        where=lambda row: f"{before(row // 12)}, month {row % 12 + 1}",
    )
