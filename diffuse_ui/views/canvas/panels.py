"""Figures of the sketch canvas: one Bokeh panel, quiet behind, accent in front.

A panel holds the sources, glyphs and drag tools of one pair of axes; it knows colours and arrays, and
nothing of events. `VariablePanel` shows a variable against time, `PlanePanel` two variables against each other.
What is drawn from behind to front: unconditional fan, backdrop curves, the backdrop's hits, the
conditional fan, conditional curves, the median, marks of what was drawn by hand.
"""

from functools import partial
from typing import Any

import numpy as np
from bokeh.models import BoxSelectTool, ColumnDataSource, LassoSelectTool, Range1d, Tool
from bokeh.plotting import figure

from diffuse_ui.analysis.ensembles import Fan, nan_lines
from diffuse_ui.sketch.rounding import decimals
from diffuse_ui.sketch.shapes import tools
from diffuse_ui.style.colors import Palette
from diffuse_ui.views.held_drag import wait_for_drags

__all__ = ["MAX_CURVES", "Panel", "PlanePanel", "VariablePanel"]

MAX_CURVES = 180  # of each kind in a panel: more say nothing to the eye and slow the painting
TIME_AXIS_HEIGHT = 36  # pixels that the lowest panel has for the time axis
_QUIET_FOCUS = ":host(:focus:not(:focus-visible)), :host *:focus:not(:focus-visible) { outline: none; }"
_LINES = {"backdrop": 0.8, "hits": 0.9, "misses": 0.8, "curves": 0.9}  # → width
_INK = {"hits": 1.8, "curves": 2.0, "misses": 1.2}  # opacity of one curve, times the root of their number
_FANS = ("reference", "conditional")
_COLUMNS = ("x", "q0", "q1", "q2", "q3", "q4")  # of a fan
_DRAGS = {"rect": BoxSelectTool, "poly": partial(LassoSelectTool, continuous=False)}
_MARGIN = 0.06  # of the range of the values, at both ends of an axis

Place = str | tuple[str, str]


class Panel:
    """One pair of axes.

    Attributes:
        place: the variable over time, or the pair of variables, that is drawn here.
        tools: what a drag does, by the mode's name; the other modes are clicks.
    """

    place: Place

    def __init__(self, name: str, x_range: Range1d, tools: dict[str, Tool], **options: Any) -> None:
        self.x_range, self.y_range = x_range, Range1d(-1.0, 1.0)
        self.figure = figure(
            name=f"canvas-{name}",
            x_range=self.x_range,
            y_range=self.y_range,
            stylesheets=[_QUIET_FOCUS],
            toolbar_location=None,
            tools="",
            min_border_left=58,
            min_border_right=10,
            min_border_top=4,
            min_border_bottom=4,
            background_fill_alpha=0.0,
            border_fill_alpha=0.0,
            **options,
        )
        self.tools = tools
        for tool in tools.values():
            tool.overlay.syncable = False  # what it looks like while it is drawn is nobody's news
        self.figure.add_tools(*tools.values())
        wait_for_drags(self.figure)
        self.sources = {kind: ColumnDataSource({"x": [], "y": []}, name=f"{kind}-{name}") for kind in _LINES}
        self.fans = {kind: ColumnDataSource({name: [] for name in _COLUMNS}) for kind in _FANS}
        self.marks = ColumnDataSource({"x": [], "y": [], "colour": []})
        self.glyphs = self._add_glyphs()

    def _add_glyphs(self) -> dict[str, list[Any]]:
        plot, glyphs = self.figure, {}
        glyphs["reference"] = [
            plot.varea("x", "q0", "q4", source=self.fans["reference"]),
            plot.line("x", "q2", source=self.fans["reference"], line_dash="dashed", line_width=1.2),
        ]
        for kind in ("backdrop", "hits", "misses"):
            glyphs[kind] = [plot.line("x", "y", source=self.sources[kind], line_width=_LINES[kind])]
        glyphs["conditional"] = [
            plot.varea("x", "q0", "q4", source=self.fans["conditional"]),
            plot.varea("x", "q1", "q3", source=self.fans["conditional"], name="inner"),
        ]
        glyphs["curves"] = [plot.line("x", "y", source=self.sources["curves"], line_width=_LINES["curves"])]
        glyphs["median"] = [plot.line("x", "q2", source=self.fans["conditional"], line_width=2.4)]
        for renderers in glyphs.values():
            for renderer in renderers:
                renderer.level = "glyph"
                renderer.nonselection_glyph = None
        self.dots = plot.scatter(
            "x", "y", source=self.marks, size=7, fill_color="colour", line_width=1.2, level="overlay"
        )
        self.dots.nonselection_glyph = None
        return glyphs

    @property
    def digits(self) -> tuple[int, int]:
        """Decimals that resolve about a pixel of each axis."""
        return tuple(decimals(axis.end - axis.start) for axis in (self.x_range, self.y_range))

    def paint(self, palette: Palette) -> None:
        """Take the colours of a theme."""
        colours = {
            "reference": palette.backdrop,
            "backdrop": palette.backdrop,
            "hits": palette.hits,
            "misses": palette.miss,
            "conditional": palette.accent,
            "curves": palette.accent,
            "median": palette.accent,
        }
        alphas = {"backdrop": palette.backdrop_alpha, "median": 1.0, "reference": 0.9}
        for kind, renderers in self.glyphs.items():
            for renderer in renderers:
                if hasattr(renderer.glyph, "fill_color"):
                    alpha = palette.fan[1 if renderer.name == "inner" else 0]
                    renderer.glyph.update(fill_color=colours[kind], fill_alpha=alpha)
                else:
                    renderer.glyph.line_color = colours[kind]
                    renderer.glyph.line_alpha = alphas.get(kind, renderer.glyph.line_alpha)
        self.dots.glyph.line_color = palette.paper
        for axis in self.figure.axis:
            axis.update(
                axis_line_color=palette.grid,
                major_tick_line_color=None,
                minor_tick_line_color=None,
                major_label_text_color=palette.quiet,
                major_label_text_font_size="11px",
                axis_label_text_color=palette.ink,
                axis_label_text_font_size="13px",
                axis_label_text_font_style="normal",
            )
        self.figure.grid.grid_line_color = palette.grid
        self.figure.outline_line_color = None

    def columns(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of trajectories (sample, time, variable) across and along the panel."""
        raise NotImplementedError

    def show_lines(self, kind: str, values: np.ndarray) -> None:
        """Draw trajectories, at most `MAX_CURVES` of them, the fainter the more there are."""
        x, y = nan_lines(*self.columns(values[:MAX_CURVES]))
        self.sources[kind].data = {"x": x, "y": y}
        if kind in _INK:
            count = min(len(values), MAX_CURVES)
            self.glyphs[kind][0].glyph.line_alpha = min(0.7, _INK[kind] / max(count, 1) ** 0.5)

    def show_fan(self, kind: str, fan: Fan | None) -> None:
        """Draw quantiles, where the panel has a place for them; nothing without a fan."""

    def show_marks(self, marks: list[tuple[float, float, str]]) -> None:
        """Draw dots: across, along, colour."""
        columns = zip(*marks) if marks else ([], [], [])
        self.marks.data = {name: list(column) for name, column in zip(("x", "y", "colour"), columns)}

    def stand_out(self, alone: bool, palette: Palette) -> None:
        """Let the backdrop be seen when it is `alone`, and stand back from all that is drawn on it."""
        self.glyphs["backdrop"][0].glyph.line_alpha = palette.backdrop_alpha * (2.4 if alone else 1.0)

    def set_visible(self, kinds: dict[str, bool]) -> None:
        for kind, visible in kinds.items():
            for renderer in self.glyphs[kind]:
                renderer.visible = visible

    def fade(self, faded: bool, palette: Palette) -> None:
        """Let the conditional fan stand back when its result is out of date."""
        share = 0.3 if faded else 1.0
        outer, inner = self.glyphs["conditional"]
        outer.glyph.fill_alpha, inner.glyph.fill_alpha = share * palette.fan[0], share * palette.fan[1]
        self.glyphs["median"][0].glyph.update(
            line_alpha=0.5 if faded else 1.0, line_dash=[4, 3] if faded else []
        )

    def fit(self, across: list[float], along: list[float]) -> None:
        """Make the axes hold these values."""
        _fit(self.y_range, along)


def _fit(axis: Range1d, values: list[float]) -> None:
    """Set the range of an axis; unchanged where the difference is small, so that nothing jumps."""
    low, high = min(values), max(values)
    span = max(high - low, 1e-9)
    low, high = low - _MARGIN * span, high + _MARGIN * span
    if abs(axis.start - low) + abs(axis.end - high) > 0.01 * span:
        axis.update(start=low, end=high)


def _drag_tools(panel: str, *, in_plane: bool) -> dict[str, Tool]:
    """The Bokeh tool of every shape that is drawn by a drag."""
    return {
        shape.name: _DRAGS[shape.tool](renderers=[], visible=False, name=f"{shape.name}-{panel}")
        for shape in tools(in_plane=in_plane)
        if shape.tool in _DRAGS
    }


class VariablePanel(Panel):
    """One variable against time."""

    def __init__(
        self,
        name: str,
        label: str,
        times: np.ndarray,
        height: str,
        last: bool,
        time_label: str,
        *,
        index: int = 0,
    ) -> None:
        self.name = self.place = name
        self.times, self.index = times, index
        window = BoxSelectTool(renderers=[], dimensions="width", visible=False, name=f"window-{name}")
        super().__init__(
            name,
            Range1d(float(times[0]), float(times[-1]), bounds=None),
            _drag_tools(name, in_plane=False) | {"window": window},
            sizing_mode="stretch_both",
            styles={"height": f"calc({height} + {TIME_AXIS_HEIGHT if last else 0}px)", "flex": "none"},
            x_axis_label=time_label if last else None,
            y_axis_label=label,
        )
        self.figure.xaxis.visible = last

    def columns(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.times, values[:, :, self.index]

    def show_fan(self, kind: str, fan: Fan | None) -> None:
        if fan is None:
            self.fans[kind].data = {name: [] for name in _COLUMNS}
            return
        quantiles = np.asarray(fan.quantiles[:, :, self.index], np.float32)
        self.fans[kind].data = dict(zip(_COLUMNS, (np.asarray(fan.times, np.float32), *quantiles)))


class PlanePanel(Panel):
    """Two variables against each other."""

    def __init__(self, variables: tuple[str, ...], height: str) -> None:
        self.variables = variables
        self.place = (variables[0], variables[-1])
        super().__init__(
            "plane",
            Range1d(-1.0, 1.0),
            _drag_tools("plane", in_plane=True),
            sizing_mode="stretch_both",
            styles={"height": f"calc({height} + {TIME_AXIS_HEIGHT}px)", "flex": "none"},
        )
        self.figure.toolbar.active_drag = next(iter(self.tools.values()))

    def turn(self, place: tuple[str, str], labels: tuple[str, str]) -> None:
        """Choose which two variables span the plane."""
        self.place = place
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = labels

    def columns(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = (self.variables.index(name) for name in self.place)
        return values[:, :, x], values[:, :, y]

    def fit(self, across: list[float], along: list[float]) -> None:
        _fit(self.x_range, across)
        _fit(self.y_range, along)
