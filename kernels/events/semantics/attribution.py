"""Attribution of an event on a Dataset: robustness, truth, deciding part, and its time.

The parts of an event are what `and`, `or` and `not` join at its top. A part decides a sample when it
is the one on which the event's robustness rests (the smallest of `and`, the largest of `or`).
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kernels.events.semantics.algebras import Robust
from kernels.events.semantics.batches import evaluate_batch
from kernels.events.semantics.binding import bind_expression
from kernels.events.semantics.blocks import over_blocks
from kernels.events.semantics.compile import Program, compile_event
from kernels.events.semantics.evaluation import Evaluation
from kernels.events.syntax.event import Event, face
from kernels.events.syntax.expressions import Expression
from kernels.events.syntax.functions import At, Reduction
from kernels.events.syntax.predicates import And, Comparison, Equality, Not, Or
from kernels.events.syntax.tree import join
from kernels.trajectories.datasets import dataset_layout, to_array, to_dataset
from kernels.trajectories.layout import Layout

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["evaluate", "explain", "expression_values", "holds", "parts", "robustness", "states_of"]


def states_of(dataset: "xr.Dataset", layout: Layout | None = None) -> tuple[Layout, np.ndarray]:
    """Layout and states (sample, time, variable) of a Dataset.

    The layout is the Dataset's own unless one is given.
    """
    layout = dataset_layout(dataset) if layout is None else layout
    return layout, to_array(dataset, layout)


@face
def robustness(event: Event, dataset: "xr.Dataset", layout: Layout | None = None) -> "xr.DataArray":
    """Robustness C(x) of each sample, `constraint(sample)`.

    The layout is needed for observables only. `attrs["caveats"]` holds the event's caveats, if there are any.
    """
    layout, states = states_of(dataset, layout)
    found = _labelled(dataset, states, layout, constraint=evaluate(event, states, layout)[0])["constraint"]
    return found.assign_attrs(_caveats(event, layout))


@face
def holds(event: Event, dataset: "xr.Dataset", layout: Layout | None = None) -> "xr.DataArray":
    """Whether the event holds, `satisfied(sample)`; its caveats as of `robustness`."""
    layout, states = states_of(dataset, layout)
    found = _labelled(dataset, states, layout, satisfied=evaluate(event, states, layout)[1])["satisfied"]
    return found.assign_attrs(_caveats(event, layout))


def _caveats(event: Event, layout: Layout) -> dict[str, str]:
    words = " ".join(event.caveats(layout))
    return {"caveats": words} if words else {}


def evaluate(event: Event, states: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Robustness C(x) and truth of an array (sample, time, variable).

    Raises:
        ValueError: the event does not fit the layout.
    """
    return evaluate_batch(compile_event(event, layout), states)


def _labelled(
    dataset: "xr.Dataset", states: np.ndarray, layout: Layout, **per_sample: np.ndarray
) -> "xr.Dataset":
    result = to_dataset(states, layout, **per_sample)  # pyright: ignore[reportArgumentType]
    if "sample" in dataset.coords and dataset["sample"].ndim == 1:
        result = result.assign_coords(sample=dataset["sample"].values)
    return result.drop_vars(["state", "time", "variable"])


def expression_values(
    expression: Expression, states: np.ndarray, layout: Layout, *, nested: bool = False
) -> np.ndarray:
    """Values of a signal (sample, time) or of a number (sample, 1).

    With `nested`, a number has a value at every time of evaluation.
    """
    parameters = bind_expression(expression, layout, nested=nested)

    def values(x: Array) -> Array:
        evaluation = Evaluation(x, parameters, layout, Robust())
        if expression.kind == "number" and nested:
            return jnp.broadcast_to(evaluation.now(expression, "", nested=True), (layout.num_times,))
        return evaluation.series(expression, "", nested=nested)[0]

    return np.asarray(jax.vmap(values)(jnp.asarray(states, jnp.float32)))


# -- which part, and when --------------------------------------------------------------------


class _Clause(NamedTuple):
    event: Event
    path: str


def parts(event: Event) -> tuple[Event, ...]:
    """Parts of an event that `and`, `or` and `not` join at the top, in the order of the text."""
    return tuple(part.event for part in _parts(event, ""))


def _parts(event: Event, path: str) -> Iterator[_Clause]:
    match event:
        case And() | Or():
            for i, term in enumerate(event.terms):
                yield from _parts(term, f"{join(path, 'terms')}.{i}")
        case Not():
            yield from _parts(event.argument, join(path, "argument"))
        case _:
            yield _Clause(event, path)


def explain(event: Event, dataset: "xr.Dataset", layout: Layout | None = None) -> "xr.Dataset":
    """Explain each sample: the deciding part, and its time.

    Returns:
        A Dataset over `sample`: `constraint` (C) and `satisfied`; `part`, the text of the part that
        decided, and `part_index`, its position in `parts(event)`; `part_time`, when it was
        decided: the time of the extremum of its margin (NaN for a mean and the like); and
        `hitting_time`, the earliest time at which the event is known to hold (NaN where it
        does not). `attrs["caveats"]` holds the event's caveats, if there are any.
    """
    layout, states = states_of(dataset, layout)
    constraint = compile_event(event, layout)
    program, parameters = constraint.program, constraint.parameters
    value, truth = evaluate_batch(constraint, states)
    c, when, known = over_blocks(partial(_part_table, program, parameters), states)
    pieces = [part.event for part in _parts(event, "")]
    index = _deciding(event, iter(range(len(pieces))), c)[1].astype(int)
    rows = np.arange(len(states))
    times = np.append(layout.times, np.nan)
    return _labelled(
        dataset,
        states,
        layout,
        constraint=value,
        satisfied=truth,
        part=np.array([str(piece) for piece in pieces])[index],
        part_index=index,
        part_time=times[when[rows, index]],
        hitting_time=np.where(truth, times[_known(event, iter(range(len(pieces))), c, known)[1]], np.nan),
    ).assign_attrs(_caveats(event, layout))


@partial(jax.jit, static_argnames="program")
def _part_table(program: Program, parameters: dict[str, np.ndarray], states: Array) -> tuple[Array, ...]:
    """Table over samples and parts: C, index of the deciding time, index of the known time."""

    def table(x: Array) -> tuple[Array, ...]:
        evaluation = Evaluation(x, parameters, program.layout, Robust())
        rows = [_moments(evaluation, *part) for part in _parts(program.event, "")]
        return tuple(jnp.stack(column) for column in zip(*rows, strict=True))

    return jax.vmap(table)(states)


def _moments(evaluation: Evaluation, event: Event, path: str) -> tuple[Array, Array, Array]:
    """Robustness C of a part, and the indices of the times of its decision and knowledge.

    "Some" is known at the first sample that has it, otherwise at the last one it looks at; "every" at
    the first one that lacks it, otherwise at the last. The index num_times is "no such time".
    """
    num_times = evaluation.layout.num_times
    c = evaluation.truth(event, path, nested=False)[0]
    instants = _instants(evaluation, event, path)
    if instants is None:
        return c, jnp.asarray(_moment(evaluation, event, path)), jnp.asarray(_end(evaluation, event, path))
    quantifier, margin, mask = instants
    margin = jnp.broadcast_to(margin, (num_times,))
    mask = jnp.ones(num_times, bool) if mask is None else mask
    signed = margin if quantifier == "some" else -margin
    reached = mask & (signed > 0)
    last = num_times - 1 - jnp.argmax(mask[::-1])
    known = jnp.where(reached.any(), jnp.argmax(reached), last)
    return c, jnp.argmax(jnp.where(mask, signed, -jnp.inf)), known


def _instants(evaluation: Evaluation, event: Event, path: str) -> tuple[str, Array, Array | None] | None:
    """Quantifier, margin (time,) and mask (time,) of a part over single samples; else None."""
    if isinstance(event, Comparison):
        for side, other in (("left", "right"), ("right", "left")):
            reduction = getattr(event, side)
            extremum = (
                isinstance(reduction, Reduction)
                and reduction.name in ("max", "min")
                and reduction.argument.kind == "signal"
            )
            if not extremum or not getattr(event, other).constant:
                continue
            place = join(path, side)
            series = evaluation.series(reduction.argument, join(place, "argument"), nested=False)[0]
            bound = evaluation.now(getattr(event, other), join(path, other), nested=False)
            operands = (series, bound) if side == "left" else (bound, series)
            margin = evaluation.algebra.compare(event.operator, *operands)
            rises = (event.operator[0] == ">") == (side == "left")
            quantifier = "some" if (reduction.name == "max") == rises else "every"
            return quantifier, margin, evaluation.mask(reduction, place, nested=False)
        return None
    if not hasattr(event, "window") and not hasattr(event, "mode"):
        return None
    quantifier, margin, mask = evaluation.instants(event, path, nested=False)
    return quantifier, margin[0], mask


def _moment(evaluation: Evaluation, event: Event, path: str) -> Array | int:
    """Index of the time of a comparison of one `at`; num_times for means and the like."""
    if isinstance(event, Comparison | Equality):
        for side in ("left", "right"):
            if isinstance(getattr(event, side), At):
                return jnp.argmax(jnp.asarray(evaluation.parameters[join(join(path, side), "time")]))
    return evaluation.layout.num_times


def _end(evaluation: Evaluation, event: Event, path: str) -> Array | int:
    """Index of the last time that a part looks at."""
    masks = [
        jnp.asarray(value)
        for key, value in evaluation.parameters.items()
        if (not path or key == path or key.startswith(f"{path}.")) and value.dtype == bool
    ]
    last = evaluation.layout.num_times - 1
    if len(masks) != 1 or not isinstance(event, Comparison | Equality):
        return last
    return last - jnp.argmax(masks[0][::-1])


def _deciding(event: Event, count: Iterator[int], c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Robustness C and the index of the deciding part, for each sample."""
    match event:
        case And() | Or():
            values, indices = (
                np.stack(column)
                for column in zip(*(_deciding(term, count, c) for term in event.terms), strict=True)
            )
            pick = (values.argmin if isinstance(event, And) else values.argmax)(axis=0)
            rows = np.arange(values.shape[1])
            return values[pick, rows], indices[pick, rows]
        case Not():
            value, index = _deciding(event.argument, count, c)
            return -value, index
    part = next(count)
    return c[:, part], np.full(len(c), part)


def _known(
    event: Event, count: Iterator[int], c: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Truth of each sample, and the index of the time from which the truth is known."""
    match event:
        case And() | Or():
            truths, times = (
                np.stack(column)
                for column in zip(*(_known(term, count, c, known) for term in event.terms), strict=True)
            )
            settles = truths if isinstance(event, Or) else ~truths  # one such term is enough
            settled = settles.any(axis=0)
            earliest = np.where(settles, times, np.iinfo(times.dtype).max).min(axis=0)
            return settled if isinstance(event, Or) else ~settled, np.where(  # pyright: ignore[reportReturnType]
                settled, earliest, times.max(axis=0)
            )
        case Not():
            truth, time = _known(event.argument, count, c, known)
            return ~truth, time
    part = next(count)
    return c[:, part] > 0, known[:, part]
