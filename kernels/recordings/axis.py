"""Axis of time: dates or numbers of every row → numbers since the first, with a step that is even if it can be.

Dates in order of time, each once in a run, become months, dekads, or seconds, minutes, hours or days, whichever
suits the step; with `steps="rows"` the rows are counted. An hour that comes twice, or is missing, as clocks
that follow daylight saving make it, is asked about.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from kernels.recordings.calendar_steps import calendar_steps
from kernels.recordings.choices import Choices
from kernels.recordings.clocks import in_utc, require_steady_clock
from kernels.recordings.dates import is_moment
from kernels.recordings.words import Where, count_of

__all__ = ["Axis", "ordered_axis", "require_known"]

UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))  # the longest not above the step is used
FILL = 9.969209968386869e36  # of numbers that were never written


class Axis(NamedTuple):
    """Axis of time.

    Attributes:
        rows: (kept,) indices of the rows in order of run and time.
        times: (kept,) since the first row, in `units`.
        units: of the times.
        start: date of the first row, ISO 8601, or empty.
    """

    rows: Int[np.ndarray, " kept"]
    times: Float[np.ndarray, " kept"]
    units: str
    start: str


def ordered_axis(
    times: Shaped[np.ndarray, " row"],
    runs: Int[np.ndarray, " row"],
    units: str,
    choices: Choices,
    where: Where,
    notes: list[str],
) -> Axis:
    """Order rows by time within their runs, and count time from the first.

    Args:
        times: dates, moments of `cftime`, or numbers.
        runs: number of the run of each row.
        units: of times that are numbers.
        choices: what was chosen.
        where: place of a row.
        notes: what was done.

    Raises:
        ValueError: unknown times, times that do not increase, or come twice, or a clock that jumps.
    """
    require_known(times, where)
    if times.dtype.kind == "M" and choices.timezone:
        times = in_utc(times, runs, choices.timezone, where, notes)
    dated = times.dtype.kind in "mM" or is_moment(times[0])
    number = _seconds(times) if dated else np.asarray(times, np.float64)
    rows = _in_order(number, runs, dated, where, notes)
    if times.dtype.kind == "M" and choices.timezone is None:
        require_steady_clock(times, rows, runs, where)
    rows = _once(rows, number, times, runs, choices, where, notes)
    number, run = number[rows], runs[rows]
    start = str(_iso(times[rows[0]])) if dated and times.dtype.kind != "m" else ""
    if choices.steps == "rows":
        notes.append("one row is one step: times are numbers of rows")
        begins = np.concatenate([[True], np.diff(run) != 0])
        place = np.arange(len(rows))
        return Axis(
            rows, (place - np.maximum.accumulate(np.where(begins, place, 0))).astype(float), "steps", start
        )
    if not dated:
        return Axis(rows, number - number[0], units, "")
    found = calendar_steps(times[rows], run)
    if found is not None:
        notes.append(f"dates stand {found.words} apart: times are counted in {found.units}")
        return Axis(rows, found.times, found.units, start)
    steps = np.diff(number)[np.diff(run) == 0]
    _require_weekends(times[rows], steps, choices)
    step = float(np.median(steps)) if steps.size else 1.0
    unit, length = next((pair for pair in UNITS if step >= pair[1]), UNITS[-1])
    return Axis(rows, (number - number[0]) / length, unit, start)


def require_known(times: Shaped[np.ndarray, " row"], where: Where) -> None:
    """Raise ValueError where a time is missing or a fill value."""
    if times.dtype.kind in "mM":
        unknown = np.isnat(times)
    elif times.dtype.kind == "f":
        unknown = ~np.isfinite(times) | (np.abs(times) >= FILL * (1 - 1e-6))
    elif times.dtype.kind in "iu":
        unknown = np.abs(times.astype(float)) >= 2.0**62
    else:
        unknown = np.array([time is None for time in times], bool)
    if unknown.any():
        raise ValueError(
            f"times must be known for every row; some are missing: the time of {where(int(unknown.argmax()))} is none, a fill "
            "value or no date that exists. Drop such rows first."
        )


def _seconds(times: Shaped[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    """Seconds of dates, durations or moments since the first row."""
    if times.dtype.kind in "mM":
        return (times - times[0]) / np.timedelta64(1, "s")
    return np.array([(moment - times[0]).total_seconds() for moment in times])


def _iso(time: object) -> str:
    return str(time.astype("datetime64[s]")) if isinstance(time, np.datetime64) else str(time.isoformat())  # type: ignore[attr-defined]


def _in_order(
    number: Float[np.ndarray, " row"],
    runs: Int[np.ndarray, " row"],
    dated: bool,
    where: Where,
    notes: list[str],
) -> Int[np.ndarray, " row"]:
    """Rows in order of run and time. Raises ValueError for numbers that neither rise nor fall."""
    rows = np.argsort(runs, kind="stable")
    steps = np.diff(number[rows])[np.diff(runs[rows]) == 0]
    if not np.any(steps < 0):
        return rows
    if np.all(steps < 0):
        notes.append("times fall from row to row: rows were turned round")
    elif dated:
        notes.append(
            f"rows were not in order of time, in {count_of(int((steps < 0).sum()), 'place')}: they were sorted"
        )
    else:
        row = int(np.flatnonzero((np.diff(number[rows]) < 0) & (np.diff(runs[rows]) == 0))[0])
        raise ValueError(
            f"times must be finite and increase from row to row; {where(int(rows[row + 1]))} holds {number[rows[row + 1]]:g} after "
            f"{number[rows[row]]:g}. Sort the rows, or name the column of the run that they belong to (`series`, --series)."
        )
    return np.lexsort((number, runs))


def _once(
    rows: Int[np.ndarray, " row"],
    number: Float[np.ndarray, " row"],
    times: Shaped[np.ndarray, " row"],
    runs: Int[np.ndarray, " row"],
    choices: Choices,
    where: Where,
    notes: list[str],
) -> Int[np.ndarray, " kept"]:
    """Rows of distinct times within each run; of equal ones the first or the last, if so chosen."""
    same = (np.diff(number[rows]) == 0) & (np.diff(runs[rows]) == 0)
    if not same.any():
        return rows
    if choices.repeated is None:
        row = int(same.argmax())
        time = times[rows[row]]
        raise ValueError(
            f"times must increase from row to row, each once; {where(int(rows[row]))} and {where(int(rows[row + 1]))} both hold "
            f"{_iso(time) if isinstance(time, np.datetime64) or is_moment(time) else time}, as do {count_of(int(same.sum()), 'pair')} in all. "
            "If the rows are of several stations or members, name their column with `series` (--series), or choose one with "
            "`select` (--select station=A); if a row is there twice, keep one with `repeated` (--repeated first); dates and "
            "times of day in two columns must be joined first."
        )
    keep = np.concatenate([[True], ~same]) if choices.repeated == "first" else np.concatenate([~same, [True]])
    notes.append(
        f"left out {count_of(int((~keep).sum()), 'row')} at times that were there before; kept the {choices.repeated}"
    )
    return rows[keep]


def _require_weekends(
    times: Shaped[np.ndarray, " row"], steps: Float[np.ndarray, " step"], choices: Choices
) -> None:
    """Raise ValueError for days of which none is at a weekend, where nobody has said what a step is."""
    if choices.steps or times.dtype.kind != "M" or len(times) < 8 or float(np.median(steps)) != 86_400.0:
        return
    weekday = (times.astype("datetime64[D]").view("int64") + 3) % 7
    if np.all(weekday < 5):
        raise ValueError(
            "a step must be known; the dates are of Mondays to Fridays only. Choose with `steps`: 'rows' (--steps rows) takes "
            "one row for one step, as trading days are counted; 'time' (--steps time) leaves gaps at weekends."
        )
