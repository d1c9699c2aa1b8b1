"""The parts of an event that `and` joins, linearised at x̂₀: values, gradients, tolerances."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kernels.events.semantics import Program
from kernels.trajectories import Standardizer

__all__ = ["Part", "linearised", "part_gradients", "value_gradient"]

Batch = Float[Array, "sample time variable"]


class Part(NamedTuple):
    """One part of an event at x̂₀.

    Attributes:
        value: C of an inequality, the residual of an equality, (sample,).
        gradient: of the value, standardised units.
        width: standard deviation of an equality, its half width / √3; None for an inequality.
    """

    value: Float[Array, " sample"]
    gradient: Batch
    width: Float[Array, ""] | None


def linearised(
    program: Program, parameters: Any, standardizer: Standardizer, x0_hat: Batch
) -> Iterator[Part]:
    """The parts, equalities first; one inequality costs a gradient, several parts a Jacobian."""
    kinds = program.parts
    if kinds == ("inequality",):
        value, gradient = value_gradient(program, parameters, standardizer, x0_hat)
        yield Part(value, gradient, None)
        return
    values, gradients = part_gradients(program, parameters, standardizer, x0_hat)
    widths = program.part_tolerances(parameters) / np.float32(np.sqrt(3.0))
    for index in sorted(range(len(kinds)), key=lambda i: kinds[i] != "equality"):
        width = widths[index] if kinds[index] == "equality" else None
        yield Part(values[index], gradients[index], width)


@partial(jax.jit, static_argnames="program")
def value_gradient(
    program: Program, parameters: Any, standardizer: Standardizer, x0_hat: Batch
) -> tuple[Float[Array, " sample"], Batch]:
    """C and its gradient in standardised units; compiles once for each kind of event."""

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
