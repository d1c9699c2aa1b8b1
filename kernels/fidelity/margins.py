"""Margins of a model of a record against the record: histograms, and return levels with the band of the tail.

The return period of a level x is T = Δt / P(X > x), with the step Δt: how long it takes on average until a value
exceeds x, where each step counts. The band is that of the tail's scale σ and shape ξ, by the delta method on the
logarithm of the excess y over the threshold,

    d log y / d log σ = 1,    d log y / dξ = (1 + e^ξd (ξd − 1)) / (ξ (e^ξd − 1)),    d = log(share / P).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr, ndtr

from kernels.models import Model
from kernels.trajectories.margins import FARTHEST, Margins

__all__ = ["MarginPage", "ReturnLevels", "margin_pages"]

NUM_BINS, NUM_LEVELS, NUM_SCORES = 40, 200, 8001
BEYOND = 10.0  # lengths of the record, as far as return levels go
NORMAL_975 = 1.959964
SHOWN = 0.002  # share of the values at either end that the histogram leaves out
SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
YEAR = 365.2425 * SECONDS["d"]


class ReturnLevels(NamedTuple):
    """Levels that are exceeded once in a period, or fallen below.

    Attributes:
        upper: whether they are exceeded.
        periods: (level,) in `unit` of the page.
        levels: (level,) of the fitted law, units of the variable.
        band: (2, level) lower and upper end of the tail's 95 % interval; NaN in the bulk.
        seen: (2, value) periods and values of the record.
        tail: facts of the card: threshold, share, scale, shape, shape_error, end_point.
    """

    upper: bool
    periods: Float[np.ndarray, " level"]
    levels: Float[np.ndarray, " level"]
    band: Float[np.ndarray, "2 level"]
    seen: Float[np.ndarray, "2 value"]
    tail: Mapping[str, Any]


class MarginPage(NamedTuple):
    """Margin of one variable beside the record.

    Attributes:
        name: of the variable, or "tmax − tmin" of a difference.
        edges: (bin + 1,) of the histogram, units of the variable.
        record: (bin,) density of the record's values, without those at a bound with a share.
        law: (bin,) of the fitted law.
        atoms: bound → its share in the record and in the law.
        length: of the record, in `unit`.
        unit: of return periods.
        returns: upper tail, then the lower one, as far as there are any.
    """

    name: str
    edges: Float[np.ndarray, " edge"]
    record: Float[np.ndarray, " bin"]
    law: Float[np.ndarray, " bin"]
    atoms: dict[float, tuple[float, float]]
    length: float
    unit: str
    returns: tuple[ReturnLevels, ...]


def margin_pages(model: Model) -> list[MarginPage]:
    """Page on each margin of a model of a record; none where it has no margins or does not hold its training data."""
    margins, facts = model.standardizer.margins, model.card.get("margins")
    if margins is None or model.training_data is None or not isinstance(facts, Mapping):
        return []
    rows = np.asarray(margins.differences(jnp.asarray(model.training_data.series)), np.float64)
    step = float(model.layout.times[1] - model.layout.times[0])
    unit, length = _unit(model.layout.time_units, step * len(rows))
    return [
        _page(name, rows[:, i], margins, i, facts.get(name) or {}, unit, length / len(rows))
        for i, name in enumerate(model.layout.variables)
    ]


def _unit(unit: str, length: float) -> tuple[str, float]:
    """Unit of return periods, years or days where the record is long enough, and the record's length in it."""
    seconds = length * SECONDS.get(unit, np.nan)
    for word, each in (("years", YEAR), ("days", SECONDS["d"])):
        if seconds >= 2.0 * each:
            return word, seconds / each
    return unit, length


def _page(
    name: str,
    column: Float[np.ndarray, " row"],
    margins: Margins,
    index: int,
    facts: Mapping[str, Any],
    unit: str,
    step: float,
) -> MarginPage:
    if "difference" in facts:
        name, facts = f"{name} − {facts['difference']['from']}", facts["difference"]
    values = np.sort(column[np.isfinite(column)])
    z = np.linspace(-8.0, 8.0, NUM_SCORES)
    law, left = _law(margins, index, z)
    atoms = {}
    for word in ("lower", "upper"):
        bound = facts.get(f"{word}_bound")
        if bound is not None and facts.get(f"share_at_{word}_bound"):
            atoms[float(bound)] = float(np.mean(np.isclose(values, bound, 1e-6, 1e-9)))
    at = np.isin(np.round(values, 9), np.round(list(atoms), 9))
    edges = _edges(values[~at], float(margins.resolution[index]))
    record = np.histogram(values[~at], edges)[0] / values.size / np.diff(edges)
    weights = left * np.diff(ndtr(z))
    middles = 0.5 * (law[1:] + law[:-1])
    inner = ~np.isin(np.round(middles, 6), np.round(list(atoms), 6))
    fitted = np.histogram(middles[inner], edges, weights=weights[inner])[0] / np.diff(edges)
    shares = {bound: (share, _atom(margins, index, bound)) for bound, share in atoms.items()}
    returns = (
        _returns(values, facts[word], law, z, left, step, upper=word == "upper")
        for word in ("upper", "lower")
        if word in facts
    )
    return MarginPage(name, edges, record, fitted, shares, step * column.size, unit, tuple(returns))


def _law(margins: Margins, index: int, z: Float[np.ndarray, " score"]) -> tuple[np.ndarray, float]:
    """Values of one variable at its own scores, and the share of the law that these stand for."""
    channels, atoms = np.asarray(margins.channels).astype(int)[index], np.asarray(margins.atoms)[index]
    scores, left = np.zeros((len(z), margins.num_scores)), 1.0
    scores[:, index] = z
    for end, sign in ((0, 1.0), (1, -1.0)):
        if channels[end] != index:  # an occurrence, which says that it is not at the bound
            scores[:, channels[end]] = sign * FARTHEST
            left -= float(ndtr(sign * atoms[end]))
    smooth = margins._replace(partners=None, resolution=jnp.zeros_like(margins.resolution))
    return np.asarray(smooth.values(jnp.asarray(scores, jnp.float32)), np.float64)[:, index], left


def _atom(margins: Margins, index: int, bound: float) -> float:
    """Share of the law at a bound."""
    end = int(np.argmin(np.abs(np.asarray(margins.bounds)[index] - bound)))
    return float(ndtr((1.0 if end == 0 else -1.0) * np.asarray(margins.atoms)[index, end]))


def _edges(values: Float[np.ndarray, " value"], resolution: float) -> Float[np.ndarray, " edge"]:
    """Edges of a histogram: whole steps of the gauge wide, halfway between its multiples."""
    low, high = np.quantile(values, [0.0 if len(np.unique(values)) < NUM_BINS else SHOWN, 1.0 - SHOWN])
    width = max((high - low) / NUM_BINS, 1e-12)
    if resolution > 0:
        width = resolution * max(1, round(width / resolution))
        low = (np.round(low / resolution) - 0.5) * resolution
    return low + width * np.arange(int(np.ceil((high - low) / width)) + 1 + (resolution > 0))


def _returns(
    values: Float[np.ndarray, " value"],
    tail: Mapping[str, Any],
    law: Float[np.ndarray, " score"],
    z: Float[np.ndarray, " score"],
    left: float,
    step: float,
    *,
    upper: bool,
) -> ReturnLevels:
    sign, length = (1.0 if upper else -1.0), step * values.size
    periods = np.geomspace(2.0 * step / left, BEYOND * length, NUM_LEVELS)
    log_share = np.log(step / periods) - np.log(left)  # of the values that are not at a bound
    order = np.argsort(log_ndtr(-sign * z))
    levels = np.interp(log_share, log_ndtr(-sign * z)[order], law[order])
    depth, beyond = np.log(tail["share"]) - log_share, log_share < np.log(tail["share"])
    excess, error = _excess(np.where(beyond, depth, 1.0), tail)
    edges = np.stack([excess * np.exp(-NORMAL_975 * error), excess * np.exp(NORMAL_975 * error)])
    band = np.where(beyond, tail["threshold"] + sign * (edges if upper else edges[::-1]), np.nan)
    largest = (values[::-1] if upper else values)[: values.size // 2]
    places = step * (values.size + 1) / np.arange(1, largest.size + 1)
    return ReturnLevels(upper, periods, levels, band, np.stack([places, largest]), tail)


def _excess(depth: Float[np.ndarray, " level"], tail: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Excess over the threshold at some depths, and the standard error of its logarithm."""
    shape = tail["shape"] if abs(tail["shape"]) > 1e-6 else 1e-6
    growth = np.expm1(shape * depth)
    excess = tail["scale"] * growth / shape
    slope = (1.0 + np.exp(shape * depth) * (shape * depth - 1.0)) / (shape * growth)
    (a, b), (_, c) = (
        tail["covariance"] if "covariance" in tail else ((0.0, 0.0), (0.0, tail["shape_error"] ** 2))
    )
    return excess, np.sqrt(np.maximum(a + 2.0 * b * slope + c * slope**2, 0.0))
