"""Store of results: backdrop, last good result, hits of the backdrop, progress, history.

The store owns every result and the worker threads that make them: one draws (backdrop, runs), one
answers at once which trajectories of the backdrop meet the event as it is being changed, one works out
what the result tabs ask, one trains models of the user's own data.
Workers write into latest-wins slots; `drain`, called in the reader's own thread, makes the news
visible as changes of parameters. A failed run leaves the last good result where it is. A run that has been
done once is in the history, whatever becomes of the numbers that it is then compared with.
"""

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import closing
from typing import Any

import param

import kernels
from diffuse_ui.state.state import State, forget_models
from diffuse_ui.work import jobs
from diffuse_ui.work.results import Derived, Hits, Result, words
from diffuse_ui.work.runner import Runner, Update
from diffuse_ui.work.training import Request, train
from kernels.recordings.when import when_text

__all__ = ["Derived", "Hits", "Result", "Store"]

PROMPT = 0.03  # seconds in which an event's hits are waited for
MAX_HISTORY = 8  # runs that are kept to be compared


class Store(param.Parameterized):
    """Results of one session, and the workers that compute them."""

    backdrop = param.Parameter(None, doc="xr.Dataset of simulated or unconditional trajectories")
    hits = param.Parameter(None, doc="Hits of the present event among the backdrop, or None")
    result = param.Parameter(None, doc="the last good Result")
    history = param.Parameter((), doc="the last finished Results, oldest first")
    derived = param.Dict({}, doc="owner → Derived: computed answers for the views")
    status = param.Selector(objects=["idle", "running", "done", "stopped", "failed"])
    progress = param.Number(0.0, bounds=(0.0, 1.0))
    message = param.String("")
    error = param.String("")
    training = param.Parameter(None, doc="the latest Update of a training, its item a training.Progress")
    compare = param.Boolean(True, doc="compute reference probabilities after a run")

    def __init__(self, state: State, **params: Any) -> None:
        super().__init__(**params)
        self.state = state
        self.draws = Runner()
        self.previews = Runner()
        self.analyses = Runner()
        self.trainings = Runner()
        self._request: Request | None = None
        self._wanted: dict[str, tuple[Hashable, Callable[[], Any]]] = {}
        self._num_runs = 0
        self._done: deque[tuple[object, Result]] = deque()  # run, what it has given; the worker appends
        self._history_lock = threading.RLock()
        self._last_done: tuple[object, Result, Result] | None = None  # run, its result, the result as kept
        self._watchers = [
            state.param.watch(lambda *_: self._event_changed(), ["event", "given"]),
            state.param.watch(lambda _: self._draw_backdrop(), ["when"]),
            state.param.watch(lambda *_: self._live(), ["event", "live"]),
            state.param.watch(lambda _: self.prepare(), ["model"]),
        ]

    # -- asking ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Draw the backdrop of the chosen model in the background."""
        self.draws.stop("run", forget=True)
        self.previews.stop("hits", forget=True)
        self._update_history()
        self.param.update(
            result=None,
            hits=None,
            backdrop=None,
            derived={},
            status="idle",
            error="",
            message="",
            progress=0.0,
        )
        self._draw_backdrop()

    def _draw_backdrop(self) -> None:
        model, when = self.state.model, self.state.when
        self.draws.submit("backdrop", lambda: jobs.backdrop(model, when))

    def run(self) -> None:
        """Start the run that the state describes; it replaces a run in progress.

        `error` says why where the choices do not go together, or the text of the event is wrong.
        """
        self._start(self.state.to_spec, live=False)

    def run_live(self) -> None:
        """Start the quick run of the live switch."""
        self._start(self.state.to_live_spec, live=True)

    def _start(self, choose: Callable[[], kernels.RunSpec], live: bool) -> None:
        try:
            if self.state.text_is_wrong:
                first = self.state.error.splitlines()[0]
                raise ValueError(f"The text of the event is wrong, so nothing was run: {first}")
            spec = choose()
        except ValueError as error:
            self.param.update(status="failed", error=str(error), message="")
            return
        compare = self.compare and not live and spec.event is not None
        self.param.update(status="running", progress=0.0, message="starting", error="")
        self.draws.submit("run", lambda: self._queue_done(jobs.results(spec, live=live, compare=compare)))
        self._update_history()

    def _queue_done(self, results: Iterator[Result]) -> Generator[Result, None, None]:
        """Pass results on, and queue those of a finished run for the history.

        The worker's slot keeps only the latest item, which the next run may overwrite.
        """
        run, last = object(), None
        with closing(results):  # pyright: ignore[reportArgumentType]
            for result in results:
                if result is not last and result.snapshot.stage == "done" and _is_kept(result):
                    self._done.append((run, result))
                last = result
                yield result

    def stop(self) -> None:
        """End the run after its present chunk; the result so far stays."""
        self.draws.stop("run")
        if self.status == "running" and not self.draws.busy("run"):
            self.param.update(status="stopped", message="stopped")

    def train(self, request: Request) -> None:
        """Start a training; end one in progress first."""
        self.stop_training()
        self._request = request
        self.training = Update("training", "running")
        self.trainings.submit("training", lambda: train(request))

    def stop_training(self) -> None:
        """End the training after its present step; the best model so far stays."""
        if self._request is not None:
            self._request.cancel.set()
        self.trainings.stop("training")

    def derive(self, owner: str, key: Hashable, compute: Callable[[], Any]) -> None:
        """Run `compute()` in a worker thread; the answer comes to `derived[owner]`.

        Of several questions that an owner asks while one is being worked out, the last is kept. None is
        cut short, so that a view of a stream of results always gets some answer.
        """
        self._wanted[owner] = key, compute
        if not self.analyses.busy(owner):
            self._derive(owner)

    def _derive(self, owner: str) -> None:
        key, compute = self._wanted[owner]
        self.analyses.submit(owner, lambda: jobs.derived(key, compute))

    def forget(self, owner: str) -> None:
        """Drop the computations and answers of an owner that is closed."""
        self.analyses.stop(owner)
        self._wanted.pop(owner, None)
        self.derived = {name: answer for name, answer in self.derived.items() if name != owner}

    def close(self) -> None:
        """Stop the workers and disconnect from the state."""
        for watcher in self._watchers:
            self.state.param.unwatch(watcher)
        self._watchers = []
        self.stop_training()
        for runner in self._runners:
            runner.stop()

    @property
    def _runners(self) -> tuple[Runner, ...]:
        return self.draws, self.previews, self.analyses, self.trainings

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` from a worker thread when there is news; return a function that ends it."""
        ends = [runner.listen(listener) for runner in self._runners]
        return lambda: [end() for end in ends] and None  # pyright: ignore[reportReturnType]

    # -- reading -----------------------------------------------------------------------------

    @property
    def stale(self) -> bool:
        """Whether model, event, observed values or season have changed since the shown result."""
        if self.result is None:
            return False
        shown = self.result.spec
        return (shown.model, shown.event, shown.given, when_text(shown.when) or None) != self.state.question

    def drain(self) -> None:
        """Publish the workers' news as parameters; call from the thread that owns the views."""
        news = self.draws.take() | self.previews.take()
        self._update_history()  # after `take`: a finished result is queued before its news
        for job, update in news.items():
            getattr(self, f"_take_{job}")(update)
        for update in self.trainings.take().values():
            self._take_training(update)
        for owner, update in self.analyses.take().items():
            self._take_derived(owner, update)

    def wait(self, timeout: float = 120.0) -> "Store":
        """Block until no job runs, then drain; for scripts and tests."""
        end = time.monotonic() + timeout
        for _ in range(4):  # a drain may start the next piece of work
            for runner in self._runners:
                if not runner.join(max(end - time.monotonic(), 0.0)):
                    raise TimeoutError(f"the run has not ended within {timeout:g} s.")
            self.drain()
        return self

    def _take_backdrop(self, update: Update) -> None:
        if update.state == "failed":
            self.param.update(status="failed", error=words(update.error))
        elif update.item is not None:
            self.backdrop = update.item
            self._event_changed()

    def _take_hits(self, update: Update) -> None:
        if update.item is not None and update.item.event == self.state.event:
            self.hits = update.item

    def _take_derived(self, owner: str, update: Update) -> None:
        if owner not in self._wanted:
            return
        key = self._wanted[owner][0]
        answer = update.item
        if update.state == "failed":
            answer = Derived(key, error=words(update.error))
        if answer is None or update.state == "running":
            return
        if answer.key != key:
            self._derive(owner)
        self.derived = {**self.derived, owner: answer}

    def _take_training(self, update: Update) -> None:
        if update.state != "running":
            forget_models()
        self.training = update
        done = update.item if update.state != "running" else None
        if done is not None and done.saved and done.name == self.state.model_name:
            self.state.param.trigger("model")  # it is another one now

    def _take_run(self, update: Update) -> None:
        changes: dict[str, Any] = {}
        result: Result | None = update.item
        if self._last_done is not None and result is self._last_done[1]:
            result = self._last_done[2]
        if result is not None:
            keep = result.dataset is None and self.result is not None
            if not keep:
                changes["result"] = result
            comparing = update.state == "running" and result.snapshot.stage == "done"
            message = "comparing with direct simulation" if comparing else result.snapshot.message
            changes |= {"progress": result.snapshot.progress, "message": message}
        if update.state == "failed":
            changes |= {"status": "failed", "error": words(update.error), "message": ""}
            if result is None or result.dataset is None:
                changes.pop("result", None)
        elif update.state == "stopped":
            changes |= {"status": "stopped", "message": "stopped"}
        elif update.state == "finished":
            changes |= {"status": "done", "progress": 1.0}
        ended = changes.get("result") if update.state in ("finished", "stopped") else None
        if ended is not None and ended.snapshot.stage != "done" and _is_kept(ended):  # the others are queued
            changes["result"] = self._numbered(ended)
        self.param.update(**changes)

    def _update_history(self) -> None:
        """Move finished results into the history; a later result of a run replaces its first."""
        with self._history_lock:  # a notebook's cell and a window's loop may both be here
            while self._done:
                run, result = self._done.popleft()
                if self._last_done is None or self._last_done[0] is not run:
                    self._last_done = run, result, self._numbered(result)
                    continue
                before = self._last_done[2]
                kept = dataclasses.replace(result, number=before.number)
                self._last_done = run, result, kept
                self.history = tuple(kept if entry is before else entry for entry in self.history)

    def _numbered(self, result: Result) -> Result:
        """Give a finished result its number, and append it to the history."""
        self._num_runs += 1
        result = dataclasses.replace(result, number=self._num_runs)
        self.history = (*self.history, result)[-MAX_HISTORY:]
        return result

    def _live(self) -> None:
        if self.state.live and self.state.event is not None:
            self.run_live()

    def _event_changed(self) -> None:
        event, backdrop = self.state.event, self.backdrop
        if event is None or backdrop is None:
            self.previews.stop("hits")
            self.hits = None
            return
        layout, observed = self.state.layout, self.state.observed
        self.previews.submit("hits", lambda: jobs.hits(event, observed, layout, backdrop))
        self.previews.wait_for_update("hits", PROMPT)  # an event and its hits are painted together
        for update in self.previews.take().values():
            self._take_hits(update)


def _is_kept(result: Result) -> bool:
    """Whether a result belongs in the history: it has trajectories, and is not live."""
    return not result.live and result.dataset is not None
