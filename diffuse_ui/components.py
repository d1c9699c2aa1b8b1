"""Pieces of the app for single notebook cells; pieces of one app share its state.

app = diffuse_ui.App("lorenz63")
diffuse_ui.EventCanvas(app)                # draw here …
diffuse_ui.ResultTabs(app)                 # … and read there
diffuse_ui.FanChart(result.dataset)        # a fan of any Dataset state(sample, time, variable)
"""

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import xarray as xr

from diffuse_ui.analysis import curves
from diffuse_ui.app import App
from diffuse_ui.serving import Served, page_of
from diffuse_ui.state.look import Look
from diffuse_ui.style.colors import palette
from diffuse_ui.views.canvas.canvas import CanvasView
from diffuse_ui.views.canvas.clause_chips import ChipsView
from diffuse_ui.views.canvas.phase_plane import PhasePlaneView
from diffuse_ui.views.canvas.toolbar import Toolbar
from diffuse_ui.views.controls import event_editor, export_panel, model_panel, result_panel, run_panel
from diffuse_ui.views.results import tabs
from diffuse_ui.views.results.fans import PANEL_HEIGHT, FanPlots
from diffuse_ui.work.session import Session
from kernels.trajectories.datasets import dataset_layout

__all__ = [
    "EventCanvas",
    "EventEditor",
    "ExportPanel",
    "FanChart",
    "ModelPanel",
    "Piece",
    "ResultPanel",
    "ResultTabs",
    "RunPanel",
]

CANVAS = "380px"  # of all panels together
_MARGINS = {"padding": "8px 12px"}


class Piece(Served):
    """One part of the app.

    Args:
        app: the app whose state and results it shows, or a model, by name, path or object; then it has
            an app of its own, with the further choices of `diffuse_ui.state.state.State`.
    """

    def __init__(self, app: Any = "lorenz63", **choices: Any) -> None:
        self._owned = not isinstance(app, App)
        self.app: App = App(app, **choices) if self._owned else app

    @property
    def event(self) -> Any:
        """The present event (`kernels.Event`), or None."""
        return self.app.state.event

    def views(self, session: Session) -> list[Any]:
        """Views of the piece, from top to bottom."""
        raise NotImplementedError

    def _open(self) -> tuple[Session, Any]:
        self.app.prepare()
        session = Session(self.app.state, self.app.store)
        views = self.views(session)
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: _close(session, views))
        return session, pmui.Column(*views, sizing_mode="stretch_width", margin=0, sx=_MARGINS)

    def content(self) -> Any:
        return self._open()[1]

    def page(self) -> pmui.Page:
        session, layout = self._open()
        return page_of(layout, session.look, header=False)

    def close(self) -> None:
        """Stop the server; close the app too if this piece made it."""
        self.stop_serving()
        if self._owned:
            self.app.close()


def _close(session: Session, views: list[Any]) -> None:
    for view in views:
        if hasattr(view, "close"):
            view.close()
    session.close()


class EventCanvas(Piece):
    """Sketch canvas with its tools and list of parts; `.event` is the drawn event."""

    height = 640

    def views(self, session: Session) -> list[Any]:
        plane = PhasePlaneView(session, height=CANVAS)
        return [Toolbar(session), CanvasView(session, height=CANVAS), plane, ChipsView(session)]


class EventEditor(Piece):
    """The event as text and as sliders."""

    height = 420

    def views(self, session: Session) -> list[Any]:
        return [event_editor.EventEditor(session)]


class ModelPanel(Piece):
    """Choice of the model, its card, and the observed values."""

    height = 420

    def views(self, session: Session) -> list[Any]:
        return [model_panel.ModelPanel(session)]


class RunPanel(Piece):
    """Run and Stop buttons, and the settings of the run."""

    height = 420

    def views(self, session: Session) -> list[Any]:
        return [run_panel.RunPanel(session)]


class ResultPanel(Piece):
    """The event's probability, reference numbers, and how reliable they are."""

    height = 360

    def views(self, session: Session) -> list[Any]:
        return [result_panel.ResultPanel(session)]


class ResultTabs(Piece):
    """Tabs of a result: convergence, marginals, constraint, spectrum and so on."""

    height = 460

    def views(self, session: Session) -> list[Any]:
        return [tabs.ResultTabs(session)]


class ExportPanel(Piece):
    """Downloads of figures, data and code."""

    height = 380

    def views(self, session: Session) -> list[Any]:
        return [export_panel.ExportPanel(session)]


class FanChart(Served):
    """Quantile bands and median of an ensemble against time, one panel for each variable.

    Args:
        dataset: state(sample, time, variable), with `weight` and `satisfied` where there are; members only
            are shown, and single curves where weights are worth too few of them.
        reference: another ensemble over the same variables, drawn second.

    Raises:
        ValueError: no such Dataset, or other variables.
    """

    def __init__(self, dataset: xr.Dataset, reference: xr.Dataset | None = None) -> None:
        self.layout = dataset_layout(dataset)
        if reference is not None and dataset_layout(reference).variables != self.layout.variables:
            raise ValueError(
                f"`reference` must have the variables {', '.join(self.layout.variables)}; got "
                f"{', '.join(dataset_layout(reference).variables)}. Select or rename them."
            )
        self.ensembles = [curves.bands(each) for each in (dataset, reference) if each is not None]
        self.height = PANEL_HEIGHT * self.layout.num_variables + 70

    def plots(self, look: Look) -> FanPlots:
        """Panels that follow the dark or light theme of a look."""
        layout = self.layout
        plots = FanPlots(
            layout.variables,
            np.asarray(layout.times),
            units=layout.variable_units,
            time_units=layout.time_units,
        )

        def paint(*_: Any) -> None:
            colours = palette(look.dark)
            plots.paint(colours, (colours.accent, colours.backdrop))

        look.param.watch(paint, ["dark"])
        paint()
        plots.show(self.ensembles)
        return plots

    def content(self) -> Any:
        return pn.pane.Bokeh(self.plots(Look()).layout, sizing_mode="stretch_width")

    def page(self) -> pmui.Page:
        look = Look()
        pane = pn.pane.Bokeh(self.plots(look).layout, sizing_mode="stretch_width")
        return page_of(pane, look, header=False)

    def close(self) -> None:
        """Stop the server."""
        self.stop_serving()

    def _words(self) -> str:
        return f"FanChart of {', '.join(self.layout.variables)}"
