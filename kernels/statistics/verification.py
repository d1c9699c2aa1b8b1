"""Verification of forecasts: scores, ranks, spread and skill, each with its error.

Forecasts are verified on cases: forecasts `state(case, sample, time, variable)`, `weight` and `satisfied` with or
without `case`, and truths `state(case, time, variable)` at the same times. A forecast is the law of its members,
see `kernels.statistics.ensembles`. A Dataset backed by dask stays lazy in `crps` of one case, which joins the chunks along
`sample`; cases are loaded one at a time.
"""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from kernels.statistics.draws import Draws
from kernels.statistics.ensembles import (
    finite,
    joined,
    members_of,
    result_of,
    shares_of,
    state_of,
    unit_of,
    weights_of,
)
from kernels.statistics.weighted import (
    weighted_crps,
    weighted_error,
    weighted_mean,
    weighted_place,
    weighted_variance,
)
from kernels.trajectories.datasets import dataset_layout, to_array
from kernels.trajectories.layout import Layout

__all__ = ["crps", "rank_histogram", "spread_skill"]


def crps(forecast: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
    """Continuous ranked probability score of a forecast; smaller is better.

    The score has the units of the variable.

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
        draws = None
    else:
        members, draws = members_of(forecast)
        layout = dataset_layout(members)
        arrays = _crps(joined(state_of(members)), draws, _truth(truth, layout))
    texts = ("ranked probability score", "ranked probability score, fair", "")
    unit = unit_of(layout)
    return result_of(
        draws, layout, **{k: (a, words, unit) for k, a, words in zip(names, arrays, texts, strict=True)}
    )


def rank_histogram(key: PRNGKeyArray, forecasts: xr.Dataset, truth: xr.Dataset, bins: int = 10) -> xr.Dataset:
    """Rank histogram: how often the truth falls into each part of the forecast.

    It is 1/bins everywhere where the truth is a fair draw from the forecast.

    The truth's place in a forecast is its rank among the n members, ties broken at random, spread evenly
    over [rank/(n + 1), (rank + 1)/(n + 1)]; with weights the shares below it take the place of the rank
    (see `kernels.statistics.weighted.weighted_place`).

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
    return result_of(
        None,
        layout,
        frequency=(xr.DataArray(share, dims=dims), "share of the cases", "1"),
        frequency_error=(xr.DataArray(error, dims=dims), "", "1"),
        pooled=(xr.DataArray(weighted_mean(pooled), dims=dims[::2]), "share of the cases and times", "1"),
        pooled_error=(xr.DataArray(weighted_error(pooled), dims=dims[::2]), "", "1"),
    ).assign_coords(coords)


def spread_skill(forecasts: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
    """Spread of forecasts and error of their mean; equal if the truth is a fair draw.

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
        "spread": (spread, "spread", unit_of(layout)),
        "spread_error": (0.5 * _quotient(weighted_error(spread_terms), spread), "", unit_of(layout)),
        "skill": (skill, "root mean square error of the mean", unit_of(layout)),
        "skill_error": (0.5 * _quotient(weighted_error(skill_terms), skill), "", unit_of(layout)),
        "ratio": (ratio, "spread over error of the mean", "1"),
        "ratio_error": (0.5 * ratio * weighted_error(influence), "", "1"),
    }
    arrays = {k: (xr.DataArray(v, dims=("time", "variable")), *words) for k, (v, *words) in values.items()}
    return result_of(None, layout, **arrays).assign_coords(coords)  # pyright: ignore[reportArgumentType]


def _truth(truth: xr.Dataset, layout: Layout) -> np.ndarray:
    """Truth (time, variable) at the forecast's times."""
    states = to_array(truth, layout)
    if len(states) != 1:
        raise ValueError(f"`truth` must be one trajectory; got {len(states)} samples. Select one of them.")
    return states[0].astype(np.float64)


def _case_layout(forecasts: xr.Dataset, least: int = 1) -> tuple[Layout, dict[str, Any]]:
    """Layout of the forecasts and coordinates `time`, `variable`; checks the dimensions."""
    layout, dims = dataset_layout(forecasts), set(map(str, forecasts["state"].dims))
    if dims != {"case", "sample", "time", "variable"} or forecasts.sizes["case"] < least:
        raise ValueError(
            f"`forecasts` must be `state(case, sample, time, variable)` with at least {least} cases. "
            "Join forecasts with `xr.concat(…, 'case')`."
        )
    return layout, {"time": forecasts["time"].variable, "variable": list(layout.variables)}


def _cases(forecasts: xr.Dataset, truth: xr.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Members (sample, time, variable), shares and truth (time, variable), case by case."""
    same = "case" in truth.dims and truth.sizes["case"] == forecasts.sizes["case"]
    if not same or not np.array_equal(truth["case"].values, forecasts["case"].values):
        raise ValueError("`truth` must have the cases of the forecasts, in their order. Select or sort them.")
    if truth.sizes.get("sample", 1) != 1:
        raise ValueError(f"`truth` must be one trajectory a case; got {truth.sizes['sample']} samples.")
    single = truth.isel(sample=0, drop=True) if "sample" in truth.dims else truth
    layout = dataset_layout(forecasts)
    came = to_array(single.rename(case="sample"), layout)  # to be checked together
    states = forecasts["state"].transpose("case", "sample", "time", "variable").data
    for i, weights in enumerate(weights_of(forecasts, ("case", "sample"))):
        kept, shares = shares_of(weights)
        yield finite(np.asarray(states[i][kept])), shares, came[i].astype(np.float64)


def _crps(state: xr.DataArray, draws: Draws, truth: np.ndarray) -> tuple[xr.DataArray, ...]:
    came = xr.DataArray(truth, dims=("time", "variable"))
    if state.chunks:
        came = came.chunk(time=state.chunksizes["time"], variable=state.chunksizes["variable"])
    return xr.apply_ufunc(
        lambda x, y: tuple(weighted_crps(np.moveaxis(x, -1, 0), draws, y)),
        state,
        came,
        input_core_dims=[["sample"], []],
        output_core_dims=[[], [], []],
        dask="parallelized",
        output_dtypes=[np.float64] * 3,
    )


def _quotient(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient, NaN over 0."""
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
