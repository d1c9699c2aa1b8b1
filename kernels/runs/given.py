"""Observations of a trajectory, given as text, a mapping or a Dataset.

All become one event made of equalities, `at(x, 0) == 0.4 tolerance 0.1 and …`, with the meaning that they have in
events: |x(0) − 0.4| ≤ 0.1. `at(x, 0) == 0.4 noise 0.1` is an observation with a Gaussian error of that standard
deviation, which no event has. A forecasting model takes its first states out of it, as exact. On the rest, direct
samples, chains and simulated trajectories are conditioned by rejection, and guided paths by
`kernels.guidance.observations`, to a Gaussian of the same variance: a preview.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import xarray as xr

from kernels.events.semantics.compile import Constraint, compile_event
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Number, Variable
from kernels.events.syntax.functions import At
from kernels.events.syntax.parser import parse_event
from kernels.events.syntax.predicates import And, Equality, Noisy
from kernels.models import Model
from kernels.systems import get_system
from kernels.trajectories.datasets import known_points

__all__ = ["Given", "compile_given", "example_start", "given_event", "with_knowledge"]

Given = str | Event | Mapping[str, Any] | xr.Dataset
DEFAULT_TOLERANCE = 0.02  # half width where none is given, in units of the variable's standard deviation
MAX_POINTS = 64  # each costs a pullback at every step


def given_event(given: Given | None, model: Model) -> Event | None:
    """Event that states the observations, or None.

    Args:
        given: text of equalities; or variable → first value, or → (first value, tolerance); or a
            Dataset `state(time, variable)` of observed points, NaN where nothing is known, with an
            optional number or DataArray `tolerance`. A tolerance that is not given is 2 % of the
            variable's standard deviation.
        model: names, times and spreads.

    Raises:
        ValueError: an unknown name or time, no point at all, or more than 64.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, str):
        return parse_event(given)
    if isinstance(given, Event):
        return given
    if isinstance(given, xr.Dataset):
        points = known_points(given, model.layout)
    elif isinstance(given, Mapping):
        points = [_first_value(name, value) for name, value in given.items()]
    else:
        raise ValueError(f"`given` must be text, a mapping or a Dataset; got {type(given).__name__}.")
    if not 0 < len(points) <= MAX_POINTS:
        raise ValueError(
            f"`given` must hold 1 to {MAX_POINTS} known points; got {len(points)}. Thin them out."
        )
    scales = np.asarray(model.standardizer.spread, np.float64)
    terms = []
    for name, time, value, tolerance in points:
        width = DEFAULT_TOLERANCE * scales[model.layout.index(name)] if tolerance is None else tolerance
        terms.append(f"at({Variable(name)}, {time!r}) == {value!r} tolerance {float(width)!r}")
    return parse_event(" and ".join(terms))


def compile_given(given: Given | None, model: Model) -> Constraint | None:
    """Compile the observations to a constraint, or None.

    Raises:
        ValueError: also when it contains anything but equalities.
    """
    event = given_event(given, model)
    if event is None:
        return None
    constraint = compile_event(event, model.layout, known=True)
    if set(constraint.program.parts) != {"equality"}:
        raise ValueError(
            "`given` must consist of equalities such as `at(x, 0) == 0.4 tolerance 0.01`, joined by `and`. "
            "Put everything else into the event."
        )
    return constraint


def with_knowledge(model: Model, given: Given | None) -> tuple[Model, Constraint | None]:
    """Model given the first states that it forecasts from, and all other observations.

    Raises:
        ValueError: as `compile_given`; or a forecasting model lacks one of its first states.
    """
    if model.num_known == 0:
        return model, compile_given(given, model)
    event = given_event(given, model)
    if event is not None:
        compile_event(event, model.layout, known=True)  # a time before the trajectory is not its first
    start = np.full((model.num_known, model.layout.num_variables), np.nan)
    rest = []
    for part in () if event is None else event.conjuncts:
        place = _coordinate(part, model)
        if place is not None and place[0] < model.num_known:
            _require_exact(part, model)
            start[place] = part.right.value  # pyright: ignore[reportAttributeAccessIssue]
        else:
            rest.append(part)
    if np.isnan(start).any():
        raise ValueError(_missing(start, model))
    others = None
    if rest:
        joined = rest[0] if len(rest) == 1 else And(tuple(rest))
        others = compile_given(joined, model)
    return model.given_start(start), others


def _coordinate(part: Event, model: Model) -> tuple[int, int] | None:
    """Time and variable of `at(variable, time) == value tolerance …`; None for anything else."""
    if not (isinstance(part, Equality) and isinstance(part.left, At) and isinstance(part.right, Number)):
        return None
    signal, times = part.left.argument, model.layout.times - model.layout.times[0]
    if not isinstance(signal, Variable) or signal.name not in model.layout.variables:
        return None
    return int(np.argmin(np.abs(times - part.left.time))), model.layout.index(signal.name)


def _require_exact(part: Event, model: Model) -> None:
    """Raise ValueError for a first state of a forecast that is observed with an error."""
    if isinstance(part, Noisy):
        raise ValueError(
            f"model {model.name} forecasts from first states that are exact; `{part}` has an error. Write tolerance."
        )


def _missing(start: np.ndarray, model: Model) -> str:
    """Message that names the first states a forecasting model still needs."""
    time, variable = np.argwhere(np.isnan(start))[0]
    name, when = model.layout.variables[variable], float(model.layout.times[time] - model.layout.times[0])
    return (
        f"`given` must hold the first {model.num_known} states of model {model.name}, which forecasts from "
        f"them; {int(np.isnan(start).sum())} of {start.size} values are missing. "
        f"Add `at({Variable(name)}, {when:g}) == … tolerance …`, or give a Dataset of the first states."
    )


def example_start(model: Model) -> str:
    """Example of first states, as text, for a forecasting model of a system; else empty."""
    if model.num_known == 0 or model.system is None:
        return ""
    states = get_system(model.system).simulate_array(jax.random.key(0), 1)[0, : model.num_known]
    times = model.layout.times[: model.num_known] - model.layout.times[0]
    scales = np.asarray(model.standardizer.spread, np.float64)
    return " and ".join(
        f"at({Variable(name)}, {time:g}) == {state[v]:.6g} tolerance {DEFAULT_TOLERANCE * scales[v]:.3g}"
        for time, state in zip(times, states, strict=True)
        for v, name in enumerate(model.layout.variables)
    )


def _first_value(name: str, value: Any) -> tuple[str, float, float, float | None]:
    pair = np.atleast_1d(np.asarray(value, np.float64))
    if pair.shape not in ((1,), (2,)) or not np.isfinite(pair).all():
        raise ValueError(f"`given[{name!r}]` must be a number or (number, tolerance); got {value!r}.")
    return str(name), 0.0, float(pair[0]), float(pair[1]) if pair.size == 2 else None
