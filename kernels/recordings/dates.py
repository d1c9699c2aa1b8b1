"""Dates in files: text or digits → NumPy's dates.

    text       ISO 8601, months by name, or 31/12/2020, day or month first: whichever every row agrees with;
               24:00 is the beginning of the next day; 2020Q3, 2020M07, 2020-W05 and 2020 are periods' first days
    digits     2020, 202012, 2020366 (day of the year), 20201231, 2020123106, 202012310630 and 20201231063000

Where day first and month first give two records that are equally good, nobody can say which it is, and an
error asks for ISO dates.
"""

import contextlib
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Shaped
from pandas.tseries.api import guess_datetime_format

from kernels.names import printable
from kernels.recordings.names_of_time import names_dates, names_unix_time, sounds_like_time
from kernels.recordings.words import Where, where_in_memory

__all__ = ["as_times", "holds_dates", "is_moment", "is_text", "is_time_of_day"]

DATE_LIKE = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}|^[A-Za-z]{3}[- ]\d{2}$")
YEAR_LAST = re.compile(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?!\d)(.*)$")
INTERVAL = re.compile(
    r"^(?P<begin>\d\S*[ T]\d{1,2}:\d{2}\S*)\s*(?:-|–|/|to)\s*\d\S*(?:[ T]\d{1,2}:\d{2}\S*)?$"
)
TIME_OF_DAY = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?"
MIDNIGHT = re.compile(r"[ T_]24(?::?00){0,2}(?=$|Z|[+-]\d\d)|[ T]24$")
PERIODS: tuple[tuple[re.Pattern[str], Callable[[str], str], str], ...] = (
    (re.compile(r"\d{4}"), str, "%Y"),
    (re.compile(r"\d{4}[- ]?Q[1-4]"), lambda t: f"{t[:4]}-{3 * int(t[-1]) - 2}", "%Y-%m"),
    (re.compile(r"Q[1-4][- /]\d{4}"), lambda t: f"{t[-4:]}-{3 * int(t[1]) - 2}", "%Y-%m"),
    (re.compile(r"\d{4}[ -]?M\d{1,2}"), lambda t: f"{t[:4]}-{t[t.index('M') + 1 :]}", "%Y-%m"),
    (re.compile(r"\d{4}[/.]\d{1,2}"), lambda t: f"{t[:4]}-{t[5:]}", "%Y-%m"),
    (re.compile(r"\d{1,2}[/.-]\d{4}"), lambda t: t.replace(".", "/").replace("-", "/"), "%m/%Y"),
    (re.compile(r"\d{4}-?W\d{2}"), lambda t: f"{t[:4]}-W{t[-2:]}-1", "%G-W%V-%u"),
    (re.compile(r"[A-Za-z]{3}[- ]\d{2}"), lambda t: t.replace(" ", "-"), "%b-%y"),
    (re.compile(r"[A-Za-z]{3}[- ]\d{4}"), lambda t: t.replace(" ", "-"), "%b-%Y"),
    (re.compile(r"[A-Za-z]{4,9}[- ]\d{4}"), lambda t: t.replace(" ", "-"), "%B-%Y"),
    (re.compile(r"\d{4}[- ][A-Za-z]{3}"), lambda t: t.replace(" ", "-"), "%Y-%b"),
)
FORMATS = (  # None: as the first row is written
    *(
        "ISO8601",
        None,
        "%Y-%m-%d %I:%M %p",
        "%Y-%m-%d %I:%M:%S %p",
        "%Y%m%d %H%M",
        "%Y%m%d %H:%M",
        "%Y%m%d %H:%M:%S",
    ),
    *("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d %b %Y %H:%M", "%d-%b-%y", "%Y-%j", "%Y/%j", "%Y-%j %H:%M"),
)
DIGITS = {
    4: "%Y",
    6: "%Y%m",
    7: "%Y%j",
    8: "%Y%m%d",
    10: "%Y%m%d%H",
    12: "%Y%m%d%H%M",
    14: "%Y%m%d%H%M%S",
}
UNIX = {10: "s", 13: "ms"}  # digits of times since 1970, of these decades
LEAST_UNIX = 1_000_000_000
NUM_LOOKED_AT = 1000  # texts read to find whether a column holds dates
ORDERS = ("month-first", "day-first")
YEARS = (1800, 2199)  # of dates written as digits; seconds since 1970, read as dates, lie before
CENTURY = 70  # years of two digits from here on belong to 1900
READ_ALL_BUT = 0.5  # share of texts that are dates, from which on the others are mistakes


def is_text(values: Any) -> bool:
    """Whether values are neither numbers nor dates, by their type."""
    return values.dtype.kind not in "biufcMm"


def is_moment(value: Any) -> bool:
    """Whether a value is a date of a calendar unknown to NumPy, as `cftime` gives it."""
    return hasattr(value, "calendar") and hasattr(value, "isoformat")


def is_time_of_day(values: pd.Series) -> bool:
    """Whether a column of text holds times of day, as 06:30."""
    if not is_text(values):
        return False
    texts = values.dropna().iloc[:NUM_LOOKED_AT].astype(str).str.strip()
    return bool(texts.size and texts.str.fullmatch(TIME_OF_DAY).all())


def holds_dates(values: pd.Series, name: Any) -> bool:
    """Whether a column holds dates: by its type, by most of its text, or by its digits and its name."""
    if values.dtype.kind == "M":
        return True
    if values.dtype.kind == "m":
        return False
    if not is_text(values):
        return sounds_like_time(name) and _of_numbers(values.to_numpy(), name) is not None
    texts = values.dropna()
    if texts.size and is_moment(texts.iloc[0]):
        return True
    texts = texts.iloc[:NUM_LOOKED_AT].astype(str).str.strip()
    like = texts.str.contains(DATE_LIKE)
    if not texts.size or like.mean() < READ_ALL_BUT or is_time_of_day(values):
        return False
    return bool(_readings(texts)) or _best_reading(texts).notna().mean() >= READ_ALL_BUT


def as_times(
    values: Shaped[np.ndarray, " row"],
    name: str,
    where: Where = where_in_memory,
    dates: str | None = None,
) -> Shaped[np.ndarray, " row"]:
    """Convert text, and digits under a name of time, to dates; other values stay.

    Args:
        values: of a column or coordinate.
        name: its name.
        where: place of a row, for messages.
        dates: "day-first" or "month-first", where both may be.

    Raises:
        ValueError: text that is no date, or that could be two.
    """
    if values.dtype.kind in "SO":
        values = np.array([v.decode("latin-1") if isinstance(v, bytes) else v for v in values], dtype=object)
    if not values.size or is_moment(values[0]):
        return values
    if is_text(values):
        return _of_text(pd.Series(values, dtype=object), name, where, dates)
    found = _of_numbers(values, name) if sounds_like_time(name) else None
    return values if found is None else found


def _of_text(values: pd.Series, name: str, where: Where, dates: str | None) -> Shaped[np.ndarray, " row"]:
    texts = values.where(values.notna(), "").astype(str).str.strip()
    empty = (texts == "").to_numpy()
    if empty.any():
        raise ValueError(
            f"times must be known for every row; some are missing, the first in {where(int(empty.argmax()))}. Drop those "
            "rows first (`skip_lines`, --skip-lines, of a text file)."
        )
    first = texts.iloc[0]
    if is_time_of_day(texts):
        raise ValueError(
            f"{name!r} must hold times, numbers or dates; {printable(first)!r} is a time of day without its date. "
            "Join the two in one column."
        )
    readings = _readings(texts)
    if dates and len(_orders(texts)) > 1:
        chosen = _parsed(_orders(texts)[ORDERS.index(dates)])
        readings = [] if chosen is None else [chosen]
    if readings:
        return _agreed(readings, first, name).to_numpy()
    best = _best_reading(texts)
    row = int(best.isna().to_numpy().argmax())
    culprit = printable(str(texts.iloc[row]))
    if best.notna().mean() >= READ_ALL_BUT:
        number = re.sub(r"\D", "", where(row))
        raise ValueError(
            f"{name!r} must hold times, numbers or dates, all written alike; {where(row)} holds {culprit!r}. Correct "
            f"it, or leave that line out (`skip_lines`, --skip-lines {number}, of a text file)."
        )
    raise ValueError(
        f"{name!r} must hold times, numbers or dates, all written alike; as dates, its text cannot be read "
        f"(the first is {printable(first)!r}). Write them as ISO 8601, as in 2020-01-31 06:00."
    )


def _readings(texts: pd.Series) -> list[pd.DatetimeIndex]:
    """All ways to read every one of the texts as a date."""
    found = [_parsed(written) for written in _orders(texts)]
    return [dates for dates in found if dates is not None]


def _best_reading(texts: pd.Series) -> pd.Series:
    """Dates by the format that fits most of the texts; missing where it does not."""
    best = pd.Series(pd.NaT, index=texts.index)
    for written in _orders(texts):
        typical = list(written[written.str.contains(DATE_LIKE)])[:1]
        for form in FORMATS:
            with _quiet():
                if form is None:
                    form = guess_datetime_format(typical[0]) if len(typical) else None
                if form is None:
                    continue
                dates = pd.to_datetime(written, utc=True, format=form, errors="coerce")
                best = dates if dates.notna().sum() > best.notna().sum() else best
    return best


def _orders(texts: pd.Series) -> list[pd.Series]:
    """Texts with the year first, once where they are so, else with month first and with day first."""
    texts = texts.str.replace(r"^(\d{4}-\d\d-\d\d)_", r"\1 ", regex=True)
    if texts.str.match(INTERVAL).all():
        texts = texts.str.replace(INTERVAL, r"\g<begin>", regex=True)
    last = texts.str.match(YEAR_LAST)
    if last.mean() <= READ_ALL_BUT:
        return [texts]
    parts = texts.str.extract(YEAR_LAST)
    year = parts[2].map(_full_year, na_action="ignore")
    return [(year + "-" + parts[i] + "-" + parts[1 - i] + parts[3]).where(last, "") for i in (0, 1)]


def _full_year(year: str) -> str:
    """Year with four digits, from one of two or four digits."""
    return year if len(year) == 4 else ("20" if int(year) < CENTURY else "19") + year


@contextlib.contextmanager
def _quiet() -> Any:
    """Context in which a format that does not fit is passed over; pandas would guess row by row."""
    with (
        warnings.catch_warnings(),
        contextlib.suppress(ValueError, TypeError, OverflowError, UserWarning),
    ):
        warnings.simplefilter("error", UserWarning)
        yield


def _parsed(texts: pd.Series) -> pd.DatetimeIndex | None:
    """Dates in one format, without time zone (as UTC); None if some text is no such date."""
    late = texts.str.contains(MIDNIGHT)
    if late.any():
        texts = texts.where(~late, texts.str.replace(MIDNIGHT, " 00:00", regex=True))
    period = next((p for p in PERIODS if texts.str.fullmatch(p[0]).all()), None)
    if period is not None:
        texts = texts.map(period[1])
    for form in (period[2],) if period else FORMATS:
        with _quiet():
            dates = pd.DatetimeIndex(pd.to_datetime(texts, utc=True, format=form)).tz_localize(None)
            if dates.isna().any():
                continue
            return dates + pd.to_timedelta(late.to_numpy().astype(int), unit="D") if late.any() else dates
    return None


def _agreed(readings: list[pd.DatetimeIndex], first: str, name: str) -> pd.DatetimeIndex:
    """Choose the one reading in which dates increase and, where both do, have even steps."""
    if len(readings) == 1 or readings[0].equals(readings[1]):
        return readings[0]
    orderly = [dates for dates in readings if dates.is_monotonic_increasing or dates.is_monotonic_decreasing]
    increasing = [dates for dates in orderly if dates.is_unique]
    for kept in (increasing, [dates for dates in increasing if _even(dates)], orderly):
        if len(kept) == 1:
            return kept[0]
    raise ValueError(
        f"dates of {name!r} can be read in two ways, month first and day first (the first is {printable(first)!r}), and "
        "the record does not tell which. Choose with `dates` (--dates day-first or --dates month-first), or write them as ISO 8601, "
        "as in 2020-01-31."
    )


def _even(dates: pd.DatetimeIndex) -> bool:
    """Whether dates have equal steps, in time or in months."""
    months = np.diff(12 * dates.year + dates.month)
    of_month = dates - dates.to_period("M").to_timestamp()
    monthly = np.unique(months).size <= 1 and of_month.nunique() == 1
    return monthly or np.unique(np.diff(dates.to_numpy())).size <= 1


def _of_numbers(values: Shaped[np.ndarray, " row"], name: Any) -> Shaped[np.ndarray, " row"] | None:
    """Dates from whole numbers of equally many digits, year first; None where they are none."""
    if values.dtype.kind not in "iuf" or not values.size or not np.all(np.isfinite(values)):
        return None
    low, high = values.min(), values.max()
    if not (low >= 1000 and high < 1e14 * 3) or np.any(values != np.floor(values)):
        return None
    texts = pd.Series(values).astype("int64").astype(str)
    digits, years = texts.str.len().unique(), texts.str[:4].astype(int)
    if (
        names_unix_time(name)
        and len(digits) == 1
        and digits[0] in UNIX
        and low >= LEAST_UNIX * 10 ** (digits[0] - 10)
    ):
        return values.astype(np.int64).astype(f"datetime64[{UNIX[digits[0]]}]").astype("datetime64[us]")
    if len(digits) > 1 or digits[0] not in DIGITS or not years.between(*YEARS).all():
        return None
    if digits[0] in (4, 6, 7) and not names_dates(name, year=digits[0] == 4):
        return None
    dates = pd.to_datetime(texts, format=DIGITS[digits[0]], errors="coerce")
    return None if dates.isna().any() else dates.to_numpy()
