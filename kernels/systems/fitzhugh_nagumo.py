"""Two FitzHugh–Nagumo neurons, coupled by diffusion, in fifths, as in Finzi et al. (2023).

    ẋᵢ = xᵢ (a − xᵢ)(xᵢ − 1) − yᵢ + k (xⱼ − xᵢ),   ẏᵢ = bᵢ xᵢ − c yᵢ

with a = −0.025794, b = (0.0065, 0.0135), c = 0.02, k = 0.128; the observed x1, x2, y1, y2 are
five times these. Extreme events of this system: Ansmann et al. and arXiv:1803.06277.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.systems.base import System

__all__ = ["FITZHUGH_NAGUMO"]

A, B, C, COUPLING = -0.025794, (0.0065, 0.0135), 0.02, 0.128
UNIT = 5.0
INITIAL_SPREAD = 0.2


def vector_field(state: Float[Array, "4"]) -> Float[Array, "4"]:
    x, y = state[:2] / UNIT, state[2:] / UNIT
    dx = x * (A - x) * (x - 1.0) - y + COUPLING * (x[::-1] - x)
    dy = jnp.asarray(B) * x - C * y
    return UNIT * jnp.concatenate([dx, dy])


FITZHUGH_NAGUMO = System(
    name="fitzhugh_nagumo",
    description=(
        "two coupled FitzHugh–Nagumo neurons, state times 5 "
        "(arXiv:1803.06277; data protocol of Finzi et al. 2023)"
    ),
    variables=("x1", "x2", "y1", "y2"),
    vector_field=vector_field,
    draw_initial=lambda key: INITIAL_SPREAD * jax.random.normal(key, (4,)),
    step=6.0,
    num_times=60,
    burn_in=1500.0,
    substeps=6,
    parameters={"a": A, "b1": B[0], "b2": B[1], "c": C, "k": COUPLING, "unit": UNIT},
)
