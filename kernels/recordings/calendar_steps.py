"""Steps of the calendar: months, quarters, years and parts of months are even, though their days are not.

Dates that stand at the same place of their month (the same day, its last day, or its middle) and no two in one
month are counted in months, or in years where they are whole years apart; dates on the same few days of every
month in dekads or pentads; dates that begin anew each year every so many days, as satellites' composites, by these.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

__all__ = ["CalendarSteps", "calendar_steps"]

LEAST_STEP = 27.5  # days from which dates may be months apart
PARTS = {  # of a month: days on which they begin, or end
    "dekads": ((1, 11, 21), (5, 15, 25), (10, 20, 31)),
    "pentads": ((1, 6, 11, 16, 21, 26),),
    "half months": ((1, 16), (1, 15), (15, 31)),
}
COMPOSITES = (8, 16)  # days


class CalendarSteps(NamedTuple):
    """Times in a unit of the calendar.

    Attributes:
        times: (row,) since the first row.
        units: "months", "years", "dekads" and so on.
        words: how far dates are apart.
    """

    times: Float[np.ndarray, " row"]
    units: str
    words: str


def calendar_steps(times: Shaped[np.ndarray, " row"], runs: Int[np.ndarray, " row"]) -> CalendarSteps | None:
    """Times of dates that are even in the calendar, and not in days; None for others.

    Args:
        times: dates or moments, in order within their runs.
        runs: number of the run of each row.
    """
    if times.dtype.kind == "m" or len(times) < 3:
        return None
    within = np.diff(runs) == 0
    days = _days(times)
    steps = np.diff(days)[within]
    if steps.size < 2 or (np.all(steps == steps[0]) and steps[0] < LEAST_STEP):
        return None
    year, month, day, last, clock = _parts(times)
    months = 12 * year + month - 1
    if np.median(steps) >= LEAST_STEP:
        return _months(months, day, last, clock, within)
    if np.ptp(clock) > 0:
        return None
    return _parts_of_months(months, day, last, within) or _composites(times, year, days, within)


def _months(
    months: Int[np.ndarray, " row"],
    day: Float[np.ndarray, " row"],
    last: Int[np.ndarray, " row"],
    clock: Float[np.ndarray, " row"],
    within: np.ndarray,
) -> CalendarSteps | None:
    steps = np.diff(months)[within]
    whole = day + clock / 86_400.0
    middle = np.abs(whole - (1 + last / 2)) <= 1.01
    same = np.ptp(whole) == 0
    if not (same or np.all(day == last) or np.all(middle)) or np.any(steps < 1):
        return None
    if np.all(steps % 12 == 0):
        return CalendarSteps((months - months[0]) / 12.0, "years", "whole years")
    return CalendarSteps((months - months[0]).astype(float), "months", "whole months")


def _parts_of_months(
    months: Int[np.ndarray, " row"],
    day: Int[np.ndarray, " row"],
    last: Int[np.ndarray, " row"],
    within: np.ndarray,
) -> CalendarSteps | None:
    for name, choices in PARTS.items():
        for days in choices:
            ends = np.where((day == last) & (days[-1] == 31), 31, day)
            if not set(np.unique(ends)) <= set(days):
                continue
            place = len(days) * months + np.searchsorted(days, ends)
            if np.all(np.diff(place)[within] >= 1) and np.median(np.diff(place)[within]) == 1:
                return CalendarSteps(
                    (place - place[0]).astype(float), name, f"on days {', '.join(map(str, days))} of months"
                )
    return None


def _composites(
    times: Shaped[np.ndarray, " row"],
    year: Int[np.ndarray, " row"],
    days: Float[np.ndarray, " row"],
    within: np.ndarray,
) -> CalendarSteps | None:
    if times.dtype.kind != "M" or np.ptp(year) == 0:
        return None
    in_year = (times.astype("datetime64[D]") - times.astype("datetime64[Y]").astype("datetime64[D]")).astype(
        int
    )
    for length in COMPOSITES:
        a_year = -(-365 // length)
        place = a_year * year + in_year // length
        if np.all(in_year % length == 0) and np.median(np.diff(days)[within]) == length:
            return CalendarSteps(
                (place - place[0]).astype(float), f"{length}-day steps", f"{length} days, anew each year,"
            )
    return None


def _days(times: Shaped[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    if times.dtype.kind == "M":
        return (times - times[0]) / np.timedelta64(86_400, "s")
    return np.array([(time - times[0]).total_seconds() / 86_400.0 for time in times])


def _parts(times: Shaped[np.ndarray, " row"]) -> tuple[np.ndarray, ...]:
    """Year, month, day, last day of the month, and seconds since midnight."""
    if times.dtype.kind == "M":
        month = times.astype("datetime64[M]")
        year = month.astype("datetime64[Y]").astype(int) + 1970
        date = times.astype("datetime64[D]")
        first = month.astype("datetime64[D]")
        last = ((month + 1).astype("datetime64[D]") - first).astype(int)
        clock = (times - date) / np.timedelta64(1, "s")
        return year, month.astype(int) % 12 + 1, (date - first).astype(int) + 1, last, clock
    found = [
        (t.year, t.month, t.day, t.daysinmonth, 3600.0 * t.hour + 60.0 * t.minute + t.second) for t in times
    ]
    year, month, day, last, clock = (np.array(values) for values in zip(*found, strict=True))
    return year, month, day, last, clock
