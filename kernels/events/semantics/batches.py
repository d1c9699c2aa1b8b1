"""Batches: an event over many trajectories, on the host, in blocks of few sizes.

    values, holds = evaluate_batch(constraint, states)

Blocks have `BLOCK` trajectories, or the next power of two where there are fewer; the last one is filled up
with copies of its last trajectory. So any number of trajectories compiles a handful of programs at most.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from kernels.events.semantics.compile import Constraint, Program

__all__ = ["BLOCK", "evaluate_batch", "over_blocks"]

BLOCK = 4096  # trajectories evaluated together

Trajectories = Float[np.ndarray | Array, "sample time variable"]


def evaluate_batch(
    constraint: Constraint, states: Trajectories
) -> tuple[Float[np.ndarray, " sample"], Bool[np.ndarray, " sample"]]:
    """Robustness C(x) (float64) and truth of trajectories in physical units."""
    values, holds = over_blocks(partial(_truth, constraint.program, constraint.parameters), states)
    return values.astype(np.float64), holds


@partial(jax.jit, static_argnames="program")
def _truth(program: Program, parameters: Any, states: Any) -> tuple[Array, Array]:
    return (
        jax.vmap(program.value, (0, None))(states, parameters),
        jax.vmap(program.holds, (0, None))(states, parameters),
    )


def over_blocks(function: Callable[[Any], tuple[Any, ...]], states: Trajectories) -> tuple[np.ndarray, ...]:
    """Apply a compiled function of a batch to any number of trajectories.

    Args:
        function: trajectories (sample, time, variable) → arrays (sample, …).
        states: trajectories; with none, the arrays are empty.
    """
    total = len(states)
    size = BLOCK if total > BLOCK else 1 << max(0, total - 1).bit_length()
    pieces = []
    for start in range(0, max(total, 1), size):
        block = np.asarray(states[start : start + size], np.float32)
        filling = block[-1:] if total else np.zeros((1, *block.shape[1:]), np.float32)
        padded = np.concatenate([block, np.repeat(filling, size - len(block), axis=0)])
        pieces.append([np.asarray(leaf)[: len(block)] for leaf in function(padded)])
    return tuple(np.concatenate(leaves) for leaves in zip(*pieces, strict=True))
