"""The sketch canvas: draw a box or a threshold on the trajectories, drag what was drawn.

Small multiples, one panel a variable. A drag on an empty place draws a box, a click in threshold
mode puts a threshold; what is on the canvas is derived from the event's parts, and dragging it
edits the numbers of the event (`diffuse_ui.sketches`). The canvas shows the backdrop, which of its
trajectories meet the event while it is being changed, and the conditional ensemble of the last run.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
from bokeh.events import PanEnd, SelectionGeometry, Tap
from bokeh.layouts import column

from diffuse_ui import sketches
from diffuse_ui.colors import palette
from diffuse_ui.ensembles import fan, is_member, states
from diffuse_ui.formats import number
from diffuse_ui.session import Session
from diffuse_ui.views.panels import MAX_CURVES, VariablePanel
from diffuse_ui.views.shapes import ShapeLayer

__all__ = ["CanvasView"]

CANVAS_HEIGHT = "clamp(420px, 100vh - 300px, 1500px)"  # CSS, of all panels together
MIN_PANEL_HEIGHT = 104
TUBE_SHARE = 0.06  # half width of a tube as it is drawn, of the axis


class CanvasView:
    """Panels, shapes and gestures of one window."""

    def __init__(self, session: Session, *, height: str = CANVAS_HEIGHT) -> None:
        self.session = session
        self.height = height
        self.panels: list[VariablePanel] = []
        self.shapes = ShapeLayer(session, self._digits)
        self._ranges: dict[str, tuple[float, float]] = {}
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._build()
        state, store, look = session.state, session.store, session.look
        session.watch(state, ["model"], self._build)
        session.watch(state, ["event"], self._event_changed)
        session.watch(store, ["backdrop"], self._backdrop_changed)
        session.watch(store, ["hits"], self._hits_changed)
        session.watch(store, ["result"], self._result_changed)
        session.watch(look, ["mode"], self._mode_changed)
        session.watch(look, ["display"], self._show)
        session.watch(look, ["dark"], self._repaint)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._pane

    # -- building ----------------------------------------------------------------------------

    def _build(self) -> None:
        layout = self.session.state.layout
        count = layout.num_variables
        height = f"max({MIN_PANEL_HEIGHT}px, {self.height} / {count})"
        units = f" ({layout.time_units})" if layout.time_units else ""
        self.panels = []
        for index, name in enumerate(layout.variables):
            unit = layout.variable_units.get(name, "")
            label = f"{name} ({unit})" if unit else name
            panel = VariablePanel(name, label, layout.times, height, index == count - 1, f"time{units}")
            if self.panels:
                panel.figure.x_range = self.panels[0].figure.x_range
            self._listen(panel)
            self.panels.append(panel)
        self.shapes.use(self.panels)
        self._pane.object = column(
            *[panel.figure for panel in self.panels], sizing_mode="stretch_width", spacing=2
        )
        self._repaint()
        self._mode_changed()
        self._backdrop_changed()
        self._result_changed()

    def _listen(self, panel: VariablePanel) -> None:
        panel.figure.on_event(SelectionGeometry, lambda event: self._drawn(panel, event))
        panel.figure.on_event(Tap, lambda event: self._placed(panel, event.y))
        panel.figure.on_event(Tap, lambda event: setattr(self.session.look, "time", event.x))
        panel.figure.on_event(PanEnd, lambda event: self._placed(panel, event.y))

    def _repaint(self) -> None:
        colours = palette(self.session.look.dark)
        for panel in self.panels:
            panel.paint(colours)
        self._event_changed()

    def _mode_changed(self) -> None:
        for panel in self.panels:
            panel.figure.toolbar.active_drag = panel.tools.get(self.session.look.mode)

    # -- gestures → event --------------------------------------------------------------------

    def _drawn(self, panel: VariablePanel, event: SelectionGeometry) -> None:
        make = {"rect": self._box, "poly": self._tube}.get(str(event.geometry.get("type")))
        if event.final and make is not None:
            self._add(lambda: make(panel, event.geometry))

    def _box(self, panel: VariablePanel, geometry: dict[str, Any]) -> Any:
        layout = self.session.state.layout
        left, right = sorted((float(geometry["x0"]), float(geometry["x1"])))
        low, high = sorted((float(geometry["y0"]), float(geometry["y1"])))
        left, right = max(left, float(layout.times[0])), min(right, float(layout.times[-1]))
        span = panel.y_range.end - panel.y_range.start
        if right - left < 0.4 * layout.step or high - low < 0.005 * span:
            return None  # a click, not a box
        return sketches.box(panel.name, (left, right), (low, high), layout=layout, digits=self._digits(panel))

    def _tube(self, panel: VariablePanel, geometry: dict[str, Any]) -> Any:
        points = np.stack([np.asarray(geometry["x"], float), np.asarray(geometry["y"], float)], axis=1)
        if len(points) < 3:
            return None  # a click
        half_width = TUBE_SHARE * (panel.y_range.end - panel.y_range.start)
        layout, digits = self.session.state.layout, self._digits(panel)
        return sketches.tube(panel.name, points, half_width, layout=layout, digits=digits)

    def _placed(self, panel: VariablePanel, level: float | None) -> None:
        if self.session.look.mode != "threshold" or level is None:
            return
        level = round(float(level), self._digits(panel))
        above = level > 0.5 * sum(self._ranges.get(panel.name, (-np.inf, np.inf)))
        mode = "rises above" if above else "falls below"
        self._add(lambda: sketches.threshold(panel.name, level, mode))

    def _add(self, make: Callable[[], Any]) -> None:
        """Add what was drawn to the event; one shape drawn, the next drag is a box again."""
        state = self.session.state
        try:
            part = make()
            if part is not None:
                state.set_event(sketches.add(state.event, part))
                self.session.look.mode = "box"
        except ValueError as error:
            state.error = str(error)

    def _digits(self, panel: VariablePanel) -> int:
        """Decimals that resolve about a pixel of the panel's axis."""
        return sketches.decimals(panel.y_range.end - panel.y_range.start)

    # -- event → shapes ----------------------------------------------------------------------

    def _event_changed(self) -> None:
        self._shapes_changed()
        self._show()

    def _shapes_changed(self) -> None:
        self.shapes.update()
        self._fit()

    # -- results → curves --------------------------------------------------------------------

    def _backdrop_changed(self) -> None:
        backdrop = self.session.store.backdrop
        values = states(backdrop) if backdrop is not None else np.zeros((0, *self.session.state.layout.shape))
        for index, panel in enumerate(self.panels):
            panel.show_lines("backdrop", values[:, :, index])
            if len(values):
                self._ranges[panel.name] = (
                    float(values[:, :, index].min()),
                    float(values[:, :, index].max()),
                )
        reference = (
            None if backdrop is None else fan(backdrop.drop_vars(["satisfied", "weight"], errors="ignore"))
        )
        for index, panel in enumerate(self.panels):
            panel.show_fan("reference", reference, index)
        self._fit()
        self._hits_changed()

    def _hits_changed(self) -> None:
        hits, backdrop = self.session.store.hits, self.session.store.backdrop
        known = hits is not None and backdrop is not None
        values = (
            states(backdrop)[hits.satisfied] if known else np.zeros((0, *self.session.state.layout.shape))
        )
        for index, panel in enumerate(self.panels):
            panel.show_lines("hits", values[:, :, index])
        self._show()

    def _result_changed(self) -> None:
        result = self.session.store.result
        dataset = None if result is None else result.dataset
        empty = np.zeros((0, *self.session.state.layout.shape))
        values = empty if dataset is None else states(dataset)
        member = np.zeros(0, bool) if dataset is None else is_member(dataset)
        conditional = None if dataset is None else fan(dataset)
        for index, panel in enumerate(self.panels):
            panel.show_lines("curves", values[member][:, :, index])
            panel.show_lines("misses", values[~member][: MAX_CURVES // 4, :, index])
            panel.show_fan("conditional", conditional, index)
        self._show()

    def _show(self) -> None:
        """Which layers are visible: hits of the backdrop give way to a result that is up to date."""
        store, display = self.session.store, self.session.look.display
        known = store.result is not None and store.result.dataset is not None
        fresh = known and not store.stale
        curves, fans = display in ("both", "curves"), display in ("both", "fan")
        visible = {
            "backdrop": curves,
            "hits": not fresh,
            "misses": fresh and curves,
            "curves": fresh and curves,
            "reference": fresh and display == "fan",
            "conditional": known and fans,
            "median": known and fans,
        }
        for panel in self.panels:
            panel.set_visible(visible)
            panel.fade(known and not fresh, palette(self.session.look.dark))

    def _fit(self) -> None:
        """Axes that hold the backdrop and everything drawn."""
        for panel in self.panels:
            values = [*self._ranges.get(panel.name, (-1.0, 1.0)), *self.shapes.extent(panel.name)]
            panel.fit(min(values), max(values))

    def describe(self) -> str:
        """What the canvas shows, in words, for those who do not see it."""
        names = ", ".join(panel.name for panel in self.panels)
        ranges = "; ".join(f"{k} from {number(a)} to {number(b)}" for k, (a, b) in self._ranges.items())
        return f"Trajectories of {names} against time. {ranges}."
