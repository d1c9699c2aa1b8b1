"""The worker: latest wins, stop between items, errors are news, the thread ends with the work."""

import threading
import time

import pytest

from diffuse_ui.work.runner import Runner


@pytest.fixture
def runner():
    runner = Runner()
    yield runner
    runner.stop()
    assert runner.join(5.0)


def test_the_last_item_and_the_end_are_not_lost(runner):
    runner.submit("count", lambda: range(5))
    assert runner.join(5.0)
    update = runner.take()["count"]
    assert (update.state, update.item, update.error) == ("finished", 4, None)
    assert runner.take() == {}


def test_news_can_be_waited_for(runner):
    begun = threading.Event()

    def job():
        assert begun.wait(5.0)
        yield "first"

    runner.submit("job", job)
    assert not runner.wait_for_update("job", 0.01)
    begun.set()
    assert runner.wait_for_update("job", 5.0)
    assert not runner.wait_for_update("another", 0.01)


def test_a_slow_reader_sees_only_the_latest(runner):
    seen = []
    runner.listen(lambda: seen.append(threading.current_thread().name))
    runner.submit("count", lambda: iter(range(1000)))
    runner.join(5.0)
    assert len(runner.take()) == 1
    assert set(seen) == {"diffuse-ui"}


def test_stop_closes_the_generator_between_items(runner):
    closed, started = threading.Event(), threading.Event()

    def endless():
        try:
            while True:
                started.set()
                yield time.sleep(0.005)
        finally:
            closed.set()

    runner.submit("run", endless)
    assert started.wait(5.0)
    runner.stop("run")
    assert closed.wait(5.0)
    assert runner.join(5.0)
    assert runner.take()["run"].state == "stopped"


def test_a_new_job_of_the_same_name_takes_the_place(runner):
    started = threading.Event()

    def first():
        while True:
            started.set()
            yield time.sleep(0.005)

    runner.submit("run", first)
    assert started.wait(5.0)
    runner.submit("run", lambda: ["never"])
    runner.submit("run", lambda: ["second"])
    assert runner.join(5.0)
    update = runner.take()["run"]
    assert (update.state, update.item) == ("finished", "second")


def test_jobs_of_other_names_wait_for_their_turn(runner):
    order = []
    runner.submit("a", lambda: [time.sleep(0.05), order.append("a")])
    runner.submit("b", lambda: [order.append("b")])
    assert runner.busy("b")
    assert runner.join(5.0)
    assert order == ["a", "b"]
    assert set(runner.take()) == {"a", "b"}


def test_what_a_job_raises_is_news_with_the_last_item(runner):
    def fails():
        yield "so far"
        raise ValueError("too small")

    runner.submit("run", fails)
    runner.join(5.0)
    update = runner.take()["run"]
    assert (update.state, update.item, str(update.error)) == ("failed", "so far", "too small")


def test_the_thread_ends_with_the_work_and_comes_back():
    runner, before = Runner(), threading.active_count()
    for _ in range(3):
        runner.submit("count", lambda: range(3))
        assert runner.join(5.0)
    end = time.monotonic() + 5.0
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_forgotten_job_sends_no_more_updates(runner):
    started, go = threading.Event(), threading.Event()

    def items():
        yield 1
        started.set()
        go.wait(5.0)
        yield 2

    runner.submit("count", items)
    assert started.wait(5.0)
    runner.stop("count", forget=True)
    go.set()
    assert runner.join(5.0)
    assert runner.take() == {}


def test_a_broken_listener_touches_neither_the_job_nor_the_others(runner, caplog):
    heard = []

    def broken():
        raise AttributeError("'DocumentCallbackManager' object has no attribute '_change_callbacks'")

    runner.listen(broken)
    runner.listen(lambda: heard.append(len(heard)))
    for _ in range(2):
        runner.submit("count", lambda: range(3))
        assert runner.join(5.0)
        update = runner.take()["count"]
        assert (update.state, update.item, update.error) == ("finished", 2, None)
    assert len(heard) == 8
    assert "a window failed to take the update of count" in caplog.text


@pytest.mark.parametrize("raised", [ValueError, SystemExit])
def test_whatever_a_job_raises_the_next_one_is_run(runner, raised):
    def leaves():
        try:
            yield 1
        finally:
            raise raised("while it is closed")

    runner.submit("run", leaves)
    assert runner.join(5.0)
    update = runner.take()["run"]
    assert update.state == "failed"
    assert "while it is closed" in str(update.error)

    begun = threading.Event()

    def endless():
        try:
            while True:
                begun.set()
                yield time.sleep(0.005)
        finally:
            raise raised("while it is closed")

    runner.submit("run", endless)
    assert begun.wait(5.0)
    runner.stop("run")
    assert runner.join(5.0)
    assert runner.take()["run"].state == "stopped"
    runner.submit("run", lambda: range(3))
    assert runner.join(5.0)
    assert runner.take()["run"].item == 2
