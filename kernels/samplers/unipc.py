"""UniPC of order 3: predictor and corrector for the probability-flow ODE.

It takes one evaluation per step.

With λ = −log σ the ODE's exact step from σ to σ' = σ e^(−h) is

    x' = e^(−h) x + ∫₀ʰ e^(s − h) D(λ + s) ds.

The predictor puts the parabola through the three last evaluations in the place of D. Once the denoiser
has been evaluated where that led, the corrector takes the same step again, with the parabola through the
new evaluation and the two before it: an order better, and free, since the next step needs that evaluation
anyway. Zhao et al. 2023, UniPC (arXiv:2302.04867), of whose kind this is; weights by interpolation.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.samplers.base import Batch, Levels, OneEvaluation, SamplerState, level_triples

__all__ = ["UniPC"]

POINTS = 3  # points of a parabola


@dataclasses.dataclass(frozen=True)
class UniPC(OneEvaluation):
    """UniPC: a deterministic map from noise to trajectories; the default for probabilities."""

    stochastic = False
    order = 3

    def plan(self, sigmas: Float[np.ndarray, " level"]) -> list[Levels]:
        """Plan with the weights of corrector and predictor, newest evaluation first."""
        times = -np.log(sigmas)
        levels = []
        for index, level in enumerate(level_triples(sigmas)):
            seen = times[: index + 1][: -POINTS - 1 : -1]
            corrector = _weights(seen, *times[index - 1 : index + 1]) if index else np.zeros(POINTS)
            predictor = _weights(seen, *times[index : index + 2])
            levels.append(level._replace(weights=np.concatenate([corrector, predictor]).astype(np.float32)))
        return levels

    def step(self, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState:
        seen = (x0_hat, state.x0_previous, state.x0_earlier)
        again = levels.sigma / levels.previous * state.anchor + _sum(levels.weights[:POINTS], seen)
        corrected = jnp.where(jnp.isinf(levels.previous), state.x, again)  # nothing to correct yet
        x = levels.following / levels.sigma * corrected + _sum(levels.weights[POINTS:], seen)
        return SamplerState(x, x0_hat, corrected, state.x0_previous)


def _sum(weights: Float[Array, " point"], points: tuple[Batch, ...]) -> Batch:
    return sum((weight * point for weight, point in zip(weights, points, strict=True)), jnp.zeros(()))


def _weights(seen: Float[np.ndarray, " point"], start: float, end: float) -> Float[np.ndarray, "3"]:
    """Weights of the evaluations in ∫ e^(s − h) D ds from `start` to `end`, zero-padded.

    ∫₀ʰ e^(s − h) sᵏ ds = hᵏ − k times the integral for k − 1, which is 1 − e^(−h) for k = 0; the weights give
    these for each power up to the number of points.
    """
    h = end - start
    moments = [-np.expm1(-h)]
    for power in range(1, len(seen)):
        moments.append(h**power - power * moments[-1])
    powers = np.vander(seen - start, increasing=True).T
    return np.pad(np.linalg.solve(powers, moments), (0, POINTS - len(seen)))
