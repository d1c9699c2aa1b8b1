"""Subset simulation in latent space: a rare event as a product of frequent ones.

With u ~ N(0, I), F the model's latent map and levels c₁ < c₂ < … < 0,

    P(C > 0) = P(C > c₁) · P(C > c₂ | C > c₁) · …,

the first factor from direct samples, each further one from chains that stay above the level before
(`kernels.probability.latent.chains`). All states that the chains visit count (Dau and Chopin, "Waste-free
sequential Monte Carlo", 2022). Everything runs in replicates which share nothing but the levels; P̂ is
the mean of their products, its standard error their spread. Au and Beck, Probab. Eng. Mech. 16 (2001).

Where something is known, levels lead to it first; P(event | what is known) is the product of the factors after
these, and the replicates share nothing from the first direct sample on.

The replicates come in batches. The first one chooses the levels, which biases it by O(1/N); further ones
take them as they are, are unbiased but for the adaptation of the chains' step, which is O(1/N) too, and
are what more samples add. Batches are cached: a run that was stopped goes on where it stopped, and a run that asks
for more samples begins with the batches that are there.
"""

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np

from kernels.probability.base import (
    Estimator,
    Population,
    Probability,
    Problem,
    Progress,
    log_interval,
    percent,
)
from kernels.probability.cache import LRUCache, Resumable, identity_of
from kernels.probability.latent.chains import judged
from kernels.probability.latent.direct import direct_latents, direct_samples
from kernels.probability.latent.exceedance import Exceedance, Stage, band, layered_curve, stage_curve
from kernels.probability.latent.levels import NUM_REPLICATES, Run, Scheme, mixing
from kernels.probability.latent.monte_carlo import estimate_proportion
from kernels.probability.latent.scales import NUM_SAMPLES

__all__ = [
    "DEFAULT_SCHEME",
    "SUBSET_SIMULATION",
    "is_no_number",
    "pooled_estimate",
    "predicted_calls",
    "subset_simulation",
]

DEFAULT_SCHEME = Scheme()
MAX_RELATIVE_ERROR = 0.5
LEVEL_VARIANCE = (
    4.0  # squared relative error that a level adds, times its chains: 1 to 3 on exact models, more on Lorenz
)
MIN_WORTH = 4  # distinct trajectories of a replicate after a level, where something is known
FEWEST_TO_STOP = 16  # replicates; stopped by 8 that agree, the stated error was 0.7 to 0.8 of the spread
FEW_CHAINS = 256  # of a batch; with fewer the stated error was right on some events, two thirds of the spread on others
MIN_FOR_RHAT = 16  # chains of a replicate, below which R̂ is noise


def predicted_calls(
    value: float,
    num_samples: int,
    num_steps: int,
    *,
    relative_error: float | None = None,
    scheme: Scheme = DEFAULT_SCHEME,
) -> float:
    """Expected network evaluations of `subset_simulation`, beyond the first direct samples.

    Args:
        value: the probability, about.
        num_samples: chains at each level over all replicates of a batch.
        num_steps: evaluations for a trajectory.
        relative_error: error to be reached, by as many batches as are needed; None is one batch.
        scheme: settings of subset simulation.
    """
    levels = max(1.0, np.ceil(np.log(max(value, 1e-12) / scheme.first_share) / np.log(scheme.share)))
    batches = 1.0
    if relative_error is not None:
        batches = max(1.0, np.ceil(LEVEL_VARIANCE * levels / num_samples / relative_error**2))
    return float(batches * levels * num_samples * scheme.moves.count * num_steps)


class _Batch(NamedTuple):
    """Run of subset simulation, and its remaining steps."""

    run: Run
    steps: Resumable


_kept = LRUCache(8)


def subset_simulation(
    problem: Problem,
    num_samples: int,
    *,
    num_direct: int = 0,
    relative_error: float | None = None,
    max_calls: int | None = None,
    scheme: Scheme = DEFAULT_SCHEME,
) -> Iterator[Progress]:
    """Estimate a rare probability by subset simulation.

    Args:
        problem: what is asked.
        num_samples: chains at each level over all replicates; beyond 8 × `scheme.num_chains`, in batches.
        num_direct: direct samples for the first level, at least as many as the chains of a level visit.
        relative_error: add batches until there are `FEWEST_TO_STOP` replicates and the standard error is at most this
            share of the value; None draws the batches of `num_samples`.
        max_calls: with `relative_error`, add no batch that would need more network evaluations in all.
        scheme: settings of subset simulation.
    """
    chains = max(4, -(-num_samples // NUM_REPLICATES))
    per_replicate = min(chains, scheme.num_chains)
    visits = per_replicate * NUM_REPLICATES * scheme.moves.count
    first = max(visits, num_direct - num_direct % NUM_REPLICATES)
    asked = -(-chains // per_replicate)
    runs: list[Run] = []
    estimate, done = None, 0.0
    while True:
        index = len(runs)
        span = (0, first) if index == 0 else (first + (index - 1) * visits, first + index * visits)
        levels = runs[0].path if runs else None
        identity = (identity_of(problem, event=True), scheme, per_replicate, first, index)
        batch = yield from _pooled(problem, span, identity, per_replicate, scheme, levels)
        for fraction, message in batch.steps:
            done = max(done, min(0.999, (index + 0.1 + 0.9 * fraction) / max(asked, index + 1)))
            words = message if index == 0 and asked == 1 else f"batch {index + 1}, {message}"
            yield Progress(done, words, estimate, batch.run.population(done=False))
        runs.append(batch.run)
        if len(runs[0].path) == 1 and problem.observations is None:
            break
        estimate = pooled_estimate(runs, problem.num_steps)
        enough = (
            len(runs) >= asked
            if relative_error is None
            else _precise(runs, estimate, relative_error, max_calls)
        )
        if runs[0].stuck or enough:
            yield Progress(1.0, "subset simulation is done", estimate, _population(runs))
            return
    total = max(first, chains * NUM_REPLICATES * scheme.moves.count)
    for record in _settled(problem, runs[0], total):
        yield (
            record
            if num_samples >= NUM_REPLICATES
            else record._replace(probability=_small(record, num_samples))
        )


def _pooled(
    problem: Problem,
    span: tuple[int, int],
    identity: tuple,
    per_replicate: int,
    scheme: Scheme,
    levels: Sequence[float] | None,
) -> Generator[Progress, None, _Batch]:
    """Make a batch that starts from the direct samples of `span`; both are cached."""
    states: list[np.ndarray] = []
    for chunk in direct_samples(problem, span[1]):
        states.append(chunk)
        fraction = sum(map(len, states)) / span[1]
        if levels is None:
            yield Progress(0.1 * fraction, f"direct samples for the first level, {fraction:.0%}")
    drawn = np.concatenate(states)[span[0] :]
    key = problem.stream_key("subset")
    key = key if levels is None else jax.random.fold_in(key, 10_000 + identity[-1])

    def make() -> _Batch:
        latents = direct_latents(problem, np.arange(*span))
        run = Run(problem, judged(problem, latents, drawn), per_replicate, scheme, key, levels)
        return _Batch(run, Resumable(run.steps()))

    batch = _kept.get(identity, make)
    if batch.steps.is_broken:
        _kept.drop(identity)
        batch = _kept.get(identity, make)
    return batch


def _precise(
    runs: Sequence[Run], estimate: Probability, relative_error: float, max_calls: int | None
) -> bool:
    """Whether the error is small enough, by enough replicates, or another batch would go beyond the budget."""
    precise = estimate.value > 0 and estimate.standard_error <= relative_error * estimate.value
    if precise and len(runs) * NUM_REPLICATES >= FEWEST_TO_STOP:
        return True
    run = runs[-1]
    moved = run.trajectories - run.num_direct
    another = moved + NUM_REPLICATES * run.per_replicate * run.scheme.moves.count  # with its direct samples
    return max_calls is None or estimate.num_calls + another * run.problem.num_steps > max_calls


def _settled(problem: Problem, run: Run, num_direct: int) -> Iterator[Progress]:
    """Estimate of an event that direct samples settle; its error is binomial."""
    hits, total = 0, 0
    for chunk in direct_samples(problem, num_direct):
        hits, total = hits + int(problem.judge(chunk)[1].sum()), total + len(chunk)
        yield Progress(0.1 + 0.899 * total / num_direct, f"{total} direct samples, which settle it")
    calls = num_direct * problem.num_steps
    estimate = estimate_proportion(hits, num_direct, method="subset_simulation", num_calls=calls)
    estimate.diagnostics.update(_diagnostics([run]))
    yield Progress(1.0, "direct samples settle it", estimate, run.population(done=True))


def _small(record: Progress, num_samples: int) -> Probability | None:
    """Estimate of a run that was asked for less than one chain a replicate."""
    found = record.probability
    if found is None or found.status != "ok":
        return found
    words = f"{found.message} Few chains: {num_samples} of at least {NUM_REPLICATES}. Take {FEW_CHAINS} samples or more."
    return dataclasses.replace(found, status="few_chains", message=words)


def _population(runs: list[Run]) -> Population | None:
    """Population of all runs' states in the event, their replicates side by side.

    None where they hold too little of what is known.
    """
    if not all(map(_is_sound, runs)):
        return None
    found = [(i, one) for i, run in enumerate(runs) if (one := run.population(done=True)) is not None]
    if not found:
        return None
    apart = [one._replace(replicate=one.replicate + NUM_REPLICATES * i) for i, one in found]
    return Population(*(np.concatenate(parts) for parts in zip(*apart, strict=True)))


def pooled_estimate(runs: Sequence[Run], num_steps: int) -> Probability:
    """Estimate from the replicates of all runs, with its error and reliability."""
    products = np.concatenate([run.products for run in runs])
    value, count = float(products.mean()), len(products)
    drawn = sum(run.trajectories for run in runs) + (0 if runs[0].scales is None else NUM_SAMPLES)
    calls, diagnostics = drawn * num_steps, _diagnostics(runs)
    if not all(map(_is_sound, runs)):
        return _unknown(runs, calls, diagnostics)
    if runs[0].stuck or value == 0:
        return _unreached(runs[0], calls, diagnostics)
    error = float(products.std(ddof=1) / np.sqrt(count))
    relative = error / value
    mixed = mixing(runs)
    trouble = {
        "The replicates disagree: take more samples.": relative > MAX_RELATIVE_ERROR
        or np.count_nonzero(products) <= count / 2,
        mixed.words(): not mixed.mixed and runs[0].per_replicate >= MIN_FOR_RHAT,
    }
    words = [
        f"{count} replicates over {len(runs[0].levels)} levels; relative standard error {percent(relative)}."
    ]
    words += [reason for reason, bad in trouble.items() if bad]
    chains = NUM_REPLICATES * runs[0].per_replicate
    words += [_few_words(chains)] if chains < FEW_CHAINS else []
    sound = "few_chains" if chains < FEW_CHAINS else "ok"
    return Probability(
        value=value,
        standard_error=error,
        interval=log_interval(value, relative, count - 1),
        ess=1.0 / max(relative, 1e-9) ** 2,
        method="subset_simulation",
        status="unreliable" if any(trouble.values()) else sound,
        message=" ".join(words) + _constant_words(runs[0]),
        num_calls=calls,
        diagnostics=diagnostics,
    )


def _few_words(chains: int) -> str:
    return (
        f"Few chains: with {chains} of them at a level the stated error can be too small by a third. Take "
        f"{FEW_CHAINS} samples or more."
    )


def _constant_words(run: Run) -> str:
    """Sentences on parts of the event that do not vary; empty if all do."""
    return "" if run.scales is None else run.scales.words()


def _diagnostics(runs: Sequence[Run]) -> dict[str, Any]:
    acceptance = [rate for run in runs for rate in run.acceptance]
    found = {
        "levels": runs[0].levels,
        "exceedance": band(_curve(runs)),
        "acceptance": float(np.mean(acceptance)) if acceptance else None,
        "replicates": np.concatenate([run.products for run in runs]).tolist(),
    } | {name: number if number == number else None for name, number in mixing(runs).to_dict().items()}
    if runs[0].known_share < 1.0:
        found["known_share"] = float(np.mean([run.known_share for run in runs]))
    return found if runs[0].scales is None else found | {"scales": list(runs[0].scales.values)}


def _curve(runs: Sequence[Run]) -> list[Exceedance]:
    """Exceedance curve P(C > c) from the stages of all runs, a stage at a time."""
    levels = [-np.inf, *runs[0].levels]
    stages = [
        _joined([run.stages[index] if index < len(run.stages) else _DEAD for run in runs])
        for index in range(len(levels) - 1)
    ]
    if runs[0].scales is not None:
        return layered_curve(stages, levels[1:])
    points: list[Exceedance] = []
    for stage, (low, high) in zip(stages, pairwise(levels), strict=True):
        points += stage_curve(stage, low, high, last=high == 0)
    return points


_NOWHERE = np.full(NUM_REPLICATES, -np.inf)
_DEAD = Stage(_NOWHERE, np.arange(NUM_REPLICATES), np.zeros(NUM_REPLICATES), False, _NOWHERE)


def _joined(stages: list[Stage]) -> Stage:
    """Stage that joins one stage of several runs, their replicates side by side."""
    margins = [stage.margins for stage in stages if stage.margins is not None]
    return Stage(
        np.concatenate([stage.values for stage in stages]),
        np.concatenate([NUM_REPLICATES * i + stage.replicate for i, stage in enumerate(stages)]),
        np.concatenate([stage.products for stage in stages]),
        all(stage.independent for stage in stages),
        np.concatenate(margins) if len(margins) == len(stages) else None,
    )


def _is_sound(run: Run) -> bool:
    """Whether a run has met what is known, with chains that are worth enough."""
    return run.is_known and run.least_worth >= MIN_WORTH


def is_no_number(estimate: Probability) -> bool:
    """Whether the chains held too little of what is known to say anything."""
    return estimate.status == "budget_exhausted" and estimate.interval == (0.0, 1.0)


def _unknown(runs: Sequence[Run], calls: int, diagnostics: dict[str, Any]) -> Probability:
    """No number: the chains hold too little of what is known."""
    fewest = min(run.least_worth for run in runs)
    lost = next((run for run in runs if not run.is_known), None)
    if lost is not None and fewest >= MIN_WORTH:
        about = f"they stopped where P ≈ {lost.bound[0]:.1g}"
        words = f"What is known is too rare under the model for chains: {about}. Widen the tolerances."
    else:
        words = (
            f"What is known leaves the chains so little room that those of a replicate are worth {fewest:.0f} "
            f"distinct trajectories; {MIN_WORTH} are needed. Widen the tolerances, or take more samples."
        )
    return Probability(
        value=0.0,
        standard_error=1.0,
        interval=(0.0, 1.0),
        ess=0.0,
        method="subset_simulation",
        status="budget_exhausted",
        message=f"No number. {words}",
        num_calls=calls,
        diagnostics=diagnostics,
    )


def _unreached(run: Run, calls: int, diagnostics: dict[str, Any]) -> Probability:
    """Upper bound of the probability where the levels never reached the event."""
    about, bound = run.bound
    what = "C" if run.scales is None else "C in spreads of its parts"
    return Probability(
        value=0.0,
        standard_error=bound,
        interval=(0.0, bound),
        ess=0.0,
        method="subset_simulation",
        status="budget_exhausted",
        message=(
            f"The levels stopped at {what} = {run.reached:.3g}, with P(C > that) ≈ {about:.1g}: "
            f"the event may be impossible under the model. Check it, or take more samples.{_constant_words(run)}"
        ),
        num_calls=calls,
        diagnostics=diagnostics,
    )


SUBSET_SIMULATION = Estimator(
    name="subset_simulation",
    label="subset simulation",
    run=lambda problem, num_samples, path_steps: subset_simulation(problem, num_samples),
)
