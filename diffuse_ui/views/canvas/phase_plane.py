"""The phase plane: curves of two variables against each other; a lasso draws a polygon.

Any pair of the model's variables spans the plane. Polygons of other planes, and what is drawn against
time, stay on their chips.
"""

from bokeh.events import SelectionGeometry

from diffuse_ui.sketch.shapes import tools
from diffuse_ui.views.canvas.curves import CANVAS_HEIGHT, CurvesView
from diffuse_ui.views.canvas.panels import PlanePanel
from diffuse_ui.work.session import Session

__all__ = ["PhasePlaneView"]


class PhasePlaneView(CurvesView):
    """One panel, its polygons and its lasso."""

    view = "phase plane"
    panels: list[PlanePanel]

    def __init__(self, session: Session, *, height: str = CANVAS_HEIGHT) -> None:
        super().__init__(session, height)
        session.watch(session.look, ["plane"], self._when_shown(self._refresh))

    def _build(self) -> None:
        layout = self._layout = self.session.state.layout
        panel = PlanePanel(layout.variables, self.height)
        panel.figure.on_event(SelectionGeometry, self._drawn)
        self.panels = [panel]
        self.shapes.use(self.panels)
        self._pane.object = panel.figure
        self._refresh()

    def _refresh(self) -> None:
        """Show all, in the chosen pair of variables."""
        place, units = self.session.plane, self.session.state.layout.variable_units
        labels = [f"{name} ({units[name]})" if units.get(name) else name for name in place]
        self.shapes.clear()
        self.panels[0].turn(place, (labels[0], labels[1]))
        super()._refresh()

    def _drawn(self, event: SelectionGeometry) -> None:
        self.draw_dragged(self.panels[0], tools(in_plane=True), event)
