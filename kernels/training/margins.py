"""Fit of a record's margins: empirical bulk, Pareto tails, shares at bounds, and the gauge's resolution."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from kernels.statistics.pareto import ParetoTail, fit_tail
from kernels.training.bounds import Bounds, differences, require_bounds
from kernels.trajectories.margins import FARTHEST, UNBOUNDED, Margins

__all__ = ["MARGINS", "FittedMargins", "fit_margins"]

MARGINS = ("pareto", "none")  # what `margins=` takes
NUM_KNOTS = 257
TAIL = 0.03  # share of the values beyond each threshold
LEAST_DISTINCT = 10  # values beside a bound, from which on it may have an occurrence
STANDS_OUT = (
    2.0  # ratio of a bound's share to that of the value next to it, from which on it has an occurrence
)
UNKNOWN = 0.2  # error of the shape of a tail that values are too few to tell
TIED = 0.5  # share of values that equal another, from which on the gauge's resolution is part of the law


class FittedMargins(NamedTuple):
    """Margins with what is known about them.

    Attributes:
        margins: the map.
        facts: variable → thresholds, shapes and their errors, shares, bounds; JSON-able, for the card.
        ties: for each variable its distinct values, how often each occurs, and the edges between them.
    """

    margins: Margins
    facts: dict[str, dict[str, Any]]
    ties: list[tuple[np.ndarray, np.ndarray, np.ndarray]]

    def intervals(
        self, rows: Float[np.ndarray, "row variable"]
    ) -> tuple[Float[np.ndarray, "row score"], Float[np.ndarray, "row score"]]:
        """Scores between which each value's share lies; equal where it has none, the whole line where it is missing."""
        law = self.margins._replace(partners=None)  # of differences, which are exact here
        rows = _own(rows, self.margins)
        low, high = (np.array(a, np.float64) for a in law.intervals(jnp.asarray(rows, jnp.float32)))
        for variable, (distinct, counts, edges) in enumerate(self.ties):
            if self.margins.resolution[variable] > 0:
                continue
            place = np.clip(np.searchsorted(distinct, rows[:, variable]), 0, len(distinct) - 1)
            tied = (
                (distinct[place] == rows[:, variable])
                & (counts[place] > 1)
                & (low[:, variable] == high[:, variable])
            )
            ends = np.stack([edges[place], edges[place + 1]])
            column = np.zeros((2, len(rows), rows.shape[1]), np.float32)
            column[:, :, variable] = ends
            between = np.asarray(law.intervals(jnp.asarray(column))[0], np.float64)[:, :, variable]
            low[tied, variable], high[tied, variable] = between[0][tied], between[1][tied]
        missing = ~np.isfinite(rows[:, self.margins.owners])
        return np.where(missing, -FARTHEST, low), np.where(missing, FARTHEST, high)


def fit_margins(
    rows: Float[np.ndarray, "row variable"],
    names: Sequence[str],
    bounds: Bounds | None = None,
    partners: Mapping[str, str] | None = None,
) -> FittedMargins:
    """Fit the one-time law of each variable.

    Args:
        rows: what a model is trained on, physical units; NaN where nothing was measured.
        names: of the variables.
        bounds: variable → its lowest and highest possible value, None for an open end. A smallest or largest value
            that a share of 3 % or more equals is a bound as well.
        partners: variable → the one that it is never below, and from which its difference is modelled.

    Raises:
        ValueError: a variable that is constant or was never measured, or values beyond their bound or below a partner.
    """
    partners = partners or {}
    bounds = require_bounds(bounds, names) | dict.fromkeys(partners, (0.0, None))
    levels = differences(partners, names)
    own = _differences(rows, levels)
    _require_order(own, names, partners)
    columns = [_Column.of(name, own[:, i], bounds.get(name, (None, None))) for i, name in enumerate(names)]
    fitted = [column.fit() for column in columns]
    channels = np.repeat(np.arange(len(names))[:, None], 2, axis=1)
    separate = np.array([column.separate for column in columns])
    channels[separate] = len(names) + np.arange(separate.sum())
    laws = [law._replace(channels=channels[i])[:-1] for i, (law, _) in enumerate(fitted)]  # without partners
    arrays = (jnp.asarray(np.stack(arrays), jnp.float32) for arrays in zip(*laws, strict=True))
    margins = Margins(*arrays)._replace(spread=jnp.asarray(np.nanstd(rows, axis=0), jnp.float32))
    facts = {column.name: column.facts(pair) for column, (_, pair) in zip(columns, fitted, strict=True)}
    facts |= {name: {"difference": {"from": lower} | facts[name]} for name, lower in partners.items()}
    if levels is not None:
        margins = margins._replace(partners=jnp.asarray(levels))
    return FittedMargins(margins, facts, [column.ties() for column in columns])


def _own(rows: Float[np.ndarray, "row variable"], margins: Margins) -> Float[np.ndarray, "row variable"]:
    """Rows in which variables with a partner are their differences, see `_differences`."""
    return _differences(rows, None if margins.partners is None else np.asarray(margins.partners))


def _differences(rows: np.ndarray, levels: np.ndarray | None) -> np.ndarray:
    """Rows in which variables with a partner are their differences from it, on the gauge's grid where both are."""
    rows = np.asarray(rows, np.float64)
    if levels is None:
        return rows
    own = rows.copy()
    for variable, partner in enumerate(levels.max(axis=0).astype(int)):
        if partner >= 0:
            steps = [
                _resolution(np.sort(column[np.isfinite(column)])) for column in rows[:, [variable, partner]].T
            ]
            apart = rows[:, variable] - rows[:, partner]
            finest = min(steps)
            own[:, variable] = np.round(apart / finest) * finest if finest > 0 else apart
    return own


def _require_order(own: np.ndarray, names: Sequence[str], partners: Mapping[str, str]) -> None:
    for upper, lower in partners.items():
        count = int(np.sum(own[:, names.index(upper)] < 0))
        if count:
            raise ValueError(
                f"`difference` {upper}-{lower} must not be negative; in {count} rows {upper} is below {lower}. "
                "Declare those missing, or leave the difference out."
            )


class _Column(NamedTuple):
    """Values of one variable: sorted, with what was found about them.

    Attributes:
        name: of the variable.
        series: (row,), in the order of time; NaN where nothing was measured.
        values: (value,), sorted.
        resolution: step of the gauge, or 0.
        bounds: lower and upper, ∓∞ where there is none.
        shares: of the values at each bound; 0 where none is there.
        separate: whether each bound has an occurrence; one of them at most.
    """

    name: str
    series: np.ndarray
    values: np.ndarray
    resolution: float
    bounds: tuple[float, float]
    shares: tuple[float, float]
    separate: tuple[bool, bool]

    @classmethod
    def of(cls, name: str, column: np.ndarray, wanted: tuple[float | None, float | None]) -> "_Column":
        values = np.sort(np.asarray(column, np.float64)[np.isfinite(column)])
        if values.size == 0 or values[0] == values[-1]:
            raise ValueError("every variable must be finite and vary in time; drop the constant ones first.")
        low, high = (-np.inf if wanted[0] is None else wanted[0], np.inf if wanted[1] is None else wanted[1])
        _require_within(name, values, low, high)
        at = (float(np.mean(values == values[0])), float(np.mean(values == values[-1])))
        ends = (
            values[0] if low == -np.inf and at[0] >= TAIL else low,
            values[-1] if high == np.inf and at[1] >= TAIL else high,
        )
        shares = (at[0] if values[0] == ends[0] else 0.0, at[1] if values[-1] == ends[1] else 0.0)
        series = np.asarray(column, np.float64)
        bounds = (float(ends[0]), float(ends[1]))
        return cls(name, series, values, _resolution(values), bounds, shares, _separate(values, shares))

    @property
    def inner(self) -> np.ndarray:
        """Values without those that an occurrence decides on."""
        low, high = (
            bound if alone else end
            for bound, alone, end in zip(self.bounds, self.separate, (-np.inf, np.inf), strict=True)
        )
        return self.values[(self.values > low) & (self.values < high)]

    def fit(self) -> tuple[Margins, tuple[ParetoTail | None, ParetoTail | None]]:
        """Margins of one variable, as arrays without the axis of variables and without channels, and its tails."""
        lower, upper = self._tail(-1), self._tail(1)
        left = 1.0 - sum(share for share, alone in zip(self.shares, self.separate, strict=True) if alone)
        own = [
            0.0 if alone else share / left for share, alone in zip(self.shares, self.separate, strict=True)
        ]
        edges, below = self._distribution(own)
        first = ndtri(own[0]) if own[0] else -_threshold_score(lower)
        last = -ndtri(own[1]) if own[1] else _threshold_score(upper)
        last = max(last, first + 1e-3)
        knots = np.interp(ndtr(np.linspace(first, last, NUM_KNOTS)), below, edges)
        if lower is not None:
            knots[0] = -lower.threshold
        if upper is not None:
            knots[-1] = upper.threshold
        spread = float(self.values.std())
        knots = _increasing(knots, 1e-6 * spread)
        scales = [spread if tail is None else tail.scale for tail in (lower, upper)]
        shapes = [0.0 if tail is None else tail.shape for tail in (lower, upper)]
        ends = [np.clip(end, -UNBOUNDED, UNBOUNDED) for end in self.bounds]
        levels = [first if own[0] else -FARTHEST, last if own[1] else FARTHEST]
        atoms = [
            sign * ndtri(share) if alone else level
            for sign, share, alone, level in zip((1, -1), self.shares, self.separate, levels, strict=True)
        ]
        arrays = (first, last, knots, scales, shapes, ends, atoms, (0, 0), self.resolution, spread)
        return Margins(*(np.asarray(a) for a in arrays)), (lower, upper)  # pyright: ignore[reportArgumentType]

    def _distribution(self, own: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Inner values at the edges between distinct ones, increasing, and the share below each.

        What is at a bound is left of the first edge, or right of the last.
        """
        values = self.inner
        distinct, counts = np.unique(values, return_counts=True)
        total = np.cumsum(counts) / values.size
        edges, below = 0.5 * (distinct[1:] + distinct[:-1]), total[:-1]
        half = 0.5 * self.resolution
        if not own[0]:
            start = distinct[0] - (half or 0.5 * (distinct[1] - distinct[0]))
            edges, below = np.append(max(start, self.bounds[0] + half), edges), np.append(0.0, below)
        elif half == 0:  # values of the bulk begin next to the bound
            edges = np.append(self.bounds[0], edges[1:])
        if not own[1]:
            end = distinct[-1] + (half or 0.5 * (distinct[-1] - distinct[-2]))
            edges, below = np.append(edges, min(end, self.bounds[1] - half)), np.append(below, 1.0)
        elif half == 0:
            edges = np.append(edges[:-1], self.bounds[1])
        return edges, below

    def ties(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distinct values, how often each occurs, and the edges around them."""
        distinct, counts = np.unique(self.values, return_counts=True)
        middles = 0.5 * (distinct[1:] + distinct[:-1])
        return distinct, counts, np.concatenate([distinct[:1], middles, distinct[-1:]])

    def _tail(self, side: int) -> ParetoTail | None:
        """Pareto tail of the largest values (side 1) or of the smallest, turned over (side −1)."""
        end = (side + 1) // 2
        if self.shares[end]:  # nothing lies beyond, and what is next to the bound is many values
            return None
        bound = side * self.bounds[end]
        inner = np.where(np.isin(self.series, self.inner), self.series, np.nan)
        with contextlib.suppress(ValueError):  # too few values, or too few distinct ones
            return fit_tail(side * inner, share=TAIL, bound=bound if np.isfinite(bound) else None)
        return _exponential(np.sort(side * self.inner), 0.5 * self.resolution, bound)

    def facts(self, tails: tuple[ParetoTail | None, ParetoTail | None]) -> dict[str, Any]:
        """Facts for the card."""
        facts: dict[str, Any] = {}
        if self.resolution:
            facts["resolution"] = self.resolution
        for i, (word, side) in enumerate((("lower", -1.0), ("upper", 1.0))):
            tail = tails[i]
            if np.isfinite(self.bounds[i]):
                facts[f"{word}_bound"] = self.bounds[i]
            if self.shares[i]:
                facts[f"share_at_{word}_bound"] = round(self.shares[i], 6)
            if tail is not None:
                facts[word] = {
                    "threshold": side * tail.threshold,
                    "share": tail.share,
                    "scale": tail.scale,
                    "shape": tail.shape,
                    "shape_error": tail.shape_error,
                    "covariance": [[float(number) for number in row] for row in tail.covariance],
                    "num_exceedances": tail.num_exceedances,
                    "end_point": side * tail.end_point if np.isfinite(tail.end_point) else None,
                }
        return facts


def _exponential(values: np.ndarray, half: float, bound: float) -> ParetoTail:
    """Tail of few or coarse values: exponential from the first edge on that a small share exceeds.

    With a hard bound it is the Pareto tail of the same scale that ends there.
    """
    distinct = np.unique(values)
    edges = distinct[:-1] + (half or 0.5 * np.diff(distinct))
    edges = edges if edges.size else distinct - half
    shares = np.array([np.mean(values > edge) for edge in edges])
    place = int(np.argmin(np.abs(np.log(np.maximum(shares, 1e-9) / TAIL))))
    threshold, beyond = float(edges[place]), values[values > edges[place]]
    excess = float(np.mean(beyond - threshold)) if beyond.size else float(values.std())
    scale = max(excess, half, 1e-6 * max(float(values.std()), 1e-12))
    shape = -scale / (bound - threshold) if np.isfinite(bound) else 0.0
    share = float(np.clip(shares[place], 1e-4, 0.5))
    covariance = np.diag([1.0 / max(beyond.size, 1), UNKNOWN**2])
    return ParetoTail(threshold, scale, shape, share, int(beyond.size), UNKNOWN, covariance)


def _separate(values: np.ndarray, shares: tuple[float, float]) -> tuple[bool, bool]:
    """Whether each bound has an occurrence: the one with the larger share, if that stands out."""
    distinct, counts = np.unique(values, return_counts=True)
    if max(shares) < TAIL or len(distinct) < LEAST_DISTINCT + 2:
        return False, False
    end = int(shares[1] > shares[0])
    at, beside = (counts[-1], counts[-2]) if end else (counts[0], counts[1])
    alone = bool(at >= STANDS_OUT * beside)
    return alone and end == 0, alone and end == 1


def _require_within(name: str, values: np.ndarray, low: float, high: float) -> None:
    beyond = values[(values < low) | (values > high)]
    if beyond.size:
        ends = f"from {low:g} to {high:g}".replace("from -inf", "").replace("to inf", "or more").strip()
        raise ValueError(
            f"{beyond.size} values of {name} lie beyond its bounds ({ends}), for example {beyond[0]:g}. Declare such "
            "values missing (`missing`, --missing), or change the bound (`bounds`, --bounds; `positive`, --positive)."
        )


def _threshold_score(tail: ParetoTail | None) -> float:
    """Score beyond which a tail begins; without one the bulk goes as far as scores do."""
    return 5.0 if tail is None else float(-ndtri(tail.share))


def _increasing(knots: np.ndarray, least: float) -> np.ndarray:
    """Knots made increasing by steps of at least a small number, the ends in place."""
    low, high = knots[0], knots[-1]
    ramp = np.arange(len(knots)) * min(least, (high - low) / (2 * len(knots)))
    rising = np.maximum.accumulate(np.clip(knots, low, high) - ramp) + ramp
    return np.clip(rising, low + ramp, high - ramp[::-1])


def _resolution(values: np.ndarray) -> float:
    """Step of a gauge: all values are multiples of it, and most equal another one; else 0."""
    distinct, counts = np.unique(values, return_counts=True)
    if counts[counts > 1].sum() < TIED * values.size:
        return 0.0
    step = float(np.min(np.diff(distinct)))
    rounded = float(f"{step:.6g}")
    multiples = distinct / rounded
    near = np.abs(multiples - np.round(multiples)) < 1e-3 + 1e-6 * np.abs(multiples)
    return rounded if bool(np.all(near)) else 0.0
