"""Statistics of a weighted ensemble, each with its Monte Carlo standard error. Datasets in, Datasets out.

An ensemble is a Dataset `state(sample, time, variable)`; an optional `satisfied(sample)` says which samples
are members of the event, all if absent, and an optional `weight(sample)` holds importance weights w. What is
shown is the law of the members: sample i has the share p_i = w_i / Σw over members, 0 for the rest, and
Σp f(x) estimates E[f | event]. A result `name` stands beside `name_error`, the linearised standard error of that
ratio, error² = Σ p² φ² / (1 − Σp²) with φ the sample's influence (f − Σp f for a mean); see `kernels.statistics`.
It takes samples as independent (latent chains are not: there it is too small), tells nothing of the model's own
error, is 0 for a share of which no or every member is part, and NaN for one member.

Forecasts are verified on cases: forecasts `state(case, sample, time, variable)`, `weight` and `satisfied` with or
without `case`, and truths `state(case, time, variable)` at the same times.

A Dataset backed by dask stays lazy in `mean`, `exceedance`, `spectra`, `bands` and `crps` of one case; the last
two join the chunks along `sample`. Non-member samples and other variables are not read. The rest loads: `density` two
variables, `hitting_times` and `correlations` the members, verification one case at a time.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from kernels.events.inspection import explain
from kernels.events.parsing import parse_event
from kernels.events.predicates import Event
from kernels.statistics import (
    effective_sample_size,
    weighted_autocorrelation,
    weighted_correlation,
    weighted_crps,
    weighted_error,
    weighted_histogram,
    weighted_mean,
    weighted_place,
    weighted_quantile_errors,
    weighted_quantiles,
    weighted_variance,
)
from kernels.trajectories import Layout, dataset_layout, to_array, to_dataset

__all__ = [
    "bands",
    "correlations",
    "crps",
    "density",
    "exceedance",
    "hitting_times",
    "mean",
    "rank_histogram",
    "spectra",
    "spread_skill",
]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


# -- one ensemble ----------------------------------------------------------------------------


def mean(dataset: xr.Dataset) -> xr.Dataset:
    """Mean of the members: `mean(time, variable)` and `mean_error`."""
    members, shares = _members(dataset)
    layout = dataset_layout(members)
    value, error = _average(_state(members), shares)
    return _result(shares, layout, mean=(value, "mean", _unit(layout)), mean_error=(error, "", _unit(layout)))


def bands(dataset: xr.Dataset, levels: Sequence[float] = LEVELS) -> xr.Dataset:
    """Quantiles of the members at each time.

    The error is half the gap between the quantiles at level ± δ, δ the standard error of the distribution
    function there; too small where few members lie beyond a quantile.

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
    members, shares = _members(dataset)
    layout = dataset_layout(members)

    def block(values: np.ndarray) -> tuple[np.ndarray, ...]:
        columns = np.moveaxis(values, -1, 0)
        both = (f(columns, shares, q) for f in (weighted_quantiles, weighted_quantile_errors))
        return tuple(np.moveaxis(each, 0, -1) for each in both)

    value, error = xr.apply_ufunc(
        block,
        _joined(_state(members)),
        input_core_dims=[["sample"]],
        output_core_dims=[["level"], ["level"]],
        dask="parallelized",
        output_dtypes=[np.float64] * 2,
        dask_gufunc_kwargs={"output_sizes": {"level": q.size}},
    )
    level = xr.DataArray(q, dims="level", attrs={"long_name": "level", "units": "1"})
    value, error = (each.transpose("level", ...).assign_coords(level=level) for each in (value, error))
    unit = _unit(layout)
    return _result(shares, layout, quantile=(value, "quantile", unit), quantile_error=(error, "", unit))


def exceedance(dataset: xr.Dataset, variable: str, level: float) -> xr.Dataset:
    """P(variable > level) at each time: `probability(time)` and `probability_error`.

    Raises:
        ValueError: no such variable, a level that is no finite number, or no member.
    """
    if not np.isscalar(level) or not np.isfinite(level):
        raise ValueError(f"`level` must be a finite number; got {level!r}.")
    members, shares = _members(_only(dataset, variable))
    state = _state(members).isel(variable=0, drop=True)
    value, error = _average(state > level, shares)
    name = f"probability of {variable} > {level:g}"
    return _result(
        shares, dataset_layout(members), probability=(value, name, "1"), probability_error=(error, "", "1")
    )


def hitting_times(dataset: xr.Dataset, event: str | Event, layout: Layout | None = None) -> xr.Dataset:
    """Distribution function of the first time at which it is settled that the event happens.

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
    members, shares = _members(dataset)
    event = parse_event(event) if isinstance(event, str) else event
    hit = explain(event, members, layout)["hitting_time"].drop_vars("sample", errors="ignore")
    time = members["time"].reset_coords(drop=True)
    value, error = _average(hit <= time, shares)  # NaN, never, is no earlier than anything
    name = f"probability that {event} is settled"
    return _result(
        shares, dataset_layout(members), probability=(value, name, "1"), probability_error=(error, "", "1")
    )


def correlations(dataset: xr.Dataset) -> xr.Dataset:
    """How variables go together at each time, and each with itself later; over the members.

    Returns:
        `correlation(time, variable, other)`, Pearson's at one time; and `autocorrelation(lag, variable)`,
        Σ_t E y(t) y(t + lag) / √(Σ_t E y(t)² Σ_t E y(t + lag)²), y(t) being the departure from the members'
        mean at t and t running over all times that have one `lag` later. NaN where a variable
        does not vary. With `correlation_error` and `autocorrelation_error`.

    Raises:
        ValueError: times that are not evenly spaced, or no member.
    """
    members, shares = _members(dataset)
    layout = dataset_layout(members)
    step = _even_step(layout)
    states = _state(members).values
    names = list(layout.variables)
    lag = ("lag", step * np.arange(layout.num_times), {"long_name": "lag", "units": layout.time_units})
    coords = {"time": members["time"].variable, "variable": names, "other": names, "lag": lag}
    both, own = ("time", "variable", "other"), ("lag", "variable")
    value, error = (xr.DataArray(a, dims=both) for a in weighted_correlation(states, shares))
    auto, auto_error = (xr.DataArray(a, dims=own) for a in weighted_autocorrelation(states, shares))
    return _result(
        shares,
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
    members, shares = _members(dataset)
    layout = dataset_layout(members)
    frequency = np.fft.rfftfreq(layout.num_times, _even_step(layout))
    sides = np.full(frequency.size, 2.0)
    sides[0] = 1.0
    if layout.num_times % 2 == 0:
        sides[-1] = 1.0
    state = _state(members)
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
        "units": f"1/{_closed(layout.time_units)}" if layout.time_units else "",
    }
    value, error = _average(power.assign_coords(frequency=("frequency", frequency, attrs)), shares)
    unit = f"{_closed(_unit(layout))}^2" if _unit(layout) else ""
    return _result(shares, layout, power=(value, "power", unit), power_error=(error, "", unit))


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
    members, shares = _members(_only(dataset, x, y))
    layout = dataset_layout(members)
    states = _state(members).values
    points = states[..., 0], states[..., 1]
    each = tuple(bins) if isinstance(bins, tuple | list) else (bins, bins)
    if len(each) != 2:
        raise ValueError(f"`bins` must be one number, or two, or edges for two; got {bins!r}.")
    edges = _edges(points[0], each[0]), _edges(points[1], each[1])
    share, error = weighted_histogram(points, shares, edges)
    area = np.multiply.outer(np.diff(edges[0]), np.diff(edges[1]))
    units = [layout.variable_units.get(name, "") for name in (x, y)]
    named = [_closed(unit) for unit in units if unit]
    coords = {
        name: (name, 0.5 * (side[1:] + side[:-1]), {"long_name": name, "units": unit})
        for name, side, unit in zip((x, y), edges, units, strict=True)
    }
    arrays = [xr.DataArray(a, dims=(x, y), coords=coords) for a in (share / area, error / area, area)]
    per = "1/" + "/".join(named) if named else ""
    return _result(
        shares,
        layout,
        density=(arrays[0], "density", per),
        density_error=(arrays[1], "", per),
        area=(arrays[2], "area of the cell", " ".join(named)),
    )


# -- forecasts and what came -----------------------------------------------------------------


def crps(forecast: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
    """Continuous ranked probability score of a forecast, smaller is better; in units of the variable.

    Args:
        forecast: state(sample, time, variable), or with `case`.
        truth: state(time, variable), or with `case`, at the same times.

    Returns:
        Over (time, variable), or with `case`: `crps` = Σp|x − y| − ½ ΣΣ p p'|x − x'|, `crps_fair` with the double sum
        over 1 − Σp² (no penalty for a small ensemble), and `crps_error`, of both to first order: what another
        ensemble of the same law would change.

    Raises:
        ValueError: other times, variables or cases, or no member.
    """
    names = ("crps", "crps_fair", "crps_error")
    if "case" in forecast.dims:
        layout, coords = _case_layout(forecast)
        coords["case"] = forecast["case"].values
        scores = [weighted_crps(*each) for each in _cases(forecast, truth)]
        arrays = [xr.DataArray(np.stack(each), coords, ("case", "time", "variable")) for each in zip(*scores)]
        shares = None
    else:
        members, shares = _members(forecast)
        layout = dataset_layout(members)
        arrays = _crps(_joined(_state(members)), shares, _truth(truth, layout))
    texts = ("ranked probability score", "ranked probability score, fair", "")
    unit = _unit(layout)
    return _result(
        shares, layout, **{k: (a, words, unit) for k, a, words in zip(names, arrays, texts, strict=True)}
    )


def rank_histogram(key: PRNGKeyArray, forecasts: xr.Dataset, truth: xr.Dataset, bins: int = 10) -> xr.Dataset:
    """How often the truth falls into each part of the forecast, 1/bins everywhere where it is a fair draw from it.

    The truth's place in a forecast is its rank among the n members, ties broken at random, spread evenly
    over [rank/(n + 1), (rank + 1)/(n + 1)]; with weights the shares below it take the place of the rank
    (see `kernels.statistics.weighted_place`).

    Args:
        key: random key, for the ties.
        forecasts: state(case, sample, time, variable).
        truth: state(case, time, variable).
        bins: parts of equal width; n + 1 of them show the ranks themselves.

    Returns:
        Over the parts' centres `place`: `frequency(place, time, variable)`, a share of the cases, and
        `pooled(place, variable)` over all times, with `frequency_error` and `pooled_error`: cases are independent,
        times of one case are not.

    Raises:
        ValueError: fewer than two cases, other times, variables or cases, or no member.
    """
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"`bins` must be a whole number, at least 1; got {bins!r}.")
    layout, coords = _case_layout(forecasts, least=2)
    uniform = np.asarray(jax.random.uniform(key, (forecasts.sizes["case"], *layout.shape)), np.float64)
    triples = zip(_cases(forecasts, truth), uniform, strict=True)
    places = np.stack([weighted_place(*each, u) for each, u in triples])
    parts = np.minimum((places * bins).astype(int), bins - 1)
    inside = parts[:, None] == np.arange(bins)[:, None, None]
    centres = (np.arange(bins) + 0.5) / bins
    coords["place"] = ("place", centres, {"long_name": "place of the truth", "units": "1"})
    share, pooled = inside.mean(axis=0), inside.mean(axis=2)
    error = np.sqrt(share * (1.0 - share) / (len(inside) - 1))
    dims = ("place", "time", "variable")
    return _result(
        None,
        layout,
        frequency=(xr.DataArray(share, dims=dims), "share of the cases", "1"),
        frequency_error=(xr.DataArray(error, dims=dims), "", "1"),
        pooled=(xr.DataArray(weighted_mean(pooled), dims=dims[::2]), "share of the cases and times", "1"),
        pooled_error=(xr.DataArray(weighted_error(pooled), dims=dims[::2]), "", "1"),
    ).assign_coords(coords)


def spread_skill(forecasts: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
    """Spread of the forecasts beside the error of their mean: equal where the truth is a fair draw from them.

    skill² is the mean over cases of (m − y)², m the forecast's mean and y the truth; spread² that of the unbiased
    variance times 1 + Σp², the mean's own error included.

    Args:
        forecasts: state(case, sample, time, variable), two members a case at least.
        truth: state(case, time, variable).

    Returns:
        Over (time, variable): `spread`, `skill` and `ratio` = spread/skill, with errors from the spread over cases.

    Raises:
        ValueError: fewer than two cases, other times, variables or cases, or fewer than two members.
    """
    layout, coords = _case_layout(forecasts, least=2)
    variances, squares = [], []
    for states, shares, came in _cases(forecasts, truth):
        if len(shares) < 2:
            raise ValueError("each case must have at least 2 members; drop the cases that have not.")
        variances.append(weighted_variance(states, shares) * (1.0 + np.sum(shares**2)))
        squares.append((weighted_mean(states, shares) - came) ** 2)
    spread_terms, skill_terms = np.stack(variances), np.stack(squares)
    spread2, skill2 = spread_terms.mean(axis=0), skill_terms.mean(axis=0)
    spread, skill = np.sqrt(spread2), np.sqrt(skill2)
    ratio = _quotient(spread, skill)
    influence = _quotient(spread_terms, spread2) - _quotient(skill_terms, skill2)
    values = {
        "spread": (spread, "spread", _unit(layout)),
        "spread_error": (0.5 * _quotient(weighted_error(spread_terms), spread), "", _unit(layout)),
        "skill": (skill, "root mean square error of the mean", _unit(layout)),
        "skill_error": (0.5 * _quotient(weighted_error(skill_terms), skill), "", _unit(layout)),
        "ratio": (ratio, "spread over error of the mean", "1"),
        "ratio_error": (0.5 * ratio * weighted_error(influence), "", "1"),
    }
    arrays = {k: (xr.DataArray(v, dims=("time", "variable")), *words) for k, (v, *words) in values.items()}
    return _result(None, layout, **arrays).assign_coords(coords)  # pyright: ignore[reportArgumentType]


# -- members, shares, results ----------------------------------------------------------------


def _members(dataset: xr.Dataset) -> tuple[xr.Dataset, np.ndarray]:
    """The members, and their shares (sample,), positive, of sum 1. Reads `weight` and `satisfied` only."""
    dataset_layout(dataset)  # says what is missing
    if "sample" not in dataset["state"].dims:
        dataset = dataset.assign(state=dataset["state"].expand_dims("sample"))
    dims = tuple(map(str, dataset["state"].dims))
    if set(dims) != {"sample", "time", "variable"}:
        raise ValueError(
            f"`state` must have the dimensions (sample, time, variable); got ({', '.join(dims)}). "
            "Select one of the rest with `dataset.isel`."
        )
    kept, shares = _kept(_weights(dataset, ("sample",)))
    return dataset.isel(sample=kept), shares


def _weights(dataset: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray:
    """`weight` of the members, 0 for other samples; dims are those that it may have, `sample` the last."""
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


def _kept(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the members, and their shares."""
    kept = np.flatnonzero(weights > 0)
    if kept.size == 0:
        raise ValueError(
            "the dataset must have a member: a sample of positive weight that is satisfied; it has none of "
            f"{len(weights)}. Draw more samples, or take a milder event."
        )
    return kept, weights[kept] / weights[kept].sum()


def _state(members: xr.Dataset) -> xr.DataArray:
    """State (sample, time, variable), checked to be finite: at once, or when computed where dask holds it."""
    if members["state"].chunks is None:
        layout = dataset_layout(members)
        return to_dataset(to_array(members, layout), layout)["state"].astype(np.float64).drop_vars("sample")
    state = members["state"].transpose("sample", "time", "variable").reset_coords(drop=True)
    return xr.apply_ufunc(
        _finite, state.drop_vars("sample", errors="ignore"), dask="parallelized", output_dtypes=[np.float64]
    )


def _finite(block: np.ndarray) -> np.ndarray:
    bad = int(np.sum(~np.isfinite(block)))
    if bad:
        raise ValueError(
            f"every value must be finite; {bad} are NaN or infinite. Drop those samples "
            "(`dataset.dropna('sample')`) or interpolate."
        )
    return block.astype(np.float64)


def _joined(state: xr.DataArray) -> xr.DataArray:
    """One chunk along `sample`."""
    return state.chunk(sample=-1) if state.chunks else state


def _only(dataset: xr.Dataset, *names: str) -> xr.Dataset:
    layout = dataset_layout(dataset)
    return dataset.isel(variable=[layout.index(name) for name in names])


def _average(values: xr.DataArray, shares: np.ndarray) -> tuple[xr.DataArray, xr.DataArray]:
    """Σp f and its standard error, lazily and in the chunks that there are."""
    values, p = values.astype(np.float64), xr.DataArray(shares, dims="sample")
    average = (p * values).sum("sample")
    square = float(np.sum(shares**2))
    scale = 1.0 / (1.0 - square) if square < 1.0 else np.nan
    return average, ((p**2 * (values - average) ** 2).sum("sample") * scale) ** 0.5


def _unit(layout: Layout) -> str:
    """The variables' unit where they share one."""
    units = {layout.variable_units.get(name, "") for name in layout.variables}
    return "see variable_units" if len(units) > 1 else units.pop()


def _closed(unit: str) -> str:
    return unit if unit.isalpha() else f"({unit})"


def _result(shares: np.ndarray | None, layout: Layout, **named: tuple[xr.DataArray, str, str]) -> xr.Dataset:
    """Name → (array, what it is, unit); an empty text is that of a standard error."""
    arrays = {}
    for name, (array, words, unit) in named.items():
        words = words or f"standard error of the {named[name.removesuffix('_error')][1]}"
        arrays[name] = array.drop_attrs(deep=False).assign_attrs(long_name=words, units=unit).rename(name)
    units = json.dumps({name: layout.variable_units.get(name, "") for name in layout.variables})
    sizes = {} if shares is None else {"num_members": len(shares), "ess": effective_sample_size(shares)}
    return xr.Dataset(arrays, attrs={"variable_units": units} | sizes)


def _quotient(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient, NaN over 0."""
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _even_step(layout: Layout) -> float:
    gaps = np.diff(layout.times)
    if gaps.size == 0 or np.ptp(gaps) > 1e-4 * layout.step:
        raise ValueError("the dataset's times must be evenly spaced, two or more; interpolate it first.")
    return layout.step


def _edges(values: np.ndarray, bins: int | Sequence[float]) -> np.ndarray:
    """Edges from a number of cells or from edges."""
    if isinstance(bins, int | np.integer) and bins >= 1:
        return np.histogram_bin_edges(values, bins)
    edges = np.asarray(bins, np.float64)
    if edges.ndim != 1 or edges.size < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError(f"`bins` must be whole numbers, at least 1, or increasing edges; got {bins!r}.")
    return edges


def _truth(truth: xr.Dataset, layout: Layout) -> np.ndarray:
    """One trajectory (time, variable) at the forecast's times."""
    states = to_array(truth, layout)
    if len(states) != 1:
        raise ValueError(f"`truth` must be one trajectory; got {len(states)} samples. Select one of them.")
    return states[0].astype(np.float64)


def _case_layout(forecasts: xr.Dataset, least: int = 1) -> tuple[Layout, dict[str, Any]]:
    """Layout of the forecasts, and the coordinates `time` and `variable`; checks the dimensions."""
    layout, dims = dataset_layout(forecasts), set(map(str, forecasts["state"].dims))
    if dims != {"case", "sample", "time", "variable"} or forecasts.sizes["case"] < least:
        raise ValueError(
            f"`forecasts` must be `state(case, sample, time, variable)` with at least {least} cases. "
            "Join forecasts with `xr.concat(…, 'case')`."
        )
    return layout, {"time": forecasts["time"].variable, "variable": list(layout.variables)}


def _cases(forecasts: xr.Dataset, truth: xr.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Members (sample, time, variable), shares and truth (time, variable) of one case after the other."""
    same = "case" in truth.dims and truth.sizes["case"] == forecasts.sizes["case"]
    if not same or not np.array_equal(truth["case"].values, forecasts["case"].values):
        raise ValueError("`truth` must have the cases of the forecasts, in their order. Select or sort them.")
    if truth.sizes.get("sample", 1) != 1:
        raise ValueError(f"`truth` must be one trajectory a case; got {truth.sizes['sample']} samples.")
    single = truth.isel(sample=0, drop=True) if "sample" in truth.dims else truth
    layout = dataset_layout(forecasts)
    came = to_array(single.rename(case="sample"), layout)  # to be checked together
    states = forecasts["state"].transpose("case", "sample", "time", "variable").data
    for i, weights in enumerate(_weights(forecasts, ("case", "sample"))):
        kept, shares = _kept(weights)
        yield _finite(np.asarray(states[i][kept])), shares, came[i].astype(np.float64)


def _crps(state: xr.DataArray, shares: np.ndarray, truth: np.ndarray) -> tuple[xr.DataArray, ...]:
    came = xr.DataArray(truth, dims=("time", "variable"))
    if state.chunks:
        came = came.chunk(time=state.chunksizes["time"], variable=state.chunksizes["variable"])
    return xr.apply_ufunc(
        lambda x, y: tuple(weighted_crps(np.moveaxis(x, -1, 0), shares, y)),
        state,
        came,
        input_core_dims=[["sample"], []],
        output_core_dims=[[], [], []],
        dask="parallelized",
        output_dtypes=[np.float64] * 3,
    )
