"""What came out: the backdrop, the last good result, the hits among the backdrop, the progress.

The store owns every result and the two worker threads that make them: one draws (backdrop, runs),
one answers at once which trajectories of the backdrop meet the event as it is being changed.
Workers write into latest-wins slots; `drain`, called in the reader's own thread, makes the news
visible as changes of parameters. A failed run leaves the last good result where it is.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import param
import xarray as xr

import kernels
from diffuse_ui.ensembles import meets, states
from diffuse_ui.runner import Runner, Update
from diffuse_ui.state import State

__all__ = ["Hits", "Result", "Store"]

NUM_BACKDROP = {"simulator": 2048, "data": 2048, "model": 384}
NUM_SIMULATED = 20_000  # trajectories behind the simulator's number
NUM_DIRECT = 1024  # unguided samples behind the model's number, where the run has not made one
REFERENCE_SEED = 1  # the numbers beside a run use keys of their own


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run has given so far.

    Attributes:
        spec: what was asked.
        snapshot: the latest of `kernels.stream`.
        references: "simulator", "data" and "model" → Probability, as far as they are known.
        seconds: time since the run began.
        live: a quick, approximate run of the live switch.
    """

    spec: kernels.RunSpec
    snapshot: kernels.Snapshot
    references: Mapping[str, Any]
    seconds: float
    live: bool = False

    @property
    def dataset(self) -> xr.Dataset | None:
        return self.snapshot.dataset

    @property
    def probability(self) -> Any:
        return self.snapshot.probability

    @property
    def ensemble(self) -> str:
        """ "guided" (approximate), "exact" or "unconditional"; empty before the first curves."""
        return "" if self.dataset is None else str(self.dataset.attrs.get("ensemble", ""))


@dataclasses.dataclass(frozen=True)
class Hits:
    """Which trajectories of the backdrop meet an event."""

    event: Any
    satisfied: np.ndarray
    numbers: Sequence[Any] = ()  # the event's numbers, with ranges from the backdrop

    @property
    def count(self) -> int:
        return int(self.satisfied.sum())

    @property
    def total(self) -> int:
        return int(self.satisfied.size)


class Store(param.Parameterized):
    """Results of one session; see the module."""

    backdrop = param.Parameter(None, doc="xr.Dataset of simulated or unconditional trajectories")
    hits = param.Parameter(None, doc="Hits of the present event among the backdrop, or None")
    result = param.Parameter(None, doc="the last good Result")
    status = param.Selector(objects=["idle", "running", "done", "stopped", "failed"])
    progress = param.Number(0.0, bounds=(0.0, 1.0))
    message = param.String("")
    error = param.String("")
    compare = param.Boolean(True, doc="work out the simulator's and the model's number beside a run")

    def __init__(self, state: State, **params: Any) -> None:
        super().__init__(**params)
        self.state = state
        self.draws = Runner()
        self.previews = Runner()
        self._watchers = [
            state.param.watch(lambda _: self._event_changed(), ["event"]),
            state.param.watch(lambda _: self._live(), ["event", "live"]),
            state.param.watch(lambda _: self.prepare(), ["model"]),
        ]

    # -- asking ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Draw the backdrop of the chosen model in the background."""
        self.draws.stop("run")
        self.param.update(
            result=None, hits=None, backdrop=None, status="idle", error="", message="", progress=0.0
        )
        model = self.state.model
        self.draws.submit("backdrop", lambda: _backdrop(model))

    def run(self) -> None:
        """Start the run that the state describes; a run under way gives way."""
        self._start(self.state.to_spec(), live=False)

    def run_live(self) -> None:
        """Start the quick run of the live switch."""
        self._start(self.state.to_live_spec(), live=True)

    def _start(self, spec: kernels.RunSpec, live: bool) -> None:
        compare = self.compare and not live and spec.event is not None
        self.param.update(status="running", progress=0.0, message="starting", error="")
        self.draws.submit("run", lambda: _results(spec, live=live, compare=compare))

    def stop(self) -> None:
        """End the run after the chunk it is at; what it has given stays."""
        self.draws.stop("run")
        if self.status == "running" and not self.draws.busy("run"):
            self.param.update(status="stopped", message="stopped")

    def close(self) -> None:
        """Stop both workers and let go of the state."""
        for watcher in self._watchers:
            self.state.param.unwatch(watcher)
        self._watchers = []
        self.draws.stop()
        self.previews.stop()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, from a worker's thread, when `drain` has news; returns what ends it."""
        ends = [runner.listen(listener) for runner in (self.draws, self.previews)]
        return lambda: [end() for end in ends] and None  # pyright: ignore[reportReturnType]

    # -- reading -----------------------------------------------------------------------------

    @property
    def stale(self) -> bool:
        """Has the question changed since the shown result was asked for?"""
        if self.result is None:
            return False
        shown, now = self.result.spec, self.state.to_spec()
        return any(getattr(shown, name) != getattr(now, name) for name in ("model", "event", "given"))

    def drain(self) -> None:
        """Make the workers' news visible. Call it from the thread that owns the views."""
        for job, update in (self.draws.take() | self.previews.take()).items():
            getattr(self, f"_take_{job}")(update)

    def wait(self, timeout: float = 120.0) -> "Store":
        """Block until nothing is running, then drain; for scripts and tests."""
        end = time.monotonic() + timeout
        for _ in range(3):  # a drain may start the next piece of work
            for runner in (self.draws, self.previews):
                if not runner.join(max(end - time.monotonic(), 0.0)):
                    raise TimeoutError(f"the run has not ended within {timeout:g} s.")
            self.drain()
        return self

    def _take_backdrop(self, update: Update) -> None:
        if update.state == "failed":
            self.param.update(status="failed", error=_words(update.error))
        elif update.item is not None:
            self.backdrop = update.item
            self._event_changed()

    def _take_hits(self, update: Update) -> None:
        if update.item is not None and update.item.event == self.state.event:
            self.hits = update.item

    def _take_run(self, update: Update) -> None:
        changes: dict[str, Any] = {}
        result: Result | None = update.item
        if result is not None:
            keep = result.dataset is None and self.result is not None and update.state == "running"
            if not keep:
                changes["result"] = result
            comparing = update.state == "running" and result.snapshot.stage == "done"
            message = "comparing with direct simulation" if comparing else result.snapshot.message
            changes |= {"progress": result.snapshot.progress, "message": message}
        if update.state == "failed":
            changes |= {"status": "failed", "error": _words(update.error), "message": ""}
            if result is None or result.dataset is None:
                changes.pop("result", None)
        elif update.state == "stopped":
            changes |= {"status": "stopped", "message": "stopped"}
        elif update.state == "finished":
            changes |= {"status": "done", "progress": 1.0}
        self.param.update(**changes)

    def _live(self) -> None:
        if self.state.live and self.state.event is not None:
            self.run_live()

    def _event_changed(self) -> None:
        event, backdrop = self.state.event, self.backdrop
        if event is None or backdrop is None:
            self.previews.stop("hits")
            self.hits = None
            return
        layout = self.state.layout
        self.previews.submit("hits", lambda: _hits(event, layout, backdrop))


def _backdrop(model: Any) -> Iterator[xr.Dataset]:
    loaded = State(model=model).load()
    source = "simulator" if loaded.system else "model" if loaded.held_out is None else "data"
    yield kernels.backdrop(loaded, num_samples=NUM_BACKDROP[source])


def _hits(event: Any, layout: kernels.Layout, backdrop: xr.Dataset) -> Iterator[Hits]:
    satisfied = meets(kernels.compile_event(event, layout), states(backdrop))
    yield Hits(event, satisfied)
    yield Hits(event, satisfied, event.parameters(layout, backdrop))


def _results(spec: kernels.RunSpec, *, live: bool, compare: bool) -> Iterator[Result]:
    """The run, then the numbers that it is compared with."""
    start = time.monotonic()
    result = None
    stream = kernels.stream(spec)
    try:
        for snapshot in stream:
            result = Result(spec, snapshot, {}, time.monotonic() - start, live)
            yield result
    finally:
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    if result is None or not compare:
        return
    for name, reference in _references(spec, result.probability):
        result = dataclasses.replace(result, references={**result.references, name: reference})
        yield result


def _references(spec: kernels.RunSpec, estimate: Any) -> Iterator[tuple[str, Any]]:
    """The simulator's number, or that of held-out data, and the model's, each where it can be had."""
    model = State(model=spec.model).load()
    key = jax.random.key(REFERENCE_SEED)
    for name, method, num_samples in (
        ("simulator", "simulator", NUM_SIMULATED),
        ("data", "data", 1),  # all held-out windows
        ("model", "monte_carlo", NUM_DIRECT),
    ):
        if estimate is not None and estimate.method == method:
            yield name, estimate
            continue
        if method == "simulator" and (model.system is None or spec.given):
            continue
        if method == "data" and (model.held_out is None or spec.given):
            continue
        if spec.event is None:
            continue
        try:
            yield (
                name,
                kernels.event_probability(
                    key,
                    model,
                    spec.event,
                    given=spec.given,
                    method=method,
                    num_samples=num_samples,  # pyright: ignore[reportArgumentType]
                ),
            )
        except (ValueError, kernels.NumericalError):  # a number beside the result, never instead of it
            continue


def _words(error: Exception | None) -> str:
    text = str(error).strip() if error is not None else ""
    return text or f"{type(error).__name__}: the run ended without a message."
