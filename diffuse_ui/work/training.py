"""Training on the user's own data as a job of the app: request and progress.

The numerics are `kernels.training.from_recording`; here they become a job that says where it is and can be stopped at
any step. What is on disk is always the best model so far, and asking for the same again goes on from there.
"""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from diffuse_ui.style import numbers

__all__ = ["Progress", "Request", "train"]

GO_ON = "“Train further” goes on with it"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """Request for a training.

    Attributes:
        source: path of a NetCDF, Zarr, CSV or Parquet file.
        name: of the model; the file's own unless given.
        choices: further arguments of `kernels.train_on`, `more_steps` among them.
        cancel: set to end it after the present step.
    """

    source: str
    name: str = ""
    choices: dict[str, Any] = dataclasses.field(default_factory=dict)
    cancel: threading.Event = dataclasses.field(default_factory=threading.Event)

    @property
    def model_name(self) -> str:
        return self.name.strip() or Path(self.source.strip()).name.split(".")[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a training.

    Attributes:
        name: of the model.
        facts: its data and the network's size, in words; empty while the file is read.
        understood: all that was understood of the data, a line each.
        ending: how the training ended, in words; empty until then.
        step: optimiser steps done.
        num_steps: of how many.
        seconds_left: expected.
        history: (step, training loss, validation loss) so far.
        saved: whether there is a model by now.
    """

    name: str
    facts: str = ""
    understood: str = ""
    ending: str = ""
    step: int = 0
    num_steps: int = 0
    seconds_left: float = float("nan")
    history: tuple[tuple[int, float, float], ...] = ()
    saved: bool = False

    @property
    def words(self) -> str:
        """Progress in one line."""
        if not self.facts:
            return "Reading the file"
        if not self.history:
            return "Compiling; the first steps take longest"
        best = min(validation for _, _, validation in self.history)
        left = f", about {numbers.duration(self.seconds_left)} left" if self.step < self.num_steps else ""
        return f"Step {self.step} of {self.num_steps}{left}; best validation loss {best:.4g}"


def train(request: Request) -> Iterator[Progress]:
    """Train and save a model; yield the progress.

    Raises:
        ValueError: no such file, data that need a choice, too few of them, or a name that is taken, by a model or
            by another training.
        FloatingPointError: the loss is no longer finite.
    """
    from kernels.checkpoints import read_card
    from kernels.networks.sizing import network_cost
    from kernels.training.description import describe_plan
    from kernels.training.ending import ending_words
    from kernels.training.from_recording import plan_further, plan_training, training

    if not request.source.strip():
        raise ValueError("Give the path of a .nc, .zarr, .csv, .txt or .parquet file on this machine.")
    if request.choices.get("window", 60) is None:
        raise ValueError("Give the window: how many steps of the file a trajectory has, at least 2.")
    name = request.model_name
    progress = Progress(name=name)
    yield progress
    made = plan_further if "more_steps" in request.choices else plan_training
    plan = made(Path(request.source.strip()).expanduser(), name=name, **request.choices)
    rows, windows = plan.recording.num_rows, len(plan.split.training)
    facts = (
        f"{numbers.grouped(rows)} steps of {', '.join(plan.recording.variables[:6])}: {numbers.grouped(windows)} "
        f"windows to learn from, {numbers.grouped(len(plan.split.held_out.starts))} held out; "
        f"{network_cost(plan.network).parameters / 1e6:.2g} M parameters"
    )
    progress = dataclasses.replace(
        progress,
        facts=facts,
        understood=describe_plan(plan),
        num_steps=plan.config.num_steps,
        saved=plan.weights.exists(),  # by the training that this one goes on with
    )
    yield progress
    with closing(training(plan, stopped=request.cancel.is_set)) as records:
        for record, model in records:
            progress = dataclasses.replace(
                progress,
                step=record.step,
                seconds_left=record.seconds_left,
                history=record.history,
                saved=progress.saved or model is not None,
            )
            yield progress
    if not request.cancel.is_set():
        yield dataclasses.replace(progress, ending=ending_words(read_card(plan.weights)["training"], GO_ON))
