"""Layout of trajectories: names, times and units of their axes.

A trajectory is an array (time, variable) in physical units; an ensemble is (sample, time, variable).
`Layout` names the axes, `Standardizer` maps to standardised units; `kernels.trajectories.datasets` is the boundary
to xarray and to files.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Array, Float

__all__ = ["Layout"]


Observable = Callable[[Float[Array, "time variable"]], Float[Array, " time"]]


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """Layout: what the axes of a trajectory mean.

    Two layouts are equal when their names, times and units are; observables count by name.

    Attributes:
        variables: names of the variables, in the order of the last axis.
        times: physical times (time,), increasing; those of this project's systems start at 0.
        time_units: unit of `times`, for example "s"; empty when dimensionless.
        variable_units: unit of each variable; a variable that is not listed is dimensionless.
        observables: name → function of a trajectory (time, variable) in physical units that
            gives a signal (time,); usable in events like a variable.

    Raises:
        ValueError: no names or repeated ones, or times that are not one axis, finite and increasing.
    """

    variables: tuple[str, ...]
    times: np.ndarray
    time_units: str = ""
    variable_units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    observables: Mapping[str, Observable] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        variables = tuple(str(name) for name in self.variables)
        times = np.asarray(self.times, dtype=np.float64)
        if not variables or len(set(variables)) != len(variables):
            raise ValueError(f"`variables` must be distinct names, at least one; got {variables}.")
        if (
            times.ndim != 1
            or times.size == 0
            or not np.all(np.isfinite(times))
            or np.any(np.diff(times) <= 0)
        ):
            raise ValueError(
                "`times` must be a non-empty, increasing, finite sequence. Sort and de-duplicate it."
            )
        times.setflags(write=False)
        object.__setattr__(self, "variables", variables)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "variable_units", dict(self.variable_units))
        object.__setattr__(self, "observables", dict(self.observables))

    @property
    def num_times(self) -> int:
        return self.times.size

    @property
    def num_variables(self) -> int:
        return len(self.variables)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (time, variable) of a trajectory."""
        return self.num_times, self.num_variables

    @property
    def step(self) -> float:
        """Median spacing of the times; 1 for a single time."""
        return float(np.median(np.diff(self.times))) if self.num_times > 1 else 1.0

    def index(self, name: str) -> int:
        """Position of a variable. Raises ValueError that lists the known names."""
        if name not in self.variables:
            raise ValueError(f"unknown variable {name!r}; this layout has {', '.join(self.variables)}.")
        return self.variables.index(name)

    def _content(self) -> tuple:
        units = tuple(self.variable_units.get(name, "") for name in self.variables)
        return self.variables, self.times.tobytes(), self.time_units, units, tuple(sorted(self.observables))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description; observables are named, since their code belongs to the system."""
        return {
            "variables": list(self.variables),
            "times": self.times.tolist(),
            "time_units": self.time_units,
            "variable_units": {k: v for k, v in self.variable_units.items() if k in self.variables},
            "observables": sorted(self.observables),
        }
