"""Event frequency in data, to be compared with the probability under a model of the data.

The estimate is the share of the held-out windows in which the event holds, or the share of the training windows.
A perfect model of the training part would give the latter: where it differs from the held-out share as the model
does, and by more than their errors, the two parts are unlike, and the model is not to blame. Windows overlap and
follow each other, so their indicators are correlated; the error comes from blocks of neighbouring windows, those of all
members that were watched at the same times together (`kernels.probability.blocks`). Blocks span at least one window,
and four times the integrated autocorrelation time of the indicator where that is longer.

The 95 % interval is that of Clopper and Pearson for as many independent windows as would have that error, fewer by
(z/t)² as the error of few blocks is itself uncertain (Korn & Graubard 1998). No hit at all is answered by the rule of
three for the number of blocks. Where something is known, or a season is meant, the windows that meet it count.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial

import numpy as np
from jaxtyping import Bool, Int
from scipy import stats

from kernels.denoisers.starts import is_started
from kernels.probability.base import Estimator, Probability, Problem, Progress
from kernels.probability.blocks import block_error
from kernels.probability.latent.monte_carlo import estimate_share
from kernels.recordings.windows import Segment

__all__ = [
    "DATA",
    "TRAINING_DATA",
    "block_frequency",
    "data_frequency",
    "require_data",
    "training_frequency",
]

MIN_BLOCKS = 8  # blocks; with fewer their spread says little
MIN_SPELLS = 5  # separate blocks with hits, and with misses; within one block they count as one observation
LEAST_SPELL = 2  # windows of one observation where the event is never, or always, seen
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
    if is_started(problem.model.denoiser):
        raise ValueError(f"`method` {method!r} cannot start from the first states of a forecast. Use 'auto'.")
    return part


def data_frequency(problem: Problem, num_samples: int) -> Iterator[Progress]:
    """Estimate from all held-out windows of the model's recording.

    Raises:
        ValueError: the model keeps no such data, or it forecasts.
    """
    yield _frequency(problem, "data")


def training_frequency(problem: Problem, num_samples: int) -> Iterator[Progress]:
    """Estimate from the windows that the model was trained on, as many as are stored.

    Raises:
        ValueError: the model keeps no such data, or it forecasts.
    """
    yield _frequency(problem, "training_data")


def _frequency(problem: Problem, method: str) -> Progress:
    part = require_data(problem, method)
    windows = part.windows
    holds, known = problem.judge(windows)[1], problem.known(windows) & problem.meant(part)
    if problem.observations is None and known.all():
        estimate = block_frequency(holds, part.least_block, method, places=part.places)
    elif known.any():
        estimate = _said(problem, _among_known(problem, holds, known, method))
    else:
        nouns = f"{_KINDS[method]} windows"
        estimate = estimate_share(0, 0, len(windows), method=method, num_calls=0, source=nouns)
        estimate = _said(problem, estimate)
    words = f"{len(windows)} {_KINDS[method]} windows, {estimate.diagnostics['hits']} in the event"
    return Progress(1.0, words, estimate)


def _said(problem: Problem, estimate: Probability) -> Probability:
    """Estimate that says which season is meant."""
    conditions = problem.model.conditions
    if conditions is None or not conditions.clauses:
        return estimate
    return dataclasses.replace(estimate, message=f"With {conditions.text}: {estimate.message}")


def _among_known(
    problem: Problem, holds: Bool[np.ndarray, " window"], known: Bool[np.ndarray, " window"], method: str
) -> Probability:
    """Share of hits among the windows that meet what is known, and begin when it is meant."""
    part = require_data(problem, method)
    estimate = block_frequency(holds[known], part.least_block, method, places=part.places[known])
    how = "begin so" if problem.observations is None else "meet what is known"
    count = f"{int(known.sum())} of {len(known)} {_KINDS[method]} windows {how}."
    share = {"known_share": float(known.mean()), "num_drawn": len(known)}
    return dataclasses.replace(
        estimate, message=f"{count} {estimate.message}", diagnostics=estimate.diagnostics | share
    )


def block_frequency(
    holds: Bool[np.ndarray, " window"],
    least_block: int,
    method: str = "data",
    *,
    places: Int[np.ndarray, " window"] | None = None,
) -> Probability:
    """Share of hits in a series or in several members, with an interval from blocks of moments.

    Args:
        holds: whether the event holds in each window, of one member after another, each in the order of time.
        least_block: number of moments that a block must have.
        method: "data" for held-out windows, "training_data" for those of the training.
        places: moment at which each window begins, 0, 1, …; None for a single series.
    """
    places = np.arange(len(holds)) if places is None else places
    total, hits = len(holds), int(np.sum(holds))
    value = hits / total
    if hits in (0, total):
        return _without_contrast(hits, total, least_block, method, len(np.unique(places)))
    error, block, num_blocks = block_error(holds, least_block, places)
    num_blocks = min(num_blocks, float(len(np.unique(places // block))))  # those with windows
    interval = _interval(value, error, num_blocks)
    spells = min(len(np.unique(places[holds == side] // block)) for side in (True, False))
    few = num_blocks < MIN_BLOCKS
    each = f"{block} windows" if total == places.max() + 1 else f"{block} moments"
    each += ", all members together" if total > np.unique(places).size else ""
    message = (
        f"{hits} of {total} {_KINDS[method]} windows are in the event; {num_blocks:.0f} blocks of {each}."
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
        ess=(value / error) ** 2,
        method=method,
        status="unreliable" if few or spells < MIN_SPELLS else "ok",
        message=message,
        diagnostics={"hits": hits, "num_samples": total, "block": block, "num_blocks": num_blocks},
    )


def _interval(value: float, error: float, num_blocks: float) -> tuple[float, float]:
    """95 % interval of a share between 0 and 1."""
    student, normal = stats.t.ppf(0.975, max(num_blocks - 1.0, 1.0)), stats.norm.ppf(0.975)
    worth = value * (1.0 - value) * (normal / (student * error)) ** 2
    low = stats.beta.ppf(0.025, value * worth, (1.0 - value) * worth + 1.0)
    high = stats.beta.ppf(0.975, value * worth + 1.0, (1.0 - value) * worth)
    return float(low), float(high)


def _without_contrast(hits: int, total: int, least_block: int, method: str, moments: int) -> Probability:
    """Estimate where all windows or none are in the event, by the rule of three.

    A block counts as one observation. How long spells of the event are is unknown.
    """
    block = min(max(least_block, LEAST_SPELL), moments)
    num_blocks = max(moments / block, 1.0)
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
