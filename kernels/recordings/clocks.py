"""Clocks that follow daylight saving: an hour that comes twice in autumn, one that is missing in spring.

Whether a record has them is seen from zones that change their clocks in different weeks; where all repeated
or missing hours are such hours, the zone is asked for, and with it times become UTC.
"""

import zoneinfo

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from kernels.recordings.words import Where

__all__ = ["in_utc", "require_steady_clock"]

ZONES = (
    *(
        "Europe/Berlin",
        "Europe/London",
        "America/New_York",
        "Australia/Sydney",
        "Pacific/Auckland",
        "America/Santiago",
    ),
    *("Europe/Athens", "Asia/Jerusalem", "America/Sao_Paulo", "America/Mexico_City"),
)
HOUR = np.timedelta64(3600, "s")
LONGEST_STEP = np.timedelta64(3600, "s")


def require_steady_clock(
    times: Shaped[np.ndarray, " row"],
    rows: Int[np.ndarray, " row"],
    runs: Int[np.ndarray, " row"],
    where: Where,
) -> None:
    """Raise ValueError where hours are repeated or missing just when some zone changes its clocks.

    Args:
        times: dates.
        rows: indices in order of run and time.
        runs: number of the run of each row.
        where: place of a row.
    """
    ordered, within = times[rows], np.diff(runs[rows]) == 0
    steps = np.diff(ordered)
    forward = steps[within & (steps > np.timedelta64(0, "s"))]
    if forward.size < 2:
        return
    step = (
        np.median(forward.astype("timedelta64[us]").view("int64")).astype("int64").astype("timedelta64[us]")
    )
    if step > LONGEST_STEP:
        return
    twice = np.flatnonzero(within & (steps == np.timedelta64(0, "s")))
    skipped = np.flatnonzero(within & (steps == step + HOUR))
    if twice.size:
        zone = _zone_of(ordered[twice], ambiguous=True)
        row, word, hour = int(twice[0]), "comes twice", ordered[twice[0]]
    elif skipped.size:
        zone = _zone_of(ordered[skipped] + step, ambiguous=False)
        row, word, hour = int(skipped[0]), "is missing", ordered[skipped[0]] + step
    else:
        return
    if zone:
        moment = pd.DatetimeIndex([hour])[0]
        raise ValueError(
            f"is this daylight saving? The hour {moment:%H:%M} of {moment.day} {moment:%B %Y} {word} ({where(int(rows[row]))}), as clocks in "
            f"{zone} do. Say where the clock stood with `timezone` (--timezone {zone}), or that it never jumped (--timezone UTC)."
        )


def _zone_of(times: Shaped[np.ndarray, " one"], *, ambiguous: bool) -> str:
    """Zone in which all these times of a clock come twice, or do not exist; empty where there is none."""
    for zone in ZONES:
        try:
            place = zoneinfo.ZoneInfo(zone)
        except zoneinfo.ZoneInfoNotFoundError:
            continue
        index = pd.DatetimeIndex(times)
        if ambiguous:
            there = index.tz_localize(place, ambiguous="NaT", nonexistent="shift_forward")
        else:
            there = index.tz_localize(place, ambiguous=np.ones(len(index), bool), nonexistent="NaT")
        if there.isna().all():
            return zone
    return ""


def in_utc(
    times: Shaped[np.ndarray, " row"],
    runs: Int[np.ndarray, " row"],
    zone: str,
    where: Where,
    notes: list[str],
) -> Shaped[np.ndarray, " row"]:
    """Times of a clock in a zone as UTC; of an hour that comes twice the first is that of summer.

    Raises:
        ValueError: times that no clock there ever showed.
    """
    if zone == "UTC":
        return times
    index, place = pd.DatetimeIndex(times), zoneinfo.ZoneInfo(zone)
    falling = times[0] > times[-1]
    seen = (
        pd.DataFrame({"run": runs, "time": times}).duplicated(keep="last" if falling else "first").to_numpy()
    )
    there = index.tz_localize(place, ambiguous=~seen, nonexistent="NaT")
    if there.isna().any():
        row = int(there.isna().argmax())
        raise ValueError(
            f"times must be those of a clock in {zone}; {where(row)} holds {index[row]}, which it skips. Give the zone in "
            "which the clock stood (`timezone`, --timezone), or UTC."
        )
    notes.append(f"times are of a clock in {zone}, and were converted to UTC")
    return there.tz_convert("UTC").tz_localize(None).to_numpy()
