"""Every guidance method by name, behind one call."""

from collections.abc import Callable
from difflib import get_close_matches
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
from kernels.trajectories.standardizer import Standardizer

__all__ = ["DEFAULT_GUIDANCE", "GUIDANCE", "PILOTED", "guided", "require_guidance"]

DEFAULT_GUIDANCE = "moment_matching"
GUIDANCE: dict[str, Callable[..., Any]] = {
    "moment_matching": MomentMatching.from_constraint,
    "moment_matching_full": partial(MomentMatching.from_constraint, differentiate_covariance=True),
    "calibrated": Calibrated.from_constraint,
    "pseudoinverse": PseudoinverseGuidance.from_constraint,
    "reconstruction": ReconstructionGuidance.from_constraint,
    "replacement": Replacement.from_constraint,
}
PILOTED = ("calibrated",)  # methods that learn from trajectories of the model first


def require_guidance(name: str) -> None:
    """Raises ValueError when there is no such method (with the nearest name)."""
    if name not in GUIDANCE:
        nearest = get_close_matches(str(name), GUIDANCE, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"`guidance` must be one of {', '.join(GUIDANCE)}; got {name!r}.{hint}")


def guided(
    name: str,
    denoiser: Any,
    constraint: Constraint,
    standardizer: Standardizer,
    law: GaussianLaw,
    *,
    pilot: Float[np.ndarray, "sample time variable"] | None = None,
) -> Any:
    """A denoiser steered towards an event; has `split(x, sigma)`: unguided x̂₀, and the shift.

    Args:
        name: a name of `GUIDANCE`.
        denoiser: what is wrapped, plain or conditioned on what is known.
        constraint: the compiled event.
        standardizer: physical ↔ standardised units.
        law: Gaussian law of the data, from which the spread of C is taken.
        pilot: trajectories of the model, standardised, for the methods of `PILOTED`.

    Raises:
        ValueError: no such method, or an event that the method cannot steer towards.
    """
    require_guidance(name)
    learned = {"pilot": pilot} if name in PILOTED else {}
    return GUIDANCE[name](denoiser, constraint, standardizer, law, **learned)
