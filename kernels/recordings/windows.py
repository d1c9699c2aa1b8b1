"""Windows of a recording, and its three parts: training, validation, held out, in the order of time.

    |———— training ————|gap|– validation –|gap|—— held out ——|

Every window lies within one part, and a gap of one window's length is left between parts, so that no
number is seen twice and what is just before a held-out window has not been trained on either.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from kernels.recordings.reading import Recording
from kernels.recordings.regularity import even_step
from kernels.trajectories import Layout

__all__ = ["HeldOut", "Split", "recording_layout", "split_windows"]

VALIDATION, HELD_OUT = 0.1, 0.2  # shares of the rows
LEAST = {"training": 30, "validation": 3, "held-out": 5}  # windows beside each other that a part must hold
MAX_WINDOWS, MAX_VALUES = 100_000, 60_000_000  # of training windows, where no stride is given
MAX_HELD_OUT = 4_000_000  # numbers of the held-out part that are kept with a model


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut:
    """The held-out part of a recording: rows, and where its windows begin.

    Attributes:
        series: (row, variable), physical units; NaN where nothing was measured.
        starts: (window,) row of the first state of each window, increasing.
        length: rows of a window.
    """

    series: Float[np.ndarray, "row variable"]
    starts: Int[np.ndarray, " window"]
    length: int

    @property
    def windows(self) -> Float[np.ndarray, "window time variable"]:
        """Trajectories, overlapping where windows begin less than a length apart."""
        return cut(self.series, self.starts, self.length)

    @property
    def stride(self) -> int:
        """Rows from one window to the next."""
        return int(np.min(np.diff(self.starts))) if self.starts.size > 1 else self.length


class Split(NamedTuple):
    """Windows of the parts.

    Attributes:
        training: (window, time, variable), physical units.
        validation: the same.
        held_out: the last part, its rows and windows.
        stride: rows from one window to the next.
        ranges: part → first row and the one after the last.
    """

    training: Float[np.ndarray, "window time variable"]
    validation: Float[np.ndarray, "window time variable"]
    held_out: HeldOut
    stride: int
    ranges: dict[str, tuple[int, int]]


def recording_layout(recording: Recording, window: int) -> Layout:
    """Names, units and times, from 0 at a window's start, of windows of an even recording."""
    return Layout(
        variables=recording.variables,
        times=np.arange(window) * even_step(recording),
        time_units=recording.time_units,
        variable_units=recording.variable_units,
    )


def cut(
    series: Float[np.ndarray, "row variable"], starts: Int[np.ndarray, " window"], length: int
) -> Float[np.ndarray, "window time variable"]:
    """Windows that begin at some rows."""
    return np.asarray(series, np.float32)[np.asarray(starts)[:, None] + np.arange(length)]


def split_windows(recording: Recording, window: int, *, stride: int | None = None) -> Split:
    """Cut windows of an even recording, apart in time.

    Args:
        recording: at even times, see `regular`.
        window: rows of a window.
        stride: rows from one window to the next; unless given, the smallest that leaves at most
            `MAX_WINDOWS` training windows.

    Raises:
        ValueError: too few windows in a part, or a window or stride that is no whole number.
    """
    for name, value, least in (("window", window, 2), ("stride", 1 if stride is None else stride, 1)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise ValueError(f"`{name}` must be a whole number, at least {least}; got {value!r}.")
    ranges = _ranges(recording.num_rows, window)
    if stride is None:
        most = min(MAX_WINDOWS, MAX_VALUES // (window * len(recording.variables)))
        stride = max(1, -(-ranges["training"][1] // max(most, 1)))
    starts = {part: _starts(recording, window, stride, *rows) for part, rows in ranges.items()}
    _require_enough(recording, window, starts)
    begin, end = ranges["held-out"]
    end = min(end, begin + MAX_HELD_OUT // len(recording.variables))
    first = starts["held-out"][starts["held-out"] + window <= end]
    held_out = HeldOut(recording.values[begin:end].astype(np.float32), first - begin, window)
    training, validation = (
        cut(recording.values, starts[part], window) for part in ("training", "validation")
    )
    return Split(training, validation, held_out, stride, ranges)


def _ranges(num_rows: int, window: int) -> dict[str, tuple[int, int]]:
    rest = max(num_rows - 2 * window, 0)
    validation, held_out = round(VALIDATION * rest), round(HELD_OUT * rest)
    training = rest - validation - held_out
    second = training + window
    third = second + validation + window
    return {
        "training": (0, training),
        "validation": (second, second + validation),
        "held-out": (third, third + held_out),
    }


def _starts(
    recording: Recording, window: int, stride: int, begin: int, end: int
) -> Int[np.ndarray, " window"]:
    """Rows at which windows begin that have no gap and lie within one run, between two rows.

    They are a stride apart from where the run begins, or the part if that is later.
    """
    whole = np.isfinite(recording.values).all(1)
    holes = np.concatenate([[0], np.cumsum(~whole)])
    rows = np.arange(begin, end - window + 1)
    first = np.concatenate([[0], np.flatnonzero(np.diff(recording.runs)) + 1])  # rows of the runs
    origin = np.maximum(first[np.searchsorted(first, rows, side="right") - 1], begin)
    starts = rows[(rows - origin) % stride == 0]
    complete = holes[starts + window] == holes[starts]
    return starts[complete & (recording.runs[starts] == recording.runs[starts + window - 1])]


def _require_enough(recording: Recording, window: int, starts: dict[str, np.ndarray]) -> None:
    found = {}
    for part, rows in starts.items():
        count, free = 0, -1
        for start in rows:
            if start > free:
                count, free = count + 1, start + window - 1
        found[part] = count
    if any(found[part] < LEAST[part] for part in LEAST):
        wanted = ", ".join(f"{LEAST[part]} {part}" for part in LEAST)
        got = ", ".join(f"{found[part]} {part}" for part in LEAST)
        raise ValueError(
            f"the recording must hold at least {wanted} windows of {window} steps beside each other; got {got} "
            f"from {recording.num_rows} steps. Choose a shorter `window` (--window) or `stride` (--stride), "
            "bridge gaps (`gaps`, --gaps interpolate), or record for longer."
        )
