"""Dialect of a table as text: what separates its columns, which line is the heading, where the rows begin.

Separators are tried on lines from the middle of the file, where there are rows and nothing else: the right one
gives equally many fields in each, that are numbers, dates or words. Columns that hold numbers or dates there tell
a row from what stands above the rows; of that, the lowest line of as many fields is the heading, below it may
stand units. Where no such line is free of a `#`, a heading within comments counts.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from kernels.recordings.units import is_unit

__all__ = ["Dialect", "blank", "find_dialect", "is_comment", "split_lines"]

MARKS = ("\t", ";", "|", ",", " ")
NUM_SAMPLE = 200  # lines from the middle
NUM_FEW = 12  # lines of a file whose middle would be too little
NUM_ABOVE = 2_000  # lines at most above the rows
COMMENT = re.compile(r"^\s*(#|%|//|!)+\s?")
NUMBER = re.compile(
    r"[<>~≤≥]?\s*[-+−]?[$€£]?(\d[\d.,]*|\d{1,3}([ '’]\d{3})+([.,]\d*)?|[.,]\d+)([eEdD][-+]?\d+)?\s*%?"
)
DATE = re.compile(
    r"[^\w]?(\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?|\d{1,2}:\d{2}|\d{4}-?[QMW]\d+|\d{1,2}[- .]?[A-Za-z]{3,9}[- .]*\d{2,4}|"
    r"[A-Za-z]{3,9}[- .]\d{1,2}, ?\d{4}|[A-Za-z]{3}[- ]\d{2,4}|\d{8}(?=T))([:T _+Z][^,;|\t]*)?"
)
NOTHING = re.compile(
    r"|[-–—]+|\.+|\*+|#+|\?|n\.?[/.]?a\.?n?\.?|#n/a.*|<na>|null|none|missing|miss|k\.a\.", re.IGNORECASE
)
KIND_OF_VALUE = (  # words in lines of units, formats and statistics
    *(
        "smp",
        "avg",
        "max",
        "min",
        "tot",
        "std",
        "wvc",
        "med",
        "ts",
        "rn",
        "unitless",
        "-",
        "1",
        "dimensionless",
    ),
    *(
        "yyyy-mm-dd",
        "yyyy-mm-dd hh:mm",
        "yyyy-mm-dd hh:mm:ss",
        "dd.mm.yyyy",
        "dd/mm/yyyy",
        "hh:mm",
        "hh:mm:ss",
    ),
    *("yr", "mo", "dy", "hr", "mn", "degt", "sec", "ft", "utc", "nmi", "n/a", "hhmm"),
)
TIME = re.compile(r"\W*(time|date|year|yyyy|t\b|zeit|datum|jahr|fecha)")
RDB_FORMAT = re.compile(r"\d+[snd]")


class Dialect(NamedTuple):
    """Dialect of a table.

    Attributes:
        mark: separates columns; a space stands for any white space.
        first: index of the line of the first row.
        names: headings; empty where there are none.
        units: of the columns; empty where there is no line of units.
        heading: index of the line of the heading.
    """

    mark: str
    first: int
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    heading: int = -1


def find_dialect(lines: Sequence[str]) -> Dialect:
    """Find the dialect of a table."""
    middle = _middle(lines)
    mark = max(MARKS, key=lambda mark: (*_quality(middle, mark), -MARKS.index(mark)))
    body = list(split_lines(middle, mark))
    width = Counter(len(record) for record in body).most_common(1)[0][0] if body else 1
    kinds = [_majority(record[i] for record in body if len(record) > i) for i in range(width)]
    above = lines[:NUM_ABOVE]
    records = [next(split_lines([COMMENT.sub("", line)], mark), []) for line in above]
    comments = [is_comment(line) for line in above]
    first = next(
        (i for i, record in enumerate(records) if not comments[i] and _is_row(record, kinds, width)), None
    )
    if first is None:  # text only: the first line is the heading
        first = next((i + 1 for i, record in enumerate(records) if not comments[i] and not blank(record)), 0)
    plain = [i for i in range(first) if not comments[i] and not blank(records[i])]
    noted = [i for i in range(first) if comments[i] and not blank(records[i])]
    heading, units = _heading(plain, records, width) or _heading(noted, records, width) or (-1, ())
    if heading < 0 and width > 1 and plain and len(records[plain[-1]]) > 1:
        named = any(_kind(cell) == "text" for cell in records[plain[-1]])
        heading = plain[-1] if named else -1  # of another width, which is an error or row names
    names = tuple(_unquoted(cell.strip()) for cell in records[heading]) if heading >= 0 else ()
    return Dialect(mark, first, names, units, heading)


def _unquoted(name: str) -> str:
    """Heading without single quotes around it."""
    return name[1:-1].strip() if len(name) > 2 and name[0] == name[-1] == "'" else name


def split_lines(lines: Iterable[str], mark: str) -> Iterator[list[str]]:
    """Fields of lines; a field in quotes may go over several."""
    if mark == " ":
        lines = (line.replace("\t", " ").strip() for line in lines)
    return csv.reader(lines, delimiter=mark, skipinitialspace=True)


def is_comment(line: str) -> bool:
    return bool(COMMENT.match(line))


def blank(record: Sequence[str]) -> bool:
    """Whether a record has nothing in it."""
    return not any(cell.strip() for cell in record)


def _middle(lines: Sequence[str]) -> list[str]:
    """Lines in which there are rows, most likely."""
    begin = len(lines) // 2 if len(lines) > NUM_FEW else len(lines) // 4
    chosen = [line for line in lines[begin : begin + NUM_SAMPLE] if line.strip() and not is_comment(line)]
    return chosen or [line for line in lines[-NUM_SAMPLE:] if line.strip()]


def _quality(lines: list[str], mark: str) -> tuple[float, float, bool]:
    """Quality of a separator: how many lines have equally many fields, and how many fields look sound."""
    records = [record for record in split_lines(lines, mark) if not blank(record)]
    if not records:
        return 0.0, 0.0, False
    width, count = Counter(len(record) for record in records).most_common(1)[0]
    if width == 1:
        return 0.0, 0.0, True
    cells = [cell.strip() for record in records for cell in record]
    sound = sum(_kind(cell) != "text" or not any(letter.isdigit() for letter in cell) for cell in cells)
    even = count / len(records)
    return round(4 * even * (sound / len(cells))) / 4, even, True


def _kind(cell: str) -> str:
    """Kind of a field: "number", "date", "text", or empty for nothing."""
    cell = cell.strip()
    if NOTHING.fullmatch(cell):
        return ""
    if NUMBER.fullmatch(cell):
        return "number"
    return "date" if DATE.fullmatch(cell) else "text"


def _majority(cells: Iterable[str]) -> str:
    kinds = Counter(kind for cell in cells if (kind := _kind(cell)))
    return kinds.most_common(1)[0][0] if kinds else ""


def _is_row(record: list[str], kinds: list[str], width: int) -> bool:
    """Whether a record holds numbers and dates where the rows do."""
    if blank(record) or 2 * len(record) < width or not any(kind in ("number", "date") for kind in kinds):
        return False
    found = [(kind, _kind(cell)) for cell, kind in zip(record, kinds, strict=False)]
    if any(kind == "date" and got == "text" for kind, got in found):
        return False
    if any(kind == got == "date" for kind, got in found):
        return True
    measured = [got for kind, got in found if kind in ("number", "date")]
    titled = kinds[0] == "number" and found[0][1] == "text" and _names_time(record[0])
    return not titled and len(measured) - measured.count("") > 2 * measured.count("text")


def _names_time(cell: str) -> bool:
    return bool(TIME.match(cell.strip().lower()))


def _heading(above: list[int], records: list[list[str]], width: int) -> tuple[int, tuple[str, ...]] | None:
    """Line of the heading among those above the rows, and the units below it; None where there is none."""
    exact = [i for i in above if len(records[i]) == width]
    wide = exact or [i for i in above if len(records[i]) == width - 1]
    below: list[int] = []
    while len(wide) > 1 and _is_units(records[wide[-1]]):
        below.insert(0, wide.pop())
    timed = [i for i in wide if any(map(_names_time, records[i]))]
    if timed:  # what stands between it and the rows are units, even unknown ones
        below = [i for i in wide if i > timed[-1]] + below
        wide = timed
    cells = [tuple(cell.strip().strip("()[]") for cell in records[i]) for i in below]
    units = next((row for row in cells if any(map(is_unit, filter(None, row)))), cells[0] if cells else ())
    return (wide[-1], units) if wide else None


def _is_units(record: list[str]) -> bool:
    """Whether a line holds units, formats or statistics and no names."""
    there = [text for cell in record if (text := cell.strip().strip("()[]").strip())]
    return bool(there) and all(map(_is_unit_or_format, there))


def _is_unit_or_format(cell: str) -> bool:
    lower = cell.lower()
    known = is_unit(cell) or (len(cell) > 1 and is_unit(lower))
    return known or lower in KIND_OF_VALUE or bool(RDB_FORMAT.fullmatch(cell))
