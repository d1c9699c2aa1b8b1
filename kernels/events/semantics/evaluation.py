"""Evaluation of a tree on one trajectory, in JAX, under one of the three algebras.

Arrays broadcast over (evaluation, time). The first axis has length 1 at the top of an event (one
time of evaluation, the start) and inside `always`, `eventually`, `until` the length of the trajectory;
so `max(x) > c` costs one max, and only nested windows cost (time × time).

    series   signals as (1 | evaluation, time), spectra as (1 | evaluation, frequency), numbers as (1 | evaluation, 1)
    now      signals and numbers at the time of evaluation: (1 | evaluation,)
    truth    events: (1 | evaluation,)

Where the parameters have a scale for a leaf (an event that joins no others), its margin is divided by it; see
`kernels.events.semantics.scaling`.

An inner window counts with the samples that the trajectory has. Where it has none, "every" is true and "some"
false, the maximum is −∞ and the minimum ∞ accordingly, and every other number, `at` included, has no value: NaN, of
which no comparison holds.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kernels.events.semantics import arithmetic
from kernels.events.semantics.algebras import Algebra
from kernels.events.semantics.arithmetic import signed_distance
from kernels.events.semantics.binding import TIME
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression, Number, Variable
from kernels.events.syntax.functions import At, Binary, Function, Index, Negative, Power, Reduction, Slice
from kernels.events.syntax.predicates import (
    Always,
    And,
    Between,
    Comparison,
    Equality,
    Eventually,
    Not,
    Or,
    Until,
)
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import join
from kernels.trajectories.layout import Layout

__all__ = ["SCALE", "Evaluation"]

SCALE = "scale"  # name of a leaf's scale among the parameters


class Evaluation:
    """Evaluation of one trajectory x (time, variable) under one algebra.

    Methods take a node and its path.
    """

    def __init__(self, x: Array, parameters: Mapping[str, Any], layout: Layout, algebra: Algebra) -> None:
        self.x = jnp.asarray(x)
        if not jnp.issubdtype(self.x.dtype, jnp.floating):
            self.x = self.x.astype(jnp.float32)
        if self.x.shape != layout.shape:
            raise ValueError(
                f"`x` must be one trajectory (time, variable) of shape {layout.shape}; got {self.x.shape}. Use jax.vmap for several."
            )
        self.parameters, self.layout, self.algebra = parameters, layout, algebra
        self.leaves: dict[str, Array] = {}  # truth of each leaf met so far, by path, before it is scaled

    def event(self, event: Event) -> Array:
        """Truth of the whole event, a scalar."""
        return self.truth(event, "", nested=False)[0]

    def part(self, event: Event, path: str) -> Array:
        """Residual of an equality, robustness of anything else, a scalar."""
        if isinstance(event, Equality):
            return self._residual(event, path, nested=False)[0]
        return self.truth(event, path, nested=False)[0]

    def _number(self, path: str, name: str) -> Array:
        return jnp.asarray(self.parameters[join(path, name)])

    def mask(self, node: Any, path: str, *, nested: bool) -> Array | None:
        """Mask of an operator's samples, (time,) or (evaluation, time); None is all of them."""
        if getattr(node, "window", None) is not None:
            return jnp.asarray(self.parameters[join(path, "window")])
        return jnp.asarray(np.triu(np.ones((self.layout.num_times,) * 2, bool))) if nested else None

    # -- expressions -------------------------------------------------------------------------

    def now(self, node: Expression, path: str, *, nested: bool) -> Array:
        if node.kind == "number" or not nested:
            return self.series(node, path, nested=nested)[:, 0]
        match node:
            case Variable():
                return self._variable(node)
            case Negative() | Binary() | Power() | Function() if getattr(node, "name", "") != "derivative":
                operands = [self.now(child, join(path, name), nested=True) for name, child in node.children()]  # pyright: ignore[reportArgumentType]
                return _apply(node, operands)
        series = self.series(node, path, nested=True)
        return series[0] if series.shape[0] == 1 else jnp.diagonal(series)

    def series(self, node: Expression, path: str, *, nested: bool) -> Array:
        match node:
            case Number():
                return self._number(path, "value").reshape(1, 1)
            case Variable():
                return self._variable(node)[None]
            case Reduction() | At():
                return self._reduced(node, path, nested=nested)[:, None]
            case Slice():
                return self.series(node.argument, join(path, "argument"), nested=nested)[
                    :, node.start : node.stop
                ]
            case Index():
                return self.series(node.argument, join(path, "argument"), nested=nested)[:, node.index, None]
        operands = [self.series(child, join(path, name), nested=nested) for name, child in node.children()]  # pyright: ignore[reportArgumentType]
        match node:
            case Function(name="derivative"):
                series = jnp.broadcast_to(operands[0], (operands[0].shape[0], self.layout.num_times))
                return arithmetic.gradient_in_time(series, jnp.asarray(self.layout.times, self.x.dtype))
            case Function(name="rfft"):
                return jnp.fft.rfft(operands[0], axis=-1)
        return _apply(node, operands)

    def _variable(self, node: Variable) -> Array:
        if node.name in self.layout.variables:
            return self.x[:, self.layout.index(node.name)]
        if node.name in self.layout.observables:
            return self.layout.observables[node.name](self.x)
        assert node.name == TIME  # noqa: S101  binding has looked
        return jnp.asarray(self.layout.times - self.layout.times[0], self.x.dtype)

    def _reduced(self, node: Reduction | At, path: str, *, nested: bool) -> Array:
        s = self.series(node.argument, join(path, "argument"), nested=nested)
        if isinstance(node, At):
            return _selected(s, self._number(path, "time"))
        mask = None if node.argument.kind == "spectrum" else self.mask(node, path, nested=nested)
        largest = self.algebra.largest
        match node.name:
            case "max":
                return largest(s, mask)
            case "min":
                return -largest(-s, mask)
            case "range":
                return _valued(largest(s, mask) + largest(-s, mask), mask)
            case "mean":
                return _mean(s, mask)
            case "std":
                deviation = s - _mean(s, mask, empty=0.0)[:, None]  # a NaN here would poison the gradient
                return arithmetic.safe_sqrt(_mean(arithmetic.safe_square(deviation), mask))
            case "integral":
                steps = jnp.asarray(np.diff(self.layout.times), s.dtype)
                return _valued(_integral(s, mask, steps), mask)
            case _:
                return _selected(s, _last(mask, self.layout.num_times))

    # -- events ------------------------------------------------------------------------------

    def truth(self, node: Event, path: str, *, nested: bool) -> Array:
        algebra = self.algebra
        match node:
            case And() | Or():
                terms = [
                    self.truth(term, f"{join(path, 'terms')}.{i}", nested=nested)
                    for i, term in enumerate(node.terms)
                ]
                stacked = jnp.stack(terms, axis=-1)
                result = (
                    algebra.every(stacked, None) if isinstance(node, And) else algebra.some(stacked, None)
                )
            case Not():
                result = algebra.negate(self.truth(node.argument, join(path, "argument"), nested=nested))
            case Until() if nested:
                result = self._moving_until(node, path)
            case Comparison():
                result = algebra.compare(node.operator, *self._sides(node, path, nested=nested))
            case Equality():
                result = algebra.equal(
                    self._residual(node, path, nested=nested), self._number(path, "tolerance")
                )
            case Between():
                s = self.now(node.argument, join(path, "argument"), nested=nested)
                result = self._within(s, self._number(path, "low"), self._number(path, "high"))
            case _:
                quantifier, inner, mask = self.instants(node, path, nested=nested)
                result = (algebra.every if quantifier == "every" else algebra.some)(inner, mask)
        if node.is_leaf:
            result = self._scaled(result, path)
        return jnp.broadcast_to(result, (self.layout.num_times if nested else 1,))

    def _scaled(self, c: Array, path: str) -> Array:
        """Truth of a leaf in units of its scale, if it has one."""
        self.leaves[path] = c
        name = join(path, SCALE)
        return self.algebra.scaled(c, self._number(path, SCALE)) if name in self.parameters else c

    def _sides(self, node: Comparison | Equality, path: str, *, nested: bool) -> tuple[Array, Array]:
        left, right = (
            (side, join(path, name)) for name, side in (("left", node.left), ("right", node.right))
        )
        return self.now(*left, nested=nested), self.now(*right, nested=nested)

    def _residual(self, node: Equality, path: str, *, nested: bool) -> Array:
        left, right = self._sides(node, path, nested=nested)
        return left - right

    def _within(self, s: Array, low: Array, high: Array) -> Array:
        return self.algebra.both(self.algebra.compare(">=", s, low), self.algebra.compare("<=", s, high))

    def instants(self, node: Event, path: str, *, nested: bool) -> tuple[str, Array, Array | None]:
        """Quantifier ("every" or "some"), truth at each sample, and mask of an event over time."""
        algebra = self.algebra
        mask = self.mask(node, path, nested=nested)
        match node:
            case Always() | Eventually():
                inner = self.truth(node.argument, join(path, "argument"), nested=True)[None]
                return ("every" if isinstance(node, Always) else "some"), inner, mask
            case Until():
                left, right = self._until_sides(node, path)
                return "some", algebra.both(right, algebra.every_before(left))[None], mask
            case Box():
                s = self.series(node.signal, join(path, "signal"), nested=nested)
                inside = self._within(s, self._number(path, "low"), self._number(path, "high"))
            case Tube():
                s = self.series(node.signal, join(path, "signal"), nested=nested)
                inside = algebra.equal(s - self._number(path, "line"), self._number(path, "half_width"))
            case Polygon():
                x = self.series(node.x, join(path, "x"), nested=nested)
                y = self.series(node.y, join(path, "y"), nested=nested)
                inside = algebra.inside(*signed_distance(x, y, self._number(path, "vertices")))
            case _:
                raise TypeError(f"no meaning is defined for {type(node).__name__}")
        if node.mode == "avoids":
            return "every", algebra.negate(inside), mask
        return ("every" if node.mode == "stays" else "some"), inside, mask

    def _until_sides(self, node: Until, path: str) -> tuple[Array, Array]:
        left = self.truth(node.left, join(path, "left"), nested=True)
        return left, self.truth(node.right, join(path, "right"), nested=True)

    def _moving_until(self, node: Until, path: str) -> Array:
        """Truth of `until` at every time of evaluation, by a scan from the last to the first."""
        algebra, positions = self.algebra, jnp.arange(self.layout.num_times)
        left, right = self._until_sides(node, path)
        mask = jnp.asarray(self.mask(node, path, nested=True))

        def step(before: Array, now: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            index, left_now, mask_now = now
            before = jnp.where(positions > index, algebra.both(left_now, before), algebra.true)
            return before, algebra.some(algebra.both(right, before), mask_now)

        _, result = jax.lax.scan(
            step, jnp.full_like(right, algebra.true), (positions, left, mask), reverse=True
        )
        return result


def _apply(node: Expression, operands: list[Array]) -> Array:
    """Apply an elementwise operation to its operands."""
    match node:
        case Negative():
            return -operands[0]
        case Power():
            return arithmetic.power(operands[0], node.exponent)
        case Function():
            return arithmetic.FUNCTIONS[node.name](operands[0])
        case Binary(operator="+"):
            return operands[0] + operands[1]
        case Binary(operator="-"):
            return operands[0] - operands[1]
        case Binary(operator="*"):
            return arithmetic.multiply(operands[0], operands[1])
        case Binary(operator="/"):
            return arithmetic.divide(operands[0], operands[1])
    raise TypeError(f"no meaning is defined for {type(node).__name__}")


def _selected(s: Array, mark: Array) -> Array:
    """Value at the one marked sample of each row; NaN where none is marked."""
    value = jnp.sum(jnp.where(mark, s, 0.0), axis=-1)
    return jnp.where(jnp.any(mark, axis=-1), value, jnp.nan)


def _last(mask: Array | None, num_times: int) -> Array:
    """Mask of the last sample of a window, which is contiguous."""
    if mask is None:
        return jnp.arange(num_times) == num_times - 1
    following = jnp.concatenate([mask[..., 1:], jnp.zeros_like(mask[..., :1])], axis=-1)
    return mask & ~following


def _mean(s: Array, mask: Array | None, empty: float = np.nan) -> Array:
    if mask is None:
        return jnp.mean(s, axis=-1)
    count = jnp.sum(mask, axis=-1)
    total = jnp.sum(jnp.where(mask, s, 0.0), axis=-1)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), empty)


def _valued(value: Array, mask: Array | None) -> Array:
    """The value of a window; NaN where the window has no sample."""
    return value if mask is None else jnp.where(jnp.any(mask, axis=-1), value, jnp.nan)


def _integral(s: Array, mask: Array | None, steps: Array) -> Array:
    """Integral by the trapezoid rule; 0 over fewer than two samples."""
    areas = 0.5 * (s[..., :-1] + s[..., 1:]) * steps
    if mask is not None:
        areas = jnp.where(mask[..., :-1] & mask[..., 1:], areas, 0.0)
    return jnp.sum(areas, axis=-1)
