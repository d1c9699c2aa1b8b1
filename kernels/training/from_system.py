"""Training of a model of a system: simulate, standardise, fit, write the card.

Anyone can rerun it: everything follows from a preset and a seed. Training is resumable; the state lies beside
the model until it is finished.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from kernels.checkpoints import save_checkpoint, weights_path
from kernels.diffusion.gaussian import GaussianLaw
from kernels.models import Model
from kernels.systems import System, get_system
from kernels.training.loop import TrainingRecord, fit, initialize
from kernels.training.presets import Preset, require_noise
from kernels.training.provenance import made_now, training_facts
from kernels.training.warm_start import (
    expert_pair,
    looking_at,
    num_exemplars,
    num_parameters,
    require_unseen,
    trained_part,
)
from kernels.trajectories.standardizer import Standardizer

__all__ = ["is_unfinished", "train_system"]


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
    require_noise(preset.noise, preset.num_known)
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
    denoiser = expert_pair(start, record.denoiser, levels)
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
    """Standardiser, and standardised trajectories for training, validation and exemplars."""
    parts = [preset.samples_of(system), preset.num_validation, preset.num_exemplars]
    states = system.simulate_array(key, sum(parts))
    if start is None:
        increments = [variable in system.increments for variable in system.variables]
        standardizer = Standardizer.fit(states, noise=preset.noise, increments=increments)
    else:
        standardizer = start.standardizer
    x0 = standardizer.standardize_ensemble(states)
    return standardizer, np.split(x0, np.cumsum(parts[:-1]))


def is_unfinished(name: str, path: str | Path, *, preset: Preset, seed: int, start: Model | None) -> bool:
    """Whether a training with these arguments has begun and not ended."""
    asked = _asked(get_system(name), preset, seed, start)
    return any(_state_path(weights_path(path), asked, phase).exists() for phase in range(2))


def _state_path(weights: Path, asked: str, phase: int) -> Path:
    return weights.with_suffix(f".{asked}-{phase}.state")


def _asked(system: System, preset: Preset, seed: int, start: Model | None) -> str:
    """Hash of all choices, so that a training never resumes from another one's state."""
    choices = [
        *_facts(system),
        dataclasses.asdict(preset),
        seed,
        None if start is None else start.fingerprint,
    ]
    return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()[:8]


def _facts(system: System) -> list[Any]:
    """Facts that tell a system from another of its name: laws at one state, observation."""
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
