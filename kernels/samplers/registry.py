"""Registry of samplers: one record each.

A sampler draws the trajectories of a run. Those whose steps are Gaussian can be steered towards an event and
weighted; the others draw without an event. Probabilities by direct samples and latent chains go through the
ODE map of `kernels.probability.latent.direct` whatever the sampler is.
"""

import dataclasses
from typing import Any

from kernels.names import require_known
from kernels.samplers.base import Solver
from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.heun import EDMHeun, Heun
from kernels.samplers.sde import AncestralSolver, EulerMaruyama, GaussianStep, SDEDPMSolver
from kernels.samplers.unipc import UniPC

__all__ = ["DEFAULT_SAMPLER", "SAMPLERS", "Sampler", "require_sampler"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampler:
    """Record of a sampler: label and solver.

    Attributes:
        label: name in menus.
        solver: the rule of a step; None for the adaptive ODE, which chooses its own steps.
    """

    label: str
    solver: Solver | Any | None

    @property
    def kind(self) -> str:
        """Kind of the sampler, "sde" or "ode"."""
        return "sde" if self.solver is not None and self.solver.stochastic else "ode"

    @property
    def weighted(self) -> bool:
        """Whether the sampler's steps are Gaussian, so that guided paths have weights."""
        return isinstance(self.solver, GaussianStep)


DEFAULT_SAMPLER = "sde_dpm_solver"
SAMPLERS: dict[str, Sampler] = {
    "sde_dpm_solver": Sampler(label="SDE-DPM-Solver++(2M)", solver=SDEDPMSolver()),
    "ancestral": Sampler(label="ancestral (DDPM)", solver=AncestralSolver()),
    "euler_maruyama": Sampler(label="Euler–Maruyama, as in the paper", solver=EulerMaruyama()),
    "edm_heun": Sampler(label="EDM's stochastic Heun", solver=EDMHeun()),
    "dpm_solver": Sampler(label="DPM-Solver++(2M), an ODE", solver=DPMSolver()),
    "heun": Sampler(label="Heun, an ODE", solver=Heun()),
    "unipc": Sampler(label="UniPC, an ODE", solver=UniPC()),
    "adaptive_ode": Sampler(label="adaptive ODE (Tsit5)", solver=None),
}


def require_sampler(name: object, *, weighted: bool) -> None:
    """Raise ValueError for an unknown sampler, or for one that cannot be guided.

    Args:
        name: a name of `SAMPLERS`.
        weighted: whether guided paths are asked for.
    """
    require_known("sampler", name, SAMPLERS)
    if weighted and not SAMPLERS[str(name)].weighted:
        able = ", ".join(known for known, record in SAMPLERS.items() if record.weighted)
        raise ValueError(
            f"`sampler` must be one of {able} where an event steers the paths; got {name!r}. "
            "The others draw trajectories without an event."
        )
