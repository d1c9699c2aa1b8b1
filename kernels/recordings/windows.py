"""Windows of a recording in three parts, in order of time: training, validation, held out.

    |———— training ————|gap|– validation –|gap|—— held out ——|

A record shorter than three of its longest cycles (years, or days) is cut into several such rows of three, one after
the other: else its parts would be of unlike seasons.

Every window lies within one part, and a gap of one window's length is left between parts, so that no
number is seen twice and what is just before a held-out window has not been trained on either.

Several runs are all split at the same times: members of an ensemble may be near-copies of each other, and
what one of them is held out for must not be learned from the others. Only runs too short for that are
split whole, the first ones to train on; these have to be independent.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from kernels.recordings.calendar import cycle_rows, dates_of, is_dated
from kernels.recordings.parts import Blocks, in_turns, places, stretches
from kernels.recordings.reading import Recording
from kernels.recordings.regularity import even_step
from kernels.trajectories.layout import Layout

__all__ = ["Segment", "Split", "part_dates", "recording_layout", "split_windows", "stored"]

LEAST = {"training": 30, "validation": 3, "held-out": 5}  # least number of windows without common rows
MAX_WINDOWS, MAX_VALUES = 100_000, 60_000_000  # training windows without a given stride, and their numbers
MAX_KEPT = 4_000_000  # numbers stored with a model of the held-out part, and of the training part
FEW_CYCLES, PER_CYCLE = 3, 4  # cycles below which parts are interleaved, and how often within each
SEED = 0  # seed for the windows stored of a larger training part


@dataclasses.dataclass(frozen=True, eq=False)
class Segment:
    """Part of a recording stored with a model: rows, and where its windows begin.

    Attributes:
        series: (row, variable), physical units; NaN where nothing was measured.
        starts: (window,) row of the first state of each window, increasing.
        length: rows of a window.
        moments: (window,) when each begins, in rows, where several members were watched at the same times.
        conditions: (window, column) in which each begins, see `kernels.recordings.conditions`; None where unknown.
    """

    series: Float[np.ndarray, "row variable"]
    starts: Int[np.ndarray, " window"]
    length: int
    moments: Int[np.ndarray, " window"] | None = None
    conditions: Float[np.ndarray, "window column"] | None = None

    @property
    def windows(self) -> Float[np.ndarray, "window time variable"]:
        """Windows as trajectories, which overlap if they begin less than a length apart."""
        return cut(self.series, self.starts, self.length)

    @property
    def begins(self) -> Int[np.ndarray, " window"]:
        """Row, or moment of several members, at which each window begins."""
        return self.starts if self.moments is None else self.moments

    @property
    def places(self) -> Int[np.ndarray, " window"]:
        """Moment at which each window begins, 0, 1, …; equal for members watched at the same times.

        Members whose windows begin less than a stride apart are at the same moment.
        """
        if self.moments is None:
            return np.arange(self.starts.size)
        return np.unique(self.moments // self._stride, return_inverse=True)[1].ravel()

    @property
    def least_block(self) -> int:
        """Largest number of moments at which windows begin within the length of one."""
        begins = (
            self.starts if self.moments is None else np.unique(self.moments // self._stride) * self._stride
        )
        return int(np.max(np.searchsorted(begins, begins + self.length) - np.arange(begins.size), initial=1))

    @property
    def _stride(self) -> int:
        """Rows from one window of a member to the next, mostly."""
        steps = np.diff(self.begins)
        return max(int(np.median(steps[steps > 0])), 1) if np.any(steps > 0) else 1


class Split(NamedTuple):
    """Windows of the three parts of a recording.

    Attributes:
        training: (window, time, variable), physical units.
        validation: (window, time, variable), physical units.
        training_data: what a model stores of the first part: all, or where that is more than `MAX_KEPT` numbers,
            windows drawn from all over it.
        held_out: what a model stores of the last part, from its beginning.
        stride: rows from one window to the next.
        ranges: part → first row and the one after the last: of every run, or of the runs end to end where
            these are split whole.
        starts: part → (window,) row of the recording at which each window begins.
        by: what sets the parts apart: "time", "blocks" of time that take turns, or "runs".
        blocks: part → ranges of rows as in `ranges`, of which there are several where parts take turns.
    """

    training: Float[np.ndarray, "window time variable"]
    validation: Float[np.ndarray, "window time variable"]
    training_data: Segment
    held_out: Segment
    stride: int
    ranges: dict[str, tuple[int, int]]
    starts: dict[str, Int[np.ndarray, " window"]]
    by: str = "time"
    blocks: Blocks = {}  # noqa: RUF012 - always given


def recording_layout(recording: Recording, window: int) -> Layout:
    """Layout of windows of an even recording; times count from a window's start."""
    return Layout(
        variables=recording.variables,
        times=np.arange(window) * even_step(recording),
        time_units=recording.time_units,
        variable_units=recording.variable_units,
    )


def cut(
    series: Float[np.ndarray, "row variable"], starts: Int[np.ndarray, " window"], length: int
) -> Float[np.ndarray, "window time variable"]:
    """Cut the windows that begin at some rows."""
    return np.asarray(series, np.float32)[np.asarray(starts)[:, None] + np.arange(length)]


def split_windows(
    recording: Recording,
    window: int,
    *,
    stride: int | None = None,
    conditions: Float[np.ndarray, "row column"] | None = None,
) -> Split:
    """Cut the windows of an even recording into three parts, apart in time.

    Args:
        recording: at even times, see `regular`.
        window: rows of a window.
        stride: rows from one window to the next; unless given, the smallest that leaves at most
            `MAX_WINDOWS` training windows.
        conditions: of each row, which the parts that a model stores are to keep of their windows.

    Raises:
        ValueError: too few windows in a part, or a window or stride that is no whole number.
    """
    for name, value, least in (("window", window, 2), ("stride", 1 if stride is None else stride, 1)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise ValueError(f"`{name}` must be a whole number, at least {least}; got {value!r}.")
    place = places(recording)
    by, blocks, rows, stride, starts = _parts(recording, place, window, stride)
    _require_enough(recording, window, starts)
    ranges = {part: (pairs[0][0], pairs[-1][1]) for part, pairs in blocks.items()}
    training, validation = (
        cut(recording.values, starts[part], window) for part in ("training", "validation")
    )
    moments = place if by != "runs" and place.max() + 1 < place.size else None
    most = MAX_KEPT // len(recording.variables)
    learned, chosen = rows["training"], starts["training"]
    if learned.size > most:
        chosen = np.random.default_rng(SEED).permutation(_disjoint(chosen, window))[: most // window]
        chosen.sort()
        learned = (chosen[:, None] + np.arange(window)).ravel()
    training_data = _part(recording, learned, chosen, window, moments, conditions)
    held_out = _part(recording, rows["held-out"][:most], starts["held-out"], window, moments, conditions)
    return Split(training, validation, training_data, held_out, stride, ranges, starts, by, blocks)


def part_dates(recording: Recording, split: Split) -> dict[str, list[list[str]]]:
    """Dates of the first and the last row of each block of each part; empty without dates, or for parts of whole runs."""
    if not is_dated(recording) or split.by == "runs":
        return {}
    longest = recording.runs == np.bincount(recording.runs).argmax()
    rows = np.flatnonzero(longest)
    return {
        part: [dates_of(recording, rows[[begin, end - 1]]) for begin, end in pairs]
        for part, pairs in split.blocks.items()
    }


def stored(split: Split, first: int | None) -> Split:
    """Split whose stored parts keep the conditions of their windows from a column on; None for none of them."""

    def kept(part: Segment) -> Segment:
        known = None if first is None or part.conditions is None else part.conditions[:, first:]
        return dataclasses.replace(part, conditions=known)

    return split._replace(training_data=kept(split.training_data), held_out=kept(split.held_out))


_Parts = tuple[str, Blocks, dict[str, np.ndarray], int, dict[str, np.ndarray]]


def _parts(recording: Recording, place: Int[np.ndarray, " row"], window: int, stride: int | None) -> _Parts:
    """Kind of the split, and blocks, rows and starts of each part, with the stride."""
    by, whole = stretches(place, window)
    cycle, longest = cycle_rows(recording), int(place.max()) + 1
    if by == "time" and cycle is not None and longest < FEW_CYCLES * cycle:
        for turns in range(round(PER_CYCLE * longest / cycle) + 1, 1, -1):
            found = _cut_up(recording, place, window, stride, ("blocks", in_turns(longest, window, turns)))
            if _is_enough(found[-1], window):
                return found
    return _cut_up(recording, place, window, stride, (by, whole))


def _cut_up(
    recording: Recording,
    place: Int[np.ndarray, " row"],
    window: int,
    stride: int | None,
    way: tuple[str, Blocks],
) -> _Parts:
    by, blocks = way
    axis = np.arange(recording.num_rows) if by == "runs" else place
    rows = {
        part: np.flatnonzero(np.any([(begin <= axis) & (axis < end) for begin, end in pairs], axis=0))
        for part, pairs in blocks.items()
    }
    if stride is None:
        most = min(MAX_WINDOWS, MAX_VALUES // (window * len(recording.variables)))
        stride = max(1, -(-len(rows["training"]) // max(most, 1)))
    return by, blocks, rows, stride, {p: _starts(recording, window, stride, rows[p]) for p in blocks}


def _disjoint(starts: Int[np.ndarray, " window"], window: int) -> Int[np.ndarray, " chosen"]:
    """Largest possible choice of windows with no row in common."""
    chosen, free = [], -1
    for start in starts:
        if start > free:
            chosen.append(start)
            free = start + window - 1
    return np.asarray(chosen, int)


def _part(
    recording: Recording,
    rows: Int[np.ndarray, " kept"],
    starts: Int[np.ndarray, " window"],
    window: int,
    moments: Int[np.ndarray, " any"] | None,
    conditions: Float[np.ndarray, "row column"] | None,
) -> Segment:
    """Segment of some rows of a recording, with those of the windows that lie within them."""
    first = np.searchsorted(rows, starts)
    first = first[first + window <= rows.size]
    when = None if moments is None else moments[rows][first]
    known = None if conditions is None else conditions[rows[first]].astype(np.float32)
    return Segment(recording.values[rows].astype(np.float32), first, window, when, known)


def _starts(
    recording: Recording, window: int, stride: int, part: Int[np.ndarray, " chosen"]
) -> Int[np.ndarray, " window"]:
    """First rows of windows that have no gap and lie within one run and one part.

    The rows are a stride apart, from the beginning of the run or of the part, whichever is later.
    """
    if part.size < window:
        return part[:0]
    begins = np.concatenate([[True], (np.diff(part) != 1) | (np.diff(recording.runs[part]) != 0)])
    index = np.arange(part.size)
    since = index - np.maximum.accumulate(np.where(begins, index, 0))
    first, last = since[: 1 - window], since[window - 1 :]
    starts = part[: 1 - window]
    holes = np.concatenate([[0], np.cumsum(~np.isfinite(recording.values).all(1))])
    complete = (last - first == window - 1) & (holes[part[window - 1 :] + 1] == holes[starts])
    return starts[complete & (first % stride == 0)]


def _is_enough(starts: dict[str, np.ndarray], window: int) -> bool:
    return all(len(_disjoint(starts[part], window)) >= least for part, least in LEAST.items())


def _require_enough(recording: Recording, window: int, starts: dict[str, np.ndarray]) -> None:
    if not _is_enough(starts, window):
        found = {part: len(_disjoint(rows, window)) for part, rows in starts.items()}
        wanted = ", ".join(f"{LEAST[part]} {part}" for part in LEAST)
        got = ", ".join(f"{found[part]} {part}" for part in LEAST)
        raise ValueError(
            f"the recording must hold at least {wanted} windows of {window} steps beside each other; got {got} "
            f"from {recording.num_rows} steps. Choose a shorter `window` (--window) or `stride` (--stride), "
            "bridge gaps (`gaps`, --gaps interpolate), or record for longer."
        )
