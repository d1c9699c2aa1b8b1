"""Local server of app pages, and frames that show a page in a notebook cell.

In a notebook the kernel itself serves on a free port of 127.0.0.1, and a frame shows the page: that way
every gesture reaches Python and nothing is fetched from the internet. The frame's address has the server's
token, see `diffuse_ui.access`.
"""

import errno
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.util.browser import view
from panel.util import edit_readonly  # pyright: ignore[reportPrivateImportUsage]

from diffuse_ui.access import new_token, server_options
from diffuse_ui.state.look import Look

__all__ = ["HOST", "Served", "free_port", "page_of", "require_port", "serve", "wait_until_it_listens"]

HOST = "127.0.0.1"
SESSION_LIFETIME = 15.0  # seconds that a closed tab's session goes on: a reload in between finds it running
_THEME = {
    "typography": {"fontSize": 13, "button": {"textTransform": "none"}},
    "shape": {"borderRadius": 6},
    "palette": {"primary": {"main": "#0072B2"}},
}
_DARK_THEME = _THEME | {
    "palette": {
        "primary": {"main": "#56B4E9"},
        "background": {"default": "#14171a", "paper": "#14171a"},
    }
}
_PAGE_STYLE = {
    ".header": {
        "backgroundColor": "background.paper",
        "backgroundImage": "none",
        "boxShadow": "none",
        "borderBottom": "1px solid",
        "borderColor": "divider",
        "color": "text.primary",
    },
    ".header .title": {"color": "inherit !important", "fontSize": "17px", "fontWeight": 600},
    ".header a": {"color": "inherit !important", "textDecoration": "none"},
    ".header .MuiIconButton-root": {"color": "inherit !important"},
    ".MuiToolbar-root": {"minHeight": "44px !important"},
}


class Served:
    """Base of objects shown as a page, or in a frame when they end a notebook cell.

    Attributes:
        height: pixels of the frame in a notebook.
    """

    height = 860
    _server: Any = None
    _port = 0
    _token = ""

    def content(self) -> Any:
        """Views for the current window."""
        raise NotImplementedError

    def page(self) -> pmui.Page:
        """The page for the current window."""
        raise NotImplementedError

    def show(self) -> str:
        """Serve the page from this process and return its address; a second call reuses the server."""
        if self._server is None:
            self._port, self._token = free_port(), new_token()
            self._server = serve(lambda: self.page(), port=self._port, threaded=True, token=self._token)
            wait_until_it_listens(self._port)  # a frame that comes before it stays empty for good
        return address_of(self._port, self._token)

    def stop_serving(self) -> None:
        """Stop the server, if there is one."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def as_widget(self, *, through_kernel: bool = False) -> Any:
        """The views as one ipywidget, to combine with other widgets.

        Args:
            through_kernel: send everything through the kernel's own connection, for hosts where the
                browser cannot reach the kernel's machine. Icons then need the internet.
        """
        if through_kernel:
            pn.extension(comms="ipywidgets", inline=True)
            return pn.ipywidget(self.content())
        import ipywidgets

        return ipywidgets.HTML(self._frame(), layout=ipywidgets.Layout(width="100%"))

    def _words(self) -> str:
        return f"diffuse-ui: {type(self).__name__}"

    def _frame(self) -> str:
        return (
            f'<iframe src="{self.show()}" title="diffuse-ui" width="100%" height="{self.height}" '
            'style="border:0;border-radius:6px" allow="clipboard-write"></iframe>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._frame(), "text/plain": f"{self._words()} at {self.show()}"}


def wait_until_it_listens(port: int, timeout: float = 30.0) -> None:
    """Block until a server listens on a port of 127.0.0.1, without requesting a page.

    Raises:
        OSError: nothing listens after `timeout` seconds.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1.0).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def page_of(layout: Any, look: Look, *, header: bool = True) -> pmui.Page:
    """Page around a layout; the page's dark switch sets `look.dark`."""
    page = pmui.Page(
        title="diffuse-ui",
        main=[layout],
        busy_indicator=None,
        theme_config={"light": _THEME, "dark": _DARK_THEME},
        sx=_PAGE_STYLE if header else {**_PAGE_STYLE, ".header": {"display": "none"}},
    )
    with edit_readonly(page):
        page.busy = page.param.loading  # not the process-wide flag, which would walk every page, and keep it
    page.param.watch(lambda event: setattr(look, "dark", bool(event.new)), "dark_theme")
    look.dark = bool(page.dark_theme)
    return page


def serve(
    page: Any,
    *,
    port: int,
    threaded: bool = False,
    show: bool = False,
    lifetime: float = SESSION_LIFETIME,
    token: str = "",
    allow_origin: Sequence[str] = (),
    announce: Callable[[str], Any] = lambda address: None,
) -> Any:
    """Serve the pages that a function makes, to this machine only.

    Args:
        page: makes the page of one session.
        port: of 127.0.0.1.
        threaded: serve in a thread and return at once.
        show: open a browser window; not with `threaded`.
        lifetime: seconds after which a session without a window ends.
        token: whoever has it is let in; everyone on this machine if it is empty.
        allow_origin: further addresses at which the page is shown, such as that of a hub.
        announce: is called with the address once the port is bound; not with `threaded`.

    Raises:
        ValueError: no such port, or an address that is none.
        OSError: something listens on that port already, or it may not be listened on.
    """
    require_port(port)
    once = new_token() if token and show else ""  # other users see the command line of a browser
    options = server_options(token, once=once, port=port, allow_origin=allow_origin)
    try:
        server: Any = pn.serve(
            {"/": page},
            port=port,
            address=HOST,
            threaded=threaded,
            show=False,
            start=threaded,
            verbose=False,
            title="diffuse-ui",
            unused_session_lifetime_milliseconds=int(1000 * lifetime),
            check_unused_sessions_milliseconds=int(1000 * min(lifetime / 2, 2.0)),
            **options,
        )
    except OSError as error:
        raise _explained(error, port) from error
    if threaded:
        return server
    announce(address_of(port, token))
    if show:
        server.io_loop.add_callback(view, address_of(port, once), new="tab")
    server.start()
    server.io_loop.start()
    return server


def address_of(port: int, token: str = "") -> str:
    """Address of a port of 127.0.0.1, with the token where there is one."""
    return f"http://{HOST}:{port}/" + (f"?token={token}" if token else "")


def require_port(port: int) -> None:
    """Raise ValueError for a number that is no port."""
    if not 1 <= port <= 65535:
        raise ValueError(f"`port` must be from 1 to 65535; got {port}. Choose another (`port`, --port).")


def _explained(error: OSError, port: int) -> OSError:
    """The error of a port that cannot be had, with what to do."""
    if error.errno == errno.EADDRINUSE:
        return OSError(
            f"port {port} of {HOST} is in use, perhaps by a diffuse-ui that is open at http://{HOST}:{port}/ "
            "already. Choose another port (`port`, --port)."
        )
    if error.errno == errno.EACCES:
        return OSError(
            f"port {port} of {HOST} may not be listened on. Choose one above 1023 (`port`, --port)."
        )
    return error


def free_port() -> int:
    """A free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
