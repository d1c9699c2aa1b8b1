"""End of a training: whether its steps ran out, or the loss no longer fell, and what follows from that."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernels.checkpoints import read_card, write_card
from kernels.training.loop import History, TrainingRecord

__all__ = ["best_so_far", "ending_facts", "ending_words", "is_stale", "write_ending"]

PATIENCE = 8  # records without a lower validation loss, after which training stops
LAST = 0.25  # share of the records that are looked at
FALLING = 0.01  # share by which the loss falls within them, from which on more steps are worth their time


def is_stale(record: TrainingRecord, patience: int = PATIENCE) -> bool:
    """Whether the validation loss no longer falls; never in the first half."""
    losses = [validation for _, _, validation in record.history]
    if 2 * record.step < record.num_steps or not losses:
        return False
    return len(losses) - 1 - losses.index(min(losses)) >= patience


def best_so_far(weights: Path) -> float:
    """Validation loss of the model that a training before left."""
    try:
        return float(read_card(weights)["training"]["validation_loss"])
    except (ValueError, KeyError, TypeError):
        return np.inf


def ending_facts(record: TrainingRecord, *, early: bool) -> dict[str, Any]:
    """Facts on the end: the last step, whether it came early, whether the loss was still falling."""
    return {"step": record.step, "early": early, "falling": not early and _fell(record.history)}


def write_ending(weights: Path, record: TrainingRecord, step: int, *, early: bool) -> None:
    """Add to the card of the best model how its training ended, if it did.

    Args:
        weights: of the model.
        record: the last one of this training.
        step: the last one, counted from the first training on.
        early: whether it is over before its steps ran out.
    """
    if early or record.step >= record.num_steps:
        card, ended = read_card(weights), ending_facts(record, early=early) | {"step": step}
        write_card(weights, card | {"training": card["training"] | {"ended": ended}})


def _fell(history: Sequence[History]) -> bool:
    """Whether the validation loss fell by more than `FALLING` in the last records."""
    losses = [validation for _, _, validation in history]
    count = max(1, round(LAST * len(losses)))
    if len(losses) <= count:
        return False
    before, after = min(losses[:-count]), min(losses[-count:])
    return after < before - FALLING * abs(before)


def ending_words(training: Mapping[str, Any], remedy: str = "more steps are likely to help") -> str:
    """Sentence on how a training ended, from its card; empty where the card tells nothing.

    Args:
        training: that part of the card.
        remedy: what to do where the loss was still falling; `{steps}` stands for as many steps as there were.
    """
    ended = training.get("ended")
    if not isinstance(ended, Mapping):
        return ""
    if ended.get("early"):
        return f"the loss no longer fell, so it ended at step {ended['step']}"
    if ended.get("falling"):
        return f"the loss was still falling when the steps ran out: {remedy.format(steps=ended['step'])}"
    return "the loss had all but stopped falling when the steps ran out"
