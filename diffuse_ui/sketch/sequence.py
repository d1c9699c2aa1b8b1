"""Chains: one part of an event followed by another within a time, and taken apart again.

    p then q within v   =   eventually[w](p and eventually[0, v](q))

p and q, the links, are conditions on single times: a threshold that is crossed, a box that is passed,
an observed point. w is the window of the first; the window of the second becomes "within v after".
"""

from collections.abc import Iterator
from typing import Any

import kernels
from diffuse_ui.sketch.rounding import decimals, time_span
from diffuse_ui.sketch.shape import DrawnPart, Found, Shape, Sides, window_sides
from diffuse_ui.sketch.shapes import SHAPES
from kernels.events.syntax.event import Event
from kernels.events.syntax.predicates import And, Eventually
from kernels.events.syntax.tree import Window

__all__ = ["THEN", "chain", "is_chain", "link_shapes", "links"]

DEFAULT_SHARE = 0.25  # of the trajectory: how soon the second must follow, where nothing says so
Link = tuple[str, Event, Shape, Found]  # path, condition on one time, its shape and place


class _Then(Shape):
    """A chain as a whole: words on a chip, and a shape for each of its links."""

    name = "then"
    has_window = True
    action = "separate"

    def as_link(self, part: DrawnPart) -> tuple[Event, Window | None] | None:
        event: Any = part.event
        return event.argument, event.window


THEN = _Then()


def is_chain(event: Any) -> bool:
    """Whether the event is a chain."""
    inner = event.argument if isinstance(event, Eventually) else None
    return isinstance(inner, And) and any(isinstance(term, Eventually) for term in inner.terms)


def link_shapes(event: Any, path: str, *, first: bool = True) -> Iterator[Link]:
    """The links of a chain; only those that come first in it have edges in time."""
    sides: Sides = window_sides(event.window, f"{path}window.") if first else {}
    inner = event.argument
    several = isinstance(inner, And)
    for i, term in enumerate(inner.terms if several else (inner,)):
        here = f"{path}argument.terms.{i}." if several else f"{path}argument."
        if isinstance(term, Eventually):
            yield from link_shapes(term, here, first=False)
            continue
        for shape in SHAPES.values():
            place = shape.find_link(term, here)
            if place is not None:
                yield here, term, shape, place._replace(sides={**sides, **place.sides})


def chain(first: DrawnPart, second: DrawnPart, layout: kernels.Layout) -> Event:
    """The event that the first part happens and the second follows it.

    Raises:
        ValueError: a part does not happen at single times.
    """
    (begin, window), (end, later) = _link(first), _link(second)
    span = time_span(layout)
    within = DEFAULT_SHARE * span
    if window is not None and later is not None and later.end > window.start:
        within = later.end - window.start
    within = round(max(layout.step, within), decimals(span))
    return _appended(begin, Eventually(end, Window(0.0, within)), window)


def _appended(begin: Event, follow: Event, window: Window | None) -> Event:
    """The chain of `begin`, which may be a chain itself, and `follow` after its last link."""
    if isinstance(begin, And):
        last: Any = begin.terms[-1]
        longer = _appended(last.argument, follow, last.window)
        return Eventually(And((*begin.terms[:-1], longer)), window)
    return Eventually(And((begin, follow)), window)


def _link(part: DrawnPart) -> tuple[Event, Window | None]:
    """The condition that a part sets on single times, and the window of those times."""
    if part.negated or part.muted:
        state = "negated" if part.negated else "muted"
        raise ValueError(
            f"`{part.label}` must not be {state} to come before or after another part. Undo that first."
        )
    link = part.shape.as_link(part)
    if link is None:
        raise ValueError(
            f"`{part.term}` must happen at a time to come before or after another part. "
            "Choose a threshold that is crossed, a box that is passed, or a point."
        )
    return link


def links(part: DrawnPart, layout: kernels.Layout) -> list[Event]:
    """The parts that were chained, each for itself; only the first has its window."""
    found, link, window = [], part.event, getattr(part.event, "window", None)
    while isinstance(link, Eventually):
        terms = link.argument.terms if isinstance(link.argument, And) else (link.argument,)
        found += [_standing(term, window, layout) for term in terms if not isinstance(term, Eventually)]
        link, window = terms[-1], None
    return found


def _standing(term: Event, window: Window | None, layout: kernels.Layout) -> Event:
    """A link as an event of its own: a shape where it has one."""
    shapes = (shape.from_link(term, window, layout) for shape in SHAPES.values())
    return next((event for event in shapes if event is not None), Eventually(term, window))
