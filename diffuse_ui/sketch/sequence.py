"""Then: one part of an event followed by another within a time, and back to separate parts.

    p then q within v   =   eventually[w](p and eventually[0, v](q))

p and q hold at single times: a threshold that is crossed, a box that is passed, an observed point.
w is the window of the first; the window of the second is replaced by "within v after".
"""

import dataclasses
from typing import Any

import kernels
from diffuse_ui.sketch.gestures import decimals, threshold, time_span
from diffuse_ui.sketch.parts import THRESHOLD_MODES, DrawnPart
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Number
from kernels.events.syntax.predicates import And, Between, Comparison, Eventually
from kernels.events.syntax.shapes import Box
from kernels.events.syntax.tree import Window

__all__ = ["chain", "links"]

DEFAULT_SHARE = 0.25  # of the trajectory: how soon the second must follow, where nothing says so
_CROSSINGS = ("rises above", "falls below")


def chain(first: DrawnPart, second: DrawnPart, layout: kernels.Layout) -> Event:
    """The event that the first part happens and the second follows it.

    Raises:
        ValueError: a part does not happen at single times.
    """
    (begin, window), (end, later) = _momentary(first), _momentary(second)
    span = time_span(layout)
    within = DEFAULT_SHARE * span
    if window is not None and later is not None and later.end > window.start:
        within = later.end - window.start
    within = round(max(layout.step, within), decimals(span))
    return _appended(begin, Eventually(end, Window(0.0, within)), window)


def _appended(begin: Event, follow: Event, window: Window | None) -> Event:
    """`follow` after the last link of `begin`, which may be a chain itself."""
    if isinstance(begin, And):
        last: Any = begin.terms[-1]
        longer = _appended(last.argument, follow, last.window)
        return Eventually(And((*begin.terms[:-1], longer)), window)
    return Eventually(And((begin, follow)), window)


def _momentary(part: DrawnPart) -> tuple[Event, Window | None]:
    """What a part says of single times, and the window of those times."""
    event: Any = part.event
    edges = part.edges()
    if part.negated or part.muted:
        state = "negated" if part.negated else "muted"
        raise ValueError(
            f"`{part.label}` must not be {state} to come before or after another part. Undo that first."
        )
    if part.kind == "then":
        return event.argument, event.window
    if part.kind == "box" and part.mode == "passes":
        return Between(event.signal, event.low, event.high), event.window
    if part.kind == "point":
        low, high, time = edges["bottom"], edges["top"], event.left.time
        return Between(event.left.argument, low, high), Window(time, time)  # pyright: ignore[reportArgumentType]
    if part.kind == "threshold" and part.mode in _CROSSINGS:
        if isinstance(event, Eventually):
            return event.argument, event.window
        return dataclasses.replace(event, left=event.left.argument), event.left.window
    raise ValueError(
        f"`{part.term}` must happen at a time to come before or after another part. "
        "Choose a threshold that is crossed, a box that is passed, or a point."
    )


def links(part: DrawnPart, layout: kernels.Layout) -> list[Event]:
    """The parts that were chained, each for itself; only the first has its window."""
    found, link, window = [], part.event, getattr(part.event, "window", None)
    while isinstance(link, Eventually):
        terms = link.argument.terms if isinstance(link.argument, And) else (link.argument,)
        found += [_standing(term, window, layout) for term in terms if not isinstance(term, Eventually)]
        link, window = terms[-1], None
    return found


def _standing(term: Event, window: Window | None, layout: kernels.Layout) -> Event:
    """What holds at some time, as a part that a hand can draw."""
    if isinstance(term, Between):
        whole = Window(float(layout.times[0]), float(layout.times[-1]))
        return Box(term.argument, window or whole, term.low, term.high)
    if isinstance(term, Comparison) and isinstance(term.right, Number):
        mode = "rises above" if term.operator[0] == ">" else "falls below"
        times = None if window is None else (window.start, window.end)
        if THRESHOLD_MODES[mode][1] == term.operator:
            return threshold(term.left, term.right.value, mode, times)
    return Eventually(term, window)
