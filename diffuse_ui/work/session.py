"""Session of one browser window: its updates are called in its own event loop.

A Bokeh document may only be changed from its own event loop. Several windows may look at one
state (a notebook cell shown twice), and a notebook cell may set `app.state.event` from Python.
`Session.watch` therefore calls at once when the change came from this window, and otherwise asks
the document's loop to call, once however many changes came in between. News from the workers is
drained at most ten times a second. As an ipywidget there is no Bokeh loop of its own, so the
kernel's loop takes its place; in a plain script there is none, and calls are made at once.

Bokeh destroys a document before it says that the window is closed. In between nothing can be asked of it,
and the session is over: whoever calls, a worker or another window, is not to fail for that.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import param

from diffuse_ui.sketch.parts import arranged_parts
from diffuse_ui.state.look import Look
from diffuse_ui.state.state import State
from diffuse_ui.work.store import Store

__all__ = ["MANY_VARIABLES", "Session"]

DRAIN_PERIOD = 0.1  # seconds
MANY_VARIABLES = 6  # more are not shown one below the other
FEW_VARIABLES = 4  # of many, as long as none were chosen


class Session:
    """State and store as one window sees them, with the window's own display settings."""

    def __init__(self, state: State, store: Store, *, dark: bool = False, served: bool = False) -> None:
        self.state, self.store = state, store
        self.served = served  # to whoever opens the page: no paths of this machine's disk
        self.look = Look(dark=dark)
        self.doc = pn.state.curdoc
        self._thread = threading.get_ident()
        self._loop = _running_loop() if self.doc is None else None
        self._watchers: list[tuple[param.Parameterized, Any]] = []
        self._at_end: list[Callable[[], None]] = []
        self._asked: set[Callable[[], None]] = set()
        self._drain_asked = False
        self._last_drain = 0.0
        self.open = True
        self._end_listening = store.listen(self.news)

    def watch(self, owner: param.Parameterized, names: Sequence[str], update: Callable[[], None]) -> None:
        """Call `update` in this window's loop when one of the parameters changes."""
        watcher = owner.param.watch(lambda *_: self.call(update), list(names))
        self._watchers.append((owner, watcher))

    def call(self, update: Callable[[], None]) -> None:
        """Call `update` now if the window's own loop is running this code, else in that loop."""
        if self._own_turn():
            self._together(update)
        elif update not in self._asked and self.open:
            self._asked.add(update)
            try:
                self.soon(lambda: self._answer(update))
            except BaseException:
                self._asked.discard(update)  # or it would never be asked for again
                raise

    def _own_turn(self) -> bool:
        if self.doc is not None:  # which document is current is known to the whole process, not to a thread
            return threading.get_ident() == self._thread and pn.state.curdoc is self.doc
        return self._loop is None or _running_loop() is self._loop

    @property
    def plane(self) -> tuple[str, str]:
        """The two variables of the phase plane: the chosen ones, else the model's first and last."""
        names = self.state.layout.variables
        x, y = self.look.plane
        return (x, y) if x in names and y in names else (names[0], names[-1])

    @property
    def variables(self) -> list[str]:
        """Variables on the canvas: all, or if they are many, those chosen and those with shapes."""
        names = list(self.state.layout.variables)
        if len(names) <= MANY_VARIABLES:
            return names
        chosen = [name for name in self.look.variables if name in names]
        parts = [*arranged_parts(self.state.parts), *arranged_parts(self.state.known, known=True)]
        drawn = {part.variable for whole in parts for part in whole.shapes}
        chosen = chosen or names[:: -(-len(names) // FEW_VARIABLES)]
        return [name for name in names if name in chosen or name in drawn]

    @property
    def has_loop(self) -> bool:
        """Whether there is an event loop; a plain script has none."""
        return self.doc is not None or self._loop is not None

    def soon(self, call: Callable[[], None]) -> None:
        """Schedule a call in this window's loop; safe from any thread."""
        if self.doc is not None:
            self._ask(lambda doc: doc.add_next_tick_callback(lambda: self._together(call)))
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(call)
        else:
            call()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Schedule a call in this window's loop after some seconds; without a loop, call now."""
        if self.doc is not None:
            self._ask(lambda doc: doc.add_timeout_callback(lambda: self._together(call), int(1000 * seconds)))
        elif self._loop is not None:
            self._loop.call_later(seconds, call)
        else:
            call()

    def _ask(self, ask: Callable[[Any], Any]) -> None:
        """Schedule on the document; if it is destroyed, mark the session as closed."""
        try:
            ask(self.doc)
        except AttributeError:  # a destroyed document has lost its attributes
            self.open = False

    def _together(self, call: Callable[[], None]) -> None:
        """Make a call whose changes reach the page in order, by one channel.

        Otherwise Panel schedules the message that brings new models, where the socket is being written
        to, while Bokeh sends what changes in them, and the page does not know a model before it has come.
        """
        with pn.io.unlocked():
            call()

    def _answer(self, update: Callable[[], None]) -> None:
        self._asked.discard(update)
        if self.open:
            update()

    def news(self) -> None:
        """Schedule a drain of the store in this window's loop; called by the workers."""
        if (self.doc is None and self._loop is None) or self._drain_asked or not self.open:
            return
        self._drain_asked = True
        try:
            self.soon(self._drain_soon)
        except BaseException:
            self._drain_asked = False  # the next news ask again
            raise

    def _drain_soon(self) -> None:
        wait = DRAIN_PERIOD - (time.monotonic() - self._last_drain)
        if wait > 0.005:
            self.later(wait, self._drain)
        else:
            self._drain()

    def _drain(self) -> None:
        self._drain_asked = False
        self._last_drain = time.monotonic()
        if self.open:
            self.store.drain()

    def at_end(self, call: Callable[[], None]) -> None:
        """Make a call when the session is closed."""
        self._at_end.append(call)

    def close(self) -> None:
        """Disconnect from the state and the store."""
        self.open = False
        self._end_listening()
        for owner, watcher in self._watchers:
            owner.param.unwatch(watcher)
        self._watchers.clear()
        while self._at_end:
            self._at_end.pop()()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
