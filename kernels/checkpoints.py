"""Models on disk: weights as safetensors, everything else as a JSON card beside them.

`name.safetensors` holds the tensors (network, standardiser, law of the data); `name.json` holds
the card: architecture, layout, training data, measured fidelity. No pickle, nothing executable.

Weights and the basis of the law may be kept in half precision; they are float32 again when they are
read, and the basis orthonormal: rounding turns its directions by about 5e-6, which mixes variances far
below the finest noise level. The held-out part of a recording is the truth, and is kept as it was read: a
value that a threshold equals is on the same side of it for ever.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from kernels.denoisers.exemplars import Exemplars
from kernels.denoisers.expert import ExpertDenoiser
from kernels.denoisers.forecast import ForecastDenoiser
from kernels.denoisers.network import NetworkDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.files import replacing, save_tensors
from kernels.models import Model
from kernels.networks.unet import UNet, UNetConfig
from kernels.recordings.windows import Segment
from kernels.systems import available_systems, get_system
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

__all__ = ["load_checkpoint", "read_card", "save_checkpoint", "weights_path", "write_card"]

FORMAT_VERSION = 1
DTYPES = ("float32", "float16")


def weights_path(path: str | Path) -> Path:
    """Path of a model's weights, ending with `.safetensors`; a dot in a name is no ending."""
    path = Path(path)
    return path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")


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
    if not isinstance(denoiser, NetworkDenoiser | ForecastDenoiser):
        raise ValueError(f"only network denoisers can be saved; got {type(denoiser).__name__}.")
    network = nnx.merge(denoiser.graph, denoiser.params)
    weights = weights_path(path)
    weights.parent.mkdir(parents=True, exist_ok=True)
    tensors = _weights("network", denoiser.params, dtype)
    if expert is not None:
        tensors |= _weights("expert", expert.expert.params, dtype)
    if isinstance(denoiser, NetworkDenoiser) and denoiser.exemplars is not None:
        tensors["exemplars.points"] = np.asarray(denoiser.exemplars.points, dtype)
    tensors |= {
        f"standardizer.{k}": np.asarray(v) for k, v in model.standardizer._asdict().items() if v is not None
    }
    tensors |= {f"law.{k}": np.asarray(v) for k, v in model.initial._asdict().items()}
    tensors |= _part_tensors("held_out", model.held_out) | _part_tensors("training", model.training_data)
    tensors["law.basis"] = np.asarray(tensors["law.basis"], dtype)
    card = dict(model.card) | {
        "format_version": FORMAT_VERSION,
        "architecture": {"type": "unet", **network.config.to_dict()},
        "expert_levels": None if expert is None else list(expert.levels),
        "num_known": model.num_known,
        "epsilon_scale": _scale_of(denoiser),
        "layout": model.layout.to_dict(),
    }
    text = _card_text(card)
    with replacing(weights.with_suffix(".json"), weights) as (new_card, new_weights):
        save_tensors(tensors, new_weights)
        new_card.write_text(text, encoding="utf-8")
    return weights


def _scale_of(denoiser: NetworkDenoiser | ForecastDenoiser) -> float | None:
    scale = denoiser.epsilon_scale if isinstance(denoiser, NetworkDenoiser) else None
    return None if scale is None else float(f"{float(scale):.6g}")


def _weights(name: str, params: Any, dtype: str) -> dict[str, np.ndarray]:
    return {f"{name}.{i:04d}": np.asarray(leaf, dtype) for i, leaf in enumerate(jax.tree.leaves(params))}


def write_card(path: str | Path, card: Mapping[str, Any]) -> None:
    """Write the card of a model and leave its weights as they are."""
    text = _card_text(card)
    with replacing(weights_path(path).with_suffix(".json")) as (new,):
        new.write_text(text, encoding="utf-8")


def _card_text(card: Mapping[str, Any]) -> str:
    return json.dumps(card, indent=2, ensure_ascii=False) + "\n"


def read_card(path: str | Path) -> dict[str, Any]:
    """Read a model's card; the weights must be there and whole, but are not read.

    Raises:
        ValueError: a file is missing or damaged, or the card is of a newer format.
    """
    weights = weights_path(path)
    card_path = weights.with_suffix(".json")
    for needed in (weights, card_path):
        if not needed.is_file():
            raise ValueError(f"no file {needed}. A model is a pair: {weights.name} and {card_path.name}.")
    try:
        card = json.loads(_read_text(card_path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"the card {card_path} is not valid JSON ({error}). Copy or train the model again."
        ) from error
    if not isinstance(card, dict) or card.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"the card of {weights} must have format_version {FORMAT_VERSION}. "
            "A newer diffuse-ui may be needed."
        )
    with _damage_named(weights), safe_open(weights, "np"):
        return card


def _read_text(path: Path) -> str:
    """Text of a file in UTF-8, or in the locale's encoding, as older cards were written."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return path.read_text(encoding="locale")


@contextmanager
def _damage_named(weights: Path) -> Iterator[None]:
    """Turn an error of the safetensors library into a ValueError that names the file."""
    try:
        yield
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"the weights {weights} are truncated or damaged ({error}). Copy or train the model again."
        ) from error


def load_checkpoint(path: str | Path) -> Model:
    """Read a model written by `save_checkpoint`.

    The observables of a system of one's own come with it if the system is registered by then.

    Raises:
        ValueError: a file is missing, truncated, of a newer format, or does not fit its card.
    """
    weights, card = weights_path(path), read_card(path)
    with _damage_named(weights):
        tensors = load_file(weights)
    return _assemble(weights, card, tensors)


def _assemble(weights: Path, card: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
    try:
        architecture = {k: v for k, v in card["architecture"].items() if k != "type"}
        config = UNetConfig.from_dict(architecture)
        layout = _layout(card)
        optional = {name: tensors.get(f"standardizer.{name}") for name in ("noise", "increments")}
        standardizer = Standardizer(
            *(jnp.asarray(tensors[f"standardizer.{name}"]) for name in ("mean", "scale")),
            **{name: None if value is None else jnp.asarray(value) for name, value in optional.items()},
        )
        law = GaussianLaw(
            jnp.asarray(tensors["law.mean"]),
            jnp.asarray(_orthonormal(tensors["law.basis"])),
            jnp.asarray(tensors["law.variances"]),
        )
        num_known, levels = int(card.get("num_known", 0)), card.get("expert_levels")
        experts = None if levels is None else _pair(weights, levels)
        scale = _epsilon_scale(weights, card)
        held_out = _held_out(tensors, standardizer, layout.num_times)
        training_data = _part("training", tensors, layout.num_times)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the model {weights} lacks {error}. Copy or train the model again.") from error
    denoiser = _denoiser(weights, config, law, tensors, num_known, experts)
    return Model(
        denoiser=denoiser if isinstance(denoiser, ForecastDenoiser) else denoiser.scaled(scale),
        layout=layout,
        standardizer=standardizer,
        initial=law,
        card=card,
        held_out=held_out,
        training_data=training_data,
    )


def _denoiser(
    weights: Path,
    config: UNetConfig,
    law: GaussianLaw,
    tensors: Mapping[str, np.ndarray],
    num_known: int,
    expert_levels: tuple[float, float] | None,
) -> NetworkDenoiser | ForecastDenoiser | ExpertDenoiser:
    graph, template = nnx.split(nnx.eval_shape(lambda: UNet(config, rngs=nnx.Rngs(0))))
    expected, structure = jax.tree.flatten(template)

    def params(name: str) -> Any:
        found = sorted(key for key in tensors if key.startswith(f"{name}."))
        leaves = [jnp.asarray(tensors[key], jnp.float32) for key in found]
        if [leaf.shape for leaf in expected] != [leaf.shape for leaf in leaves]:
            raise ValueError(
                f"the weights {weights} do not fit the architecture in their card. "
                "Copy or train the model again."
            )
        return jax.tree.unflatten(structure, leaves)

    if num_known:
        return ForecastDenoiser.of(graph, params("network"), law, num_known)
    exemplars = _exemplars(weights, config, law, tensors)
    general = NetworkDenoiser(graph, params("network"), law, exemplars)
    if expert_levels is None:
        return general
    expert = NetworkDenoiser(graph, params("expert"), law, exemplars)
    return ExpertDenoiser(general, expert, expert_levels)


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
            f"`expert_levels` in the card of {weights} must be two noise levels; got {levels!r}."
        )
    return float(levels[0]), float(levels[1])


def _epsilon_scale(weights: Path, card: Mapping[str, Any]) -> float | None:
    """Factor of the noise estimate, from the card, checked."""
    scale = card.get("epsilon_scale")
    if scale is not None and (not isinstance(scale, int | float) or not 0.5 <= scale <= 1.5):
        raise ValueError(f"`epsilon_scale` in the card of {weights} must be a number near 1; got {scale!r}.")
    return scale


def _part_tensors(name: str, part: Segment | None) -> dict[str, np.ndarray]:
    """Tensors of a part of a recording, with its values bit for bit."""
    if part is None:
        return {}
    moments = part.moments
    return {
        f"{name}.values": np.asarray(part.series, np.float32),
        f"{name}.starts": part.starts.astype(np.int64),
        **({} if moments is None else {f"{name}.moments": moments.astype(np.int64)}),
    }


def _part(name: str, tensors: Mapping[str, np.ndarray], length: int) -> Segment | None:
    if f"{name}.values" not in tensors:
        return None
    return Segment(
        tensors[f"{name}.values"], tensors[f"{name}.starts"], length, tensors.get(f"{name}.moments")
    )


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


def _layout(card: Mapping[str, Any]) -> Layout:
    fields = card["layout"]
    system = card.get("system")
    observables = get_system(system).observables if system in available_systems() else {}
    return Layout(
        variables=tuple(fields["variables"]),
        times=np.asarray(fields["times"]),
        time_units=fields["time_units"],
        variable_units=fields["variable_units"],
        observables=observables,
    )
