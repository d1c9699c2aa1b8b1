"""Number of steps of a training on a record, and how fast it learns, by the number of its windows."""

import numpy as np

from kernels.names import require_known
from kernels.training.loop import TrainingConfig

__all__ = ["FILE_PRESETS", "record_config", "require_preset"]

FILE_PRESETS = {"standard": 1, "quick": 3}  # part of the steps that each takes
PASSES = 60  # over the training windows, within the bounds below
MIN_STEPS, MAX_STEPS = 1_500, 10_000
NUM_RECORDS = 30  # of a training that goes to its end
BATCH_SIZE = 128


def require_preset(preset: str, num_steps: int | None) -> None:
    """Raise ValueError for an unknown preset, or one that the number of steps leaves nothing to decide."""
    require_known("preset", preset, FILE_PRESETS)
    if num_steps is not None and preset != "standard":
        raise ValueError(
            "`preset` (--preset) and `num_steps` (--num-steps) exclude each other. Leave one out."
        )


def record_config(num_windows: int, num_steps: int | None, preset: str = "standard") -> TrainingConfig:
    """Settings of a training in which each window is seen `PASSES` times, within bounds, or a part of that."""
    steps = num_steps
    if steps is None:
        wanted = int(np.clip(PASSES * num_windows // BATCH_SIZE, MIN_STEPS, MAX_STEPS))
        steps = wanted // FILE_PRESETS[preset]
    return TrainingConfig(
        num_steps=steps,
        batch_size=min(BATCH_SIZE, num_windows),
        warmup=min(200, -(-steps // 10)),
        cooldown=0.8,
        ema_decay=0.995,
        middle_share=0.3,
        report_every=max(1, steps // NUM_RECORDS),
    )
