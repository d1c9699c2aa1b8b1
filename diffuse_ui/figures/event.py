"""An event drawn over trajectories: the ones that meet it, and the times since when.

One panel for each signal that the event looks at (a variable, `derivative(x)`, `(x1 + x2) / 2`, a
spectrum over its frequencies), and one in the plane of two signals for each pair that a polygon lies
in. Trajectories in the event are coloured, the others grey; a dot is the earliest time at which a
trajectory is known to be in the event.
"""

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import kernels
from diffuse_ui.figures.axes import FONT_SIZE, PANEL_HEIGHT, WIDTH, draw_outline, draw_shapes, style
from diffuse_ui.sketch.parts import drawn_parts, shape_of
from diffuse_ui.sketch.shape import DrawnPart, signal_name
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import Palette, palette
from kernels.events.semantics.attribution import explain, expression_values, states_of
from kernels.events.syntax.event import Event
from kernels.events.syntax.expressions import Expression
from kernels.events.syntax.functions import At, Reduction, Slice
from kernels.events.syntax.predicates import And, Comparison, Or
from kernels.events.syntax.units import unit_of
from kernels.trajectories.layout import Layout

__all__ = ["event_figure"]

NUM_CURVES = 25  # of each kind, so that single ones can be followed
MAX_PANELS = 4
PLANE = 2.9  # inches: a panel in the plane of two signals
CHARACTERS = 92  # of a line of the title


def event_figure(
    event: str | Event,
    dataset: xr.Dataset,
    *,
    layout: Layout | None = None,
    num_curves: int = NUM_CURVES,
    dark: bool = False,
) -> Figure:
    """An event over the trajectories of a Dataset.

    Args:
        event: text or tree.
        dataset: state(sample, time, variable), physical units.
        layout: needed where the event speaks of observables.
        num_curves: trajectories shown, of those in the event and of the others.
        dark: light on dark.

    Raises:
        ValueError: the event does not fit the trajectories.
    """
    tree = kernels.parse_event(event) if isinstance(event, str) else event
    layout, states = states_of(dataset, layout)
    decided = explain(tree, dataset, layout)
    satisfied = decided["satisfied"].values
    inside, outside = np.flatnonzero(satisfied)[:num_curves], np.flatnonzero(~satisfied)[:num_curves]
    drawing = _Drawing(layout, states, inside, outside, decided["hitting_time"].values, palette(dark))
    signals, planes = _signals(tree)[:MAX_PANELS], _planes(tree)
    title = _title(tree, layout, satisfied, num_curves)
    figure, panels, plane_axes = _canvas(len(signals), len(planes), title, drawing.colours)
    for ax, signal in zip(panels, signals, strict=True):
        drawing.signal(ax, signal, tree)
    times = [ax for ax, signal in zip(panels, signals, strict=True) if signal.kind == "signal"]
    for ax in times:
        ax.tick_params(labelbottom=ax is times[-1])
    if times:
        units = f" ({layout.time_units})" if layout.time_units else ""
        times[-1].set_xlabel(f"time{units}", fontsize=FONT_SIZE, color=drawing.colours.ink)
    for ax, shapes in zip(plane_axes, planes, strict=True):
        drawing.plane(ax, shapes)
    return figure


def _title(event: Event, layout: Layout, satisfied: np.ndarray, num_curves: int) -> str:
    share = float(satisfied.mean())
    count = f"{int(satisfied.sum())} of {satisfied.size} trajectories"
    value = numbers.probability(share, float(np.sqrt(share * (1 - share) / satisfied.size)))
    fewest = min(int(satisfied.sum()), int((~satisfied).sum()))
    most = "" if fewest >= num_curves else "at most "
    shown = f"; {most}{num_curves} of each kind are shown" if num_curves < satisfied.size else ""
    said = " ".join([f"{event.describe(layout)}.", *event.caveats(layout)])
    lines = [*textwrap.wrap(said, CHARACTERS), f"{count}: {value}{shown}"]
    return "\n".join(lines)


def _canvas(
    num_signals: int, num_planes: int, title: str, colours: Palette
) -> tuple[Figure, list[Axes], list[Axes]]:
    """Panels below each other at the left, planes below each other at the right."""
    above = 0.2 + 0.16 * len(title.splitlines())
    height = above + max((PANEL_HEIGHT + 0.08) * num_signals + 0.42, (PLANE + 0.3) * num_planes)
    figure = Figure(figsize=(WIDTH, height), facecolor=colours.paper)
    FigureCanvasAgg(figure)
    figure.text(
        0.012, 1 - 0.08 / height, title, fontsize=FONT_SIZE, color=colours.ink, va="top", linespacing=1.35
    )
    right = 0.985 if not num_planes else (1 - (PLANE + 0.6) / WIDTH if num_signals else 0.0)

    def stacked(rows: int, **place: float) -> list[Axes]:
        grid = {"top": 1 - above / height, "bottom": 0.42 / height, **place}
        return list(figure.subplots(rows, 1, squeeze=False, gridspec_kw=grid)[:, 0]) if rows else []

    panels = stacked(num_signals, left=0.095, right=right, hspace=0.16)
    left = right + 0.1 if num_signals else 0.095
    wide = left + PLANE * (1.0 if num_signals else 1.6) / WIDTH
    return figure, panels, stacked(num_planes, left=left, right=min(wide, 0.985))


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for _, child in node.children():
        yield from _walk(child)


def _signals(event: Event) -> list[Expression]:
    """The signals and spectra that the event looks at, in the order of the text, each once."""
    found: dict[Expression, None] = {}
    pending: list[Any] = [event]
    while pending:
        node = pending.pop(0)
        if shape_of(node)[0].in_plane:
            continue
        looked_at = isinstance(node, Expression) and node.kind in ("signal", "spectrum")
        if looked_at and not node.constant:
            found[node] = None
            continue
        pending = [child for _, child in node.children()] + pending
    return list(found)


def _planes(event: Event) -> list[list[DrawnPart]]:
    """The event's shapes on the phase plane, those of one pair of signals together."""
    parts = {part.event: part for part in _all_parts(event)}
    found: dict[tuple[Expression, ...], list[DrawnPart]] = {}
    for node in _walk(event):
        shape = shape_of(node)[0]
        if shape.in_plane:
            found.setdefault(shape.signals(node), []).append(parts.get(node) or drawn_parts(node)[0])
    return list(found.values())


@dataclasses.dataclass(frozen=True)
class _Drawing:
    """Trajectories, and the samples that are shown inside and outside the event."""

    layout: Layout
    states: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    hitting_times: np.ndarray
    colours: Palette

    def _values(self, signal: Expression, samples: np.ndarray) -> np.ndarray:
        if len(samples) == 0:
            return np.zeros((0, 1), np.float32)
        return expression_values(signal, self.states[samples], self.layout)

    def _curves(self, ax: Axes, x: Any, y: Any) -> None:
        """Draw curves; `x` and `y` are functions from samples to coordinates."""
        colours = self.colours
        for samples, colour, alpha, order in (
            (self.outside, colours.backdrop, 0.35, 1),
            (self.inside, colours.accent, 0.55, 2),
        ):
            across, along = x(samples), y(samples)
            if len(samples):
                ax.plot(across.T, along.T, color=colour, alpha=alpha, linewidth=0.6, zorder=order)

    def signal(self, ax: Axes, signal: Expression, event: Event) -> None:
        """Panel of one signal over time, or of a spectrum over its frequencies."""
        name, colours = signal_name(signal), self.colours
        style(ax, _with_unit(signal, self.layout), colours)
        if signal.kind == "spectrum":
            frequencies = _first_frequency(signal) + np.arange(self._values(signal, np.arange(1)).shape[1])
            self._curves(ax, _always(frequencies), self._of(signal))
            ax.set_xlabel("frequency, cycles a trajectory", fontsize=FONT_SIZE, color=colours.ink)
            ax.set_xlim(frequencies[0], frequencies[-1])
            return
        times = np.asarray(self.layout.times)
        self._curves(ax, _always(times), self._of(signal))
        ax.set_xlim(times[0], times[-1])
        draw_shapes(ax, _all_parts(event), name, colours)
        for level, time in _levels(event, signal):
            if time is None:
                ax.axhline(level, color=colours.threshold, linewidth=0.9, linestyle=(0, (4, 2)), zorder=3)
            else:
                ax.plot(time, level, "_", color=colours.threshold, markersize=18, markeredgewidth=2, zorder=5)
        self._dots(ax, times, signal)

    def _of(self, signal: Expression) -> Any:
        return lambda samples: self._values(signal, samples)

    def _dots(self, ax: Axes, times: np.ndarray, signal: Expression) -> None:
        """Dots at the earliest time at which a trajectory is known to be in the event."""
        known = self.hitting_times[self.inside]
        picked = np.isfinite(known)
        if not picked.any():
            return
        values = self._values(signal, self.inside[picked])
        indices = np.searchsorted(times, known[picked] - 1e-9)
        reached = values[np.arange(len(values)), np.minimum(indices, times.size - 1)]
        edge = {"markeredgecolor": self.colours.paper, "markeredgewidth": 0.4}
        ax.plot(known[picked], reached, "o", color=self.colours.accent, markersize=3.2, zorder=4, **edge)

    def plane(self, ax: Axes, shapes: list[DrawnPart]) -> None:
        """Panel in the plane of two signals, with the shapes drawn there."""
        colours, (x, y) = self.colours, shapes[0].shape.signals(shapes[0].event)
        style(ax, _with_unit(y, self.layout), colours)
        ax.set_xlabel(_with_unit(x, self.layout), fontsize=FONT_SIZE, color=colours.ink)
        self._curves(ax, self._of(x), self._of(y))
        for part in shapes:
            draw_outline(ax, part, colours.of(part.shape.colour), zorder=3)


def _always(values: np.ndarray) -> Any:
    """The function that gives the same values for each of some samples."""
    return lambda samples: np.broadcast_to(values, (len(samples), values.size))


def _first_frequency(spectrum: Expression) -> int:
    """The first frequency that a spectrum's slice keeps, counted from the front."""
    return max(spectrum.start or 0, 0) if isinstance(spectrum, Slice) else 0


def _with_unit(signal: Expression, layout: Layout) -> str:
    name, unit = signal_name(signal), unit_of(signal, layout)
    return f"{name} ({unit})" if unit else name


def _all_parts(event: Event, *, negated: bool = False) -> list[DrawnPart]:
    """Parts of the event and of each `and` and `or` in it; `negated` after an odd number of `not`."""
    found = [dataclasses.replace(part, negated=part.negated != negated) for part in drawn_parts(event)]
    for part in list(found):
        if isinstance(part.event, And | Or):
            found += [one for term in part.event.terms for one in _all_parts(term, negated=part.negated)]
    return found


def _levels(event: Event, signal: Expression) -> Iterator[tuple[float, float | None]]:
    """Numbers that the signal is compared with outside of shapes: at a time, or at any (None).

    A maximum or minimum of the signal is compared at any time; within another event times are relative, and a
    value at one of them has no place.
    """
    parts = _all_parts(event)
    drawn, absolute = {part.event for part in parts if part.drawable}, {part.event for part in parts}
    pending: list[Any] = [event]
    while pending:
        node = pending.pop()
        if node in drawn:
            continue
        pending += [child for _, child in node.children()]
        if isinstance(node, Comparison):
            for side, other in ((node.left, node.right), (node.right, node.left)):
                at_a_time = isinstance(side, At)
                extremum = isinstance(side, Reduction) and side.name in ("max", "min")
                compared = side.argument if at_a_time or extremum else side  # pyright: ignore[reportAttributeAccessIssue]
                placed = node in absolute or not at_a_time
                if compared == signal and placed and hasattr(other, "value"):
                    time = side.time if at_a_time else None
                    yield float(other.value), time  # pyright: ignore[reportAttributeAccessIssue]
