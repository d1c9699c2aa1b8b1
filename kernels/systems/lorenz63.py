"""Lorenz's convection model of 1963, in units of 20, as in Finzi et al. (2023).

    ẋ = σ (y − x),  ẏ = x (ρ − 20 z) − y,  ż = 20 x y − β z,   σ = 10, ρ = 28, β = 8/3,

where x, y, z are Lorenz's variables divided by 20. E. N. Lorenz, J. Atmos. Sci. 20, 130 (1963).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.systems.base import System

__all__ = ["LORENZ63"]

PRANDTL, RAYLEIGH, ASPECT = 10.0, 28.0, 8.0 / 3.0
UNIT = 20.0


def vector_field(state: Float[Array, "3"]) -> Float[Array, "3"]:
    x, y, z = state
    return jnp.stack([PRANDTL * (y - x), x * (RAYLEIGH - UNIT * z) - y, UNIT * x * y - ASPECT * z])


LORENZ63 = System(
    name="lorenz63",
    description="Lorenz-63, state divided by 20 (Lorenz 1963; data protocol of Finzi et al. 2023)",
    variables=("x", "y", "z"),
    vector_field=vector_field,
    draw_initial=lambda key: jax.random.normal(key, (3,)),
    step=0.1,
    num_times=60,
    burn_in=3.0,
    substeps=5,
    parameters={"sigma": PRANDTL, "rho": RAYLEIGH, "beta": ASPECT, "unit": UNIT},
)
