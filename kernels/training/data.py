"""Data of a training on a record: its windows in the units that a network sees."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from kernels.diffusion.gaussian import require_fittable
from kernels.recordings.reading import Recording, read_recording
from kernels.recordings.regularity import regular
from kernels.recordings.seasons import raw_conditions, without_covariates
from kernels.recordings.windows import Split, cut, split_windows
from kernels.training.bounds import Bounds
from kernels.training.margins import FittedMargins, fit_margins
from kernels.training.scores import Spread, drawn_scores
from kernels.trajectories.standardizer import Standardizer

__all__ = ["TrainingData", "fit_record_margins", "read_windows", "training_data"]

MOST_DRAWS = 16  # draws of the ties of a record, one an epoch, in turn
MOST_NUMBERS = 20_000_000  # in all draws together


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Windows of a record, standardised, with the map back.

    Attributes:
        standardizer: physical ↔ standardised units.
        training: (window, time, variable), with the first draw of ties.
        validation: (window, time, variable).
        draws: scores of the rows from which windows are cut, one draw after the other; one where nothing is drawn.
        starts: (window,) row in a draw at which each training window begins.
    """

    standardizer: Standardizer
    training: Float[np.ndarray, "window time variable"]
    validation: Float[np.ndarray, "window time variable"]
    draws: tuple[Float[np.ndarray, "row variable"], ...] = ()
    starts: Int[np.ndarray, " window"] | None = None

    def epoch(self, index: int) -> Float[np.ndarray, "window time variable"]:
        """Training windows of an epoch, each with its own draw of ties as far as there are several."""
        if len(self.draws) < 2 or self.starts is None:
            return self.training
        scores = cut(self.draws[index % len(self.draws)], self.starts, self.training.shape[1])
        return self.standardizer._replace(margins=None).standardize_ensemble(scores)


def read_windows(
    source: Any,
    variables: Sequence[str] | None,
    covariates: Sequence[str],
    *,
    window: int,
    stride: int | None,
    gaps: str | None,
    resample: float | None,
    **reading: Any,
) -> tuple[Recording, Split, Float[np.ndarray, "row column"]]:
    """Recording without its covariates, its windows, and the conditions of its rows.

    Args:
        source: as of `train_on`, like the others.
        variables: of the trajectories.
        covariates: series that the model is given.
        window: rows of a window.
        stride: rows from one window to the next.
        gaps: what to do where values are missing.
        resample: length of a step where times are uneven.
        **reading: further choices of `read_recording`.

    Raises:
        ValueError: data that need a choice, or too few of them.
    """
    wanted = None if variables is None else [*variables, *covariates]
    read = read_recording(source, variables=wanted, **reading)
    require_fittable(window, len(read.variables) - len(covariates))  # before the windows are cut
    recording, series = without_covariates(regular(read, gaps=gaps, resample=resample), covariates)
    raw = raw_conditions(recording, series)
    return recording, split_windows(recording, window, stride=stride, conditions=raw), raw


def fit_record_margins(
    recording: Recording, split: Split, bounds: Bounds | None, partners: Mapping[str, str] | None = None
) -> FittedMargins:
    """Margins of the rows that training windows hold.

    Raises:
        ValueError: a constant variable, or values beyond their bounds or below their partner.
    """
    rows = _covered(split.starts["training"], split.training.shape[1])
    return fit_margins(recording.values[rows], recording.variables, bounds, partners)


def training_data(
    recording: Recording, split: Split, margins: FittedMargins | None, *, noise: str, seed: int
) -> TrainingData:
    """Standardise the windows of a record.

    Args:
        recording: at even times.
        split: its windows.
        margins: laws of its variables; None for an affine map of the values.
        noise: colour of the perturbing noise.
        seed: of the draws of ties.

    Raises:
        ValueError: a constant variable.
    """
    if margins is None:
        standardizer = Standardizer.fit(split.training, noise=noise)
        training, validation = map(standardizer.standardize_ensemble, (split.training, split.validation))
        return TrainingData(standardizer=standardizer, training=training, validation=validation)
    window = split.training.shape[1]
    rows = _covered(np.concatenate([split.starts["training"], split.starts["validation"]]), window)
    draws = _draws(recording, margins, rows, seed)
    starts = {part: np.searchsorted(rows, split.starts[part]) for part in ("training", "validation")}
    scores = {part: cut(draws[0], starts[part], window) for part in starts}
    plain = Standardizer.fit(scores["training"], noise=noise)
    return TrainingData(
        standardizer=plain._replace(margins=margins.margins),
        training=plain.standardize_ensemble(scores["training"]),
        validation=plain.standardize_ensemble(scores["validation"]),
        draws=draws,
        starts=starts["training"],
    )


def _draws(
    recording: Recording, fitted: FittedMargins, rows: Int[np.ndarray, " row"], seed: int
) -> tuple[Float[np.ndarray, "row variable"], ...]:
    """Scores of some rows of a record, as many draws as its ties and the memory call for."""
    values = recording.values[rows]
    low, high = fitted.intervals(values)
    new = (np.diff(rows) != 1) | (np.diff(recording.runs[rows]) != 0)
    spread = Spread(low, high, np.flatnonzero(new) + 1)
    if spread.is_known:
        return (low.astype(np.float32),)
    count = int(np.clip(MOST_NUMBERS // low.size, 1, MOST_DRAWS))
    return tuple(scores.astype(np.float32) for scores in islice(_copies(spread, seed), count))


def _copies(spread: Spread, seed: int) -> Iterator[np.ndarray]:
    return (scores.copy() for scores in drawn_scores(spread, seed))


def _covered(starts: Sequence[int] | np.ndarray, window: int) -> Int[np.ndarray, " row"]:
    """Rows that some window holds."""
    return np.unique(np.asarray(starts)[:, None] + np.arange(window))
