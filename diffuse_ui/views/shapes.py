"""The shapes on the canvas: annotations derived from the event's parts, which edit its numbers.

A shape is a Bokeh annotation that can be dragged, and a letter. Bokeh tells of every step of a drag
and of no end; a step is read into the event at the next turn of the window's loop, and the event's
rounded number is not written back as long as it is the same to within a pixel, so that Python never
pulls a shape out of the hand that moves it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from bokeh.models import BoxAnnotation, Label, PolyAnnotation

from diffuse_ui import sketches
from diffuse_ui.colors import palette
from diffuse_ui.session import Session
from diffuse_ui.views.panels import VariablePanel

__all__ = ["ShapeLayer"]

_LOOK = {
    "editable": True,
    "level": "annotation",
    "line_width": 2,
    "line_alpha": 1.0,
    "hatch_alpha": 0.35,
    "hatch_weight": 0.7,
    "hatch_scale": 10.0,
    "hover_line_width": 3,
    "hover_fill_alpha": 0.22,
}
_HATCH = {"avoids": "x", "stays": "right_diagonal_line"}


class ShapeLayer:
    """All shapes of one window."""

    def __init__(self, session: Session, digits: Callable[[VariablePanel], int]) -> None:
        self.session = session
        self.digits = digits
        self.panels: dict[str, VariablePanel] = {}
        self.shapes: dict[int, tuple[sketches.Part, BoxAnnotation | PolyAnnotation, Label]] = {}
        self._reading = False
        self._writing = False

    def use(self, panels: Sequence[VariablePanel]) -> None:
        """Begin anew on other panels."""
        self.panels = {panel.name: panel for panel in panels}
        self.shapes.clear()

    def update(self) -> None:
        """Make the shapes those of the event's parts."""
        parts = sketches.parts(self.session.state.event)
        wanted = {part.index: part for part in parts if part.drawable and part.variable in self.panels}
        self._writing = True
        try:
            for index in list(self.shapes):
                if index not in wanted or wanted[index].form != self.shapes[index][0].form:
                    self._remove(index)
            for part in wanted.values():
                if part.index not in self.shapes:
                    self._add(part)
                self._place(part)
        finally:
            self._writing = False

    def extent(self, variable: str) -> list[float]:
        """Values that the axis of a variable must hold for its shapes to be seen."""
        values: list[float] = []
        for part, _, _ in self.shapes.values():
            if part.variable == variable and part.kind == "tube":
                values += part.outline()[1].tolist()
            elif part.variable == variable:
                values += [part.sides[side][1] for side in ("bottom", "top") if side in part.sides]
        return values

    # -- shapes → event ----------------------------------------------------------------------

    def _touched(self, attr: str, old: Any, new: Any) -> None:
        if self._reading or self._writing:
            return
        self._reading = True
        self.session.soon(self._read)

    def _read(self) -> None:
        """A shape was moved or resized: read all shapes into the event."""
        self._reading = False
        state = self.session.state
        event = state.event
        try:
            for part, annotation, _ in list(self.shapes.values()):
                digits = self.digits(self.panels[part.variable])
                event = sketches.moved(event, part, annotation, layout=state.layout, digits=digits)
            if event != state.event:
                state.set_event(event)
        except ValueError:  # dragged to where no such event can be: put it back
            self.update()

    # -- event → shapes ----------------------------------------------------------------------

    def _add(self, part: sketches.Part) -> None:
        if part.kind == "tube":
            xs, ys = part.outline()
            annotation = PolyAnnotation(xs=xs.tolist(), ys=ys.tolist(), **_LOOK)
            watched = ("xs", "ys")
        else:
            level = "bottom" if "bottom" in part.sides else "top"
            movable, resizable = ("both", "all") if part.kind == "box" else ("none", level)
            edges = {side: value for side, (_, value) in part.sides.items()}
            annotation = BoxAnnotation(**edges, movable=movable, resizable=resizable, **_LOOK)
            watched = ("left", "right", "bottom", "top")
        annotation.name = f"shape-{part.label}"
        for attribute in watched:
            annotation.on_change(attribute, self._touched)
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
        figure = self.panels[part.variable].figure
        figure.add_layout(annotation)
        figure.add_layout(label)
        self.shapes[part.index] = (part, annotation, label)

    def _remove(self, index: int) -> None:
        part, annotation, label = self.shapes.pop(index)
        figure = self.panels[part.variable].figure
        figure.center = [item for item in figure.center if item not in (annotation, label)]

    def _place(self, part: sketches.Part) -> None:
        _, annotation, label = self.shapes[part.index]
        panel = self.panels[part.variable]
        self._move(part, annotation, panel)
        colours = palette(self.session.look.dark)
        colour = getattr(colours, part.kind)
        annotation.update(
            fill_color=colour,
            line_color=colour,
            fill_alpha=0.0 if part.mode == "avoids" else 0.13,
            hatch_pattern=_HATCH.get(part.mode),
            hatch_color=colour,
            hover_fill_color=colour,
            hover_line_color=colour,
        )
        x, y = self._corner(part, panel)
        label.update(
            x=x,
            y=y,
            y_offset=3 if part.kind == "threshold" else -17,
            text=part.label,
            text_color=colour,
            background_fill_color=colours.paper,
        )
        self.shapes[part.index] = (part, annotation, label)

    def _move(self, part: sketches.Part, annotation: Any, panel: VariablePanel) -> None:
        """Put an annotation where its part is, unless it is there to within a pixel."""
        slack = 0.51 * 10.0 ** -self.digits(panel)
        if part.kind == "tube":
            xs, ys = part.outline()
            shifts = (annotation.xs[0] - xs[0], annotation.ys[0] - ys[0], annotation.ys[-1] - ys[-1])
            if len(annotation.xs) != len(xs) or max(map(abs, shifts)) > slack:
                annotation.update(xs=xs.tolist(), ys=ys.tolist())
            return
        for side, (_, value) in part.sides.items():
            present = getattr(annotation, side)
            if not isinstance(present, int | float) or abs(present - value) > slack:
                setattr(annotation, side, value)

    def _corner(self, part: sketches.Part, panel: VariablePanel) -> tuple[float, float]:
        """Where the part's letter stands."""
        if part.kind == "tube":
            xs, ys = part.outline()
            return float(xs[0]), float(ys[0])
        edges = part.edges()
        left = edges["left"] if edges["left"] is not None else float(panel.times[0])
        level = edges["top"] if edges["top"] is not None else edges["bottom"]
        return left, level if level is not None else 0.0
