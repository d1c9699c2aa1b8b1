"""Small Bokeh figures of the result tabs, with the event in front of the comparison.

A `ComparisonPlot` holds the sources and glyphs of one panel; it knows curves and colours and nothing of
events. What is drawn from behind to front: a shaded side, the other ensemble (dashed, grey), the
event's (solid, accent) with its 95 % band, curves and marks of single hits.
"""

from typing import Any

import numpy as np
from bokeh.models import BoxAnnotation, ColumnDataSource, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from diffuse_ui.analysis.curves import Curve, Panel
from diffuse_ui.analysis.ensembles import nan_lines
from diffuse_ui.style.colors import Palette

__all__ = ["PLOT_HEIGHT", "ComparisonPlot", "bare_figure", "paint_axes", "quiet_figure"]

PLOT_HEIGHT = 230  # pixels
_SIDES = ("reference", "conditional")
_COLUMNS = ("x", "y", "low", "high")
_MARK = 0.045  # height of a mark of one hit, of the axis


def quiet_figure(*, x_label: str = "", y_label: str = "", height: int = PLOT_HEIGHT, **options: Any) -> Any:
    """Figure without tools and background that fills the available width."""
    return figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        x_axis_label=x_label or None,
        y_axis_label=y_label or None,
        min_border_left=48,
        min_border_right=10,
        min_border_top=6,
        background_fill_alpha=0.0,
        border_fill_alpha=0.0,
        **options,
    )


def bare_figure(name: str, reach: tuple[float, float], *, height: int) -> Any:
    """Figure without axes, ± `reach` across and up around the origin, with equal units."""
    across, up = reach
    plot = quiet_figure(
        height=height,
        name=name,
        x_range=Range1d(-across, across),
        y_range=Range1d(-up, up),
        match_aspect=True,
    )
    plot.axis.visible = plot.grid.visible = False
    plot.outline_line_color = None
    return plot


def paint_axes(plot: Any, palette: Palette) -> None:
    """Paint a figure's axes in the colours of a theme."""
    for axis in plot.axis:
        axis.update(
            axis_line_color=palette.grid,
            major_tick_line_color=None,
            minor_tick_line_color=None,
            major_label_text_color=palette.quiet,
            major_label_text_font_size="11px",
            axis_label_text_color=palette.ink,
            axis_label_text_font_size="12.5px",
            axis_label_text_font_style="normal",
        )
    plot.grid.grid_line_color = palette.grid
    plot.outline_line_color = None


class ComparisonPlot:
    """One panel of a result tab."""

    def __init__(
        self,
        name: str,
        *,
        x_label: str = "",
        y_label: str = "",
        log: bool = False,
        heights: bool = True,
        top: float | None = None,
        points: bool = False,
        height: int = PLOT_HEIGHT,
    ) -> None:
        """Make a panel without curves.

        Args:
            name: of the Bokeh model.
            x_label: of the horizontal axis.
            y_label: of the vertical axis.
            log: logarithmic vertical axis.
            heights: whether numbers stand at the vertical axis; a density needs none.
            top: end of the vertical axis; it follows the curves where there is none.
            points: mark the points of the curves, and the band at the last one.
            height: pixels.
        """
        self.log, self.top = log, top
        self.x_range, self.y_range = Range1d(0.0, 1.0), Range1d(0.01, 1.0) if log else Range1d(0.0, 1.0)
        self.figure = quiet_figure(
            x_label=x_label,
            y_label=y_label,
            height=height,
            name=name,
            x_range=self.x_range,
            y_range=self.y_range,
            y_axis_type="log" if log else "linear",
        )
        self.figure.yaxis.visible = heights or bool(y_label)
        if not heights:
            self.figure.yaxis.major_label_text_font_size = "0px"
        self.heights = heights
        self.sources = {side: ColumnDataSource({k: [] for k in _COLUMNS}) for side in _SIDES}
        self.marks = ColumnDataSource({"x": [], "low": [], "high": []})
        self.hits = ColumnDataSource({"x": [], "y": []})
        self.shade = BoxAnnotation(visible=False, level="underlay")
        self.figure.add_layout(self.shade)
        self.bands, self.lines = self._add_sides()
        self.ends = ColumnDataSource({"x": [], "low": [], "high": []})
        self.points = self._add_points() if points else {}
        self.single = [
            self.figure.line("x", "y", source=self.hits, line_width=0.9),
            self.figure.segment("x", "low", "x", "high", source=self.marks, line_width=1.2),
        ]

    def _add_sides(self) -> tuple[dict[str, Any], dict[str, Any]]:
        bands, lines = {}, {}
        for side in _SIDES:
            source = self.sources[side]
            bands[side] = self.figure.varea("x", "low", "high", source=source)
            dash = "dashed" if side == "reference" else "solid"
            lines[side] = self.figure.line("x", "y", source=source, line_dash=dash)
        return bands, lines

    def _add_points(self) -> dict[str, Any]:
        self.figure.xaxis.formatter = NumeralTickFormatter(format="0[.]0a")
        marks = {side: self.figure.scatter("x", "y", source=self.sources[side], size=5) for side in _SIDES}
        return marks | {"end": self.figure.segment("x", "low", "x", "high", source=self.ends, line_width=1.6)}

    def paint(self, palette: Palette) -> None:
        """Take the colours of a theme."""
        paint_axes(self.figure, palette)
        if not self.heights:
            self.figure.yaxis.major_label_text_font_size = "0px"
        looks = {"reference": (palette.backdrop, 0.18, 1.4), "conditional": (palette.accent, 0.24, 2.2)}
        for side, (colour, alpha, width) in looks.items():
            self.bands[side].glyph.update(fill_color=colour, fill_alpha=alpha)
            self.lines[side].glyph.update(line_color=colour, line_width=width)
        for kind, renderer in self.points.items():
            colour = palette.backdrop if kind == "reference" else palette.accent
            renderer.glyph.update(line_color=colour, **({} if kind == "end" else {"fill_color": colour}))
        for renderer in self.single:
            renderer.glyph.update(line_color=palette.hits, line_alpha=0.55)
        self.shade.update(fill_color=palette.threshold, fill_alpha=0.08, line_color=None)

    def show(self, panel: Panel) -> None:
        """Draw a panel's curves, and fit the axes to them."""
        for side in _SIDES:
            curve: Curve | None = getattr(panel, side)
            rows = [[]] * 4 if curve is None else [np.asarray(getattr(curve, k)) for k in _COLUMNS]
            self.sources[side].data = dict(zip(_COLUMNS, rows, strict=True))
        if panel.hits is not None:
            x, y = nan_lines(*panel.hits)
            self.hits.data = {"x": x, "y": y}
        else:
            self.hits.data = {"x": [], "y": []}
        self._fit(panel)
        if self.points and panel.conditional is not None:
            last = {k: np.asarray(getattr(panel.conditional, k))[-1:] for k in ("x", "low", "high")}
            self.ends.data = last
        marks = np.zeros(0) if panel.marks is None else panel.marks
        high = _MARK * self.y_range.end
        self.marks.data = {"x": marks, "low": np.zeros(len(marks)), "high": np.full(len(marks), high)}

    def _fit(self, panel: Panel) -> None:
        curves = [curve for curve in (panel.conditional, panel.reference) if curve is not None]
        xs = [curve.x for curve in curves] + ([panel.marks] if panel.marks is not None else [])
        ys = [np.maximum(curve.y, np.minimum(curve.high, 1.3 * np.max(curve.y))) for curve in curves]
        if panel.hits is not None:
            xs, ys = [*xs, panel.hits[0]], [*ys, panel.hits[1].ravel()]
        xs, ys = [x for x in xs if len(x)], [y for y in ys if len(y)]
        if xs:
            low, high = min(float(x.min()) for x in xs), max(float(x.max()) for x in xs)
            low, high = (0.0, 1.02 * high) if self.points else (low, high)
            self.x_range.update(start=low, end=high if high > low else low + 1.0)
        if self.top is not None:
            self.y_range.update(start=0.0, end=self.top)
        elif ys and self.log:
            positive = np.concatenate([y[y > 0] for y in ys])
            if positive.size:
                self.y_range.update(start=0.5 * float(positive.min()), end=2.0 * float(positive.max()))
        elif ys:
            self.y_range.update(start=0.0, end=1.06 * max(float(y.max()) for y in ys) or 1.0)

    def shade_right_of(self, x: float | None) -> None:
        """Shade the side above a value; None for no side."""
        self.shade.update(left=x, visible=x is not None)
