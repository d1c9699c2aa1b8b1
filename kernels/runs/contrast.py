"""Contrast of two conditions: one event, asked of both, with the ratio and the difference of its probabilities.

    kernels.compare_probabilities(key, "my-model", "max(x) > 35", when=("co2 == 420", "co2 == 380"))

Samples of both start from the same latents, so that what chance does to one it does to the other: the errors of ratio
and difference are those of pairs. Where one of the two is too rare for direct samples, each has an estimate of its own,
whose errors are taken to be independent.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray
from scipy import stats

from kernels.events.syntax.event import Event
from kernels.models import Model
from kernels.probability.auto import NUM_DIRECT, auto
from kernels.probability.base import Probability, Problem, Progress
from kernels.probability.latent.direct import direct_samples
from kernels.probability.latent.monte_carlo import MIN_HITS, estimate_proportion
from kernels.probability.registry import with_caveats
from kernels.recordings.when import When, when_text
from kernels.runs.given import Given
from kernels.runs.spec import RunSpec, as_model, require
from kernels.runs.stream import checked

__all__ = ["Contrast", "compare_probabilities"]

NORMAL = float(stats.norm.ppf(0.975))
MOST = 50.0  # of a logarithm


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast:
    """Probabilities of one event under two conditions.

    Attributes:
        when: both conditions, as text.
        estimates: P₁ and P₀.
        ratio: P₁ / P₀; infinite where P₀ is 0.
        ratio_interval: 95 % interval, of sampling and of the record where its error is known.
        difference: P₁ − P₀.
        difference_interval: 95 % interval, of the same.
        paired: whether both were counted on the same samples.
        message: all this in words.
    """

    when: tuple[str, str]
    estimates: tuple[Probability, Probability]
    ratio: float
    ratio_interval: tuple[float, float]
    difference: float
    difference_interval: tuple[float, float]
    paired: bool
    message: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-able dictionary; what is infinite is None."""
        found = dataclasses.asdict(self) | {"estimates": [one.to_dict() for one in self.estimates]}
        ends = [end if np.isfinite(end) else None for end in self.ratio_interval]
        return found | {"ratio": self.ratio if np.isfinite(self.ratio) else None, "ratio_interval": ends}


def compare_probabilities(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    *,
    when: tuple[When, When],
    given: Given | None = None,
    num_samples: int = 512,
) -> Contrast:
    """Probability of an event under two conditions, their ratio and their difference, with 95 % intervals.

    Args:
        key: new-style random key, the same for both.
        model: name, path or Model, of a record with seasons or covariates.
        event: text or Event.
        when: the two conditions, see `kernels.recordings.when`; an empty text is all of the record's.
        given: what is known, see `kernels.runs.given.given_event`.
        num_samples: measure of what may be spent where direct samples do not suffice.

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite.
    """
    pair = isinstance(when, tuple | list) and len(when) == 2
    require(pair and when_text(when[0]) != when_text(when[1]), "when", "two different conditions", when)
    loaded = as_model(model)
    problems = [RunSpec(model=loaded, event=event, given=given, when=one).problem(key) for one in when]
    require(all(problem.constraint is not None for problem in problems), "event", "an event", event)
    hits = [_hits(problem) for problem in problems]
    paired = given is None and all(MIN_HITS <= one.sum() <= len(one) - MIN_HITS for one in hits)
    if paired:
        estimates = [
            estimate_proportion(
                int(one.sum()), len(one), method="monte_carlo", num_calls=len(one) * p.num_steps
            )
            for one, p in zip(hits, problems, strict=True)
        ]
        errors = _paired(*hits)
    else:
        estimates = [_last(problem, num_samples) for problem in problems]
        errors = _independent(*estimates)
    first, second = (
        _last_of(with_caveats(problem, iter([Progress(1.0, "", one)])))
        for problem, one in zip(problems, estimates, strict=True)
    )
    texts = tuple(when_text(one) or "all year" for one in when)
    return _contrast((texts[0], texts[1]), (first, second), *_with_record(errors, first, second), paired)


def _hits(problem: Problem) -> np.ndarray:
    return np.concatenate(
        [
            problem.judge(chunk)[1] & problem.known(chunk)
            for chunk in checked(direct_samples(problem, NUM_DIRECT))
        ]
    )


def _last(problem: Problem, num_samples: int) -> Probability:
    return _last_of(checked(auto(problem, num_samples)))


def _last_of(records: Any) -> Probability:
    *_, last = records
    assert last.probability is not None  # noqa: S101 - an estimator ends with an estimate
    return last.probability


def _paired(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Standard errors of the difference and of the logarithm of the ratio, from pairs of hits."""
    count = len(first)
    values = np.stack([first, second]).astype(float)
    covariance = np.cov(values) / count
    means = values.mean(1)
    relative = covariance / np.outer(means, means)
    weights = np.array([1.0, -1.0])
    return tuple(float(np.sqrt(max(weights @ one @ weights, 0.0))) for one in (covariance, relative))  # pyright: ignore[reportReturnType]


def _independent(first: Probability, second: Probability) -> tuple[float, float]:
    difference = float(np.hypot(first.standard_error, second.standard_error))
    if not (first.value > 0 and second.value > 0):
        return difference, np.inf
    return difference, float(
        np.hypot(first.standard_error / first.value, second.standard_error / second.value)
    )


def _with_record(errors: tuple[float, float], first: Probability, second: Probability) -> tuple[float, float]:
    """Errors with those that the record leaves in either probability, which are taken to be independent."""
    records = [one.record_error or 0.0 for one in (first, second)]
    values = [one.value if one.value > 0 else np.inf for one in (first, second)]
    relative = [record / value for record, value in zip(records, values, strict=True)]
    return math.hypot(errors[0], *records), math.hypot(errors[1], *relative)


def _of_record(first: Probability, second: Probability) -> str:
    """Whether the record's own error is in the intervals, in words."""
    if None in (first.record_error, second.record_error):
        return "The intervals are of sampling; the record's own error is not in them."
    return "The record's own errors are in the intervals, as if they were independent."


def _contrast(
    when: tuple[str, str],
    estimates: tuple[Probability, Probability],
    error: float,
    log_error: float,
    paired: bool,
) -> Contrast:
    first, second = estimates
    difference = first.value - second.value
    around = (difference - NORMAL * error, difference + NORMAL * error)
    ratio = first.value / second.value if second.value > 0 else np.inf if first.value > 0 else np.nan
    if np.isfinite(log_error):
        factor = float(np.exp(min(NORMAL * log_error, MOST)))
        ends = (ratio / factor, ratio * factor)
    else:  # one of them is not seen: what their intervals leave
        (low, high), (least, most) = first.interval, second.interval
        ends = (low / most if most > 0 else 0.0, high / least if least > 0 else np.inf)
    how = "the same latents" if paired else "estimates of their own"
    message = (
        f"P = {first.value:.3g} with {when[0]}, {second.value:.3g} with {when[1]}: ratio {ratio:.3g} "
        f"({ends[0]:.3g} to {ends[1]:.3g}), difference {difference:.3g} ({around[0]:.3g} to {around[1]:.3g}), from {how}. "
        + _of_record(first, second)
    )
    return Contrast(
        when=when,
        estimates=estimates,
        ratio=float(ratio),
        ratio_interval=ends,
        difference=difference,
        difference_interval=around,
        paired=paired,
        message=message,
    )
