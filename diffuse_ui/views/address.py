"""Address of the page, kept up to date with the state, for reloads and bookmarks."""

import contextlib
from typing import Any

import panel as pn

from diffuse_ui.export import code
from diffuse_ui.work.session import Session

__all__ = ["Address"]

REPLACE = "window.history.replaceState(null, '', cb_obj.value)"  # no step of the browser's way back


class Address:
    """Invisible widget that writes the state's link into the browser's address."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.link = pn.widgets.TextInput(visible=False)
        self.link.jscallback(value=REPLACE)
        session.watch(session.state, [*code.WATCHED], self._update)

    def __panel__(self) -> Any:
        return self.link

    def _update(self) -> None:
        with contextlib.suppress(ValueError):  # choices that do not go together: the last that did stay
            self.link.value = code.link(self.session.state.to_spec())
