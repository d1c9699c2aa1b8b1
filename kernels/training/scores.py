"""Scores of a record: normal scores of its values, where ties and gaps are drawn given their neighbours.

A value that a share of the law belongs to, a dry day or a multiple of the gauge's resolution, has an interval of scores
instead of one. Independent draws from these would destroy the persistence of dry spells, so that they are drawn together:
each from its normal law given the scores within `MAX_LAG` steps, truncated to its interval, in turn (Gibbs sampling of a
Gaussian copula; Hoff, Ann. Appl. Stat. 1, 2007). The autocovariance is that of the draws themselves, estimated anew in each
sweep. What was not measured has the whole line as its interval.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from kernels.trajectories.margins import FARTHEST
from kernels.trajectories.truncated import truncated_normal

__all__ = ["Spread", "drawn_scores"]

MAX_LAG = 10  # steps to either side on which a score's law depends
MAX_NEIGHBOURS = 400  # scores on which it depends
NUM_SWEEPS = 30  # before the first draw
BETWEEN = 3  # sweeps from one draw to the next
RIDGE = 1e-3  # added to the variances, which short records know badly


class Spread(NamedTuple):
    """Scores of a record as intervals.

    Attributes:
        low: (row, variable); −`FARTHEST` where nothing was measured.
        high: (row, variable), equal to `low` where the score is known; `FARTHEST` where nothing was measured.
        breaks: rows that do not follow the one before them.
    """

    low: Float[np.ndarray, "row variable"]
    high: Float[np.ndarray, "row variable"]
    breaks: Int[np.ndarray, " break"]

    @property
    def is_known(self) -> bool:
        """Whether every score that was measured is one number."""
        return not np.any(self._drawn)

    @property
    def _drawn(self) -> np.ndarray:
        missing = (self.low <= -FARTHEST) & (self.high >= FARTHEST)
        return (self.high > self.low) & ~missing


def drawn_scores(spread: Spread, seed: int) -> Iterator[Float[np.ndarray, "row variable"]]:
    """Draws of all scores of a record, without end; the same for the same seed.

    Args:
        spread: intervals of the scores.
        seed: of the draws.

    Yields:
        (row, variable), within the intervals.
    """
    generator = np.random.default_rng(seed)
    lag = max(1, min(MAX_LAG, (MAX_NEIGHBOURS // spread.low.shape[1] - 1) // 2))
    low, high, rows = _padded(spread, 2 * lag)
    scores = truncated_normal(generator, np.zeros(low.shape), np.ones(low.shape), low, high)
    for sweep in range(NUM_SWEEPS):
        _sweep(generator, scores, low, high, lag)
        if sweep == NUM_SWEEPS - 1:
            yield scores[rows]
    while True:
        for _ in range(BETWEEN):
            _sweep(generator, scores, low, high, lag)
        yield scores[rows]


def _padded(spread: Spread, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intervals with unmeasured rows at both ends and in the breaks, and where the record's rows are in them."""
    num_rows, num_variables = spread.low.shape
    shift = np.zeros(num_rows, int)
    shift[spread.breaks] = width
    rows = np.arange(num_rows) + width + np.cumsum(shift)
    low = np.full((num_rows + width * (2 + len(spread.breaks)), num_variables), -FARTHEST)
    high = -low
    low[rows], high[rows] = spread.low, spread.high
    return low, high, rows


def _sweep(
    generator: np.random.Generator, scores: np.ndarray, low: np.ndarray, high: np.ndarray, lag: int
) -> None:
    """Draw each score that has an interval once, in place, given those around it."""
    weights, deviations = _regression(scores, lag)
    centre, num_variables = lag, scores.shape[1]
    offsets = np.arange(-lag, lag + 1)
    free = high > low
    free[:lag], free[-lag:] = False, False
    for colour in range(lag + 1):  # rows of one colour do not see each other
        for variable in range(num_variables):
            rows = np.flatnonzero(free[:, variable])
            rows = rows[rows % (lag + 1) == colour]
            if rows.size == 0:
                continue
            around = scores[rows[:, None] + offsets]
            mean = np.einsum("rlv,lv->r", around, weights[variable])
            around_itself = weights[variable][centre, variable] * around[:, centre, variable]
            scores[rows, variable] = truncated_normal(
                generator,
                mean - around_itself,
                np.full(rows.size, deviations[variable]),
                low[rows, variable],
                high[rows, variable],
            )


def _regression(
    scores: np.ndarray, lag: int
) -> tuple[Float[np.ndarray, "variable lag variable"], np.ndarray]:
    """Weights of the scores around one in its mean, and its standard deviation given them.

    The weight of a score in its own mean is meaningless.
    """
    width, num_variables = 2 * lag + 1, scores.shape[1]
    units = scores / np.sqrt(
        np.mean(scores**2, axis=0)
    )  # the scale of an occurrence is known, but not from its draws
    lagged = [units[: len(units) - k].T @ units[k:] / len(units) for k in range(width)]
    size = width * num_variables
    covariance = np.empty((width, num_variables, width, num_variables))
    for i in range(width):
        for j in range(width):
            covariance[i, :, j] = lagged[j - i] if j >= i else lagged[i - j].T
    matrix = covariance.reshape(size, size) + RIDGE * np.eye(size)
    precision = np.linalg.inv(matrix)[lag * num_variables : (lag + 1) * num_variables]
    diagonal = precision[np.arange(num_variables), lag * num_variables + np.arange(num_variables)]
    weights = -(precision / diagonal[:, None]).reshape(num_variables, width, num_variables)
    return weights, 1.0 / np.sqrt(diagonal)
