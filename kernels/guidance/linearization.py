"""Linearisation at x̂₀ of the parts that `and` joins: values, gradients, tolerances."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.events.semantics.algebras import CERTAIN
from kernels.events.semantics.compile import Program
from kernels.trajectories.standardizer import Standardizer

__all__ = ["LinearizedPart", "linearised", "part_gradients", "value_gradient"]

Batch = Float[Array, "sample time variable"]

SURELY = 1e9  # C of a part that always holds: log ψ = 0, and C² is finite in single precision


class LinearizedPart(NamedTuple):
    """Linearisation of one part of an event at x̂₀.

    Attributes:
        index: among the event's parts.
        value: C of an inequality, the residual of an equality, (sample,).
        gradient: of the value, standardised units.
        width: standard deviation of an equality, its half width / √3; None for an inequality.
    """

    index: int
    value: Float[Array, " sample"]
    gradient: Batch
    width: Float[Array, ""] | None


def linearised(
    program: Program, parameters: Any, standardizer: Standardizer, x0_hat: Batch
) -> Iterator[LinearizedPart]:
    """Linearise the parts of an event, equalities first.

    One inequality costs a gradient, several parts cost a Jacobian.

    All is finite: where a part is undefined, or stands for ±∞, it has no slope.
    """
    kinds = program.parts
    if kinds == ("inequality",):
        value, gradient = value_gradient(program, parameters, standardizer, x0_hat)
        yield _inequality(0, value, gradient)
        return
    values, gradients = part_gradients(program, parameters, standardizer, x0_hat)
    widths = program.part_tolerances(parameters) / np.float32(np.sqrt(3.0))
    for index in sorted(range(len(kinds)), key=lambda i: kinds[i] != "equality"):
        if kinds[index] == "equality":
            value, gradient = _known(values[index], gradients[index])
            yield LinearizedPart(index, value, gradient, widths[index])
        else:
            yield _inequality(index, values[index], gradients[index])


def _inequality(index: int, value: Float[Array, " sample"], gradient: Batch) -> LinearizedPart:
    value, gradient = _known(value, gradient, certain=SURELY)
    return LinearizedPart(index, value, gradient, None)


@jax.jit
def _known(
    value: Float[Array, " sample"], gradient: Batch, certain: Array | float = 0.0
) -> tuple[Float[Array, " sample"], Batch]:
    """Value and gradient where both are finite; elsewhere gradient 0 and a constant value.

    The constant is `certain` where the part holds anyway, else 0.
    """
    known = jnp.abs(value) < 0.5 * CERTAIN  # false for NaN, too
    known &= jnp.all(jnp.isfinite(gradient), axis=(1, 2))
    elsewhere = jnp.where(value > 0.5 * CERTAIN, certain, 0.0)
    return jnp.where(known, value, elsewhere), jnp.where(known[:, None, None], gradient, 0.0)


@partial(jax.jit, static_argnames="program")
def value_gradient(
    program: Program, parameters: Any, standardizer: Standardizer, x0_hat: Batch
) -> tuple[Float[Array, " sample"], Batch]:
    """Robustness C and its gradient in standardised units.

    It compiles once for each kind of event.
    """

    def value(x0: Float[Array, "time variable"]) -> Float[Array, ""]:
        return program.value(standardizer.unstandardize(x0), parameters)

    return jax.vmap(jax.value_and_grad(value))(x0_hat)


@partial(jax.jit, static_argnames="program")
def part_gradients(
    program: Program, parameters: Any, standardizer: Standardizer, x0_hat: Batch
) -> tuple[Float[Array, "part sample"], Float[Array, "part sample time variable"]]:
    """Values of the event's parts and their gradients in standardised units."""

    def values(x0: Float[Array, "time variable"]) -> tuple[Array, Array]:
        parts = program.part_values(standardizer.unstandardize(x0), parameters)
        return parts, parts

    gradients, parts = jax.vmap(jax.jacrev(values, has_aux=True))(x0_hat)
    return parts.T, jnp.moveaxis(gradients, 1, 0)
