"""Runs: the one entry of the app, the command line and notebooks.

    spec = RunSpec(model="lorenz63", event="max(x) > 15", method="exact")
    for snapshot in stream(spec): ...        # curves and a running estimate, from the first second on
    result = run(spec)                       # the last of them, with .dataset and .probability

A run has up to three stages: *guided* paths, at once and approximate; the *probability*; and, for
method "exact", the *exact* conditional ensemble of the model, from direct samples that met the
event or from latent chains. The same seed gives the same numbers whoever asks.
"""

import dataclasses
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from kernels.ensembles import Ensemble, draw_exact, draw_guided, draw_unconditional, exact_ensemble, weighted_paths
from kernels.events.parsing import parse_event
from kernels.events.predicates import Event
from kernels.events.semantics import compile_event
from kernels.knowledge import Given, compile_given, given_event
from kernels.models import Model
from kernels.probability.base import Probability, Problem, Progress
from kernels.probability.direct import direct_samples
from kernels.probability.path_importance import estimate_from_paths
from kernels.probability.registry import PATH_STEPS, estimates, require_estimator
from kernels.systems import get_system
from kernels.trajectories import to_dataset, write_dataset
from kernels.zoo import load_model

__all__ = [
    "NumericalError",
    "RunResult",
    "RunSpec",
    "Snapshot",
    "backdrop",
    "event_probability",
    "run",
    "sample",
    "stream",
]

METHODS = ("guided", "exact")
MAX_SAMPLES, MAX_STEPS = 1_000_000, 10_000
PREVIEW_SAMPLES, PREVIEW_STEPS = 96, 40
MIN_SHOWN = 64  # exact trajectories from which on they replace the guided preview


class NumericalError(RuntimeError):
    """A computation left the finite numbers; the message names the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """What to draw.

    Attributes:
        model: name, path, or a Model made in Python.
        event: text or Event; None draws without a condition.
        given: what is known, see `kernels.knowledge.given_event`.
        method: "guided" (approximate, at once) or "exact" (the model's conditional ensemble).
        estimator: of the event's probability, or None.
        num_samples: number of trajectories (paths, or chains at a level over all replicates).
        num_steps: network evaluations on a stochastic path; maps through the ODE take the model's own.
        seed: the one integer seed.

    Raises:
        ValueError: a number outside its domain, an unknown method or estimator.
    """

    model: str | Model
    event: str | Event | None = None
    given: Given | None = None
    method: str = "guided"
    estimator: str | None = "auto"
    num_samples: int = 512
    num_steps: int = PATH_STEPS
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.method in METHODS, "method", f"one of {', '.join(METHODS)}", self.method)
        if self.estimator is not None:
            require_estimator(self.estimator)
        for name, low, high in (("num_samples", 1, MAX_SAMPLES), ("num_steps", 2, MAX_STEPS), ("seed", 0, 2**32 - 1)):
            value = getattr(self, name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            _require(whole and low <= value <= high, name, f"a whole number from {low} to {high}", value)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: model by name, event and what is known as text."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["model"] = self.model.name if isinstance(self.model, Model) else str(self.model)
        fields["event"] = None if self.event is None else str(self.event)
        if not (self.given is None or isinstance(self.given, str)):
            fields["given"] = str(given_event(self.given, _model(self.model)))
        return fields

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "RunSpec":
        """From what `to_dict` gave. Raises ValueError for unknown or missing fields."""
        if not isinstance(document, Mapping):
            raise ValueError(f"a run must be an object with the fields of RunSpec; got {type(document).__name__}.")
        names = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(map(str, document)) - set(names))
        if unknown or "model" not in document:
            trouble = f"unknown: {', '.join(unknown)}" if unknown else "`model` is missing"
            raise ValueError(f"a run must have fields of {', '.join(names)}; {trouble}.")
        for name in ("model", "event", "given"):
            value = document.get(name)
            _require(value is None or isinstance(value, str), name, "text", value)
        return cls(**document)


def _require(condition: bool, name: str, rule: str, value: Any) -> None:
    if not condition:
        raise ValueError(f"`{name}` must be {rule}; got {value!r}.")


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A run as it stands.

    Attributes:
        stage: "guided", "probability", "exact" or "done".
        progress: 0 … 1, never decreasing.
        message: what is happening, one short sentence.
        dataset: state(sample, time, variable), weight, satisfied, constraint, guided (sample);
            attrs["ensemble"] says "guided", "exact" or "unconditional". None before the first curves.
        probability: the running estimate, None as long as there is none.
    """

    stage: str
    progress: float
    message: str
    dataset: xr.Dataset | None = None
    probability: Probability | None = None


@dataclasses.dataclass(frozen=True)
class RunResult:
    """A finished run: its Dataset, its probability (None if not asked for), and what was asked."""

    dataset: xr.Dataset
    probability: Probability | None
    spec: RunSpec

    def annotated(self) -> xr.Dataset:
        """The Dataset with the spec and the probability as JSON in its attributes."""
        attrs = {"run_spec": json.dumps(self.spec.to_dict()), "created_by": "diffuse-ui"}
        if self.probability is not None:
            attrs["probability"] = json.dumps(self.probability.to_dict(), default=float)
        return self.dataset.assign_attrs(attrs)

    def to_netcdf(self, path: str | Path) -> None:
        """Write `path`, which must end with .nc."""
        _require(Path(path).suffix == ".nc", "path", "a file name that ends with .nc", str(path))
        write_dataset(self.annotated(), path)

    def to_zarr(self, path: str | Path) -> None:
        """Write `path`, which must end with .zarr."""
        _require(Path(path).suffix == ".zarr", "path", "a folder name that ends with .zarr", str(path))
        write_dataset(self.annotated(), path)


def stream(spec: RunSpec) -> Iterator[Snapshot]:
    """Run a spec, a snapshot at a time; closing the iterator stops the run at its next step.

    Raises:
        ValueError: at once, before any work: a wrong event, model, or knowledge.
        NumericalError: while running, when numbers stop being finite.
    """
    problem = _problem(jax.random.key(spec.seed), spec.model, spec.event, spec.given)
    if spec.estimator == "simulator":
        next(_one_simulation(problem))
    return _checked(_Stream(spec, problem).snapshots())


def _one_simulation(problem: Problem) -> Iterator[Progress]:
    return estimates(problem, "simulator", 1) if problem.constraint is not None else iter([Progress(1.0, "")])


def _checked(records: Iterator[Any]) -> Iterator[Any]:
    """The same records, numerical trouble as `NumericalError`."""
    try:
        yield from records
    except FloatingPointError as error:
        raise NumericalError(str(error)) from error


def _model(model: str | Path | Model) -> Model:
    return model if isinstance(model, Model) else load_model(model)


def _problem(
    key: PRNGKeyArray, model: str | Path | Model, event: str | Event | None, given: Given | None, num_steps: int | None = None
) -> Problem:
    loaded = _model(model)
    tree = parse_event(event) if isinstance(event, str) else event
    constraint = None if tree is None else compile_event(tree, loaded.layout)
    return Problem(
        key=key,
        model=loaded,
        constraint=constraint,
        observations=compile_given(given, loaded),
        num_steps=loaded.num_steps if num_steps is None else num_steps,
    )


class _Stream:
    """One run on its way: what has been drawn, the running estimate, and how far it is."""

    def __init__(self, spec: RunSpec, problem: Problem) -> None:
        self.spec, self.problem = spec, problem
        self.dataset: xr.Dataset | None = None
        self.probability: Probability | None = None
        self.last: Progress | None = None
        self._progress = 0.0
        self._shown: Any = None

    def snapshots(self) -> Iterator[Snapshot]:
        if self.problem.constraint is None:
            draws = draw_unconditional(self.problem, self.spec.num_samples, self.spec.num_steps)
            yield from self._draws(draws, "exact", "drawing trajectories", 0.0, 1.0)
        elif self.spec.method == "guided":
            yield from self._guided()
        else:
            yield from self._exact()
        count = 0 if self.dataset is None else self.dataset.sizes["sample"]
        yield Snapshot("done", 1.0, f"{count} trajectories", self.dataset, self.probability)

    def _guided(self) -> Iterator[Snapshot]:
        spec = self.spec
        paths, share = None, 1.0 if spec.estimator in (None, "path_importance") else 0.5
        for fraction, paths in draw_guided(self.problem, spec.num_samples, spec.num_steps):
            if paths is not None and paths is not self._shown:
                self._show(weighted_paths(paths))
                self._shown = paths
            yield self._snapshot("guided", share * fraction, "drawing guided paths")
        if spec.estimator == "path_importance" and paths is not None:
            self.probability = estimate_from_paths(paths, spec.num_steps)
        elif spec.estimator is not None:
            yield from self._estimate(spec.estimator, share, 1.0)

    def _exact(self) -> Iterator[Snapshot]:
        spec = self.spec
        num_samples, num_steps = min(spec.num_samples, PREVIEW_SAMPLES), min(spec.num_steps, PREVIEW_STEPS)
        for fraction, paths in draw_guided(self.problem, num_samples, num_steps, purpose="preview"):
            if paths is not None and paths is not self._shown:
                self._show(weighted_paths(paths))
                self._shown = paths
            yield self._snapshot("guided", 0.08 * fraction, "drawing guided paths, approximate")
        if spec.estimator is not None:
            yield from self._estimate(spec.estimator, 0.08, 0.6)
        if self.last is None or self.last.population is None:
            shown = self.probability
            yield from self._estimate("auto", 0.6, 0.7)
            self.probability = shown
        population, value = (None, 0.0) if self.last is None else (self.last.population, self._value())
        if population is None or population.latents is None or len(population.latents) == 0:
            yield self._snapshot("exact", 0.99, "no trajectory meets the event: there is no exact ensemble")
            return
        draws = draw_exact(self.problem, population, value, spec.num_samples)
        yield from self._draws(draws, "exact", "drawing the exact ensemble", 0.7, 1.0)

    def _value(self) -> float:
        estimate = None if self.last is None else self.last.probability
        return 0.0 if estimate is None else estimate.value

    def _estimate(self, method: str, start: float, end: float) -> Iterator[Snapshot]:
        """Run an estimator; its independent hits replace the guided preview once there are enough."""
        records = estimates(self.problem, method, self.spec.num_samples, self.spec.num_steps)
        for record in records:
            self.last = record
            self.probability = record.probability or self.probability
            population = record.population
            independent = population is not None and len(population.weights) > 0 and np.ptp(population.weights) == 0
            hits = len(population.states) if population is not None and independent else 0
            shown = 0 if self._ensemble() != "exact" or self.dataset is None else self.dataset.sizes["sample"]
            wanted = min(hits, self.spec.num_samples)
            if self.spec.method == "exact" and population is not None and wanted >= MIN_SHOWN and wanted > shown:
                states, values = population.states[:wanted], population.values[:wanted]
                self._show(exact_ensemble(states, values))
            yield self._snapshot("probability", start + (end - start) * record.fraction, record.message)

    def _draws(self, draws: Iterator[tuple[float, Ensemble | None]], stage: str, message: str, start: float, end: float) -> Iterator[Snapshot]:
        for fraction, ensemble in draws:
            if ensemble is not None and ensemble is not self._shown:
                self._show(ensemble)
                self._shown = ensemble
            yield self._snapshot(stage, start + (end - start) * fraction, message)

    def _ensemble(self) -> str:
        return "" if self.dataset is None else str(self.dataset.attrs["ensemble"])

    def _show(self, ensemble: Ensemble) -> None:
        self.dataset = _dataset(ensemble, self.spec, self.problem)

    def _snapshot(self, stage: str, progress: float, message: str) -> Snapshot:
        self._progress = max(self._progress, min(progress, 0.999))
        return Snapshot(stage, self._progress, message, self.dataset, self.probability)


def _dataset(ensemble: Ensemble, spec: RunSpec, problem: Problem) -> xr.Dataset:
    asked = {"event": spec.event, "given": None if problem.observations is None else problem.observations.program.event}
    attrs = {
        "ensemble": ensemble.kind,
        "source": "model",
        "model": problem.model.name,
        "method": spec.method,
        "num_steps": spec.num_steps,
        "seed": spec.seed,
    } | {name: str(value) for name, value in asked.items() if value is not None}
    return to_dataset(
        ensemble.states,
        problem.model.layout,
        attrs=attrs,
        weight=ensemble.weights,
        satisfied=ensemble.holds,
        constraint=ensemble.values,
        guided=ensemble.guided,
    )


def run(spec: RunSpec) -> RunResult:
    """Run a spec to its end.

    Raises:
        ValueError: a wrong event, model, or knowledge.
        NumericalError: numbers stopped being finite, or nothing could be drawn.
    """
    last = None
    for last in stream(spec):
        pass
    if last is None or last.dataset is None:
        raise NumericalError("the run ended without a trajectory. Take more samples, or a less extreme event.")
    return RunResult(last.dataset, last.probability, spec)


def sample(
    key: PRNGKeyArray,
    model: str | Path | Model,
    *,
    event: str | Event | None = None,
    given: Given | None = None,
    num_samples: int = 512,
    num_steps: int = PATH_STEPS,
    method: str = "guided",
) -> xr.Dataset:
    """Draw trajectories of a model, given an event if one is named.

    Args:
        key: new-style random key.
        model: name, path or Model.
        event: text or Event, or None.
        given: what is known, see `kernels.knowledge.given_event`.
        num_samples: number of trajectories.
        num_steps: network evaluations on a stochastic path.
        method: "guided" paths, every tenth unguided (`guided` says which), with importance weights
            whose mean is the event's probability; or "exact", the model's conditional ensemble, weights 1.

    Returns:
        state(sample, time, variable) in physical units, weight, satisfied, constraint, guided (sample).

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite, or no trajectory meets the event.
    """
    spec = RunSpec(
        model=_model(model), event=event, given=given, method=method, estimator=None, num_samples=num_samples, num_steps=num_steps
    )
    flow = _Stream(spec, _problem(key, spec.model, event, given))
    for _ in _checked(flow.snapshots()):
        pass
    wanted = {"exact"} if event is not None and method == "exact" else {"guided", "unconditional"}
    if flow.dataset is None or flow._ensemble() not in wanted:
        raise NumericalError("no trajectory meets the event: there is no exact ensemble. Take a less extreme event.")
    del flow.dataset.attrs["seed"]  # the caller's key made it
    return flow.dataset.assign_attrs(key=str(np.asarray(jax.random.key_data(key)).tolist()))


def event_probability(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    *,
    given: Given | None = None,
    method: str = "auto",
    num_samples: int = 512,
    num_steps: int | None = None,
) -> Probability:
    """P(event), or P(event | given), with its 95 % interval and how far to trust it.

    Args:
        key: new-style random key.
        model: name, path or Model.
        event: text or Event.
        given: what is known, see `kernels.knowledge.given_event`; the conditioning is by guidance, exact
            for Gaussian models with linear observations and approximate otherwise.
        method: auto, monte_carlo, subset_simulation, path_importance or simulator.
        num_samples: trajectories, paths, or chains at each level over all replicates.
        num_steps: network evaluations for a trajectory; None is the method's own number.

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite.
    """
    _require(event is not None, "event", "an event", event)
    RunSpec(model="", num_samples=num_samples, num_steps=num_steps or PATH_STEPS)
    problem = _problem(key, model, event, given, num_steps)
    last = None
    for last in _checked(estimates(problem, method, num_samples, num_steps or PATH_STEPS)):
        pass
    if last is None or last.probability is None:
        raise NumericalError("the estimator ended without an estimate. Take more samples.")
    return last.probability


_backdrops: OrderedDict[tuple, xr.Dataset] = OrderedDict()
_backdrops_lock = threading.Lock()


def backdrop(model: str | Path | Model, *, num_samples: int, seed: int = 0) -> xr.Dataset:
    """Trajectories to show behind a question: simulated where the model has a system, else drawn from it.

    Returns:
        state(sample, time, variable); attrs["source"] is "simulator" or "model". Cached.
    """
    loaded = _model(model)
    identity = (loaded.fingerprint, num_samples, seed)
    with _backdrops_lock:
        if identity in _backdrops:
            return _backdrops[identity]
    key = jax.random.key(seed)
    if loaded.system is not None:
        dataset = get_system(loaded.system).simulate(key, num_samples=num_samples)
    else:
        problem = _problem(key, loaded, None, None)
        states = np.concatenate(list(_checked(direct_samples(problem, num_samples))))
        dataset = to_dataset(states, loaded.layout, attrs={"source": "model", "model": loaded.name, "seed": seed})
    with _backdrops_lock:
        _backdrops[identity] = dataset
        while len(_backdrops) > 8:
            _backdrops.popitem(last=False)
    return dataset
