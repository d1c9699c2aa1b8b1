"""Trajectories: the one place where xarray meets arrays.

A trajectory is an array (time, variable) in physical units; an ensemble is (sample, time, variable).
`Layout` says what the axes mean, `Standardizer` maps to the units in which networks work,
`to_dataset` / `to_array` cross the boundary, `read_dataset` opens a NetCDF file or a Zarr store.
Every other module of `kernels` works on arrays.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from kernels import covariances

__all__ = [
    "Layout",
    "Standardizer",
    "dataset_layout",
    "known_points",
    "read_dataset",
    "sample_array",
    "to_array",
    "to_dataset",
    "without_booleans",
    "write_dataset",
]

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
        ValueError: names are empty or repeat, or times do not increase.
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


def to_dataset(
    states: np.ndarray, layout: Layout, *, attrs: Mapping[str, Any] | None = None, **per_sample: Any
) -> xr.Dataset:
    """Wrap an ensemble (sample, time, variable) with names, times and units.

    Args:
        states: trajectories in physical units.
        layout: what the axes mean.
        attrs: provenance; values must be strings or numbers.
        **per_sample: further variables (sample,), for example `weight`.
    """
    states = np.asarray(states)
    data: dict[str, Any] = {"state": (("sample", "time", "variable"), states)}
    data |= {name: ("sample", np.asarray(value)) for name, value in per_sample.items()}
    dataset = xr.Dataset(
        data,
        coords={
            "sample": np.arange(states.shape[0]),
            "time": ("time", np.array(layout.times), {"units": layout.time_units, "long_name": "time"}),
            "variable": list(layout.variables),
        },
        attrs={"variable_units": json.dumps({k: layout.variable_units.get(k, "") for k in layout.variables})},
    )
    dataset["state"].attrs["long_name"] = "state of the system"
    return dataset.assign_attrs(attrs or {})


def sample_array(values: np.ndarray, name: str, *, units: str, **coordinates: np.ndarray) -> xr.DataArray:
    """One number a sample, with further ones as coordinates."""
    coords = {"sample": np.arange(len(values))} | {k: ("sample", v) for k, v in coordinates.items()}
    return xr.DataArray(values, dims="sample", coords=coords, name=name, attrs={"units": units})


def to_array(dataset: xr.Dataset, layout: Layout) -> np.ndarray:
    """The ensemble (sample, time, variable) of a Dataset, variables in the layout's order.

    Raises:
        ValueError: `state` or a dimension is missing, names or times differ, or values are not finite.
    """
    if "state" not in dataset:
        raise ValueError(
            "the dataset must have a variable `state(sample, time, variable)`; it has "
            + ", ".join(map(str, dataset.data_vars))
            + "."
        )
    state = dataset["state"]
    missing = {"time", "variable"} - set(map(str, state.dims))
    if missing:
        raise ValueError(f"`state` must have dimensions (sample, time, variable); {sorted(missing)} missing.")
    if "sample" not in state.dims:
        state = state.expand_dims("sample")
    names = [str(name) for name in state["variable"].values]
    if set(layout.variables) - set(names):
        raise ValueError(
            f"the dataset must have the variables {', '.join(layout.variables)}; it has {', '.join(names)}."
        )
    state = state.sel(variable=list(layout.variables)).transpose("sample", "time", "variable")
    times = np.asarray(state["time"].values, np.float64)
    if times.shape != layout.times.shape or not np.allclose(times, layout.times, atol=1e-6 * layout.step):
        raise ValueError(
            f"the dataset's times must be the layout's {layout.num_times} times from {layout.times[0]:g} "
            f"to {layout.times[-1]:g}; interpolate or cut it first."
        )
    return _require_finite(np.asarray(state.values))


def _require_finite(values: np.ndarray) -> np.ndarray:
    bad = ~np.isfinite(values)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"every value must be finite; {int(bad.sum())} are NaN or infinite, the first at "
            f"(sample, time, variable) = {first}. Drop those samples "
            "(`dataset.dropna('sample')`) or interpolate."
        )
    return values


def dataset_layout(dataset: xr.Dataset) -> Layout:
    """The layout that a Dataset written by `to_dataset` describes."""
    if "state" not in dataset or not {"time", "variable"} <= set(map(str, dataset["state"].dims)):
        raise ValueError("the dataset must have a variable `state(sample, time, variable)`.")
    units = json.loads(dataset.attrs.get("variable_units", "{}"))
    return Layout(
        variables=tuple(str(v) for v in dataset["variable"].values),
        times=np.asarray(dataset["time"].values, np.float64),
        time_units=str(dataset["time"].attrs.get("units", "")),
        variable_units=units,
    )


def known_points(dataset: xr.Dataset, layout: Layout) -> list[tuple[str, float, float, float | None]]:
    """Every known number of one, partly known, trajectory.

    Args:
        dataset: `state(time, variable)` at some of the layout's times and variables, NaN where nothing
            is known; an optional `tolerance`, a number or of the same dimensions.
        layout: which names and times there are.

    Returns:
        (variable, time since the layout's first, value, tolerance or None) of each.

    Raises:
        ValueError: dimensions, names or times that the layout does not have.
    """
    state = dataset.get("state")
    if state is not None and "sample" in state.dims and state.sizes["sample"] == 1:
        state = state.isel(sample=0)
    if state is None or set(state.dims) != {"time", "variable"}:
        raise ValueError(
            "a Dataset of known points must have a variable `state(time, variable)` of one trajectory."
        )
    tolerance = dataset["tolerance"].broadcast_like(state) if "tolerance" in dataset else None
    points = []
    for time in state["time"].values:
        gap = float(np.min(np.abs(layout.times - float(time))))
        if gap > 1e-6 * layout.step:
            raise ValueError(
                f"known points must lie at the layout's times; {float(time):g} does not. Interpolate first."
            )
        for name in map(str, state["variable"].values):
            layout.index(name)
            value = float(state.sel(time=time, variable=name))
            if np.isfinite(value):
                width = None if tolerance is None else float(tolerance.sel(time=time, variable=name))
                points.append((name, float(time) - float(layout.times[0]), value, width))
    return points


def write_dataset(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a Dataset as NetCDF (.nc) or Zarr (.zarr); Boolean variables become 0 and 1 in NetCDF.

    Raises:
        ValueError: another ending, or a folder that does not exist.
    """
    path = Path(path)
    require_writable(path)
    if path.suffix == ".zarr":
        names = dataset["variable"].astype(object)  # Zarr 3 specifies text of any length only
        dataset.assign_coords(variable=names).to_zarr(path, mode="w", consolidated=False)
    else:
        without_booleans(dataset).to_netcdf(path, engine="h5netcdf")


def require_writable(path: Path) -> None:
    """Raises ValueError where `write_dataset` could not write; to be asked before what takes long."""
    if path.suffix not in (".nc", ".zarr"):
        raise ValueError(f"`path` must end with .nc (NetCDF) or .zarr; got {path.name!r}.")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"the folder of `path` must exist; there is no {path.absolute().parent}.")


def without_booleans(dataset: xr.Dataset) -> xr.Dataset:
    """NetCDF has no Boolean: 0 and 1 in its place."""
    flags = {name: dataset[name].astype("i1") for name in dataset.data_vars if dataset[name].dtype == bool}
    return dataset.assign(flags)


def read_dataset(path: str | Path) -> xr.Dataset:
    """Open trajectories from a NetCDF file or a Zarr store, checked to be finite.

    Raises:
        ValueError: the file is missing, unreadable, or holds NaN; the message names the remedy.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(
            f"no file or store at {path}. Check the path; NetCDF files and Zarr stores are read."
        )
    try:
        if path.is_dir():
            dataset = xr.open_zarr(path, consolidated=False)  # a local store needs no second index
        else:
            with xr.open_dataset(path, engine="h5netcdf") as opened:
                dataset = opened.load()
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no readable NetCDF-4 file or Zarr store ({type(error).__name__}: {error})."
        ) from error
    if "state" in dataset:
        _require_finite(np.asarray(dataset["state"].values))
    return dataset
