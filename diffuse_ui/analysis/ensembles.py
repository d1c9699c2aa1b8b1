"""Lines, fans and hits from an ensemble (xr.Dataset). Pure functions on arrays.

An ensemble's *members* are its trajectories that meet the event (all, when there is no event).
A weighted fan is drawn only where the weights' effective size (Σw)²/Σw² is at least 50.
"""

import dataclasses

import numpy as np
import xarray as xr

from diffuse_ui.work.results import states
from kernels.statistics.ensembles import members_of
from kernels.statistics.weighted import effective_sample_size, weighted_quantiles

__all__ = [
    "FAN_LEVELS",
    "MIN_EFFECTIVE",
    "Fan",
    "condition",
    "drawn_by",
    "ess_of",
    "fan",
    "is_member",
    "is_summarizable",
    "member_weights",
    "nan_lines",
]

FAN_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
MIN_EFFECTIVE = 50.0
MIN_MEMBERS = 8


@dataclasses.dataclass(frozen=True)
class Fan:
    """Quantiles of an ensemble at each time.

    Attributes:
        times: (time,)
        quantiles: (level, time, variable) at `FAN_LEVELS`.
        num_members: how many trajectories are behind it.
    """

    times: np.ndarray
    quantiles: np.ndarray
    num_members: int


def condition(dataset: xr.Dataset | None) -> str:
    """Condition of an ensemble in words, for legends: "given the event"."""
    asked = {} if dataset is None else dataset.attrs
    if "event" in asked:
        return "given the event"
    return "given the observed values" if "given" in asked else "drawn from the model"


def drawn_by(dataset: xr.Dataset) -> str:
    """Number of steps and sampler of an ensemble, in words: "12 ODE steps"."""
    sampler = str(dataset.attrs.get("sampler", "")).upper()
    return f"{dataset.attrs['num_steps']} {sampler} steps".replace("  ", " ")


def is_member(dataset: xr.Dataset) -> np.ndarray:
    """Mask (sample,) of the trajectories that meet the event; all if the dataset has no mask."""
    if "satisfied" not in dataset:
        return np.ones(dataset.sizes["sample"], bool)
    return np.asarray(dataset["satisfied"].values, bool)


def member_weights(dataset: xr.Dataset) -> np.ndarray | None:
    """Weights of the members; None where all are equal."""
    if "weight" not in dataset:
        return None
    weights = np.asarray(dataset["weight"].values, np.float64)[is_member(dataset)]
    if weights.size == 0 or np.ptp(weights) <= 1e-6 * max(float(np.max(np.abs(weights))), 1e-300):
        return None
    return weights


def ess_of(dataset: xr.Dataset) -> float:
    """Number of independent trajectories that the members are worth, by their weights and their chains."""
    return members_of(dataset)[1].ess if is_member(dataset).any() else 0.0


def is_summarizable(dataset: xr.Dataset) -> bool:
    """Whether the members, and their effective sample size, are enough for summaries."""
    weights = member_weights(dataset)
    if is_member(dataset).sum() < MIN_MEMBERS:
        return False
    return weights is None or effective_sample_size(weights) >= MIN_EFFECTIVE


def fan(dataset: xr.Dataset) -> Fan | None:
    """Quantiles of the members; None where `is_summarizable` is false."""
    if not is_summarizable(dataset):
        return None
    member = is_member(dataset)
    quantiles = weighted_quantiles(states(dataset)[member], member_weights(dataset), np.array(FAN_LEVELS))
    return Fan(np.asarray(dataset["time"].values), np.asarray(quantiles), int(member.sum()))


def nan_lines(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curves (sample, time) as one flat line with NaN between them, which Bokeh paints fastest."""
    values = np.asarray(values, np.float32)
    gap = np.full((values.shape[0], 1), np.nan, np.float32)
    x = np.broadcast_to(np.asarray(times, np.float32), values.shape)
    return np.concatenate([x, gap], axis=1).ravel(), np.concatenate([values, gap], axis=1).ravel()
