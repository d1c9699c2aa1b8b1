"""Constant events: C is the same in all samples, so that no estimator can say how far the event is.

An event such as `max(0 * x) > 1`, or `std[3, 3](x) > 0.1` over one sample, holds always or never. For an estimator it
looks rare, or certain; more samples and levels of C are of no use, and the estimate says so.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from kernels.events.semantics.algebras import CERTAIN
from kernels.probability.base import Probability, Problem, Progress
from kernels.probability.latent.direct import direct_samples

__all__ = ["common_value", "with_constant"]

NUM_SAMPLES = 128  # direct samples that are looked at, which most estimators have drawn
CERTAINLY = 1.0 - 1e-4  # estimates above it may be those of a constant event


def with_constant(problem: Problem, records: Iterator[Progress]) -> Iterator[Progress]:
    """Records whose last estimate says if C is the same in all samples, with what to do."""
    for record in records:
        estimate = record.probability
        if record.fraction < 1.0 or estimate is None or 0.0 < estimate.value < CERTAINLY:
            yield record
            continue
        c = _of_direct_samples(problem)
        yield record if c is None else record._replace(probability=_explained(estimate, c))


def common_value(values: Float[np.ndarray, " sample"]) -> float | None:
    """C where it is the same in all samples, to rounding in float32; else None."""
    low, high = float(values.min()), float(values.max())
    rounding = 2 * float(np.finfo(np.float32).eps) * max(abs(low), abs(high))
    return high if high - low <= rounding else None


def _of_direct_samples(problem: Problem) -> float | None:
    if problem.constraint is None:
        return None
    values = [problem.judge(chunk)[0] for chunk in direct_samples(problem, NUM_SAMPLES)]
    return common_value(np.concatenate(values)[:NUM_SAMPLES])


def _explained(estimate: Probability, c: float) -> Probability:
    """Estimate of a constant event: its message, and a status that asks for no more samples."""
    shown = f"{c:.6g}" if abs(c) < 0.5 * CERTAIN else "∞" if c > 0 else "−∞"
    holds = estimate.value > 0
    words = (
        f"C is the same in all {NUM_SAMPLES} samples looked at ({shown}), and the event "
        f"{'holds in all' if holds else 'holds in none'} of them: it seems not to depend on the trajectory. "
        "Change its formula or its window before taking more samples."
    )
    return dataclasses.replace(
        estimate,
        status="ok" if holds else "no_hits",
        message=words,
        diagnostics=estimate.diagnostics | {"constant": c},
    )
