"""Shapes on the canvas: annotations made from the event's parts, which edit its numbers.

A shape is a Bokeh annotation that can be dragged, and a letter. Bokeh tells of every step of a drag
and of no end; a step is read into the event at the next turn of the window's loop, as the difference
to the part before the drag, and the event's rounded numbers are written back only when the hand has
rested for a moment, so that Python never pulls a shape out of the hand that moves it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bokeh.models import BoxAnnotation, Label, PolyAnnotation

from diffuse_ui.sketch.parts import arranged_parts
from diffuse_ui.sketch.shape import DrawnPart
from diffuse_ui.style.colors import palette
from diffuse_ui.views.canvas.annotations import annotation_of, colour_of, place, style
from diffuse_ui.views.canvas.panels import Panel
from diffuse_ui.work.session import Session

__all__ = ["ShapeLayer"]

REST = 0.4  # seconds without a step, after which a drag has ended
MAX_KNOWN = 12  # known points that can be dragged; of more there are only dots
Key = tuple[bool, str]  # known or of the event, and its label


class ShapeLayer:
    """All shapes of one view."""

    def __init__(self, session: Session, editable: Callable[[], bool]) -> None:
        self.session = session
        self.editable = editable
        self.panels: dict[Any, Panel] = {}
        self.shapes: dict[Any, tuple[DrawnPart, BoxAnnotation | PolyAnnotation, Label]] = {}
        self._dragged: set[Key] = set()
        self._last_step = 0.0
        self._reading = self._settling = self._writing = False

    def use(self, panels: Sequence[Panel]) -> None:
        """Begin anew on other panels."""
        self.panels = {panel.place: panel for panel in panels}
        self.shapes.clear()
        self._dragged.clear()

    def clear(self) -> None:
        """Take all shapes away, before a panel turns to other variables."""
        for key in list(self.shapes):
            self._remove(key)
        self._dragged.clear()

    def update(self) -> None:
        """Make the shapes those of the event's parts."""
        self.panels = {panel.place: panel for panel in self.panels.values()}
        drawn = [part for part in self._parts() if self._panel(part)]
        crowded = sum(part.known for part in drawn) > MAX_KNOWN
        wanted = {(part.known, part.label): part for part in drawn if not (crowded and part.known)}
        self._writing = True
        try:
            for key, (present, _, _) in list(self.shapes.items()):
                if key not in wanted or _form(wanted[key]) != _form(present):
                    self._remove(key)
            for key, part in wanted.items():
                if key not in self.shapes:
                    self._add(key, part)
                self._update_shape(key, part)
        finally:
            self._writing = False
        self._mark(drawn)

    def extent(self, panel: Panel) -> tuple[list[float], list[float]]:
        """Values that the panel's axes must hold for its shapes to be seen."""
        across: list[float] = []
        along: list[float] = []
        for part in self._parts():
            if self._panel(part) is panel:
                xs, ys = part.extent()
                across, along = across + xs, along + ys
        return across, along

    def _parts(self) -> Iterator[DrawnPart]:
        """Every shape in the event and in what is known."""
        state = self.session.state
        for part in [*arranged_parts(state.parts), *arranged_parts(state.known, known=True)]:
            yield from part.shapes

    def _panel(self, part: DrawnPart) -> Panel | None:
        return self.panels.get(part.plane or part.variable)

    # -- shapes → event ----------------------------------------------------------------------

    def _touched(self, key: Key) -> None:
        if self._writing:
            return
        self._dragged.add(key)
        self._last_step = time.monotonic()
        if not self._reading:
            self._reading = True
            self.session.soon(self._read)

    def _read(self) -> None:
        """Shapes were moved, resized or bent: read them into the event."""
        self._reading = False
        state = self.session.state
        event, known = state.parts, state.known
        try:
            for key in self._dragged & set(self.shapes):
                part, annotation, _ = self.shapes[key]
                panel = self._panel(part)
                numbers = part.moved(annotation, layout=state.layout, digits=panel.digits) if panel else {}
                if numbers and part.known:
                    known = known.with_numbers(part.index, numbers)
                elif numbers:
                    event = event.with_numbers(part.index, numbers)
            if (event, known) != (state.parts, state.known):
                state.arrange(event, known=known if known != state.known else None)
        except ValueError:  # dragged to where no such event can be: put it back
            self._dragged.clear()
            self.update()
            return
        if not self._settling:
            self._settling = True
            self.session.later(REST, self._settle)

    def _settle(self) -> None:
        """The hand has rested: show what the event says, to the last digit."""
        self._settling = False
        wait = REST - (time.monotonic() - self._last_step)
        if not self.session.open:
            return
        if wait > 0.01 and self.session.has_loop:
            self._settling = True
            self.session.later(wait, self._settle)
            return
        self._dragged.clear()
        self.update()

    # -- event → shapes ----------------------------------------------------------------------

    def _add(self, key: Key, part: DrawnPart) -> None:
        annotation, watched = annotation_of(part)
        for attribute in watched:
            annotation.on_change(attribute, lambda attr, old, new: self._touched(key))
        label = Label(
            x=0,
            y=0,
            x_offset=5,
            level="overlay",
            text_font_size="12px",
            text_font_style="bold",
            background_fill_alpha=0.8,
            padding=2,
            border_radius=3,
        )
        figure = self._panel(part).figure  # pyright: ignore[reportOptionalMemberAccess]
        figure.add_layout(annotation)
        figure.add_layout(label)
        self.shapes[key] = (part, annotation, label)

    def _remove(self, key: Key) -> None:
        part, annotation, label = self.shapes.pop(key)
        self._dragged.discard(key)
        panel = self._panel(part)
        for figure in [panel.figure] if panel else []:
            figure.center = [item for item in figure.center if item not in (annotation, label)]

    def _update_shape(self, key: Key, part: DrawnPart) -> None:
        before, annotation, label = self.shapes[key]
        colours, panel = palette(self.session.look.dark), self._panel(part)
        held = key in self._dragged
        if not held:
            place(part, annotation, panel)
        self.shapes[key] = (before if held else part, annotation, label)
        chosen = not part.known and part.index in self.session.look.selected
        editable = self.editable() and not part.muted
        style(part, annotation, label, colours, panel, chosen=chosen, editable=editable)

    def _mark(self, parts: list[DrawnPart]) -> None:
        """Show the dots of the shapes, such as the vertices of polygons."""
        colours = palette(self.session.look.dark)
        marks: dict[int, list[tuple[float, float, str]]] = {id(panel): [] for panel in self.panels.values()}
        for part in parts:
            colour = colour_of(part, colours)
            marks[id(self._panel(part))] += [(*dot, colour) for dot in part.shape.dots(part)]
        for panel in self.panels.values():
            panel.show_marks(marks[id(panel)])


def _form(part: DrawnPart) -> tuple[Any, ...]:
    return part.form, part.muted
