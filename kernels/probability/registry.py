"""Every estimator by name, behind one call."""

from collections.abc import Iterator
from difflib import get_close_matches

from kernels.probability.auto import auto
from kernels.probability.base import Problem, Progress
from kernels.probability.data import data_frequency, require_data, training_frequency
from kernels.probability.guided.density_ratio import density_ratio
from kernels.probability.guided.path_importance import ALPHA_EVERY, path_importance
from kernels.probability.guided.twisted_smc import MIN_PARTICLES, NUM_ISLANDS, twisted_smc
from kernels.probability.latent.monte_carlo import monte_carlo
from kernels.probability.latent.subset_simulation import subset_simulation
from kernels.probability.simulator import require_system, simulator

__all__ = ["ESTIMATORS", "PATH_STEPS", "estimates", "require_answer", "require_estimator"]

ESTIMATORS = (
    "auto",
    "monte_carlo",
    "subset_simulation",
    "path_importance",
    "twisted_smc",
    "density_ratio",
    "simulator",
    "data",
    "training_data",
)
PATH_STEPS = 80  # network evaluations on a stochastic path, unless asked otherwise
MIN_SAMPLES = {  # below these there is no error bar
    "path_importance": 2 * ALPHA_EVERY,  # two unguided paths
    "twisted_smc": MIN_PARTICLES * NUM_ISLANDS,
    "density_ratio": 20,
}


def require_estimator(name: str, num_samples: int) -> None:
    """Raises ValueError when there is no such estimator (with the nearest name), or it needs more samples."""
    if name not in ESTIMATORS:
        nearest = get_close_matches(str(name), ESTIMATORS, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"the estimator must be one of {', '.join(ESTIMATORS)}; got {name!r}.{hint}")
    if num_samples < MIN_SAMPLES.get(name, 1):
        words = name.replace("_", " ")
        raise ValueError(
            f"`num_samples` must be at least {MIN_SAMPLES[name]} for {words}; got {num_samples}. "
            "Take more, or use auto."
        )


def require_answer(problem: Problem, method: str | None) -> None:
    """Raises ValueError where an estimator that looks at the truth has none to look at."""
    if method == "simulator":
        require_system(problem)
    if method in ("data", "training_data"):
        require_data(problem, method)


def estimates(
    problem: Problem, method: str, num_samples: int, path_steps: int = PATH_STEPS
) -> Iterator[Progress]:
    """Run an estimator.

    Args:
        problem: what is asked; its `num_steps` is for estimators that go through the ODE.
        method: a name of `ESTIMATORS`.
        num_samples: trajectories, paths, or chains at each level.
        path_steps: network evaluations on a stochastic path.
    """
    require_estimator(method, num_samples)
    by_path = {
        "path_importance": path_importance,
        "twisted_smc": twisted_smc,
        "density_ratio": density_ratio,
    }
    if method in by_path:
        return by_path[method](problem, num_samples, path_steps)
    by_name = {
        "auto": auto,
        "monte_carlo": monte_carlo,
        "subset_simulation": subset_simulation,
        "simulator": simulator,
        "data": data_frequency,
        "training_data": training_frequency,
    }
    return by_name[method](problem, num_samples)
