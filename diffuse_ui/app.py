"""The app: one state and one store of results, shown in any number of windows.

    App(model="lorenz63")               # last expression of a notebook cell: shows the app
    App(model="lorenz63").servable()    # in a script for `panel serve`
    App(model="lorenz63").as_widget()   # one ipywidget, for hosts that speak ipywidgets

In a notebook the app is served by the kernel itself on a free port of 127.0.0.1 and shown in a
frame: that way every gesture reaches Python and nothing is fetched from the internet. State and
results stay with the object: `app.state.event`, `app.result.dataset`.
"""

from typing import Any

import panel as pn
import panel_material_ui as pmui

import kernels
from diffuse_ui.compile_cache import keep_compiled
from diffuse_ui.serving import HOST, Served, free_port, page_of, serve
from diffuse_ui.state.links import follow
from diffuse_ui.state.state import State
from diffuse_ui.views.address import Address
from diffuse_ui.views.layout import Window
from diffuse_ui.work.session import Session
from diffuse_ui.work.store import Result, Store

__all__ = ["HOST", "App", "free_port", "make_page", "serve"]


class App(Served):
    """An app on one model.

    Args:
        model: name of a shipped model, path of a checkpoint, or a `kernels.Model`.
        event: event to begin with, as text or tree.
        **choices: further choices of `diffuse_ui.state.state.State`: given, method, seed, …

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

    @property
    def result(self) -> Result | None:
        """The last good result: `.dataset`, `.probability`, `.spec`."""
        return self.store.result

    def run(self, timeout: float = 600.0) -> Result | None:
        """Run what the state describes and wait for the result; for use without a window."""
        self.prepare()
        self.store.run()
        return self.store.wait(timeout).result

    def prepare(self) -> None:
        """Start drawing the backdrop, unless it is drawn or being drawn."""
        if self.store.backdrop is None and not self.store.draws.busy("backdrop"):
            self.store.prepare()

    def window(self, *, dark: bool = False, served: bool = False) -> Window:
        """Build the views for the current window (Bokeh document); `served` ones read no paths of this machine."""
        self.prepare()
        window = Window(Session(self.state, self.store, dark=dark, served=served))
        window.session.news()  # what came in before this window listened
        return window

    def page(self, notice: str = "", *, addressed: bool = False, served: bool = False) -> pmui.Page:
        """The page for the current window; it is closed with the window.

        Args:
            notice: what it has to say first.
            addressed: keep its address that of the state.
            served: others than the owner of this process may open it; files are uploaded, and paths of this
                machine's disk are refused.
        """
        window = self.window(served=served)
        if addressed:
            window.layout.append(Address(window.session))
        window.session.look.warning = notice
        page = page_of(window.layout, window.session.look)
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: window.close())
        return page

    def servable(self) -> pmui.Page:
        """Mark the page to be served, in a script for `panel serve`."""
        page = self.page(served=True).servable()
        pn.state.on_session_destroyed(lambda _: self.store.close())
        return page

    def content(self) -> Any:
        """Views for the current window."""
        return self.window().layout

    def close(self) -> None:
        """Stop the server and the workers."""
        self.stop_serving()
        self.store.close()

    def _words(self) -> str:
        return f"diffuse-ui on model {self.state.model_name}"


def make_page(model: Any = "lorenz63", **choices: Any) -> pmui.Page:
    """A page with an app of its own; the app ends with the page's session.

    What follows the `?` of the address is what to begin with, see `diffuse_ui.state.links`, and goes along with what
    is chosen: a reload loses no event.
    """
    app = App(model, **choices)
    query = {name: values[0].decode(errors="replace") for name, values in pn.state.session_args.items()}
    trouble = follow(app.state, query)
    pn.state.on_session_destroyed(lambda _: app.store.close())
    return app.page(trouble, addressed=True, served=True)


def _parsed(event: Any) -> Any:
    return kernels.parse_event(event) if isinstance(event, str) else event
