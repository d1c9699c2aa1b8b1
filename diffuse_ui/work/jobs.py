"""Jobs of the store's workers, as generators: backdrop, hits, run, reference numbers.

Each job yields its latest result; it can be stopped between two items.
"""

import dataclasses
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import jax
import numpy as np
import xarray as xr

import kernels
from diffuse_ui.state.state import State
from diffuse_ui.work.results import Derived, Hits, Result, meets, states, words

__all__ = ["backdrop", "derived", "hits", "results"]

NUM_BACKDROP = {"simulator": 2048, "data": 2048, "model": 384}
NUM_SIMULATED = 20_000  # trajectories behind the simulator's number
LEAST_DIRECT, MOST_DIRECT = 1024, 4096  # unguided samples behind the model's number, which are enough
ENOUGH = 0.1  # at this relative standard error
REFERENCE_SEED = 1  # the reference numbers use keys of their own: they are independent of the run's estimate


def backdrop(model: Any, when: str = "") -> Iterator[xr.Dataset]:
    loaded = State(model=model).load()
    source = "simulator" if loaded.system else "model" if loaded.held_out is None else "data"
    yield kernels.backdrop(loaded, num_samples=NUM_BACKDROP[source], when=when)


def hits(event: Any, observed: Any, layout: kernels.Layout, backdrop: xr.Dataset) -> Iterator[Hits]:
    """Hits of the backdrop, of those trajectories that meet what is observed (compiled, or None)."""
    shown = states(backdrop)
    known = np.ones(len(shown), bool) if observed is None else meets(observed, shown)
    satisfied = meets(kernels.compile_event(event, layout), shown) & known
    yield Hits(event, satisfied, known)
    yield Hits(event, satisfied, known, event.parameters(layout, backdrop))


def derived(key: Hashable, compute: Callable[[], Any]) -> Iterator[Derived]:
    try:
        yield Derived(key, compute())
    except ValueError as error:
        yield Derived(key, error=words(error))


def results(spec: kernels.RunSpec, *, live: bool, compare: bool) -> Iterator[Result]:
    """Results of a run as it goes on, then with its reference numbers."""
    start = time.monotonic()
    result = None
    trace: list[kernels.Probability] = []
    stream = kernels.stream(spec)
    try:
        for snapshot in stream:
            _note(trace, snapshot.probability)
            result = Result(spec, snapshot, {}, time.monotonic() - start, live, tuple(trace))
            yield result
    finally:
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    if result is None or not compare:
        return
    for name, reference in _references(spec, result.probability):
        if reference is not None:
            result = dataclasses.replace(result, references={**result.references, name: reference})
        yield result


def _note(trace: list[kernels.Probability], estimate: kernels.Probability | None) -> None:
    """Append an estimate to the trace if its number of calls or its method is new."""
    if estimate is None:
        return
    if not trace or (estimate.num_calls, estimate.method) != (trace[-1].num_calls, trace[-1].method):
        trace.append(estimate)


def _references(spec: kernels.RunSpec, estimate: Any) -> Iterator[tuple[str, Any]]:
    """Reference probabilities by name: simulator or data, and the model's direct samples.

    None comes in between, as a place to stop.
    """
    if spec.event is None:
        return
    model = State(model=spec.model).load()
    key = jax.random.key(REFERENCE_SEED)
    known = () if estimate is None else (estimate, *estimate.beside)
    for name, method, num_samples in (
        ("simulator", "simulator", NUM_SIMULATED),
        ("data", "data", 1),  # all held-out windows
        ("training", "training_data", 1),
        ("peaks", "peaks_over_threshold", 1),
        ("model", "monte_carlo", MOST_DIRECT),
    ):
        found = next((one for one in known if one.method == method), None)
        if found is not None:
            yield name, found
            continue
        if method == "simulator" and (model.system is None or model.num_known):
            continue
        if method == "data" and (model.held_out is None or model.num_known):
            continue
        if method in ("training_data", "peaks_over_threshold") and (
            model.training_data is None or model.num_known
        ):
            continue
        last = None
        try:
            records = kernels.estimate(
                key,
                model,
                spec.event,
                given=spec.given,
                when=spec.when,
                method=method,
                num_samples=num_samples,
            )
            for record in records:
                last = record.probability
                yield name, None
                if method == "monte_carlo" and last is not None and _is_enough(last):
                    break
        except (ValueError, kernels.NumericalError):  # the result stands without this number
            continue
        yield name, last


def _is_enough(estimate: kernels.Probability) -> bool:
    """Whether an estimate is precise enough for the comparison."""
    precise = estimate.sampling_error <= ENOUGH * estimate.value
    return precise and estimate.diagnostics["num_samples"] >= LEAST_DIRECT
