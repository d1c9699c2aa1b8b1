"""Direct check: direct samples of the model, with which an estimate must be compatible.

h of n direct samples of the model meet the event. An estimator with guidance can be confidently wrong,
when its proposal misses a part of the event; its own weights then look good, and only samples without
guidance can show it. They come from the cache that all events share. Where an estimator finds nothing,
they give the bound: no hit in n samples means P < 3/n.

An estimate is corroborated where they rule out that P is `FACTOR` times as large, or as small: if it were, they would
hit so rarely, or so often, in one of 40 cases at most. That takes some ten hits. Without it an estimate of guided
samples has nothing but its own weights to speak for it.
"""

import dataclasses
from collections.abc import Generator

import numpy as np
from scipy import stats

from kernels.probability.base import Probability, Problem, Progress
from kernels.probability.latent.direct import direct_samples
from kernels.probability.latent.monte_carlo import estimate_proportion, estimate_share

__all__ = [
    "CHECK_SHARE",
    "MIN_DIRECT",
    "NO_SAMPLES",
    "DirectCheck",
    "approximated",
    "direct_check",
    "nothing_found",
]

CHECK_SHARE = 0.1
MIN_DIRECT = 2048  # direct samples; at P = 0.1 their error is 7 %
FACTOR = 2.0  # error of an estimate that direct samples have to rule out
RULED_OUT = 0.025  # chance of hits as few, or as many, below which a probability is ruled out
SIGNIFICANCE = 2.5e-3  # of one side: the rate at which a right estimate is contradicted
_QUANTILES = stats.norm.ppf((np.arange(200) + 0.5) / 200)


@dataclasses.dataclass(frozen=True)
class DirectCheck:
    """Direct samples of an event: `hits` of the `total` that meet what is known; `drawn` counts all."""

    hits: int
    total: int
    drawn: int = 0

    def estimate(self, method: str, num_calls: int) -> Probability:
        """Estimate from the direct samples alone."""
        if self.total == self.drawn or not self.drawn:
            return estimate_proportion(self.hits, self.total, method=method, num_calls=num_calls)
        counts = (self.hits, self.total, self.drawn)
        return estimate_share(*counts, method=method, num_calls=num_calls, source="direct samples")

    def contradicts(self, low: float, high: float) -> bool:
        """Whether an estimate with this 95 % interval makes so many hits, or so few, implausible.

        The probability is taken to be log-normal with that interval, and the hits to be binomial given it.
        """
        spread = np.log(high / low) / (2 * stats.norm.ppf(0.975))
        value = np.minimum(np.sqrt(low) * np.sqrt(high) * np.exp(spread * _QUANTILES), 1.0)
        many = stats.binom.sf(self.hits - 1, self.total, value).mean()
        few = stats.binom.cdf(self.hits, self.total, value).mean()
        return bool(min(many, few) < SIGNIFICANCE)

    def corroborates(self, value: float) -> bool:
        """Whether these samples rule out that the probability is twice `value`, or half of it."""
        few = stats.binom.cdf(self.hits, self.total, min(1.0, FACTOR * value))
        many = stats.binom.sf(self.hits - 1, self.total, value / FACTOR)
        return bool(max(few, many) < RULED_OUT)

    def verdict(self, value: float, trouble: str) -> tuple[str, str]:
        """Status and closing words of an estimate, from what else speaks against it."""
        if trouble:
            return "unreliable", f" Not to be trusted: {trouble}. Use subset simulation."
        if self.corroborates(value):
            return "ok", ""
        return "uncorroborated", (
            f" Uncorroborated: guidance may have missed a part of the event, and {self.hits} hits of {self.total} samples "
            f"without guidance do not rule out an error of a factor of {FACTOR:.0f}. Compare it with subset simulation."
        )

    def __add__(self, other: "DirectCheck") -> "DirectCheck":
        drawn = (self.drawn or self.total) + (other.drawn or other.total)
        return DirectCheck(self.hits + other.hits, self.total + other.total, drawn)

    def diagnostics(self) -> dict[str, int]:
        """Numbers for an estimate's diagnostics."""
        return {"direct_hits": self.hits, "direct_samples": self.total}


NO_SAMPLES = DirectCheck(0, 0)


def direct_check(
    problem: Problem, num_samples: int, *, share: float = CHECK_SHARE
) -> Generator[Progress, None, DirectCheck]:
    """Judge the direct samples that an estimate from `num_samples` is compared with.

    This is the first `share` of the estimate's work.
    """
    hits, total, drawn, wanted = 0, 0, 0, max(MIN_DIRECT, 2 * num_samples)
    for chunk in direct_samples(problem, wanted):
        known = problem.known(chunk)
        hits, total = hits + int((problem.judge(chunk)[1] & known).sum()), total + int(known.sum())
        drawn += len(chunk)
        yield Progress(share * drawn / wanted, "direct samples to compare with")
    return DirectCheck(hits, total, drawn)


def approximated(problem: Problem, estimate: Probability) -> Probability:
    """Estimate that says where what is known was only steered to, and so is not "ok"."""
    if problem.observations is None:
        return estimate
    words = (
        f"{estimate.message} What is known is only steered to here, which is approximate. "
        "Use auto or subset simulation."
    )
    status = "unreliable" if estimate.status in ("ok", "uncorroborated") else estimate.status
    return dataclasses.replace(estimate, status=status, message=words)


def nothing_found(
    method: str, found: str, check: DirectCheck, num_calls: int, diagnostics: dict
) -> Probability:
    """Estimate of an estimator that `found` too little, from the direct samples alone."""
    direct = check.estimate(method, num_calls)
    if check.hits:
        status, words = (
            "unreliable",
            f"but {check.hits} of {check.total} direct samples meet it: the number is theirs",
        )
    else:
        bound = f"so P < {direct.interval[1]:.2g} (rule of three)"
        status, words = "no_hits", f"and none of the {check.total} direct samples meets it, {bound}"
    return dataclasses.replace(
        direct,
        status=status,
        message=f"{found}, {words}. Use subset simulation.",
        diagnostics=diagnostics,
    )
