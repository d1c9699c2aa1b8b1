"""DPM-Solver++(2M), a second-order multistep solver of the probability-flow ODE.

With r = σ'/σ and the extrapolated denoiser output D̃:  x' = r x + (1 − r) D̃.
Lu et al., DPM-Solver++ (arXiv:2211.01095), algorithm 2, in the variance-exploding form.
"""

import dataclasses

from kernels.samplers.base import Batch, Levels, OneEvaluation, SamplerState, extrapolate

__all__ = ["DPMSolver"]


@dataclasses.dataclass(frozen=True)
class DPMSolver(OneEvaluation):
    """DPM-Solver++(2M): a deterministic map from noise to trajectories."""

    stochastic = False
    order = 2

    def step(self, state: SamplerState, x0_hat: Batch, levels: Levels, noise: Batch) -> SamplerState:
        ratio = levels.following / levels.sigma
        x = ratio * state.x + (1.0 - ratio) * extrapolate(state, x0_hat, levels)
        return SamplerState(x, x0_hat, x, state.x0_previous)
