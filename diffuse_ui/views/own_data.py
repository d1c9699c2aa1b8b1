"""A model of one's own data, from the app: a file, a few choices, and the losses while it learns."""

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource

from diffuse_ui.colors import palette
from diffuse_ui.jobs import words
from diffuse_ui.runner import Update
from diffuse_ui.session import Session
from diffuse_ui.trainings import Progress, Request
from diffuse_ui.views.parts import QUIET, SMALL, caption, details
from diffuse_ui.views.plots import paint_axes, quiet_figure

__all__ = ["OwnData"]

_GAPS = {"none": "", "drop their windows": "drop", "interpolate short ones": "interpolate"}
_HEIGHT = 130


class OwnData:
    """Folded away in the model's section until somebody brings a file.

    Args:
        session: of the window.
        choose: takes the name of the model that is to be used.
    """

    def __init__(self, session: Session, choose: Callable[[str], None]) -> None:
        self.session = session
        small = {"size": "small", "sizing_mode": "stretch_width", "margin": (10, 0, 0, 0)}
        self.source = pmui.TextInput(
            label="File", placeholder="observations.nc, .zarr, .csv, .parquet", **small
        )
        self.name = pmui.TextInput(label="Name", placeholder="as the file", **small)
        self.variables = pmui.TextInput(label="Variables", placeholder="all", **small)
        self.window = pmui.IntInput(label="Window", value=60, start=2, end=4096, **small)
        self.gaps = pmui.Select(label="Gaps", options=_GAPS, value="", **small)
        self.train = pmui.Button(label="Train", variant="outlined", size="small", sizing_mode="stretch_width")
        self.stop = pmui.Button(
            label="Stop", variant="outlined", color="error", size="small", sizing_mode="stretch_width"
        )
        self.use = pmui.Button(
            label="Use it", size="small", sizing_mode="stretch_width", disable_elevation=True
        )
        for button in (self.train, self.stop, self.use):
            button.margin = (8, 0, 4, 0)
        self.facts, self.message = caption(), caption()
        self.sources = {name: ColumnDataSource({"x": [], "y": []}) for name in ("training", "validation")}
        self.losses = pmui.Column(sizing_mode="stretch_width", margin=0)
        self.figure: Any = None
        self.lines: dict[str, Any] = {}
        self.train.on_click(lambda _: session.store.train(self.request))
        self.stop.on_click(lambda _: session.store.stop_training())
        self.use.on_click(lambda _: choose(self._trained().name))
        session.watch(session.store, ["training"], self._update)
        session.watch(session.look, ["dark"], self._paint)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        pair = {"sizing_mode": "stretch_width", "margin": 0, "sx": {"gap": "8px"}}
        return details(
            "Train on your own data",
            self.source,
            pmui.Row(self.name, self.variables, **pair),
            pmui.Row(self.window, self.gaps, **pair),
            pmui.Row(self.train, self.stop, self.use, **pair),
            self.facts,
            self.losses,
            self.message,
        )

    @property
    def request(self) -> Request:
        """What the fields ask for."""
        names = [name.strip() for name in self.variables.value.split(",") if name.strip()]
        choices = {"window": self.window.value, "gaps": self.gaps.value or None, "variables": names or None}
        return Request(source=self.source.value, name=self.name.value, choices=choices)

    def _trained(self) -> Progress:
        update = self.session.store.training
        return update.item if update is not None and update.item is not None else Progress(name="")

    def _update(self) -> None:
        update: Update | None = self.session.store.training
        told, state = self._trained(), "" if update is None else update.state
        self.train.disabled = state == "running"
        self.stop.visible = state == "running"
        self.use.visible = state in ("finished", "stopped") and told.saved
        self.facts.object = told.facts
        for index, name in enumerate(self.sources, start=1):
            columns = [(row[0], row[index]) for row in told.history]
            x, y = zip(*columns) if columns else ((), ())
            self.sources[name].data = {"x": list(x), "y": list(y)}
        if told.history and self.figure is None:
            self._draw()
        self._say(update, told)

    def _draw(self) -> None:
        """Make the figure once there is something in it: one that waits unseen breaks when it is changed."""
        self.figure = quiet_figure(x_label="step", y_label="loss", height=_HEIGHT, y_axis_type="log")
        self.lines = {
            name: self.figure.line("x", "y", source=source, line_width=1.6, legend_label=name)
            for name, source in self.sources.items()
        }
        self.figure.legend.update(
            background_fill_alpha=0.0,
            border_line_alpha=0.0,
            label_text_font_size="11px",
            padding=2,
            spacing=0,
        )
        self._colour()
        self.losses.objects = [pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", margin=0)]

    def _say(self, update: Update | None, told: Progress) -> None:
        text, failed = "", update is not None and update.state == "failed"
        if failed:
            text = words(update.error)
        elif update is not None:
            kept = f"the best so far is kept as {told.name}" if told.saved else "nothing was learned yet"
            ends = {"finished": f"Done: model {told.name} is saved.", "stopped": f"Stopped; {kept}."}
            text = ends.get(update.state, told.words)
        look = {"color": palette(self.session.look.dark).threshold} if failed else QUIET
        self.message.param.update(
            object=text[:1].upper() + text[1:], styles={"font-size": SMALL["fontSize"], **look}
        )

    def _paint(self) -> None:
        if self.figure is not None:
            self._colour()
        self._say(self.session.store.training, self._trained())

    def _colour(self) -> None:
        colours = palette(self.session.look.dark)
        paint_axes(self.figure, colours)
        self.lines["training"].glyph.line_color = colours.backdrop
        self.lines["validation"].glyph.line_color = colours.accent
        self.figure.legend.label_text_color = colours.ink
