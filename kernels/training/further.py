"""Further steps for a finished model of a record: the same data and choices, its weights to start from.

    train_on("river.csv", name="river", more_steps=3000)

The data are held against those that the model's file holds, and the choices are those of its card.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from kernels.checkpoints import load_checkpoint
from kernels.denoisers.conditional import ConditionalDenoiser
from kernels.models import Model
from kernels.networks.unet import UNetConfig
from kernels.training.loop import Trainable, TrainingConfig, TrainingRecord
from kernels.training.warm_start import trained_part
from kernels.trajectories.standardizer import Standardizer

__all__ = [
    "Further",
    "chosen_before",
    "further_config",
    "further_of",
    "network_of",
    "require_same",
    "require_same_units",
    "shifted",
    "state_suffix",
]

CHOICES = ("variables", "window", "stride", "gaps", "resample", "noise")  # of cards that do not name theirs
RATE = 0.5  # of the first training's learning rate, as the weights are no longer far from where they go


class Further(NamedTuple):
    """Training that a plan goes on with.

    Attributes:
        model: to start from.
        before: steps that it was trained for.
        earlier: what its card tells of them.
    """

    model: Model
    before: int
    earlier: dict[str, Any]

    @property
    def denoiser(self) -> Trainable:
        """Network to start from. Raises ValueError if the model has none that can be trained."""
        if isinstance(self.model.denoiser, ConditionalDenoiser):
            return self.model.denoiser
        return trained_part(self.model, self.model.layout, num_known=self.model.num_known, expert=False)


def further_of(weights: Path, more_steps: int, choices: Mapping[str, Any]) -> Further:
    """Training that `more_steps` go on with, or, where these were interrupted, the one before.

    Raises:
        ValueError: no number of steps, or two; no model, one of no record, or one that is not finished.
    """
    if isinstance(more_steps, bool) or not isinstance(more_steps, int | np.integer) or more_steps < 1:
        raise ValueError(f"`more_steps` must be a whole number, at least 1; got {more_steps!r}.")
    if choices.get("num_steps") is not None or choices.get("preset") is not None:
        raise ValueError(
            "`num_steps` (--num-steps) and `preset` (--preset) must be left out with `more_steps`, which says how many."
        )
    if not weights.exists():
        raise ValueError(
            f"There is no model {weights} to train further. Leave `more_steps` (--more-steps) out."
        )
    model = load_checkpoint(weights)
    training, data = (model.card.get(part) or {} for part in ("training", "data"))
    if model.training_data is None or "window" not in data:
        raise ValueError(
            f"`more_steps` goes on with a model of a record; {model.name} is none. Train one first."
        )
    states = sorted(weights.parent.glob(f"{weights.stem}.*.state"))
    earlier, before = training.get("started_from"), _total(training)
    if earlier and training.get("num_steps") == more_steps and _belongs(states, _total(earlier), more_steps):
        return Further(model, _total(earlier), dict(earlier))
    if states and not _belongs(states, before, more_steps):
        raise ValueError(
            f"the training of {model.name} is not finished. The command that began it goes on with it; ask for "
            "more steps after that."
        )
    return Further(model, before, dict(training))


def state_suffix(further: Further, num_steps: int) -> str:
    """Mark of a state's file."""
    return f"more{further.before}-{num_steps}"


def _belongs(states: list[Path], before: int, more_steps: int) -> bool:
    return any(f".more{before}-{more_steps}." in path.name for path in states)


def _total(training: Mapping[str, Any]) -> int:
    """Steps of a training and of those before it."""
    ended, earlier = training.get("ended") or {}, training.get("started_from")
    return int(ended.get("step") or training["num_steps"] + (_total(earlier) if earlier else 0))


def chosen_before(model: Model, given: Mapping[str, Any]) -> dict[str, Any]:
    """Choices that a model's card tells, and those given now."""
    data = model.card["data"]
    told = {name: data[name] for name in data.get("choices", CHOICES) if name in data}
    told |= {"margins": told.get("margins", "none"), "seasons": told.get("seasons") or "none"}
    return told | {"num_known": model.num_known, "seed": model.card["training"].get("seed", 0)} | dict(given)


def further_config(config: TrainingConfig, num_steps: int) -> TrainingConfig:
    """Settings of further steps: a short warm-up, to half of the learning rate."""
    warmup = min(100, -(-num_steps // 10))
    return dataclasses.replace(config, learning_rate=RATE * config.learning_rate, warmup=warmup)


def network_of(model: Model) -> UNetConfig:
    """Architecture of a trained model."""
    return UNetConfig.from_dict({k: v for k, v in model.card["architecture"].items() if k != "type"})


def require_same(model: Model, choices: Mapping[str, Any], num_known: int, training_data: Any) -> None:
    """Raise ValueError for other choices than the model was trained with, or other data."""
    before = model.card["data"] | {"num_known": model.num_known}
    for name, value in (dict(choices) | {"num_known": num_known}).items():
        if name in before and before[name] != value:
            raise ValueError(
                f"`{name}` must be that of the model {model.name}, {before[name]}, where it is trained further; got "
                f"{value}. Leave it out, or train another model."
            )
    known, now = model.training_data, training_data
    same = known is not None and known.series.shape == now.series.shape
    if not same or not np.array_equal(known.series, now.series, equal_nan=True):  # pyright: ignore[reportOptionalMemberAccess]
        raise ValueError(
            f"the data must be those that {model.name} was trained on; these are others. Train another model on them."
        )


def require_same_units(model: Model, standardizer: Standardizer) -> None:
    """Raise ValueError if the data would now be standardised in another way than the model's were.

    Mean and scale of a model with margins are calibrated in the end.
    """
    before, now = model.standardizer, standardizer
    pairs: list[tuple[Any, Any]] = [(before.mean, now.mean), (before.scale, now.scale)]
    if before.margins is not None and now.margins is not None:
        pairs = list(zip(jax.tree.leaves(before.margins), jax.tree.leaves(now.margins), strict=False))
    alike = jax.tree.structure(before) == jax.tree.structure(now)
    if not alike or not all(np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-4, 1e-6) for a, b in pairs):
        raise ValueError(
            f"{model.name} was made by another version, which standardised the data differently. Train it anew "
            "under another name."
        )


def shifted(record: TrainingRecord, further: Further | None) -> TrainingRecord:
    """Record that counts the steps from the first training on."""
    if further is None:
        return record
    before = further.before
    past = [point for point in further.earlier.get("history", ()) if point[0] <= before]
    moved = [(step + before, loss, validation) for step, loss, validation in record.history]
    history = tuple((int(step), loss, validation) for step, loss, validation in (*past, *moved))
    return record._replace(step=record.step + before, num_steps=record.num_steps + before, history=history)
