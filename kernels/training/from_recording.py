"""Training of a model of one's own data: from a file to a model in ten minutes.

    model = train_on("my.nc", variables=["T", "Q"], window=60, name="my-model")

The recording is read, made even, cut into windows and split by time (`kernels.recordings`); a network
of the size that suits the data is trained on the first part and stopped when the loss of the second no
longer falls; the third, which nothing has looked at, is kept with the model as the truth that it is
compared with. What is on disk is always the best model so far: whatever stops the training, that stays,
and the same call again goes on from where it was.
"""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kernels.checkpoints import load_checkpoint, save_checkpoint
from kernels.denoisers.conditional import ConditionalDenoiser
from kernels.diffusion.gaussian import require_fittable
from kernels.files import locked
from kernels.models import Model
from kernels.networks.sizing import network_config, network_cost
from kernels.recordings.seasons import asked_cycles, conditions_of
from kernels.recordings.windows import part_dates, recording_layout
from kernels.training.bounds import Bounds, Differences, require_bounds, require_differences, require_used
from kernels.training.calibration import calibrated
from kernels.training.data import TrainingData, fit_record_margins, read_windows, training_data
from kernels.training.ending import best_so_far, is_stale, write_ending
from kernels.training.further import (
    chosen_before,
    further_config,
    further_of,
    network_of,
    require_same,
    require_same_units,
    shifted,
    state_suffix,
)
from kernels.training.loop import TrainingRecord, fit
from kernels.training.margins import MARGINS
from kernels.training.plans import Plan
from kernels.training.presets import require_noise
from kernels.training.provenance import made_now, training_facts
from kernels.training.steps import record_config, require_preset
from kernels.zoo import available_models, require_name, user_models

__all__ = ["Plan", "plan_further", "plan_training", "train_on", "training"]

PATIENCE = 8  # records without a lower validation loss, after which training stops
MAX_VALIDATION = 2_048  # windows whose loss is worked out at each record


def plan_training(
    source: Any,
    *,
    name: str,
    variables: Sequence[str] | None = None,
    window: int = 60,
    stride: int | None = None,
    time: str | None = None,
    gaps: str | None = None,
    resample: float | None = None,
    num_known: int = 0,
    num_steps: int | None = None,
    preset: str = "standard",
    noise: str = "white",
    margins: str = "pareto",
    bounds: Bounds | None = None,
    positive: Sequence[str] | str | None = None,
    difference: Differences | None = None,
    seasons: str | Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    path: str | Path | None = None,
    seed: int = 0,
    **reading: Any,
) -> Plan:
    """Read the data and decide how to train; see `train_on` for the arguments.

    Raises:
        ValueError: data that need a choice, too few of them, or an argument outside its domain.
    """
    require_name(name)
    if num_steps is not None and num_steps < 1:
        raise ValueError(f"`num_steps` must be at least 1; got {num_steps}.")
    require_preset(preset, num_steps)
    _require_window(window)
    if not 0 <= num_known < window:
        raise ValueError(f"`num_known` must be at least 0 and less than `window`; got {num_known}.")
    require_noise(noise, num_known)
    if margins not in MARGINS:
        raise ValueError(f"`margins` must be one of {', '.join(MARGINS)}; got {margins!r}.")
    require_used(margins, bounds=bounds, positive=positive, difference=difference)
    cutting = {"window": window, "stride": stride, "gaps": gaps, "resample": resample}
    recording, split, raw = read_windows(source, variables, covariates, **cutting, time=time, **reading)
    asked = asked_cycles(seasons, covariates, num_known)
    split, conditions, features = conditions_of(recording, split, raw, asked, covariates)
    layout = recording_layout(recording, window)
    choices = {"variables": list(recording.variables), "window": window, "stride": split.stride}
    choices |= {"gaps": gaps, "resample": resample, "noise": noise, "margins": margins}
    limits = require_bounds(bounds, recording.variables, positive)
    partners = require_differences(difference, recording.variables, limits)
    choices |= {"bounds": {variable: list(pair) for variable, pair in limits.items()}}
    choices |= {"difference": [list(pair) for pair in partners.items()]}
    choices |= {"seasons": list(conditions.cycles) if conditions else [], "covariates": list(covariates)}
    fitted = None if margins == "none" else fit_record_margins(recording, split, limits, partners)
    num_scores = layout.num_variables if fitted is None else fitted.margins.num_scores
    require_fittable(window, num_scores)
    choices |= reading
    folder = user_models() if path is None else Path(path)
    return Plan(
        name=name,
        weights=folder / f"{name}.safetensors",
        recording=recording,
        split=split,
        layout=layout,
        network=network_config(
            window,
            num_scores,
            num_known=num_known,
            num_conditions=0 if conditions is None else conditions.num_features,
            num_samples=len(split.training),
        ),
        config=record_config(len(split.training), num_steps, preset),
        num_known=num_known,
        seed=seed,
        choices=choices,
        margins=fitted,
        conditions=conditions,
        features=features,
    )


def plan_further(
    source: Any, *, name: str, more_steps: int, path: str | Path | None = None, **choices: Any
) -> Plan:
    """Plan of more steps for a finished model of a record.

    Args:
        source: the data that it was trained on.
        name: of the model.
        more_steps: further optimiser steps.
        path: its folder; the user's own unless given.
        **choices: of `train_on`; those of the model unless given.

    Raises:
        ValueError: no such model, an unfinished one, other data, or other choices.
    """
    require_name(name)
    weights = (user_models() if path is None else Path(path)) / f"{name}.safetensors"
    further = further_of(weights, more_steps, choices)
    told = chosen_before(further.model, choices)
    plan = plan_training(source, name=name, num_steps=more_steps, path=path, **told)
    require_same(further.model, plan.choices, plan.num_known, plan.split.training_data)
    config = further_config(plan.config, more_steps)
    return plan._replace(further=further, network=network_of(further.model), config=config)


def _require_window(window: Any) -> None:
    """Raise ValueError for a wrong window before the data are read."""
    if isinstance(window, bool) or not isinstance(window, int | np.integer) or window < 2:
        raise ValueError(f"`window` must be a whole number of steps, at least 2; got {window!r}.")


def training(
    plan: Plan, *, stopped: Callable[[], bool] | None = None
) -> Generator[tuple[TrainingRecord, Model | None], None, None]:
    """Train by a plan; yields records, and each model that is the best so far, saved.

    From the first record to the last, or until the generator is closed, nobody else can train under that name.

    Args:
        plan: what was decided.
        stopped: asked after each step; when it says so, training ends, and the same plan goes on from the
            last record.

    Raises:
        ValueError: a model of that name that this plan has not made, one that is being trained, or a damaged
            training state.
        FloatingPointError: the loss is no longer finite.
        OSError: the model or the training state cannot be written.
    """
    plan.weights.parent.mkdir(parents=True, exist_ok=True)
    with locked(plan.weights, f"model {plan.name} is being trained"):
        yield from _trained(plan, stopped)


def _trained(
    plan: Plan, stopped: Callable[[], bool] | None
) -> Generator[tuple[TrainingRecord, Model | None], None, None]:
    noise, features = plan.choices["noise"], plan.features
    data = training_data(plan.recording, plan.split, plan.margins, noise=noise, seed=plan.seed)
    x0, held = data.training, data.validation
    some = np.linspace(0, len(held) - 1, min(MAX_VALIDATION, len(held))).round().astype(int)
    validation = held[some]
    further, mark = plan.further, _fingerprint(plan, x0)
    if further is not None:
        require_same_units(further.model, data.standardizer)
        mark = f"{state_suffix(further, plan.config.num_steps)}.{mark}"
    state_path = plan.weights.with_suffix(f".{mark}.state")
    if further is None:
        _require_free(plan, state_path)
    best = best_so_far(plan.weights) if further is not None or state_path.exists() else np.inf
    key = jax.random.key(plan.seed)
    records = fit(
        key if further is None else jax.random.fold_in(key, further.before),
        x0,
        plan.network,
        plan.config,
        validation=validation,
        state_path=state_path,
        initial=None if further is None else further.denoiser,
        num_known=plan.num_known,
        conditions=None if features is None else (features[0], features[1][some]),
        stopped=stopped,
        epoch=data.epoch if len(data.draws) > 1 else None,
    )
    for record in records:
        model, told = None, shifted(record, further)
        if record.validation_loss < best:
            best = record.validation_loss
            model = _model(plan, data, told)
            save_checkpoint(model, plan.weights)
        early = is_stale(record, PATIENCE)
        write_ending(plan.weights, record, told.step, early=early)
        yield told, model
        if early:
            break
    if stopped is None or not stopped():
        if plan.margins is not None:
            save_checkpoint(calibrated(load_checkpoint(plan.weights), plan.seed), plan.weights)
        state_path.unlink(missing_ok=True)


def train_on(
    source: Any,
    *,
    name: str,
    on_record: Callable[[TrainingRecord], Any] | None = None,
    more_steps: int | None = None,
    **choices: Any,
) -> Model:
    """Train a model of one's own data, save it under a name, and return it.

    Args:
        source: path of a NetCDF, Zarr, CSV or Parquet file, or a Dataset or DataFrame: a long recording
            over time, or an ensemble state(sample, time, variable).
        name: of the model; `load_model(name)` finds it from now on.
        on_record: called with each `TrainingRecord`, for progress.
        more_steps: how many more for the finished model of that name, from these data and with its choices; it gives
            way to a better one only. None for a new model.
        **choices: `variables` (which, in this order; all unless given), `window` (60 steps), `stride` (steps
            between the starts of windows; by the amount of data unless given), `time` (name of the time
            dimension or column), `gaps` ("drop" or "interpolate", needed where values are missing),
            `resample` (length of a step in the recording's unit of time, needed where times are uneven;
            dates are in days, hours, minutes or seconds, by their median step), `num_known` (first states that a
            forecasting model knows), `num_steps` (of the optimiser; by the amount of data unless given),
            `preset` ("standard"; "quick": a third of the steps),
            `seasons` (inputs of the network: "none" or some of "year", "day", "week"; those that the record's dates
            span unless given), `covariates` (series of the source that are inputs rather than variables),
            `noise` (colour of the perturbing noise: "white", "pink" or "brown"; white for forecasts),
            `margins` ("pareto": the network sees normal scores, see `kernels.trajectories.margins`; "none": values),
            `bounds` (variable → its lowest and highest possible value, None for an open end), `positive` (variables
            that are never negative), `difference` (pairs (a, b) of which a is never below b, as in
            [("tmax", "tmin")]: modelled as b and a difference, so that every sample keeps the order),
            `path` (folder of the model; the user's own unless given), `seed`; and answers to what a file does not
            tell, as `missing=-9999`, see `kernels.recordings.choices`.

    Returns:
        The best model of the training: also when it is interrupted (Ctrl-C), if there is one by then, of
        this call or of one before that it goes on from.

    Raises:
        ValueError: data that need a choice, too few of them, an argument outside its domain, a name that is
            taken by another model or another training, or windows of more numbers than there is memory for.
        FloatingPointError: the loss is no longer finite.
        OSError: the model cannot be written.
        KeyboardInterrupt: interrupted before there was a model.
    """
    if more_steps is None:
        plan = plan_training(source, name=name, **choices)
    else:
        plan = plan_further(source, name=name, more_steps=more_steps, **choices)
    try:
        with closing(training(plan)) as records:
            for record, _ in records:
                if on_record is not None:
                    on_record(record)
    except KeyboardInterrupt:
        if not plan.weights.exists():
            raise
    return load_checkpoint(plan.weights)


def _require_free(plan: Plan, state_path: Path) -> None:
    """Raise ValueError if the name belongs to a finished model, or to other data or choices."""
    taken = plan.weights.exists()
    shadows = plan.weights.parent == user_models() and plan.name in available_models()
    if (taken or shadows) and not state_path.exists():
        way = f", or delete {plan.weights} first" if taken else ""
        raise ValueError(f"There is a model named {plan.name}. Give this one another name{way}.")


def _fingerprint(plan: Plan, x0: np.ndarray) -> str:
    """Hash of data and choices, so that a training never resumes from another one's state."""
    asked = [plan.network.to_dict(), dataclasses.asdict(plan.config), plan.num_known, plan.seed]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(x0).tobytes())
    for features in plan.features or ():
        digest.update(np.ascontiguousarray(features).tobytes())
    return digest.hexdigest()[:12]


def _model(plan: Plan, data: TrainingData, record: TrainingRecord) -> Model:
    denoiser, conditions = record.denoiser, plan.conditions
    if conditions is not None and isinstance(denoiser, ConditionalDenoiser):
        denoiser = denoiser.among(conditions.features(conditions.rows))
    return Model(
        denoiser=denoiser,
        layout=plan.layout,
        standardizer=data.standardizer,
        initial=record.denoiser.law,
        card=_card(plan, record) | ({} if plan.margins is None else {"margins": plan.margins.facts}),
        held_out=plan.split.held_out,
        training_data=plan.split.training_data,
        conditions=conditions,
    )


def _card(plan: Plan, record: TrainingRecord) -> dict[str, Any]:
    recording, split = plan.recording, plan.split
    windows = {"training": len(split.training), "validation": len(split.validation)}
    windows["held-out"] = len(split.held_out.starts)
    kind = f"forecasts from the first {plan.num_known} states" if plan.num_known else "unconditional"
    if plan.conditions is not None:
        kind = f"given {', '.join((*plan.conditions.cycles, *plan.conditions.covariates))}"
    source = Path(recording.source).name
    return {
        "name": plan.name,
        "description": f"Diffusion model ({kind}) of {', '.join(_shortened(recording.variables))} in {source}",
        "created": made_now(),
        "data": {
            "source": recording.source,
            "start": recording.start,
            "num_rows": recording.num_rows,
            "num_missing": int((~np.isfinite(recording.values)).sum()),
            "num_windows": windows,
            "split": split.by,
            "rows": split.blocks if split.by == "blocks" else split.ranges,
            "dates": part_dates(recording, split),
            "training_rows_kept": len(split.training_data.series),
            "held_out_rows_kept": len(split.held_out.series),
            "notes": list(recording.notes),
            "positions": {name: dict(place) for name, place in recording.positions.items()},
            **plan.choices,
            "choices": list(plan.choices),
        },
        "training": {
            **dataclasses.asdict(plan.config),
            "seed": plan.seed,
            "parameters": network_cost(plan.network).parameters,
            "best_step": record.step,
            **training_facts(record),
            **({} if plan.further is None else {"started_from": plan.further.earlier}),
        },
    }


def _shortened(names: Sequence[str]) -> list[str]:
    return [*itertools.islice(names, 4), *(["…"] if len(names) > 4 else [])]
