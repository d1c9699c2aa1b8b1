"""Downloads: the figure (PNG, SVG, PDF), the data (NetCDF), and the code that makes them again."""

from collections.abc import Callable
from html import escape
from io import BytesIO

import panel as pn
import panel_material_ui as pmui

from diffuse_ui import codegen, exporting
from diffuse_ui.session import Session
from diffuse_ui.views.parts import html

__all__ = ["ExportPanel"]

_FORMATS = {  # label → file name
    "PNG": "event.png",
    "SVG": "event.svg",
    "PDF": "event.pdf",
    "NetCDF": "event.nc",
    "Python": "event.py",
    "JSON": "event.json",
}


_CODE = "font-size:11.5px;opacity:0.75;overflow-wrap:anywhere;background:none;padding:0"


class ExportPanel:
    """A row of downloads; what needs a result is off until there is one."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.downloads = {label: self._download(label) for label in _FORMATS}
        self.command = html("")
        session.watch(session.store, ["result"], self._update)
        session.watch(session.state, [*codegen.WATCHED], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        row = pmui.Row(*self.downloads.values(), margin=0, sx={"flexWrap": "wrap", "gap": "6px"})
        return pmui.Column(
            row, self.command, sizing_mode="stretch_width", margin=(2, 0, 0, 0), sx={"gap": "4px"}
        )

    def _download(self, label: str) -> pmui.FileDownload:
        filename = _FORMATS[label]
        download = pmui.FileDownload(
            label=label,
            filename=filename,
            callback=self._content(label),
            size="small",
            margin=0,
            icon="download",
        )
        # as arguments these would meet the parent's deprecated `button_type` and `button_style`
        download.param.update(color="primary", variant="outlined")
        return download

    def _content(self, label: str) -> Callable[[], BytesIO]:
        def content() -> BytesIO:
            store, state = self.session.store, self.session.state
            if label == "Python":
                return BytesIO(codegen.script(state.to_spec()).encode())
            if label == "JSON":
                return BytesIO(state.to_json().encode())
            if label == "NetCDF":
                return BytesIO(exporting.netcdf(store.result))
            return BytesIO(exporting.picture(store.result, store.backdrop, label.lower()))

        return content

    def _update(self) -> None:
        result = self.session.store.result
        ready = result is not None and result.dataset is not None
        for label in ("PNG", "SVG", "PDF", "NetCDF"):
            self.downloads[label].disabled = not ready
        command = escape(codegen.command(self.session.state.to_spec()))
        self.command.object = (
            f"<code style='{_CODE}' title='The same run on the command line'>{command}</code>"
        )
