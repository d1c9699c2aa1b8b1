"""Base of all estimators: the problem, the result, and the records of progress."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray
from scipy import stats

from kernels.diffusion.schedules import DEFAULT_SCHEDULE
from kernels.events.semantics.batches import evaluate_batch
from kernels.events.semantics.compile import Constraint
from kernels.guidance.observations import Observed
from kernels.guidance.registry import DEFAULT_GUIDANCE
from kernels.models import Model
from kernels.recordings.windows import Segment
from kernels.samplers.registry import DEFAULT_SAMPLER
from kernels.samplers.sampling import draw_noise
from kernels.trajectories.standardizer import Standardizer

__all__ = [
    "Estimator",
    "Population",
    "Probability",
    "Problem",
    "Progress",
    "binomial_interval",
    "log_interval",
    "percent",
]

Batch = Float[Array, "sample time variable"]


def _nothing(problem: Any) -> None:
    """Require nothing: for an estimator that only looks at the model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probability:
    """Estimate of an event's probability, with its error and reliability.

    Attributes:
        value: the estimate.
        standard_error: of the estimate: of sampling, and under a model of a record also of the record.
        interval: 95 % interval (low, high), of both as well.
        ess: effective number of independent samples behind it: (Σw)²/Σw² where there are weights,
            else (value / standard_error)², of direct samples at most their number.
        pareto_k: shape of the importance ratios' tail (above 0.7: not to be trusted); None without weights.
        method: the estimator that gave it.
        status: "ok", "uncorroborated" (nothing speaks against it, and no sample without guidance for it),
            "few_chains", "unreliable", "no_hits" or "budget_exhausted"; under a model of a record also those of
            `kernels.probability.record`.
        message: in plain words, with a remedy where there is trouble.
        num_calls: network evaluations of one trajectory, samples taken from a cache included.
        diagnostics: further numbers, by name.
        record_error: part of the standard error that the record leaves, see `kernels.probability.record_error`; None
            where it is not in it.
        beside: what the record says of the same event, under a model that was trained on one, by `method`: "data", the
            frequency in held-out windows, "training_data", and "peaks_over_threshold", for thresholds on one variable.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    ess: float
    pareto_k: float | None = None
    method: str
    status: str = "ok"
    message: str = ""
    num_calls: int = 0
    diagnostics: dict[str, Any] = dataclasses.field(default_factory=dict)
    record_error: float | None = None
    beside: "tuple[Probability, ...]" = ()

    @property
    def sampling_error(self) -> float:
        """Part of the standard error that more samples make smaller."""
        return math.sqrt(max(self.standard_error**2 - (self.record_error or 0.0) ** 2, 0.0))

    @property
    def words(self) -> str:
        """Value and interval in words."""
        low, high = self.interval
        return f"{self.value:.2g} ({low:.2g} to {high:.2g})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able dictionary of the estimate."""
        beside = [estimate.to_dict() for estimate in self.beside]
        further = {"interval": list(self.interval), "sampling_error": self.sampling_error, "beside": beside}
        return dataclasses.asdict(self) | further


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimator:
    """Record of an estimator: name, label, function and requirements.

    Attributes:
        name: what `method=` takes.
        label: name in menus and tables.
        run: (problem, num_samples, path_steps) → records of progress; `path_steps` counts network evaluations on
            a stochastic path, and the problem's own `num_steps` those through the ODE.
        require: raises ValueError where the problem has not what the estimator looks at.
        min_samples: number of samples below which there is no error bar.
    """

    name: str
    label: str
    run: "Callable[[Problem, int, int], Iterator[Progress]]"
    require: "Callable[[Problem], Any]" = _nothing
    min_samples: int = 1


class Population(NamedTuple):
    """Latents whose trajectories meet the event, distributed by its conditional law.

    Attributes:
        latents: (sample, *latent_shape), standard normal given the event; None while more are coming.
        states: their trajectories, physical units.
        values: C of each.
        weights: (sample,), not negative.
        replicate: (sample,), whole numbers, equal where trajectories may share ancestors; trajectories of different
            replicates are independent.
    """

    latents: np.ndarray | None
    states: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    replicate: np.ndarray

    @property
    def independent(self) -> bool:
        """Whether each trajectory is a replicate of its own."""
        return len(np.unique(self.replicate)) == len(self.replicate)


class Progress(NamedTuple):
    """Progress record of an estimator.

    Attributes:
        fraction: share of the work done, 0 … 1.
        message: what is happening, one short sentence.
        probability: the running estimate, None as long as there is none.
        population: trajectories in the event, as far as the estimator has exact ones.
    """

    fraction: float
    message: str
    probability: Probability | None = None
    population: Population | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Problem of an estimator: P(event | observations) under a model.

    Attributes:
        key: random key; every estimator derives its own from it.
        model: the model.
        constraint: the compiled event; None asks for nothing, and every trajectory meets it.
        observations: what is known, compiled, or None.
        num_steps: evaluations for a trajectory by the ODE.
        guidance: how stochastic paths are steered, a name of `kernels.guidance.registry.GUIDANCE`.
        sampler: how stochastic paths are drawn, a name of `kernels.samplers.registry.SAMPLERS`.
        schedule: noise levels of stochastic paths, a name of `kernels.diffusion.schedules.SCHEDULES`.
        caveats: sentences on windows of the event that mean less than they seem to, see `Event.caveats`.
    """

    key: PRNGKeyArray
    model: Model
    constraint: Constraint | None
    observations: Constraint | None
    num_steps: int
    guidance: str = DEFAULT_GUIDANCE
    sampler: str = DEFAULT_SAMPLER
    schedule: str = DEFAULT_SCHEDULE
    caveats: tuple[str, ...] = ()

    @functools.cached_property
    def denoiser(self) -> Any:
        """Denoiser of stochastic paths, guided to the observations: approximate, but for Gaussian models."""
        if self.observations is None:
            return self.model.denoiser
        return Observed.from_constraint(self.model.denoiser, self.observations, self.model.standardizer)

    def meant(self, part: Segment) -> Bool[np.ndarray, " window"]:
        """Whether each window of a part of the record begins in the season, and with the covariates, that are meant."""
        conditions = self.model.conditions
        return np.ones(len(part.starts), bool) if conditions is None else conditions.met(part)

    def bound(self, keys: Key[Array, " sample"]) -> tuple["Problem", Batch]:
        """Problem of one batch, given the conditions that its keys draw, and the latents it starts from."""
        model, latents = self.model.bound(draw_noise(keys, 0, self.model.latent_shape))
        return (self if model is self.model else dataclasses.replace(self, model=model)), latents

    @property
    def path_law(self) -> tuple[str, str]:
        """Names of sampler and schedule, which with the model fix the law of stochastic paths."""
        return self.sampler, self.schedule

    def stream_key(self, name: str) -> PRNGKeyArray:
        """Random key for one purpose."""
        return jax.random.fold_in(self.key, _STREAMS.index(name))

    def judge(self, states: np.ndarray | Array) -> tuple[np.ndarray, np.ndarray]:
        """Robustness C (float64) and truth of trajectories (sample, time, variable).

        The trajectories are in physical units.
        """
        if self.constraint is None:
            return np.full(len(states), np.nan), np.ones(len(states), bool)
        return evaluate_batch(self.constraint, states)

    def known(self, states: np.ndarray | Array) -> np.ndarray:
        """Whether each of the trajectories (sample, time, variable) meets what is known.

        The trajectories are in physical units.
        """
        if self.observations is None:
            return np.ones(len(states), bool)
        return evaluate_batch(self.observations, states)[1]

    def physical(self, x0: Batch) -> np.ndarray:
        """Convert standardised samples to physical units, on the host.

        Raises:
            FloatingPointError: a sample is not finite.
        """
        states = np.asarray(_unstandardize(self.model.standardizer, x0))
        if not np.isfinite(states).all():
            raise FloatingPointError(
                "the model drew values that are not finite. Check its weights, or take more steps."
            )
        return states


_STREAMS = (
    "direct",
    "subset",
    "path",
    "preview",
    "exact",
    "simulator",
    "unconditional",
    "twisted",
    "density",
)


@jax.jit
def _unstandardize(standardizer: Standardizer, x0: Float[Array, "sample time score"]) -> Batch:
    return standardizer.unstandardize(x0)


def binomial_interval(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a proportion: Jeffreys', and the rule of three where all or none hit."""
    if hits == 0:
        return 0.0, min(1.0, 3.0 / total)
    if hits == total:
        return max(0.0, 1.0 - 3.0 / total), 1.0
    low, high = stats.beta.ppf([0.025, 0.975], hits + 0.5, total - hits + 0.5)
    return float(low), float(high)


def log_interval(value: float, relative_error: float, degrees: int) -> tuple[float, float]:
    """95 % interval on the log scale, by Student's t, for an error that is a factor."""
    spread = float(stats.t.ppf(0.975, degrees)) * relative_error
    factor = float(np.exp(min(spread, 50.0)))
    return min(1.0, value / factor), min(1.0, value * factor)


def percent(value: float) -> str:
    """Relative error as text, with two digits."""
    return f"{100 * value:.2g} %"
