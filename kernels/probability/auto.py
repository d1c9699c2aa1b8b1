"""The estimator that suits the event: direct samples first, then the cheaper way to a 10 % error bar.

Up to `NUM_DIRECT` direct samples of the model are drawn (or taken from their cache) in any case:
they settle every event above P ≈ 1.6 %, and say how rare the others are. For those, the calls that
further direct samples would need are compared with those of subset simulation.
"""

import dataclasses
from collections.abc import Iterator

from kernels.probability.base import Probability, Problem, Progress, percent
from kernels.probability.monte_carlo import monte_carlo
from kernels.probability.subset_simulation import predicted_calls, subset_simulation

__all__ = ["NUM_DIRECT", "RELATIVE_ERROR", "auto"]

NUM_DIRECT = 6144
RELATIVE_ERROR = 0.1
MIN_HITS = 5  # with fewer direct hits, how many more samples are needed cannot be told


def auto(problem: Problem, num_samples: int) -> Iterator[Progress]:
    """Choose an estimator by what direct samples say, and run it.

    Args:
        problem: what is asked.
        num_samples: chains at each level, should it come to subset simulation; the direct samples
            do not depend on it.
    """
    last = Progress(0.0, "drawing direct samples")
    for last in monte_carlo(problem, NUM_DIRECT, relative_error=RELATIVE_ERROR):
        yield last._replace(fraction=0.5 * last.fraction)
    direct = last.probability
    assert direct is not None  # noqa: S101 - NUM_DIRECT is positive
    relative = direct.standard_error / direct.value if direct.value > 0 else float("inf")
    if relative <= RELATIVE_ERROR:
        reason = f"direct samples suffice: relative standard error {percent(relative)}"
        yield last._replace(probability=_explained(direct, reason))
        return
    total, hits = direct.diagnostics["num_samples"], direct.diagnostics["hits"]
    needed = int(1.1 * total * (relative / RELATIVE_ERROR) ** 2) if hits >= MIN_HITS else 0
    further = (needed - total) * problem.num_steps
    chains = predicted_calls(max(direct.value, 0.5 / total), num_samples, problem.num_steps)
    if hits >= MIN_HITS and further <= chains:
        reason = f"{needed} direct samples, as the event is too frequent for subset simulation to pay"
        chosen = monte_carlo(problem, needed, relative_error=RELATIVE_ERROR)
    else:
        reason = f"subset simulation, as {hits} of {total} direct samples meet the event"
        chosen = subset_simulation(problem, num_samples, num_direct=NUM_DIRECT)
    for record in chosen:
        estimate = record.probability or direct
        yield record._replace(fraction=0.5 + 0.5 * record.fraction, probability=_explained(estimate, reason))


def _explained(estimate: Probability | None, reason: str) -> Probability | None:
    """The estimate with the reason of the choice in its message."""
    if estimate is None:
        return None
    diagnostics = estimate.diagnostics | {"reason": reason}
    return dataclasses.replace(
        estimate, message=f"{estimate.message} Chosen: {reason}.", diagnostics=diagnostics
    )
