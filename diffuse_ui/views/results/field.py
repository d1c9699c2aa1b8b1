"""A field over space and time: given the event at the left, without it at the right."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.layouts import row
from bokeh.models import ColorBar, ColumnDataSource, FixedTicker, LinearColorMapper, Title
from bokeh.palettes import interp_palette

from diffuse_ui.analysis import scenes
from diffuse_ui.state.state import State
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.views.results.base import ONE_LINE, Tab
from diffuse_ui.views.results.plots import paint_axes, quiet_figure
from diffuse_ui.work.session import MANY_VARIABLES

__all__ = ["FieldTab"]

_HEIGHT = 300
_NUM_SHADES = 128
_BAR_SPACE = 56
_SIDES = {"conditional": "", "reference": "without the event"}
_NOTES = {
    "mean": "Mean over the trajectories, at every place and time.",
    "spread": "Standard deviation over the trajectories, at every place and time.",
    "one trajectory": "The first trajectory of each side; the one of largest weight, if they are weighted.",
}


class FieldTab(Tab):
    """Two images on a common colour scale: time across, variables upwards."""

    name, label = "field", "Space–time"
    has_legend = False
    is_signed = True  # what is shown has values on both sides of 0

    @classmethod
    def suits(cls, state: State) -> bool:
        return state.layout.num_variables > MANY_VARIABLES

    def build(self) -> None:
        views = {name[:1].upper() + name[1:]: name for name in scenes.FIELD_VIEWS}
        self.view = pmui.RadioButtonGroup(
            options=views,
            value="mean",
            size="small",
            margin=0,
            color="primary",
            description="What is shown",
            sx=ONE_LINE,
        )
        self.view.param.watch(lambda _: self.changed(), "value")
        self.controls = [self.view]
        self.mapper = LinearColorMapper(palette=["#ffffff"], low=0.0, high=1.0)
        self.bar = ColorBar(color_mapper=self.mapper, width=9, padding=4, background_fill_alpha=0.0)
        self.figures, self.images = {}, {}
        for side, title in _SIDES.items():
            self.figures[side], self.images[side] = self._image(side, title)
        self.figures["reference"].add_layout(self.bar, "right")
        self.pane = pn.pane.Bokeh(
            row(*self.figures.values(), sizing_mode="stretch_width", spacing=4),
            sizing_mode="stretch_width",
            margin=0,
        )
        self.paint(palette(self.session.look.dark))

    def _image(self, side: str, title: str) -> tuple[Any, ColumnDataSource]:
        """Figure of one side and the source of its image."""
        layout = self.session.state.layout
        step, count = layout.step, layout.num_variables
        units = f" ({layout.time_units})" if layout.time_units else ""
        ticks = list(range(0, count, max(1, count // 6)))
        figure = quiet_figure(
            height=_HEIGHT,
            name=f"field-{side}",
            x_label=f"time{units}",
            x_range=(float(layout.times[0]) - 0.5 * step, float(layout.times[-1]) + 0.5 * step),
            y_range=(-0.5, count - 0.5),
        )
        figure.title = Title(text=title, text_font_style="normal", text_font_size="12.5px")
        figure.yaxis.ticker = FixedTicker(ticks=ticks)
        figure.yaxis.major_label_overrides = {tick: layout.variables[tick] for tick in ticks}
        figure.grid.visible = False
        figure.min_border_right = _BAR_SPACE  # of both: the images are equally wide
        source = ColumnDataSource({"image": []})
        figure.image(
            "image",
            x=figure.x_range.start,
            y=-0.5,
            dw=figure.x_range.end - figure.x_range.start,
            dh=count,
            source=source,
            color_mapper=self.mapper,
            level="glyph",
        )
        return figure, source

    def body(self) -> Any:
        return self.pane

    def options(self) -> Hashable:
        return self.view.value

    def question(self) -> Callable[[], Any]:
        pair, view = self.pair(), self.view.value
        return lambda: scenes.field(pair(), view)

    def show(self, answer: scenes.Field) -> None:
        self.figures["conditional"].title.text = self.condition()
        self.mapper.update(low=answer.low, high=answer.high)
        self.is_signed = answer.is_signed
        self._paint_scale(palette(self.session.look.dark))
        for side, source in self.images.items():
            values = getattr(answer, side)
            source.data = {"image": [] if values is None else [np.asarray(values, np.float32)]}
        few = "Too few trajectories, or too unequal weights, for a summary. "
        words = _NOTES[self.view.value]
        self.note.object = (few if answer.conditional is None else "") + words

    def paint(self, palette: Palette) -> None:
        for figure in self.figures.values():
            paint_axes(figure, palette)
            figure.title.text_color = palette.ink
        self.bar.update(major_label_text_color=palette.quiet, major_label_text_font_size="11px")
        self._paint_scale(palette)

    def _paint_scale(self, palette: Palette) -> None:
        """Set the palette: two hues around 0, or one hue for values of one sign."""
        ends = (
            (palette.accent, palette.paper, palette.threshold)
            if self.is_signed
            else (palette.paper, palette.accent)
        )
        self.mapper.palette = interp_palette(ends, _NUM_SHADES)
