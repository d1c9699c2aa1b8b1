"""Peaks over threshold: the probability of a threshold on one variable from the Pareto tail of a record, without a model.

For events such as max(x) > c. The peaks of clusters above a high threshold have a Pareto tail
(`kernels.statistics.peaks`), which says how many of the record's clusters would exceed c: K̂(c). How many windows a
cluster falls into depends on its length, on the windows' and on the season, and is taken from the record: at the highest
level v ≤ c that K ≥ 10 clusters exceed, a share H of the training windows meets the event. So

    P = 1 − exp(−K̂(c) e),    e = −log(1 − H) / K,

where e is the expected number of clusters in a window for each one in the record. The 95 % interval is that of K̂, by
its profile likelihood.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from kernels.events.semantics.extremes import ExtremeThreshold, extreme_threshold
from kernels.probability.base import Estimator, Probability, Problem, Progress
from kernels.probability.data import require_data
from kernels.recordings.windows import Segment
from kernels.statistics.clusters import decluster
from kernels.statistics.pareto import ParetoTail, fit_excesses, tail_threshold
from kernels.statistics.peaks import Bounded, exceedance_interval

__all__ = ["PEAKS", "require_peaks"]

METHOD = "peaks_over_threshold"
SHARES = (0.03, 0.05, 0.07, 0.1)  # of the values above the threshold; more, where they hold too few peaks
ENOUGH, LEAST = 30, 20  # peaks that a threshold should leave, and must
MIN_VALUES = 200  # of the variable
MIN_CLUSTERS = 10  # that tell how many windows one falls into
ON_GRID = 1e-3  # steps that a level may be off a value of the grid


def require_peaks(problem: Problem) -> tuple[Segment, ExtremeThreshold]:
    """Training data and threshold of a problem that peaks have an answer to. Raises ValueError for others."""
    part = require_data(problem, METHOD)
    extreme = None if problem.constraint is None else extreme_threshold(problem.constraint)
    if extreme is None:
        raise ValueError(
            f"`method` {METHOD!r} needs a threshold on the largest or the smallest value of one variable, as in "
            "max(x) > 1 or eventually(x < 0). Use 'training_data'."
        )
    if problem.observations is not None:
        raise ValueError(f"`method` {METHOD!r} knows nothing of what is given. Use 'training_data'.")
    if not problem.meant(part).all():
        raise ValueError(
            f"`method` {METHOD!r} counts peaks of all seasons. Use 'training_data', or leave out `when`."
        )
    return part, extreme


def peaks_over_threshold(problem: Problem) -> Iterator[Progress]:
    """Estimate from the Pareto tail of the training data.

    Raises:
        ValueError: the event is no threshold on one variable, lies below the tail, or the tail has too few peaks.
    """
    part, extreme = require_peaks(problem)
    sign = 1.0 if extreme.upper else -1.0
    column = sign * part.series[:, problem.model.layout.variables.index(extreme.variable)].astype(np.float64)
    threshold, step, peaks = _peaks(_over_moments(column, part), extreme.variable)
    level = sign * extreme.level
    if level <= threshold:
        raise ValueError(
            f"the tail of {extreme.variable} begins at {sign * threshold:.4g}: {extreme.level:.4g} lies within its bulk. "
            "Use 'training_data'."
        )
    least = level if extreme.strict else np.nextafter(level, -np.inf)  # values above it meet the event
    extent = _extent(peaks, min(least, _reached(peaks)), column, part, extreme)
    edge = max(_edge(peaks, level, step, extreme.strict), threshold)
    number = exceedance_interval(peaks, 1.0, edge, threshold=threshold)
    estimate = _answer(number, extent, fit_excesses(peaks, threshold), sign)
    yield Progress(1.0, f"{peaks.size} independent peaks of {extreme.variable}", estimate)


def _over_moments(column: Float[np.ndarray, " row"], part: Segment) -> Float[np.ndarray, " moment"]:
    """Values in the order of time, the largest of the members that were watched at the same times."""
    if part.moments is None:
        return column
    ahead = np.arange(part.length)
    series = np.full(int(part.moments.max()) + part.length, np.nan)
    moments, rows = part.moments[:, None] + ahead, part.starts[:, None] + ahead
    np.fmax.at(series, moments.ravel(), column[rows.ravel()])
    return series


def _peaks(series: Float[np.ndarray, " moment"], name: str) -> tuple[float, float, np.ndarray]:
    """Threshold with enough peaks above, the step of the grid that values lie on, and the peaks."""
    found = series[np.isfinite(series)]
    if found.size < MIN_VALUES:
        raise ValueError(f"the tail of {name} needs at least {MIN_VALUES} values; got {found.size}.")
    threshold, step, peaks = np.inf, 0.0, found[:0]
    for share in SHARES:
        threshold, step = tail_threshold(found, share)
        peaks = series[decluster(series, threshold)]
        if peaks.size >= ENOUGH:
            break
    if peaks.size < LEAST:
        raise ValueError(
            f"the tail of {name} needs at least {LEAST} independent peaks; got {peaks.size}. Record for longer."
        )
    return threshold, step, peaks


def _reached(peaks: Float[np.ndarray, " peak"]) -> float:
    """Highest level that enough peaks exceed."""
    ranked = np.sort(peaks)[::-1]
    return float(
        np.max(ranked[ranked < ranked[MIN_CLUSTERS - 1]], initial=ranked[-1] - 1e-9 * abs(ranked[-1]))
    )


def _extent(
    peaks: Float[np.ndarray, " peak"],
    level: float,
    column: Float[np.ndarray, " row"],
    part: Segment,
    extreme: ExtremeThreshold,
) -> float:
    """Expected number of clusters above a level in a window, for each of the record's."""
    rows = part.starts[:, None] + np.flatnonzero(extreme.samples)
    share = float(np.mean(column[rows].max(1) > level))
    if not 0.0 < share < 1.0:
        words = "every window" if share else "no window"
        raise ValueError(f"{words} of the training data meets {level:.4g}. Use 'training_data'.")
    return -float(np.log1p(-share)) / int(np.sum(peaks > level))


def _edge(peaks: Float[np.ndarray, " peak"], level: float, step: float, strict: bool) -> float:
    """Edge below the lowest value of the grid that meets a level; the level itself without a grid."""
    if not step:
        return level
    place = (level - peaks[0]) / step
    nearest = np.round(place)
    if abs(place - nearest) < ON_GRID:
        return float(peaks[0] + (nearest + (0.5 if strict else -0.5)) * step)
    return float(peaks[0] + (np.floor(place) + 0.5) * step)


def _answer(number: Bounded, extent: float, tail: ParetoTail, sign: float) -> Probability:
    value, low, high = (float(-np.expm1(-expected * extent)) for expected in number)
    spread = value * np.log(high / low) if low > 0.0 else high - low
    error = float(spread) / 3.92
    ends = "" if number.value else f" The fitted tail ends at {sign * tail.end_point:.4g}, before the level."
    shape = f"{tail.shape:.2f} ± {tail.shape_error:.2f}"
    return Probability(
        value=value,
        standard_error=error,
        interval=(low, high),
        ess=(value / error) ** 2,
        method=METHOD,
        status="ok" if number.value else "no_hits",
        message=f"{tail.num_exceedances} independent peaks beyond {sign * tail.threshold:.4g} in the training data; "
        f"Pareto tail of shape {shape}.{ends}",
        diagnostics={
            "num_samples": tail.num_exceedances,
            "threshold": sign * tail.threshold,
            "scale": tail.scale,
            "shape": tail.shape,
            "shape_error": tail.shape_error,
        },
    )


PEAKS = Estimator(
    name=METHOD,
    label="peaks over threshold",
    run=lambda problem, num_samples, path_steps: peaks_over_threshold(problem),
    require=require_peaks,
)
