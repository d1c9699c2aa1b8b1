"""Provenance in cards: where and with what a model was made."""

import datetime
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jax

from kernels.training.loop import TrainingRecord

__all__ = ["made_now", "training_facts"]


def made_now() -> str:
    """Present date and time, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def training_facts(record: TrainingRecord) -> dict[str, Any]:
    """Losses, time, device and versions of a training that ended with `record`."""
    device = jax.devices()[0]
    return {
        "history": [list(point) for point in record.history],
        "final_loss": record.loss,
        "validation_loss": record.validation_loss,
        "seconds_of_last_process": round(record.seconds),
        "device": f"{device.platform} ({device.device_kind}), {platform.machine()}",
        "versions": {package: _version(package) for package in ("diffuse-ui", "jax", "flax", "optax")},
    }


def _version(package: str) -> str:
    """Version of a package; "unknown" if it runs from its source without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
