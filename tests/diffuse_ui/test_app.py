"""Beginnings and ends: a stop is obeyed at once, a closed tab stops its worker, memory stays flat."""

import asyncio
import gc
import resource
import socket
import time
import tracemalloc
import weakref

import pytest
from bokeh.client import pull_session
from bokeh.document import Document

from diffuse_ui import app as app_module
from diffuse_ui.app import HOST, App, free_port, make_page, serve
from diffuse_ui.serving import wait_until_it_listens


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


STAGES = {  # stage → choices that make it last
    "guided": {"method": "guided", "estimator": None},
    "probability": {"method": "exact", "estimator": "subset_simulation"},
    "exact": {"method": "exact", "estimator": "monte_carlo"},
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stop_is_obeyed_within_a_second(app, stage):
    app.state.write("max(x) > 2.2")
    app.state.param.update(num_samples=512, num_steps=60, **STAGES[stage])
    app.run()  # what has to be compiled, which nothing can cut short, is
    app.state.param.update(num_samples=40_000, seed=1)
    app.store.run()

    def reached():
        app.store.drain()
        assert app.store.status == "running", app.store.error
        return app.store.result is not None and app.store.result.snapshot.stage == stage

    until(reached, 60.0)
    start = time.monotonic()
    app.store.stop()
    until(lambda: not app.store.draws.busy())
    assert time.monotonic() - start < 1.0
    app.store.drain()
    assert app.store.status == "stopped"


def test_a_shown_address_answers_at_once(app):
    app.show()
    socket.create_connection((HOST, app._port), timeout=1.0).close()


def test_a_window_sees_what_was_ready_before_it_listened(app, monkeypatch):
    app.store.prepare()
    assert app.store.draws.join(60.0)
    monkeypatch.setattr(app, "prepare", lambda: None)

    async def look():
        window = app.window()
        for _ in range(50):
            await asyncio.sleep(0.05)
            if app.store.backdrop is not None:
                break
        window.close()

    asyncio.run(look())
    assert app.store.backdrop is not None


def test_a_closed_tab_stops_its_worker(toy, monkeypatch):
    apps = []

    class Recorded(App):
        def __init__(self, *args, **choices):
            super().__init__(*args, **choices)
            apps.append(self)

    monkeypatch.setattr(app_module, "App", Recorded)
    choices = {"num_samples": 1_000_000, "num_steps": 60, "estimator": None}
    port = free_port()
    server = serve(lambda: make_page(toy, **choices), port=port, threaded=True, lifetime=0.3)
    try:
        until(lambda: _answers(port))
        session = pull_session(url=f"http://127.0.0.1:{port}/")
        until(lambda: bool(apps))
        store = apps[-1].store
        until(lambda: not store.draws.busy())  # the backdrop is there
        store.run()
        until(lambda: store.draws.busy("run"))
        session.close()
        until(lambda: store._watchers == [] and not store.draws.busy())
    finally:
        server.stop()


def _answers(port):
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def opened(toy, monkeypatch):
    """Opens pages of a server of its own; the windows that are open, and their documents, by weak references."""
    windows = []

    class Recorded(App):
        def window(self, **look):
            window = super().window(**look)
            windows.append(window)
            return window

    monkeypatch.setattr(app_module, "App", Recorded)
    port = free_port()
    choices = {"num_samples": 64, "num_steps": 8, "estimator": None}
    server = serve(lambda: make_page(toy, **choices), port=port, threaded=True, lifetime=0.2)
    wait_until_it_listens(port)

    def visit(use=lambda window: None):
        """Open a page, use it, close it; return weak references to what it was made of."""
        session = pull_session(url=f"http://{HOST}:{port}/")
        window = windows.pop()
        use(window)
        session.close()
        until(lambda: not window.session.open)
        return [
            weakref.ref(part) for part in (window, window.session, window.session.store, window.session.doc)
        ]

    yield visit
    server.stop()


def test_a_closed_page_is_freed(opened):
    parts = opened()
    until(lambda: are_freed(parts))


def are_freed(parts):
    gc.collect()
    return [part() for part in parts] == [None] * len(parts)


def run_once(window):
    """Run as the button does, in the window's own loop, and wait for the end."""
    store = window.session.store
    before = [run.number for run in store.history]
    until(lambda: not store.draws.busy())
    window.session.soon(lambda: (window.session.state.write("max(x) > 1"), store.run()))
    until(lambda: [run.number for run in store.history] != before)


@pytest.mark.slow
def test_memory_is_flat_over_pages_and_runs(opened):
    sizes, documents = [], []
    for number in range(8):
        parts = opened(lambda window: [run_once(window) for _ in range(4)])
        if number in (2, 7):
            until(lambda: are_freed(parts))  # noqa: B023 - called at once
            documents.append(sum(type(thing) is Document for thing in gc.get_objects()))
            sizes.append(len(gc.get_objects()))
    assert documents[1] <= documents[0], documents
    assert sizes[1] - sizes[0] < 30_000, sizes  # five pages have 100,000


def test_a_closed_window_lets_go_of_the_state(app):
    def watching():
        return {
            (owner.name, name): len(watchers)
            for owner in (app.state, app.store)
            for name, kinds in owner.param.watchers.items()
            for watchers in kinds.values()
            if watchers
        }

    app.prepare()
    before = watching()
    app.window().close()
    assert watching() == before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sessions_memory_is_flat_over_a_hundred_runs(app):
    app.state.param.update(num_samples=256, num_steps=8)
    window = app.window()
    window.session.look.tab = "marginals"
    sizes, peaks = [], []
    tracemalloc.start()
    for number in range(100):
        app.state.seed = number
        app.state.write(f"max(x) > {1 + 0.005 * number:g}")
        app.run()
        app.store.wait()
        if number >= 20 and number % 10 == 9:
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0] / 1e6)
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    tracemalloc.stop()
    window.close()
    assert len(app.store.history) == 8
    assert sizes[-1] - sizes[0] < 2.0, sizes
    assert peaks[-1] - peaks[0] < 60.0, peaks
