"""What this window has to say first, in a line that can be closed: a link that cannot be followed."""

from html import escape

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.views.widgets import html
from diffuse_ui.work.session import Session

__all__ = ["Notice"]


class Notice:
    """Shown as long as there is something to say."""

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
