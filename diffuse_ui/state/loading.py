"""Loading of the models that states name, kept until one is trained again."""

import functools
from typing import Any

import kernels

__all__ = ["forget_models", "loaded"]


def loaded(model: Any) -> kernels.Model:
    """The model itself, or loaded from its name or path; ValueError as in `State.load`."""
    model = model if isinstance(model, kernels.Model) else _load_model(str(model))
    first = float(model.layout.times[0])
    if first != 0.0:
        raise ValueError(
            f"the times of a model must begin at 0 to be drawn on; those of {model.name} begin at {first:g}. "
            "Subtract the first from all."
        )
    return model


@functools.lru_cache(maxsize=8)
def _load_model(name: str) -> kernels.Model:
    return kernels.load_model(name)


def forget_models() -> None:
    """Clear the cache of loaded models, after one was trained again."""
    _load_model.cache_clear()
