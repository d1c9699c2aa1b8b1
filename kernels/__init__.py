"""Diffusion models of dynamical systems, events on their trajectories, and what is likely.

One sentence is the architecture, and its nouns are the modules: a dynamical *system* gives
*trajectories*; a *schedule* and a *denoiser* model them; an *event* compiles to C(x); *guidance*
conditions the denoiser on the event; a *sampler* draws; an estimator gives the event's
*probability*; *statistics* describe what was drawn.

The names below are loaded when they are first used, so that `import kernels` is quick and needs
no interface library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernels.checkpoints import load_checkpoint, save_checkpoint
    from kernels.comparing import Comparison, StepDoubling, compare, exceedance_curve, step_doubling
    from kernels.datasets import read_dataset
    from kernels.denoisers import GaussianDenoiser, GaussianMixtureDenoiser
    from kernels.events.parsing import parse_event
    from kernels.events.predicates import Event
    from kernels.events.semantics import compile_event
    from kernels.likelihood import log_likelihood
    from kernels.models import Model
    from kernels.probability.base import Probability
    from kernels.runs import (
        NumericalError,
        RunResult,
        RunSpec,
        Snapshot,
        backdrop,
        estimate,
        event_probability,
        run,
        sample,
        stream,
    )
    from kernels.systems import System, available_systems, get_system, observe, register_system
    from kernels.trajectories import Layout, Standardizer
    from kernels.zoo import available_models, load_model
    from kernels.zoo.own_data import train_on

_HOMES = {
    "Comparison": "kernels.comparing",
    "Event": "kernels.events.predicates",
    "GaussianDenoiser": "kernels.denoisers",
    "GaussianMixtureDenoiser": "kernels.denoisers",
    "Layout": "kernels.trajectories",
    "Model": "kernels.models",
    "NumericalError": "kernels.runs",
    "Probability": "kernels.probability.base",
    "RunResult": "kernels.runs",
    "RunSpec": "kernels.runs",
    "Snapshot": "kernels.runs",
    "Standardizer": "kernels.trajectories",
    "StepDoubling": "kernels.comparing",
    "System": "kernels.systems",
    "available_models": "kernels.zoo",
    "available_systems": "kernels.systems",
    "backdrop": "kernels.runs",
    "compare": "kernels.comparing",
    "compile_event": "kernels.events.semantics",
    "estimate": "kernels.runs",
    "event_probability": "kernels.runs",
    "exceedance_curve": "kernels.comparing",
    "get_system": "kernels.systems",
    "load_checkpoint": "kernels.checkpoints",
    "load_model": "kernels.zoo",
    "log_likelihood": "kernels.likelihood",
    "observe": "kernels.systems",
    "parse_event": "kernels.events.parsing",
    "read_dataset": "kernels.datasets",
    "register_system": "kernels.systems",
    "run": "kernels.runs",
    "sample": "kernels.runs",
    "save_checkpoint": "kernels.checkpoints",
    "step_doubling": "kernels.comparing",
    "stream": "kernels.runs",
    "train_on": "kernels.zoo.own_data",
}

__all__ = [
    "Comparison",
    "Event",
    "GaussianDenoiser",
    "GaussianMixtureDenoiser",
    "Layout",
    "Model",
    "NumericalError",
    "Probability",
    "RunResult",
    "RunSpec",
    "Snapshot",
    "Standardizer",
    "StepDoubling",
    "System",
    "available_models",
    "available_systems",
    "backdrop",
    "compare",
    "compile_event",
    "estimate",
    "event_probability",
    "exceedance_curve",
    "get_system",
    "load_checkpoint",
    "load_model",
    "log_likelihood",
    "observe",
    "parse_event",
    "read_dataset",
    "register_system",
    "run",
    "sample",
    "save_checkpoint",
    "step_doubling",
    "stream",
    "train_on",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kernels' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))
