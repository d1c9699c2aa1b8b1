"""Fans of one or two ensembles over common axes: small multiples, one panel a variable.

Each ensemble has its bands (5–95 % and 25–75 %), its median and, where it is not worth a fan, single
curves instead. A second one is told apart by colour and by a dashed median.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, Range1d

from diffuse_ui.analysis.curves import Bands
from diffuse_ui.analysis.ensembles import nan_lines
from diffuse_ui.style.colors import Palette
from diffuse_ui.views.results.plots import paint_axes, quiet_figure
from diffuse_ui.views.widgets import with_units

__all__ = ["NUM_ENSEMBLES", "FanPlots", "ensemble_colours"]

NUM_ENSEMBLES = 2
PANEL_HEIGHT = 150  # pixels
_AXIS = 34  # pixels that the lowest panel has for the time axis
_COLUMNS = ("x", "q0", "q1", "q2", "q3", "q4")


def ensemble_colours(palette: Palette) -> tuple[str, str]:
    """Colours of the first and the second ensemble: blue and vermilion."""
    return palette.accent, palette.threshold


class FanPlots:
    """Fan panels, one for each of some variables."""

    def __init__(
        self,
        names: Sequence[str],
        times: np.ndarray,
        *,
        units: Mapping[str, str] | None = None,
        time_units: str = "",
        height: int = PANEL_HEIGHT,
    ) -> None:
        self.names = list(names)
        self.x_range = Range1d(float(times[0]), float(times[-1]))
        self.figures, self.sources, self.lines, self.glyphs = [], [], [], []
        for i, name in enumerate(names):
            last = i == len(self.names) - 1
            plot = quiet_figure(
                y_label=with_units(name, units or {}),
                x_label=(f"time ({time_units})" if time_units else "time") if last else "",
                height=height + (_AXIS if last else 0),
                name=f"fan-{name}",
                x_range=self.x_range,
                y_range=Range1d(-1.0, 1.0),
            )
            plot.xaxis.visible = last
            self.figures.append(plot)
            self._add(plot)
        self.layout = column(*self.figures, sizing_mode="stretch_width", spacing=2)

    def _add(self, plot: Any) -> None:
        sources = [ColumnDataSource({k: [] for k in _COLUMNS}) for _ in range(NUM_ENSEMBLES)]
        lines = [ColumnDataSource({"x": [], "y": []}) for _ in range(NUM_ENSEMBLES)]
        glyphs = []
        for k in range(NUM_ENSEMBLES):
            outer = plot.varea("x", "q0", "q4", source=sources[k])
            inner = plot.varea("x", "q1", "q3", source=sources[k])
            single = plot.line("x", "y", source=lines[k], line_width=0.8)
            glyphs.append((outer, inner, single))
        for k in range(NUM_ENSEMBLES):  # medians in front of all bands
            dash = "solid" if k == 0 else "dashed"
            median = plot.line("x", "q2", source=sources[k], line_width=2.2, line_dash=dash)
            glyphs[k] = (*glyphs[k], median)
        self.sources.append(sources)
        self.lines.append(lines)
        self.glyphs.append(glyphs)

    def paint(self, palette: Palette, colours: Sequence[str] | None = None) -> None:
        """Take the colours of a theme; `colours` are those of the ensembles."""
        colours = ensemble_colours(palette) if colours is None else colours
        for plot, glyphs in zip(self.figures, self.glyphs, strict=True):
            paint_axes(plot, palette)
            for colour, (outer, inner, single, median) in zip(colours, glyphs, strict=True):
                outer.glyph.update(fill_color=colour, fill_alpha=palette.fan[0])
                inner.glyph.update(fill_color=colour, fill_alpha=palette.fan[1])
                single.glyph.update(line_color=colour, line_alpha=0.45)
                median.glyph.line_color = colour

    def show(self, ensembles: Sequence[Bands | None]) -> None:
        """Draw at most two ensembles; None leaves the place of one empty."""
        for k in range(NUM_ENSEMBLES):
            bands = ensembles[k] if k < len(ensembles) else None
            for i, name in enumerate(self.names):
                self.sources[i][k].data = _fan_columns(bands, name)
                self.lines[i][k].data = _line_columns(bands, name)
        for i, name in enumerate(self.names):
            ranges = [bands.extent(name) for bands in ensembles if bands is not None]
            if ranges:
                low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
                margin = 0.06 * max(high - low, 1e-9)
                self.figures[i].y_range.update(start=low - margin, end=high + margin)


def _fan_columns(bands: Bands | None, name: str) -> dict[str, Any]:
    if bands is None or bands.fan is None:
        return {k: [] for k in _COLUMNS}
    quantiles = bands.fan.quantiles[:, :, bands.names.index(name)]
    return dict(zip(_COLUMNS, (bands.fan.times, *quantiles), strict=True))


def _line_columns(bands: Bands | None, name: str) -> dict[str, Any]:
    if bands is None or not len(bands.hits):
        return {"x": [], "y": []}
    x, y = nan_lines(bands.times, bands.hits[:, :, bands.names.index(name)])
    return {"x": x, "y": y}
