"""Replacement (inpainting): observed values are put into the denoiser's output.

With D'ᵢ = yᵢ at the observed coordinates i, every sampler here keeps those coordinates distributed as
the forward process given yᵢ. Song et al. (2021), appendix I.2. A baseline: the other coordinates never
learn what was observed but through the perturbed values, which lose it in the noise.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.diffusion.gaussian import GaussianLaw
from kernels.events.semantics.compile import Constraint
from kernels.events.syntax.expressions import Number, Variable
from kernels.events.syntax.functions import At
from kernels.events.syntax.predicates import Equality
from kernels.guidance.posterior import posterior_of
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

__all__ = ["Replacement"]

Batch = Float[Array, "sample time variable"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Replacement:
    """Denoiser whose output takes the observed values at the observed coordinates.

    Attributes:
        denoiser: what is wrapped.
        observed: which coordinates are, (time, score) of 0 and 1; without margins a score is a variable.
        values: what was observed, standardised; 0 elsewhere.
    """

    denoiser: Any
    observed: Float[Array, "time score"]
    values: Float[Array, "time score"]

    @classmethod
    def from_constraint(
        cls, denoiser: Any, constraint: Constraint, standardizer: Standardizer, law: GaussianLaw
    ) -> "Replacement":
        """Condition `denoiser` on observations; tolerances play no part.

        Raises:
            ValueError: an event that is more than values of variables at times, noise that is not white, or
                variables that the model sees as increments.
        """
        if standardizer.noise is not None:
            raise ValueError("replacement needs a model of white noise. Use moment_matching.")
        if standardizer.increments is not None:
            raise ValueError("replacement needs a model that sees no increments. Use moment_matching.")
        program = constraint.program
        observed, physical = np.zeros(program.layout.shape), np.zeros(program.layout.shape)
        for index, part in enumerate(program.event.conjuncts):
            prefix = f"terms.{index}." if len(program.event.conjuncts) > 1 else ""
            variable = _variable(part, program.layout)  # numbers of the interned event may be another event's
            place = int(np.argmax(constraint.parameters[f"{prefix}left.time"])), variable
            observed[place] = 1.0
            physical[place] = float(constraint.parameters[f"{prefix}right.value"])
        if standardizer.margins is not None:
            observed = observed[:, standardizer.margins.owners]
        values = observed * np.asarray(standardizer.standardize(jnp.asarray(physical, jnp.float32)))
        return cls(denoiser, jnp.asarray(observed, jnp.float32), jnp.asarray(values, jnp.float32))

    def split(self, x: Batch, sigma: Any) -> tuple[Batch, Batch]:
        """Unguided x̂₀ and the shift to the observed values."""
        x0_hat = posterior_of(self.denoiser, x, sigma).mean
        return x0_hat, self.observed * (self.values - x0_hat)

    def __call__(self, x: Batch, sigma: Any) -> Batch:
        x0_hat, shift = self.split(x, sigma)
        return x0_hat + shift


def _variable(part: Any, layout: Layout) -> int:
    """Index of the observed variable."""
    if isinstance(part, Equality) and isinstance(part.left, At) and isinstance(part.right, Number):
        signal = part.left.argument
        if isinstance(signal, Variable) and signal.name in layout.variables:
            return layout.index(signal.name)
    raise ValueError(
        f"replacement can only put in values such as `at(x, 0) == 0.4 tolerance 0.01`; got `{part}`. "
        "Use moment_matching."
    )
