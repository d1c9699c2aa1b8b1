"""Data of the scene tabs: a field over time, trajectories in space, moving pendulums.

Pure functions of a `curves.Pair`; arrays only. Numbers are summaries where the weights are worth one
(`Pair.summarizable`), else single trajectories that meet the event.
"""

import dataclasses

import numpy as np
import xarray as xr

from diffuse_ui.analysis.curves import Pair
from diffuse_ui.work.results import states
from kernels.statistics.weighted import weighted_mean

__all__ = ["FIELD_VIEWS", "Arms", "Cloud", "Field", "cloud", "field", "pendulum"]

FIELD_VIEWS = ("mean", "spread", "one trajectory")
MAX_CLOUD = 60  # trajectories of each side
MAX_ARMS = 24  # pendulums that swing together


@dataclasses.dataclass(frozen=True)
class Field:
    """Values (variable, time) with and without the event, on one colour scale low … high.

    A side without values is None. The scale of values of both signs is symmetric: its middle is 0.
    """

    conditional: np.ndarray | None
    reference: np.ndarray | None
    low: float
    high: float

    @property
    def is_signed(self) -> bool:
        return self.low < 0.0 < self.high


@dataclasses.dataclass(frozen=True)
class Cloud:
    """Trajectories (sample, time, 3) with and without the event, in the cube [−1, 1]³."""

    conditional: np.ndarray
    reference: np.ndarray


@dataclasses.dataclass(frozen=True)
class Arms:
    """Positions (sample, time) of a double pendulum's joints; each arm has length 1."""

    times: np.ndarray
    x: tuple[np.ndarray, np.ndarray]
    y: tuple[np.ndarray, np.ndarray]


def field(pair: Pair, view: str) -> Field:
    """Mean, standard deviation, or one trajectory, each with and without the event.

    Raises:
        ValueError: a view that is not in `FIELD_VIEWS`.
    """
    if view not in FIELD_VIEWS:
        raise ValueError(f"`view` must be one of {', '.join(FIELD_VIEWS)}; got {view!r}.")
    given = None
    if pair.num_members and (pair.summarizable or view == "one trajectory"):
        given = _field(pair.conditional, pair.weights, view)
    without = None if pair.reference is None else _field(pair.reference, None, view)
    shown = [side for side in (given, without) if side is not None]
    if not shown:
        return Field(None, None, -1.0, 1.0)
    low, high = min(float(side.min()) for side in shown), max(float(side.max()) for side in shown)
    if view == "spread":
        return Field(given, without, 0.0, high)
    if low < 0.0 < high:
        low, high = min(low, -high), max(high, -low)
    return Field(given, without, low, high)


def _field(dataset: xr.Dataset, weights: np.ndarray | None, view: str) -> np.ndarray:
    values = states(dataset)
    if view == "one trajectory":
        return values[0 if weights is None else int(np.argmax(weights))].T
    mean = weighted_mean(values, weights)
    if view == "mean":
        return mean.T
    return np.sqrt(np.maximum(weighted_mean((values - mean) ** 2, weights), 0.0)).T


def cloud(pair: Pair, names: tuple[str, str, str]) -> Cloud:
    """Some trajectories with and without the event, in the space of three variables.

    Raises:
        ValueError: not three different variables.
    """
    if len(set(names)) < 3:
        raise ValueError("a space is spanned by three different variables. Choose another one.")
    pair = pair.only(names)
    inside = states(pair.conditional)[:MAX_CLOUD]
    outside = inside[:0] if pair.reference is None else states(pair.reference)[:MAX_CLOUD]
    both = np.concatenate([inside, outside]).reshape(-1, 3)
    if not len(both):
        return Cloud(inside, outside)
    middle, half = 0.5 * (both.max(0) + both.min(0)), 0.5 * np.maximum(np.ptp(both, axis=0), 1e-12)
    return Cloud((inside - middle) / half, (outside - middle) / half)


def pendulum(pair: Pair) -> Arms:
    """Joints of double pendulums whose angles q1 and q2 are measured from the downward vertical."""
    angles = states(pair.only(["q1", "q2"]).conditional)[:MAX_ARMS]
    first = np.sin(angles[:, :, 0]), -np.cos(angles[:, :, 0])
    second = first[0] + np.sin(angles[:, :, 1]), first[1] - np.cos(angles[:, :, 1])
    times = np.asarray(pair.conditional["time"].values, np.float64)
    return Arms(times, (first[0], second[0]), (first[1], second[1]))
