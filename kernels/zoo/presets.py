"""How models are made from systems: simulate, standardise, fit, and say so in the card.

The models in this folder were trained with "shipped", "standard", "short", "further", "forecast",
"small_forecast", "expert" and "exemplars" (each card has the numbers and the seed); anyone can rerun them. Training is
resumable: the state lies beside the model until it is finished.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from kernels.checkpoints import save_checkpoint, weights_path
from kernels.diffusion import GaussianLaw
from kernels.models import Model
from kernels.networks.sizing import network_config
from kernels.networks.unet import UNetConfig
from kernels.systems import System, get_system
from kernels.training import TrainingConfig, TrainingRecord, fit, initialize
from kernels.trajectories import Standardizer
from kernels.zoo.describing import made_now, training_facts
from kernels.zoo.starting import (
    beside,
    looking_at,
    num_exemplars,
    num_parameters,
    require_unseen,
    trained_part,
)

__all__ = ["PRESETS", "Preset", "is_unfinished", "standardised", "train_system"]

_CHUNK = 65_536  # trajectories standardised together
MAX_VALUES = 256_000_000  # numbers in all training trajectories, 1 GB in single precision


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """Amount of data and of training.

    Attributes:
        num_samples: simulated training trajectories, fewer where these are more than `MAX_VALUES` numbers.
        num_validation: further ones, held out.
        training: see `TrainingConfig`.
        polishing: a second training, from the first one's result, or None.
        noise: colour of the perturbing noise, see `kernels.covariances`.
        num_exemplars: further simulated trajectories that the network is to look at, see `kernels.references`.
        num_known: first states that the model is to know, see `kernels.forecasts`; 0 for none.
        small: half the widths, see `network_config`: a quarter of the size and of the time.
        dtype: in which weights are written, see `save_checkpoint`.
    """

    num_samples: int
    num_validation: int = 2048
    training: TrainingConfig
    polishing: TrainingConfig | None = None
    noise: str = "white"
    num_exemplars: int = 0
    num_known: int = 0
    small: bool = False
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.num_exemplars and (self.num_known or self.training.levels is not None):
            raise ValueError("`num_exemplars` must be 0 for a forecast, and for an expert of some levels.")

    def samples_of(self, system: System) -> int:
        """Number of training trajectories of a system."""
        return min(self.num_samples, MAX_VALUES // math.prod(system.layout.shape))

    def network_of(self, system: System) -> UNetConfig:
        """Architecture for a system."""
        few = 0 if self.small else None
        return network_config(
            *system.layout.shape, num_known=self.num_known, num_samples=few, ring=system.ring
        )


PRESETS = {
    "shipped": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(),
        polishing=TrainingConfig(
            num_steps=6000, batch_size=512, learning_rate=5e-4, warmup=50, cooldown=0.9, middle_share=0.5
        ),
        dtype="float16",
    ),
    "forecast": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=10_000, batch_size=128, cooldown=0.7),
        num_known=3,
        dtype="float16",
    ),
    "small_forecast": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=8_000, batch_size=128, cooldown=0.7),
        num_known=3,
        small=True,
        dtype="float16",
    ),
    "standard": Preset(
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=12_000, batch_size=128, cooldown=0.7, middle_share=0.3),
        dtype="float16",
    ),
    "short": Preset(  # half of "standard"; "further" can follow
        num_samples=1_000_000,
        training=TrainingConfig(num_steps=6_000, batch_size=128, cooldown=0.7, middle_share=0.3),
        dtype="float16",
    ),
    "further": Preset(  # from a trained model
        num_samples=1_000_000,
        training=TrainingConfig(
            num_steps=10_000, batch_size=128, learning_rate=1e-3, cooldown=0.8, middle_share=0.3
        ),
        dtype="float16",
    ),
    "expert": Preset(  # beside a trained model, for the noise levels that decide what a trajectory does
        num_samples=1_000_000,
        training=TrainingConfig(
            num_steps=6_000, batch_size=128, learning_rate=1e-3, warmup=100, cooldown=0.8, levels=(0.4, 12.0)
        ),
        dtype="float16",
    ),
    "exemplars": Preset(  # from a trained model: it learns to look at exemplars, from targets with little scatter
        num_samples=500_000,
        num_exemplars=16_384,
        training=TrainingConfig(
            num_steps=5_000,
            batch_size=128,
            learning_rate=1e-3,
            warmup=100,
            cooldown=0.8,
            middle_share=0.5,
            num_references=16_384,
        ),
        dtype="float16",
    ),
    "quick": Preset(num_samples=100_000, training=TrainingConfig(num_steps=2_000, warmup=100)),
}


def train_system(
    name: str,
    path: str | Path,
    *,
    preset: Preset,
    seed: int = 0,
    model_name: str | None = None,
    start: Model | None = None,
) -> Iterator[tuple[TrainingRecord, Model | None]]:
    """Train a model of one of the systems and save it.

    Args:
        name: a name of `available_systems`.
        path: where the model goes, with or without `.safetensors`.
        preset: how much.
        seed: the one integer seed; data, initial weights and noise follow from it.
        model_name: name in the card; the file's name unless given.
        start: a trained model to go on from, in its units; an untrained one unless given.

    Yields:
        A record and None while training; at the end the last record with the finished, saved model.

    Raises:
        ValueError: unknown system, a model to start from that is not one of it, knows other states or was
            trained from the same seed, or a damaged training state.
    """
    system = get_system(name)
    levels = preset.training.levels
    if start is None and levels is not None:
        raise ValueError("an expert is trained beside a model; name one to `start` from.")
    initial = None
    if start is not None:
        require_unseen(start, seed)
        initial = trained_part(start, system.layout, num_known=preset.num_known, expert=levels is not None)
    weights = weights_path(path)
    weights.parent.mkdir(parents=True, exist_ok=True)
    data_key, fit_key = jax.random.split(jax.random.key(seed))
    standardizer, (training, validation, exemplars) = _data(system, preset, data_key, start)
    network = preset.network_of(system)
    if preset.num_exemplars:
        initial = looking_at(exemplars, initial or initialize(network, GaussianLaw.fit(training), fit_key))
    record, state_paths = None, []
    for phase, config in enumerate(filter(None, (preset.training, preset.polishing))):
        state_paths.append(_state_path(weights, _asked(system, preset, seed, start), phase))
        for record in fit(
            jax.random.fold_in(fit_key, phase),
            training,
            network,
            config,
            validation=validation,
            state_path=state_paths[-1],
            initial=initial,
            num_known=preset.num_known,
        ):
            yield record, None
            initial = record.denoiser
    assert record is not None  # noqa: S101 - a phase ends with a record
    denoiser = beside(start, record.denoiser, levels)
    size = num_parameters(denoiser)
    card = _card(system, model_name or weights.stem, preset, seed, record, start, size)
    model = Model(
        denoiser=denoiser,
        layout=system.layout,
        standardizer=standardizer,
        initial=record.denoiser.law,
        card=card,
    )
    save_checkpoint(model, weights, dtype=preset.dtype)
    for state_path in state_paths:
        state_path.unlink(missing_ok=True)
    yield record, model


def _data(
    system: System, preset: Preset, key: PRNGKeyArray, start: Model | None
) -> tuple[Standardizer, list[np.ndarray]]:
    """Standardiser, and trajectories to train on, to validate and to look at, in its units."""
    parts = [preset.samples_of(system), preset.num_validation, preset.num_exemplars]
    states = system.simulate_array(key, sum(parts))
    if start is None:
        increments = [variable in system.increments for variable in system.variables]
        standardizer, x0 = standardised(states, preset.noise, increments)
    else:
        standardizer, x0 = start.standardizer, _in_units_of(start.standardizer, states)
    return standardizer, np.split(x0, np.cumsum(parts[:-1]))


def standardised(
    states: np.ndarray, noise: str = "white", increments: Sequence[bool] | None = None
) -> tuple[Standardizer, np.ndarray]:
    """A standardiser fitted to an ensemble (sample, time, variable), and the ensemble in its units."""
    standardizer = Standardizer.fit(states, noise=noise, increments=increments)
    return standardizer, _in_units_of(standardizer, states)


def _in_units_of(standardizer: Standardizer, states: np.ndarray) -> np.ndarray:
    chunks = (states[start : start + _CHUNK] for start in range(0, len(states), _CHUNK))
    return np.concatenate(
        [np.asarray(standardizer.standardize(jnp.asarray(chunk, jnp.float32))) for chunk in chunks]
    )


def is_unfinished(name: str, path: str | Path, *, preset: Preset, seed: int, start: Model | None) -> bool:
    """Whether `train_system` with these arguments was begun and has not ended, so that it would go on."""
    asked = _asked(get_system(name), preset, seed, start)
    return any(_state_path(weights_path(path), asked, phase).exists() for phase in range(2))


def _state_path(weights: Path, asked: str, phase: int) -> Path:
    return weights.with_suffix(f".{asked}-{phase}.state")


def _asked(system: System, preset: Preset, seed: int, start: Model | None) -> str:
    """Hash of all choices: another training never resumes from this one's state."""
    choices = [
        *_facts(system),
        dataclasses.asdict(preset),
        seed,
        None if start is None else start.fingerprint,
    ]
    return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()[:8]


def _facts(system: System) -> list[Any]:
    """What tells a system from another one of its name: its laws at one state, and how it is observed."""
    state = system.draw_initial(jax.random.key(0))
    moved = system.vector_field or system.stepper(system.step)  # type: ignore[misc] - it has one of them
    numbers = np.concatenate([np.ravel(np.asarray(of(state))) for of in (moved, system.observe)])
    times = (system.step, system.num_times, system.burn_in, system.substeps)
    return [system.name, [f"{number:.4g}" for number in numbers], *times, system.increments, system.ring]


def _kind(preset: Preset) -> str:
    if preset.num_known:
        return f"Diffusion model that forecasts from the first {preset.num_known} states"
    return "Unconditional diffusion model"


def _card(
    system: System,
    name: str,
    preset: Preset,
    seed: int,
    record: TrainingRecord,
    start: Model | None,
    size: int,
) -> dict[str, Any]:
    return {
        "name": name,
        "system": system.name,
        "description": f"{_kind(preset)} of {system.description}",
        "created": made_now(),
        "training": {
            "data": f"{preset.samples_of(system)} trajectories simulated from seed {seed}",
            **dataclasses.asdict(preset.training),
            "polishing": None if preset.polishing is None else dataclasses.asdict(preset.polishing),
            "noise": preset.noise,
            "exemplars": num_exemplars(record.denoiser),
            "seen_as_increments": list(system.increments),
            "dtype": preset.dtype,
            "parameters": size,
            "seed": seed,
            **({} if start is None else {"started_from": start.card.get("training", {"name": start.name})}),
            **training_facts(record),
        },
    }
