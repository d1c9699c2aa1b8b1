"""How right a model is: its unconditional samples against its system's. The figures of the cards.

    python -m kernels.zoo.fidelity lorenz63        # measures, and writes the card beside the weights

Measured are: the probability of the system's reference event; the largest Kolmogorov distance of
one-point distributions, every variable at every 10th time, for stochastic and for deterministic
sampling; the rollout error of Finzi et al. (2023), section 5; and the number of steps that
deterministic sampling needs, below.
"""

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from kernels.checkpoints import write_card
from kernels.events.parsing import parse_event
from kernels.events.semantics import compile_event
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.direct import latent_map
from kernels.samplers.drawing import draw, initial_noise, sample_keys
from kernels.samplers.gaussian_steps import SDEDPMSolver
from kernels.schedules import grid
from kernels.statistics import kolmogorov_distance, rollout_error
from kernels.systems import get_system
from kernels.zoo import load_model, path_of
from kernels.zoo.presets import MAX_VALUES

__all__ = ["REFERENCE_EVENTS", "measure", "needed_steps"]

REFERENCE_EVENTS = {
    "lorenz63": "mean(abs(rfft(x))[1:]) < 0.6",
    "fitzhugh_nagumo": "max((x1 + x2) / 2) > 2.5",
    "double_pendulum": "max(abs(q2)) > 3.14159",
    "lorenz96": "max(energy) > 12",
    "kuramoto_sivashinsky": "max(u16) > 2.2",
}
MAX_VARIABLES = 4  # whose extremes decide the number of steps; of a ring, any are as good as all
STEP_COUNTS = (10, 14, 20, 30, 40, 60)
REPORT_STEPS = 80
CHUNK = 256
RESTART = 3  # index of the state from which the system continues a sample


def measure(
    model: Model, *, num_samples: int = 50_176, num_simulated: int = 200_000, seed: int = 7
) -> Iterator[dict[str, Any]]:
    """Figures of a model with a system; yields them as they come, each record with all so far.

    Args:
        model: a trained model.
        num_samples: of the model, by each sampler.
        num_simulated: of the system; fewer where these are more than `MAX_VALUES` numbers.
        seed: of everything drawn here.
    """
    assert model.system is not None  # noqa: S101 - only models of systems have fidelity
    system, key = get_system(model.system), jax.random.key(seed)
    num_simulated = min(num_simulated, MAX_VALUES // math.prod(system.layout.shape))
    truth = system.simulate_array(jax.random.fold_in(key, 0), num_simulated)
    event = REFERENCE_EVENTS[model.system]
    problem = _problem(model, event, key, REPORT_STEPS)
    report: dict[str, Any] = {
        "event": event,
        "num_samples": num_samples,
        "num_simulated": num_simulated,
        "simulator": _share(problem, truth),
    }
    steps = needed_steps(model, truth, key)
    report["steps_check"] = steps
    yield report | {"num_steps": steps["num_steps"]}
    few = _problem(model, event, key, steps["num_steps"])
    for name, draw_states in (
        (f"ode_{steps['num_steps']}", lambda: _deterministic(few, key, num_samples)),
        (f"sde_{REPORT_STEPS}", lambda: _stochastic(model, key, num_samples)),
    ):
        states = draw_states()
        report[name] = _compared(problem, states, truth) | _rollout(model, states)
        yield report


def _problem(model: Model, event: str, key: Any, num_steps: int) -> Problem:
    constraint = compile_event(parse_event(event), model.layout)
    return Problem(key=key, model=model, constraint=constraint, observations=None, num_steps=num_steps)


def _share(problem: Problem, states: np.ndarray) -> dict[str, float]:
    share = float(problem.judge(states)[1].mean())
    return {"probability": share, "standard_error": float(np.sqrt(share * (1 - share) / len(states)))}


def _stochastic(model: Model, key: Any, num_samples: int) -> np.ndarray:
    sigmas, key = grid(REPORT_STEPS), jax.random.fold_in(key, 1)
    pieces = []
    for start in range(0, num_samples, CHUNK):
        keys = sample_keys(key, start, CHUNK)
        latents = initial_noise(keys, model.initial)
        x0 = draw(model.denoiser, model.initial, SDEDPMSolver(), sigmas, latents, keys)
        pieces.append(np.asarray(model.standardizer.unstandardize(x0)))
    return np.concatenate(pieces)


def _latents(model: Model, key: Any, num_samples: int) -> np.ndarray:
    return np.asarray(initial_noise(sample_keys(jax.random.fold_in(key, 2), 0, num_samples), model.initial))


def _deterministic(problem: Problem, key: Any, num_samples: int) -> np.ndarray:
    return np.concatenate(list(latent_map(problem, _latents(problem.model, key, num_samples))))


def _compared(problem: Problem, states: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    distances = {
        f"{name} at {float(time):.3g}": kolmogorov_distance(states[:, t, v], truth[:, t, v])
        for v, name in enumerate(problem.model.layout.variables)
        for t, time in enumerate(problem.model.layout.times)
        if t % 10 == 0
    }
    worst = max(distances, key=lambda where: distances[where])
    return _share(problem, states) | {"kolmogorov_distance": distances[worst], "where": worst}


def _rollout(model: Model, states: np.ndarray, num_rollouts: int = 2048) -> dict[str, float]:
    """Error against the system's own continuation from the 4th state, over the first half of what remains."""
    system, states = get_system(str(model.system)), states[:num_rollouts, RESTART:]
    continued = np.asarray(system.rollout(states[:, 0], states.shape[1]))
    error = rollout_error(states, continued)[1 : 1 + (states.shape[1] - 1) // 2]
    return {"rollout_error": float(np.exp(np.mean(np.log(error))))}


def needed_steps(model: Model, truth: np.ndarray, key: Any, *, num_samples: int = 16_384) -> dict[str, Any]:
    """The smallest step count whose event probabilities agree with 4 times as many steps on the same latents.

    The events: the reference event, and the maximum and the minimum of each variable beyond the 1-in-10
    and 1-in-100 values of the simulated system. Agreement: within 3 % (10 % for events rarer than 2 %),
    or within 2 standard errors of the paired difference.
    """
    latents = _latents(model, key, num_samples)
    texts = [REFERENCE_EVENTS[str(model.system)], *_extremes(model, truth)]
    problems = {text: _problem(model, text, key, REPORT_STEPS) for text in texts}

    def hits(num_steps: int) -> np.ndarray:
        states = np.concatenate(list(latent_map(_problem(model, texts[0], key, num_steps), latents)))
        return np.stack([problems[text].judge(states)[1] for text in texts])

    known: dict[int, np.ndarray] = {}
    report: dict[str, Any] = {}
    for num_steps in STEP_COUNTS:
        for count in (num_steps, 4 * num_steps):
            if count not in known:
                known[count] = hits(count)
        few, many = known[num_steps], known[4 * num_steps]
        shifts = [_shift(a, b) for a, b in zip(few, many, strict=True)]
        worst = int(np.argmax([shift[0] for shift in shifts]))
        report[str(num_steps)] = {
            "event": texts[worst],
            "shift": shifts[worst][0],
            "standard_error": shifts[worst][1],
        }
        if all(
            shift <= max(_allowed(b.mean()), 2.0 * error)
            for (shift, error), b in zip(shifts, many, strict=True)
        ):
            return {"num_steps": num_steps, "worst": report}
    return {"num_steps": STEP_COUNTS[-1], "worst": report}


def _allowed(probability: float) -> float:
    return 0.03 if probability > 0.02 else 0.1


def _shift(few: np.ndarray, many: np.ndarray) -> tuple[float, float]:
    """Relative change of a probability on the same latents, and its standard error."""
    reference = max(float(many.mean()), 1.0 / len(many))
    change = few.astype(float) - many.astype(float)
    return abs(float(change.mean())) / reference, float(change.std() / np.sqrt(len(change))) / reference


def _extremes(model: Model, truth: np.ndarray) -> list[str]:
    texts = []
    names = model.layout.variables
    for v in range(0, len(names), -(-len(names) // MAX_VARIABLES)):
        name = names[v]
        high, low = truth[:, :, v].max(1), truth[:, :, v].min(1)
        texts += [f"max({name}) > {np.quantile(high, 1 - share):.6g}" for share in (0.1, 0.01)]
        texts += [f"min({name}) < {np.quantile(low, share):.6g}" for share in (0.1, 0.01)]
    return texts


def _main(name: str) -> None:
    """Measure a model and write its card."""
    model = load_model(name)
    for report in measure(model):
        print(json.dumps(report, indent=2), flush=True)
        num_steps = report["steps_check"]["num_steps"]
        write_card(path_of(name), dict(model.card) | {"num_steps": num_steps, "fidelity": report})


if __name__ == "__main__":
    _main(sys.argv[1])
