"""Downloads: figures, data, and code, a notebook and a link that repeat the run."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import panel as pn
import panel_material_ui as pmui

import kernels
from diffuse_ui.export import code, files
from diffuse_ui.figures.axes import SIZES, FigureSize
from diffuse_ui.figures.ensemble import caption as caption_of
from diffuse_ui.style.templates import template
from diffuse_ui.views.widgets import after_load, html, section
from diffuse_ui.work.results import Result
from diffuse_ui.work.session import Session

__all__ = ["ExportPanel"]

_FILES = {  # label → file name
    "PNG": "event.png",
    "SVG": "event.svg",
    "PDF": "event.pdf",
    "NetCDF": "event.nc",
    "Zarr": "event.zarr.zip",
    "Python": "event.py",
    "Notebook": "event.ipynb",
    "Event": "event.json",
    "Run": "run.json",
}
_FIGURES, _DATA, _CODE = ("PNG", "SVG", "PDF"), ("NetCDF", "Zarr"), ("Python", "Notebook", "Event", "Run")
HINTS = {  # label → what a button says of itself, where its label is not enough
    "Zarr": "A Zarr store in a zip file",
    "Event": "The event as JSON",
    "Run": "All settings of the run, as JSON",
    "Notebook": "A notebook that makes the same run again",
    "Python": "A script that makes the same run again",
}
_FONT_SIZES = (6, 7, 8, 9, 10, 12, 14, 18)
_BY_SIZE = "default for the size"
_QUOTE = template("""\
{%- set look = "font-size:11.5px;line-height:1.5;opacity:0.8;overflow-wrap:anywhere;background:none;padding:0" %}
{%- if address is defined %}<a href='{{ address }}' title='Opens this state in another window of a served app' target='_blank'
rel='noopener' style='{{ look }};word-break:break-all;color:inherit'>{{ address }}</a>
{%- else %}<code title='{{ title | default("A click selects it all") }}'
style='{{ look }};user-select:all;white-space:pre-wrap'>{{ text }}</code>{% endif %}""")
_LABEL = 86  # pixels
FORGET_AFTER = 1.0  # seconds: a button that holds a file already would not hand out the same one again


class ExportPanel:
    """Rows of download buttons; those that need a result are disabled until there is one."""

    def __init__(self, session: Session) -> None:
        self.session = session
        small = {"size": "small", "margin": 0}
        self.size = pmui.Select(label="Size", options=list(SIZES), value="double column", width=150, **small)
        sizes = {_BY_SIZE: 0} | {f"{points} pt": points for points in _FONT_SIZES}
        self.font = pmui.Select(label="Font", options=sizes, value=0, width=170, **small)
        self.dark = pmui.Checkbox(label="dark", value=False, **small)
        self.captioned = pmui.Checkbox(label="caption below", value=True, **small)
        self.downloads = {label: self._download(label) for label in _FILES}
        self.caption, self.link, self.command = html(""), html(""), html("")
        session.watch(session.store, ["result"], self._update)
        session.watch(session.state, [*code.WATCHED], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        choices = (self.size, self.font, self.dark, self.captioned)
        figures = (*choices, *(self.downloads[label] for label in _FIGURES))
        rows = (
            _row("Figure", *figures),
            _row("Caption", self.caption),
            _row("Data", *(self.downloads[label] for label in _DATA)),
            _row("Code", *(self.downloads[label] for label in _CODE)),
            _row("Link", self.link),
            _row("Command", self.command),
        )
        return section("Export", after_load(*rows))

    def figure_size(self) -> FigureSize:
        """Chosen size of figures, with the chosen font size."""
        size = SIZES[self.size.value]
        if not self.font.value:
            return size
        return FigureSize(size.width, float(self.font.value), size.panel_height, size.height)

    def _download(self, label: str) -> pmui.FileDownload:
        download = pmui.FileDownload(
            label=label,
            filename=_FILES[label],
            callback=self._content(label),
            size="small",
            margin=0,
            icon="download",
            description=HINTS.get(label, ""),
        )
        # as arguments these would meet the parent's deprecated `button_type` and `button_style`
        download.param.update(color="primary", variant="outlined")
        return download

    def _content(self, label: str) -> Callable[[], BytesIO]:
        def content() -> BytesIO:
            self.session.later(FORGET_AFTER, lambda: self.downloads[label].param.update(data=None))
            return BytesIO(self._bytes(label))

        return content

    def _bytes(self, label: str) -> bytes:
        store, state = self.session.store, self.session.state
        if label in _FIGURES:
            return files.picture(
                store.result,
                store.backdrop,
                label.lower(),
                dark=self.dark.value,
                size=self.figure_size(),
                captioned=self.captioned.value,
                dpi=300,
            )
        if label == "NetCDF":
            return files.netcdf(store.result)
        if label == "Zarr":
            return files.zarr_zip(store.result)
        texts = {
            "Python": lambda: code.script(self._spec()),
            "Notebook": lambda: code.notebook(self._spec(), self._found()),
            "Event": lambda: json.dumps(state.event.to_dict(), indent=1),
            "Run": lambda: json.dumps(self._spec().to_dict()),
        }
        return texts[label]().encode()

    def _shown(self) -> Result | None:
        """The shown result; None if it is out of date or a preview."""
        store = self.session.store
        result = store.result
        known = result is not None and result.dataset is not None and not result.live and not store.stale
        return result if known else None

    def _spec(self) -> kernels.RunSpec:
        """Spec of the shown result, else of the run that the present choices describe."""
        shown = self._shown()
        return self.session.state.to_spec() if shown is None else shown.spec

    def _found(self) -> str:
        shown = self._shown()
        return "" if shown is None else caption_of(shown)

    def _update(self) -> None:
        result, state = self.session.store.result, self.session.state
        ready = result is not None and result.dataset is not None
        for label in (*_FIGURES, *_DATA):
            self.downloads[label].disabled = not ready
        self.caption.object = _QUOTE.render(text=caption_of(result) if ready else "after a run")
        try:
            spec, address = self._spec(), code.link(state.to_spec())
        except ValueError as error:
            self.command.object = self.link.object = _QUOTE.render(text=str(error))
            for label in _CODE:
                self.downloads[label].disabled = label != "Event" or state.event is None
            return
        for label in _CODE:
            self.downloads[label].disabled = label == "Event" and state.event is None
        self.command.object = _QUOTE.render(text=code.command(spec), title="The same run on the command line")
        self.link.object = _QUOTE.render(address=address)


def _row(label: str, *items: Any) -> pmui.Row:
    """Row with a label of fixed width, then the items."""
    heading = pmui.Typography(
        label,
        variant="body2",
        margin=0,
        align="center",
        width=_LABEL,
        sx={"fontSize": "12.5px", "color": "text.secondary", "flex": f"0 0 {_LABEL}px"},
    )
    return pmui.Row(
        heading,
        *items,
        sizing_mode="stretch_width",
        margin=0,
        sx={
            "gap": "8px",
            "alignItems": "center",
            "flexWrap": "wrap" if len(items) > 1 else "nowrap",
            "minHeight": "36px",
        },
    )
