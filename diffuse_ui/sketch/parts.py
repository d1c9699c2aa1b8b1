"""Parts of an event, and the shapes in them, as they are found in its tree.

An event is joined of *parts*, by `and` or by `or` (one part, when it is neither). Shapes are found in
a part through `not`, `and`, `or` and chains (`diffuse_ui.sketch.sequence`); a part with one shape *is*
that shape, perhaps negated. A part without a shape stands on its chip in words alone.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import kernels
from diffuse_ui.sketch.sequence import THEN, is_chain, link_shapes
from diffuse_ui.sketch.shape import OTHER, DrawnPart, Found, Shape
from diffuse_ui.sketch.shapes import SHAPES
from diffuse_ui.state.clauses import Arrangement
from kernels.events.syntax.event import Event
from kernels.events.syntax.predicates import And, Not, Or

__all__ = ["DrawnPart", "arranged_parts", "drawn_parts", "parts_of_text", "shape_of"]


def drawn_parts(event: Event | None) -> list[DrawnPart]:
    """The parts of an event, in order; none without an event."""
    return arranged_parts(Arrangement.of(event))


def parts_of_text(event: Any) -> list[DrawnPart]:
    """All shapes of an event that may still be text; a part without a shape stands for itself."""
    tree = kernels.parse_event(event) if isinstance(event, str) else event
    return [shape for part in drawn_parts(tree) for shape in part.shapes or (part,)]


def arranged_parts(arrangement: Arrangement, *, known: bool = False) -> list[DrawnPart]:
    """The parts of an arrangement, muted ones included; `known` when it is what is known."""
    active = [index for index in range(len(arrangement.terms)) if index not in arrangement.muted]
    found = []
    for index, term in enumerate(arrangement.terms):
        muted = index in arrangement.muted
        prefix = "" if muted or len(active) == 1 else f"terms.{active.index(index)}."
        found.append(_part(DrawnPart(index, term, term, prefix, muted=muted, known=known)))
    return found


def shape_of(event: Any, path: str = "") -> tuple[Shape, Found | None]:
    """The shape that a node of the tree is, and its place; `OTHER` and None for other nodes."""
    found = ((shape, shape.find(event, path)) for shape in SHAPES.values())
    return next((pair for pair in found if pair[1] is not None), (OTHER, None))


def _part(bare: DrawnPart) -> DrawnPart:
    """A part with its shapes."""
    shapes = list(_shapes(bare, bare.term, "", False))
    inner, negated = bare.term, False
    while isinstance(inner, Not):
        inner, negated = inner.argument, not negated
    if len(shapes) == 1 and shapes[0].event == inner:
        return dataclasses.replace(shapes[0], shapes=(shapes[0],))
    numbered = tuple(dataclasses.replace(shape, number=n) for n, shape in enumerate(shapes, 1))
    whole = THEN if is_chain(inner) else OTHER
    return dataclasses.replace(bare, shape=whole, event=inner, negated=negated, shapes=numbered)


def _shapes(bare: DrawnPart, event: Any, path: str, negated: bool) -> Iterator[DrawnPart]:
    """The shapes in an event, each as a part like `bare`."""
    if isinstance(event, Not):
        yield from _shapes(bare, event.argument, f"{path}argument.", not negated)
        return
    if isinstance(event, And | Or):
        for i, term in enumerate(event.terms):
            yield from _shapes(bare, term, f"{path}terms.{i}.", negated)
        return
    found = link_shapes(event, path) if is_chain(event) else ((path, event, *shape_of(event, path)),)
    for within, shaped, shape, place in found:
        if place is not None:
            described = {"event": shaped, "within": within, "shape": shape, **place._asdict()}
            yield dataclasses.replace(bare, negated=negated, **described)
