"""Report of a model: `measure` yields its figures, one after another."""

import dataclasses
import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PRNGKeyArray
from scipy import stats

from kernels.fidelity import metrics
from kernels.fidelity.reference_events import SHARES, events_by_frequency, reference_event, shown_variables
from kernels.fidelity.samples import (
    REPORT_STEPS,
    deterministic,
    latents,
    report_problem,
    share,
    starts_of,
    stochastic,
)
from kernels.fidelity.step_count import needed_steps
from kernels.likelihood import log_likelihood
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.blocks import block_error
from kernels.probability.data import block_frequency
from kernels.probability.latent.subset_simulation import subset_simulation
from kernels.recordings.windows import Segment
from kernels.systems import get_system
from kernels.training.presets import MAX_VALUES
from kernels.trajectories.datasets import to_dataset

__all__ = ["Effort", "measure", "misses", "require_measurable"]

MAX_DISTANCE, MAX_ROLLOUT = 0.01, 0.002  # targets of shipped models
ALLOWED = ((0.05, 0.03), (0.01, 0.07), (1e-3, 0.25))  # least intended probability → relative error
FALSE_MISSES = (
    0.03  # nominal share of perfect models that miss a target by noise: counts of few hits miss more often
)
NUM_CHECKS = len(SHARES) + 2  # events, the reference event and the one-point distances
NUM_ROLLOUTS = 2048
NUM_PROBES = 8
NUM_MEMBERS = 64  # members of a scored ensemble
NUM_CLIMATE, LEAST_CLIMATE = 1024, 2
UNSEEN = 1_000_003  # folded into the key of the true trajectories: no training uses it

Trajectories = Float[np.ndarray, "sample time variable"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effort:
    """Numbers of samples, chains and starts that a report is measured with.

    Attributes:
        num_samples: of the model, by each sampler.
        num_simulated: of the system; fewer where these are more than `MAX_VALUES` numbers.
        num_paired: latents on which step counts are compared; 0 takes the step count of the card.
        num_chains: of subset simulation, for events too rare for the samples; 0 leaves those to the samples, as a
            forecasting model does, whose samples have a start each.
        num_likelihood: held-out trajectories whose log-density is worked out; 0 for none.
        stochastic: measure stochastic sampling too.
        num_cases: starts from which a forecasting model draws an ensemble.
    """

    num_samples: int = 50_176
    num_simulated: int = 200_000
    num_paired: int = 16_384
    num_chains: int = 512
    num_likelihood: int = 32
    stochastic: bool = True
    num_cases: int = 256

    @classmethod
    def brief(cls) -> "Effort":
        """Effort of a quick report: a third of the samples, the card's step count, few chains."""
        return cls(
            num_samples=16_384, num_paired=0, num_chains=256, num_likelihood=8, stochastic=False, num_cases=64
        )


def require_measurable(model: Model) -> None:
    """Raise ValueError if there is no truth to measure the model against."""
    if model.system is None and model.held_out is None:
        raise ValueError(
            f"`model` must be of a registered system, or of a recording with a held-out part; {model.name} is neither."
        )


def measure(model: Model, *, effort: Effort | None = None, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Measure a model; every record holds all figures so far.

    Args:
        model: a model of a system or of a recording; a forecasting one is given the starts of true trajectories.
        effort: how much to spend.
        seed: of everything drawn here.

    Raises:
        ValueError: there is nothing to measure the model against.
    """
    require_measurable(model)
    effort, key = effort or Effort(), jax.random.key(seed)
    truth = _truth(model, key, effort)
    event = reference_event(model, truth)
    report: dict[str, Any] = {"event": event, "num_samples": effort.num_samples, "num_simulated": len(truth)}
    problem = report_problem(model, event, key, REPORT_STEPS)
    report["simulator" if model.system else "data"] = _true_share(model, problem, truth)
    learned = _learned(model)
    if learned is not None:
        apart = metrics.distances(model.layout, learned.windows, truth)
        report["training_data"] = _block_share(problem, learned, "training_data") | apart
    num_steps = model.num_steps
    if effort.num_paired:
        report["steps_check"] = needed_steps(model, truth, key, num_samples=effort.num_paired)
        num_steps = report["steps_check"]["num_steps"]
    report["num_steps"] = num_steps
    yield dict(report)
    few = report_problem(model, event, key, num_steps)
    starts = starts_of(model, truth, effort.num_samples)
    states = deterministic(few, latents(model, key, len(starts)), starts)
    report[f"ode_{num_steps}"] = _figures(model, few, states, truth)
    yield dict(report)
    if effort.stochastic:
        report[f"sde_{REPORT_STEPS}"] = _figures(model, problem, stochastic(model, key, starts), truth)
        yield dict(report)
    yield from _details(few, report, states, truth, key, effort)


def _details(
    few: Problem,
    report: dict[str, Any],
    states: Trajectories,
    truth: Trajectories,
    key: PRNGKeyArray,
    effort: Effort,
) -> Iterator[dict[str, Any]]:
    model = few.model
    report["one_point"] = metrics.one_point(model.layout, states, truth)
    report |= metrics.in_time(model.layout, states, truth)
    if model.system is not None:
        some = states[:NUM_ROLLOUTS], truth[:NUM_ROLLOUTS]
        report["rollout"] = metrics.rollout_curves(
            get_system(model.system), *some, jax.random.fold_in(key, 3)
        )
    drift = metrics.energy_drift(model, states, truth)
    if drift is not None:
        report["energy_drift"] = drift
    if model.num_known:
        report["forecast"] = _forecast(few, truth, key, min(effort.num_cases, len(truth)))
    yield dict(report)
    report["events"] = []
    for wanted, event in events_by_frequency(model.layout, truth):
        report["events"].append(_event(model, event, wanted, states, truth, key, report["num_steps"], effort))
        yield dict(report)
    if effort.num_likelihood and (density := _log_likelihood(model, truth, key, effort.num_likelihood)):
        report["log_likelihood"] = density
    report["misses"] = misses(model, report)
    yield dict(report)


def _truth(model: Model, key: PRNGKeyArray, effort: Effort) -> Trajectories:
    if model.system is None:
        assert model.held_out is not None  # noqa: S101 - required above
        return model.held_out.windows
    system = get_system(model.system)
    most = MAX_VALUES // math.prod(system.layout.shape)
    return system.simulate_array(jax.random.fold_in(key, UNSEEN), min(effort.num_simulated, most))


def _forecast(problem: Problem, truth: Trajectories, key: PRNGKeyArray, num_cases: int) -> dict[str, Any]:
    """Scores of ensembles that start from the first states of true trajectories."""
    model = problem.model
    starts = np.repeat(starts_of(model, truth, num_cases), NUM_MEMBERS, axis=0)
    noise = latents(model, jax.random.fold_in(key, 5), len(starts))
    ensembles = deterministic(problem, noise, starts).reshape(num_cases, NUM_MEMBERS, *model.layout.shape)
    climate = np.arange(len(truth))[-NUM_CLIMATE:]
    apart = _apart(model.held_out, np.arange(num_cases), climate)
    return metrics.forecast_scores(model, ensembles, truth[:num_cases], truth[climate], apart)


def _apart(
    part: Segment | None, cases: Int[np.ndarray, " case"], others: Int[np.ndarray, " other"]
) -> Bool[np.ndarray, "case other"]:
    """Whether true trajectories are others than the case, and windows of a record of another time.

    Of a record in which all members are at one time, other members are others.
    """
    if part is None:
        return cases[:, None] != others
    apart, rows = (
        np.abs(when[cases][:, None] - when[others]) >= part.length for when in (part.begins, part.starts)
    )
    return np.where(apart.sum(1, keepdims=True) < LEAST_CLIMATE, rows, apart)


def _true_share(model: Model, problem: Any, truth: Trajectories) -> dict[str, Any]:
    """Probability of the event in the truth: in simulations, or in overlapping windows."""
    return share(problem, truth) if model.held_out is None else _block_share(problem, model.held_out, "data")


def _learned(model: Model) -> Segment | None:
    """Training data of a model of a recording; None for a forecast, whose starts are held out."""
    return None if model.num_known else model.training_data


def _block_share(problem: Any, part: Segment, method: str) -> dict[str, Any]:
    found = block_frequency(problem.judge(part.windows)[1], part.least_block, method, places=part.places)
    return {
        "probability": found.value,
        "standard_error": found.standard_error,
        "interval": list(found.interval),
    }


def _figures(model: Model, problem: Any, states: Trajectories, truth: Trajectories) -> dict[str, Any]:
    figures = share(problem, states) | metrics.distances(model.layout, states, truth)
    rate = FALSE_MISSES / NUM_CHECKS
    figures["kolmogorov_noise"] = metrics.sampling_noise(
        model.layout, len(states), _worth(model, truth), rate
    )
    if model.system is not None:
        error = metrics.rollout_mean(get_system(model.system), states[:NUM_ROLLOUTS])
        figures["rollout_error"] = error
    return figures


def _worth(model: Model, truth: Trajectories) -> float:
    """Number of independent true trajectories: of held-out windows, by the blocks in which states are alike."""
    if model.held_out is None:
        return len(truth)
    part, states = model.held_out, truth[:, 0, shown_variables(model.layout)]
    errors = [
        block_error(beyond, part.least_block, part.places).standard_error
        for beyond in (states > np.median(states, axis=0)).T
    ]
    return float(np.clip(0.25 / max(*errors, 1e-12) ** 2, 1.0, len(truth)))


def _event(
    model: Model,
    event: str,
    wanted: float,
    states: Trajectories,
    truth: Trajectories,
    key: PRNGKeyArray,
    num_steps: int,
    effort: Effort,
) -> dict[str, Any]:
    """Probability of one event under the model and in the truth.

    Subset simulation replaces the samples where these would have few hits.
    """
    problem = report_problem(model, event, key, num_steps)
    found, method = share(problem, states), "monte_carlo"
    if wanted * len(states) < 100 and effort.num_chains and not model.num_known:
        last = deque(subset_simulation(problem, effort.num_chains), maxlen=1).pop().probability
        assert last is not None  # noqa: S101 - the last record of an estimator has an estimate
        found, method = {"probability": last.value, "standard_error": last.standard_error}, last.method
    entry = {"event": event, "share": wanted, "truth": _true_share(model, problem, truth)}
    learned = _learned(model)
    if learned is not None:
        entry["training_data"] = _block_share(problem, learned, "training_data")
    return entry | {"model": found, "method": method}


def _log_likelihood(model: Model, truth: Trajectories, key: PRNGKeyArray, count: int) -> dict[str, float]:
    """Mean log-density of trajectories unseen in training, in nats, and per number.

    The divergence is estimated by probes.
    """
    chosen = np.linspace(0, len(truth) - 1, min(count, len(truth))).round().astype(int)
    known = None if model.held_out is None else model.held_out.conditions
    values = log_likelihood(
        model,
        to_dataset(truth[chosen], model.layout),
        num_probes=NUM_PROBES,
        key=jax.random.fold_in(key, 4),
        rtol=1e-3,
        conditions=None if known is None else known[chosen],
    )
    array = np.asarray(values)[np.isfinite(values)]  # beyond a tail's end point the density is 0
    if not array.size:
        return {}
    return {
        "mean": float(array.mean()),
        "standard_error": float(array.std(ddof=min(1, len(array) - 1)) / np.sqrt(len(array))),
        "per_number": float(array.mean() / math.prod(model.layout.shape)),
        "num_trajectories": len(array),
        **({"impossible": int(np.sum(~np.isfinite(values)))} if len(array) < len(values) else {}),
        **({"bound": values.attrs["bound"]} if "bound" in values.attrs else {}),
    }


def misses(model: Model, report: Mapping[str, Any]) -> list[str]:
    """Targets missed by more than the noise of samples, as sentences.

    Samples of the model, of the truth and of what the model was trained on are noisy: of perfect models fewer than one
    in twenty miss any target (Bonferroni over all checks). A model of a recording is trained on one part of it, and
    the truth is another part: the errors of both count, and their one-point distance is allowed for.
    """
    found, ode = [], report[f"ode_{report['num_steps']}"]
    truth = report.get("simulator") or report["data"]
    learned = report.get("training_data")
    distance, allowed = ode["kolmogorov_distance"], MAX_DISTANCE
    if learned:
        allowed += learned["kolmogorov_distance"]
    noise = ode.get("kolmogorov_noise", 0.0)
    if distance > max(allowed, noise):
        found.append(
            f"one-point Kolmogorov distance {distance:.3g} ({ode['where']}){_trained_on(learned, 'kolmogorov_distance')}, "
            f"target {allowed:.3g}"
        )
    if model.system == "lorenz63" and ode["rollout_error"] > MAX_ROLLOUT:
        found.append(f"rollout error {ode['rollout_error']:.2g}, target {MAX_ROLLOUT:g}")
    reference = {"event": report["event"], "share": truth["probability"], "truth": truth, "model": ode}
    reference |= {"training_data": learned, "method": "monte_carlo"}
    entries = (reference, *report.get("events", []))
    normal = float(stats.norm.isf(0.5 * FALSE_MISSES / (len(entries) + 1)))
    for entry in entries:
        event, mine, true = entry["event"], entry["model"], entry["truth"]
        p = true["probability"]
        allowed = next((share for least, share in ALLOWED if entry["share"] >= least), None)
        gap = abs(mine["probability"] - p)
        if allowed is not None and gap > max(allowed * p, normal * _noise(entry, report.get("num_samples"))):
            found.append(
                f"P({event}) = {mine['probability']:.3g}, truth {p:.3g}"
                f"{_trained_on(entry.get('training_data'), 'probability')}{_off(gap, p)}, target {100 * allowed:g} %"
            )
    return found


def _noise(entry: Mapping[str, Any], num_samples: int | None) -> float:
    """Standard error of the gap between model and truth, were the model perfect.

    Few hits of the model state a small error by chance: that of the truth's probability is taken where it is larger.
    Few blocks of a record leave its error uncertain, for which its interval is wider.
    """
    p, mine = entry["truth"]["probability"], entry["model"]["standard_error"]
    if num_samples and entry.get("method") == "monte_carlo":
        mine = max(mine, math.sqrt(p * (1.0 - p) / num_samples))
    errors = [mine]
    for of in (entry["truth"], entry.get("training_data")):
        if of:
            low, high = of.get("interval", (0.0, 0.0))
            errors.append(max(of["standard_error"], 0.5 * (high - low) / stats.norm.ppf(0.975)))
    return math.hypot(*errors)


def _off(gap: float, truth: float) -> str:
    return f": off by {100 * gap / truth:.2g} %" if truth else ""


def _trained_on(learned: Mapping[str, Any] | None, figure: str) -> str:
    """Clause with the figure of the training data; empty without training data."""
    return f", training data {learned[figure]:.3g}" if learned else ""
