"""Dequantisation: scores drawn for values that have a share of the law, with what each draw adds to a density.

Of a value x let the score z lie in [a, b]. With z ~ q(z | x), normal numbers truncated to their intervals, independent
of each other,

    log p(x) ≥ E [log p(z) − log q(z | x)],    q = φ(z) / (Φ(b) − Φ(a))

for shares; a value without one has the density log p(z) − log dx/dz. The bound is tight where p(z) is the law of
independent normal numbers (Theis, van den Oord & Bethge 2016; Ho et al. 2019).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtr, ndtri
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from kernels.trajectories.margins import Margins

__all__ = ["Dequantized", "dequantized", "is_drawn"]


class Dequantized(NamedTuple):
    """Scores of trajectories, with what turns the density of the scores into that of the values.

    Attributes:
        scores: (sample, time, score).
        log_factors: (sample, time): to be added to log p(z); −∞ where a value is impossible.
    """

    scores: Float[Array, "sample time score"]
    log_factors: Float[Array, "sample time"]


def is_drawn(
    margins: Margins, values: Float[Array, "sample time variable"]
) -> Bool[Array, "sample time score"]:
    """Whether a score is drawn, as its value has a share of the law."""
    low, high = margins.intervals(values)
    return high > low


def dequantized(
    margins: Margins, values: Float[Array, "sample time variable"], key: PRNGKeyArray
) -> Dequantized:
    """Draw scores of values.

    Args:
        margins: laws of the variables.
        values: in their units.
        key: random key.
    """
    low, high = margins.intervals(values)
    drawn = high > low
    z = jnp.where(drawn, _truncated(key, low, high), low)
    q = -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) - _log_share(low, high)
    count = values.shape[-1]
    slopes = margins.log_slopes(z)
    known = ~drawn[..., :count]
    factors = jnp.sum(jnp.where(drawn, -q, 0.0), -1) - jnp.sum(jnp.where(known, slopes, 0.0), -1)
    possible = jnp.all(margins.possible(values), axis=-1)
    return Dequantized(z, jnp.where(possible, factors, -jnp.inf))


def _turned(low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Intervals mirrored to where probabilities are small and have all their digits."""
    turned = low + high > 0
    return turned, jnp.where(turned, -high, low), jnp.where(turned, -low, high)


def _log_share(low: Array, high: Array) -> Array:
    """log(Φ(high) − Φ(low)), finite also where both are far out."""
    _, a, b = _turned(low, high)
    ratio = jnp.minimum(log_ndtr(a) - log_ndtr(b), -1e-7)
    return log_ndtr(b) + jnp.log(-jnp.expm1(ratio))


def _truncated(key: PRNGKeyArray, low: Array, high: Array) -> Array:
    """Normal numbers within intervals."""
    turned, a, b = _turned(low, high)
    share = jax.random.uniform(key, a.shape)
    z = ndtri(jnp.maximum(ndtr(a) + share * (ndtr(b) - ndtr(a)), 1e-37))
    z = jnp.clip(z, a, b)
    return jnp.where(turned, -z, z)
