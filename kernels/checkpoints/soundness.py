"""Soundness of a model's tensors: all there, of the shapes that its layout has, and finite."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kernels.checkpoints.cards import AGAIN
from kernels.files import UnreadableError
from kernels.trajectories.layout import Layout

__all__ = ["require_sound"]

PARTS = ("held_out", "training")  # of a recording, where NaN stands for what was not measured


def require_sound(weights: Path, tensors: Mapping[str, np.ndarray], layout: Layout) -> None:
    """Raise UnreadableError if a tensor is missing, of another shape or type, or not finite.

    Args:
        weights: the file, for the message.
        tensors: all that it holds.
        layout: of the model's trajectories.
    """
    trouble = _missing(tensors, layout) or _wrong_numbers(tensors) or _wrong_parts(tensors, layout.num_times)
    if trouble:
        raise UnreadableError(f"the model {weights} {trouble}. {AGAIN}")


def _missing(tensors: Mapping[str, np.ndarray], layout: Layout) -> str:
    times, variables = layout.shape
    rank = tensors["law.variances"].size if "law.variances" in tensors else 0
    shapes = {
        "standardizer.mean": (variables,),
        "standardizer.scale": (variables,),
        "standardizer.noise": (times // 2 + 1,),
        "standardizer.increments": (variables,),
        "law.mean": (times, variables),
        "law.basis": (times * variables, rank),
        "law.variances": (rank,),
    }
    for name, shape in shapes.items():
        if name not in tensors and name not in ("standardizer.noise", "standardizer.increments"):
            return f"lacks {name!r}"
        if name in tensors and tensors[name].shape != shape:
            return f"must have {name!r} of the shape {shape}; it has {tensors[name].shape}"
    return "lacks 'law.variances' above 0" if not rank else ""


def _wrong_numbers(tensors: Mapping[str, np.ndarray]) -> str:
    """Tensor that is not finite, or not positive where it has to be, in words."""
    for name, tensor in tensors.items():
        if name.split(".")[0] in PARTS:
            continue
        if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
            return f"must have finite numbers; {name!r} has others"
    for name in ("standardizer.scale", "standardizer.noise"):
        if name in tensors and not (tensors[name] > 0).all():
            return f"must have {name!r} above 0"
    return "must have 'law.variances' of at least 0" if (tensors["law.variances"] < 0).any() else ""


def _wrong_parts(tensors: Mapping[str, np.ndarray], length: int) -> str:
    """Part of a recording whose windows do not lie within its rows, in words."""
    variables = tensors["standardizer.mean"].size
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
