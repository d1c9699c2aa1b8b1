"""Direct Monte Carlo: the share of the model's unconditional samples in the event.

P̂ = h / n, standard error √(P̂(1 − P̂)/n), Jeffreys' interval; no hit in n samples means P < 3/n.
The hits are exact, independent draws from the conditional law of the model. Where something is known, n counts
the samples that meet it, and h those of them in the event: rejection sampling.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from kernels.probability.base import Estimator, Population, Probability, Problem, Progress, binomial_interval
from kernels.probability.latent.direct import direct_latents, direct_samples

__all__ = ["MONTE_CARLO", "estimate_proportion", "estimate_share", "monte_carlo"]

RARE_REMEDY = "Use subset simulation, or more samples."
MIN_HITS = 10  # hits; with fewer the interval is too wide for status "ok"


def estimate_proportion(
    hits: int, total: int, *, method: str, num_calls: int, remedy: str = RARE_REMEDY
) -> Probability:
    """Estimate from `hits` in `total` independent samples; `remedy` says what to do where the hits are few."""
    value = hits / total
    error = float(np.sqrt(max(value * (1.0 - value), 0.0) / total))
    interval = binomial_interval(hits, total)
    status, message = "ok", f"{hits} of {total} independent samples meet the event."
    if hits == 0:
        status = "no_hits"
        error = 1.0 / total
        message = f"None of {total} independent samples meets the event, so P < {3 / total:.2g} (rule of three). {remedy}"
    elif hits == total:
        error = 1.0 / total
        status = "unreliable" if total < MIN_HITS else "ok"
        message = f"All of {total} independent samples meet the event, so P > {interval[0]:.6g}."
    elif hits < MIN_HITS:
        status = "unreliable"
        message = f"Only {hits} of {total} samples meet the event. {remedy}"
    ess = min((value / error) ** 2, float(total)) if error > 0 else float(total)
    return Probability(
        value=value,
        standard_error=error,
        interval=interval,
        ess=ess,
        method=method,
        status=status,
        message=message,
        num_calls=num_calls,
        diagnostics={"hits": hits, "num_samples": total},
    )


def estimate_share(
    hits: int, known: int, drawn: int, *, method: str, num_calls: int, source: str
) -> Probability:
    """Estimate of P(event | what is known) by rejection.

    Args:
        hits: trajectories that meet what is known and the event.
        known: trajectories that meet what is known.
        drawn: all trajectories.
        method: the estimator.
        num_calls: network evaluations.
        source: noun for the trajectories, such as "direct samples".
    """
    counts = {"num_drawn": drawn, "known_share": known / drawn}
    if known == 0:
        return Probability(
            value=0.0,
            standard_error=1.0,
            interval=(0.0, 1.0),
            ess=0.0,
            method=method,
            status="no_hits",
            message=f"None of {drawn} {source} meets what is known, so nothing can be said of the event. "
            "Widen the tolerances, or take more samples.",
            num_calls=num_calls,
            diagnostics={"hits": 0, "num_samples": 0} | counts,
        )
    remedy = "Take more samples, or widen the tolerances."
    estimate = estimate_proportion(hits, known, method=method, num_calls=num_calls, remedy=remedy)
    words = f"{known} of {drawn} {source} meet what is known. {estimate.message}"
    return dataclasses.replace(estimate, message=words, diagnostics=estimate.diagnostics | counts)


def monte_carlo(
    problem: Problem, num_samples: int, *, relative_error: float | None = None
) -> Iterator[Progress]:
    """Estimate the probability from direct samples.

    Args:
        problem: what is asked.
        num_samples: largest number of samples.
        relative_error: stop early, at a power of two of the samples, once the standard error is so
            small a share of the value.
    """
    hits, known, total = 0, 0, 0
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for chunk in direct_samples(problem, num_samples):
        values, holds = problem.judge(chunk)
        meets = problem.known(chunk)
        holds &= meets
        indices = total + np.flatnonzero(holds)
        found.append((indices, chunk[holds], values[holds]))
        hits, known, total = hits + int(holds.sum()), known + int(meets.sum()), total + len(chunk)
        estimate = _estimate(problem, hits, known, total)
        done = total >= num_samples or (_precise(estimate, relative_error) and total & (total - 1) == 0)
        message = f"{total} direct samples, {hits} in the event"
        yield Progress(
            1.0 if done else total / num_samples, message, estimate, _population(problem, found, done)
        )
        if done:
            return


def _estimate(problem: Problem, hits: int, known: int, total: int) -> Probability:
    calls = total * problem.num_steps
    if problem.observations is None:
        return estimate_proportion(hits, total, method="monte_carlo", num_calls=calls)
    return estimate_share(hits, known, total, method="monte_carlo", num_calls=calls, source="direct samples")


def _precise(estimate: Probability, relative_error: float | None) -> bool:
    if relative_error is None or estimate.value == 0:
        return False
    return estimate.standard_error <= relative_error * estimate.value


def _population(problem: Problem, found: list, done: bool) -> Population:
    """Population of the hits so far; their latents are computed at the end only."""
    indices = np.concatenate([item[0] for item in found])
    states = np.concatenate([item[1] for item in found])
    values = np.concatenate([item[2] for item in found])
    latents = direct_latents(problem, indices) if done else None
    return Population(latents, states, values, np.ones(len(indices)), replicate=indices)


MONTE_CARLO = Estimator(
    name="monte_carlo",
    label="direct Monte Carlo",
    run=lambda problem, num_samples, path_steps: monte_carlo(problem, num_samples),
)
