"""Tables of trainings and presets of the Markdown page."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from diffuse_ui.commands.report_values import (
    Card,
    table,
)
from kernels.training.presets import PRESETS

__all__ = ["amount", "device", "presets_table", "stages_of", "training_table"]


def stages_of(training: Card) -> Iterator[Card]:
    """Trainings that led to a model, the first one first."""
    if training.get("started_from"):
        yield from stages_of(training["started_from"])
    if training:
        yield training


def training_table(stages: Sequence[Card]) -> str:
    rows = []
    for stage in stages:
        seconds = stage.get("seconds_of_last_process")
        data = re.sub(r"\d{5,}", lambda found: f"{int(found[0]):,}", str(stage.get("data", "—")))
        loss = stage.get("validation_loss")
        rows.append(
            [
                _preset(stage),
                data.replace("trajectories simulated from seed", "simulated, seed"),
                amount(stage),
                f"{seconds / 60:.0f}" if seconds else "—",
                device(stage),
                "—" if loss is None else f"{loss:.4f}",
            ]
        )
    headings = ["preset", "trajectories", "steps × batch", "minutes", "on", "validation loss"]
    return table(headings, rows, numeric=(2, 3, 5))


def amount(stage: Card) -> str:
    parts = [part for part in (stage, stage.get("polishing")) if part and "num_steps" in part]
    return ", then ".join(f"{part['num_steps']:,} × {part.get('batch_size', 0):,}" for part in parts) or "—"


def device(stage: Card) -> str:
    device = str(stage.get("device", "—"))
    name = re.search(r"\((.*?)\)", device)
    return "CPU" if device.startswith("cpu") else name[1].removeprefix("NVIDIA ") if name else device


def _preset(stage: Card) -> str:
    """Name of the preset whose settings a training had; a dash where none is like it."""
    for name, preset in PRESETS.items():
        config = preset.training
        levels = list(config.levels) if config.levels else None
        asked = (config.num_steps, config.batch_size, config.learning_rate, levels)
        given = (
            stage.get("num_steps"),
            stage.get("batch_size"),
            stage.get("learning_rate"),
            stage.get("levels"),
        )
        exemplars = stage.get("exemplars", 0) == preset.num_exemplars
        if asked == given and exemplars and bool(stage.get("polishing")) == bool(preset.polishing):
            return f"`{name}`"
    return "—"


def presets_table() -> str:
    rows = []
    for name, preset in PRESETS.items():
        config, notes = preset.training, []
        notes += ["small network"] if preset.small else []
        notes += [f"knows {preset.num_known} states"] if preset.num_known else []
        notes += [f"looks at {preset.num_exemplars:,} exemplars"] if preset.num_exemplars else []
        notes += ["noise levels {:g} to {:g}".format(*config.levels)] if config.levels else []
        notes += ["then {:,} × {:,}".format(*_size(preset.polishing))] if preset.polishing else []
        further = "expert" in name or name.startswith("further") or "exemplars" in name
        notes += ["from a model"] if further else []
        steps, batch = _size(config)
        rows.append([f"`{name}`", f"{preset.num_samples:,}", f"{steps:,} × {batch:,}", ", ".join(notes)])
    return table(["preset", "trajectories, at most", "steps × batch", "what else"], rows, numeric=(1, 2))


def _size(config: Any) -> tuple[int, int]:
    return config.num_steps, config.batch_size
