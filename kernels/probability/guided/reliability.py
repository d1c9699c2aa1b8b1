"""Reliability of estimates from importance weights: a status, and the doubts in words.

Weights are doubted where the tail of the ratios is heavy (Pareto k̂ of Vehtari et al., JMLR 2024), few of them
carry the weight, few trajectories meet the event, or direct samples of the model contradict the estimate. "ok" are
those that samples without guidance also corroborate.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from arviz_stats.base.array import array_stats
from jaxtyping import Float

from kernels.probability.base import Probability, log_interval, percent
from kernels.probability.guided.direct_check import NO_SAMPLES, DirectCheck
from kernels.statistics.weighted import effective_sample_size

__all__ = ["pareto_shape", "weighted_estimate"]

MAX_PARETO_K = 0.7
MIN_ESS = 40.0
MAX_SHARE = 0.15  # share of the largest weight
MIN_HITS = 20
MIN_FOR_SHAPE = 25  # ratios that are needed to fit a shape


def pareto_shape(log_ratio: Float[np.ndarray, " hit"]) -> float:
    """Pareto k̂ of the ratios unguided / guided density of hits; ∞ with fewer than 25.

    Args:
        log_ratio: log of guided over unguided density.
    """
    if len(log_ratio) < MIN_FOR_SHAPE or np.ptp(log_ratio) == 0:
        return float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # k̂ is reported, with its meaning
        _, shape = array_stats.psislw(log_ratio)  # smooths exp(−its argument), as for log-likelihoods
    return float(shape)


def weighted_estimate(
    *,
    method: str,
    unit: str,
    value: float,
    error: float,
    weights: Float[np.ndarray, " sample"],
    pareto_k: float,
    check: DirectCheck,
    doubts: Mapping[str, bool],
    unguided: DirectCheck = NO_SAMPLES,
    num_calls: int,
    diagnostics: dict[str, Any],
) -> Probability:
    """Estimate with its interval, its diagnostics and every doubt in words.

    Args:
        method: name of the estimator.
        unit: noun for one of its weights, such as "path".
        value: the estimate, above 0.
        error: its standard error.
        weights: importance weights.
        pareto_k: shape of the ratios' tail.
        check: direct samples to hold the estimate against.
        doubts: further reasons for doubt, and whether each applies.
        unguided: further samples without guidance that may corroborate it.
        num_calls: network evaluations.
        diagnostics: further numbers; `hits` among them.
    """
    ess, total = effective_sample_size(weights), len(weights)
    interval = log_interval(value, error / value, max(1, int(ess) - 1))
    largest = float(weights.max() / weights.sum())
    reasons = {
        f"Pareto k̂ = {pareto_k:.2f} is above {MAX_PARETO_K}": not pareto_k <= MAX_PARETO_K,
        f"the effective size {int(ess)} is below {MIN_ESS:.0f}": ess < MIN_ESS,
        f"one {unit} carries {largest:.0%} of the weight": largest > MAX_SHARE,
        f"only {diagnostics['hits']} {unit}s meet the event": diagnostics["hits"] < MIN_HITS,
        **doubts,
        f"{check.hits} of {check.total} direct samples meet the event, "
        "which contradicts it": check.contradicts(*interval),
    }
    trouble = "; ".join(reason for reason, applies in reasons.items() if applies)
    words = f"{total} {unit}s, effective size {int(ess)}, relative standard error {percent(error / value)}."
    status, closing = (check + unguided).verdict(value, trouble)
    return Probability(
        value=min(value, 1.0),
        standard_error=error,
        interval=interval,
        ess=ess,
        pareto_k=pareto_k,
        method=method,
        status=status,
        message=words + closing,
        num_calls=num_calls,
        diagnostics=diagnostics | {"largest_share": largest},
    )
