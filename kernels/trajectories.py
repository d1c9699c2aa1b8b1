"""Trajectories: what their axes mean, and the units in which networks see them.

A trajectory is an array (time, variable) in physical units; an ensemble is (sample, time, variable).
`Layout` names the axes, `Standardizer` maps to standardised units; `kernels.datasets` is the boundary
to xarray and to files.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels import covariances

__all__ = [
    "Layout",
    "Standardizer",
]

_CHUNK = 65_536  # trajectories standardised together

Observable = Callable[[Float[Array, "time variable"]], Float[Array, " time"]]


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """What the axes of a trajectory mean.

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
        """(time, variable)."""
        return self.num_times, self.num_variables

    @property
    def step(self) -> float:
        """Median spacing of the times; 1 for a single time."""
        return float(np.median(np.diff(self.times))) if self.num_times > 1 else 1.0

    def index(self, name: str) -> int:
        """Position of a variable. Raises ValueError that lists the names there are."""
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
        """JSON-able description; observables are named, their code belongs to the system."""
        return {
            "variables": list(self.variables),
            "times": self.times.tolist(),
            "time_units": self.time_units,
            "variable_units": {k: v for k, v in self.variable_units.items() if k in self.variables},
            "observables": sorted(self.observables),
        }


class Standardizer(NamedTuple):
    """Affine map between physical units and the network's: x0 = L⁻¹ (x − mean) / scale.

    A variable that drifts, an angle that goes round and round, has no spread to be divided by. Of such a
    variable x is its first value followed by its increments from time to time, which are bounded; the map
    from values to those is linear, its determinant is 1, and each depends on no later time.

    Attributes:
        mean: (variable,), physical units.
        scale: (variable,), physical units, positive.
        noise: amplitudes of L for structured noise, see `kernels.covariances`; None is white, L = 1.
        increments: (variable,), 1 for variables seen as increments, else 0; None is 0 for all.
    """

    mean: Float[Array, " variable"]
    scale: Float[Array, " variable"]
    noise: Float[Array, " frequency"] | None = None
    increments: Float[Array, " variable"] | None = None

    @classmethod
    def fit(
        cls, states: np.ndarray, *, noise: str = "white", increments: Sequence[bool] | None = None
    ) -> "Standardizer":
        """Mean and standard deviation of each variable over samples and times (…, time, variable).

        Args:
            states: trajectories, physical units.
            noise: colour of the perturbing noise.
            increments: of which variables the network is to see increments; of none unless given.

        Raises:
            ValueError: a variable is constant or not finite, or there is no such noise.
        """
        mask = None if increments is None or not any(increments) else np.asarray(increments, np.float32)
        seen = states if mask is None else np.where(mask > 0, _differences(states, np), states)
        flat = np.asarray(seen, dtype=np.float64).reshape(-1, np.shape(states)[-1])
        mean, scale = flat.mean(0), flat.std(0)
        if not np.all(np.isfinite(mean)) or np.any(~(scale > 0)):
            raise ValueError("every variable must be finite and vary in time; drop the constant ones first.")
        fitted = cls(
            jnp.asarray(mean, jnp.float32),
            jnp.asarray(scale, jnp.float32),
            increments=None if mask is None else jnp.asarray(mask),
        )
        return fitted.with_noise(noise, np.shape(states)[-2])

    @classmethod
    def identity(cls, num_variables: int) -> "Standardizer":
        return cls(jnp.zeros(num_variables, jnp.float32), jnp.ones(num_variables, jnp.float32))

    def with_noise(self, noise: str, num_times: int) -> "Standardizer":
        """The same units for noise of another colour. Raises ValueError when there is no such noise."""
        amplitude = covariances.amplitudes(noise, num_times)
        return self._replace(noise=None if noise == "white" else jnp.asarray(amplitude, jnp.float32))

    def standardize(self, x: Float[Array, "*batch time variable"]) -> Float[Array, "*batch time variable"]:
        if self.increments is not None:
            x = jnp.where(self.increments > 0, _differences(x, jnp), x)
        x0 = (x - self.mean) / self.scale
        return x0 if self.noise is None else covariances.whitened(x0, self.noise)

    def standardize_ensemble(
        self, states: Float[np.ndarray, "sample time variable"]
    ) -> Float[np.ndarray, "sample time variable"]:
        """The same of any number of trajectories on the host, some at a time; in single precision."""
        chunks = (states[start : start + _CHUNK] for start in range(0, len(states), _CHUNK))
        return np.concatenate(
            [np.asarray(self.standardize(jnp.asarray(chunk, jnp.float32))) for chunk in chunks]
        )

    def unstandardize(self, x0: Float[Array, "*batch time variable"]) -> Float[Array, "*batch time variable"]:
        x = x0 if self.noise is None else covariances.coloured(x0, self.noise)
        x = x * self.scale + self.mean
        if self.increments is None:
            return x
        return jnp.where(self.increments > 0, jnp.cumsum(x, axis=-2), x)

    def log_det(self, num_times: int) -> float:
        """Log |d x0 / d x| of a whole trajectory, so that densities are per physical unit."""
        scaled = float(num_times * np.sum(np.log(np.asarray(self.scale, np.float64))))
        if self.noise is None:
            return -scaled
        return -scaled - len(self.scale) * covariances.log_det(self.noise, num_times)


def _differences(x: Any, numbers: Any) -> Any:
    """The first value and the increments from time to time (…, time, variable), by NumPy or JAX."""
    return numbers.concatenate([x[..., :1, :], x[..., 1:, :] - x[..., :-1, :]], axis=-2)
