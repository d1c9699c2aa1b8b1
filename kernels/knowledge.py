"""What is already known about a trajectory, in the forms people have it: text, a mapping, a Dataset.

All become one event made of equalities, `at(x, 0) == 0.4 tolerance 0.01 and …`, on which
`kernels.guidance.observations` conditions a denoiser.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from kernels.events.parsing import parse_event
from kernels.events.predicates import Event
from kernels.events.semantics import Constraint, compile_event
from kernels.models import Model
from kernels.trajectories import known_points

__all__ = ["Given", "compile_given", "given_event"]

Given = str | Event | Mapping[str, Any] | xr.Dataset
DEFAULT_TOLERANCE = 0.02  # half width where none is given, in units of the variable's standard deviation
MAX_POINTS = 64  # each costs a pullback at every step


def given_event(given: Given | None, model: Model) -> Event | None:
    """The event that says what is known, or None.

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
    scales = np.asarray(model.standardizer.scale, np.float64)
    terms = []
    for name, time, value, tolerance in points:
        width = DEFAULT_TOLERANCE * scales[model.layout.index(name)] if tolerance is None else tolerance
        terms.append(f"at({name}, {time!r}) == {value!r} tolerance {float(width)!r}")
    return parse_event(" and ".join(terms))


def compile_given(given: Given | None, model: Model) -> Constraint | None:
    """As `given_event`, compiled.

    Raises:
        ValueError: also when it contains anything but equalities.
    """
    event = given_event(given, model)
    if event is None:
        return None
    constraint = compile_event(event, model.layout)
    if set(constraint.program.parts) != {"equality"}:
        raise ValueError(
            "`given` must consist of equalities such as `at(x, 0) == 0.4 tolerance 0.01`, joined by `and`. "
            "Put everything else into the event."
        )
    return constraint


def _first_value(name: str, value: Any) -> tuple[str, float, float, float | None]:
    pair = np.atleast_1d(np.asarray(value, np.float64))
    if pair.shape not in ((1,), (2,)) or not np.isfinite(pair).all():
        raise ValueError(f"`given[{name!r}]` must be a number or (number, tolerance); got {value!r}.")
    return str(name), 0.0, float(pair[0]), float(pair[1]) if pair.size == 2 else None
