"""Scales of an event's leaves under a model: the unit of each margin is its spread over direct samples.

Estimators that go towards an event step by step (levels of subset simulation, guided paths) measure how far it is
by one number, C. Where the event joins parts of unlike spread, C in raw units is the widest part's affair: with
spreads of 1 and 0.1 `x > a or y > b` loses the y-branch, and half of its probability. They therefore go by a C
whose leaves are each divided by their standard deviation over the first `NUM_SAMPLES` direct samples, drawn under a
key of their own: the same for every run with the same model, steps and knowledge. Truth, sign and all that is shown
or stored stay in raw units. An event of one leaf needs no scales.
"""

import dataclasses
import threading
from typing import NamedTuple

import jax
import numpy as np

from kernels.events.semantics.compile import Constraint
from kernels.events.semantics.scaling import leaf_spreads, scaled, values_of
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import named_variables
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.cache import LRUCache, identity_of
from kernels.probability.latent.direct import CHUNK, direct_samples

__all__ = ["NUM_SAMPLES", "Scales", "heights", "scales_of", "steering_constraint"]

NUM_SAMPLES = CHUNK
SEED = 0
LEAST = 1e-6  # of the spread of the leaf's widest variable


class Scales(NamedTuple):
    """Scales of the leaves of an event.

    Attributes:
        constraint: the event, its C in these units.
        values: scale of each leaf, in the units of its margin, positive.
        constant: numbers of the leaves, from 1, whose margin does not vary over the samples.
    """

    constraint: Constraint
    values: tuple[float, ...]
    constant: tuple[int, ...]

    def words(self) -> str:
        """Sentences on the leaves that are constant; empty if there are none."""
        leaves = self.constraint.program.leaves
        return "".join(
            f" Part {number} of the event's {len(leaves)}, on {_about(leaves[number - 1][1])}, is constant over the "
            f"first {NUM_SAMPLES} samples: check it."
            for number in self.constant
        )


class _Slot:
    """Slot for scales, filled by the first thread that needs them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.scales: Scales | None = None


_kept = LRUCache(32)


def scales_of(problem: Problem) -> Scales | None:
    """Scales of the problem's event; None where it has one leaf, or there is no event.

    The first call draws direct samples, unless there are any under the key of the scales.
    """
    if problem.constraint is None or len(problem.constraint.program.leaves) < 2:
        return None
    fixed = dataclasses.replace(problem, key=jax.random.key(SEED))
    slot = _kept.get(identity_of(fixed, event=True), _Slot)
    with slot.lock:
        if slot.scales is None:
            slot.scales = _measured(fixed, problem.constraint)
        return slot.scales


def _measured(problem: Problem, constraint: Constraint) -> Scales:
    states = np.concatenate(list(direct_samples(problem, NUM_SAMPLES)))
    spreads = leaf_spreads(constraint, states)
    floors = LEAST * np.array([_widest(leaf, problem.model) for _, leaf in constraint.program.leaves])
    values = np.maximum(spreads, floors)
    constant = tuple(int(index) + 1 for index in np.flatnonzero(spreads <= floors))
    return Scales(scaled(constraint, values), tuple(values.tolist()), constant)


def heights(problem: Problem, states: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Scaled C of trajectories (sample, time, variable) in physical units, by which levels are ordered.

    It is `values`, their C, for an event of one leaf.
    """
    scales = scales_of(problem)
    return values if scales is None else values_of(scales.constraint, states)


def steering_constraint(problem: Problem) -> Constraint | None:
    """Constraint that guidance steers to: scaled where a part that it matches has several leaves.

    Parts of one leaf are matched each in its own units anyway.
    """
    if problem.constraint is None or max(_num_leaves(problem.constraint)) < 2:
        return problem.constraint
    scales = scales_of(problem)
    return problem.constraint if scales is None else scales.constraint


def _num_leaves(constraint: Constraint) -> list[int]:
    """Number of leaves of each part that `and` joins."""
    return [sum(1 for _ in part.leaves()) for part in constraint.program.event.conjuncts]


def _about(leaf: Event) -> str:
    return " and ".join(sorted(named_variables(leaf))) or "time"


def _widest(leaf: Event, model: Model) -> float:
    """Spread of the widest variable that a leaf is about; of all where it names none of the model's."""
    named = named_variables(leaf)
    spreads = np.asarray(model.standardizer.spread, np.float64)
    own = [spread for name, spread in zip(model.layout.variables, spreads, strict=True) if name in named]
    return float(max(own or spreads))
