"""Training on the command line: its cost, a progress bar, and a stop that keeps the model.

SIGTERM is taken as Ctrl-C: the training ends at once; of one's own data the best model stays, and either way
the same command goes on from the last checkpoint.
"""

import dataclasses
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

import kernels
from diffuse_ui.style import numbers

__all__ = ["is_recording", "train_recording", "train_simulated"]

GO_ON = "--more-steps {steps} goes on with it"
RECORDINGS = (
    *(".nc", ".nc4", ".cdf", ".netcdf", ".h5", ".hdf5", ".zarr", ".parquet"),
    *(".csv", ".tsv", ".txt", ".dat", ".rdb", ".gz"),
)


def is_recording(source: str) -> bool:
    """Whether `source` is a file of the user's data, rather than a system."""
    return Path(source).suffix.lower() in RECORDINGS or Path(source).exists() or "/" in source


def train_simulated(
    system: str,
    output: Path | None,
    *,
    name: str | None,
    preset: str,
    noise: str = "white",
    seed: int,
    start: str | None = None,
) -> dict[str, Any]:
    """Train a model of a system; return a JSON-able summary.

    Raises:
        ValueError: unknown system, preset or model to start from, nowhere to write, or a name or file that a
            finished model has, or another training.
    """
    from kernels.checkpoints import weights_path
    from kernels.files import locked
    from kernels.names import require_known
    from kernels.training.from_system import is_unfinished, train_system
    from kernels.training.presets import PRESETS
    from kernels.training.warm_start import num_exemplars
    from kernels.zoo import require_name, user_models

    require_known("preset", preset, PRESETS)
    if output is None and name is None:
        raise ValueError("`--output` or `--name` must be given: where the model goes, or what it is called.")
    begun = None if start is None else kernels.load_model(start)
    chosen = PRESETS[preset] if noise == "white" else dataclasses.replace(PRESETS[preset], noise=noise)
    choices = {"preset": chosen, "seed": seed, "start": begun}
    taken = False
    if output is None:
        require_name(str(name))
        output, taken = user_models() / f"{name}.safetensors", name in kernels.available_models()
    weights = weights_path(output)
    weights.parent.mkdir(parents=True, exist_ok=True)
    with locked(weights, f"model {weights.stem} is being trained"):
        if (taken or weights.exists()) and not is_unfinished(system, output, **choices):
            where = f"named {name}" if taken else f"in {weights}"
            raise ValueError(f"There is a model {where}. Give this one another name.")
        looked_at = PRESETS[preset].num_exemplars or (num_exemplars(begun.denoiser) if begun else 0)
        _print_cost(chosen.network_of(kernels.get_system(system)), looked_at)
        records = train_system(system, output, model_name=name, **choices)
        with _terminated_as_interrupted():
            record, _ = deque(_shown(records), maxlen=1).pop()  # a training yields at least one record
    return {
        "system": system,
        "output": str(output),
        "steps": record.step,
        "validation_loss": record.validation_loss,
    }


def train_recording(
    source: str, *, name: str | None, more_steps: int | None = None, **choices: Any
) -> dict[str, Any]:
    """Train a model of the user's data, or go on with it; return a JSON-able summary.

    Raises:
        ValueError: data that need a choice, or too few of them.
        KeyboardInterrupt: stopped before there was a model to keep.
    """
    from kernels.checkpoints import read_card
    from kernels.training.description import describe_plan, plan_facts
    from kernels.training.ending import ending_words
    from kernels.training.from_recording import plan_further, plan_training, training

    name = name or Path(source).name.split(".")[0]
    if more_steps is None:
        plan = plan_training(source, name=name, **choices)
    else:
        plan = plan_further(source, name=name, more_steps=more_steps, **choices)
    typer.echo(describe_plan(plan), err=True)
    _print_cost(plan.network)
    best, stopped, last = None, False, None
    try:
        with _terminated_as_interrupted():
            for record, model in _shown(training(plan)):
                last = record
                best = record if model is not None else best
    except KeyboardInterrupt:
        if not plan.weights.exists():
            raise
        stopped = True
    card = read_card(plan.weights)["training"]
    return {
        "name": plan.name,
        "output": str(plan.weights),
        "steps": None if last is None else last.step,
        "best_step": card["best_step"],
        "validation_loss": card["validation_loss"],
        "stopped": stopped,
        "ending": "" if stopped else ending_words(card, GO_ON),
        "understood": plan_facts(plan),
    }


def _print_cost(network: Any, num_exemplars: int = 0) -> None:
    """Print the size and the sampling time of a network before training."""
    from kernels.models import DEFAULT_NUM_STEPS
    from kernels.networks.sizing import evaluation_seconds, network_cost

    cost, seconds = network_cost(network), evaluation_seconds(network)
    typer.echo(
        f"network: {cost.parameters / 1e6:.2f} M parameters, {cost.multiply_adds / 1e6:.1f} M multiply-adds "
        f"an evaluation; a sample of {DEFAULT_NUM_STEPS} evaluations takes about "
        f"{1e3 * DEFAULT_NUM_STEPS * seconds:.2g} ms here{_exemplar_cost(num_exemplars)}",
        err=True,
    )


def _exemplar_cost(num_exemplars: int) -> str:
    """Cost of the exemplars, as an addition to the line about the network's cost."""
    from kernels.denoisers.exemplars import RANK

    if not num_exemplars:
        return ""
    return f", without the {2e-6 * num_exemplars * RANK:.1f} M of looking at {num_exemplars} exemplars"


def _shown(records: Iterator[Any]) -> Iterator[Any]:
    """Pass records on and show each on stderr: a bar on a terminal, else a line each."""
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading and compiling", total=1.0)
        for record, model in records:
            words = (
                f"step {record.step}/{record.num_steps}  loss {record.loss:.4f}  "
                f"held out {record.validation_loss:.4f}  {numbers.duration(record.seconds)}, "
                f"{numbers.duration(record.seconds_left)} left"
            )
            bar.update(task, completed=record.step / record.num_steps, description=words)
            if not console.is_terminal:
                typer.echo(words, err=True)
            yield record, model


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt within this context."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
