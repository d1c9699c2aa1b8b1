"""Automatic choice of an estimator: direct samples first, then the cheaper way to 10 %.

Up to `NUM_DIRECT` direct samples of the model are drawn (or taken from their cache) in any case:
they settle every event above P ≈ 1.6 %, and say how rare the others are. For those, the network calls that
further direct samples would need for a relative standard error of `RELATIVE_ERROR` are compared with those
of subset simulation, and the cheaper one goes on until it is there or the budget is spent: `BUDGET`
trajectories by the ODE for each of `num_samples`, the first direct samples not counted.

Subset simulation that is added to until its error looks small stops sooner where its replicates happen to
agree, so that the errors it then states are somewhat too low. It therefore does not stop on its error below 16 of
them, two batches; where the budget allows one batch only, that is decided before its error is known.
"""

import dataclasses
from collections.abc import Iterator

from kernels.probability.base import Estimator, Probability, Problem, Progress, percent
from kernels.probability.latent.levels import MANY_KNOWN, NUM_REPLICATES
from kernels.probability.latent.monte_carlo import monte_carlo
from kernels.probability.latent.subset_simulation import (
    DEFAULT_SCHEME,
    is_no_number,
    predicted_calls,
    subset_simulation,
)

__all__ = ["AUTO", "BUDGET", "NUM_DIRECT", "RELATIVE_ERROR", "auto"]

NUM_DIRECT = 6144
RELATIVE_ERROR = 0.1
BUDGET = 60
MIN_HITS = 5  # with fewer direct hits, how many more samples are needed cannot be told


def auto(problem: Problem, num_samples: int) -> Iterator[Progress]:
    """Choose an estimator by what direct samples say, and run it.

    Args:
        problem: what is asked.
        num_samples: chains at each level, should it come to subset simulation, and the measure of the
            budget; the first direct samples do not depend on it.
    """
    last = Progress(0.0, "drawing direct samples")
    for last in monte_carlo(problem, NUM_DIRECT, relative_error=RELATIVE_ERROR):
        yield last._replace(fraction=0.5 * last.fraction)
    direct = last.probability
    assert direct is not None  # noqa: S101 - NUM_DIRECT is positive
    relative = direct.standard_error / direct.value if direct.value > 0 else float("inf")
    if relative <= RELATIVE_ERROR:
        reason = f"direct samples suffice: relative standard error {percent(relative)}"
        yield last._replace(fraction=1.0, probability=_explained(direct, reason))
        return
    budget = NUM_DIRECT + BUDGET * num_samples
    needed = _needed(direct, relative)
    further = (needed - NUM_DIRECT) * problem.num_steps
    chains = predicted_calls(
        max(direct.value, 0.5 / NUM_DIRECT),
        min(num_samples, 8 * DEFAULT_SCHEME.num_chains),
        problem.num_steps,
        relative_error=RELATIVE_ERROR,
    )
    if needed and further <= chains:
        reason = f"{needed} direct samples, as the event is too frequent for subset simulation to pay"
        chosen = monte_carlo(problem, min(needed, budget), relative_error=RELATIVE_ERROR)
    else:
        hits = direct.diagnostics["hits"]
        known = " what is known and" if problem.observations is not None else ""
        reason = f"subset simulation, as {hits} of {NUM_DIRECT} direct samples meet{known} the event"
        chosen = subset_simulation(
            problem,
            min(num_samples, 8 * DEFAULT_SCHEME.num_chains),
            num_direct=_pool(direct, budget),
            relative_error=RELATIVE_ERROR,
            max_calls=budget * problem.num_steps,
        )
    if problem.observations is not None:
        chosen = _or_direct(problem, chosen, budget)
    for record in chosen:
        estimate = record.probability or direct
        words = (
            reason
            if record.fraction < 1.0
            else reason + _spent(estimate, budget * problem.num_steps, num_samples)
        )
        yield record._replace(fraction=0.5 + 0.5 * record.fraction, probability=_explained(estimate, words))


def _or_direct(problem: Problem, chosen: Iterator[Progress], budget: int) -> Iterator[Progress]:
    """Records of an estimator; direct samples answer where it has no number."""
    last = Progress(0.0, "")
    for last in chosen:
        yield last._replace(fraction=0.5 * last.fraction)
    assert last.probability is not None  # noqa: S101 - an estimator ends with an estimate
    if not is_no_number(last.probability):
        yield last
        return
    for record in monte_carlo(problem, budget, relative_error=RELATIVE_ERROR):
        yield record._replace(fraction=0.5 + 0.5 * record.fraction)


def _needed(direct: Probability, relative: float) -> int:
    """Number of direct samples for `RELATIVE_ERROR`; 0 where too few hits tell it."""
    if direct.diagnostics["hits"] < MIN_HITS:
        return 0
    drawn = direct.diagnostics.get("num_drawn", direct.diagnostics["num_samples"])
    return int(1.1 * drawn * (relative / RELATIVE_ERROR) ** 2)


def _pool(direct: Probability, budget: int) -> int:
    """Number of direct samples that subset simulation starts from: more, where few meet what is known."""
    share = direct.diagnostics.get("known_share", 1.0)
    wanted = int(2 * MANY_KNOWN * NUM_REPLICATES / share) if share > 0 else 0
    return wanted if NUM_DIRECT < wanted <= budget // 2 else NUM_DIRECT


def _spent(estimate: Probability, budget: int, num_samples: int) -> str:
    """Sentence on the error that the budget has reached, if above `RELATIVE_ERROR`."""
    if estimate.value == 0 or estimate.standard_error <= RELATIVE_ERROR * estimate.value:
        return ""
    return (
        f"; {estimate.num_calls:,} of the {budget:,} network calls that {num_samples} samples allow are spent; "
        f"ask for more samples to come to {percent(RELATIVE_ERROR)}"
    )


def _explained(estimate: Probability, reason: str) -> Probability:
    """Estimate with the reason of the choice in its message."""
    diagnostics = estimate.diagnostics | {"reason": reason}
    return dataclasses.replace(
        estimate, message=f"{estimate.message} Chosen: {reason}.", diagnostics=diagnostics
    )


AUTO = Estimator(
    name="auto",
    label="automatic",
    run=lambda problem, num_samples, path_steps: auto(problem, num_samples),
)
