"""The app: a state, a store, and as many windows on them as are opened.

    App(model="lorenz63")               # last expression of a notebook cell: shows the app
    App(model="lorenz63").servable()    # in a script for `panel serve`
    App(model="lorenz63").as_widget()   # one ipywidget, for hosts that speak ipywidgets

In a notebook the app is served by the kernel itself on a free port of 127.0.0.1 and shown in a
frame: that way every gesture reaches Python and nothing is fetched from the internet. State and
results stay with the object: `app.state.event`, `app.result.dataset`.
"""

import socket
import time
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly  # pyright: ignore[reportPrivateImportUsage]

import kernels
from diffuse_ui.caching import keep_compiled
from diffuse_ui.session import Session
from diffuse_ui.state import State
from diffuse_ui.store import Result, Store
from diffuse_ui.window import Window

__all__ = ["App", "make_page", "serve"]

FRAME_HEIGHT = 860  # pixels of the frame in a notebook
HOST = "127.0.0.1"
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


class App:
    """An app on one model.

    Args:
        model: name of a shipped model, path of a checkpoint, or a `kernels.Model`.
        event: event to begin with, as text or tree.
        **choices: further choices of `diffuse_ui.state.State`: given, method, seed, …

    Raises:
        ValueError: no such model, or an event that the model cannot have.
    """

    def __init__(self, model: Any = "lorenz63", *, event: Any = None, **choices: Any) -> None:
        keep_compiled()
        self.state = State(model=model, **choices)
        self.state.load()
        if event is not None:
            self.state.set_event(_parsed(event))
        self.store = Store(self.state)
        self._server: Any = None
        self._port = 0

    @property
    def result(self) -> Result | None:
        """The last good result: `.dataset`, `.probability`, `.spec`."""
        return self.store.result

    def run(self, timeout: float = 600.0) -> Result | None:
        """Run what the state describes and wait for it; for use without a window."""
        self.store.run()
        return self.store.wait(timeout).result

    def window(self, *, dark: bool = False) -> Window:
        """Build the views for the window (Bokeh document) that is current."""
        if self.store.backdrop is None and not self.store.draws.busy("backdrop"):
            self.store.prepare()
        window = Window(Session(self.state, self.store, dark=dark))
        window.session.news()  # what came in before this window listened
        return window

    def page(self) -> pmui.Page:
        """The whole page for the current window; goes away with it."""
        window = self.window()
        page = _page(window)
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: window.close())
        return page

    def servable(self) -> pmui.Page:
        """Mark the page to be served, in a script for `panel serve`."""
        page = self.page().servable()
        pn.state.on_session_destroyed(lambda _: self.store.close())
        return page

    def show(self) -> str:
        """Serve this app from this process, once, and return its address."""
        if self._server is None:
            self._port = free_port()
            self._server = serve(self.page, port=self._port, threaded=True)
            _wait_until_it_listens(self._port)  # a frame that comes before it stays empty for good
        return f"http://{HOST}:{self._port}/"

    def close(self) -> None:
        """Stop the server and the workers."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        self.store.close()

    def as_widget(self, *, through_kernel: bool = False) -> Any:
        """The app as one ipywidget, to be put among others.

        Args:
            through_kernel: send everything through the kernel's own connection, for hosts where the
                browser cannot reach the kernel's machine. Icons then need the internet.
        """
        if through_kernel:
            pn.extension(comms="ipywidgets", inline=True)
            return pn.ipywidget(self.window().layout)
        import ipywidgets

        return ipywidgets.HTML(self._frame(), layout=ipywidgets.Layout(width="100%"))

    def _frame(self) -> str:
        return (
            f'<iframe src="{self.show()}" title="diffuse-ui" width="100%" height="{FRAME_HEIGHT}" '
            'style="border:0;border-radius:6px" allow="clipboard-write"></iframe>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        words = f"diffuse-ui on model {self.state.model_name} at {self.show()}"
        return {"text/html": self._frame(), "text/plain": words}


def make_page(model: Any = "lorenz63", **choices: Any) -> pmui.Page:
    """A page with an app of its own; the app ends with the page's session.

    `?event=…` in the address is the event to begin with.
    """
    app = App(model, **choices)
    for text in pn.state.session_args.get("event", []):
        app.state.write(text.decode())
    pn.state.on_session_destroyed(lambda _: app.store.close())
    return app.page()


def serve(page: Any, *, port: int, threaded: bool = False, show: bool = False) -> Any:
    """Serve a function that makes a page, to this machine only."""
    return pn.serve(
        {"/": page},
        port=port,
        address=HOST,
        websocket_origin=[f"{HOST}:{port}", f"localhost:{port}"],
        threaded=threaded,
        show=show,
        verbose=False,
        title="diffuse-ui",
    )


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(port: int, timeout: float = 30.0) -> None:
    end = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1.0).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _page(window: Window) -> pmui.Page:
    page = pmui.Page(
        title="diffuse-ui",
        main=[window.layout],
        busy_indicator=None,
        theme_config={"light": _THEME, "dark": _DARK_THEME},
        sx=_PAGE_STYLE,
    )
    with edit_readonly(page):
        page.busy = False  # detaches it from the process-wide flag, which walks every open page
    page.param.watch(lambda event: setattr(window.session.look, "dark", bool(event.new)), "dark_theme")
    window.session.look.dark = bool(page.dark_theme)
    return page


def _parsed(event: Any) -> Any:
    return kernels.parse_event(event) if isinstance(event, str) else event
