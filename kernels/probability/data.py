"""Event frequency in data, to be compared with the probability under a model of the data.

The estimate is the share of the held-out windows in which the event holds, or the share of the training windows.
A perfect model of the training part would give the latter: where it differs from the held-out share as the model
does, and by more than their errors, the two parts are unlike, and the model is not to blame. Windows overlap and
follow each other, so their indicators are correlated; the error comes from a moving-block bootstrap (Künsch 1989): blocks of
neighbouring windows are drawn with replacement until there are as many as in the data, and the share
in each such series is one replicate. Blocks span at least one window, and twice the integrated
autocorrelation time of the indicator where that is longer. Members that were watched at the same times go
together into a block: they may be near copies of each other.

The 95 % interval is that of the replicates, stretched by √(m/(m − 1)) t/z for m blocks' worth of data,
as with few blocks the spread of a bootstrap is too small. No hit at all is answered by the rule of three
for m blocks.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy import stats

from kernels.denoisers.forecast import GivenStart
from kernels.probability.base import Estimator, Probability, Problem, Progress
from kernels.recordings.windows import Segment

__all__ = [
    "DATA",
    "TRAINING_DATA",
    "block_bootstrap",
    "block_error",
    "data_frequency",
    "require_data",
    "training_frequency",
]

NUM_REPLICATES = 4000
MIN_BLOCKS = 8  # blocks; with fewer a bootstrap says little
MIN_SPELLS = 5  # separate blocks with hits, and with misses; within one block they count as one observation
MAX_DRAWN = 4_000_000  # blocks in memory at once
SEED = 0  # seed of the replicates: equal data give equal intervals
_KINDS = {"data": "held-out", "training_data": "training"}
_MORE = {"data": "hold out more data", "training_data": "train on more data"}


def require_data(problem: Problem, method: str = "data") -> Segment:
    """Held-out or training data of the model. Raises ValueError if they cannot be used."""
    held_out = method == "data"
    part = problem.model.held_out if held_out else problem.model.training_data
    if part is None:
        what = "a held-out part of it" if held_out else "the part that it learned from"
        again = (
            ""
            if held_out or problem.model.held_out is None
            else ", or train it again: it is of an earlier version"
        )
        raise ValueError(
            f"`method` {method!r} needs a model that was trained on a recording and keeps {what}. Use 'auto'{again}."
        )
    if problem.observations is not None or isinstance(problem.model.denoiser, GivenStart):
        raise ValueError(
            f"`method` {method!r} cannot be conditioned on `given`. Use 'auto', or leave `given` out."
        )
    return part


def data_frequency(problem: Problem, num_samples: int) -> Iterator[Progress]:
    """Estimate from all held-out windows of the model's recording.

    Raises:
        ValueError: the model keeps no such data, or something is known.
    """
    yield _frequency(problem, "data")


def training_frequency(problem: Problem, num_samples: int) -> Iterator[Progress]:
    """Estimate from the windows that the model was trained on, as many as are stored.

    Raises:
        ValueError: the model keeps no such data, or something is known.
    """
    yield _frequency(problem, "training_data")


def _frequency(problem: Problem, method: str) -> Progress:
    part = require_data(problem, method)
    windows = part.windows
    estimate = block_bootstrap(problem.judge(windows)[1][part.order], part.least_block, method)
    words = f"{len(windows)} {_KINDS[method]} windows, {estimate.diagnostics['hits']} in the event"
    return Progress(1.0, words, estimate)


def block_bootstrap(
    holds: Bool[np.ndarray, " window"], least_block: int, method: str = "data"
) -> Probability:
    """Share of hits in a series, with an interval from a moving-block bootstrap.

    Args:
        holds: whether the event holds, window by window in the order of time.
        least_block: number of windows that a block must have.
        method: "data" for held-out windows, "training_data" for those of the training.
    """
    total, hits = len(holds), int(np.sum(holds))
    block = _block(holds, least_block)
    num_blocks = total / block
    value = hits / total
    if hits in (0, total):
        return _without_contrast(hits, total, block, method)
    replicates, stretch = _replicates(holds, block), _stretch(num_blocks)
    error = stretch * float(replicates.std())
    low, high = np.quantile(replicates, [0.025, 0.975]) - value
    stretch *= float(stats.t.ppf(0.975, max(num_blocks - 1.0, 1.0)) / stats.norm.ppf(0.975))
    interval = (
        float(np.clip(value + stretch * low, 0.0, 1.0)),
        float(np.clip(value + stretch * high, 0.0, 1.0)),
    )
    spells = min(len(np.unique(np.flatnonzero(holds == side) // block)) for side in (True, False))
    few = num_blocks < MIN_BLOCKS
    message = (
        f"{hits} of {total} {_KINDS[method]} windows are in the event; "
        f"{num_blocks:.0f} blocks of {block} windows."
    )
    if few:
        message += (
            f" Too few blocks for an interval to be relied on: {_MORE[method]}, or take shorter windows."
        )
    elif spells < MIN_SPELLS:
        what = "in the event" if value < 0.5 else "outside it"
        message += f" Those {what} lie in {spells} separate blocks only: {_MORE[method]}."
    return Probability(
        value=value,
        standard_error=error,
        interval=interval,
        ess=(value / error) ** 2 if error > 0 else float(num_blocks),
        method=method,
        status="unreliable" if few or spells < MIN_SPELLS else "ok",
        message=message,
        diagnostics={"hits": hits, "num_samples": total, "block": block, "num_blocks": num_blocks},
    )


def block_error(values: Shaped[np.ndarray, " window"], least_block: int) -> float:
    """Standard error of the mean of a correlated series, from a moving-block bootstrap."""
    block = _block(values, least_block)
    return _stretch(len(values) / block) * float(_replicates(values, block).std())


def _block(values: Shaped[np.ndarray, " window"], least_block: int) -> int:
    """Number of windows in a block."""
    most = max(least_block, len(values) // 4)
    return min(int(np.clip(np.ceil(2.0 * _correlation_time(values)), least_block, most)), len(values))


def _stretch(num_blocks: float) -> float:
    """Factor that corrects the spread of a bootstrap, too small with few blocks."""
    return float(np.sqrt(num_blocks / max(num_blocks - 1.0, 1.0)))


def _without_contrast(hits: int, total: int, block: int, method: str) -> Probability:
    """Estimate where all windows or none are in the event, by the rule of three.

    A block counts as one observation.
    """
    num_blocks = max(total / block, 1.0)
    bound = min(1.0, 3.0 / num_blocks)
    none = hits == 0
    kind = _KINDS[method]
    words = f"None of {total} {kind} windows is" if none else f"All of {total} {kind} windows are"
    sign = f"P < {bound:.2g}" if none else f"P > {1 - bound:.2g}"
    return Probability(
        value=hits / total,
        standard_error=1.0 / num_blocks,
        interval=(0.0, bound) if none else (1.0 - bound, 1.0),
        ess=num_blocks,
        method=method,
        status="no_hits" if none else "unreliable" if num_blocks < MIN_BLOCKS else "ok",
        message=f"{words} in the event, so {sign} (rule of three, {num_blocks:.0f} blocks).",
        diagnostics={"hits": hits, "num_samples": total, "block": block, "num_blocks": num_blocks},
    )


def _replicates(values: Shaped[np.ndarray, " window"], block: int) -> Float[np.ndarray, " replicate"]:
    """Means (or shares of hits) of series put together from blocks."""
    total = len(values)
    sums = np.concatenate([[0], np.cumsum(values)])
    per_block = sums[block:] - sums[:-block]
    generator = np.random.default_rng(SEED)
    count = max(1, round(total / block))
    rows = max(1, MAX_DRAWN // count)
    means = np.empty(NUM_REPLICATES)
    for first in range(0, NUM_REPLICATES, rows):
        drawn = generator.integers(0, len(per_block), (min(rows, NUM_REPLICATES - first), count))
        means[first : first + rows] = per_block[drawn].sum(1) / (count * block)
    return means - means.mean() + values.mean()  # the first and last windows are in fewer blocks than others


def _correlation_time(values: Shaped[np.ndarray, " window"]) -> float:
    """Integrated autocorrelation time, in windows; 1 for independent windows.

    The sum ends at Sokal's window, 5 times the autocorrelation time itself.
    """
    offsets = np.asarray(values, float) - np.mean(values)
    variance = float(np.mean(offsets**2))
    if variance == 0.0:
        return 1.0
    size = 1 << int(2 * len(offsets) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(offsets, size)) ** 2
    correlation = np.fft.irfft(spectrum, size)[: len(offsets)] / (len(offsets) * variance)
    times = 2.0 * np.cumsum(correlation) - 1.0
    settled = np.flatnonzero(np.arange(len(times)) >= 5.0 * times)
    return float(max(times[settled[0]] if settled.size else times[-1], 1.0))


DATA = Estimator(
    name="data",
    label="frequency in held-out data",
    run=lambda problem, num_samples, path_steps: data_frequency(problem, num_samples),
    require=require_data,
)


TRAINING_DATA = Estimator(
    name="training_data",
    label="frequency in training data",
    run=lambda problem, num_samples, path_steps: training_frequency(problem, num_samples),
    require=partial(require_data, method="training_data"),
)
