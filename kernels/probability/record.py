"""Record check: what a record says of an estimate under a model that was trained on it.

The error of an estimate is that of its samples. A model of a record has learned from so many independent occurrences
of an event as the record holds; near and beyond the record's edge its number can be wrong by orders of magnitude,
however many samples are drawn. An estimate that is sound by itself is therefore held against the windows that the model
was trained on:

    contradicts_record   its 95 % interval and that of the frequency in these windows have nothing in common
    beyond_record        fewer than 5 independent occurrences in them: the number is an extrapolation, of a threshold on
                         one variable by the Pareto tail of the model's margins
    few_in_record        fewer than 20
    no_record_error      20 or more, and the model has no margins: the record's own error is not in the number's

The error of any other estimate holds the record's own (`kernels.probability.record_error`). Of an event that most windows
meet, the occurrences of its complement count. Occurrences are independent where they lie in separate blocks of windows
that do not overlap. What else speaks against an estimate stays as it is. Beside it stand the numbers of the record
itself: the frequency in held-out and in training windows, and for thresholds on one variable that of the peaks over
threshold.
"""

import collections
import contextlib
import dataclasses
import functools
from collections.abc import Iterator

from kernels.denoisers.starts import is_started
from kernels.probability.base import Probability, Problem, Progress, percent
from kernels.probability.data import data_frequency
from kernels.probability.peaks import peaks_over_threshold
from kernels.probability.record_error import ENOUGH, Evidence, evidence_of, with_record_error, with_wider_band
from kernels.probability.tails import extrapolation
from kernels.recordings.windows import Segment

__all__ = ["RECORD_STATUSES", "with_record"]

BEYOND = 5  # independent occurrences
RECORD_STATUSES = (
    "no_record_error",
    "few_in_record",
    "beyond_record",
)  # of estimates that are sound by themselves
SAMPLING = "The stated error is that of sampling; the record's own is not in it."
AGAIN = f"{SAMPLING} Train the model again for one that is."


def with_record(problem: Problem, records: Iterator[Progress]) -> Iterator[Progress]:
    """Records whose estimates are held against the record that the model was trained on, if it was."""
    model = problem.model
    part = model.held_out if model.training_data is None else model.training_data
    if part is None or problem.constraint is None:
        return records
    if is_started(model.denoiser):  # no window begins like that
        return map(functools.partial(_checked, "no_record_error", SAMPLING, None), records)
    return _against(problem, part, records)


def _against(problem: Problem, part: Segment, records: Iterator[Progress]) -> Iterator[Progress]:
    """Records held against the windows of a part, which are looked at once there is an estimate."""
    evidence = functools.cache(lambda: evidence_of(problem, part))
    compared = functools.cache(lambda: _numbers_of_record(problem, evidence()))
    for record in records:
        if record.probability is None:
            yield record
        else:
            yield _with_numbers(compared(), _judged(problem, evidence(), record))


def _numbers_of_record(problem: Problem, found: Evidence | None) -> tuple[Probability, ...]:
    """Frequency in held-out and in training windows, and peaks over threshold, as far as they have an answer."""
    numbers = [] if problem.model.held_out is None else [_last(data_frequency(problem, 1))]
    if problem.model.training_data is not None:
        numbers += [] if found is None else [found.frequency]
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


def _judged(problem: Problem, found: Evidence | None, record: Progress) -> Progress:
    """Record whose estimate is held against the frequency and the number of occurrences."""
    kind = "held-out" if problem.model.training_data is None else "training"
    if found is None:
        conditions = problem.model.conditions
        meant = "" if conditions is None or not conditions.clauses else f", with {conditions.text}"
        words = f"No window of the {kind} data meets what is known{meant}: the number is an extrapolation."
        return _checked("beyond_record", words, None, record)
    assert record.probability is not None  # noqa: S101 - checked by the caller
    (low, high), (least, most) = record.probability.interval, found.frequency.interval
    share = f"{found.frequency.value:.3g} ({least:.2g} to {most:.2g})"
    count = found.occurrences
    seen = f"{count} independent occurrences in the {kind} data, where its frequency is {share}"
    if found.frequency.value > 0.5:
        seen = f"{count} independent exceptions in the {kind} data, where its frequency is {share}"
    if high < least or low > most:
        words = f"The {kind} data say otherwise: the event's frequency there is {share}. Train longer, or on more data."
        return _checked("contradicts_record", words, found.frequency, record)
    complete = problem.model.standardizer.margins is not None and problem.model.training_data is not None
    if complete:
        estimate = with_record_error(problem, found, record.probability)
        finished = with_wider_band(problem, found, estimate) if record.fraction >= 1.0 else estimate
        record = record._replace(probability=finished)
    source = _sources(record.probability) if complete else AGAIN
    if count < BEYOND:
        words = f"The event has {seen}: the number is {extrapolation(problem)}. Take a milder event, or a longer record."
        return _checked("beyond_record", words, found.frequency, record)
    if count < ENOUGH:
        return _checked("few_in_record", f"The event has only {seen}. {source}", found.frequency, record)
    words = f"{source} In the {kind} data the event's frequency is {share}."
    return _checked("ok" if complete else "no_record_error", words, found.frequency, record)


def _sources(estimate: Probability | None) -> str:
    """Parts of an estimate's error, in words."""
    if estimate is None or not estimate.value or estimate.record_error is None:
        return SAMPLING
    parts = (estimate.sampling_error / estimate.value, estimate.record_error / estimate.value)
    return "Of its error, {} of P is from sampling and {} from the record.".format(*map(percent, parts))


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
