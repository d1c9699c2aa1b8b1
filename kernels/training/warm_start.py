"""Warm start of a training from a model, and the trained network put back into the model."""

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
    """Raise ValueError if a model or its predecessors were trained on the data of a seed."""
    seen, training = [], start.card.get("training", {})
    while isinstance(training, Mapping) and training:
        seen.append(training.get("seed"))
        training = training.get("started_from")
    if seed in seen:
        raise ValueError(
            f"`seed` must be another than those that {start.name!r} was trained with, "
            f"{', '.join(map(str, seen))}: their data have been seen."
        )


def trained_part(start: Model, layout: Layout, *, num_known: int, expert: bool) -> Trainable:
    """Part of a model's denoiser that training can start from.

    Args:
        start: the model.
        layout: layout of the trajectories to train on.
        num_known: first states that the denoiser is to know.
        expert: whether to take the expert of a pair, rather than its general network.

    Raises:
        ValueError: the model is not trained, has another layout, or is given other states.
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
    """Denoiser with these exemplars, unless it has exemplars already."""
    if isinstance(denoiser, NetworkDenoiser) and denoiser.exemplars is None:
        return denoiser.with_exemplars(exemplars)
    return denoiser


def expert_pair(
    start: Model | None, trained: Trainable, levels: tuple[float, float] | None
) -> Trainable | ExpertDenoiser:
    """Trained network, paired with the other network of the starting model, if it has one.

    Args:
        start: the starting model, None for an untrained one; its `epsilon_scale` is dropped.
        trained: the trained network.
        levels: noise levels of which the trained network is the expert, None for a general network.
    """
    before = None if start is None else start.denoiser
    if isinstance(before, NetworkDenoiser | ExpertDenoiser):
        before = before.scaled(None)  # the factor fitted the networks before training
    if isinstance(before, ExpertDenoiser) and isinstance(trained, NetworkDenoiser):
        if (trained.exemplars is None) != (before.general.exemplars is None):
            return trained  # the other network has not the same inputs
        changed = {"general": trained} if levels is None else {"expert": trained, "levels": levels}
        return dataclasses.replace(before, **changed)
    if isinstance(before, NetworkDenoiser) and isinstance(trained, NetworkDenoiser) and levels is not None:
        return ExpertDenoiser(before, trained, levels)
    return trained


def num_parameters(denoiser: Trainable | ExpertDenoiser) -> int:
    """Number of weights; for an expert pair, of both networks."""
    networks = [denoiser.general, denoiser.expert] if isinstance(denoiser, ExpertDenoiser) else [denoiser]
    return sum(leaf.size for network in networks for leaf in jax.tree.leaves(network.params))


def num_exemplars(denoiser: object) -> int:
    """Number of exemplars of a network, or of each of a pair; 0 for other denoisers."""
    one = denoiser.general if isinstance(denoiser, ExpertDenoiser) else denoiser
    seen = one.exemplars if isinstance(one, NetworkDenoiser) else None
    return 0 if seen is None else len(seen.points)
