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
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from kernels.diffusion.schedules import DEFAULT_SCHEDULE
from kernels.events.syntax.event import Event
from kernels.guidance.registry import DEFAULT_GUIDANCE
from kernels.models import Model
from kernels.probability.base import Probability, Progress
from kernels.probability.registry import ESTIMATORS, PATH_STEPS, estimates
from kernels.recordings.when import When
from kernels.runs.given import Given
from kernels.runs.spec import RunSpec, as_model, require
from kernels.runs.stream import NumericalError, RunStream, Snapshot, checked
from kernels.samplers.registry import DEFAULT_SAMPLER
from kernels.trajectories.datasets import write_dataset

__all__ = ["RunResult", "RunSpec", "Snapshot", "estimate", "event_probability", "run", "sample", "stream"]


@dataclasses.dataclass(frozen=True)
class RunResult:
    """Result of a finished run: Dataset, probability (None if not asked for), and spec.

    `dataset.attrs["ensemble"]` says what was drawn: "exact", "guided" (approximate, to be averaged with its
    weights) or "unconditional".
    """

    dataset: xr.Dataset
    probability: Probability | None
    spec: RunSpec

    def annotated(self) -> xr.Dataset:
        """Dataset with the spec and the probability as JSON in its attributes."""
        attrs = {"run_spec": json.dumps(self.spec.to_dict()), "created_by": "diffuse-ui"}
        if self.probability is not None:
            attrs["probability"] = json.dumps(self.probability.to_dict(), default=float)
        return self.dataset.assign_attrs(attrs)

    def to_netcdf(self, path: str | Path) -> None:
        """Write `path`, which must end with .nc."""
        require(Path(path).suffix == ".nc", "path", "a file name that ends with .nc", str(path))
        write_dataset(self.annotated(), path)

    def to_zarr(self, path: str | Path) -> None:
        """Write `path`, which must end with .zarr."""
        require(Path(path).suffix == ".zarr", "path", "a folder name that ends with .zarr", str(path))
        write_dataset(self.annotated(), path)


def stream(spec: RunSpec) -> Iterator[Snapshot]:
    """Run a spec, a snapshot at a time; closing the iterator stops the run at its next step.

    Raises:
        ValueError: at once, before any work: a wrong event, model, or knowledge.
        NumericalError: while running, when numbers stop being finite.
    """
    problem = spec.problem(jax.random.key(spec.seed))
    if spec.event is not None and spec.estimator is not None:
        ESTIMATORS[spec.estimator].require(problem)
    return checked(RunStream(spec, problem).snapshots())


def _last(records: Iterator[Any]) -> Any:
    """Last record of a generator that yields at least one."""
    return deque(records, maxlen=1).pop()


def run(spec: RunSpec) -> RunResult:
    """Run a spec to its end.

    Raises:
        ValueError: a wrong event, model, or knowledge.
        NumericalError: numbers stopped being finite, or no trajectory meets the event of an exact run.
    """
    last = _last(stream(spec))
    _require_exact(spec, last.dataset)
    return RunResult(last.dataset, last.probability, spec)


def _require_exact(spec: RunSpec, dataset: xr.Dataset) -> None:
    """Raise NumericalError if an exact ensemble was asked for and there is none."""
    drawn = dataset.attrs["ensemble"]
    if spec.method == "exact" and (drawn == "guided" or (spec.event is not None and drawn != "exact")):
        if spec.event is None:
            raise NumericalError(
                "no trajectory meets what is known: there is no exact ensemble. Widen the tolerances."
            )
        raise NumericalError(
            "no trajectory meets the event: there is no exact ensemble. Take a milder event; "
            "`event_probability` says what is known of this one."
        )


def sample(
    key: PRNGKeyArray,
    model: str | Path | Model,
    *,
    event: str | Event | None = None,
    given: Given | None = None,
    when: When | None = None,
    num_samples: int = 512,
    num_steps: int = PATH_STEPS,
    method: str = "guided",
    guidance: str = DEFAULT_GUIDANCE,
    sampler: str = DEFAULT_SAMPLER,
    schedule: str = DEFAULT_SCHEDULE,
) -> xr.Dataset:
    """Draw trajectories of a model, given an event if one is named.

    Args:
        key: new-style random key.
        model: name, path or Model.
        event: text or Event, or None.
        given: what is known, see `kernels.runs.given.given_event`.
        when: season, hour or covariates, as in "month in 6..8", see `kernels.recordings.when`.
        num_samples: number of trajectories.
        num_steps: network evaluations on a stochastic path.
        method: "guided" paths, every tenth unguided (`guided` says which), with importance weights
            whose mean is the event's probability; or "exact", the model's conditional ensemble, weights 1.
            Without an event every weight is 1, and all paths are guided if something is given, else none.
        guidance: how paths are steered: moment_matching; calibrated, which learns from model samples
            first and suits maxima and minima; or a baseline to compare with: moment_matching_full,
            pseudoinverse, reconstruction, replacement.
        sampler: how trajectories without an event and guided paths are drawn: sde_dpm_solver, ancestral or
            euler_maruyama; without an event also edm_heun, dpm_solver, heun, unipc or adaptive_ode.
        schedule: noise levels of these paths: focused, log, edm, vp or sub_vp.

    Returns:
        state(sample, time, variable) in physical units, weight, satisfied, constraint, guided (sample); of an
        ensemble from chains also replicate (sample), equal where trajectories may share ancestors, and
        attrs["ess"], the number of independent trajectories that they are worth.

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite, or no trajectory meets the event.
    """
    loaded = as_model(model)
    spec = RunSpec(
        model=loaded,
        event=event,
        given=given,
        when=when,
        method=method,
        guidance=guidance,
        estimator=None,
        num_samples=num_samples,
        num_steps=num_steps,
        sampler=sampler,
        schedule=schedule,
    )
    run_stream = RunStream(spec, spec.problem(key))
    dataset = _last(checked(run_stream.snapshots())).dataset
    _require_exact(spec, dataset)
    del dataset.attrs["seed"]  # the caller's key made it
    return dataset.assign_attrs(key=str(np.asarray(jax.random.key_data(key)).tolist()))


def estimate(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    *,
    given: Given | None = None,
    when: When | None = None,
    method: str = "auto",
    num_samples: int = 512,
    num_steps: int | None = None,
    guidance: str = DEFAULT_GUIDANCE,
    path_steps: int | None = None,
    sampler: str = DEFAULT_SAMPLER,
    schedule: str = DEFAULT_SCHEDULE,
) -> Iterator[Progress]:
    """Estimate P(event) as `event_probability` does, one record of progress at a time.

    The arguments are checked at once.

    `path_steps` counts network evaluations on a stochastic path, as `num_steps` does unless it is given.
    """
    require(event is not None, "event", "an event", event)
    steps = next((count for count in (path_steps, num_steps) if count is not None), PATH_STEPS)
    spec = RunSpec(
        model=model,
        event=event,
        given=given,
        when=when,
        guidance=guidance,
        estimator=method,
        num_samples=num_samples,
        num_steps=steps,
        sampler=sampler,
        schedule=schedule,
    )
    problem = spec.problem(key, num_steps=num_steps)
    return checked(estimates(problem, method, num_samples, steps))


def event_probability(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    *,
    given: Given | None = None,
    when: When | None = None,
    method: str = "auto",
    num_samples: int = 512,
    num_steps: int | None = None,
    guidance: str = DEFAULT_GUIDANCE,
    sampler: str = DEFAULT_SAMPLER,
    schedule: str = DEFAULT_SCHEDULE,
) -> Probability:
    """Probability of an event, or P(event | given), with its 95 % interval and status.

    Args:
        key: new-style random key.
        model: name, path or Model.
        event: text or Event.
        given: what is known, see `kernels.runs.given.given_event`. Estimators that follow guided paths
            only steer to it, which is approximate: they are not "ok" then.
        when: season, hour or covariates, as in "month in 6..8", see `kernels.recordings.when`; all of the record's
            unless given.
        method: auto, monte_carlo, subset_simulation, path_importance, twisted_smc, density_ratio, simulator
            (of models of systems), or, of models of recordings, data (the frequency in the held-out part) or
            training_data (that in the part that the model was trained on).
        num_samples: trajectories, paths, or chains at each level over all replicates; "auto" measures by it
            what it may spend, and the two of data take all windows there are.
        num_steps: network evaluations for a trajectory, by the ODE and on a stochastic path; None is the
            method's own number.
        guidance: what steers the estimators that steer, a name of `kernels.guidance.registry.GUIDANCE`; twisted
            SMC twists by moment matching unless this is "calibrated".
        sampler: of the estimators that follow stochastic paths: sde_dpm_solver, ancestral, euler_maruyama.
        schedule: noise levels of these paths: focused, log, edm, vp or sub_vp.

    Raises:
        ValueError: a wrong argument.
        NumericalError: numbers stopped being finite.
    """
    records = estimate(
        key,
        model,
        event,
        given=given,
        when=when,
        method=method,
        num_samples=num_samples,
        num_steps=num_steps,
        guidance=guidance,
        sampler=sampler,
        schedule=schedule,
    )
    return _last(records).probability
