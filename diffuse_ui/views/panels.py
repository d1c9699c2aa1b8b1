"""The figures of the sketch canvas: one Bokeh panel a variable, quiet behind, accent in front.

`VariablePanel` holds the sources and glyphs of one variable; it knows colours and arrays, and
nothing of events. What is drawn from behind to front: unconditional fan, backdrop curves, the
backdrop's hits, the conditional fan, conditional curves, the median.
"""

from typing import Any

import numpy as np
from bokeh.models import BoxSelectTool, ColumnDataSource, LassoSelectTool, Range1d
from bokeh.plotting import figure

from diffuse_ui.colors import Palette
from diffuse_ui.ensembles import Fan, nan_lines

__all__ = ["MAX_CURVES", "VariablePanel"]

MAX_CURVES = 180  # of each kind in a panel: more say nothing to the eye and slow the painting
TIME_AXIS_HEIGHT = 36  # pixels that the lowest panel has for the time axis
_QUIET_FOCUS = ":host(:focus:not(:focus-visible)), :host *:focus:not(:focus-visible) { outline: none; }"
_LINES = ("backdrop", "hits", "misses", "curves")
_INK = {"hits": 1.8, "curves": 2.0, "misses": 1.2}  # opacity of one curve, times the root of their number
_FANS = ("reference", "conditional")


class VariablePanel:
    """One variable against time."""

    def __init__(
        self, name: str, label: str, times: np.ndarray, height: str, last: bool, time_label: str
    ) -> None:
        self.name = name
        self.times = times
        self.x_range = Range1d(float(times[0]), float(times[-1]), bounds=None)
        self.y_range = Range1d(-1.0, 1.0)
        self.figure = figure(
            name=f"canvas-{name}",
            x_range=self.x_range,
            y_range=self.y_range,
            sizing_mode="stretch_both",
            styles={"height": f"calc({height} + {TIME_AXIS_HEIGHT if last else 0}px)", "flex": "none"},
            stylesheets=[_QUIET_FOCUS],
            toolbar_location=None,
            tools="",
            x_axis_label=time_label if last else None,
            y_axis_label=label,
            min_border_left=58,
            min_border_right=10,
            min_border_top=4,
            min_border_bottom=4,
            background_fill_alpha=0.0,
            border_fill_alpha=0.0,
        )
        self.figure.xaxis.visible = last
        self.tools = {  # what a drag does in each mode; a threshold is a click
            "box": BoxSelectTool(renderers=[], visible=False, name=f"box-{name}"),
            "tube": LassoSelectTool(renderers=[], continuous=False, visible=False, name=f"tube-{name}"),
        }
        self.figure.add_tools(*self.tools.values())
        self.sources = {kind: ColumnDataSource({"x": [], "y": []}) for kind in _LINES}
        self.fans = {
            kind: ColumnDataSource({k: [] for k in ("x", "q0", "q1", "q2", "q3", "q4")}) for kind in _FANS
        }
        self.glyphs = self._add_glyphs()

    def _add_glyphs(self) -> dict[str, list[Any]]:
        plot, glyphs = self.figure, {}
        glyphs["reference"] = [
            plot.varea("x", "q0", "q4", source=self.fans["reference"]),
            plot.line("x", "q2", source=self.fans["reference"], line_dash="dashed", line_width=1.2),
        ]
        for kind, width in (("backdrop", 0.8), ("hits", 0.9), ("misses", 0.8)):
            glyphs[kind] = [plot.line("x", "y", source=self.sources[kind], line_width=width)]
        glyphs["conditional"] = [
            plot.varea("x", "q0", "q4", source=self.fans["conditional"]),
            plot.varea("x", "q1", "q3", source=self.fans["conditional"], name="inner"),
        ]
        glyphs["curves"] = [plot.line("x", "y", source=self.sources["curves"], line_width=0.9)]
        glyphs["median"] = [plot.line("x", "q2", source=self.fans["conditional"], line_width=2.4)]
        for renderers in glyphs.values():
            for renderer in renderers:
                renderer.level = "glyph"
                renderer.nonselection_glyph = None
        return glyphs

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

    def show_lines(self, kind: str, values: np.ndarray) -> None:
        """Draw curves (sample, time), at most `MAX_CURVES` of them, the fainter the more there are."""
        x, y = nan_lines(self.times, values[:MAX_CURVES])
        self.sources[kind].data = {"x": x, "y": y}
        if kind in _INK:
            count = min(len(values), MAX_CURVES)
            self.glyphs[kind][0].glyph.line_alpha = min(0.7, _INK[kind] / max(count, 1) ** 0.5)

    def show_fan(self, kind: str, fan: Fan | None, index: int) -> None:
        """Draw the quantiles of variable `index`; nothing without a fan."""
        columns = ("x", "q0", "q1", "q2", "q3", "q4")
        if fan is None:
            self.fans[kind].data = {name: [] for name in columns}
            return
        quantiles = np.asarray(fan.quantiles[:, :, index], np.float32)
        self.fans[kind].data = dict(zip(columns, (np.asarray(fan.times, np.float32), *quantiles)))

    def set_visible(self, kinds: dict[str, bool]) -> None:
        for kind, visible in kinds.items():
            for renderer in self.glyphs[kind]:
                renderer.visible = visible

    def fade(self, faded: bool, palette: Palette) -> None:
        """Let the conditional fan stand back, when it answers a question of before."""
        share = 0.3 if faded else 1.0
        outer, inner = self.glyphs["conditional"]
        outer.glyph.fill_alpha, inner.glyph.fill_alpha = share * palette.fan[0], share * palette.fan[1]
        self.glyphs["median"][0].glyph.update(
            line_alpha=0.5 if faded else 1.0, line_dash=[4, 3] if faded else []
        )

    def fit(self, low: float, high: float) -> None:
        """Set the range of values; unchanged where the difference is small, so that nothing jumps."""
        span = max(high - low, 1e-9)
        low, high = low - 0.06 * span, high + 0.06 * span
        if abs(self.y_range.start - low) + abs(self.y_range.end - high) > 0.01 * span:
            self.y_range.update(start=low, end=high)
