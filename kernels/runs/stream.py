"""Stream of a run: its stages, the ensemble drawn so far, the running estimate.

`RunStream.snapshots` is the generator behind `kernels.stream`: guided paths first, then the probability,
then, for method "exact", the model's conditional ensemble.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import xarray as xr

from kernels.probability.auto import NUM_DIRECT
from kernels.probability.base import Population, Probability, Problem, Progress
from kernels.probability.guided.path_importance import Paths, checked_estimate
from kernels.probability.latent.monte_carlo import monte_carlo
from kernels.probability.latent.subset_simulation import subset_simulation
from kernels.probability.registry import estimates, with_caveats
from kernels.recordings.when import when_text
from kernels.runs.ensembles import (
    Ensemble,
    draw_exact,
    draw_guided,
    draw_unconditional,
    exact_ensemble,
    is_cheap,
    weighted_paths,
)
from kernels.runs.given import given_event
from kernels.runs.spec import RunSpec
from kernels.samplers.registry import SAMPLERS
from kernels.trajectories.datasets import to_dataset

__all__ = ["NumericalError", "RunStream", "Snapshot", "checked"]

PREVIEW_SAMPLES, PREVIEW_STEPS = 96, 40
MIN_SHOWN = 64  # exact trajectories from which on they replace the guided preview


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Snapshot of a run.

    Attributes:
        stage: "guided", "probability", "exact" (also of a run without an event) or "done".
        progress: 0 … 1, never decreasing.
        message: what is happening, one short sentence.
        dataset: state(sample, time, variable), weight, satisfied, constraint, guided (sample), and of chains
            replicate (sample), equal where they may share ancestors; attrs["ensemble"] says "guided", "exact" or
            "unconditional", attrs["ess"] how many independent trajectories chains are worth. None before the first
            curves.
        probability: the running estimate, None as long as there is none.
    """

    stage: str
    progress: float
    message: str
    dataset: xr.Dataset | None = None
    probability: Probability | None = None


class RunStream:
    """Stream of one run, from its problem to its last snapshot."""

    def __init__(self, spec: RunSpec, problem: Problem) -> None:
        self.spec, self.problem = spec, problem
        self.dataset: xr.Dataset | None = None
        self.probability: Probability | None = None
        self._population: Population | None = None
        self._joint = 0.0  # probability of the event and of what is known
        self._progress = 0.0
        self._shown: Any = None

    @property
    def ensemble(self) -> str:
        """Kind of the ensemble: "guided", "exact", "unconditional", or empty before the first."""
        return "" if self.dataset is None else str(self.dataset.attrs["ensemble"])

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield snapshots. Raises FloatingPointError when numbers stop being finite."""
        spec = self.spec
        if (
            self.problem.constraint is None
            and spec.method == "exact"
            and self.problem.observations is not None
        ):
            yield from self._posterior()
        elif self.problem.constraint is None:
            draws = draw_unconditional(self.problem, spec.num_samples, spec.num_steps)
            yield from self._draw(draws, "exact", "drawing trajectories", 0.0, 1.0)
        elif spec.method == "guided":
            yield from self._guided()
        else:
            yield from self._exact()
        count = 0 if self.dataset is None else self.dataset.sizes["sample"]
        message = f"{count} trajectories. {self._caveat()}" if self._caveat() else f"{count} trajectories"
        yield Snapshot("done", 1.0, message, self.dataset, self.probability)

    @property
    def _path_steps(self) -> int:
        """Network evaluations on the shown stochastic paths; few for a preview."""
        previews = self.problem.constraint is not None and self.spec.method == "exact"
        return min(self.spec.num_steps, PREVIEW_STEPS) if previews else self.spec.num_steps

    def _caveat(self) -> str:
        """Warning about the trajectories that are shown; empty if all is well."""
        mixing = None if self.dataset is None else getattr(self._shown, "mixing", None)
        return "" if mixing is None else mixing.words("Their chains")

    def _guided(self) -> Iterator[Snapshot]:
        spec = self.spec
        share = {None: 1.0, "path_importance": 0.8}.get(spec.estimator, 0.5)
        paths = None
        for fraction, paths in draw_guided(self.problem, spec.num_samples, spec.num_steps):
            yield self._path_snapshot(paths, share * fraction)
        if spec.estimator == "path_importance" and paths is not None:
            records = checked_estimate(self.problem, paths, spec.num_steps)
            yield from self._follow(with_caveats(self.problem, records), share, 1.0)
        elif spec.estimator is not None:
            yield from self._estimate(spec.estimator, share, 1.0)

    def _exact(self) -> Iterator[Snapshot]:
        spec, num_samples = self.spec, min(self.spec.num_samples, PREVIEW_SAMPLES)
        for fraction, paths in draw_guided(self.problem, num_samples, self._path_steps, purpose="preview"):
            yield self._path_snapshot(paths, 0.08 * fraction)
        if spec.estimator is not None:
            yield from self._estimate(spec.estimator, 0.08, 0.6)
        if self._population is None or not len(self._population.states):  # some estimators have none
            asked = self.probability
            yield from self._estimate("auto", 0.6, 0.7)
            self.probability = asked
        population = self._population
        if population is None or population.latents is None or len(population.latents) == 0:
            yield self._snapshot("exact", 0.99, "no trajectory meets the event: there is no exact ensemble")
            return
        draws = draw_exact(self.problem, population, self._joint, spec.num_samples)
        yield from self._draw(draws, "exact", "drawing the exact ensemble", 0.7, 1.0)

    def _posterior(self) -> Iterator[Snapshot]:
        """Draw given what is known, without an event: guided paths first, then exact trajectories."""
        spec, num_samples = self.spec, min(self.spec.num_samples, PREVIEW_SAMPLES)
        preview = draw_unconditional(self.problem, num_samples, min(spec.num_steps, PREVIEW_STEPS))
        yield from self._draw(preview, "guided", "drawing guided paths, approximate", 0.0, 0.08)
        yield from self._follow(monte_carlo(self.problem, NUM_DIRECT), 0.08, 0.3)
        if not is_cheap(self._joint):
            yield from self._follow(subset_simulation(self.problem, spec.num_samples), 0.3, 0.7)
        asked, self.probability = self.probability, None  # of no event
        chains = self._population
        usable = chains is not None and chains.latents is not None and len(chains.latents) > 0
        draws = draw_exact(self.problem, chains, self._joint if usable else 1.0, spec.num_samples)
        yield from self._draw(draws, "exact", "drawing trajectories that meet what is known", 0.7, 1.0)
        if self.ensemble != "exact" and asked is not None:
            yield self._snapshot("exact", 0.99, asked.message)

    def _estimate(self, method: str, start: float, end: float) -> Iterator[Snapshot]:
        """Run an estimator."""
        records = estimates(self.problem, method, self.spec.num_samples, self.spec.num_steps)
        yield from self._follow(records, start, end)

    def _follow(self, records: Iterator[Progress], start: float, end: float) -> Iterator[Snapshot]:
        """Follow an estimate; enough independent hits replace the guided preview."""
        for record in records:
            self.probability = record.probability or self.probability
            self._population = record.population
            self._joint = self._joint if record.probability is None else _joint(record.probability)
            if self.spec.method == "exact" and record.population is not None:
                self._show_hits(record.population)
            yield self._snapshot("probability", start + (end - start) * record.fraction, record.message)

    def _show_hits(self, population: Population) -> None:
        count = min(len(population.states) if population.independent else 0, self.spec.num_samples)
        shown = self.dataset.sizes["sample"] if self.dataset is not None and self.ensemble == "exact" else 0
        if count >= MIN_SHOWN and count > shown:
            self._show(exact_ensemble(population.states[:count], population.values[:count]))

    def _draw(
        self,
        draws: Iterator[tuple[float, Ensemble | None]],
        stage: str,
        message: str,
        start: float,
        end: float,
    ) -> Iterator[Snapshot]:
        for fraction, ensemble in draws:
            if ensemble is not None and ensemble is not self._shown:
                self._shown = ensemble
                self._show(ensemble)
            yield self._snapshot(stage, start + (end - start) * fraction, message)

    def _path_snapshot(self, paths: Paths | None, progress: float) -> Snapshot:
        if paths is not None and paths is not self._shown:
            self._shown = paths
            self._show(weighted_paths(paths))
        return self._snapshot("guided", progress, "drawing guided paths, approximate")

    def _show(self, ensemble: Ensemble) -> None:
        by_ode = ensemble.kind == "exact"
        steps = self.problem.num_steps if by_ode else self._path_steps
        path = {"solver": self.spec.sampler, "schedule": self.spec.schedule}
        kind = "ode" if by_ode else SAMPLERS[self.spec.sampler].kind
        drawn = {"sampler": kind, "num_steps": steps} | ({} if by_ode else path)
        self.dataset = _dataset(ensemble, self.spec, self.problem, drawn)

    def _snapshot(self, stage: str, progress: float, message: str) -> Snapshot:
        self._progress = max(self._progress, min(progress, 0.999))
        return Snapshot(stage, self._progress, message, self.dataset, self.probability)


def _joint(estimate: Probability) -> float:
    """Probability of the event and of what is known together."""
    return estimate.value * estimate.diagnostics.get("known_share", 1.0)


def _dataset(ensemble: Ensemble, spec: RunSpec, problem: Problem, drawn: dict[str, Any]) -> xr.Dataset:
    asked = {
        "event": spec.event_text or spec.event,
        "given": given_event(spec.given, problem.model),
        "when": when_text(spec.when) or None,
    }
    attrs = {
        "ensemble": ensemble.kind,
        "source": "model",
        "model": problem.model.name,
        "method": spec.method,
        "guidance": spec.guidance,
        **drawn,
        "seed": spec.seed,
    } | {name: str(value) for name, value in asked.items() if value is not None}
    if problem.caveats:
        attrs["caveats"] = " ".join(problem.caveats)
    if ensemble.mixing is not None:
        attrs |= ensemble.mixing.to_dict() | {"mixing": ensemble.mixing.words() or "mixed"}
    chains = {} if ensemble.replicate is None else {"replicate": ensemble.replicate}
    return to_dataset(
        ensemble.states,
        problem.model.layout,
        attrs=attrs,
        **chains,
        weight=ensemble.weights,
        satisfied=ensemble.holds,
        constraint=ensemble.values,
        guided=ensemble.guided,
    )


class NumericalError(RuntimeError):
    """Error of a computation with non-finite numbers, or without a result."""


def checked(records: Iterator[Any]) -> Iterator[Any]:
    """Pass records on, and raise numerical trouble as `NumericalError`."""
    try:
        yield from records
    except FloatingPointError as error:
        raise NumericalError(str(error)) from error
