"""Regularity of recordings: gaps and uneven times, each an error or a named choice.

    gaps       None: an error says how much is missing   "drop": windows that touch a gap are left out
               "interpolate": gaps of at most `MAX_GAP` steps are bridged linearly, longer ones dropped
    resample   None: uneven times are an error   a number: linear interpolation at steps of that length

A row that is missing altogether, in times that are otherwise even, is a gap like any other.
"""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from kernels.recordings.reading import Recording

__all__ = ["GAPS", "MAX_GAP", "even_step", "regular"]

GAPS = ("drop", "interpolate")
MAX_GAP = 3  # steps bridged by interpolation; more would teach the model straight lines
MAX_FILLING = 20  # even steps per row; more come from a stray time, not from gaps
EVEN = (
    0.06  # share of a step by which times may miss an even grid: rounded stamps, and clocks with some jitter
)


def regular(recording: Recording, *, gaps: str | None = None, resample: float | None = None) -> Recording:
    """Recording at even times; rows of NaN are left where nothing is known.

    Args:
        recording: as it was read.
        gaps: what to do where values are missing, see the module.
        resample: length of a step, in the recording's time units.

    Raises:
        ValueError: uneven times or missing values that no choice was made about, gaps far longer than all
            there is, infinite or constant variables, or an unknown choice.
    """
    if gaps is not None and gaps not in GAPS:
        raise ValueError(f"`gaps` must be one of {', '.join(GAPS)}; got {gaps!r}.")
    if resample is not None and not (np.isfinite(resample) and resample > 0):
        raise ValueError(f"`resample` must be a positive length of time; got {resample!r}.")
    if recording.num_rows < 2:
        raise ValueError(f"a recording must have at least 2 rows; got {recording.num_rows}.")
    if np.isinf(recording.values).any():
        names = _names(recording, np.isinf(recording.values).any(0))
        raise ValueError(f"values must be finite; {names} are infinite in places. Set those to NaN first.")
    step = even_step(recording) if resample is None else float(resample)
    runs, begins = [], []
    for run in np.unique(recording.runs):
        chosen = recording.runs == run
        times, values = recording.times[chosen], recording.values[chosen]
        _require_dense(recording, times, step)
        even = _filled(times, values, step) if resample is None else _resampled(times, values, step)
        runs.append(even)
        begins.append(times[0])
    lengths = [len(values) for values in runs]
    whole = dataclasses.replace(
        recording,
        values=np.concatenate(runs),
        times=np.concatenate([begin + np.arange(n) * step for begin, n in zip(begins, lengths, strict=True)]),
        runs=np.repeat(np.arange(len(runs)), lengths),
    )
    _require_varying(whole)
    return _bridged(whole, gaps)


def even_step(recording: Recording) -> float:
    """Step of even times, missing rows aside. Raises ValueError where times are uneven."""
    within = np.diff(recording.runs) == 0
    steps = np.diff(recording.times)[within]
    if steps.size == 0:
        raise ValueError("every run must have at least 2 rows. Give longer runs.")
    median = float(np.median(steps))
    single = steps[np.abs(steps - median) < 0.5 * median]
    step = float(single.mean()) if single.size else median  # stamps are rounded: their mean says more
    places, offsets = [], []
    for run in np.unique(recording.runs):
        times = recording.times[recording.runs == run]
        places.append(_places(times, step))
        offsets.append(times - times[0])
    step = _fitted(places, offsets, step)
    worst = max(float(np.ptp(times - step * place)) / 2 for place, times in zip(places, offsets, strict=True))
    crowded = any(np.any(np.diff(place) < 1) for place in places)
    if worst > EVEN * step or crowded:
        unit = f" {recording.time_units}".rstrip()
        raise ValueError(
            f"times must be evenly spaced; steps run from {steps.min():.6g} to {steps.max():.6g}{unit}, "
            f"with a median of {median:.6g}. Choose a step with `resample` (--resample {median:.6g}) to "
            "interpolate linearly, or take one row for one step (`steps`, --steps rows)."
        )
    return step


def _places(times: Float[np.ndarray, " row"], step: float) -> Int[np.ndarray, " row"]:
    """Place of each row on an even grid, from step to step, so that rounding does not add up."""
    return np.concatenate([[0], np.cumsum(np.round(np.diff(times) / step))]).astype(int)


def _fitted(places: list[np.ndarray], offsets: list[np.ndarray], step: float) -> float:
    """Step of the grid that the times of all runs are nearest to: of whole runs, span by number of steps."""
    count = sum(int(place[-1]) for place in places)
    return sum(float(times[-1]) for times in offsets) / count if count else step


def _require_dense(recording: Recording, times: Float[np.ndarray, " row"], step: float) -> None:
    """Raise ValueError if a stray time would make gaps far longer than the record."""
    steps = (times[-1] - times[0]) / step
    if steps <= MAX_FILLING * times.size:
        return
    place, unit = int(np.argmax(np.diff(times))), f" {recording.time_units}".rstrip()
    since = f" since {recording.start}" if recording.start else ""
    raise ValueError(
        f"gaps must be short beside the record; {times.size} rows would become {steps:.3g} steps of {step:.6g}{unit}. "
        f"The longest is of {times[place + 1] - times[place]:.6g}{unit}, after row {place} at time "
        f"{times[place]:.6g}{unit}{since}. Drop rows with stray times, cut the record there, or take longer steps "
        "(`resample`, --resample)."
    )


def _filled(
    times: Float[np.ndarray, " row"], values: Float[np.ndarray, "row variable"], step: float
) -> Float[np.ndarray, "even variable"]:
    """Values at even times, NaN in the place of missing rows."""
    places = _places(times, step)
    even = np.full((places[-1] + 1, values.shape[1]), np.nan)
    even[places] = values
    return even


def _resampled(
    times: Float[np.ndarray, " row"], values: Float[np.ndarray, "row variable"], step: float
) -> Float[np.ndarray, "even variable"]:
    """Values at even times by linear interpolation, NaN in holes wider than two steps.

    The wider of the old (median) and the new step counts.
    """
    wanted = times[0] + step * np.arange(int(np.floor((times[-1] - times[0]) / step * (1 + 1e-9))) + 1)
    even = np.full((wanted.size, values.shape[1]), np.nan)
    for v, column in enumerate(values.T):
        known = np.isfinite(column)
        if known.sum() < 2:
            continue
        there = times[known]
        after = np.clip(np.searchsorted(there, wanted), 1, there.size - 1)
        widest = 2.0 * max(step, float(np.median(np.diff(there)))) * (1 + 1e-9)
        inside = (wanted >= there[0]) & (wanted <= there[-1])
        measured = np.minimum(np.abs(wanted - there[after]), np.abs(wanted - there[after - 1])) < 1e-9 * step
        near = inside & (measured | (there[after] - there[after - 1] <= widest))
        even[near, v] = np.interp(wanted[near], there, column[known])
    return even


def _bridged(recording: Recording, gaps: str | None) -> Recording:
    missing = ~np.isfinite(recording.values)
    if not missing.any():
        return recording
    if gaps is None:
        row = int(np.argmax(missing.any(1)))
        names = _names(recording, missing.any(0))
        raise ValueError(
            f"values must not be missing; {int(missing.sum())} of {missing.size} are, in {names}, the first "
            f"at time {recording.times[row]:.6g}. Choose with `gaps`: 'drop' (--gaps drop) leaves out windows "
            f"that touch a gap, 'interpolate' bridges gaps of at most {MAX_GAP} steps linearly."
        )
    if gaps == "drop":
        return recording
    bridged = pd.DataFrame(recording.values).groupby(recording.runs).transform(_over_short_gaps)
    return dataclasses.replace(recording, values=bridged.to_numpy())


def _over_short_gaps(column: pd.Series) -> pd.Series:
    """Linear interpolation over gaps of at most `MAX_GAP`, with something known on either side."""
    missing = column.isna()
    lengths: Any = missing.groupby((~missing).cumsum()).transform("sum")
    return column.interpolate(limit_area="inside").where(lengths <= MAX_GAP, column)


def _require_varying(recording: Recording) -> None:
    empty = ~np.isfinite(recording.values).any(0)
    if empty.any():
        raise ValueError(f"{_names(recording, empty)} must have values; all are missing. Leave it out.")
    low, high = np.nanmin(recording.values, 0), np.nanmax(recording.values, 0)
    constant = high - low <= 1e-9 * np.maximum(np.abs(high), np.abs(low))
    if constant.any():
        rest = _names(recording, ~constant).replace(", ", ",")
        raise ValueError(
            f"variables must vary; {_names(recording, constant)} is constant. Leave it out "
            f"(`variables`, --variables {rest})."
        )


def _names(recording: Recording, chosen: Any) -> str:
    """Names of the variables where `chosen` (variable,) holds."""
    return ", ".join(name for name, one in zip(recording.variables, chosen, strict=True) if one) or "none"
