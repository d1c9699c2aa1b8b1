"""Members of a weighted ensemble, their shares, and the form of a statistic's result.

An ensemble is a Dataset `state(sample, time, variable)`; an optional `satisfied(sample)` says which samples
are members of the event, all if absent, and an optional `weight(sample)` holds importance weights w. Sample i
has the share p_i = w_i / Σw over members. An optional `replicate(sample)` says which samples, moved by chains, may
share ancestors, and the attribute `ess` how many independent draws the chains are worth (see
`kernels.statistics.draws`). A result is a Dataset with `name_error` beside `name`, units and a name in words, the
number of members, their effective size `ess`, and the degrees of freedom of the errors.
"""

import json
from typing import Any

import numpy as np
import xarray as xr

from kernels.statistics.draws import Draws
from kernels.trajectories.datasets import dataset_layout, to_array, to_dataset
from kernels.trajectories.layout import Layout

__all__ = [
    "average",
    "closed",
    "finite",
    "joined",
    "members_of",
    "only",
    "result_of",
    "shares_of",
    "state_of",
    "unit_of",
    "weights_of",
]


def members_of(dataset: xr.Dataset) -> tuple[xr.Dataset, Draws]:
    """Members of an ensemble, and their shares and replicates.

    Only `weight`, `satisfied` and `replicate` are read.
    """
    dataset_layout(dataset)  # raises ValueError that names what is missing
    if "sample" not in dataset["state"].dims:
        dataset = dataset.assign(state=dataset["state"].expand_dims("sample"))
    dims = tuple(map(str, dataset["state"].dims))
    if set(dims) != {"sample", "time", "variable"}:
        raise ValueError(
            f"`state` must have the dimensions (sample, time, variable); got ({', '.join(dims)}). "
            "Select one of the rest with `dataset.isel`."
        )
    kept, shares = shares_of(weights_of(dataset, ("sample",)))
    members = dataset.isel(sample=kept)
    replicate = members["replicate"].values if "replicate" in members else None
    worth = members.attrs.get("ess", members.attrs.get("effective_size", np.inf))  # the name in version 0.1
    return members, Draws(shares, replicate, float(worth))


def weights_of(dataset: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray:
    """Weights of samples, 0 outside the event; `dims` are allowed, with `sample` the last."""
    weights = np.ones([dataset.sizes[dim] for dim in dims])
    for name, kind in (("weight", np.float64), ("satisfied", bool)):
        if name not in dataset:
            continue
        own = tuple(map(str, dataset[name].dims))
        if set(own) not in (set(dims), {"sample"}):
            raise ValueError(f"`{name}` must have the dimension ({', '.join(dims)}); got ({', '.join(own)}).")
        weights = weights * dataset[name].transpose(*dims, missing_dims="ignore").values.astype(kind)
    if not np.all(np.isfinite(weights)) or np.any(weights < 0):
        raise ValueError("`weight` must be finite and not negative; drop the samples where it is not.")
    return weights


def shares_of(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices and shares of the members."""
    kept = np.flatnonzero(weights > 0)
    if kept.size == 0:
        raise ValueError(
            "the dataset must have a member: a sample of positive weight that is satisfied; it has none of "
            f"{len(weights)}. Draw more samples, or take a milder event."
        )
    return kept, weights[kept] / weights[kept].sum()


def state_of(members: xr.Dataset) -> xr.DataArray:
    """State (sample, time, variable), checked to be finite; lazily, where dask holds it."""
    if members["state"].chunks is None:
        layout = dataset_layout(members)
        return to_dataset(to_array(members, layout), layout)["state"].astype(np.float64).drop_vars("sample")
    state = members["state"].transpose("sample", "time", "variable").reset_coords(drop=True)
    return xr.apply_ufunc(
        finite, state.drop_vars("sample", errors="ignore"), dask="parallelized", output_dtypes=[np.float64]
    )


def finite(block: np.ndarray) -> np.ndarray:
    bad = int(np.sum(~np.isfinite(block)))
    if bad:
        raise ValueError(
            f"every value must be finite; {bad} are NaN or infinite. Drop those samples "
            "(`dataset.dropna('sample')`) or interpolate."
        )
    return block.astype(np.float64)


def joined(state: xr.DataArray) -> xr.DataArray:
    """State in one chunk along `sample`."""
    return state.chunk(sample=-1) if state.chunks else state


def only(dataset: xr.Dataset, *names: str) -> xr.Dataset:
    layout = dataset_layout(dataset)
    return dataset.isel(variable=[layout.index(name) for name in names])


def average(values: xr.DataArray, draws: Draws) -> tuple[xr.DataArray, xr.DataArray]:
    """Weighted mean Σp f and its standard error, lazily and chunk by chunk."""
    values, p = values.astype(np.float64), xr.DataArray(draws.shares, dims="sample")
    average = (p * values).sum("sample")
    influence, moves = values - average, None
    if draws.replicate is not None:
        replicate = xr.DataArray(draws.replicate, dims="sample", name="replicate")
        moves = (p * influence).groupby(replicate).sum("sample").transpose("replicate", ...)
    alone = ((p**2 * influence**2).sum("sample") * draws.error_correction) ** 0.5
    return average, draws.combined(alone, moves)


def unit_of(layout: Layout) -> str:
    """Unit of all variables, where they share one."""
    units = {layout.variable_units.get(name, "") for name in layout.variables}
    return "see variable_units" if len(units) > 1 else units.pop()


def closed(unit: str) -> str:
    return unit if unit.isalpha() else f"({unit})"


def result_of(draws: Draws | None, layout: Layout, **named: tuple[xr.DataArray, str, str]) -> xr.Dataset:
    """Dataset from name → (array, description, unit).

    An empty description stands for that of a standard error.
    """
    arrays = {}
    for name, (array, words, unit) in named.items():
        words = words or f"standard error of the {named[name.removesuffix('_error')][1]}"
        arrays[name] = array.drop_attrs(deep=False).assign_attrs(long_name=words, units=unit).rename(name)
    units = json.dumps({name: layout.variable_units.get(name, "") for name in layout.variables})
    attrs: dict[str, Any] = {"variable_units": units}
    if draws is not None:
        attrs |= {"num_members": len(draws.shares), "ess": draws.ess, "degrees_of_freedom": draws.degrees}
    return xr.Dataset(arrays, attrs=attrs)
