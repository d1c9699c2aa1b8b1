"""Batches: an event over many trajectories, on the host, in blocks of few sizes.

values, holds = evaluate_batch(constraint, states)
"""

from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from kernels.events.semantics.blocks import Trajectories, over_blocks
from kernels.events.semantics.compile import Constraint, Program
from kernels.events.semantics.noise import own_widths, residuals

__all__ = ["evaluate_batch"]


def evaluate_batch(
    constraint: Constraint, states: Trajectories
) -> tuple[Float[np.ndarray, " sample"], Bool[np.ndarray, " sample"]]:
    """Robustness C(x) (float64) and truth of trajectories in physical units.

    Observations with a Gaussian error have the width that a trajectory's own numbers draw.
    """
    if any(constraint.program.noisy):
        margins = (own_widths(constraint, states) - residuals(constraint, states)).min(axis=1)
        return margins, margins >= 0
    values, holds = over_blocks(partial(_truth, constraint.program, constraint.parameters), states)
    return values.astype(np.float64), holds


@partial(jax.jit, static_argnames="program")
def _truth(program: Program, parameters: Any, states: Any) -> tuple[Array, Array]:
    return (
        jax.vmap(program.value, (0, None))(states, parameters),
        jax.vmap(program.holds, (0, None))(states, parameters),
    )
