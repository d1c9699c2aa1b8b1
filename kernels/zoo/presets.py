"""How models are made from systems: simulate, standardise, fit, and say so in the card.

The models in this folder were trained with `PRESETS["shipped"]` and `["forecast"]`; anyone can rerun them from
the same seed. Training is resumable: the state lies beside the model until it is finished.
"""

import dataclasses
import datetime
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kernels.checkpoints import save_checkpoint
from kernels.models import Model
from kernels.networks.sizing import network_config
from kernels.systems import System, get_system
from kernels.training import TrainingConfig, TrainingRecord, fit
from kernels.trajectories import Standardizer

__all__ = ["PRESETS", "Preset", "train_system"]

_CHUNK = 65_536  # trajectories standardised together


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """Amount of data and of training.

    Attributes:
        num_samples: simulated training trajectories.
        num_validation: further ones, held out.
        training: see `TrainingConfig`.
        polishing: a second training, from the first one's result, or None.
        noise: colour of the perturbing noise, see `kernels.covariances`.
        num_known: first states that the model is to know, see `kernels.forecasts`; 0 for none.
    """

    num_samples: int
    num_validation: int = 2048
    training: TrainingConfig
    polishing: TrainingConfig | None = None
    noise: str = "white"
    num_known: int = 0


PRESETS = {
    "shipped": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(),
        polishing=TrainingConfig(
            num_steps=6000, batch_size=512, learning_rate=5e-4, warmup=50, cooldown=0.9, middle_share=0.5
        ),
    ),
    "forecast": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=10_000, batch_size=128, cooldown=0.7),
        num_known=3,
    ),
    "quick": Preset(num_samples=100_000, training=TrainingConfig(num_steps=2_000, warmup=100)),
}


def train_system(
    name: str, path: str | Path, *, preset: Preset, seed: int = 0, model_name: str | None = None
) -> Iterator[tuple[TrainingRecord, Model | None]]:
    """Train a model of one of the systems and save it.

    Args:
        name: a name of `available_systems`.
        path: where the model goes, with or without `.safetensors`.
        preset: how much.
        seed: the one integer seed; data, initial weights and noise follow from it.
        model_name: name in the card; the file's name unless given.

    Yields:
        A record and None while training; at the end the last record with the finished, saved model.

    Raises:
        ValueError: unknown system, or a saved training state that does not fit.
    """
    system = get_system(name)
    weights = Path(path).with_suffix(".safetensors")
    weights.parent.mkdir(parents=True, exist_ok=True)
    data_key, fit_key = jax.random.split(jax.random.key(seed))
    states = system.simulate_array(data_key, preset.num_samples + preset.num_validation)
    standardizer, x0 = _standardised(states, preset.noise)
    training, validation = x0[: preset.num_samples], x0[preset.num_samples :]
    network = network_config(*system.layout.shape, num_known=preset.num_known)
    record, state_paths = None, []
    for phase, config in enumerate(filter(None, (preset.training, preset.polishing))):
        state_paths.append(weights.with_suffix(f".{phase}.state"))
        key, initial = jax.random.fold_in(fit_key, phase), None if record is None else record.denoiser
        for record in fit(
            key,
            training,
            network,
            config,
            validation=validation,
            state_path=state_paths[-1],
            initial=initial,
            num_known=preset.num_known,
        ):
            yield record, None
    assert record is not None  # noqa: S101 - a phase ends with a record
    card = _card(system, model_name or weights.stem, preset, seed, record)
    model = Model(
        denoiser=record.denoiser,
        layout=system.layout,
        standardizer=standardizer,
        initial=record.denoiser.law,
        card=card,
    )
    save_checkpoint(model, weights)
    for state_path in state_paths:
        state_path.unlink(missing_ok=True)
    yield record, model


def _standardised(states: np.ndarray, noise: str) -> tuple[Standardizer, np.ndarray]:
    standardizer = Standardizer.fit(states, noise=noise)
    chunks = (states[start : start + _CHUNK] for start in range(0, len(states), _CHUNK))
    x0 = [np.asarray(standardizer.standardize(jnp.asarray(chunk, jnp.float32))) for chunk in chunks]
    return standardizer, np.concatenate(x0)


def _kind(preset: Preset) -> str:
    if preset.num_known:
        return f"Diffusion model that forecasts from the first {preset.num_known} states"
    return "Unconditional diffusion model"


def _card(system: System, name: str, preset: Preset, seed: int, record: TrainingRecord) -> dict[str, Any]:
    device = jax.devices()[0]
    return {
        "name": name,
        "system": system.name,
        "description": f"{_kind(preset)} of {system.description}",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "training": {
            "data": f"{preset.num_samples} trajectories simulated from seed {seed}",
            **dataclasses.asdict(preset.training),
            "polishing": None if preset.polishing is None else dataclasses.asdict(preset.polishing),
            "noise": preset.noise,
            "seed": seed,
            "final_loss": record.loss,
            "validation_loss": record.validation_loss,
            "seconds_of_last_process": round(record.seconds),
            "device": f"{device.platform} ({device.device_kind}), {platform.machine()}",
            "versions": {package: version(package) for package in ("diffuse-ui", "jax", "flax", "optax")},
        },
    }
