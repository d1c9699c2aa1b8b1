"""Statistics of a weighted ensemble, each with its Monte Carlo standard error.

Functions take Datasets and return Datasets.

What is shown is the law of an ensemble's members (see `kernels.statistics.ensembles`): Σp f(x) over their shares p
estimates E[f | event]. A result `name` stands beside `name_error`, the linearised standard error of that ratio (see
`kernels.statistics.draws`), which counts chains by the replicate that they descend from. An interval takes
`interval_factor(result.attrs["degrees_of_freedom"])` of them on either side: Student's t, as replicates may be few.
The error tells nothing of the
model's own error, is 0 for a share of which no or every member is part, and NaN for one member or one replicate.

A Dataset backed by dask stays lazy in `mean`, `exceedance`, `spectra` and `bands`; the last joins the chunks
along `sample`. Non-member samples and other variables are not read. The rest loads: `density` two variables,
`hitting_times` and `correlations` the members.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from kernels.events.semantics.attribution import explain
from kernels.events.syntax.event import Event
from kernels.events.syntax.parser import parse_event
from kernels.statistics.ensembles import (
    average,
    closed,
    joined,
    members_of,
    only,
    result_of,
    state_of,
    unit_of,
)
from kernels.statistics.weighted import (
    weighted_autocorrelation,
    weighted_correlation,
    weighted_histogram,
    weighted_quantile_errors,
    weighted_quantiles,
)
from kernels.trajectories.datasets import dataset_layout
from kernels.trajectories.layout import Layout

__all__ = ["bands", "correlations", "density", "exceedance", "hitting_times", "mean", "spectra"]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def mean(dataset: xr.Dataset) -> xr.Dataset:
    """Mean of the members: `mean(time, variable)` and `mean_error`."""
    members, draws = members_of(dataset)
    layout = dataset_layout(members)
    value, error = average(state_of(members), draws)
    return result_of(
        draws, layout, mean=(value, "mean", unit_of(layout)), mean_error=(error, "", unit_of(layout))
    )


def bands(dataset: xr.Dataset, levels: Sequence[float] = LEVELS) -> xr.Dataset:
    """Quantiles of the members at each time.

    The error is half the gap between the quantiles at level ± δ, δ the standard error of the distribution
    function there; too small where few members lie beyond a quantile, or where the quantile may lie in a gap between
    two parts of the law.

    Args:
        dataset: the ensemble.
        levels: numbers between 0 and 1.

    Returns:
        `quantile(level, time, variable)` and `quantile_error`.

    Raises:
        ValueError: a level outside 0 … 1, or no member.
    """
    q = np.asarray(levels, np.float64)
    if q.ndim != 1 or q.size == 0 or not np.all((q >= 0) & (q <= 1)):
        raise ValueError(f"`levels` must be numbers between 0 and 1, at least one; got {levels!r}.")
    members, draws = members_of(dataset)
    layout = dataset_layout(members)

    def block(values: np.ndarray) -> tuple[np.ndarray, ...]:
        columns = np.moveaxis(values, -1, 0)
        both = (f(columns, draws, q) for f in (weighted_quantiles, weighted_quantile_errors))
        return tuple(np.moveaxis(each, 0, -1) for each in both)

    value, error = xr.apply_ufunc(
        block,
        joined(state_of(members)),
        input_core_dims=[["sample"]],
        output_core_dims=[["level"], ["level"]],
        dask="parallelized",
        output_dtypes=[np.float64] * 2,
        dask_gufunc_kwargs={"output_sizes": {"level": q.size}},
    )
    level = xr.DataArray(q, dims="level", attrs={"long_name": "level", "units": "1"})
    value, error = (each.transpose("level", ...).assign_coords(level=level) for each in (value, error))
    unit = unit_of(layout)
    return result_of(draws, layout, quantile=(value, "quantile", unit), quantile_error=(error, "", unit))


def exceedance(dataset: xr.Dataset, variable: str, level: float) -> xr.Dataset:
    """P(variable > level) at each time: `probability(time)` and `probability_error`.

    Raises:
        ValueError: no such variable, a level that is no finite number, or no member.
    """
    if not np.isscalar(level) or not np.isfinite(level):
        raise ValueError(f"`level` must be a finite number; got {level!r}.")
    members, draws = members_of(only(dataset, variable))
    state = state_of(members).isel(variable=0, drop=True)
    value, error = average(state > level, draws)
    name = f"probability of {variable} > {level:g}"
    return result_of(
        draws, dataset_layout(members), probability=(value, name, "1"), probability_error=(error, "", "1")
    )


def hitting_times(dataset: xr.Dataset, event: str | Event, layout: Layout | None = None) -> xr.Dataset:
    """Distribution function of the first time from which the event is known to hold.

    Args:
        dataset: the ensemble.
        event: text or Event, any one; where the members are those of this event the last value is 1.
        layout: needed for observables only.

    Returns:
        `probability(time)`, P(settled at `time` or before), and `probability_error`. The last value is the
        members' probability of the event.

    Raises:
        ValueError: a wrong event, or no member.
    """
    members, draws = members_of(dataset)
    event = parse_event(event) if isinstance(event, str) else event
    hit = explain(event, members, layout)["hitting_time"].drop_vars("sample", errors="ignore")
    time = members["time"].reset_coords(drop=True)
    value, error = average(hit <= time, draws)  # NaN, never, is no earlier than anything
    name = f"probability that {event} is settled"
    return result_of(
        draws, dataset_layout(members), probability=(value, name, "1"), probability_error=(error, "", "1")
    )


def correlations(dataset: xr.Dataset) -> xr.Dataset:
    """Correlations of variables at each time, and of each variable with itself later.

    They are taken over the members.

    Returns:
        `correlation(time, variable, other)`, Pearson's at one time; and `autocorrelation(lag, variable)`,
        Σ_t E y(t) y(t + lag) / √(Σ_t E y(t)² Σ_t E y(t + lag)²), y(t) being the departure from the members'
        mean at t and t running over all times that have one `lag` later. NaN where a variable
        does not vary. With `correlation_error` and `autocorrelation_error`.

    Raises:
        ValueError: times that are not evenly spaced, or no member.
    """
    members, draws = members_of(dataset)
    layout = dataset_layout(members)
    step = _even_step(layout)
    states = state_of(members).values
    names = list(layout.variables)
    lag = ("lag", step * np.arange(layout.num_times), {"long_name": "lag", "units": layout.time_units})
    coords = {"time": members["time"].variable, "variable": names, "other": names, "lag": lag}
    both, own = ("time", "variable", "other"), ("lag", "variable")
    value, error = (xr.DataArray(a, dims=both) for a in weighted_correlation(states, draws))
    auto, auto_error = (xr.DataArray(a, dims=own) for a in weighted_autocorrelation(states, draws))
    return result_of(
        draws,
        layout,
        correlation=(value, "correlation", "1"),
        correlation_error=(error, "", "1"),
        autocorrelation=(auto, "autocorrelation", "1"),
        autocorrelation_error=(auto_error, "", "1"),
    ).assign_coords(coords)


def spectra(dataset: xr.Dataset) -> xr.Dataset:
    """Mean power spectrum of the members: how their mean square divides among frequencies.

    c_k |rfft(x)_k|² / T² with T times, c_k = 1 at frequency 0 and, for even T, at the last one, else 2: the sum
    over frequencies is the mean square over time. No window and no trend is taken out.

    Returns:
        `power(frequency, variable)`, in squared units of the variable, and `power_error`; `frequency` in
        cycles per unit of time.

    Raises:
        ValueError: times that are not evenly spaced, or no member.
    """
    members, draws = members_of(dataset)
    layout = dataset_layout(members)
    frequency = np.fft.rfftfreq(layout.num_times, _even_step(layout))
    sides = np.full(frequency.size, 2.0)
    sides[0] = 1.0
    if layout.num_times % 2 == 0:
        sides[-1] = 1.0
    state = state_of(members)
    power = xr.apply_ufunc(
        lambda x: sides * np.abs(np.fft.rfft(x, norm="forward")) ** 2,
        state.chunk(time=-1) if state.chunks else state,
        input_core_dims=[["time"]],
        output_core_dims=[["frequency"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"frequency": frequency.size}},
    ).transpose("sample", "frequency", "variable")
    attrs = {
        "long_name": "frequency",
        "units": f"1/{closed(layout.time_units)}" if layout.time_units else "",
    }
    value, error = average(power.assign_coords(frequency=("frequency", frequency, attrs)), draws)
    unit = f"{closed(unit_of(layout))}^2" if unit_of(layout) else ""
    return result_of(draws, layout, power=(value, "power", unit), power_error=(error, "", unit))


def density(
    dataset: xr.Dataset,
    x: str,
    y: str,
    bins: int | tuple[int, int] | tuple[Sequence[float], Sequence[float]] = 40,
) -> xr.Dataset:
    """Density of the members in the plane of two variables, over all times alike.

    Args:
        dataset: the ensemble.
        x: a variable.
        y: another variable.
        bins: number of cells a side over the members' range, one for each side, or edges for each side.

    Returns:
        Over the cells' centres, dimensions named by the variables: `density`, per unit of x times unit of y,
        and `density_error`, in which a trajectory with all its times is one draw; `area` of the cells.
        Σ density · area is the share of points inside the edges, 1 unless edges are given.

    Raises:
        ValueError: no such variable, twice the same, wrong bins, or no member.
    """
    if x == y:
        raise ValueError(f"`x` and `y` must be two variables; got {x!r} twice. Take another one for `y`.")
    members, draws = members_of(only(dataset, x, y))
    layout = dataset_layout(members)
    states = state_of(members).values
    points = states[..., 0], states[..., 1]
    each = tuple(bins) if isinstance(bins, tuple | list) else (bins, bins)
    if len(each) != 2:
        raise ValueError(f"`bins` must be one number, or two, or edges for two; got {bins!r}.")
    edges = _edges(points[0], each[0]), _edges(points[1], each[1])
    share, error = weighted_histogram(points, draws, edges)
    area = np.multiply.outer(np.diff(edges[0]), np.diff(edges[1]))
    units = [layout.variable_units.get(name, "") for name in (x, y)]
    named = [closed(unit) for unit in units if unit]
    coords = {
        name: (name, 0.5 * (side[1:] + side[:-1]), {"long_name": name, "units": unit})
        for name, side, unit in zip((x, y), edges, units, strict=True)
    }
    arrays = [xr.DataArray(a, dims=(x, y), coords=coords) for a in (share / area, error / area, area)]
    per = "1/" + "/".join(named) if named else ""
    return result_of(
        draws,
        layout,
        density=(arrays[0], "density", per),
        density_error=(arrays[1], "", per),
        area=(arrays[2], "area of the cell", " ".join(named)),
    )


def _even_step(layout: Layout) -> float:
    gaps = np.diff(layout.times)
    if gaps.size == 0 or np.ptp(gaps) > 1e-4 * layout.step:
        raise ValueError("the dataset's times must be evenly spaced, two or more; interpolate it first.")
    return layout.step


def _edges(values: np.ndarray, bins: int | Sequence[float]) -> np.ndarray:
    """Edges of cells, from a number of cells or from edges."""
    if isinstance(bins, int | np.integer) and bins >= 1:
        return np.histogram_bin_edges(values, bins)
    edges = np.asarray(bins, np.float64)
    if edges.ndim != 1 or edges.size < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError(f"`bins` must be whole numbers, at least 1, or increasing edges; got {bins!r}.")
    return edges
