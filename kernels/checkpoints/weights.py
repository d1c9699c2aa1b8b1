"""Weights of models: tensors in a safetensors file ↔ a model.

Weights and the basis of the law may be kept in half precision; they are float32 again when they are
read, and the basis orthonormal: rounding turns its directions by about 5e-6, which mixes variances far
below the finest noise level. The held-out part of a recording is the truth, and is kept as it was read: a
value that a threshold equals is on the same side of it for ever.

The card holds the checksum of the tensors, and of those that they replaced: a process that is killed between
the two renames of a pair leaves a new card with the old weights. Files without a checksum are older.
"""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from kernels.checkpoints.cards import (
    AGAIN,
    DAMAGED,
    FORMAT_VERSION,
    card_text,
    read_card,
    weights_path,
)
from kernels.checkpoints.soundness import conditions_of, require_sound
from kernels.denoisers.conditional import ConditionalDenoiser, padded
from kernels.denoisers.exemplars import Exemplars
from kernels.denoisers.expert import ExpertDenoiser
from kernels.denoisers.forecast import ForecastDenoiser, Regression
from kernels.denoisers.network import NetworkDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.files import UnreadableError, load_tensors, readable, replacing, save_tensors, tensors_digest
from kernels.models import Model
from kernels.names import shown
from kernels.networks.unet import UNet, UNetConfig
from kernels.recordings.conditions import Conditions
from kernels.recordings.windows import Segment
from kernels.systems import available_systems, get_system
from kernels.trajectories.layout import Layout
from kernels.trajectories.margins import Margins
from kernels.trajectories.standardizer import Standardizer

__all__ = ["load_checkpoint", "save_checkpoint"]

DTYPES = ("float32", "float16")
_MAPS = ("standardizer", "margins")
CONDITIONS = ("rows", "centre", "scale")  # tensors of conditions


def save_checkpoint(model: Model, path: str | Path, *, dtype: str = "float32") -> Path:
    """Write a trained model.

    Args:
        model: a model whose denoiser is a network.
        path: with or without the ending `.safetensors`; the card goes beside it.
        dtype: "float32", or "float16" for weights of half the size.

    Returns:
        Path of the weights.

    Raises:
        ValueError: the denoiser is no network, or another `dtype`.
        OSError: it cannot be written; a model that was there stays.
    """
    if dtype not in DTYPES:
        raise ValueError(f"`dtype` must be one of {', '.join(DTYPES)}; got {dtype!r}.")
    denoiser, expert = model.denoiser, None
    if isinstance(denoiser, ExpertDenoiser):
        denoiser, expert = denoiser.general, denoiser
    if not isinstance(denoiser, NetworkDenoiser | ForecastDenoiser | ConditionalDenoiser):
        raise ValueError(f"only network denoisers can be saved; got {type(denoiser).__name__}.")
    network = nnx.merge(denoiser.graph, denoiser.params)
    weights = weights_path(path)
    weights.parent.mkdir(parents=True, exist_ok=True)
    tensors = _weights("network", denoiser.params, dtype)
    if expert is not None:
        tensors |= _weights("expert", expert.expert.params, dtype)
    if isinstance(denoiser, NetworkDenoiser) and denoiser.exemplars is not None:
        tensors["exemplars.points"] = np.asarray(denoiser.exemplars.points, dtype)
    tensors |= _standardizer_tensors(model.standardizer)
    tensors |= {f"law.{k}": np.asarray(v) for k, v in model.initial._asdict().items()}
    tensors |= _part_tensors("held_out", model.held_out) | _part_tensors("training", model.training_data)
    tensors |= _condition_tensors(model)
    tensors["law.basis"] = np.asarray(tensors["law.basis"], dtype)
    card = dict(model.card) | {
        "format_version": FORMAT_VERSION,
        "architecture": {"type": "unet", **network.config.to_dict()},
        "expert_levels": None if expert is None else list(expert.levels),
        "num_known": model.num_known,
        "epsilon_scale": _scale_of(denoiser),
        **_condition_card(model),
        "layout": model.layout.to_dict(),
        "weights_sha256": list(dict.fromkeys([tensors_digest(tensors), *_replaced(weights)])),
    }
    text = card_text(card)
    with replacing(weights.with_suffix(".json"), weights) as (new_card, new_weights):
        save_tensors(tensors, new_weights)
        new_card.write_text(text, encoding="utf-8")
    return weights


def _replaced(weights: Path) -> list[str]:
    """Checksum of the weights that are there already, if any can be read."""
    with suppress(ValueError, OSError):
        return [tensors_digest(load_tensors(weights, DAMAGED))]
    return []


def _condition_tensors(model: Model) -> dict[str, np.ndarray]:
    """Tensors of what a model is given: the table of conditions, and the law given them."""
    conditions, denoiser = model.conditions, model.denoiser
    if conditions is None or not isinstance(denoiser, ConditionalDenoiser):
        return {}
    if conditions.clauses:
        raise ValueError(
            f"`model` must not be restricted to {conditions.text}. Save the model that it comes from."
        )
    return {
        **{f"conditions.{name}": np.asarray(getattr(conditions, name), np.float32) for name in CONDITIONS},
        **{f"regression.{name}": np.asarray(part) for name, part in denoiser.regression._asdict().items()},
    }


def _condition_card(model: Model) -> dict[str, Any]:
    if model.conditions is None:
        return {}
    names = {"cycles": list(model.conditions.cycles), "covariates": list(model.conditions.covariates)}
    return {"conditions": names}


def _scale_of(denoiser: NetworkDenoiser | ForecastDenoiser | ConditionalDenoiser) -> float | None:
    scale = denoiser.epsilon_scale if isinstance(denoiser, NetworkDenoiser) else None
    return None if scale is None else float(f"{float(scale):.6g}")


def _weights(name: str, params: Any, dtype: str) -> dict[str, np.ndarray]:
    return {f"{name}.{i:04d}": np.asarray(leaf, dtype) for i, leaf in enumerate(jax.tree.leaves(params))}


def load_checkpoint(path: str | Path) -> Model:
    """Read a model written by `save_checkpoint`.

    The observables of a system of one's own come with it if the system is registered by then.

    Raises:
        ValueError: a file is missing, truncated, of a newer format, or does not fit its card.
    """
    weights, card = weights_path(path), read_card(path)
    tensors = load_tensors(weights, DAMAGED)
    known = card.get("weights_sha256")
    if known is not None and tensors_digest(tensors) not in known:
        raise UnreadableError(DAMAGED.format(path=weights, error="they are not those that their card is of"))
    return _assemble(weights, card, tensors)


def _assemble(weights: Path, card: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
    config, layout = _config(weights, card), _layout(weights, card)
    require_sound(weights, tensors, layout, card)
    num_known, levels = int(card.get("num_known", 0)), card.get("expert_levels")
    if (config.num_times, config.out_features) != tensors["law.mean"].shape or num_known >= layout.num_times:
        raise UnreadableError(
            f"the architecture, layout and `num_known` in the card of {weights} do not fit. {AGAIN}"
        )
    standardizer = _standardizer(tensors)
    law = GaussianLaw(
        jnp.asarray(tensors["law.mean"]),
        jnp.asarray(_orthonormal(tensors["law.basis"])),
        jnp.asarray(tensors["law.variances"]),
    )
    conditions = _conditions(card, tensors)
    experts = None if levels is None else _pair(weights, levels)
    scale = _epsilon_scale(weights, card)
    denoiser = _denoiser(weights, config, law, tensors, num_known, experts)
    if conditions is not None and isinstance(denoiser, ConditionalDenoiser):
        denoiser = denoiser.among(conditions.features(conditions.rows))
    return Model(
        denoiser=denoiser.scaled(scale)
        if isinstance(denoiser, NetworkDenoiser | ExpertDenoiser)
        else denoiser,
        layout=layout,
        standardizer=standardizer,
        initial=law,
        card=card,
        held_out=_held_out(tensors, standardizer, layout.num_times),
        training_data=_part("training", tensors, layout.num_times),
        conditions=conditions,
    )


def _denoiser(
    weights: Path,
    config: UNetConfig,
    law: GaussianLaw,
    tensors: Mapping[str, np.ndarray],
    num_known: int,
    expert_levels: tuple[float, float] | None,
) -> NetworkDenoiser | ForecastDenoiser | ExpertDenoiser | ConditionalDenoiser:
    misfit = UnreadableError(f"the weights {weights} do not fit the architecture in their card. {AGAIN}")
    if 2 * len(config.channels) * config.num_blocks + config.num_dense > len(tensors):
        raise misfit  # a network of thousands of blocks takes long to describe
    graph, template = _structure(config)
    expected, structure = jax.tree.flatten(template)

    def params(name: str) -> Any:
        found = sorted(key for key in tensors if key.startswith(f"{name}."))
        if [leaf.shape for leaf in expected] != [tensors[key].shape for key in found]:
            raise misfit
        return jax.tree.unflatten(structure, [jnp.asarray(tensors[key], jnp.float32) for key in found])

    if num_known:
        return ForecastDenoiser.of(graph, params("network"), law, num_known)
    if "regression.gain" in tensors:
        regression = Regression(*(jnp.asarray(tensors[f"regression.{name}"]) for name in Regression._fields))
        if config.in_features != 2 * config.out_features + regression.gain.shape[1]:
            raise misfit
        table = padded(np.zeros((1, regression.gain.shape[1]), np.float32))
        return ConditionalDenoiser(graph, params("network"), law, regression, *table)
    exemplars = _exemplars(weights, config, law, tensors)
    general = NetworkDenoiser(graph, params("network"), law, exemplars)
    if expert_levels is None:
        return general
    expert = NetworkDenoiser(graph, params("expert"), law, exemplars)
    return ExpertDenoiser(general, expert, expert_levels)


@lru_cache(maxsize=16)
def _structure(config: UNetConfig) -> tuple[nnx.GraphDef, Any]:
    """Graph of a network, and its weights as shapes."""
    return nnx.split(nnx.eval_shape(lambda: UNet(config, rngs=nnx.Rngs(0))))


def _exemplars(
    weights: Path, config: UNetConfig, law: GaussianLaw, tensors: Mapping[str, np.ndarray]
) -> Exemplars | None:
    """Exemplars of a network; there are some if, and only if, the network has a third input."""
    points = tensors.get("exemplars.points")
    fits = points is None or (points.ndim == 2 and 0 < points.shape[1] <= law.basis.shape[1])
    if not fits or (points is None) != (config.in_features < 3 * config.out_features):
        raise ValueError(
            f"the exemplars in {weights} do not fit the architecture in their card. "
            "Copy or train the model again."
        )
    return None if points is None else Exemplars(jnp.asarray(points, jnp.float32))


def _pair(weights: Path, levels: Any) -> tuple[float, float]:
    """Noise levels of an expert, from the card, checked."""
    numbers = isinstance(levels, list) and all(isinstance(level, int | float) for level in levels)
    if not numbers or len(levels) != 2 or not 0 < levels[0] < levels[1]:
        raise ValueError(
            f"`expert_levels` in the card of {weights} must be two noise levels; got {shown(levels)}."
        )
    return float(levels[0]), float(levels[1])


def _epsilon_scale(weights: Path, card: Mapping[str, Any]) -> float | None:
    """Factor of the noise estimate, from the card, checked."""
    scale = card.get("epsilon_scale")
    if scale is not None and (not isinstance(scale, int | float) or not 0.5 <= scale <= 1.5):
        raise ValueError(
            f"`epsilon_scale` in the card of {weights} must be a number near 1; got {shown(scale)}."
        )
    return scale


def _standardizer_tensors(standardizer: Standardizer) -> dict[str, np.ndarray]:
    parts = standardizer._asdict()
    margins = parts.pop("margins")
    tensors = {f"standardizer.{k}": np.asarray(v) for k, v in parts.items() if v is not None}
    fields = {} if margins is None else margins._asdict()
    return tensors | {f"margins.{k}": np.asarray(v) for k, v in fields.items() if v is not None}


def _standardizer(tensors: Mapping[str, np.ndarray]) -> Standardizer:
    found = {name: jnp.asarray(value) for name, value in tensors.items() if name.split(".")[0] in _MAPS}
    margins = None
    if "margins.knots" in found:
        margins = Margins(*(found.get(f"margins.{name}") for name in Margins._fields))  # pyright: ignore[reportArgumentType]
    optional = {name: found.get(f"standardizer.{name}") for name in ("noise", "increments")}
    return Standardizer(found["standardizer.mean"], found["standardizer.scale"], **optional, margins=margins)


def _part_tensors(name: str, part: Segment | None) -> dict[str, np.ndarray]:
    """Tensors of a part of a recording, with its values bit for bit."""
    if part is None:
        return {}
    moments = part.moments
    return {
        f"{name}.values": np.asarray(part.series, np.float32),
        f"{name}.starts": part.starts.astype(np.int64),
        **({} if moments is None else {f"{name}.moments": moments.astype(np.int64)}),
        **({} if part.conditions is None else {f"{name}.conditions": part.conditions.astype(np.float32)}),
    }


def _part(name: str, tensors: Mapping[str, np.ndarray], length: int) -> Segment | None:
    if f"{name}.values" not in tensors:
        return None
    optional = (tensors.get(f"{name}.{what}") for what in ("moments", "conditions"))
    return Segment(tensors[f"{name}.values"], tensors[f"{name}.starts"], length, *optional)


def _conditions(card: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Conditions | None:
    """Conditions of a model; their tensors have been checked."""
    names = conditions_of(card)
    if names is None:
        return None
    cycles, covariates = names
    rows, centre, scale = (tensors[f"conditions.{name}"] for name in CONDITIONS)
    return Conditions(cycles, covariates, rows, centre, scale)


def _held_out(tensors: Mapping[str, np.ndarray], standardizer: Standardizer, length: int) -> Segment | None:
    part = _part("held_out", tensors, length)
    if part is not None or "held_out.series" not in tensors:
        return part
    # older files hold standardised values, which come back rounded: one equal to a threshold may change sides
    series = tensors["held_out.series"].astype(np.float32) * np.asarray(standardizer.scale)
    return Segment(series + np.asarray(standardizer.mean), tensors["held_out.starts"], length)


def _orthonormal(basis: np.ndarray) -> np.ndarray:
    """Basis (dim, rank) made orthonormal again after rounding to half precision."""
    if basis.dtype == np.float32:
        return basis
    directions, triangle = np.linalg.qr(basis.astype(np.float64))
    return (directions * np.sign(np.diag(triangle))).astype(np.float32)


def _config(weights: Path, card: Mapping[str, Any]) -> UNetConfig:
    with readable(weights, "the architecture in the card of {path} is none ({error}). " + AGAIN):
        return UNetConfig.from_dict({k: v for k, v in card["architecture"].items() if k != "type"})


def _layout(weights: Path, card: Mapping[str, Any]) -> Layout:
    fields = card["layout"]
    system = card.get("system")
    observables = get_system(system).observables if system in available_systems() else {}
    with readable(weights, "the layout in the card of {path} is none ({error}). " + AGAIN):
        return Layout(
            variables=tuple(fields["variables"]),
            times=np.asarray(fields["times"]),
            time_units=fields["time_units"],
            variable_units=fields["variable_units"],
            observables=observables,
        )
