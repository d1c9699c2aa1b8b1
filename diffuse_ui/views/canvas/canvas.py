"""The sketch canvas: draw on the trajectories against time, drag what was drawn.

Small multiples, one panel a variable. A drag on an empty place draws a box (or a tube, or sets a
window of times), a click puts a threshold or an observed point; what is on the canvas is derived from
the event's parts, and dragging it edits the numbers of the event (`diffuse_ui.sketch.parts`). One shape
drawn, the next drag is a box again.
"""

from typing import Any

import numpy as np
from bokeh.events import PanEnd, SelectionGeometry, Tap
from bokeh.layouts import column

from diffuse_ui.sketch import gestures
from diffuse_ui.sketch.parts import DrawnPart, arranged_parts
from diffuse_ui.style.numbers import number
from diffuse_ui.views.canvas.curves import CANVAS_HEIGHT, CurvesView
from diffuse_ui.views.canvas.panels import VariablePanel
from diffuse_ui.views.widgets import with_units
from diffuse_ui.work.session import Session

__all__ = ["CanvasView"]

MIN_PANEL_HEIGHT = 104
GAP = 2  # pixels between panels
TUBE_SHARE = 0.06  # half width of a tube as it is drawn, of the axis
TOLERANCE_SHARE = 0.02  # tolerance of an observed point as it is placed, of the variable's range
MIN_BOX = (0.4, 0.005)  # what is smaller is a click: of a step, of the axis


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
        kind, geometry = str(event.geometry.get("type")), event.geometry
        if not event.final or kind not in ("rect", "poly"):
            return
        if kind == "poly":
            done = self.add(lambda: self._tube(panel, geometry))
        elif self.session.look.mode == "window":
            done = self._window(panel, float(geometry["x0"]), float(geometry["x1"]))
        else:
            done = self.add(lambda: self._box(panel, geometry))
        if done:
            self.session.look.mode = "box"

    def _box(self, panel: VariablePanel, geometry: dict[str, Any]) -> Any:
        layout = self.session.state.layout
        left, right = sorted((float(geometry["x0"]), float(geometry["x1"])))
        low, high = sorted((float(geometry["y0"]), float(geometry["y1"])))
        left, right = max(left, float(layout.times[0])), min(right, float(layout.times[-1]))
        span = panel.y_range.end - panel.y_range.start
        if right - left < MIN_BOX[0] * layout.step or high - low < MIN_BOX[1] * span:
            return None  # a click, not a box
        return gestures.box(panel.name, (left, right), (low, high), layout=layout, digits=panel.digits[1])

    def _tube(self, panel: VariablePanel, geometry: dict[str, Any]) -> Any:
        points = np.stack([np.asarray(geometry["x"], float), np.asarray(geometry["y"], float)], axis=1)
        if len(points) < 3:
            return None  # a click
        half_width = TUBE_SHARE * (panel.y_range.end - panel.y_range.start)
        layout = self.session.state.layout
        return gestures.tube(panel.name, points, half_width, layout=layout, digits=panel.digits[1])

    def _placed(self, panel: VariablePanel, time: float | None, level: float | None) -> None:
        """A click: a threshold at its height, or an observed point where it was."""
        make = {"threshold": self._threshold, "point": self._point}.get(self.session.look.mode)
        if make is None or time is None or level is None:
            return
        if self.add(lambda: make(panel, float(time), float(level))):
            self.session.look.mode = "box"

    def _threshold(self, panel: VariablePanel, time: float, level: float) -> Any:
        above = level > 0.5 * sum(self._range(panel))
        mode = "rises above" if above else "falls below"
        return gestures.threshold(panel.name, round(level, panel.digits[1]), mode)

    def _point(self, panel: VariablePanel, time: float, level: float) -> Any:
        low, high = self._range(panel)
        tolerance = TOLERANCE_SHARE * (high - low)
        layout = self.session.state.layout
        return gestures.point(panel.name, time, level, tolerance, layout=layout, digits=panel.digits[1])

    def _range(self, panel: VariablePanel) -> tuple[float, float]:
        along = self.range_of(panel)[1]
        return min(along), max(along)

    def _window(self, panel: VariablePanel, left: float, right: float) -> bool:
        """A drag along the time axis: when the chosen parts count, or those drawn here."""
        state, look = self.session.state, self.session.look
        left, right = sorted((left, right))
        if right - left < MIN_BOX[0] * state.layout.step:
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
                event = gestures.with_window(part, (left, right), state.layout)
                arrangement = arrangement.replaced(part.index, event)
            state.arrange(arrangement)
        except ValueError as error:
            look.notice = str(error)
            return False
        look.notice = ""
        return True

    def _windowed(self, panel: VariablePanel) -> list[DrawnPart]:
        """The parts that a window is meant for: the chosen ones, else the last one of this panel, else the last."""
        state, look = self.session.state, self.session.look
        parts = [part for part in arranged_parts(state.parts) if part.kind in ("threshold", "box", "then")]
        chosen = [part for part in parts if part.index in look.selected]
        here = [part for part in parts if part.variable == panel.name]
        return chosen or here[-1:] or parts[-1:]

    def describe(self) -> str:
        """What the canvas shows, in words, for those who do not see it."""
        names = ", ".join(panel.name for panel in self.panels)
        ends = [(panel.name, *map(number, self._range(panel))) for panel in self.panels]
        ranges = "; ".join(f"{name} from {low} to {high}" for name, low, high in ends)
        return f"Trajectories of {names} against time. {ranges}."
