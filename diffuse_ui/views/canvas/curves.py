"""Curves behind the shapes: the backdrop, its hits, and the trajectories of the last run.

`CurvesView` keeps the panels of one view (`diffuse_ui.views.canvas.canvas`, `diffuse_ui.views.canvas.phase_plane`)
up to date with state and store while that view is the one shown; a hidden view catches up when it is
shown, and has no panels before that. It also keeps the axes: they hold the backdrop, the conditional
trajectories and what was drawn, and are not stretched by guided trajectories that miss.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import panel as pn
import xarray as xr
from bokeh.events import SelectionGeometry

from diffuse_ui.analysis.ensembles import fan, is_member
from diffuse_ui.sketch.shape import Axes, Shape
from diffuse_ui.style.colors import palette
from diffuse_ui.views.canvas.panels import MAX_CURVES, TIME_AXIS_HEIGHT, Panel
from diffuse_ui.views.canvas.shapes import ShapeLayer
from diffuse_ui.work.results import states
from diffuse_ui.work.session import Session
from kernels import Layout

__all__ = ["CANVAS_HEIGHT", "CurvesView"]

CANVAS_HEIGHT = "clamp(420px, 100vh - 360px, 1500px)"  # CSS, of all panels together


class CurvesView:
    """Base of the views that draw trajectories; `view` is its name in the look."""

    view: str

    def __init__(self, session: Session, height: str) -> None:
        self.session, self.height = session, height
        self.panels: Sequence[Panel] = []
        self.shapes = ShapeLayer(session, self._editable)
        self._layout: Layout | None = None  # of the model that the panels were made for
        self._behind = np.zeros((0, 0, 0), np.float32)  # the backdrop's trajectories
        self._members = np.zeros((0, 0, 0), np.float32)  # the last run's that meet the event
        self._satisfied: np.ndarray | None = None  # which of the backdrop's are shown as hits
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self.frame = pn.Column(  # pmui's has Bokeh measure new figures before they are laid out: an error
            self._pane,
            sizing_mode="stretch_width",
            margin=0,
            styles={"min-height": f"calc({height} + {TIME_AXIS_HEIGHT}px)"},
            visible=session.look.view == self.view,
        )
        if self.shown:
            self._build()
        state, store, look = session.state, session.store, session.look
        for owner, names, update in (
            (state, ["model"], self._refresh),
            (state, ["event", "arrangement", "given"], self._event_changed),
            (store, ["backdrop"], self._backdrop_changed),
            (store, ["hits"], self._new_hits),
            (store, ["result"], self._result_changed),
            (look, ["display"], self._show),
            (look, ["dark"], self._repaint),
            (look, ["selected"], self._shapes_changed),
        ):
            session.watch(owner, names, self._when_shown(update))
        session.watch(look, ["view"], self._view_changed)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.frame

    def _build(self) -> None:
        """Make the panels of the model's variables."""
        raise NotImplementedError

    def _editable(self) -> bool:
        """Whether shapes may be dragged now."""
        return True

    # -- shown or hidden ---------------------------------------------------------------------

    @property
    def shown(self) -> bool:
        return self.session.look.view == self.view

    def _when_shown(self, update: Callable[[], None]) -> Callable[[], None]:
        return lambda: self._catch_up(update) if self.shown else None

    def _catch_up(self, update: Callable[[], None]) -> None:
        """Call the update, or build new panels where the present ones are of another model."""
        if self._is_up_to_date():
            update()
        else:
            self._build()

    def _is_up_to_date(self) -> bool:
        """Whether the panels are those of the model."""
        return self._layout is self.session.state.layout

    def _view_changed(self) -> None:
        if self.shown:
            self._catch_up(self._refresh)
        self.frame.visible = self.shown  # not the pane's: it follows the figure

    def _refresh(self) -> None:
        self._behind = self._members = self._nothing  # those of a model before have other variables
        self._repaint()
        self._backdrop_changed()
        self._result_changed()

    def _repaint(self) -> None:
        colours = palette(self.session.look.dark)
        for panel in self.panels:
            panel.paint(colours)
        self._event_changed()

    # -- event → shapes ----------------------------------------------------------------------

    def _event_changed(self) -> None:
        self._shapes_changed()
        self._show()

    def _shapes_changed(self) -> None:
        self.shapes.update()
        self._fit()

    # -- results → curves --------------------------------------------------------------------

    @property
    def _nothing(self) -> np.ndarray:
        return np.zeros((0, *self.session.state.layout.shape), np.float32)

    def _of_model(self, dataset: xr.Dataset | None) -> xr.Dataset | None:
        """The trajectories, unless they are still those of a model before."""
        layout = self.session.state.layout
        if dataset is None or tuple(map(str, dataset["variable"].values)) != layout.variables:
            return None
        return dataset if dataset.sizes["time"] == layout.num_times else None

    def _backdrop_changed(self) -> None:
        backdrop = self._of_model(self.session.store.backdrop)
        self._behind = self._nothing if backdrop is None else states(backdrop)
        reference = (
            None if backdrop is None else fan(backdrop.drop_vars(["satisfied", "weight"], errors="ignore"))
        )
        for panel in self.panels:
            panel.show_lines("backdrop", self._behind)
            panel.show_fan("reference", reference)
        self._fit()
        self._hits_changed()

    def _new_hits(self) -> None:
        """Show hits, unless they are those shown, of which more has become known."""
        hits = self.session.store.hits
        if hits is None or hits.satisfied is not self._satisfied:
            self._hits_changed()

    def _hits_changed(self) -> None:
        hits, backdrop = self.session.store.hits, self._of_model(self.session.store.backdrop)
        known = hits is not None and backdrop is not None
        self._satisfied = hits.satisfied if known else None
        values = states(backdrop)[hits.satisfied] if known else self._nothing
        for panel in self.panels:
            panel.show_lines("hits", values)
        self._show()

    def _result_changed(self) -> None:
        result = self.session.store.result
        dataset = self._of_model(None if result is None else result.dataset)
        values = self._nothing if dataset is None else states(dataset)
        member = np.zeros(0, bool) if dataset is None else is_member(dataset)
        conditional = None if dataset is None else fan(dataset)
        self._members = values[member]
        for panel in self.panels:
            panel.show_lines("curves", self._members)
            panel.show_lines("misses", values[~member][: MAX_CURVES // 4])
            panel.show_fan("conditional", conditional)
        self._fit()
        self._show()

    def _show(self) -> None:
        """Set which layers are visible: the backdrop's hits give way to a result that is up to date."""
        store, display = self.session.store, self.session.look.display
        known = store.result is not None and store.result.dataset is not None
        fresh = known and not store.stale
        curves, fans = display in ("both", "curves") or self.view != "time series", display in ("both", "fan")
        visible = {
            "backdrop": curves,
            "hits": not fresh,
            "misses": fresh and curves,
            "curves": fresh and curves,
            "reference": fresh and display == "fan",
            "conditional": known and fans,
            "median": known and fans,
        }
        colours = palette(self.session.look.dark)
        for panel in self.panels:
            panel.set_visible(visible)
            panel.stand_out(self.session.state.event is None and not known, colours)
            panel.fade(known and not fresh, colours)

    def range_of(self, panel: Panel) -> tuple[list[float], list[float]]:
        """Least and greatest values across and along a panel, without guided trajectories that miss."""
        across: list[float] = []
        along: list[float] = []
        for values in (self._behind, self._members):
            if len(values):
                for ends, column in zip((across, along), panel.columns(values)):
                    ends += [float(column.min()), float(column.max())]
        return across or [-1.0, 1.0], along or [-1.0, 1.0]

    def _fit(self) -> None:
        """Fit the axes to the trajectories and to everything drawn."""
        for panel in self.panels:
            (across, along), drawn = self.range_of(panel), self.shapes.extent(panel)
            panel.fit(across + drawn[0], along + drawn[1])

    def _range(self, panel: Panel) -> tuple[float, float]:
        """Least and greatest value along a panel."""
        along = self.range_of(panel)[1]
        return min(along), max(along)

    def draw(self, panel: Panel, shape: Shape, points: Any) -> bool:
        """Add a shape drawn through points (point, 2) to the event; says whether there was anything."""
        state, look = self.session.state, self.session.look
        names = (panel.place,) if isinstance(panel.place, str) else panel.place
        height = panel.y_range.start, panel.y_range.end
        axes = Axes(names, state.layout, panel.digits, height, self._range(panel))
        try:
            part = shape.draw(np.asarray(points, np.float64), axes)
            if part is not None:
                state.arrange(state.parts.plus(part))
                look.notice = ""
                return True
        except ValueError as error:
            look.notice = str(error)
        return False

    def draw_dragged(self, panel: Panel, shapes: Iterable[Shape], event: SelectionGeometry) -> bool:
        """Add the first of the shapes that such a drag draws; says whether there was anything."""
        drag = event.geometry
        shape = next((shape for shape in shapes if shape.tool == drag.get("type")), None)
        if shape is None or not event.final:
            return False
        if shape.tool == "rect":
            return self.draw(panel, shape, [(drag["x0"], drag["y0"]), (drag["x1"], drag["y1"])])
        return self.draw(panel, shape, np.transpose([drag["x"], drag["y"]]))
