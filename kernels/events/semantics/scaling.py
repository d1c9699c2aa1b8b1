"""Scaling: the margin of each leaf in units of its spread, so that `and` and `or` compare like with like.

C of `max(T) > 300 or max(q) > 0.01` is the larger of two margins in different units: a way towards the event by q
is hardly seen in it. A scaled constraint has the same truth and the same sign everywhere; what changes is how far
from the event a trajectory is said to be. Scales are parameters, as thresholds are: new ones compile nothing.
"""

from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from kernels.events.semantics.algebras import CERTAIN
from kernels.events.semantics.blocks import over_blocks
from kernels.events.semantics.compile import Constraint, Program
from kernels.events.semantics.evaluation import SCALE
from kernels.events.syntax.tree import join

__all__ = ["leaf_spreads", "scaled", "values_of"]

Trajectories = Float[np.ndarray | Array, "sample time variable"]


def scaled(constraint: Constraint, scales: Float[np.ndarray, " leaf"]) -> Constraint:
    """Constraint whose C has the margin of each leaf divided by a positive scale, in the order of `Program.leaves`."""
    names = (join(path, SCALE) for path, _ in constraint.program.leaves)
    added = {name: np.float32(scale) for name, scale in zip(names, scales, strict=True)}
    return constraint._replace(parameters=constraint.parameters | added)


def leaf_spreads(constraint: Constraint, states: Trajectories) -> Float[np.ndarray, " leaf"]:
    """Standard deviation of each leaf's margin over trajectories in physical units, and over its times.

    It is 0 where the margin is constant, or never defined.
    """
    margins = over_blocks(partial(_leaf_values, *constraint), states)
    return np.array([_spread(values.astype(np.float64)) for values in margins])


def _spread(values: np.ndarray) -> float:
    known = values[np.abs(values) < 0.5 * CERTAIN]  # the rest stands for ±∞
    return float(np.std(known)) if known.size and np.ptp(known) > 0 else 0.0


def values_of(constraint: Constraint, states: Trajectories) -> Float[np.ndarray, " sample"]:
    """Value of C (float64) for trajectories in physical units."""
    return over_blocks(partial(_values, *constraint), states)[0].astype(np.float64)


@partial(jax.jit, static_argnames="program")
def _leaf_values(program: Program, parameters: Any, states: Any) -> tuple[Array, ...]:
    return jax.vmap(program.leaf_values, (0, None))(states, parameters)


@partial(jax.jit, static_argnames="program")
def _values(program: Program, parameters: Any, states: Any) -> tuple[Array]:
    return (jax.vmap(program.value, (0, None))(states, parameters),)
