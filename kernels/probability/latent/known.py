"""Heights of trajectories in subset simulation: first towards what is known, then towards the event within it.

Heights put all trajectories in one order: those that miss what is known lie below `KNOWN`, the closer the higher;
those that meet it lie above, ordered by the event. Chains that have passed `KNOWN` are distributed by the model's
law given what is known, and the factors of the levels above it have P(event | what is known) as their product.

A narrow tolerance leaves chains little room: they stay near the few trajectories that they come from, and P̂ comes out
too small, with an error that does not show it. What a replicate is worth is therefore followed: the trajectories that
it begins with, times the share that each level keeps, plus what the moves make new. By
`tests/benchmarks/check_known.py`, on a Gaussian process with one or two known values: where replicates are worth about
four or more at every level, P̂ is right to 5 % on average and 18 to 20 of 20 intervals hold P; where they are worth
less than one, P̂ is up to 29 % too small.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from kernels.probability.base import Problem
from kernels.probability.latent.scales import heights

__all__ = ["KNOWN", "heights_within", "refreshed"]

KNOWN = -1e100  # below any C


def heights_within(
    problem: Problem, states: np.ndarray, values: np.ndarray
) -> tuple[Float[np.ndarray, " sample"], Bool[np.ndarray, " sample"]]:
    """Heights of trajectories, and whether they meet what is known.

    Args:
        problem: what is asked.
        states: (sample, time, variable), physical units.
        values: C of each; NaN without an event.
    """
    above = heights(problem, states, values) if problem.constraint is not None else np.zeros(len(states))
    if problem.observations is None:
        return above, np.ones(len(states), bool)
    asked = dataclasses.replace(problem, constraint=problem.observations, observations=None)
    margins, known = asked.judge(states)
    below = heights(asked, states, margins)
    return np.where(known, above, KNOWN * (1.0 + np.abs(below))), known


def refreshed(
    before: Float[np.ndarray, "chain time variable"], after: np.ndarray
) -> Float[np.ndarray, " chain"]:
    """Share of each chain's latents that is new after some moves: 1 − cos² of the angle between the two.

    Chains that start from the same state are worth one trajectory, and as many as there are once all is new.
    """
    old, new = (latents.reshape(len(before), -1).astype(np.float64) for latents in (before, after))
    overlap = np.einsum("cd,cd->c", old, new) ** 2
    return 1.0 - overlap / np.maximum(np.sum(old**2, axis=1) * np.sum(new**2, axis=1), 1e-300)
