"""Windows of one app: one whose document is gone is none of the others' business."""

import threading

import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

from diffuse_ui.state.state import State
from diffuse_ui.work.runner import Runner
from diffuse_ui.work.session import Session
from diffuse_ui.work.store import Store


@pytest.fixture
def windows(toy):
    """Two windows on one store, each with a document of its own; the first is closed by its user."""
    store = Store(State(model=toy))
    documents = Document(), Document()
    sessions = []
    for document in documents:
        with set_curdoc(document):
            sessions.append(Session(store.state, store))
    hear = [].append
    documents[0].on_change(hear)
    documents[0].destroy(hear)  # as Bokeh does it before it tells anybody
    yield store, sessions, documents
    for session in sessions:
        session.close()
    store.close()
    assert store.draws.join(30.0)


def test_news_for_a_window_that_is_gone_fail_nobody(windows):
    store, (gone, open_one), documents = windows
    told = []

    def work():
        yield 1
        told.append(threading.current_thread())
        yield 2

    store.draws.submit("run", work)
    assert store.draws.join(10.0)
    update = store.draws.take()["run"]
    assert (update.state, update.item, update.error) == ("finished", 2, None)
    assert not gone.open
    assert open_one.open
    assert len(documents[1].session_callbacks) == 1


def test_what_one_window_changes_does_not_fail_on_one_that_is_gone(windows):
    store, sessions, documents = windows
    for session in sessions:
        session.watch(store.state, ["seed"], lambda: None)
    store.state.seed = 7
    assert [session.open for session in sessions] == [False, True]
    assert len(documents[1].session_callbacks) == 1


def test_a_window_that_could_not_be_told_is_told_the_next_time(windows, monkeypatch):
    store, (_, session), documents = windows
    real, troubles = documents[1].add_next_tick_callback, [RuntimeError("Set changed size during iteration")]

    def busy(callback):
        if troubles:
            raise troubles.pop()
        return real(callback)

    monkeypatch.setattr(documents[1], "add_next_tick_callback", busy)
    with pytest.raises(RuntimeError):
        session.news()
    assert session.open
    session.news()
    assert len(documents[1].session_callbacks) == 1
    session.watch(store.state, ["seed"], lambda: None)
    troubles.append(RuntimeError("Set changed size during iteration"))
    with pytest.raises(RuntimeError):
        store.state.seed = 8
    store.state.seed = 9
    assert len(documents[1].session_callbacks) == 2


def test_the_thread_of_a_runner_outlives_a_window(windows):
    runner: Runner = windows[0].draws
    for _ in range(3):
        runner.submit("run", lambda: range(3))
        assert runner.join(10.0)
        assert runner.take()["run"].state == "finished"
    assert not runner.busy()
