"""Number of steps that deterministic sampling needs; it becomes a model's default."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from kernels.diffusion.schedules import SIGMA_MAX, SIGMA_MIN
from kernels.fidelity.reference_events import extremes, reference_event
from kernels.fidelity.samples import REPORT_STEPS, deterministic, latents, report_problem, starts_of
from kernels.models import Model

__all__ = ["needed_steps"]

STEP_COUNTS = (12, 14, 16, 20, 30, 40, 60)


def needed_steps(
    model: Model,
    truth: Float[np.ndarray, "sample time variable"],
    key: PRNGKeyArray,
    *,
    num_samples: int = 16_384,
) -> dict[str, Any]:
    """Smallest step count whose event probabilities agree with those of 4 times as many steps.

    Both use the same latents. The few steps are between the model's own levels (`Model.ode_levels`), the many
    between all levels.

    The events: the reference event, and the maximum and the minimum of each variable beyond the 1-in-10
    and 1-in-100 values of the truth. Agreement: within 3 % (10 % for events rarer than 2 %), or within
    2 standard errors of the paired difference.
    """
    noise, starts = latents(model, key, num_samples), starts_of(model, truth, num_samples)
    whole = dataclasses.replace(model, card=dict(model.card) | {"ode_levels": [SIGMA_MAX, SIGMA_MIN]})
    texts = [reference_event(model, truth), *extremes(model.layout, truth)]
    problems = {text: report_problem(model, text, key, REPORT_STEPS) for text in texts}

    def hits(model: Model, num_steps: int) -> Bool[np.ndarray, "event sample"]:
        states = deterministic(report_problem(model, texts[0], key, num_steps), noise, starts)
        return np.stack([problems[text].judge(states)[1] for text in texts])

    report: dict[str, Any] = {}
    for num_steps in STEP_COUNTS:
        few, many = hits(model, num_steps), hits(whole, 4 * num_steps)
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
