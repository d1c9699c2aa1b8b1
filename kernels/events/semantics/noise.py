"""Observations with a Gaussian error: tolerances that are random.

With the residual r = s − v of `s == v noise σ` and U uniform,

    P(|r| ≤ W) = exp(−r² / 2σ²)   for   W = σ √(−2 log U),

the likelihood of the observation up to a constant. Trajectories that are kept where |r| ≤ W, each with a W of its own,
are therefore drawn from the posterior, exactly. The U of a trajectory is a hash of its numbers: the same whoever asks,
and independent of all else. A chain that stands at r has W² = r² − 2σ² log U given that it is kept, by which W can be
drawn anew; within a slack of c, W² = max(|r| − c, 0)² − 2σ² log U. Equalities with a tolerance keep their own.
"""

from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from kernels.events.semantics.blocks import over_blocks
from kernels.events.semantics.compile import Constraint, Program

__all__ = ["own_widths", "residuals", "widths_within"]

SALT = 20_260  # of the hash
Widths = Float[np.ndarray, "sample part"]


def residuals(constraint: Constraint, states: Any) -> Widths:
    """Absolute residual of each part, of trajectories (sample, time, variable) in physical units."""
    return np.abs(over_blocks(partial(_part_values, *constraint), states)[0].astype(np.float64))


@partial(jax.jit, static_argnames="program")
def _part_values(program: Program, parameters: Any, states: Any) -> tuple[Array]:
    return (jax.vmap(program.part_values, (0, None))(states, parameters),)


def own_widths(constraint: Constraint, states: Any) -> Widths:
    """Width of each part that a trajectory's own numbers draw."""
    words = np.ascontiguousarray(np.asarray(states, np.float32)).reshape(len(states), -1).view(np.uint32)
    generator = np.random.default_rng(SALT)
    parts = len(constraint.program.parts)
    factors = generator.integers(2**64, size=(words.shape[1], parts), dtype=np.uint64)
    mixed = words.astype(np.uint64) @ factors + generator.integers(2**64, size=parts, dtype=np.uint64)
    uniform = ((_scrambled(mixed) >> np.uint64(11)) + 0.5) / 2.0**53
    return widths_within(constraint, np.zeros(uniform.shape), -np.log(uniform))


def widths_within(
    constraint: Constraint, residual: Widths, exponential: Widths, slack: np.ndarray | float = 0.0
) -> Widths:
    """Widths given that each exceeds the residual less a slack.

    Args:
        constraint: what is known.
        residual: absolute residuals; 0 asks for widths without a condition.
        exponential: independent standard exponential numbers.
        slack: not negative, of each part, in its units.
    """
    program, parameters = constraint
    deviations = np.asarray(program.part_tolerances(parameters), np.float64)
    beyond = np.maximum(residual - slack, 0.0)
    return np.where(program.noisy, np.sqrt(beyond**2 + 2.0 * deviations**2 * exponential), deviations)


def _scrambled(words: np.ndarray) -> np.ndarray:
    """Bits of each word mixed with each other (the finaliser of SplitMix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return words ^ (words >> np.uint64(31))
