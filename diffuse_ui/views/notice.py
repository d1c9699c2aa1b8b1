"""Warning at the top of a window, such as a link that is wrong; it can be closed."""

from html import escape

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.views.widgets import html
from diffuse_ui.work.session import Session

__all__ = ["Notice"]


class Notice:
    """Closable alert with the text of `Look.warning`; hidden while that text is empty."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.words = html(
            ""
        )  # the alert's own text would be rendered as Markdown, with whatever is in a link
        self.alert = pmui.Alert(
            self.words,
            severity="warning",
            closeable=True,
            sizing_mode="stretch_width",
            margin=(10, 22, 0, 22),
        )
        self.alert.param.watch(lambda event: self._closed(event.new), "closed")
        session.watch(session.look, ["warning"], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.alert

    def _closed(self, closed: bool) -> None:
        if closed:
            self.session.look.warning = ""

    def _update(self) -> None:
        text = self.session.look.warning
        self.words.object = escape(text)
        self.alert.param.update(visible=bool(text), closed=not text)
