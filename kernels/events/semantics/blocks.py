"""Blocks: a function of many trajectories, applied on the host to a few sizes of batches.

Blocks have `BLOCK` trajectories, or the next power of two where there are fewer; the last one is filled up
with copies of its last trajectory. So any number of trajectories compiles a handful of programs at most.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, Float

__all__ = ["BLOCK", "Trajectories", "over_blocks"]

BLOCK = 4096  # trajectories evaluated together

Trajectories = Float[np.ndarray | Array, "sample time variable"]


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
