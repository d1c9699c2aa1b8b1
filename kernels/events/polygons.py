"""Distance of points from the edges of a polygon, and which points are inside."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from kernels.events.arithmetic import safe_sqrt

__all__ = ["signed_distance"]


def signed_distance(
    x: Float[Array, "*point"], y: Float[Array, "*point"], vertices: Float[Array, "vertex 2"]
) -> tuple[Bool[Array, "*point"], Float[Array, "*point"]]:
    """Whether each point is inside (even–odd rule), and its Euclidean distance to the nearest edge.

    The distance is √ of a squared distance with gradient 0 on the edges themselves.
    """
    x, y = jnp.broadcast_arrays(x, y)
    known = jnp.isfinite(x) & jnp.isfinite(y)  # other points are outside, and far
    x, y = jnp.where(known, x, 0.0), jnp.where(known, y, 0.0)
    px, py = x[..., None], y[..., None]
    ax, ay = vertices[:, 0], vertices[:, 1]
    bx, by = jnp.roll(ax, -1), jnp.roll(ay, -1)
    ex, ey = bx - ax, by - ay
    length = ex**2 + ey**2
    along = ((px - ax) * ex + (py - ay) * ey) / jnp.where(length > 0, length, 1.0)
    along = jnp.clip(along, 0.0, 1.0)
    squared = (px - ax - along * ex) ** 2 + (py - ay - along * ey) ** 2
    straddles = (ay > py) != (by > py)
    crossing = ax + ex * (py - ay) / jnp.where(ey == 0, 1.0, ey)
    crossings = jnp.sum(straddles & (px < crossing), axis=-1)
    distance = safe_sqrt(jnp.min(squared, axis=-1))
    return known & (crossings % 2 == 1), jnp.where(known, distance, jnp.inf)
