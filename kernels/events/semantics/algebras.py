"""Three readings of one tree: Boolean, exact robustness, smooth robustness.

An algebra says what a comparison, "every", "some" and "not" give. Exact robustness is a number
whose sign is the Boolean reading: min for every, max for some, − for not. The smooth one has

    some(c) = T log Σ exp(cᵢ / T),   every(c) = −some(−c),

for the same quantities, temperature T → 0 being the exact one, and also for the reductions `max`,
`min` and `range`. ±`CERTAIN` stands for ±∞ (a window without samples) so that gradients stay finite.
A comparison with NaN (√ of a negative number) does not hold, as in NumPy.
"""

import dataclasses
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kernels.events.semantics.arithmetic import safe_abs

__all__ = ["CERTAIN", "Algebra", "Boolean", "Robust", "Smooth"]

CERTAIN = 1e37


class Algebra(Protocol):
    """Protocol of an algebra: operations on truth values, which are bool or float arrays."""

    true: Any

    def compare(self, operator: str, left: Array, right: Array) -> Array: ...
    def equal(self, residual: Array, tolerance: Array) -> Array: ...
    def inside(self, contained: Array, distance: Array) -> Array: ...
    def scaled(self, c: Array, scale: Array) -> Array: ...
    def negate(self, c: Array) -> Array: ...
    def both(self, a: Array, b: Array) -> Array: ...
    def either(self, a: Array, b: Array) -> Array: ...
    def every(self, c: Array, mask: Array | None) -> Array: ...
    def some(self, c: Array, mask: Array | None) -> Array: ...
    def every_before(self, c: Array) -> Array: ...
    def largest(self, s: Array, mask: Array | None) -> Array: ...


class Boolean:
    """Boolean algebra: truth values are bool."""

    true = True

    def compare(self, operator: str, left: Array, right: Array) -> Array:
        compare = {">": jnp.greater, "<": jnp.less, ">=": jnp.greater_equal, "<=": jnp.less_equal}[operator]
        return compare(left, right)

    def equal(self, residual: Array, tolerance: Array) -> Array:
        return jnp.abs(residual) <= tolerance

    def inside(self, contained: Array, distance: Array) -> Array:
        return contained | (distance == 0)

    def scaled(self, c: Array, scale: Array) -> Array:
        return c

    def negate(self, c: Array) -> Array:
        return ~c

    def both(self, a: Array, b: Array) -> Array:
        return a & b

    def either(self, a: Array, b: Array) -> Array:
        return a | b

    def every(self, c: Array, mask: Array | None) -> Array:
        return jnp.all(c if mask is None else c | ~mask, axis=-1)

    def some(self, c: Array, mask: Array | None) -> Array:
        return jnp.any(c if mask is None else c & mask, axis=-1)

    def every_before(self, c: Array) -> Array:
        running = jax.lax.cummin(c.astype(jnp.int32), axis=c.ndim - 1) > 0
        return jnp.concatenate([jnp.ones_like(c[..., :1]), running[..., :-1]], axis=-1)

    def largest(self, s: Array, mask: Array | None) -> Array:
        return masked_max(s, mask)


class Robust:
    """Algebra of exact robustness."""

    true = CERTAIN

    def compare(self, operator: str, left: Array, right: Array) -> Array:
        return sure(left - right if operator in (">", ">=") else right - left)

    def equal(self, residual: Array, tolerance: Array) -> Array:
        return sure(tolerance - safe_abs(residual))

    def inside(self, contained: Array, distance: Array) -> Array:
        return sure(jnp.where(contained, distance, -distance))

    def scaled(self, c: Array, scale: Array) -> Array:
        return jnp.where(jnp.abs(c) < 0.5 * CERTAIN, sure(c / scale), c)

    def negate(self, c: Array) -> Array:
        return -c

    def both(self, a: Array, b: Array) -> Array:
        return jnp.minimum(a, b)

    def either(self, a: Array, b: Array) -> Array:
        return jnp.maximum(a, b)

    def every(self, c: Array, mask: Array | None) -> Array:
        return jnp.min(c if mask is None else jnp.where(mask, c, CERTAIN), axis=-1)

    def some(self, c: Array, mask: Array | None) -> Array:
        return jnp.max(c if mask is None else jnp.where(mask, c, -CERTAIN), axis=-1)

    def every_before(self, c: Array) -> Array:
        running = jax.lax.cummin(c, axis=c.ndim - 1)
        return jnp.concatenate([jnp.full_like(c[..., :1], CERTAIN), running[..., :-1]], axis=-1)

    def largest(self, s: Array, mask: Array | None) -> Array:
        return masked_max(s, mask)


@dataclasses.dataclass(frozen=True)
class Smooth(Robust):
    """Algebra of smooth robustness, for gradients only; the temperature has units of C."""

    temperature: Array

    def both(self, a: Array, b: Array) -> Array:
        return -self.either(-a, -b)

    def either(self, a: Array, b: Array) -> Array:
        a, b = jnp.broadcast_arrays(a, b)
        return self.some(jnp.stack([a, b], axis=-1), None)

    def every(self, c: Array, mask: Array | None) -> Array:
        return -self.some(-c, mask)

    def some(self, c: Array, mask: Array | None) -> Array:
        mask = (
            jnp.ones_like(c, bool)
            if mask is None
            else jnp.broadcast_to(mask, jnp.broadcast_shapes(c.shape, mask.shape))
        )
        top = jax.lax.stop_gradient(jnp.max(jnp.where(mask, c, -CERTAIN), axis=-1, keepdims=True))
        near = mask & (c > -0.5 * CERTAIN) & (jnp.abs(top) < 0.5 * CERTAIN)
        weight = jnp.where(near, jnp.exp(jnp.where(near, (c - top) / self.temperature, 0.0)), 0.0)
        total = jnp.sum(weight, axis=-1)
        soft = top[..., 0] + self.temperature * jnp.log(jnp.where(total > 0, total, 1.0))
        return soft

    def every_before(self, c: Array) -> Array:
        scaled = jnp.clip(-c / self.temperature, -CERTAIN, CERTAIN)
        running = -self.temperature * jax.lax.cumlogsumexp(scaled, axis=c.ndim - 1)
        return jnp.concatenate(
            [jnp.full_like(c[..., :1], CERTAIN), jnp.clip(running[..., :-1], -CERTAIN, CERTAIN)], axis=-1
        )

    def largest(self, s: Array, mask: Array | None) -> Array:
        exact = masked_max(s, mask)
        finite = jnp.isfinite(s) if mask is None else jnp.isfinite(s) & mask
        soft = self.some(jnp.where(finite, s, 0.0), finite)
        return jnp.where(jnp.isfinite(exact), soft, jax.lax.stop_gradient(exact))


def sure(c: Array) -> Array:
    """Robustness clipped to ±CERTAIN; NaN becomes −CERTAIN, as it does not hold."""
    return jnp.where(jnp.isnan(c), -CERTAIN, jnp.clip(c, -CERTAIN, CERTAIN))


def masked_max(s: Array, mask: Array | None) -> Array:
    """Maximum over the last axis where `mask` is set, with finite gradients.

    It is −∞ where nothing is set, and NaN where one value is NaN, as in NumPy.
    """
    unknown = jnp.isnan(s) if mask is None else jnp.isnan(s) & mask
    known = ~unknown if mask is None else mask & ~unknown
    top = jnp.max(jnp.where(known, s, -jnp.inf), axis=-1)
    return jnp.where(jnp.any(unknown, axis=-1), jnp.nan, top)
