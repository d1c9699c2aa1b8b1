"""Caveats of an event on a layout: sentences on inner windows that are cut short or have no sample.

    always[0, 5](eventually[1, 3](x > 0))      on times 0 … 5: at the last time no sample is one later

An inner window counts with the samples that the trajectory has. Where it has none, `always`, `stays` and
`avoids` hold, `eventually`, `until` and `passes` do not, the maximum is −∞ and the minimum ∞ accordingly, and every
other number, `at` included, has no value, so that no comparison with it holds.

Only times at which the window is looked at count: above, the times from 0 to 5.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from kernels.events.semantics.windows import REACH, SLACK, tidy_time
from kernels.events.syntax.event import Event, face
from kernels.events.syntax.functions import At, Reduction
from kernels.events.syntax.predicates import Always, Eventually, Until
from kernels.events.syntax.shapes import Box, Tube
from kernels.events.syntax.tree import Node, Window, printed
from kernels.trajectories.layout import Layout

__all__ = ["caveats"]

MAX_SHOWN = 60  # characters of a node's text
_TEMPORAL = Always | Eventually | Until


@face
def caveats(event: Event, layout: Layout) -> tuple[str, ...]:
    """Sentences on windows of an event that mean less than they seem to; see `Event.caveats`."""
    start = np.zeros(layout.num_times, bool)
    start[0] = True
    return tuple(dict.fromkeys(_visit(event, layout, _Times(start, None))))


class _Times(NamedTuple):
    """Times of evaluation of a node, and the operator at the top that ranges over them; None at the top itself."""

    looked_at: Bool[np.ndarray, " time"]
    operator: Event | None
    nested: bool = False


class _Samples(NamedTuple):
    """Samples `first` … `stop` − 1 of a window at each time of evaluation, and whether it lies within."""

    first: Int[np.ndarray, " evaluation"]
    stop: Int[np.ndarray, " evaluation"]
    whole: Bool[np.ndarray, " evaluation"]

    @property
    def empty(self) -> Bool[np.ndarray, " evaluation"]:
        return self.stop <= self.first


def _visit(node: Node, layout: Layout, times: _Times) -> Iterator[str]:
    window = Window(node.time, node.time) if isinstance(node, At) else getattr(node, "window", None)
    samples = _samples(window, layout, at=isinstance(node, At))
    if window is not None:
        yield from _words(node, layout, times, samples)
    for name, child in node.children():
        if isinstance(child, Window):
            continue
        below = times
        if isinstance(node, _TEMPORAL):
            until = isinstance(node, Until) and name == "left"
            operator = times.operator if times.nested else node
            below = _Times(_seen(samples, times.looked_at, before=until), operator, nested=True)
            if times.nested:
                below = below._replace(operator=None)  # its times are no window of the text
        yield from _visit(child, layout, below)


def _samples(window: Window | None, layout: Layout, *, at: bool = False) -> _Samples:
    """Samples of a window at every time of evaluation; without a window, all from then on."""
    times, count = layout.times, layout.num_times
    if window is None:
        return _Samples(np.arange(count), np.full(count, count), np.ones(count, bool))
    slack, reach = SLACK * layout.step, REACH * layout.step
    start, end = times + window.start, times + window.end
    whole = (start >= times[0] - reach) & (end <= times[-1] + reach)
    if at:
        first = np.arange(count)
        return _Samples(first, np.where(whole, first + 1, first), whole)
    return _Samples(
        np.searchsorted(times, start - slack), np.searchsorted(times, end + slack, side="right"), whole
    )


def _seen(
    samples: _Samples, looked_at: Bool[np.ndarray, " time"], *, before: bool
) -> Bool[np.ndarray, " time"]:
    """Times that windows at the times `looked_at` hold; of `until`'s left side, all before the last of them."""
    count = len(looked_at)
    chosen = np.flatnonzero(looked_at & ~samples.empty)
    first, stop = (
        (chosen, samples.stop[chosen] - 1) if before else (samples.first[chosen], samples.stop[chosen])
    )
    edges = np.zeros(count + 1, int)
    np.add.at(edges, first, 1)
    np.add.at(edges, np.maximum(stop, first), -1)
    return np.cumsum(edges[:count]) > 0


# -- in words --------------------------------------------------------------------------------


def _words(node: Node, layout: Layout, times: _Times, samples: _Samples) -> Iterator[str]:
    looked_at = np.flatnonzero(times.looked_at)
    if not len(looked_at):
        return
    empty, whole = samples.empty[looked_at], samples.whole[looked_at]
    text = str(node) if len(str(node)) <= MAX_SHOWN else f"{str(node)[:MAX_SHOWN]}…"
    flat = isinstance(node, Reduction) and node.name in ("std", "range", "integral")
    if flat and bool(np.all(samples.stop[looked_at] - samples.first[looked_at] == 1)):
        yield f"`{text}` is over one sample, and so 0 in every trajectory. Widen its window."
    if not times.nested:
        return
    cut = ~empty & ~whole
    sentences = []
    if empty.any():
        sentences.append(f"{_when(empty)} the window of `{text}` has no sample: there {_meaning(node)}")
    if cut.any():
        what = "its window" if sentences else f"the window of `{text}`"
        sentences.append(f"{_when(cut)} {what} is cut short: there only the samples that there are count")
    if sentences:
        yield f"{'. '.join(sentences)}.{_remedy(layout, times, samples)}"


def _when(chosen: Bool[np.ndarray, " time"]) -> str:
    """Which of the times, in words: "At the last 10 of 60 times"."""
    count, total = int(chosen.sum()), len(chosen)
    if count == total:
        return f"At all {total} times" if total > 1 else "At the one time that it is looked at"
    place = "the last " if chosen[-count:].all() else "the first " if chosen[:count].all() else ""
    number = "" if place and count == 1 else f"{count} "
    return f"At {place}{number}of {total} times"


def _meaning(node: Node) -> str:
    """Meaning of a window without samples, in words."""
    if isinstance(node, Reduction) and node.name in ("max", "min"):
        return f"it counts as {'−∞' if node.name == 'max' else '∞'}"
    if isinstance(node, Reduction | At):
        return "it has no value, and no comparison with it holds"
    holds = isinstance(node, Always) or (isinstance(node, Box | Tube) and node.mode in ("stays", "avoids"))
    return f"it counts as {'true' if holds else 'false'}"


def _remedy(layout: Layout, times: _Times, samples: _Samples) -> str:
    """Window of the operator at the top within which every inner window is whole, as a sentence."""
    operator = times.operator
    if operator is None:
        return ""
    good = np.flatnonzero(times.looked_at & samples.whole & ~samples.empty)
    if not len(good) or len(good) != good[-1] - good[0] + 1:
        return ""
    start, end = (tidy_time(float(layout.times[i] - layout.times[0]), layout) for i in (good[0], good[-1]))
    name = type(operator).__name__.lower()
    return f" Write {name}[{printed(start)}, {printed(end)}] to look only where it is whole."
