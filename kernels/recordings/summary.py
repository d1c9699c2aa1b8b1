"""Summary of a recording in lines of text: what was understood of a file, before anything is trained on it."""

import numpy as np

from kernels.recordings.reading import Recording
from kernels.recordings.regularity import even_step
from kernels.recordings.words import count_of

__all__ = ["summary_lines"]

MAX_VARIABLES = 40  # with a line of their own


def summary_lines(recording: Recording) -> list[str]:
    """Lines on times, runs and variables of a recording as it was read, then its notes."""
    lines = [f"{count_of(recording.num_rows, 'row')} of {recording.source}", f"time: {_time(recording)}"]
    num_runs = np.unique(recording.runs).size
    if num_runs > 1:
        lines.append(f"runs: {num_runs}, of {_range(np.bincount(recording.runs), 'row')}")
    for i, name in enumerate(recording.variables[:MAX_VARIABLES]):
        unit = recording.variable_units.get(name, "")
        lines.append(f"{name}{f' ({unit})' if unit else ''}: {_values(recording.values[:, i])}")
    if len(recording.variables) > MAX_VARIABLES:
        lines.append(f"… and {len(recording.variables) - MAX_VARIABLES} more variables")
    return [*lines, *(f"note: {note}" for note in recording.notes)]


def _time(recording: Recording) -> str:
    unit = f" {recording.time_units}".rstrip()
    begin = f"from {recording.start} on, " if recording.start else ""
    try:
        step = f"every {even_step(recording):.6g}{unit}"
    except ValueError:
        step = "at uneven steps"
    return f"{begin}over {np.ptp(recording.times):.6g}{unit}, {step}"


def _range(counts: np.ndarray, thing: str) -> str:
    low, high = int(counts.min()), int(counts.max())
    return count_of(low, thing) if low == high else f"{low} to {count_of(high, thing)}"


def _values(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "nothing but missing values"
    zeros = f", {np.mean(known == 0):.1%} zeros" if np.any(known == 0) else ""
    missing = (
        f", {count_of(int(values.size - known.size), 'missing value')}" if known.size < values.size else ""
    )
    return f"{known.min():.6g} to {known.max():.6g}{zeros}{missing}"
