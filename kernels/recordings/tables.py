"""Tables → `Rows`: the time, the series, and the columns that are variables.

No variables, unless they are asked for by name, are columns of words, dates, true and false, counters of rows,
parts of the date, constant numbers, and columns without a heading among others that have one. Each of
these is said.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from kernels.recordings.choices import Choices
from kernels.recordings.dates import is_text
from kernels.recordings.flags import without_flags
from kernels.recordings.frames import Table
from kernels.recordings.names_of_time import COUNTERS, is_named, part_of_date, sounds_like_time
from kernels.recordings.numerals import Numerals, read_numerals
from kernels.recordings.rows import Rows, require_names
from kernels.recordings.series import find_runs, selected, with_months_below, with_quantities_beside
from kernels.recordings.time_columns import TimeColumns, find_time
from kernels.recordings.units import split_heading
from kernels.recordings.words import listed

__all__ = ["table_rows"]


def table_rows(
    table: Table, variables: Sequence[str] | None, time: str | None, choices: Choices, notes: list[str]
) -> Rows:
    """Find time, series and variables of a table.

    Args:
        table: a row for each time, and series.
        variables: names of those to read; all that can be unless given.
        time: name of the column of times; found unless given.
        choices: what was chosen.
        notes: what was understood goes here.

    Raises:
        ValueError: a question that the table does not answer, or no such column.
    """
    table = with_months_below(selected(table, choices, notes), notes)
    found = find_time(table, time, choices.dates, notes)
    table, found = with_quantities_beside(table, found, notes)
    runs = find_runs(table, found, choices, notes)
    found = runs.time or found
    times = np.arange(table.num_rows) if found.times is None else found.times
    if found.times is None:  # each run begins at 0
        first = np.concatenate([[0], np.cumsum(np.bincount(runs.runs))])[runs.runs]
        times = np.argsort(np.argsort(runs.runs, kind="stable"), kind="stable") - first
    used = (*found.columns, *runs.columns)
    rest = table.without(used)
    wanted = list(rest.columns) if variables is None else _wanted(variables, rest)
    columns: dict[str, Float[np.ndarray, " row"]] = {}
    units = dict(table.units)
    for name in wanted:
        reason = _no_variable(name, rest, times, runs.runs, found) if variables is None else ""
        read = Numerals(None) if reason else _numbers(name, rest, choices, notes)
        if read.trouble:
            raise ValueError(
                f"variable {name!r} must be numeric; {read.trouble}. Or leave it out: name the others "
                "with `variables` (--variables)."
            )
        if read.values is not None:
            notes.extend(read.notes)
            units |= {name: read.unit} if read.unit else {}
            columns[name] = without_flags(name, read.values, choices, notes)
        elif variables is not None:
            raise ValueError(
                f"variable {name!r} must be numeric; it holds words. Convert it, or leave it out."
            )
        else:
            notes.append(f"left out {name}: {reason or 'it holds words'}")
    if not columns:
        raise ValueError(
            f"no numeric variable depends on time; there are the columns {listed(rest.columns)}."
        )
    return Rows(
        values=np.stack(list(columns.values()), axis=1),
        times=times,
        runs=runs.runs,
        variables=tuple(columns),
        time_units=found.units,
        units={name: units[name] for name in columns if name in units},
        where=table.where,
    )


def _wanted(variables: Sequence[str], table: Table) -> list[str]:
    known = table.columns
    names = [str(name).strip() for name in variables]
    return require_names([name if name in known else split_heading(name)[0] for name in names], list(known))


def _numbers(name: str, table: Table, choices: Choices, notes: list[str]) -> Numerals:
    column = table.columns[name]
    if column.dtype.kind == "m":
        return Numerals(
            column.to_numpy() / np.timedelta64(86_400, "s"),
            "d",
            notes=(f"{name}: durations are taken in days",),
        )
    if is_text(column):
        if pd.api.types.infer_dtype(column, skipna=True) in (
            "boolean",
            "bytes",
            "date",
            "datetime",
            "period",
        ):
            return Numerals(None)
        return read_numerals(name, column, table.decimal, choices, table.where)
    if column.dtype.kind in "Mc":
        return Numerals(None)
    return Numerals(np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), np.float64))


def _no_variable(
    name: str, table: Table, times: Shaped[np.ndarray, " row"], runs: np.ndarray, found: TimeColumns
) -> str:
    """Reason why a column is no variable unless it is asked for; empty where there is none."""
    column = table.columns[name]
    if column.dtype.kind == "b":
        return "it holds true and false; name it in `variables` (--variables) to take it as 1 and 0"
    if column.dtype.kind == "M":
        return "it holds dates and is not the time"
    if is_text(column) or column.dtype.kind == "m":
        return ""
    if name in table.unnamed:
        return "it has no heading; name it in `variables` (--variables) to take it"
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    order = np.argsort(runs, kind="stable")
    steps = np.diff(values[order])[np.diff(runs[order]) == 0]
    if steps.size and np.all(steps == 1) and is_named(name, COUNTERS):
        return "it numbers the rows"
    if (
        steps.size
        and np.all(steps > 0)
        and found.times is not None
        and (_tells_time(name) or is_named(name, COUNTERS))
    ):
        return "it grows with the time, which is known from elsewhere"
    known = values[np.isfinite(values)]
    if known.size == 0:
        return "it holds no values"
    if len(values) > 1 and known.size == len(values) and np.all(known == known[0]):
        return f"it is {known[0]:g} in all rows"
    if times.dtype.kind == "M" and _is_decimal_year(values, times):
        return "it is the date in years"
    if found.times is not None and times.dtype.kind == "M" and _is_part(part_of_date(name), values, times):
        return "it is a part of the date"
    return ""


def _tells_time(name: str) -> bool:
    return sounds_like_time(name) or part_of_date(name) != ""


def _is_decimal_year(values: Float[np.ndarray, " row"], times: Shaped[np.ndarray, " row"]) -> bool:
    """Whether a column repeats the date as a year with decimals, to within a month."""
    years = times.astype("datetime64[s]").astype(np.int64) / (365.2425 * 86_400) + 1970
    return bool(np.all(np.abs(values - years) < 0.1) and np.any(values != np.floor(values)))


def _is_part(part: str, values: Float[np.ndarray, " row"], times: Shaped[np.ndarray, " row"]) -> bool:
    """Whether a column repeats a part of the date."""
    dates = pd.DatetimeIndex(times)
    attribute = {"doy": "dayofyear"}.get(part, part)
    if not part or not hasattr(dates, attribute):
        return False
    return bool(np.array_equal(values, np.asarray(getattr(dates, attribute), float)))
