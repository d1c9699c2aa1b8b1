"""Margins: the one-time laws of a record's variables, as a map from normal scores to values.

    x = F⁻¹(Φ(z)),  z ~ N(0, 1) at each time

F is empirical in the bulk, generalised Pareto beyond an upper and a lower threshold, and has point masses at bounds. In
scores z each variable is nearly normal at any one time, however skewed and heavy-tailed it is in its own unit, so that a
model of z has the record's own law at each time. Coles, "An Introduction to Statistical Modeling of Extreme Values"
(2001), chapter 4, for the tails.

A bound that values often stand at, such as no rain, may have a score of its own, the occurrence: the value is the bound
where that score is below a level, and else what the other score says. How long it stays dry and how much falls on wet days
then are two things to learn, and each is nearly Gaussian.

A variable may be modelled as its difference from another, its partner, which is never above it: its margin then is that
of the difference, which is added to the partner's value. A difference with a lower bound of 0 keeps the two in order.

The tails are worked out through log Φ: in single precision Φ(z) is 1 from z ≈ 5.4 on, where rare events live.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtr, ndtri
from jaxtyping import Array, Bool, Float, Int

__all__ = ["FARTHEST", "UNBOUNDED", "Margins"]

FARTHEST = 12.0  # scores beyond ± this do not occur: their probability is below 1e-32
UNBOUNDED = 3.0e38  # stands for a bound that there is not; files hold finite numbers
_SMALLEST = 1e-35  # smallest probability that single precision holds with all its digits

Values = Float[Array, "*batch variable"]
Scores = Float[Array, "*batch score"]


class Margins(NamedTuple):
    """Map between normal scores and values of each variable, increasing.

    The first scores are those of the variables, in their order; occurrences come after them.

    Attributes:
        first: (variable,) score at which the bulk begins; what is below is the lower tail, or the lower bound's share.
        last: (variable,) score at which the bulk ends.
        knots: (variable, knot) values at scores evenly spaced from `first` to `last`, increasing.
        scales: (variable, 2) scale σ > 0 of the lower and of the upper tail, units of the variable.
        shapes: (variable, 2) shape ξ of both; a tail with ξ < 0 ends at σ / |ξ| beyond the knots.
        bounds: (variable, 2) hard bounds, ∓`UNBOUNDED` where there is none.
        atoms: (variable, 2) scores up to which a value is the lower bound, and from which on it is the upper one;
            ∓`FARTHEST` where a bound has no share.
        channels: (variable, 2) index of the score that decides on the lower bound and on the upper one, as whole floats:
            the variable's own or an occurrence, which one of the two may have.
        resolution: (variable,) step of the gauge, whose multiples the values are; 0 for none.
        spread: (variable,) standard deviation of the values.
        partners: (level, variable) index of the variable that each is a difference from, as whole floats, −1 for none;
            a variable of a level has its partner in one above, or has none. None where there are no differences.
    """

    first: Float[Array, " variable"]
    last: Float[Array, " variable"]
    knots: Float[Array, "variable knot"]
    scales: Float[Array, "variable 2"]
    shapes: Float[Array, "variable 2"]
    bounds: Float[Array, "variable 2"]
    atoms: Float[Array, "variable 2"]
    channels: Float[Array, "variable 2"]
    resolution: Float[Array, " variable"]
    spread: Float[Array, " variable"]
    partners: Float[Array, "level variable"] | None = None

    @property
    def num_scores(self) -> int:
        """Number of scores at a time."""
        return int(max(self.first.shape[0], 1 + np.max(np.asarray(self.channels))))

    @property
    def owners(self) -> Int[np.ndarray, " score"]:
        """Index of the variable that each score is about."""
        owners = np.arange(self.num_scores)
        for variable, pair in enumerate(np.asarray(self.channels).astype(int)):
            owners[pair] = variable
        return owners

    def values(self, scores: Scores) -> Values:
        """Values of scores, at the gauge's resolution; its rounding has the slope 1."""
        smooth = self._own_values(scores)
        rounded = jnp.clip(_rounded(smooth, self.resolution), self.bounds[:, 0], self.bounds[:, 1])
        return self._added(jnp.where(self.resolution > 0, rounded, smooth))

    def differences(self, values: Values) -> Values:
        """Values in which each variable with a partner is its difference from that; the others as they are."""
        if self.partners is None:
            return values
        partner = jnp.max(self.partners, axis=0)
        beside = jnp.take(values, jnp.maximum(partner, 0).astype(jnp.int32), axis=-1)
        return jnp.where(partner >= 0, values - beside, values)

    def _added(self, own: Values) -> Values:
        """Inverse of `differences`; sums of multiples of a gauge's resolution are multiples again."""
        x, steps = own, self.resolution
        for partner in () if self.partners is None else self.partners:
            index = jnp.maximum(partner, 0).astype(jnp.int32)
            finer, coarser = (order(steps, steps[index]) for order in (jnp.minimum, jnp.maximum))
            ratio = coarser / jnp.where(finer > 0, finer, 1.0)
            common = jnp.where(jnp.abs(ratio - jnp.round(ratio)) < 1e-3, finer, 0.0)
            steps = jnp.where(partner >= 0, common, steps)
            total = x + jnp.take(x, index, axis=-1)
            total = jnp.where(steps > 0, _rounded(total, steps), total)
            x = jnp.where(partner >= 0, total, x)
        return x

    def _own_values(self, scores: Scores) -> Values:
        """Values of scores, or differences, before they are rounded to the gauge's resolution."""
        low, high = (jnp.take(scores, self.channels[:, end].astype(jnp.int32), axis=-1) for end in (0, 1))
        x = self._inner_values(scores[..., : self.first.shape[0]])
        at_low, at_high = low <= self.atoms[:, 0], high >= self.atoms[:, 1]
        own_low, own_high = (self.channels[:, end] == jnp.arange(self.first.shape[0]) for end in (0, 1))
        x = jnp.where(at_low & (own_high | ~at_high), self.bounds[:, 0], x)  # an occurrence goes first
        x = jnp.where(at_high & (own_low | ~at_low), self.bounds[:, 1], x)
        return jnp.clip(x, self.bounds[:, 0], self.bounds[:, 1])

    def scores(self, values: Values) -> Scores:
        """Scores of values: of one that has a share of the law, the middle of the share."""
        low, high = self.intervals(values, rounded=False)
        turned = low > 0  # towards 0 probabilities are small and have all their digits
        below, above = jnp.where(turned, -high, low), jnp.where(turned, -low, high)
        middle = ndtri(jnp.clip(0.5 * (ndtr(below) + ndtr(above)), _SMALLEST, 1.0 - 1e-7))
        return jnp.where(low == high, low, jnp.where(turned, -middle, middle))

    def intervals(self, values: Values, *, rounded: bool = True) -> tuple[Scores, Scores]:
        """Scores between which a value's share of the law lies; equal where it has none.

        Args:
            values: in the variables' units.
            rounded: whether a multiple of the gauge's resolution has a share; else only bounds have one.
        """
        values, half = self.differences(values), 0.5 * self.resolution * rounded
        at_low = (self.atoms[:, 0] > -FARTHEST) & (values <= self.bounds[:, 0] + half)
        at_high = (self.atoms[:, 1] < FARTHEST) & (values >= self.bounds[:, 1] - half)
        low, high = self._inner_scores(values - half), self._inner_scores(values + half)
        own_low, own_high = (self.channels[:, end] == jnp.arange(self.first.shape[0]) for end in (0, 1))
        low = jnp.where(at_low, -FARTHEST, jnp.where(at_high & own_high, self.atoms[:, 1], low))
        high = jnp.where(at_high, FARTHEST, jnp.where(at_low & own_low, self.atoms[:, 0], high))
        low = jnp.where(at_high & ~own_high, -FARTHEST, low)  # an occurrence says it all
        high = jnp.where(at_low & ~own_low, FARTHEST, high)
        pairs = [(low, jnp.maximum(high, low))]
        for at, own, end in ((at_low, own_low, 0), (at_high, own_high, 1)):
            for variable in np.flatnonzero(~np.asarray(own)):
                below = at[..., variable] if end == 0 else ~at[..., variable]
                level = self.atoms[variable, end]
                pairs.append(
                    (
                        jnp.where(below, -FARTHEST, level)[..., None],
                        jnp.where(below, level, FARTHEST)[..., None],
                    )
                )
        lows, highs = (jnp.concatenate(parts, axis=-1) for parts in zip(*pairs, strict=True))
        return lows, highs

    def possible(self, values: Values) -> Bool[Array, "*batch variable"]:
        """Whether values lie within bounds and within the end points of tails that have one."""
        x, half = self.differences(values), 0.5 * self.resolution
        reach = jnp.where(self.shapes < 0, self.scales / jnp.abs(_not_zero(self.shapes)), UNBOUNDED)
        lowest = jnp.maximum(self.bounds[:, 0], self.knots[:, 0] - reach[:, 0])
        highest = jnp.minimum(self.bounds[:, 1], self.knots[:, -1] + reach[:, 1])
        return (x + half >= lowest) & (x - half <= highest)

    def log_slopes(self, scores: Scores) -> Values:
        """Logarithm of dx/dz of each variable and its own score, before rounding; −∞ at a bound with a share.

        Their sum is log |det| of the whole map: a partner's value is added with the slope 1.
        """
        count = self.first.shape[0]

        def values(own: Values) -> Values:
            return self._own_values(jnp.concatenate([own, scores[..., count:]], axis=-1))

        _, slopes = jax.jvp(values, (scores[..., :count],), (jnp.ones_like(scores[..., :count]),))
        return jnp.log(slopes)

    def _inner_values(self, scores: Values) -> Values:
        """Values in bulk and tails, where the map is invertible."""
        cells = self.knots.shape[1] - 1
        place = (scores - self.first) / (self.last - self.first) * cells
        place = jnp.clip(place, 0.0, cells)
        cell = jnp.clip(place.astype(jnp.int32), 0, cells - 1)
        variable = jnp.arange(self.first.shape[0])
        low, high = self.knots[variable, cell], self.knots[variable, cell + 1]
        bulk = low + (place - cell) * (high - low)
        above = log_ndtr(-self.last) - log_ndtr(-jnp.maximum(scores, self.last))
        below = log_ndtr(self.first) - log_ndtr(jnp.minimum(scores, self.first))
        upper, lower = (
            self.scales[:, end] * _excess(share, self.shapes[:, end])
            for end, share in ((1, above), (0, below))
        )
        return bulk + upper - lower

    def _inner_scores(self, values: Values) -> Values:
        """Scores in bulk and tails, where the map is invertible."""
        columns = jax.vmap(
            lambda knots, x: jnp.searchsorted(knots, x, side="right"), in_axes=(0, -1), out_axes=-1
        )
        cell = jnp.clip(columns(self.knots, values) - 1, 0, self.knots.shape[1] - 2)
        variable = jnp.arange(self.first.shape[0])
        low, high = self.knots[variable, cell], self.knots[variable, cell + 1]
        within = jnp.clip((values - low) / (high - low), 0.0, 1.0)
        z = self.first + (cell + within) * (self.last - self.first) / (self.knots.shape[1] - 1)
        above = _log_share(values - self.knots[:, -1], self.scales[:, 1], self.shapes[:, 1])
        below = _log_share(self.knots[:, 0] - values, self.scales[:, 0], self.shapes[:, 0])
        upper = -ndtri(jnp.exp(jnp.maximum(log_ndtr(-self.last) - above, jnp.log(_SMALLEST))))
        lower = ndtri(jnp.exp(jnp.maximum(log_ndtr(self.first) - below, jnp.log(_SMALLEST))))
        return jnp.where(above > 0, upper, jnp.where(below > 0, lower, z))


@jax.custom_jvp
def _rounded(values: Values, resolution: Float[Array, " variable"]) -> Values:
    """Nearest multiples of a resolution; as they are where that is 0."""
    steps = jnp.where(resolution > 0, resolution, 1.0)
    count, inverse = jnp.round(values / steps), jnp.round(1.0 / steps)
    tenths = (inverse >= 1.0) & (
        jnp.abs(inverse * steps - 1.0) < 1e-5
    )  # 3 / 10 is nearer to 0.3 than 3 · 0.1
    divisor = (
        jnp.where(tenths, inverse, 1.0) + 0.0 * count
    )  # one divisor for all becomes a rounded reciprocal
    divisor = jax.lax.optimization_barrier(divisor)
    return jnp.where(tenths, count / divisor, count * steps)


@_rounded.defjvp
def _rounded_slope(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Slope 1, so that events keep a gradient."""
    return _rounded(*primals), tangents[0]


@jax.custom_jvp
def _excess(log_share: Array, shape: Array) -> Array:
    """Excess over the threshold, in scales, that a share e^−t of the tail exceeds: (e^ξt − 1) / ξ."""
    xi = _not_zero(shape)
    return jnp.expm1(xi * log_share) / xi


@_excess.defjvp
def _excess_slope(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Slope e^ξt, which the derivative of expm1 rounds to 0 near an end point; the shape has none."""
    value, slope = _excess(*primals), jnp.exp(_not_zero(primals[1]) * primals[0])
    return value, slope * tangents[0]


def _log_share(excess: Array, scale: Array, shape: Array) -> Array:
    """Inverse of `_excess`: t = log(1 + ξ y/σ) / ξ, of y not below 0; large beyond an end point."""
    xi = _not_zero(shape)
    y = jnp.maximum(excess, 0.0) / scale
    return jnp.log1p(jnp.maximum(xi * y, -1.0 + 1e-7)) / xi


def _not_zero(shape: Array) -> Array:
    return jnp.where(jnp.abs(shape) < 1e-6, 1e-6, shape)
