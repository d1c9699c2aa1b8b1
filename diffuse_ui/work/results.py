"""Results of runs, and of the computations for the views."""

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

import kernels
from kernels.events.semantics.batches import evaluate_batch

__all__ = ["Derived", "Hits", "Result", "meets", "states", "words"]


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """Latest result of a run.

    Attributes:
        spec: what was asked.
        snapshot: the latest of `kernels.stream`.
        references: "simulator", "data", "training", "peaks" and "model" → Probability, as far as they are known.
        seconds: time since the run began.
        live: a quick, approximate run of the live switch.
        trace: the running estimate as it was, oldest first, one entry for each number of network calls.
        number: of the run in the history, from 1; 0 while it is under way.
    """

    spec: kernels.RunSpec
    snapshot: kernels.Snapshot
    references: Mapping[str, Any]
    seconds: float
    live: bool = False
    trace: tuple[kernels.Probability, ...] = ()
    number: int = 0

    @property
    def dataset(self) -> xr.Dataset | None:
        return self.snapshot.dataset

    @property
    def probability(self) -> Any:
        return self.snapshot.probability

    @property
    def ensemble(self) -> str:
        """ "guided" (approximate), "exact" or "unconditional"; empty before the first curves."""
        return "" if self.dataset is None else str(self.dataset.attrs.get("ensemble", ""))


@dataclasses.dataclass(frozen=True)
class Derived:
    """Answer of a computation for a view.

    Attributes:
        key: what was asked, as the view named it.
        answer: None when there is an error.
        error: why there is no answer; empty otherwise.
    """

    key: Hashable
    answer: Any = None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Hits:
    """Mask of the backdrop's trajectories that meet an event and what is observed."""

    event: Any
    satisfied: np.ndarray
    known: np.ndarray  # which meet what is observed
    numbers: Sequence[Any] = ()  # the event's numbers, with ranges from the backdrop

    @property
    def count(self) -> int:
        return int(self.satisfied.sum())

    @property
    def total(self) -> int:
        """Number of trajectories that meet what is observed."""
        return int(self.known.sum())


def words(error: Exception | None) -> str:
    """Message of an error; its class if the message is empty."""
    text = str(error).strip() if error is not None else ""
    return text or f"{type(error).__name__}: the run ended without a message."


def states(dataset: xr.Dataset) -> np.ndarray:
    """The trajectories as an array (sample, time, variable)."""
    return np.asarray(dataset["state"].transpose("sample", "time", "variable").values, np.float32)


def meets(constraint: Any, trajectories: np.ndarray) -> np.ndarray:
    """Whether each trajectory (sample, time, variable) meets a compiled event."""
    return evaluate_batch(constraint, trajectories)[1]
