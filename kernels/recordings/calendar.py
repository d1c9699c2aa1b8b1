"""Calendar of a recording: the date, season, hour and weekday of its rows.

    month         1 … 12
    day_of_year   1 … 366, with the hour as a fraction
    hour          0 … 24, with minutes as a fraction
    weekday       1 (Monday) … 7

A recording whose times are plain numbers has no calendar.
"""

import cftime
import numpy as np
from jaxtyping import Float, Int

from kernels.recordings.axis import UNITS
from kernels.recordings.reading import Recording
from kernels.recordings.regularity import even_step

__all__ = [
    "CALENDAR",
    "DAY",
    "WEEK",
    "YEAR",
    "calendar_columns",
    "calendar_of",
    "cycle_rows",
    "dates_of",
    "is_dated",
    "span_of",
    "step_of",
]

CALENDAR = ("month", "day_of_year", "hour", "weekday")  # columns of `calendar_of`
DAY, WEEK, YEAR = 86_400.0, 7 * 86_400.0, 365.2425 * 86_400.0  # seconds
SHORT_STEP = DAY / 2  # steps of a day, at least this fine, show its hours
_MONTHS = {"months": 1, "years": 12}  # units of the calendar
_SECONDS = dict(UNITS) | {unit: count * YEAR / 12 for unit, count in _MONTHS.items()}


def is_dated(recording: Recording) -> bool:
    """Whether the rows of a recording have dates."""
    return bool(recording.start) and recording.time_units in _SECONDS


def step_of(recording: Recording) -> float:
    """Step of an even recording with dates, seconds."""
    return even_step(recording) * _SECONDS[recording.time_units]


def span_of(recording: Recording) -> float:
    """Length of the longest run of a recording with dates, seconds."""
    return float(np.ptp(recording.times)) * _SECONDS[recording.time_units]


def cycle_rows(recording: Recording) -> float | None:
    """Rows of the longest cycle that an even recording goes through: a year, else a day; None where it has none."""
    if not is_dated(recording):
        return None
    step, span = step_of(recording), span_of(recording) + step_of(recording)
    if span >= YEAR * (1 - 1e-2):
        return YEAR / step
    return DAY / step if step < SHORT_STEP and span >= DAY * (1 - 1e-2) else None


def calendar_of(recording: Recording, rows: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, "chosen 4"]:
    """Month, day of the year, hour and weekday of some rows, see the module."""
    moments = _moments(recording, rows)
    if isinstance(moments, list):  # a calendar of models of the climate
        columns = [
            (m.month, m.dayofyr, m.hour + m.minute / 60 + m.second / 3600, m.dayofwk + 1) for m in moments
        ]
        month, day, hour, weekday = np.asarray(columns, float).reshape(-1, 4).T
        return np.stack([month, day + hour / 24, hour, weekday], 1)
    return calendar_columns(moments)


def calendar_columns(dates: np.ndarray) -> Float[np.ndarray, "date 4"]:
    """Month, day of the year, hour and weekday of dates (datetime64)."""
    moments = np.asarray(dates).astype("datetime64[s]")
    days = moments.astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(int) % 12 + 1
    hour = (moments - days) / np.timedelta64(3_600, "s")
    day = (days - days.astype("datetime64[Y]")) / np.timedelta64(1, "D") + 1 + hour / 24
    weekday = (days.astype(int) + 3) % 7 + 1  # 1970-01-01 was a Thursday
    return np.stack([month, day, hour, weekday], 1).astype(float)


def dates_of(recording: Recording, rows: Int[np.ndarray, " chosen"]) -> list[str]:
    """Dates of some rows, ISO 8601; with the time of day where steps are shorter than a day."""
    moments = _moments(recording, rows)
    texts = [m.isoformat() for m in moments] if isinstance(moments, list) else [str(m) for m in moments]
    return [text[:10] if step_of(recording) >= DAY else text[:16] for text in texts]


def _moments(recording: Recording, rows: Int[np.ndarray, " chosen"]) -> np.ndarray | list[cftime.datetime]:
    if recording.time_units in _MONTHS:
        return _months_on(
            recording, np.round(recording.times[rows] * _MONTHS[recording.time_units]).astype(int)
        )
    seconds = np.round(recording.times[rows] * _SECONDS[recording.time_units])
    if not recording.calendar:
        return np.datetime64(recording.start, "s") + seconds.astype("timedelta64[s]")
    units, name = f"seconds since {recording.start.replace('T', ' ')}", recording.calendar
    return list(np.atleast_1d(cftime.num2date(seconds, units, name))) if len(seconds) else []


def _months_on(
    recording: Recording, months: Int[np.ndarray, " chosen"]
) -> np.ndarray | list[cftime.datetime]:
    """Dates some months after the first row, on its day of the month or the last that there is."""
    year, month, day = (int(part) for part in recording.start[:10].rsplit("-", 2))
    if recording.calendar:
        places = 12 * year + month - 1 + months
        first = [
            cftime.datetime(p // 12, p % 12 + 1, 1, calendar=recording.calendar) for p in places.tolist()
        ]
        return [moment.replace(day=min(day, moment.daysinmonth)) for moment in first]
    first = np.datetime64(recording.start[:-12], "M") + months
    last = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(int)
    return (first.astype("datetime64[D]") + (np.minimum(day, last) - 1)).astype("datetime64[s]")
