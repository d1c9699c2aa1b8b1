"""Record check: what a record says of an estimate under a model that was trained on it.

The error of an estimate is that of its samples. A model of a record has learned from so many independent occurrences
of an event as the record holds; near and beyond the record's edge its number can be wrong by orders of magnitude,
however many samples are drawn. An estimate that is sound by itself is therefore held against the windows that the model
was trained on:

    contradicts_record   its 95 % interval and that of the frequency in these windows have nothing in common
    beyond_record        fewer than 5 independent occurrences in them: the number is an extrapolation, of a threshold on
                         one variable by the Pareto tail of the model's margins
    few_in_record        fewer than 20
    no_record_error      20 or more; the record's own error is not in the number's

Occurrences are independent where they lie in separate blocks of windows that do not overlap. What else speaks against
an estimate stays as it is. Beside it stand the numbers of the record itself: the frequency in held-out and in training
windows, and for thresholds on one variable that of the peaks over threshold.
"""

import collections
import contextlib
import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from kernels.denoisers.forecast import GivenStart
from kernels.probability.base import Probability, Problem, Progress
from kernels.probability.data import block_frequency, data_frequency
from kernels.probability.peaks import peaks_over_threshold
from kernels.probability.tails import extrapolation
from kernels.recordings.windows import Segment

__all__ = ["RECORD_STATUSES", "with_record"]

BEYOND, FEW = 5, 20  # independent occurrences
RECORD_STATUSES = (
    "no_record_error",
    "few_in_record",
    "beyond_record",
)  # of estimates that are sound by themselves
SAMPLING = "The stated error is that of sampling; the record's own is not in it."


def with_record(problem: Problem, records: Iterator[Progress]) -> Iterator[Progress]:
    """Records whose estimates are held against the record that the model was trained on, if it was."""
    model = problem.model
    part = model.held_out if model.training_data is None else model.training_data
    if part is None or problem.constraint is None:
        return records
    if isinstance(model.denoiser, GivenStart):  # no window begins like that
        return map(functools.partial(_checked, "no_record_error", SAMPLING, None), records)
    return _against(problem, part, records)


def _against(problem: Problem, part: Segment, records: Iterator[Progress]) -> Iterator[Progress]:
    """Records held against the windows of a part, which are looked at once there is an estimate."""
    judge = functools.cache(lambda: _frequency(problem, part))
    compared = functools.cache(lambda: _numbers_of_record(problem, judge()))
    for record in records:
        if record.probability is None:
            yield record
        else:
            yield _with_numbers(compared(), _judged(problem, judge(), record))


def _numbers_of_record(problem: Problem, found: tuple[Probability, int] | None) -> tuple[Probability, ...]:
    """Frequency in held-out and in training windows, and peaks over threshold, as far as they have an answer."""
    numbers = [] if problem.model.held_out is None else [_last(data_frequency(problem, 1))]
    if problem.model.training_data is not None:
        numbers += [] if found is None else [found[0]]
        with contextlib.suppress(ValueError):  # another event, or too short a record
            numbers.append(_last(peaks_over_threshold(problem)))
    return tuple(numbers)


def _last(records: Iterator[Progress]) -> Probability:
    last = collections.deque(records, maxlen=1).pop().probability
    assert last is not None  # noqa: S101 - an estimator ends with an estimate
    return last


def _with_numbers(numbers: tuple[Probability, ...], record: Progress) -> Progress:
    assert record.probability is not None  # noqa: S101 - checked by the caller
    return record._replace(probability=dataclasses.replace(record.probability, beside=numbers))


def _frequency(problem: Problem, part: Segment) -> tuple[Probability, int] | None:
    """Frequency in the windows that meet what is known, and independent occurrences; None without such windows."""
    windows = part.windows
    known = problem.known(windows)
    if not known.any():
        return None
    holds, places = problem.judge(windows)[1][known], part.places[known]
    frequency = block_frequency(holds, part.least_block, "training_data", places=places)
    return frequency, len(np.unique(places[holds] // part.least_block))


def _judged(problem: Problem, found: tuple[Probability, int] | None, record: Progress) -> Progress:
    """Record whose estimate is held against the frequency and the number of occurrences."""
    kind = "held-out" if problem.model.training_data is None else "training"
    if found is None:
        words = f"No window of the {kind} data meets what is known: the number is an extrapolation."
        return _checked("beyond_record", words, None, record)
    frequency, occurrences = found
    assert record.probability is not None  # noqa: S101 - checked by the caller
    (low, high), (least, most) = record.probability.interval, frequency.interval
    share = f"{frequency.value:.3g} ({least:.2g} to {most:.2g})"
    seen = f"{occurrences} independent occurrences in the {kind} data, where its frequency is {share}"
    if high < least or low > most:
        words = f"The {kind} data say otherwise: the event's frequency there is {share}. Train longer, or on more data."
        return _checked("contradicts_record", words, frequency, record)
    if occurrences < BEYOND:
        words = (
            f"The event has {seen}: the number is {extrapolation(problem)}. "
            "Take a milder event, or a longer record."
        )
        return _checked("beyond_record", words, frequency, record)
    if occurrences < FEW:
        return _checked("few_in_record", f"The event has only {seen}. {SAMPLING}", frequency, record)
    words = f"{SAMPLING} In the {kind} data the event's frequency is {share}."
    return _checked("no_record_error", words, frequency, record)


def _checked(status: str, words: str, frequency: Probability | None, record: Progress) -> Progress:
    """Record whose estimate has a status by its record, unless something else speaks against it."""
    estimate = record.probability
    if estimate is None:
        return record
    noted = {} if frequency is None else {"record_frequency": frequency.value}
    checked = dataclasses.replace(
        estimate,
        status=status if estimate.status == "ok" else estimate.status,
        message=f"{estimate.message} {words}",
        diagnostics=estimate.diagnostics | noted,
    )
    return record._replace(probability=checked)
