"""Densities in the plane of two variables: left given the event, right without it."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d, Title

from diffuse_ui.analysis import curves
from diffuse_ui.analysis.curves import Plane
from diffuse_ui.state.state import State
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.views.results.base import Tab
from diffuse_ui.views.results.plots import paint_axes, quiet_figure
from diffuse_ui.views.widgets import with_units

__all__ = ["PlaneTab"]

_HEIGHT = 300
_NUM_SHADES = 64
_SIDES = {"conditional": "", "reference": "without the event"}


class PlaneTab(Tab):
    """Two figures on common axes; colour shows the root of the density, to make tails visible."""

    name, label = "plane", "Phase plane"

    @classmethod
    def suits(cls, state: State) -> bool:
        return state.layout.num_variables >= 2

    def build(self) -> None:
        names = list(self.session.state.layout.variables)
        small = {"size": "small", "width": 120, "margin": (0, 8, 0, 0)}
        self.x = pmui.Select(label="Across", options=names, value=names[0], **small)
        self.y = pmui.Select(label="Up", options=names, value=names[1], **small)
        for widget in (self.x, self.y):
            widget.param.watch(lambda _: self.changed(), "value")
        self.controls = [self.x, self.y]
        ranges = {"x_range": Range1d(0.0, 1.0), "y_range": Range1d(0.0, 1.0)}
        self.figures, self.images, self.mappers, self.lines = {}, {}, {}, {}
        for side, title in _SIDES.items():
            figure = quiet_figure(height=_HEIGHT, name=f"plane-{side}", **ranges)
            figure.xaxis.axis_label = figure.yaxis.axis_label = "-"
            figure.title = Title(text=title, text_font_style="normal", text_font_size="12.5px")
            self.mappers[side] = LinearColorMapper(palette=["#ffffff"], low=0.0, high=1.0)
            source = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
            figure.image(
                "image", "x", "y", "dw", "dh", source=source, color_mapper=self.mappers[side], level="glyph"
            )
            self.figures[side], self.images[side] = figure, source
        self.hits = ColumnDataSource({"x": [], "y": []})
        self.curves = self.figures["conditional"].line("x", "y", source=self.hits, line_width=0.9)
        self.pane = pn.pane.Bokeh(
            row(*self.figures.values(), sizing_mode="stretch_width", spacing=4),
            sizing_mode="stretch_width",
            margin=0,
        )
        self.paint(palette(self.session.look.dark))

    def body(self) -> Any:
        return self.pane

    def options(self) -> Hashable:
        return self.x.value, self.y.value

    def question(self) -> Callable[[], Any]:
        pair, x, y = self.pair(), self.x.value, self.y.value
        return lambda: curves.plane(pair(), x, y)

    def show(self, answer: Plane) -> None:
        self.figures["conditional"].title.text = self.condition()
        (x, y), units = answer.edges, self.session.state.layout.variable_units
        self.figures["reference"].x_range.update(start=x[0], end=x[-1])
        self.figures["reference"].y_range.update(start=y[0], end=y[-1])
        for side in _SIDES:
            density = getattr(answer, side)
            columns = {"x": x[0], "y": y[0], "dw": x[-1] - x[0], "dh": y[-1] - y[0]}
            if density is not None:
                columns["image"] = np.sqrt(density.T).astype(np.float32)
            keys = self.images[side].data
            self.images[side].data = {key: [columns[key]] if "image" in columns else [] for key in keys}
            self.figures[side].xaxis.axis_label = with_units(self.x.value, units)
            self.figures[side].yaxis.axis_label = with_units(self.y.value, units)
        self.hits.data = _lines(answer.hits)
        self.note.object = "Over all times. Colour: the square root of the density, each up to its maximum."

    def paint(self, palette: Palette) -> None:
        colours = {"conditional": palette.accent, "reference": palette.backdrop}
        for side, figure in self.figures.items():
            paint_axes(figure, palette)
            figure.title.text_color = palette.ink
            shades = [f"{colours[side]}{round(255 * k / (_NUM_SHADES - 1)):02x}" for k in range(_NUM_SHADES)]
            self.mappers[side].palette = shades
        self.curves.glyph.update(line_color=palette.hits, line_alpha=0.5)


def _lines(hits: np.ndarray | None) -> dict[str, np.ndarray]:
    """Trajectories (hit, time, 2) as one line with NaN between them."""
    if hits is None or not len(hits):
        return {"x": np.zeros(0), "y": np.zeros(0)}
    padded = np.concatenate([hits, np.full((len(hits), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    return {"x": padded[:, 0], "y": padded[:, 1]}
