"""What a training starts from when that is a model, and how its result is put back into it."""

import dataclasses
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Float

from kernels.denoisers.expert import ExpertDenoiser
from kernels.denoisers.forecast import ForecastDenoiser
from kernels.denoisers.network import NetworkDenoiser
from kernels.models import Model
from kernels.training.loop import Trainable
from kernels.trajectories.layout import Layout

__all__ = ["expert_pair", "looking_at", "num_exemplars", "num_parameters", "require_unseen", "trained_part"]


def require_unseen(start: Model, seed: int) -> None:
    """Raises ValueError where a model, or one that it was trained from, was trained on the data of this seed."""
    seen, told = [], start.card.get("training", {})
    while isinstance(told, Mapping) and told:
        seen.append(told.get("seed"))
        told = told.get("started_from")
    if seed in seen:
        raise ValueError(
            f"`seed` must be another than those that {start.name!r} was trained with, "
            f"{', '.join(map(str, seen))}: their data have been seen."
        )


def trained_part(start: Model, layout: Layout, *, num_known: int, expert: bool) -> Trainable:
    """The denoiser of a model that training can go on from.

    Args:
        start: the model.
        layout: of the trajectories to train on.
        num_known: first states that the denoiser is to know.
        expert: of a pair, the expert rather than the general network.

    Raises:
        ValueError: the model is no trained one, is of another layout, or knows other states.
    """
    denoiser = start.denoiser
    if isinstance(denoiser, ExpertDenoiser):
        denoiser = denoiser.expert if expert else denoiser.general
    known = denoiser.num_known if isinstance(denoiser, ForecastDenoiser) else 0
    if not isinstance(denoiser, NetworkDenoiser | ForecastDenoiser) or start.layout != layout:
        states = f"{', '.join(layout.variables[:4])} at {layout.num_times} times"
        raise ValueError(f"`start` must be a trained model of {states}; got {start.name!r}.")
    if known != num_known:
        raise ValueError(
            f"the model {start.name!r} knows the first {known} states, and the preset is for {num_known}."
        )
    return denoiser.scaled(None) if isinstance(denoiser, NetworkDenoiser) else denoiser


def looking_at(exemplars: Float[np.ndarray, "exemplar time variable"], denoiser: Trainable) -> Trainable:
    """The denoiser with exemplars, unless it has its own already."""
    if isinstance(denoiser, NetworkDenoiser) and denoiser.exemplars is None:
        return denoiser.with_exemplars(exemplars)
    return denoiser


def expert_pair(
    start: Model | None, trained: Trainable, levels: tuple[float, float] | None
) -> Trainable | ExpertDenoiser:
    """What was trained, with the other network of the model that it was trained from, if that has one.

    Args:
        start: the model that training went on from, None for an untrained one; its `epsilon_scale` is not kept.
        trained: the result.
        levels: those that it is the expert of, None for a general network.
    """
    before = None if start is None else start.denoiser
    if isinstance(before, NetworkDenoiser | ExpertDenoiser):
        before = before.scaled(None)  # the factor was right for what it was before
    if isinstance(before, ExpertDenoiser) and isinstance(trained, NetworkDenoiser):
        if (trained.exemplars is None) != (before.general.exemplars is None):
            return trained  # its companion does not see what it sees
        changed = {"general": trained} if levels is None else {"expert": trained, "levels": levels}
        return dataclasses.replace(before, **changed)
    if isinstance(before, NetworkDenoiser) and isinstance(trained, NetworkDenoiser) and levels is not None:
        return ExpertDenoiser(before, trained, levels)
    return trained


def num_parameters(denoiser: Trainable | ExpertDenoiser) -> int:
    """Of one network, or of both."""
    networks = [denoiser.general, denoiser.expert] if isinstance(denoiser, ExpertDenoiser) else [denoiser]
    return sum(leaf.size for network in networks for leaf in jax.tree.leaves(network.params))


def num_exemplars(denoiser: object) -> int:
    """That a network, or each of a pair, looks at; 0 for none, and for what is no network."""
    one = denoiser.general if isinstance(denoiser, ExpertDenoiser) else denoiser
    seen = one.exemplars if isinstance(one, NetworkDenoiser) else None
    return 0 if seen is None else len(seen.points)
