"""The sketch canvas: draw on the trajectories against time, drag what was drawn.

Small multiples, one panel a variable. A drag on an empty place or a click draws the shape of the chosen
mode (`diffuse_ui.sketch.shapes`), or a drag sets a window of times; after it, the next drag is a box
again. All that is on the canvas is derived from the event's parts, and dragging it edits the event's
numbers.
"""

from bokeh.events import PanEnd, SelectionGeometry, Tap
from bokeh.layouts import column

from diffuse_ui.sketch.parts import arranged_parts
from diffuse_ui.sketch.rounding import MIN_DRAG
from diffuse_ui.sketch.shape import DrawnPart
from diffuse_ui.sketch.shapes import SHAPES, tools
from diffuse_ui.style.numbers import number
from diffuse_ui.views.canvas.curves import CANVAS_HEIGHT, CurvesView
from diffuse_ui.views.canvas.panels import VariablePanel
from diffuse_ui.views.widgets import with_units
from diffuse_ui.work.session import Session

__all__ = ["CanvasView"]

MIN_PANEL_HEIGHT = 104
GAP = 2  # pixels between panels


class CanvasView(CurvesView):
    """Panels, shapes and gestures of one window."""

    view = "time series"
    panels: list[VariablePanel]

    def __init__(self, session: Session, *, height: str = CANVAS_HEIGHT) -> None:
        super().__init__(session, height)
        session.watch(session.look, ["mode"], self._mode_changed)
        session.watch(session.look, ["variables"], self._when_shown(self._refresh))

    # -- building ----------------------------------------------------------------------------

    def _build(self) -> None:
        layout = self._layout = self.session.state.layout
        names = self.session.variables
        gaps = GAP * (len(names) - 1)
        height = f"max({MIN_PANEL_HEIGHT}px, ({self.height} - {gaps}px) / {len(names)})"
        units = f" ({layout.time_units})" if layout.time_units else ""
        self.panels = []
        for name in names:
            index, last = layout.variables.index(name), name == names[-1]
            label = with_units(name, layout.variable_units)
            panel = VariablePanel(name, label, layout.times, height, last, f"time{units}", index=index)
            if self.panels:
                panel.figure.x_range = self.panels[0].figure.x_range
            self._listen(panel)
            self.panels.append(panel)
        self.shapes.use(self.panels)
        figures = [panel.figure for panel in self.panels]
        self._pane.object = column(*figures, sizing_mode="stretch_width", spacing=GAP)
        self._mode_changed()
        self._refresh()

    def _is_up_to_date(self) -> bool:
        """Whether the panels are those of the model, and of the variables that are drawn on."""
        return super()._is_up_to_date() and [panel.name for panel in self.panels] == self.session.variables

    def _listen(self, panel: VariablePanel) -> None:
        panel.figure.on_event(SelectionGeometry, lambda event: self._drawn(panel, event))
        panel.figure.on_event(Tap, lambda event: self._placed(panel, event.x, event.y))
        panel.figure.on_event(Tap, lambda event: setattr(self.session.look, "time", event.x))
        panel.figure.on_event(PanEnd, lambda event: self._placed(panel, event.x, event.y))

    def _editable(self) -> bool:
        return self.session.look.mode == "box"  # else a shape would take the drag that begins on it

    def _mode_changed(self) -> None:
        for panel in self.panels:
            panel.figure.toolbar.active_drag = panel.tools.get(self.session.look.mode)
        self.shapes.update()

    # -- gestures → event --------------------------------------------------------------------

    def _drawn(self, panel: VariablePanel, event: SelectionGeometry) -> None:
        """A drag: a window of times, or a shape; of a mode left meanwhile, the first that it draws."""
        look, drag = self.session.look, event.geometry
        if look.mode == "window" and drag.get("type") == "rect":
            done = event.final and self._window(panel, float(drag["x0"]), float(drag["x1"]))
        else:
            shapes = sorted(tools(in_plane=False), key=lambda shape: shape.name != look.mode)
            done = self.draw_dragged(panel, shapes, event)
        if done:
            look.mode = "box"

    def _placed(self, panel: VariablePanel, time: float | None, level: float | None) -> None:
        """A click: the shape of the mode, where it is drawn by one."""
        look = self.session.look
        shape = SHAPES.get(look.mode)
        if shape is None or shape.tool != "click" or time is None or level is None:
            return
        if self.draw(panel, shape, [(time, level)]):
            look.mode = "box"

    def _window(self, panel: VariablePanel, left: float, right: float) -> bool:
        """A drag along the time axis: when the chosen parts count, or those drawn here."""
        state, look = self.session.state, self.session.look
        left, right = sorted((left, right))
        if right - left < MIN_DRAG * state.layout.step:
            return False  # a click
        parts = self._windowed(panel)
        if not parts:
            look.notice = (
                "A window belongs to a threshold or a box. Draw one first, or choose it by its letter."
            )
            return False
        try:
            arrangement = state.parts
            for part in parts:
                event = part.with_window((left, right), state.layout)
                arrangement = arrangement.replaced(part.index, event)
            state.arrange(arrangement)
        except ValueError as error:
            look.notice = str(error)
            return False
        look.notice = ""
        return True

    def _windowed(self, panel: VariablePanel) -> list[DrawnPart]:
        """Parts that get the window: the chosen ones, else the last of this panel, else the last."""
        state, look = self.session.state, self.session.look
        parts = [part for part in arranged_parts(state.parts) if part.shape.has_window]
        chosen = [part for part in parts if part.index in look.selected]
        here = [part for part in parts if part.variable == panel.name]
        return chosen or here[-1:] or parts[-1:]

    def describe(self) -> str:
        """Description of the canvas in words, for those who do not see it."""
        names = ", ".join(panel.name for panel in self.panels)
        ends = [(panel.name, *map(number, self._range(panel))) for panel in self.panels]
        ranges = "; ".join(f"{name} from {low} to {high}" for name, low, high in ends)
        return f"Trajectories of {names} against time. {ranges}."
