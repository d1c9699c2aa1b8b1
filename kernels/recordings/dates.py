"""Times in files: their usual names, and dates as text or whole numbers → NumPy's dates.

    text       ISO 8601, months by name, or 31/12/2020, day or month first: whichever every row agrees with
    numbers    20201231, 2020123106 and 202012310630: year, month, day, hour and minute

Where day first and month first give two records that are equally good, nobody can say which it is, and an
error asks for ISO dates.
"""

import contextlib
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Shaped

__all__ = [
    "TIME_NAMES",
    "as_times",
    "holds_dates",
    "is_moment",
    "is_text",
    "is_time_name",
    "sounds_like_time",
]

TIME_NAMES = ("time", "times", "t", "date", "datetime", "timestamp", "valid_time")
TIME_WORDS = (
    *("time", "date", "datetime", "timestamp", "when", "utc", "epoch"),
    *("datum", "zeit", "zeitpunkt", "zeitstempel", "fecha"),
)
WORD = re.compile(r"[^\W\d_]+")
DATE_LIKE = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}")
YEAR_LAST = re.compile(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?!\d)(.*)$")
TIME_OF_DAY = re.compile(r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$")
FORMATS = ("ISO8601", None, "%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p")  # None: as the first row is written
DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M"}
NUM_LOOKED_AT = 1000  # texts read to find whether a column holds dates
YEARS = (1900, 2199)  # of dates written as numbers; seconds since 1970, read as dates, lie before
LEAST, MOST = YEARS[0] * 10**4, (YEARS[1] + 1) * 10**8  # range of such numbers
CENTURY = 70  # years of two digits from here on belong to 1900


def is_time_name(name: Any) -> bool:
    """Whether a name is one of the usual names of time, in any case; T is a temperature."""
    return str(name) in TIME_NAMES or (len(str(name)) > 1 and str(name).lower() in TIME_NAMES)


def sounds_like_time(name: Any) -> bool:
    """Whether a name has a word for time, as `Date Time`, `timestamp_utc` or `obsTime`."""
    words = WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name)))
    return is_time_name(name) or any(word.lower() in TIME_WORDS for word in words)


def is_text(values: Any) -> bool:
    """Whether values are neither numbers nor dates, by their type."""
    return values.dtype.kind not in "biufcMm"


def is_moment(value: Any) -> bool:
    """Whether a value is a date of a calendar unknown to NumPy, as `cftime` gives it."""
    return hasattr(value, "calendar") and hasattr(value, "isoformat")


def holds_dates(values: pd.Series, name: Any) -> bool:
    """Whether a column holds dates, by its type, its text, or its digits and its name."""
    if values.dtype.kind in "Mm":
        return True
    if is_text(values):
        texts = values.dropna().iloc[:NUM_LOOKED_AT].astype(str).str.strip()
        return bool(texts.size and DATE_LIKE.search(texts.iloc[0]) and _readings(texts))
    return sounds_like_time(name) and _of_numbers(values.to_numpy()) is not None


def as_times(values: Shaped[np.ndarray, " row"], name: str) -> Shaped[np.ndarray, " row"]:
    """Convert text, and whole numbers under a name of time, to dates; other values stay.

    Args:
        values: of a column or coordinate.
        name: its name.

    Raises:
        ValueError: text that is no date, or that could be two.
    """
    if values.dtype.kind in "SO":
        values = np.array([v.decode() if isinstance(v, bytes) else v for v in values], dtype=object)
    if not values.size or is_moment(values[0]):
        return values
    if is_text(values):
        return _of_text(pd.Series(values, dtype=object), name)
    dates = _of_numbers(values) if sounds_like_time(name) else None
    return values if dates is None else dates


def _of_text(values: pd.Series, name: str) -> Shaped[np.ndarray, " row"]:
    if values.isna().any():
        raise ValueError("times must be known for every row; some are missing. Drop those rows first.")
    texts = values.astype(str).str.strip()
    first = texts.iloc[0]
    if TIME_OF_DAY.match(first):
        raise ValueError(
            f"{name!r} must hold times, numbers or dates; {first!r} is a time of day without its date. "
            "Join the two in one column."
        )
    readings = _readings(texts) if DATE_LIKE.search(first) else []
    if not readings:
        raise ValueError(
            f"{name!r} must hold times, numbers or dates, all written alike; as dates, its text cannot be read "
            f"(the first is {first!r}). Write them as ISO 8601, as in 2020-01-31 06:00."
        )
    return _agreed(readings, first, name).to_numpy()


def _readings(texts: pd.Series) -> list[pd.DatetimeIndex]:
    """All ways to read every one of the texts as a date."""
    if not texts.str.match(YEAR_LAST).all():
        found = [_parsed(texts)]
    else:
        first, second, year, rest = (column for _, column in texts.str.extract(YEAR_LAST).items())
        year = year.map(_full_year)
        orders = ((first, second), (second, first))  # month first, day first
        found = [_parsed(year + "-" + month + "-" + day + rest) for month, day in orders]
    return [dates for dates in found if dates is not None]


def _full_year(year: str) -> str:
    """Year with four digits, from one of two or four digits."""
    return year if len(year) == 4 else ("20" if int(year) < CENTURY else "19") + year


def _parsed(texts: pd.Series) -> pd.DatetimeIndex | None:
    """Dates in one format, without time zone (as UTC); None if some text is no such date."""
    for form in FORMATS:
        with (
            warnings.catch_warnings(),
            contextlib.suppress(ValueError, TypeError, OverflowError, UserWarning),
        ):
            warnings.simplefilter("error", UserWarning)  # pandas would guess row by row
            return pd.DatetimeIndex(pd.to_datetime(texts, utc=True, format=form)).tz_localize(None)
    return None


def _agreed(readings: list[pd.DatetimeIndex], first: str, name: str) -> pd.DatetimeIndex:
    """Choose the one reading in which dates increase and, where both do, have even steps."""
    if len(readings) == 1 or readings[0].equals(readings[1]):
        return readings[0]
    increasing = [dates for dates in readings if dates.is_monotonic_increasing and dates.is_unique]
    for kept in (increasing, [dates for dates in increasing if _even(dates)]):
        if len(kept) == 1:
            return kept[0]
    raise ValueError(
        f"dates of {name!r} can be read in two ways, month first and day first (the first is {first!r}), and the "
        "record does not tell which. Write them as ISO 8601, as in 2020-01-31."
    )


def _even(dates: pd.DatetimeIndex) -> bool:
    """Whether dates have equal steps, in time or in months."""
    months = np.diff(12 * dates.year + dates.month)
    of_month = dates - dates.to_period("M").to_timestamp()
    monthly = np.unique(months).size <= 1 and of_month.nunique() == 1
    return monthly or np.unique(np.diff(dates.to_numpy())).size <= 1


def _of_numbers(values: Shaped[np.ndarray, " row"]) -> Shaped[np.ndarray, " row"] | None:
    """Dates from numbers of equally many digits, year first; None where they are none."""
    if values.dtype.kind not in "iuf" or not values.size:
        return None
    if not np.all((values >= LEAST) & (values <= MOST)) or np.any(values != np.floor(values)):
        return None
    texts = pd.Series(values).astype("int64").astype(str)
    digits, years = texts.str.len().unique(), texts.str[:4].astype(int)
    if len(digits) > 1 or digits[0] not in DIGITS or not years.between(*YEARS).all():
        return None
    dates = pd.to_datetime(texts, format=DIGITS[digits[0]], errors="coerce")
    return None if dates.isna().any() else dates.to_numpy()
