"""Maxima, sums, "all" and "any" over the samples of windows.

    series (1 | evaluation, time) or (…, item),  mask None, (time,) or (evaluation, time)  →  (1 | evaluation,)

One window at a time is a plain reduction. With a window for each time of evaluation, the samples are
folded one after another into all windows at once: vectors of length `evaluation` stay in the cache,
where a masked reduction of the (evaluation, time) square is 25 times slower on a CPU.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

__all__ = ["all_of", "any_of", "largest_of", "sum_of"]


def _folded(combine: Callable[[Array, Array], Array], start: Array, s: Array, mask: Array) -> Array:
    def step(total: Array, sample: tuple[Array, Array]) -> tuple[Array, None]:
        value, counts = sample
        return jnp.where(counts, combine(total, value), total), None

    return jax.lax.scan(step, jnp.broadcast_to(start, mask.shape[:1]), (s.T, mask.T))[0]


def largest_of(s: Array, mask: Array | None) -> Array:
    """−∞ of nothing; NaN when one is NaN, as NumPy; the gradient is finite."""
    if mask is not None and mask.ndim == 2:
        return _folded(jnp.maximum, jnp.asarray(-jnp.inf, s.dtype), s, mask)
    unknown = jnp.isnan(s) if mask is None else jnp.isnan(s) & mask
    known = ~unknown if mask is None else mask & ~unknown
    top = jnp.max(jnp.where(known, s, -jnp.inf), axis=-1)
    return jnp.where(jnp.any(unknown, axis=-1), jnp.nan, top)


def sum_of(s: Array, mask: Array | None) -> Array:
    """0 of nothing."""
    if mask is not None and mask.ndim == 2:
        return _folded(jnp.add, jnp.zeros((), s.dtype), s, mask)
    return jnp.sum(s if mask is None else jnp.where(mask, s, 0.0), axis=-1)


def all_of(c: Array, mask: Array | None) -> Array:
    """True of nothing."""
    if mask is not None and mask.ndim == 2:
        return _folded(jnp.logical_and, jnp.asarray(True), c, mask)
    return jnp.all(c if mask is None else c | ~mask, axis=-1)


def any_of(c: Array, mask: Array | None) -> Array:
    """False of nothing."""
    return ~all_of(~c, mask)
