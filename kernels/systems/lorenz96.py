"""Lorenz's model of 1996: a ring of 24 sites that advect, damp and are driven.

It stands for air on a latitude circle:

    ẋᵢ = (xᵢ₊₁ − xᵢ₋₂) xᵢ₋₁ − xᵢ + F,   i = 1 … 24, indices modulo 24,   F = 8,

chaotic, with a leading Lyapunov exponent of about 1.7. Observed are x1 … x24 every 0.1 (about half a
day of weather, in Lorenz's reading) after a burn-in, and as an observable the `energy`, the mean of
x²/2 over the ring, which advection conserves. E. N. Lorenz, Predictability: a problem partly solved,
Seminar on Predictability, ECMWF (1996).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.systems.base import System

__all__ = ["LORENZ96"]

NUM_SITES = 24
FORCING = 8.0


def vector_field(state: Float[Array, "site"]) -> Float[Array, "site"]:
    ahead, behind, two_behind = (jnp.roll(state, shift) for shift in (-1, 1, 2))
    return (ahead - two_behind) * behind - state + FORCING


def energy(x: Float[Array, "time site"]) -> Float[Array, " time"]:
    """Mean of x²/2 over the ring, at each time."""
    return 0.5 * jnp.mean(x**2, axis=-1)


LORENZ96 = System(
    name="lorenz96",
    description="Lorenz-96 on a ring of 24 sites, F = 8 (Lorenz 1996)",
    variables=tuple(f"x{i + 1}" for i in range(NUM_SITES)),
    vector_field=vector_field,
    draw_initial=lambda key: FORCING + jax.random.normal(key, (NUM_SITES,)),
    step=0.1,
    num_times=40,
    burn_in=20.0,
    substeps=4,
    ring=True,
    observables={"energy": energy},
    parameters={"F": FORCING, "sites": NUM_SITES},
)
