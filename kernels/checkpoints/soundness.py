"""Soundness of a model's tensors: all there, of the shapes that its layout has, and finite."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kernels.checkpoints.cards import AGAIN
from kernels.denoisers.conditional import MAX_ROWS
from kernels.files import UnreadableError
from kernels.recordings.calendar import CALENDAR
from kernels.recordings.conditions import CYCLES, num_features
from kernels.trajectories.layout import Layout

__all__ = ["conditions_of", "require_sound"]

PARTS = ("held_out", "training")  # of a recording, where NaN stands for what was not measured


def require_sound(
    weights: Path, tensors: Mapping[str, np.ndarray], layout: Layout, card: Mapping[str, Any]
) -> None:
    """Raise UnreadableError if a tensor is missing, of another shape or type, or not finite.

    Args:
        weights: the file, for the message.
        tensors: all that it holds.
        layout: of the model's trajectories.
        card: the model's.
    """
    trouble = (
        _missing(tensors, layout)
        or _wrong_numbers(tensors)
        or _wrong_parts(tensors, layout)
        or _wrong_conditions(tensors, conditions_of(card))
    )
    if trouble:
        raise UnreadableError(f"the model {weights} {trouble}. {AGAIN}")


def _missing(tensors: Mapping[str, np.ndarray], layout: Layout) -> str:
    times, variables = layout.shape
    rank = tensors["law.variances"].size if "law.variances" in tensors else 0
    scores = _num_scores(tensors, variables)
    shapes = {
        "standardizer.mean": (scores,),
        "standardizer.scale": (scores,),
        "standardizer.noise": (times // 2 + 1,),
        "standardizer.increments": (scores,),
        "law.mean": (times, scores),
        "law.basis": (times * scores, rank),
        "law.variances": (rank,),
    }
    if any(name.startswith("margins.") for name in tensors):
        shapes |= _margin_shapes(tensors, variables)
    for name, shape in shapes.items():
        if name not in tensors and name not in ("standardizer.noise", "standardizer.increments"):
            return f"lacks {name!r}"
        if name in tensors and tensors[name].shape != shape:
            return f"must have {name!r} of the shape {shape}; it has {tensors[name].shape}"
    return "lacks 'law.variances' above 0" if not rank else ""


def _num_scores(tensors: Mapping[str, np.ndarray], variables: int) -> int:
    """Numbers at a time that a network sees: the variables, and occurrences of bounds."""
    channels = tensors.get("margins.channels")
    if channels is None or channels.size == 0 or not np.isfinite(channels).all():
        return variables
    return max(variables, 1 + int(np.clip(channels.max(), 0, 2 * variables)))


def _margin_shapes(tensors: Mapping[str, np.ndarray], variables: int) -> dict[str, tuple[int, ...]]:
    knots = tensors["margins.knots"].shape[-1:] if "margins.knots" in tensors else (2,)
    pairs = {
        f"margins.{name}": (variables, 2) for name in ("scales", "shapes", "bounds", "atoms", "channels")
    }
    single = {f"margins.{name}": (variables,) for name in ("first", "last", "resolution", "spread")}
    if "margins.partners" in tensors:
        single["margins.partners"] = (*tensors["margins.partners"].shape[:1], variables)
    return pairs | single | {"margins.knots": (variables, max(*knots, 2))}


def _wrong_numbers(tensors: Mapping[str, np.ndarray]) -> str:
    """Tensor that is not finite, or not positive where it has to be, in words."""
    for name, tensor in tensors.items():
        if name.split(".")[0] in PARTS:
            continue
        if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
            return f"must have finite numbers; {name!r} has others"
    for name in ("standardizer.scale", "standardizer.noise", "margins.scales", "margins.spread"):
        if name in tensors and not (tensors[name] > 0).all():
            return f"must have {name!r} above 0"
    if "margins.knots" in tensors:
        channels = tensors["margins.channels"]
        if (channels < 0).any() or (channels != np.round(channels)).any():
            return "must have 'margins.channels' that are whole numbers"
        partners = tensors.get("margins.partners", np.zeros((0, 1)))
        if (partners < -1).any() or (partners >= len(channels)).any():
            return "must have 'margins.partners' that are variables"
        knots, first, last = (tensors[f"margins.{name}"] for name in ("knots", "first", "last"))
        if not (np.diff(knots) > 0).all() or not (first < last).all():
            return "must have 'margins.knots' that increase"
    return "must have 'law.variances' of at least 0" if (tensors["law.variances"] < 0).any() else ""


def _wrong_parts(tensors: Mapping[str, np.ndarray], layout: Layout) -> str:
    """Part of a recording whose windows do not lie within its rows, in words."""
    length, variables = layout.shape
    for part in PARTS:
        values = tensors.get(f"{part}.values", tensors.get(f"{part}.series"))
        starts, moments = (tensors.get(f"{part}.{name}") for name in ("starts", "moments"))
        if values is None:
            continue
        if starts is None:
            return f"lacks '{part}.starts'"
        whole = all(
            rows is None or (rows.ndim == 1 and rows.dtype.kind in "iu" and rows.shape == starts.shape)
            for rows in (starts, moments)
        )
        if values.ndim != 2 or values.shape[1] != variables or values.dtype.kind != "f" or not whole:
            return f"must have '{part}' as rows of {variables} variables and starts of windows"
        if starts.size and not (starts.min() >= 0 and starts.max() + length <= len(values)):
            return f"must have the windows of '{part}' within its {len(values)} rows"
    return ""


def conditions_of(card: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Cycles and covariates that a card tells; None where it tells none. They are empty where it is damaged."""
    told = card.get("conditions")
    if told is None:
        return None
    lists = [told.get(name) if isinstance(told, dict) else None for name in ("cycles", "covariates")]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        return (), ()
    return tuple(lists[0]), tuple(lists[1])  # pyright: ignore[reportArgumentType]


def _wrong_conditions(
    tensors: Mapping[str, np.ndarray], names: tuple[tuple[str, ...], tuple[str, ...]] | None
) -> str:
    """Trouble with what a model is given, in words."""
    if names is None:
        return "" if "regression.gain" not in tensors else "lacks `conditions` in its card"
    cycles, covariates = names
    if not (cycles or covariates) or not set(cycles) <= set(CYCLES):
        return "must have the cycles and covariates of its `conditions` in its card"
    columns, features = (len(CALENDAR) if cycles else 0) + len(covariates), num_features(cycles, covariates)
    dim = tensors["law.mean"].size
    rank = tensors["regression.variances"].size if "regression.variances" in tensors else 0
    rows = len(tensors["conditions.rows"]) if "conditions.rows" in tensors else 0
    shapes = {
        "conditions.rows": (rows, columns),
        "conditions.centre": (features,),
        "conditions.scale": (2, len(covariates)),
        "regression.gain": (dim, features),
        "regression.basis": (dim, rank),
        "regression.variances": (rank,),
    }
    for name, shape in shapes.items():
        if name not in tensors or tensors[name].shape != shape:
            return f"must have {name!r} of the shape {shape}"
    for part in PARTS:
        known = tensors.get(f"{part}.conditions")
        if known is not None and (
            known.shape != (len(tensors[f"{part}.starts"]), columns) or not np.isfinite(known).all()
        ):
            return f"must have '{part}.conditions' as finite numbers, {columns} for each window"
    sound = 0 < rows <= MAX_ROWS and rank > 0 and (tensors["regression.variances"] >= 0).all()
    return "" if sound and (tensors["conditions.scale"][1:] > 0).all() else "must have sound conditions"
