"""`Table`: columns under their headings, as text files, Parquet files and DataFrames give them."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kernels.files import UnreadableError, readable, require_file, require_memory
from kernels.names import printable
from kernels.recordings.units import read_headings
from kernels.recordings.words import Where, where_in_file, where_in_memory

__all__ = ["Table", "frame_table", "read_parquet", "require_few", "text_table"]

MAX_COLUMNS = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Table.

    Attributes:
        columns: name → values, all of one length.
        units: of the columns that have one.
        unnamed: names, made here, of columns without a heading among others that have one.
        where: place of a row, for messages.
        decimal: mark for decimals in columns of text; empty where unknown.
    """

    columns: dict[str, pd.Series]
    units: dict[str, str]
    unnamed: frozenset[str] = frozenset()
    where: Where = where_in_memory
    decimal: str = ""

    @property
    def num_rows(self) -> int:
        return len(next(iter(self.columns.values())))

    def without(self, names: Any) -> "Table":
        """Table without some columns."""
        kept = {name: column for name, column in self.columns.items() if name not in set(names)}
        return dataclasses.replace(self, columns=kept)

    def rows(self, chosen: np.ndarray) -> "Table":
        """Table of some rows, by their indices."""
        columns = {name: column.iloc[chosen].reset_index(drop=True) for name, column in self.columns.items()}
        before = self.where
        return dataclasses.replace(self, columns=columns, where=lambda row: before(int(chosen[row])))


def text_table(
    frame: pd.DataFrame, headings: Sequence[str], units: Sequence[str], lines: np.ndarray, notes: list[str]
) -> Table:
    """Table of a text file; columns of nothing without a heading are left out.

    Args:
        frame: columns in their order.
        headings: of the columns; empty ones are made up.
        units: of the columns, from a line of their own; may be none.
        lines: number of the line of each row.
        notes: what was left out or renamed goes here.
    """
    headings = [*headings, *[""] * (frame.shape[1] - len(headings))]
    twice = {name for name, count in Counter(headings).items() if name and count > 1}
    if twice:
        notes.append(f"columns of one name are told apart by their place: {', '.join(sorted(twice))}")
    columns, found, unnamed = {}, {}, set()
    named = _split([f"{name} (column {i + 1})" if name in twice else name for i, name in enumerate(headings)])
    for i, (label, unit) in enumerate(named):
        values = frame.iloc[:, i]
        name = label or f"column {i + 1}"
        if not label:
            if values.isna().all():
                continue
            if i == 0 and _counts(values):
                notes.append("left out the first column: it has no heading and numbers the rows")
                continue
            unnamed.add(name)
        columns[name] = values
        given = unit or (units[i] if i < len(units) else "")
        if given.strip("-=_. "):
            found[name] = given
    return Table(columns=columns, units=found, unnamed=frozenset(unnamed), where=where_in_file(lines))


def frame_table(frame: Any, notes: list[str]) -> Table:
    """Table of a DataFrame; levels of its index become columns, but for bare row numbers.

    Raises:
        ValueError: no DataFrame, no rows, or two columns of one name.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(
            f"`source` must be a path, a Dataset or a DataFrame; got {type(frame).__name__}. "
            "Wrap arrays in a Dataset first."
        )
    if not len(frame):
        raise ValueError("the table must have rows; it has none.")
    if frame.columns.nlevels > 1:
        frame = frame.set_axis([" ".join(map(str, names)).strip() for names in frame.columns], axis=1)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(
            f"the headings must be distinct; {printable(str(twice))!r} stands above two columns. Rename one."
        )
    index = frame.index
    if index.nlevels > 1 or index.name is not None or not _counts(index.to_series()):
        names = [
            name or ("time" if frame.index.nlevels == 1 else f"level {i}")
            for i, name in enumerate(frame.index.names)
        ]
        frame = frame.reset_index(names=_free(names, frame))
    columns, found = {}, {}
    for (label, unit), (_, values) in zip(_split(list(frame.columns)), frame.items(), strict=True):
        columns[label] = values.reset_index(drop=True)
        found |= {label: unit} if unit else {}
    return Table(columns=columns, units=found)


def _free(names: list[Any], frame: pd.DataFrame) -> list[Any]:
    """Names of the levels of an index that no column has."""
    return [name if name not in frame.columns else f"{name} (index)" for name in names]


def _split(headings: list[Any]) -> list[tuple[str, str]]:
    """Name and unit of each heading."""
    distinct = read_headings(dict.fromkeys(headings), taken="")
    return [distinct[heading] if heading != "" else ("", "") for heading in headings]


def _counts(values: pd.Series) -> bool:
    """Whether values are row numbers, from any number on."""
    numbers = values.to_numpy()
    return numbers.dtype.kind in "iu" and np.array_equal(numbers, np.arange(len(numbers)) + numbers[0])


def read_parquet(path: Path, notes: list[str]) -> Table:
    """Read a Parquet file, once it is clear that what it declares fits into memory.

    Raises:
        UnreadableError: no regular file, larger than memory, too many columns, or no Parquet.
    """
    require_file(path)
    with readable(path, "{path} is no readable parquet file ({error})."):
        try:
            about = import_module("pyarrow.parquet").ParquetFile(path).metadata
        except ImportError as error:
            raise UnreadableError(
                f"reading {path.name} needs pyarrow. Install it (`pip install pyarrow`), or write CSV or NetCDF."
            ) from error
        require_few(about.num_columns, path)
        require_memory(8.0 * about.num_rows * about.num_columns, path)
        frame = pd.read_parquet(path)
    return frame_table(frame, notes)


def require_few(num_columns: int, path: Path) -> None:
    """Raise UnreadableError for a table of more columns than any record has."""
    if num_columns > MAX_COLUMNS:
        raise UnreadableError(
            f"{path} must have at most {MAX_COLUMNS} columns; it has {num_columns} or more. Write a row for each "
            "time, or fewer columns."
        )
