"""Table of means and quantiles with their errors, given the event and without it."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr

from diffuse_ui.analysis.curves import Pair
from diffuse_ui.analysis.ensembles import member_weights
from diffuse_ui.work.results import states
from kernels.statistics.draws import Weights
from kernels.statistics.weighted import weighted_error, weighted_mean, weighted_quantiles

__all__ = ["QUANTILES", "Row", "table"]

QUANTILES = (0.05, 0.5, 0.95)


@dataclasses.dataclass(frozen=True)
class Row:
    """One variable of the table: statistic → (value, standard error), for both ensembles."""

    name: str
    conditional: dict[str, tuple[float, float]] | None
    reference: dict[str, tuple[float, float]] | None


def table(pair: Pair, time: float | None, names: Sequence[str]) -> list[Row]:
    """Mean and quantiles 0.05, 0.5 and 0.95 of each variable, at one time or over all times."""
    pair = pair.only(names)
    index = None if time is None else int(np.argmin(np.abs(pair.conditional["time"].values - time)))
    inside = _numbers(pair.conditional, index, pair.draws) if pair.summarizable else None
    outside = None if pair.reference is None else _numbers(pair.reference, index)
    return [
        Row(name, None if inside is None else inside[i], None if outside is None else outside[i])
        for i, name in enumerate(names)
    ]


def _numbers(
    dataset: xr.Dataset, index: int | None, draws: Weights = None
) -> list[dict[str, tuple[float, float]]]:
    """Statistics of each variable; for their errors, a trajectory with all its times is one sample of `draws`."""
    values, weights = states(dataset), member_weights(dataset)
    if index is not None:
        values = values[:, index : index + 1]
    means = weighted_mean(values, weights).mean(axis=0)
    errors = weighted_error(values.mean(axis=1), draws)
    num_times = values.shape[1]
    flat = values.reshape(-1, values.shape[2])
    spread = None if weights is None else np.repeat(weights, num_times)
    quantiles = weighted_quantiles(flat, spread, np.array(QUANTILES))
    gaps = _quantile_errors(values, weights, draws, quantiles)
    return [
        {"mean": (float(means[i]), float(errors[i]))}
        | {f"q{q:g}": (float(quantiles[k, i]), float(gaps[k, i])) for k, q in enumerate(QUANTILES)}
        for i in range(values.shape[2])
    ]


def _quantile_errors(
    values: np.ndarray, weights: np.ndarray | None, draws: Weights, quantiles: np.ndarray
) -> np.ndarray:
    """Standard errors (level, variable): half the gap between the quantiles at level ± δ.

    δ is the standard error of the fraction of values below the quantile.
    """
    num_times = values.shape[1]
    flat = values.reshape(-1, values.shape[2])
    spread = None if weights is None else np.repeat(weights, num_times)
    errors = np.zeros(quantiles.shape)
    for k, level in enumerate(QUANTILES):
        shares = (values <= quantiles[k]).mean(axis=1)
        delta = weighted_error(shares, draws)
        for i in range(values.shape[2]):
            ends = np.clip([level - delta[i], level + delta[i]], 0.0, 1.0)
            low, high = weighted_quantiles(flat[:, i], spread, ends)
            errors[k, i] = 0.5 * float(high - low)
    return errors
