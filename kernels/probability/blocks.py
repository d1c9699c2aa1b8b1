"""Standard error of a mean over series correlated in time, from blocks of moments.

Values x_i stand at moments, those of several members at each. With y_t the sum of x − x̄ over the members at moment t,
by the mean number of members, the mean is off by (1/n) Σ y_t. Only the variation of y over time counts, so members
that share their weather are not taken for independent ones, nor independent ones for copies. All members of a moment go
together: means over moving blocks of b moments have a variance v_b, and the error is

    SE² = v_b b/(n − b) / (1 − (τ² − 1)/(2 b τ)),    b = 4 τ, or longer where a window is.

This is the variance of the moving-block bootstrap (Künsch 1989) in closed form, corrected by the first factor for the
number of blocks and by the second for their length, exact to first order for an AR(1). τ is the integrated
autocorrelation time, the longer of that of y and that within members, whose share in y may be small, though slow. A
short series seems to forget sooner than it does: its mean is taken away, and with it a share τ/n of each correlation,
which is added again.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

__all__ = ["BlockError", "block_error", "block_length"]

TIMES = 4.0  # autocorrelation times in a block
LEAST_SHARE = 0.25  # of the series in a block, at most
ROUNDS = 3  # fixed-point rounds of the correction of τ
WINDOW = 5.0  # autocorrelation times that are summed (Sokal)
MOST_LOST = 0.5  # of the variance, to blocks too short


class BlockError(NamedTuple):
    """Standard error of a mean, and the blocks it comes from.

    Attributes:
        standard_error: of the mean.
        block: moments in a block.
        num_blocks: blocks' worth of moments.
    """

    standard_error: float
    block: int
    num_blocks: float


def block_error(
    values: Shaped[np.ndarray, " value"], least_block: int, places: Int[np.ndarray, " value"] | None = None
) -> BlockError:
    """Standard error of the mean of values, correlated in time and between members.

    Args:
        values: any numbers, of one member after another, each in the order of time.
        least_block: moments that a block must have.
        places: moment of each value, 0, 1, …; None for a single series.
    """
    places = np.arange(len(values)) if places is None else places
    offsets = np.asarray(values, float) - np.mean(values)
    count = int(places.max()) + 1
    series = np.bincount(places, offsets, count) * (count / len(values))
    time = max(_correlation_time([(series, np.ones(count))]), _within(offsets, places, count))
    block = block_length(count, least_block, time)
    num_blocks = count / block
    independent = float(np.mean(offsets**2))
    if num_blocks < 2.0:
        return BlockError(np.sqrt(independent / num_blocks), block, num_blocks)
    sums = np.concatenate([[0.0], np.cumsum(series)])
    spread = float(np.mean(((sums[block:] - sums[:-block]) / block) ** 2))
    kept = max(1.0 - (time - 1.0 / time) / (2.0 * block), MOST_LOST)
    variance = max(spread / (num_blocks - 1.0) / kept, independent / len(values))
    return BlockError(float(np.sqrt(variance)), block, num_blocks)


def block_length(count: int, least: int, time: float) -> int:
    """Moments in a block, of `count` with an autocorrelation time."""
    most = max(least, int(LEAST_SHARE * count))
    return min(int(np.clip(np.ceil(TIMES * time), least, most)), count)


def _within(offsets: Float[np.ndarray, " value"], places: Int[np.ndarray, " value"], count: int) -> float:
    """Integrated autocorrelation time within members; 1 where there is one member."""
    ends = np.flatnonzero(np.diff(places) < 0) + 1
    if not ends.size:
        return 1.0
    members = zip(np.split(offsets, ends), np.split(places, ends), strict=True)
    return _correlation_time(
        (np.bincount(where, values, count), np.bincount(where, minlength=count) > 0)
        for values, where in members
    )


def _correlation_time(rows: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Integrated autocorrelation time of series around 0, in moments; 1 for independent values.

    Each row holds the values of a member, 0 where it has none, and whether it has one. The sum ends at Sokal's window,
    5 times the autocorrelation time itself.
    """
    products, pairs, count, size = np.zeros(1), np.zeros(1), 0, 0
    for values, there in rows:
        count, size = len(values), 1 << int(2 * len(values) - 1).bit_length()
        products = products + np.abs(np.fft.rfft(values, size)) ** 2
        pairs = pairs + np.abs(np.fft.rfft(there, size)) ** 2
    covariance, pairs = (np.fft.irfft(spectrum, size)[:count] for spectrum in (products, pairs))
    if covariance[0] <= 0.0:
        return 1.0
    lags, time = np.arange(count), 1.0
    missing = (1.0 - lags / count) * pairs[0] / np.maximum(pairs, 1.0)  # 1 where every member is always there
    correlation = missing * covariance / covariance[0]
    for turn in range(ROUNDS):
        lost = min(time / count, 0.5) if turn else 0.0
        times = 2.0 * np.cumsum((correlation + lost) / (1.0 + lost)) - 1.0
        settled = np.flatnonzero(lags >= WINDOW * times)
        time = float(max(times[settled[0]] if settled.size else times[count // 4], 1.0))
    return time
