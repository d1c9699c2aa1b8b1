"""Trajectories in the space of three variables; dragging turns the view."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Pan, PanStart
from bokeh.models import ColumnDataSource, CustomJS

from diffuse_ui.analysis import scenes
from diffuse_ui.analysis.ensembles import nan_lines
from diffuse_ui.state.state import State
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.views.held_drag import wait_for_drags
from diffuse_ui.views.results.base import Tab
from diffuse_ui.views.results.plots import bare_figure
from diffuse_ui.views.widgets import with_units

__all__ = ["SpaceTab", "projected"]

_HEIGHT = 380
_CAMERA = (-0.6, 0.35)  # radians around the upright axis, and above the horizon
_REACH = 1.75  # of the cube [-1, 1]³, however it is turned
_KINDS = ("edges", "reference", "conditional", "names")

_TURN = """
const [base, drag] = [camera.tags[0], 0.008];
const turn = base[0] + drag * cb_obj.delta_x;
const tilt = Math.max(-1.57, Math.min(1.57, base[1] + drag * cb_obj.delta_y));
camera.data = {turn: [turn], tilt: [tilt]};
const [c, s, u, v] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
for (const source of sources) {
  const {x, y, z} = source.data, across = new Float64Array(x.length), up = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    across[i] = c * x[i] - s * y[i];
    up[i] = u * z[i] + v * (s * x[i] + c * y[i]);
  }
  source.data = {...source.data, across, up};
}
"""
_BEGIN = "camera.tags = [[camera.data.turn[0], camera.data.tilt[0]]]"


def projected(points: np.ndarray, turn: float, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """Parallel projection of points (…, 3) along a direction: coordinates across and up."""
    x, y, z = np.moveaxis(points, -1, 0)
    across = np.cos(turn) * x - np.sin(turn) * y
    up = np.cos(tilt) * z + np.sin(tilt) * (np.sin(turn) * x + np.cos(turn) * y)
    return across, up


class SpaceTab(Tab):
    """One figure, turned by JavaScript in the page, so that it follows the drag at once."""

    name, label = "space", "Space"
    is_dashed = False

    @classmethod
    def suits(cls, state: State) -> bool:
        return state.layout.num_variables >= 3

    def build(self) -> None:
        names = list(self.session.state.layout.variables)
        axes = zip(("Across", "Depth", "Up"), names)
        self.axes = [
            pmui.Select(label=what, options=names, value=name, size="small", width=120, margin=(0, 8, 0, 0))
            for what, name in axes
        ]
        for axis in self.axes:
            axis.param.watch(lambda _: self.changed(), "value")
        self.controls = list(self.axes)
        self.camera = ColumnDataSource(
            {"turn": [_CAMERA[0]], "tilt": [_CAMERA[1]]}, name="camera", tags=[list(_CAMERA)]
        )
        empty = {name: [] for name in ("x", "y", "z", "across", "up")}
        self.sources = {kind: ColumnDataSource(dict(empty)) for kind in _KINDS}
        self.figure = bare_figure("space", (1.6 * _REACH, _REACH), height=_HEIGHT)
        self.lines = {
            kind: self.figure.line("across", "up", source=self.sources[kind], line_width=0.9)
            for kind in _KINDS[:3]
        }
        self.names = self.figure.text(
            "across",
            "up",
            "text",
            source=self.sources["names"],
            text_align="center",
            text_baseline="middle",
            text_font_size="12.5px",
        )
        sources = list(self.sources.values())
        wait_for_drags(self.figure)
        self.figure.js_on_event(PanStart, CustomJS(args={"camera": self.camera}, code=_BEGIN))
        self.figure.js_on_event(Pan, CustomJS(args={"camera": self.camera, "sources": sources}, code=_TURN))
        self.pane = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", margin=0)
        self.paint(palette(self.session.look.dark))

    def body(self) -> Any:
        return self.pane

    def options(self) -> Hashable:
        return tuple(axis.value for axis in self.axes)

    def question(self) -> Callable[[], Any]:
        pair = self.pair()
        x, y, z = (axis.value for axis in self.axes)
        return lambda: scenes.cloud(pair(), (x, y, z))

    def show(self, answer: scenes.Cloud) -> None:
        for kind in ("reference", "conditional"):
            self._put(kind, _joined(getattr(answer, kind)))
        corner = np.array([-1.0, -1.0, -1.0])
        ends = np.where(np.eye(3) > 0, 1.0, -1.0)
        self._put("edges", _joined(np.stack([np.broadcast_to(corner, (3, 3)), ends], axis=1)))
        units = self.session.state.layout.variable_units
        labels = [with_units(axis.value, units) for axis in self.axes]
        self._put("names", np.where(np.eye(3) > 0, 1.16, -1.0), text=labels)
        for kind, renderer in self.lines.items():
            if kind != "edges":
                count = max(len(getattr(answer, kind)), 1)
                renderer.glyph.line_alpha = min(0.8, (3.0 if kind == "conditional" else 1.6) / count**0.5)
        self.note.object = "Drag to turn. Every axis spans what its variable reaches here."

    def _put(self, kind: str, points: np.ndarray, **columns: Any) -> None:
        across, up = projected(points, self.camera.data["turn"][0], self.camera.data["tilt"][0])
        x, y, z = points.T
        self.sources[kind].data = {"x": x, "y": y, "z": z, "across": across, "up": up, **columns}

    def paint(self, palette: Palette) -> None:
        colours = {"edges": palette.quiet, "reference": palette.backdrop, "conditional": palette.accent}
        for kind, colour in colours.items():
            self.lines[kind].glyph.line_color = colour
        self.names.glyph.text_color = palette.ink


def _joined(paths: np.ndarray) -> np.ndarray:
    """Trajectories (sample, time, 3) as one (point, 3), with NaN between them."""
    if not len(paths):
        return np.zeros((0, 3))
    columns = [nan_lines(np.arange(paths.shape[1]), paths[:, :, i])[1] for i in range(3)]
    return np.stack(columns, axis=1)
