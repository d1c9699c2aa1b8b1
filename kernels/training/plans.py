"""Plan of a training on a record, as `kernels.training.from_recording` makes it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kernels.networks.unet import UNetConfig
from kernels.recordings.conditions import Conditions
from kernels.recordings.reading import Recording
from kernels.recordings.windows import Split
from kernels.training.further import Further
from kernels.training.loop import TrainingConfig
from kernels.training.margins import FittedMargins
from kernels.trajectories.layout import Layout

__all__ = ["Plan"]


class Plan(NamedTuple):
    """Plan of a training, with its data read and checked.

    Attributes:
        name: of the model.
        weights: where the model goes.
        recording: at even times.
        split: windows of the three parts.
        layout: what a window's axes mean.
        network: architecture.
        config: how long and how fast.
        num_known: first states that the model is to know.
        seed: of weights and noise.
        choices: what was chosen, for the card.
        margins: laws of the variables at one time; None where the network sees values.
        conditions: seasons and covariates that the model is given; None without.
        features: (window, feature) of the training and of the validation windows; None without.
        further: the training that this one goes on with; None for a new model.
    """

    name: str
    weights: Path
    recording: Recording
    split: Split
    layout: Layout
    network: UNetConfig
    config: TrainingConfig
    num_known: int
    seed: int
    choices: dict[str, Any]
    margins: FittedMargins | None = None
    conditions: Conditions | None = None
    features: tuple[np.ndarray, np.ndarray] | None = None
    further: Further | None = None
