"""Every solver by name."""

from typing import Any

from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.heun import EDMHeun, Heun
from kernels.samplers.sde import AncestralSolver, EulerMaruyama, SDEDPMSolver
from kernels.samplers.unipc import UniPC

__all__ = ["SOLVERS"]

SOLVERS: dict[str, Any] = {
    "sde_dpm_solver": SDEDPMSolver(),
    "ancestral": AncestralSolver(),
    "euler_maruyama": EulerMaruyama(),
    "edm_heun": EDMHeun(),
    "dpm_solver": DPMSolver(),
    "heun": Heun(),
    "unipc": UniPC(),
}
