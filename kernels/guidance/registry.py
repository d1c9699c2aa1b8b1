"""Registry of guidance methods: one record each, behind one call."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from kernels.diffusion.gaussian import GaussianLaw
from kernels.events.semantics.compile import Constraint
from kernels.guidance.calibrated import Calibrated
from kernels.guidance.moment_matching import MomentMatching
from kernels.guidance.pseudoinverse import PseudoinverseGuidance
from kernels.guidance.reconstruction import ReconstructionGuidance
from kernels.guidance.replacement import Replacement
from kernels.names import require_known
from kernels.trajectories.standardizer import Standardizer

__all__ = ["DEFAULT_GUIDANCE", "GUIDANCE", "Guidance", "guided"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guidance:
    """Record of a guidance method: label and factory.

    Attributes:
        label: name in menus.
        make: (denoiser, constraint, standardizer, law) → guided denoiser; with `pilot` where it is piloted.
        piloted: whether it learns from trajectories of the model first.
    """

    label: str
    make: Callable[..., Any]
    piloted: bool = False


DEFAULT_GUIDANCE = "moment_matching"
GUIDANCE: dict[str, Guidance] = {
    "moment_matching": Guidance(label="moment matching", make=MomentMatching.from_constraint),
    "calibrated": Guidance(
        label="moment matching, calibrated on samples", make=Calibrated.from_constraint, piloted=True
    ),
    "moment_matching_full": Guidance(
        label="moment matching, as in the paper",
        make=partial(MomentMatching.from_constraint, differentiate_covariance=True),
    ),
    "pseudoinverse": Guidance(label="pseudoinverse (ΠGDM)", make=PseudoinverseGuidance.from_constraint),
    "reconstruction": Guidance(label="reconstruction", make=ReconstructionGuidance.from_constraint),
    "replacement": Guidance(label="replacement", make=Replacement.from_constraint),
}


def guided(
    name: str,
    denoiser: Any,
    constraint: Constraint,
    standardizer: Standardizer,
    law: GaussianLaw,
    *,
    pilot: Float[np.ndarray, "sample time variable"] | None = None,
) -> Any:
    """Guide a denoiser to an event; the result has `split(x, sigma)`: unguided x̂₀, and shift.

    Args:
        name: a name of `GUIDANCE`.
        denoiser: what is wrapped, plain or conditioned on what is known.
        constraint: the compiled event.
        standardizer: physical ↔ standardised units.
        law: Gaussian law of the data, from which the spread of C is taken.
        pilot: trajectories of the model, standardised, for piloted methods.

    Raises:
        ValueError: no such method, or an event that the method cannot steer towards.
    """
    require_known("guidance", name, GUIDANCE)
    method = GUIDANCE[name]
    learned = {"pilot": pilot} if method.piloted else {}
    return method.make(denoiser, constraint, standardizer, law, **learned)
