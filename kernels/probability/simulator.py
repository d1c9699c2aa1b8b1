"""Brute-force simulation: the event's probability under the true system, if there is one.

The number that a model's probability is to be compared with: their difference is model error. Where something is
known, the simulated trajectories that meet it count.
"""

from collections.abc import Iterator

import jax

from kernels.denoisers.starts import is_started
from kernels.probability.base import Estimator, Problem, Progress
from kernels.probability.latent.monte_carlo import estimate_proportion, estimate_share
from kernels.systems import get_system

__all__ = ["SIMULATOR", "require_system", "simulator"]

CHUNK = 16_384


def require_system(problem: Problem) -> str:
    """Name of the model's system. Raises ValueError where simulation cannot answer."""
    if problem.model.system is None:
        raise ValueError("`method` 'simulator' needs a model of a registered system. Use 'auto'.")
    if is_started(problem.model.denoiser):
        raise ValueError("`method` 'simulator' cannot start from the first states of a forecast. Use 'auto'.")
    return problem.model.system


def simulator(problem: Problem, num_samples: int) -> Iterator[Progress]:
    """Estimate from simulated trajectories of the model's system.

    Args:
        problem: what is asked.
        num_samples: simulated trajectories.

    Raises:
        ValueError: the model has no system, or it forecasts.
    """
    system_name = require_system(problem)
    system, key = get_system(system_name), problem.stream_key("simulator")
    hits, known, total = 0, 0, 0
    while total < num_samples:
        size = min(CHUNK, num_samples - total)
        states = system.simulate_array(jax.random.fold_in(key, total), size)
        meets = problem.known(states)
        hits, known = hits + int((problem.judge(states)[1] & meets).sum()), known + int(meets.sum())
        total += size
        estimate = (
            estimate_proportion(hits, total, method="simulator", num_calls=0)
            if problem.observations is None
            else estimate_share(
                hits, known, total, method="simulator", num_calls=0, source="simulated trajectories"
            )
        )
        yield Progress(total / num_samples, f"{total} simulated trajectories, {hits} in the event", estimate)


SIMULATOR = Estimator(
    name="simulator",
    label="simulator",
    run=lambda problem, num_samples, path_steps: simulator(problem, num_samples),
    require=require_system,
)
