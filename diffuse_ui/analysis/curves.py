"""Curves that compare an ensemble given the event with one without it.

Pure functions of Datasets, through `kernels.statistics.summaries` and `kernels.statistics.weighted`: weights and membership
count everywhere, and every curve carries its 95 % band (Student's t; see `kernels.statistics.draws`). Where weights are worth
too few trajectories (`diffuse_ui.analysis.ensembles.is_summarizable`) there is no summary of the event's side, only
its *hits*: single trajectories that meet the event, unweighted.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr

import kernels
from diffuse_ui.analysis.ensembles import Fan, ess_of, fan, is_member, is_summarizable, member_weights
from diffuse_ui.work.results import Result, states
from kernels.events.semantics.attribution import evaluate, explain, parts
from kernels.statistics import summaries
from kernels.statistics.draws import Draws, interval_factor
from kernels.statistics.ensembles import members_of
from kernels.statistics.weighted import weighted_error, weighted_mean

__all__ = [
    "Bands",
    "Curve",
    "Pair",
    "Panel",
    "Plane",
    "bands",
    "constraint",
    "convergence",
    "hitting_times",
    "marginals",
    "plane",
    "spectra",
]

Z = 1.96  # standard errors either side of a 95 % band
NUM_BINS = (14, 40)
NUM_CELLS = 44
MAX_HITS = 400  # marks of single hits
MAX_CURVES = 30  # curves of single hits


@dataclasses.dataclass(frozen=True)
class Curve:
    """A curve with its 95 % band; all of shape (point,)."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclasses.dataclass(frozen=True)
class Panel:
    """Curves of one panel: with the event, without it, and single hits if these are few.

    Attributes:
        name: what it shows.
        conditional, reference: curves; None where there is none.
        marks: (hit,) values on the x axis, of single hits.
        hits: curves of single hits, x (point,) and y (hit, point).
    """

    name: str
    conditional: Curve | None = None
    reference: Curve | None = None
    marks: np.ndarray | None = None
    hits: tuple[np.ndarray, np.ndarray] | None = None


@dataclasses.dataclass(frozen=True)
class Plane:
    """Densities (x cell, y cell) over two variables, on common cells, with maximum 1."""

    edges: tuple[np.ndarray, np.ndarray]
    conditional: np.ndarray | None
    reference: np.ndarray | None
    hits: np.ndarray | None  # (hit, time, 2)


@dataclasses.dataclass(frozen=True)
class Bands:
    """An ensemble as a fan of quantiles, or as single hits where it is too small for a fan.

    Attributes:
        names: of the variables.
        times: (time,)
        fan: None where there are too few.
        hits: (hit, time, variable), empty where there is a fan.
    """

    names: list[str]
    times: np.ndarray
    fan: Fan | None
    hits: np.ndarray

    def extent(self, name: str) -> tuple[float, float]:
        """Smallest and largest drawn value of a variable."""
        i = self.names.index(name)
        values = self.hits[:, :, i] if self.fan is None else self.fan.quantiles[:, :, i]
        return (float(values.min()), float(values.max())) if values.size else (-1.0, 1.0)


class Pair:
    """The ensemble of a run, and the backdrop to compare it with.

    Attributes:
        conditional: its members.
        reference: the backdrop, or None.
        summarizable: whether the members and their weights are worth a summary.
    """

    def __init__(self, result: Result, backdrop: xr.Dataset | None) -> None:
        if result.dataset is None:
            raise ValueError("the run has drawn no trajectories yet; wait for the first chunk.")
        self.conditional = result.dataset.isel(sample=np.flatnonzero(is_member(result.dataset)))
        self.reference = backdrop
        self.summarizable = is_summarizable(result.dataset)

    @property
    def num_members(self) -> int:
        return int(self.conditional.sizes["sample"])

    @property
    def ess(self) -> float:
        """Number of independent trajectories that the members are worth."""
        return ess_of(self.conditional)

    def only(self, names: Sequence[str]) -> "Pair":
        """The pair restricted to some variables."""
        pair = object.__new__(Pair)
        pair.conditional = self.conditional.sel(variable=list(names))
        pair.reference = None if self.reference is None else self.reference.sel(variable=list(names))
        pair.summarizable = self.summarizable
        return pair

    @property
    def weights(self) -> np.ndarray | None:
        return member_weights(self.conditional)

    @property
    def draws(self) -> Draws:
        """Shares and replicates of the members, for the errors of their statistics."""
        return members_of(self.conditional)[1]


# -- the probability on its way --------------------------------------------------------------


def convergence(result: Result) -> list[tuple[str, Curve]]:
    """Running estimate of the probability against network calls, one curve for each estimator.

    Path importance sampling as a run's own guided paths gives no running estimate; there it is made
    from the weights of the first 2ᵏ paths.
    """
    found: list[tuple[str, list[kernels.Probability]]] = []
    for estimate in result.trace:
        if not found or found[-1][0] != estimate.method:
            found.append((estimate.method, []))
        found[-1][1].append(estimate)
    curves = [(method, _estimates(estimates)) for method, estimates in found]
    if len(result.trace) < 2 and result.ensemble == "guided" and result.spec.estimator == "path_importance":
        return [("path_importance", _running(result))]
    return curves


def _estimates(estimates: Sequence[kernels.Probability]) -> Curve:
    rows = [(e.num_calls, e.value, *e.interval) for e in estimates]
    return Curve(*np.asarray(rows, np.float64).T)


def _running(result: Result) -> Curve:
    assert result.dataset is not None  # noqa: S101 - it has an ensemble
    weights = np.asarray(result.dataset["weight"].values, np.float64)
    counts = [n for n in 2 ** np.arange(4, 24) if n < len(weights)] + [len(weights)]
    values = np.array([weights[:n].mean() for n in counts])
    errors = np.array([weights[:n].std(ddof=1) / np.sqrt(n) for n in counts])
    calls = np.asarray(counts, np.float64) * result.spec.num_steps
    return Curve(calls, values, np.maximum(values - Z * errors, 0.0), np.minimum(values + Z * errors, 1.0))


def bands(dataset: xr.Dataset) -> Bands:
    """Fan of the members, or some single members where they are too few for a fan."""
    names, times = [str(name) for name in dataset["variable"].values], np.asarray(dataset["time"].values)
    members = states(dataset)[is_member(dataset)]
    quantiles = fan(dataset)
    return Bands(names, times, quantiles, members[: MAX_CURVES if quantiles is None else 0])


# -- distributions ---------------------------------------------------------------------------


def marginals(pair: Pair, time: float, names: Sequence[str]) -> list[Panel]:
    """Density of each variable at the sampled time nearest to `time`."""
    pair = pair.only(names)
    index = int(np.argmin(np.abs(pair.conditional["time"].values - time)))
    inside = states(pair.conditional)[:, index]
    outside = None if pair.reference is None else states(pair.reference)[:, index]
    return [
        _densities(pair, name, inside[:, i], None if outside is None else outside[:, i])
        for i, name in enumerate(names)
    ]


def constraint(pair: Pair, event: str, layout: kernels.Layout) -> Panel:
    """Density of the robustness C of an event; C > 0 for all members."""
    tree = kernels.parse_event(event)
    outside = None
    if pair.reference is not None:
        outside = evaluate(tree, states(pair.reference), layout)[0]
        outside = outside[np.isfinite(outside)]
    inside = np.asarray(pair.conditional["constraint"].values)
    return _densities(pair, "C", inside, outside, at_zero=True)


def _densities(
    pair: Pair, name: str, inside: np.ndarray, outside: np.ndarray | None, *, at_zero: bool = False
) -> Panel:
    """Histograms on common bins; marks of single members where they are too few for one."""
    values = inside if outside is None else np.concatenate([inside, outside])
    if values.size == 0:
        return Panel(name)
    edges = np.histogram_bin_edges(values, int(np.clip(np.sqrt(max(len(inside), 200)), *NUM_BINS)))
    if at_zero:
        width = float(np.ptp(values)) / NUM_BINS[1] or 1.0
        edges = width * np.arange(np.floor(values.min() / width), np.floor(values.max() / width) + 2)
    reference = None if outside is None else _histogram(outside, Draws.of(None, len(outside)), edges)
    if not pair.summarizable:
        return Panel(name, None, reference, marks=inside[:MAX_HITS])
    return Panel(name, _histogram(inside, pair.draws, edges), reference)


def _histogram(values: np.ndarray, draws: Draws, edges: np.ndarray) -> Curve:
    num_bins, width = len(edges) - 1, np.diff(edges)
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, num_bins - 1)
    indicators = (bins[:, None] == np.arange(num_bins)).astype(np.float64)
    density = weighted_mean(indicators, draws) / width
    band = draws.interval_factor * weighted_error(indicators, draws) / width
    return Curve(
        np.repeat(edges, 2), *(_walls(y) for y in (density, np.maximum(density - band, 0.0), density + band))
    )


def _walls(heights: np.ndarray) -> np.ndarray:
    """Outline of a histogram's bars: 0, h₀, h₀, h₁, h₁, …, 0."""
    return np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])


# -- in time ---------------------------------------------------------------------------------


def hitting_times(pair: Pair, event: str, part: int | None, layout: kernels.Layout) -> Panel:
    """Distribution function of the first time at which the event, or a part of it, holds.

    Args:
        pair: the ensembles.
        event: text.
        part: position among the parts that `and`, `or` and `not` join; None is the event itself.
        layout: of the trajectories.
    """
    tree = kernels.parse_event(event)
    tree = tree if part is None else parts(tree)[part]
    reference = None
    if pair.reference is not None:
        reference = _distribution(summaries.hitting_times(pair.reference, tree, layout))
    if not pair.summarizable:
        times = explain(tree, pair.conditional, layout)["hitting_time"].values if pair.num_members else []
        times = np.asarray(times, np.float64)
        return Panel("share", None, reference, marks=times[np.isfinite(times)][:MAX_HITS])
    return Panel("share", _distribution(summaries.hitting_times(pair.conditional, tree, layout)), reference)


def _distribution(dataset: xr.Dataset) -> Curve:
    """Distribution function of hitting times, as steps at the sampled times."""
    times, value = (np.asarray(dataset[name].values, np.float64) for name in ("time", "probability"))
    factor = interval_factor(dataset.attrs["degrees_of_freedom"])
    band = np.nan_to_num(factor * dataset["probability_error"].values)
    x = np.repeat(times, 2)[1:]
    curves = (value, np.maximum(value - band, 0.0), np.minimum(value + band, 1.0))
    return Curve(x, *(np.repeat(y, 2)[:-1] for y in curves))


def spectra(pair: Pair, names: Sequence[str]) -> list[Panel]:
    """Mean power spectrum of each variable, without frequency 0."""
    pair = pair.only(names)
    reference = None if pair.reference is None else summaries.spectra(pair.reference)
    conditional, hits = None, []
    if pair.summarizable:
        conditional = summaries.spectra(pair.conditional)
    else:
        few = range(min(pair.num_members, MAX_CURVES))
        hits = [summaries.spectra(pair.conditional.isel(sample=[i]))["power"] for i in few]
    panels = []
    for i, name in enumerate(names):
        given, without = (None if each is None else _spectrum(each, i) for each in (conditional, reference))
        single = None
        if hits:
            powers = np.stack([power.values[1:, i] for power in hits])
            single = hits[0]["frequency"].values[1:], powers
        panels.append(Panel(name, given, without, hits=single))
    return panels


def _spectrum(dataset: xr.Dataset, index: int) -> Curve:
    power = dataset["power"].values[1:, index]
    band = interval_factor(dataset.attrs["degrees_of_freedom"]) * dataset["power_error"].values[1:, index]
    floor = 1e-3 * power  # the axis is logarithmic
    return Curve(dataset["frequency"].values[1:], power, np.maximum(power - band, floor), power + band)


# -- planes -----------------------------------------------------------------------------


def plane(pair: Pair, x: str, y: str) -> Plane:
    """Densities in the plane of two variables, over all times; ValueError if both are equal."""
    if x == y:
        raise ValueError(f"`x` and `y` must be two variables; got {x!r} twice. Choose another one.")
    pair = pair.only([x, y])
    both = [states(each) for each in (pair.conditional, pair.reference) if each is not None]
    points = np.concatenate([each.reshape(-1, 2) for each in both])
    edges = tuple(np.histogram_bin_edges(points[:, i], NUM_CELLS).astype(np.float64) for i in (0, 1))
    reference = None if pair.reference is None else _plane(pair.reference, x, y, edges)
    if not pair.summarizable:
        return Plane(edges, None, reference, states(pair.conditional)[:MAX_CURVES])  # pyright: ignore[reportArgumentType]
    return Plane(edges, _plane(pair.conditional, x, y, edges), reference, None)  # pyright: ignore[reportArgumentType]


def _plane(dataset: xr.Dataset, x: str, y: str, edges: tuple[np.ndarray, ...]) -> np.ndarray:
    density = summaries.density(dataset, x, y, edges)["density"].values  # pyright: ignore[reportArgumentType]
    return density / density.max()
