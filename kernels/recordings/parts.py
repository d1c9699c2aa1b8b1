"""Parts of a recording as blocks of its rows: training, validation and held out, a gap apart."""

import itertools

import numpy as np
from jaxtyping import Int

from kernels.recordings.reading import Recording

__all__ = ["MIN_RUN", "Blocks", "in_turns", "places", "stretches"]

VALIDATION, HELD_OUT = 0.1, 0.2  # shares of the rows
MIN_RUN = 6  # lengths of a window in a run that is split: three parts, two gaps, one more to train on

Blocks = dict[str, tuple[tuple[int, int], ...]]  # part → first row and the one after the last of each block


def places(recording: Recording) -> Int[np.ndarray, " row"]:
    """Position of each row in its run."""
    new = np.concatenate([[True], np.diff(recording.runs) != 0])[: recording.num_rows]
    rows = np.arange(recording.num_rows)
    return rows - np.maximum.accumulate(np.where(new, rows, 0))


def stretches(place: Int[np.ndarray, " row"], window: int) -> tuple[str, Blocks]:
    """Kind of the split, "time" or "runs", and the ranges of the parts on that axis."""
    num_rows, longest = place.size, int(place.max()) + 1
    if longest < num_rows and longest < MIN_RUN * window:
        return "runs", _whole(_parted(num_rows, window))
    return "time", _whole(_parted(longest, window, least=window if longest < num_rows else 0))


def in_turns(num_rows: int, window: int, turns: int) -> Blocks:
    """Blocks of the three parts that take turns, a window's length apart."""
    edges = (
        np.linspace(0, num_rows + window, turns + 1).round().astype(int)
    )  # a gap after the last is not needed
    blocks: dict[str, list[tuple[int, int]]] = {}
    for begin, end in itertools.pairwise(edges):
        for part, (first, last) in _parted(end - begin - window, window, least=window).items():
            blocks.setdefault(part, []).append((int(begin + first), int(begin + last)))
    return {part: tuple(pairs) for part, pairs in blocks.items()}


def _parted(num_rows: int, window: int, *, least: int = 0) -> dict[str, tuple[int, int]]:
    """Ranges of the three parts of `num_rows` rows.

    The validation and held-out parts have `least` rows or more.
    """
    rest = max(num_rows - 2 * window, 0)
    validation, held_out = max(round(VALIDATION * rest), least), max(round(HELD_OUT * rest), least)
    training = rest - validation - held_out
    second = training + window
    third = second + validation + window
    return {
        "training": (0, training),
        "validation": (second, second + validation),
        "held-out": (third, third + held_out),
    }


def _whole(ranges: dict[str, tuple[int, int]]) -> Blocks:
    return {part: (pair,) for part, pair in ranges.items()}
