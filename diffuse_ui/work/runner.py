"""Worker thread of a session: runs generators and keeps only their latest item.

A *job* is a name and a function that returns an iterator. Submitting a job stops the one of the
same name that is running (between two items: the generator is closed) and takes its place. What a
job yields goes into a slot that holds the latest item only, so a slow reader sees fewer items and
never falls behind. Listeners are called from the worker thread when the slot has news; they must
return at once (a view schedules a drain on its document and no more). One that raises is a window that is
broken: neither the job nor the other listeners are touched by it. Knows nothing of Panel.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal

__all__ = ["Runner", "Update"]

_log = logging.getLogger(__name__)

JobState = Literal["running", "finished", "stopped", "failed"]


@dataclasses.dataclass(frozen=True)
class Update:
    """Latest state and item of a job.

    Attributes:
        job: name of the job.
        state: "running" until the job ended.
        item: the latest item that the job yielded, None before the first.
        error: what the job raised, when it failed.
    """

    job: str
    state: JobState
    item: Any = None
    error: Exception | None = None


class Runner:
    """Queue of jobs, run one after the other in a thread that lives only while there is work."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._pending: dict[str, Callable[[], Iterable[Any]]] = {}
        self._slot: dict[str, Update] = {}
        self._current: str | None = None
        self._cancel = threading.Event()
        self._forget = threading.Event()  # the running job's news are not wanted any more
        self._listeners: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` from the worker thread at each update; return a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def submit(self, job: str, make: Callable[[], Iterable[Any]]) -> None:
        """Queue a job; it replaces one of the same name that is running or waiting."""
        with self._lock:
            if self._current == job:
                self._cancel.set()
            self._slot.pop(job, None)
            self._pending[job] = make
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="diffuse-ui", daemon=True)
                self._thread.start()

    def stop(self, job: str | None = None, *, forget: bool = False) -> None:
        """Remove waiting jobs, and end the running one after its present item: one job, or all.

        Args:
            job: which; all unless given.
            forget: the job sends no more updates, neither items nor its end.
        """
        with self._lock:
            if forget:
                self._slot = {name: news for name, news in self._slot.items() if job not in (None, name)}
            for name in [job] if job else list(self._pending):
                self._pending.pop(name, None)
            if self._current is not None and job in (None, self._current):
                self._cancel.set()
                if forget:
                    self._forget.set()

    def busy(self, job: str | None = None) -> bool:
        """Whether the job (any job) is running or waiting."""
        with self._lock:
            names = {*self._pending, self._current} - {None}
            return job in names if job else bool(names)

    def take(self) -> dict[str, Update]:
        """Latest update of each job since the last call."""
        with self._lock:
            news, self._slot = self._slot, {}
            return news

    def wait_for_update(self, job: str, timeout: float) -> bool:
        """Wait for an update of a job; return False after `timeout` seconds without one."""
        with self._lock:
            return self._lock.wait_for(lambda: job in self._slot, timeout)

    def join(self, timeout: float = 60.0) -> bool:
        """Wait until no job runs or waits; return False after `timeout` seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: self._current is None and not self._pending, timeout)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._pending:
                    self._thread = None
                    self._lock.notify_all()
                    return
                job = next(iter(self._pending))
                make = self._pending.pop(job)
                self._current, self._cancel, self._forget = job, threading.Event(), threading.Event()
                cancel, forget = self._cancel, self._forget
            self._run(job, make, cancel, forget)
            with self._lock:
                self._current = None
                self._lock.notify_all()

    def _run(
        self,
        job: str,
        make: Callable[[], Iterable[Any]],
        cancel: threading.Event,
        forget: threading.Event,
    ) -> None:
        item: Any = None
        state: JobState = "finished"
        error: Exception | None = None
        try:
            items = iter(make())
            try:
                for item in items:
                    if cancel.is_set():
                        break
                    self._put(Update(job, "running", item), forget)
            finally:
                close = getattr(items, "close", None)
                if close is not None:
                    close()
        except Exception as raised:  # whatever a job raises is news for the view, not the thread's end
            state, error = "failed", raised
        except BaseException as raised:  # nor is what asks for the end of a process
            state, error = "failed", RuntimeError(f"{type(raised).__name__}: {raised}")
        superseded = cancel.is_set() and job in self._pending
        if cancel.is_set():
            state, error = "stopped", None
        if not superseded:
            self._put(Update(job, state, item, error), forget)

    def _put(self, update: Update, forget: threading.Event) -> None:
        with self._lock:
            if update.job in self._pending or forget.is_set():
                return
            self._slot[update.job] = update
            self._lock.notify_all()
        for listener in list(self._listeners):
            try:
                listener()
            except Exception:
                _log.warning("a window failed to take the update of %s", update.job, exc_info=True)
