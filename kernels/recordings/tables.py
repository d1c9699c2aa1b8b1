"""Tables (CSV, Parquet, DataFrame) → Dataset over time: the time column, and the headings.

The time is the column of a usual name; else the one that holds dates, by its type or its text; else the
index, or a column of growing numbers whose name has a word for time. Where none of these is there, rows
are numbered, but only if no text is left over that may have been the time.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Shaped

from kernels.files import UnreadableError, readable, require_file, require_memory
from kernels.recordings.dates import TIME_NAMES, holds_dates, is_text, is_time_name, sounds_like_time
from kernels.recordings.units import read_headings, split_heading

__all__ = ["NOT_NUMERIC", "listed", "read_table", "table_dataset"]

MAX_NAMED = 12  # names listed in a message
NUM_LINES = 200  # lines of a file read to find its form
MAX_LINE = 1_000_000  # characters
MAX_COLUMNS = 10_000
NUMBERS_OR_TEXT = (
    "string",
    "mixed",
    "mixed-integer",
    "mixed-integer-float",
    "integer",
    "floating",
    "decimal",
)
CODE = re.compile(r"\s*0\d")  # a code, for example of a station
NOT_NUMERIC = "not_numeric"  # attribute with the reason why a column cannot be used
DECIMAL_COMMA = re.compile(r"(?:^|[;\t])\s*-?\d+,\d+\s*(?:[;\t\n]|$)", re.MULTILINE)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Raises:
        ValueError: no regular file, larger than memory, too many columns, or no table.
    """
    require_file(path)
    with readable(path, f"{{path}} is no readable {path.suffix[1:]} file ({{error}})."):
        if path.suffix == ".csv":
            return _without_counter(_read_csv(path))
        try:
            return _read_parquet(path)
        except ImportError as error:
            raise UnreadableError(
                f"reading {path.name} needs pyarrow. Install it (`pip install pyarrow`), or write CSV or NetCDF."
            ) from error


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file in any common form: `;` and decimal commas, tabs, `#` lines above."""
    with path.open(encoding="utf-8-sig") as file:
        first = [line for _ in range(NUM_LINES) if (line := file.readline(MAX_LINE))]
    notes = next((i for i, line in enumerate(first) if not line.startswith("#")), len(first))
    heading, rows = "".join(first[notes : notes + 1]), "".join(first[notes + 1 :])
    mark = max((",", ";", "\t"), key=heading.count)
    _require_few(heading.count(mark) + 1, path)
    if any(len(line) == MAX_LINE for line in first):
        raise UnreadableError(f"{path} must have lines of at most {MAX_LINE} characters; one is longer.")
    decimal = "," if mark != "," and DECIMAL_COMMA.search(rows) else "."
    return pd.read_csv(path, sep=mark, decimal=decimal, skiprows=notes, encoding="utf-8-sig")


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file, once it is clear that what it declares fits into memory."""
    about = import_module("pyarrow.parquet").ParquetFile(path).metadata
    _require_few(about.num_columns, path)
    require_memory(8.0 * about.num_rows * about.num_columns, path)
    return pd.read_parquet(path)


def _require_few(num_columns: int, path: Path) -> None:
    """Raise UnreadableError for a table of more columns than any record has."""
    if num_columns > MAX_COLUMNS:
        raise UnreadableError(
            f"{path} must have at most {MAX_COLUMNS} columns; it has {num_columns} or more. Write a row for each "
            "time, or fewer columns."
        )


def _without_counter(table: pd.DataFrame) -> pd.DataFrame:
    """Drop a first column of row numbers without a heading, as a saved index leaves it."""
    if len(table.columns) > 1 and str(table.columns[0]).startswith("Unnamed:"):
        numbers = table.iloc[:, 0].to_numpy()
        if numbers.dtype.kind in "iu" and np.array_equal(numbers, np.arange(len(numbers))):
            return table.iloc[:, 1:]
    return table


def table_dataset(table: Any, time: str | None) -> xr.Dataset:
    """Convert a DataFrame to a Dataset over its time; units in headings become attributes.

    A heading with a unit is, for example, `T (K)`.

    Args:
        table: a row for each time.
        time: heading of the time; found unless given.

    Raises:
        ValueError: no DataFrame, no rows, no such column, or several or none that may be the time.
    """
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"`source` must be a path, a Dataset or a DataFrame; got {type(table).__name__}. "
            "Wrap arrays in a Dataset first."
        )
    if not len(table):
        raise ValueError("the table must have rows; it has none.")
    if table.index.nlevels > 1:
        raise ValueError(
            f"the table must have a heading for each column; {table.index.nlevels} columns have none, and are its "
            "index. Write as many headings as columns, or use `table.reset_index()`."
        )
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(
            f"the headings must be distinct; {str(twice)[:80]!r} stands above two columns. Rename one."
        )
    heading = _time_heading(table, time)
    index = table.index if heading is None else pd.Index(table[heading])
    columns = table if heading is None else table.drop(columns=[heading])
    name, unit = split_heading("time" if index.name is None else index.name)
    if getattr(index, "tz", None) is not None:
        index = pd.DatetimeIndex(index).tz_convert("UTC").tz_localize(None)
    times = index.to_numpy()
    data = {
        label: (name, columns[column].to_numpy(), {"units": of_it} | _trouble(columns[column].to_numpy()))
        for column, (label, of_it) in read_headings(columns.columns, taken=name).items()
    }
    if name in data:
        raise ValueError(
            f"the headings must be one for each column; {name!r} is a heading, and the name of a column without one. "
            "Write as many headings as columns."
        )
    attributes = {"units": unit} if times.dtype.kind in "iuf" else {}
    return xr.Dataset(data, coords={name: (name, times, attributes)})


def _time_heading(table: pd.DataFrame, time: str | None) -> Any:
    """Heading of the column of times; None where the index is to be taken."""
    names = {heading: split_heading(heading)[0] for heading in table.columns}
    if time is not None:
        named = [heading for heading, name in names.items() if time in (str(heading), name)]
        if not named and time != table.index.name:
            raise ValueError(f"`time` must be a column, one of {listed(table.columns)}; got {time!r}.")
        return named[0] if named else None
    if holds_dates(table.index.to_series(), table.index.name or "time"):
        return None
    usual = [heading for heading, name in names.items() if is_time_name(name)]
    if usual:
        return min(usual, key=lambda heading: TIME_NAMES.index(names[heading].lower()))
    dated = [heading for heading, column in table.items() if holds_dates(column, heading)]
    found = [heading for heading in dated if sounds_like_time(heading)] or dated
    if not found and not is_text(table.index):
        found = [name for name, column in table.items() if sounds_like_time(name) and _grows(column)]
    if len(found) > 1:
        raise ValueError(
            f"which column is time? Each of {listed(found)} may be. Name it with `time` (--time)."
        )
    if found:
        return found[0]
    if table.index.name is None and not is_text(table.index):
        _require_no_text(table)
    return None


def _grows(column: pd.Series) -> bool:
    values = column.to_numpy()
    return values.dtype.kind in "iuf" and bool(np.all(np.diff(values) > 0))


def _require_no_text(table: pd.DataFrame) -> None:
    """Raise ValueError if text is left, which may be the time, before rows are numbered."""
    text = [heading for heading, column in table.items() if is_text(column)]
    if text:
        raise ValueError(
            "which column is time? None has a name such as time or date, and none holds dates. If it is "
            f"{listed(text, 'or')}, name it with `time` (--time) and write its dates as ISO 8601 (2020-01-31 06:00); "
            "if there is none, leave columns of text out, and rows are numbered."
        )


def _trouble(column: Shaped[np.ndarray, " row"]) -> dict[str, str]:
    """Attribute of a column of measurements that cannot be used as it is; else empty."""
    words = _text_among_numbers(column) if column.dtype.kind in "OUT" else ""
    return {NOT_NUMERIC: words} if words else {}


def _text_among_numbers(column: Shaped[np.ndarray, " row"]) -> str:
    """Message about text in a column of numbers; empty for text, codes and flags."""
    if pd.api.types.infer_dtype(column, skipna=True) not in NUMBERS_OR_TEXT:
        return ""
    if any(isinstance(value, str) and CODE.match(value) for value in column):
        return ""
    there = ~np.asarray(pd.isna(column))
    text = there & np.isnan(np.asarray(pd.to_numeric(column, errors="coerce"), float))
    if 2 * text.sum() > there.sum():
        return ""
    if not text.any():
        return "its numbers are stored as text or objects: convert them"
    first = int(text.argmax())
    return (
        f"it holds text in {text.sum()} of {len(text)} rows, first {str(column[first])[:40]!r} in row {first + 1} of the data: "
        "correct these, or leave them empty"
    )


def listed(names: Any, last: str = "") -> str:
    """List of names for a message; of many names the first few."""
    names = [str(name) for name in names]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    if last and 1 < len(names) <= MAX_NAMED:
        return f"{', '.join(names[:-1])} {last} {names[-1]}"
    return (", ".join(names[:MAX_NAMED]) or "none") + more
