"""Checks of an estimate: two estimators, twice the steps, and the curve P(C > c).

    compare          two estimators with independent keys; they agree if |a − b| ≤ 3 √(s_a² + s_b²); rare ones, whose
                     errors are factors, if |log a/b| ≤ 3 √((s_a/a)² + (s_b/b)²)
    exceedance_curve P(C > c) over c with a 95 % band, from one subset simulation
    step_doubling    the estimate with n and with 2n network evaluations on the same latents: the
                     paired difference measures the solver's error, without the samples' noise

a, b are estimates and s_a, s_b their standard errors. The curve is an xr.Dataset made here, as it has
thresholds in the place of a trajectory's axes.
"""

import dataclasses
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from kernels.events.syntax.event import Event
from kernels.events.syntax.parser import parse_event
from kernels.models import Model
from kernels.probability.base import Probability, Problem, percent
from kernels.probability.latent.direct import direct_samples
from kernels.probability.latent.monte_carlo import estimate_proportion
from kernels.probability.record import RECORD_STATUSES
from kernels.probability.registry import PATH_STEPS, require_estimator
from kernels.runs.api import estimate, event_probability
from kernels.runs.given import Given, given_event
from kernels.runs.spec import RunSpec, as_model, require
from kernels.runs.stream import NumericalError

__all__ = ["Comparison", "StepDoubling", "compare", "exceedance_curve", "step_doubling"]

MAX_DIFFERENCE = 3.0  # standard errors
RARE = 0.1  # estimates below are compared on the log scale
PLAIN_FROM = 1e-4  # probabilities below are written with an exponent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two independent estimates of one probability.

    Attributes:
        estimates: both, in the order of the methods.
        difference: first minus second, in standard errors of the difference; of their logarithms if both are below `RARE`.
        agree: whether that is at most 3 of them and both call themselves reliable, or one is uncorroborated, which
            the other then does; a doubtful estimate with a wide error contradicts nothing, and confirms nothing.
        believed: method of the estimate to go by; None if neither.
        message: all this in words.
    """

    estimates: tuple[Probability, Probability]
    difference: float
    agree: bool
    believed: str | None
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepDoubling:
    """Estimates by direct Monte Carlo with n and 2n network evaluations on the same latents.

    Attributes:
        coarse: with n.
        fine: with 2n.
        difference: fine minus coarse.
        standard_error: of the paired difference.
        agree: whether the difference is at most 3 of them.
        message: all this in words.
    """

    coarse: Probability
    fine: Probability
    difference: float
    standard_error: float
    agree: bool
    message: str


def compare(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    *,
    given: Given | None = None,
    methods: tuple[str, str] = ("subset_simulation", "path_importance"),
    num_samples: int = 512,
) -> Comparison:
    """Estimate P(event) twice, independently, and say whether the two agree.

    Args:
        key: new-style random key; each estimator has its own.
        model: name, path or Model.
        event: text or Event.
        given: what is known, see `kernels.runs.given.given_event`.
        methods: two different estimators.
        num_samples: of each.

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite.
    """
    names = tuple(methods)
    require(len(names) == 2 and names[0] != names[1], "methods", "two different estimators", methods)
    for name in names:
        require_estimator(name, num_samples)
    first, second = (
        event_probability(
            jax.random.fold_in(key, index), model, event, given=given, method=name, num_samples=num_samples
        )
        for index, name in enumerate(names)
    )
    difference = _difference(first, second)
    believed, message = _verdict(first, second, abs(difference))
    return Comparison(
        estimates=(first, second),
        difference=difference,
        agree=abs(difference) <= MAX_DIFFERENCE and _corroborated(first, second),
        believed=believed,
        message=message,
    )


def _rare(*both: Probability) -> bool:
    """Whether estimates are compared on the log scale: small ones, none of them 0."""
    return all(0.0 < one.value < RARE for one in both)


def _difference(first: Probability, second: Probability) -> float:
    """First minus second in standard errors, of logarithms where both are rare.

    The error of a rare estimate is a factor: one that is far too low states a small one, on which a plain difference
    would not count.
    """
    if _rare(first, second):
        errors = first.sampling_error / first.value, second.sampling_error / second.value
        return _in_errors(float(np.log(first.value / second.value)), float(np.hypot(*errors)))
    error = float(np.hypot(first.sampling_error, second.sampling_error))  # both know the same record
    return _in_errors(first.value - second.value, error)


def _in_errors(difference: float, error: float) -> float:
    """Difference in units of its standard error; ±∞ for a difference without error."""
    if error > 0:
        return difference / error
    return 0.0 if difference == 0 else float(np.copysign(np.inf, difference))


def _corroborated(first: Probability, second: Probability) -> bool:
    """Whether one estimate is sound, and the other is so or lacks only one that confirms it."""
    return any(map(_is_sound, (first, second))) and all(
        _is_sound(one) or one.status == "uncorroborated" for one in (first, second)
    )


def _is_sound(one: Probability) -> bool:
    """Whether nothing speaks against the estimate as one of the model's probability."""
    return one.status == "ok" or one.status in RECORD_STATUSES


def _verdict(first: Probability, second: Probability, distance: float) -> tuple[str | None, str]:
    """Method of the estimate to believe, or None, and the reason."""
    both, near = (first, second), distance <= MAX_DIFFERENCE
    sound = [one for one in both if _is_sound(one)]
    doubtful = [one for one in both if not _is_sound(one)]
    shown = " and ".join(f"{_named(one)} {_numbers(one)}" for one in both)
    confirmed, rare = _corroborated(first, second), _rare(first, second)
    verb = ("agree" if confirmed else "do not contradict each other") if near else "disagree"
    numbers = f"{shown} {verb}: {distance:.1f} standard errors apart{' on the log scale' if rare else ''}."
    if len(sound) == 2 and near:
        surest = min(both, key=lambda one: one.sampling_error / (one.value if rare else 1.0))
        return surest.method, numbers
    if len(sound) == 2:
        return None, (
            f"{numbers} Both call themselves reliable, so believe neither: take more samples, "
            "or let monte_carlo decide."
        )
    if confirmed and near:
        return sound[0].method, f"{numbers} Each confirms the other; go by {_named(sound[0])}."
    complaint = " ".join(f"{_named(one)} says: {one.message}" for one in doubtful)
    if len(sound) == 1:
        return sound[0].method, f"{numbers} Go by {_named(sound[0])}. {complaint}"
    return None, f"{numbers} Neither is to be trusted: take more samples. {complaint}"


def _numbers(one: Probability) -> str:
    """Value and standard error, the latter to two digits."""
    if not one.standard_error > 0:
        return f"{one.value:.3g}"
    if one.value < PLAIN_FROM:
        return f"{one.value:.2e} ± {one.standard_error:.1e}"
    places = max(0, 1 - int(np.floor(np.log10(one.standard_error))))
    return f"{one.value:.{places}f} ± {one.standard_error:.{places}f}"


def _named(one: Probability) -> str:
    return one.method.replace("_", " ")


def exceedance_curve(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    *,
    given: Given | None = None,
    num_samples: int = 512,
    num_steps: int | None = None,
) -> xr.Dataset:
    """Exceedance curve P(C > c) over thresholds c; at c = 0 it is P(event).

    Args:
        key: new-style random key.
        model: name, path or Model.
        event: text or Event; for `max(x) > 3`, C = max(x) − 3.
        given: what is known, see `kernels.runs.given.given_event`.
        num_samples: chains at each level, over all replicates.
        num_steps: network evaluations for a trajectory; None is the model's own number.

    Returns:
        probability, low and high (threshold), falling; low and high are the 95 % interval of each point,
        widened until they fall, too. attrs: event, model, status and message of the estimate.

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite.
    """
    loaded = as_model(model)
    records = estimate(
        key,
        loaded,
        event,
        given=given,
        method="subset_simulation",
        num_samples=num_samples,
        num_steps=num_steps,
    )
    found = deque(records, maxlen=1).pop().probability
    assert found is not None  # noqa: S101 - the last record has one
    curve = np.array(found.diagnostics["exceedance"], np.float64)
    asked = {
        "event": parse_event(event) if isinstance(event, str) else event,
        "given": given_event(given, loaded),
    }
    dataset = xr.Dataset(
        {
            name: ("threshold", column)
            for name, column in zip(("probability", "low", "high"), curve[:, 1:].T, strict=True)
        },
        coords={"threshold": ("threshold", curve[:, 0], {"long_name": "threshold of the event's margin C"})},
        attrs={"model": loaded.name, "method": found.method, "status": found.status, "message": found.message}
        | {name: str(value) for name, value in asked.items() if value is not None},
    )
    dataset["probability"].attrs["long_name"] = "P(C > threshold)"
    return dataset


def step_doubling(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    *,
    given: Given | None = None,
    num_samples: int = 2048,
    num_steps: int | None = None,
) -> StepDoubling:
    """Compare direct Monte Carlo with n and 2n network evaluations on the same latents.

    Args:
        key: new-style random key.
        model: name, path or Model.
        event: text or Event.
        given: what is known, see `kernels.runs.given.given_event`.
        num_samples: trajectories, each drawn twice.
        num_steps: n; None is the model's own number.

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite.
    """
    require(event is not None, "event", "an event", event)
    path_steps = PATH_STEPS if num_steps is None else num_steps
    spec = RunSpec(model=model, event=event, given=given, num_samples=num_samples, num_steps=path_steps)
    asked = spec.problem(key, num_steps=num_steps)
    steps = asked.num_steps
    coarse, fine = (
        np.concatenate(list(_holds(dataclasses.replace(asked, num_steps=count), num_samples)))
        for count in (steps, 2 * steps)
    )
    changed = fine.astype(np.float64) - coarse
    difference = float(changed.mean())
    # with no change at all, fewer than 3 in n: an error of 1/n says as much
    error = (
        float(max(changed.std(ddof=1) / np.sqrt(num_samples), 1.0 / num_samples)) if num_samples > 1 else 1.0
    )
    agree = abs(difference) <= MAX_DIFFERENCE * error
    both: list[Any] = [
        estimate_proportion(
            int(holds.sum()), num_samples, method="monte_carlo", num_calls=num_samples * count
        )
        for holds, count in ((coarse, steps), (fine, 2 * steps))
    ]
    return StepDoubling(
        coarse=both[0],
        fine=both[1],
        difference=difference,
        standard_error=error,
        agree=agree,
        message=_steps_message(both[0].value, both[1].value, steps, int((changed != 0).sum()), agree),
    )


def _holds(problem: Problem, num_samples: int) -> Iterator[np.ndarray]:
    """Whether the event holds for direct samples, a chunk at a time."""
    try:
        for chunk in direct_samples(problem, num_samples):
            yield problem.judge(chunk)[1] & problem.known(chunk)
    except FloatingPointError as error:
        raise NumericalError(str(error)) from error


def _steps_message(coarse: float, fine: float, steps: int, changed: int, agree: bool) -> str:
    words = f"{steps} steps give {coarse:.3g}, {2 * steps} steps {fine:.3g}; {changed} samples change sides"
    if fine > 0:
        words += f", the difference is {percent(abs(fine - coarse) / fine)} of the value"
    if agree:
        return f"{words}: no effect of the steps is seen."
    return f"{words}: {steps} steps are too few. Take {2 * steps}, and check again."
