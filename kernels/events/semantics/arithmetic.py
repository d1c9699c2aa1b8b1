"""Arithmetic whose gradients are finite everywhere.

Values are NumPy's, infinities and NaN included. Where a derivative does not exist or overflows
(√ at 0, division by 0, a logarithm of 0, 0 · ∞) the gradient is 0: `jnp.where` alone would
give 0 · ∞ = NaN there, so the function never sees the offending argument (a "double where"), and NaN
and infinities end here: they receive gradient 0.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = [
    "FUNCTIONS",
    "divide",
    "gradient_in_time",
    "multiply",
    "power",
    "safe_abs",
    "safe_sqrt",
    "safe_square",
    "signed_distance",
]

_TINY = 1e-30  # smaller arguments have no useful derivative in float32
_HUGE = 1e18  # the square root of float32's range: products of two such factors stay finite
_EXP_LIMIT = 80.0


def _guarded(function: Callable[[Array], Array], s: Array, regular: Array, value: Array) -> Array:
    """Evaluate function(s) where `regular`; elsewhere take `value`, with gradient 0."""
    return jnp.where(regular, function(jnp.where(regular, s, 1.0)), jax.lax.stop_gradient(value))


def safe_sqrt(s: Array) -> Array:
    return _guarded(jnp.sqrt, s, (s > _TINY) & (s < jnp.inf), jnp.sqrt(s))


def safe_abs(s: Array) -> Array:
    """Absolute value |s|, also of complex numbers."""
    if not jnp.iscomplexobj(s):
        return _guarded(jnp.abs, s, jnp.isfinite(s), jnp.abs(s))
    squared = safe_square(s.real) + safe_square(s.imag)
    return safe_sqrt(squared)


def safe_square(s: Array) -> Array:
    return _guarded(jnp.square, s, jnp.abs(s) < _HUGE, s**2)


def _log(s: Array) -> Array:
    return _guarded(jnp.log, s, (s > _TINY) & (s < jnp.inf), jnp.log(s))


def _exp(s: Array) -> Array:
    return _guarded(jnp.exp, s, s < _EXP_LIMIT, jnp.exp(s))


def _sin(s: Array) -> Array:
    return _guarded(jnp.sin, s, jnp.isfinite(s), jnp.sin(s))


def _cos(s: Array) -> Array:
    return _guarded(jnp.cos, s, jnp.isfinite(s), jnp.cos(s))


def _tanh(s: Array) -> Array:
    return _guarded(jnp.tanh, s, jnp.isfinite(s), jnp.tanh(s))


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "abs": safe_abs,
    "sqrt": safe_sqrt,
    "exp": _exp,
    "log": _log,
    "sin": _sin,
    "cos": _cos,
    "tanh": _tanh,
}


def multiply(a: Array, b: Array) -> Array:
    regular = (jnp.abs(a) < _HUGE) & (jnp.abs(b) < _HUGE)
    product = jnp.where(regular, a, 1.0) * jnp.where(regular, b, 1.0)
    return jnp.where(regular, product, jax.lax.stop_gradient(a * b))


def divide(a: Array, b: Array) -> Array:
    regular = (jnp.abs(a) < _HUGE) & (jnp.abs(b) > 1.0 / _HUGE**0.5) & (jnp.abs(b) < _HUGE)
    quotient = jnp.where(regular, a, 1.0) / jnp.where(regular, b, 1.0)
    return jnp.where(regular, quotient, jax.lax.stop_gradient(a / b))


def power(base: Array, exponent: int) -> Array:
    limit = float(_HUGE * 1e18) ** (1.0 / exponent)
    return _guarded(lambda s: s**exponent, base, jnp.abs(base) < limit, base**exponent)


def gradient_in_time(s: Array, times: Array) -> Array:
    """Derivative along the last axis, as np.gradient.

    Differences are of second order inside and of first order at the ends.
    """
    step = jnp.diff(times)
    slope = jnp.diff(s, axis=-1) / step
    before, after = step[:-1], step[1:]
    inside = (after * slope[..., :-1] + before * slope[..., 1:]) / (before + after)
    return jnp.concatenate([slope[..., :1], inside, slope[..., -1:]], axis=-1)


def signed_distance(
    x: Float[Array, "*point"], y: Float[Array, "*point"], vertices: Float[Array, "vertex 2"]
) -> tuple[Bool[Array, "*point"], Float[Array, "*point"]]:
    """Whether each point is inside a polygon, and its distance to the nearest edge.

    Inside is by the even–odd rule; the distance is Euclidean.

    The distance is √ of a squared distance with gradient 0 on the edges themselves.
    """
    x, y = jnp.broadcast_arrays(x, y)
    known = jnp.isfinite(x) & jnp.isfinite(y)  # other points count as far outside
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
