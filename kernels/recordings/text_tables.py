"""Tables as text (CSV and its kin) → `Table`: columns under their headings, with the line of each row.

Rows longer than the heading are an error that names the first such line, unless what is too much is empty
throughout, or stands at the left as names of rows, as R writes them.
"""

import array
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kernels.files import UnreadableError, readable
from kernels.names import printable
from kernels.recordings.choices import Choices
from kernels.recordings.dates import holds_dates, is_text
from kernels.recordings.decoding import read_lines
from kernels.recordings.dialect import Dialect, find_dialect, is_comment, split_lines
from kernels.recordings.frames import Table, require_few, text_table
from kernels.recordings.names_of_time import sounds_like_time
from kernels.recordings.numerals import decimal_of
from kernels.recordings.words import count_of, listed

__all__ = ["read_text_table"]

MAX_FOOTER = 20  # lines at the end that may be no rows
MAX_LINE = 1_000_000  # characters
UNREADABLE = "{path} is no readable table of text ({error})."


def read_text_table(path: Path, choices: Choices, notes: list[str]) -> Table:
    """Read a table of text in any common form.

    Raises:
        UnreadableError: no text, no table, too many columns, or rows that do not fit the heading.
    """
    lines = read_lines(path, notes)
    if max(map(len, lines)) > MAX_LINE:
        raise UnreadableError(f"{path} must have lines of at most {MAX_LINE} characters; one is longer.")
    if not any(lines):
        raise UnreadableError(f"{path} must be a table; it is empty.")
    left_out = choices.left_out
    lines = (
        ["" if number in left_out else line for number, line in enumerate(lines, 1)] if left_out else lines
    )
    with readable(path, UNREADABLE):
        dialect = find_dialect(lines)
        require_few(max(len(dialect.names), _width(lines, dialect)), path)
        kept = [i for i in range(dialect.first, len(lines)) if lines[i].strip() and not is_comment(lines[i])]
        comments = sum(is_comment(line) for line in lines[dialect.first :])
        if comments:
            notes.append(f"left out {count_of(comments, 'line')} of comment among the rows")
        counts, numbers = _counted([lines[i] for i in kept], kept, dialect)
        if not counts.size:
            raise UnreadableError(f"{path} must have rows; below its heading there are none.")
        width = max(int(counts.max()), len(dialect.names))
        require_few(width, path)
        end = _num_rows(counts, numbers, notes)
        kept = kept if end == len(counts) else [i for i in kept if i + 1 < numbers[end]]
        counts, numbers = counts[:end], numbers[:end]
        rows, decimal = [lines[i] for i in kept], choices.decimal or ""
        table = _parsed(rows, dialect, width, decimal)
        if not decimal and "," in _decimals(table):  # numbers with points become text, to be read anew
            table = _parsed(rows, dialect, width, ",")
            decimal = "," if "." not in _decimals(table) else ""
    if len(table) != len(numbers):
        raise UnreadableError(
            f"{path} must close its quotation marks; rows and lines do not match. Save it anew."
        )
    _note_short(counts, numbers, len(dialect.names), notes)
    return dataclasses.replace(_named(table, numbers, dialect, notes, path), decimal=decimal)


def _decimals(table: pd.DataFrame) -> set[str]:
    """Marks for decimals in columns of text that can be read one way only."""
    texts = [column for _, column in table.items() if is_text(column)]
    return {decimal_of(column) for column in texts if not holds_dates(column, "")} - {""}


def _width(lines: Sequence[str], dialect: Dialect) -> int:
    return len(next(split_lines(lines[dialect.first : dialect.first + 1], dialect.mark), []))


def _counted(rows: list[str], kept: list[int], dialect: Dialect) -> tuple[np.ndarray, np.ndarray]:
    """Number of fields of each row, and the number of its first line."""
    counts, numbers, before = array.array("q"), array.array("q"), 0
    reader: Any = split_lines(rows, dialect.mark)
    for record in reader:
        counts.append(len(record))
        numbers.append(kept[before] + 1)
        before = reader.line_num
    return np.asarray(counts, np.int64), np.asarray(numbers, np.int64)


def _parsed(rows: list[str], dialect: Dialect, width: int, decimal: str) -> pd.DataFrame:
    """Table of numbers where a column holds nothing else, else of text."""
    return pd.read_csv(
        io.BytesIO("\n".join(rows).encode()),
        sep=r"\s+" if dialect.mark == " " else dialect.mark,
        decimal=decimal or ".",
        header=None,
        names=range(width),
        index_col=False,
        skipinitialspace=True,
        skip_blank_lines=True,
        low_memory=False,
        true_values=["TRUE", "True", "true"],
        false_values=["FALSE", "False", "false"],
    )


def _note_short(counts: np.ndarray, numbers: np.ndarray, width: int, notes: list[str]) -> None:
    short = counts < width
    if short.any() and not short.all():
        first = numbers[int(short.argmax())]
        notes.append(
            f"{count_of(int(short.sum()), 'line')} have fewer fields than the heading, the first line {first}: what "
            "is not there is missing"
        )


def _named(table: Any, numbers: np.ndarray, dialect: Dialect, notes: list[str], path: Path) -> Table:
    """Table under its headings, rows and columns of nothing left out."""
    full = table.notna().any(axis=1).to_numpy()
    if not full.all():
        notes.append(f"left out {count_of(int((~full).sum()), 'line')} of nothing but separators")
        table, numbers = table[full].reset_index(drop=True), numbers[full]
    if not dialect.names:
        headings = [f"column {i + 1}" for i in range(table.shape[1])]
        notes.append(f"no line above the rows is a heading; columns are named {listed(headings[:3])} …")
        return text_table(table, headings, (), numbers, notes)
    headings, units = [printable(name) for name in dialect.names], dialect.units
    extra = [column for column in table.columns[len(headings) :] if table[column].notna().any()]
    if extra and _row_names(table, headings, extra):
        notes.append("the first column has no heading and is taken for the names of rows")
        headings, units, extra = ["", *headings], ("", *units) if units else (), []
    if extra:
        row = int(table[extra].notna().any(axis=1).to_numpy().argmax())
        raise UnreadableError(
            f"{path} must have a heading for each column; line {numbers[row]} has {extra[-1] + 1} fields, the heading "
            f"in line {dialect.heading + 1} has {len(headings)}. Add the headings that are missing, or mend line {numbers[row]}."
        )
    return text_table(table, headings, units, numbers, notes)


def _num_rows(counts: np.ndarray, numbers: np.ndarray, notes: list[str]) -> int:
    """Number of records without those at the end that have less than half of the fields of most."""
    width = int(np.median(counts))
    short = 2 * counts < width
    end = len(counts) if width < 3 or short.all() else len(counts) - int(np.argmin(short[::-1]))
    if not 0 < len(counts) - end <= MAX_FOOTER:
        return len(counts)
    lines = count_of(len(counts) - end, "line")
    notes.append(f"left out {lines} at the end, from line {numbers[end]} on: too few fields for rows")
    return end


def _row_names(table: Any, headings: list[str], extra: list[int]) -> bool:
    """Whether the first column holds names or numbers of rows without a heading, as R writes them."""
    if extra != [len(headings)] or any(map(sounds_like_time, headings)) or table[extra[0]].isna().any():
        return False
    first = table[0].to_numpy()
    if first.dtype.kind in "iu":
        return bool(np.all(np.diff(first) == 1))
    return first.dtype.kind not in "fb"
