"""Registry of estimators: one record each, behind one call.

A new estimator is a file, and a line here.
"""

import dataclasses
import functools
from collections.abc import Iterator

from kernels.names import nearest, shown
from kernels.probability.auto import AUTO
from kernels.probability.base import Estimator, Problem, Progress
from kernels.probability.data import DATA, TRAINING_DATA
from kernels.probability.guided.density_ratio import DENSITY_RATIO
from kernels.probability.guided.path_importance import PATH_IMPORTANCE
from kernels.probability.guided.twisted_smc import TWISTED_SMC
from kernels.probability.latent.constant import with_constant
from kernels.probability.latent.monte_carlo import MONTE_CARLO
from kernels.probability.latent.subset_simulation import SUBSET_SIMULATION
from kernels.probability.peaks import PEAKS
from kernels.probability.record import with_record
from kernels.probability.simulator import SIMULATOR

__all__ = ["ESTIMATORS", "PATH_STEPS", "estimates", "require_estimator", "with_caveats"]

ESTIMATORS: dict[str, Estimator] = {
    record.name: record
    for record in (
        AUTO,
        MONTE_CARLO,
        SUBSET_SIMULATION,
        PATH_IMPORTANCE,
        TWISTED_SMC,
        DENSITY_RATIO,
        SIMULATOR,
        DATA,
        TRAINING_DATA,
        PEAKS,
    )
}
OF_TRUTH = (
    SIMULATOR.name,
    DATA.name,
    TRAINING_DATA.name,
    PEAKS.name,
)  # estimators that do not look at the model
PATH_STEPS = 80  # network evaluations on a stochastic path, unless asked otherwise


def require_estimator(name: object, num_samples: int) -> None:
    """Raise ValueError for an unknown estimator, or for too few samples."""
    if not isinstance(name, str) or name not in ESTIMATORS:
        hint = nearest(str(name), ESTIMATORS)
        raise ValueError(
            f"the estimator must be one of {', '.join(ESTIMATORS)}; got {shown(name)}. {hint}".rstrip()
        )
    least = ESTIMATORS[name].min_samples
    if num_samples < least:
        words = name.replace("_", " ")
        raise ValueError(
            f"`num_samples` must be at least {least} for {words}; got {num_samples}. Take more, or use auto."
        )


def estimates(
    problem: Problem, method: str, num_samples: int, path_steps: int = PATH_STEPS
) -> Iterator[Progress]:
    """Run an estimator; yields records of progress.

    Args:
        problem: event, model and what is known; its `num_steps` is for estimators that go through the ODE.
        method: a name of `ESTIMATORS`.
        num_samples: trajectories, paths, or chains at each level.
        path_steps: network evaluations on a stochastic path.

    Raises:
        ValueError: at once, where the estimator does not exist, needs more samples, or has nothing to look at.
    """
    require_estimator(method, num_samples)
    estimator = ESTIMATORS[method]
    estimator.require(problem)
    return with_caveats(
        problem, estimator.run(problem, num_samples, path_steps), of_model=method not in OF_TRUTH
    )


def with_caveats(
    problem: Problem, records: Iterator[Progress], *, of_model: bool = True
) -> Iterator[Progress]:
    """Records whose estimates say what is wrong with the event itself.

    Args:
        problem: what is asked; its caveats go into the message and the diagnostics of every estimate.
        records: of an estimator.
        of_model: whether it looks at the model, so that direct samples may tell a constant event, and the record
            that it was trained on may contradict it.
    """
    records = with_record(problem, with_constant(problem, records)) if of_model else records
    return map(functools.partial(_with_caveats, problem.caveats), records) if problem.caveats else records


def _with_caveats(caveats: tuple[str, ...], record: Progress) -> Progress:
    estimate = record.probability
    if estimate is None:
        return record
    message = " ".join([estimate.message, *caveats])
    diagnostics = estimate.diagnostics | {"caveats": list(caveats)}
    return record._replace(
        probability=dataclasses.replace(estimate, message=message, diagnostics=diagnostics)
    )
