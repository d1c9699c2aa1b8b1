"""Planar double pendulum: unit masses, unit massless rods, unit gravity.

Angles q1, q2 are measured from the downward vertical and never wrapped. With the mass matrix
M(q)ᵢⱼ = cos(qᵢ − qⱼ) (2 − max(i, j)), i and j from 0, and momenta p = M v,

    H(q, p) = ½ pᵀ M(q)⁻¹ p − 2 cos q1 − cos q2,    q̇ = ∂H/∂p,  ṗ = −∂H/∂q.

Observed are q1, q2 and the velocities v = M⁻¹ p, and as an observable the `energy`, which the
exact flow conserves. Initial law of Finzi et al. (2023): q ~ N(0, I), p ~ N(0, 0.2² I), the last
momentum 1.5 times larger.

In 13 % of the trajectories the lower arm flips over, and then goes on turning, up to 70 rad in 30 s:
unwrapped q2 has a standard deviation of 1.0 rad at first and of 5.1 rad at last, nearly all of it from
those few, next to which swings of half a radian would be noise to a network. Networks therefore see the
increments of q1 and q2 from time to time, which are bounded (by 4.5 rad/s times the step) and as wide at
the end as at the beginning. Layout and results are in unwrapped angles.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.systems.base import System

__all__ = ["DOUBLE_PENDULUM"]

INITIAL_MOMENTUM = (0.2, 0.3)


def velocities(state: Float[Array, "4"]) -> Float[Array, "2"]:
    """Velocities M(q)⁻¹ p in closed form; det M = 1 + sin²(q1 − q2) ≥ 1."""
    q, p = state[:2], state[2:]
    cosine = jnp.cos(q[0] - q[1])
    det = 2.0 - cosine**2
    return jnp.stack([p[0] - cosine * p[1], 2.0 * p[1] - cosine * p[0]]) / det


def vector_field(state: Float[Array, "4"]) -> Float[Array, "4"]:
    q, v = state[:2], velocities(state)
    sine = jnp.sin(q[0] - q[1]) * v[0] * v[1]
    force = jnp.stack([-sine - 2.0 * jnp.sin(q[0]), sine - jnp.sin(q[1])])
    return jnp.concatenate([v, force])


def observe(state: Float[Array, "4"]) -> Float[Array, "4"]:
    return jnp.concatenate([state[:2], velocities(state)])


def recover(observed: Float[Array, "4"]) -> Float[Array, "4"]:
    q, v = observed[:2], observed[2:]
    coupling = jnp.cos(q[0] - q[1])
    return jnp.concatenate([q, jnp.stack([2.0 * v[0] + coupling * v[1], v[1] + coupling * v[0]])])


def energy(x: Float[Array, "time 4"]) -> Float[Array, " time"]:
    """Total energy at each time, from angles and velocities."""
    q1, q2, v1, v2 = x.T
    return v1**2 + 0.5 * v2**2 + jnp.cos(q1 - q2) * v1 * v2 - 2.0 * jnp.cos(q1) - jnp.cos(q2)


def draw_initial(key: Array) -> Float[Array, "4"]:
    q_key, p_key = jax.random.split(key)
    return jnp.concatenate(
        [jax.random.normal(q_key, (2,)), jnp.asarray(INITIAL_MOMENTUM) * jax.random.normal(p_key, (2,))]
    )


DOUBLE_PENDULUM = System(
    name="double_pendulum",
    description=(
        "planar double pendulum, unit lengths, masses and gravity (data protocol of Finzi et al. 2023)"
    ),
    variables=("q1", "q2", "v1", "v2"),
    vector_field=vector_field,
    draw_initial=draw_initial,
    observe=observe,
    recover=recover,
    variable_units={"q1": "rad", "q2": "rad", "v1": "rad/s", "v2": "rad/s"},
    time_units="s",
    step=0.5,
    num_times=60,
    substeps=20,
    increments=("q1", "q2"),
    observables={"energy": energy},
    parameters={"length": 1.0, "mass": 1.0, "gravity": 1.0},
)
