"""Direct check: direct samples of the model, with which an estimate must be compatible.

h of n direct samples of the model meet the event. An estimator with guidance can be confidently wrong,
when its proposal misses a part of the event; its own weights then look good, and only samples without
guidance can show it. They come from the cache that all events share. Where an estimator finds nothing,
they give the bound: no hit in n samples means P < 3/n.
"""

import dataclasses
from collections.abc import Generator

import numpy as np
from scipy import stats

from kernels.probability.base import Probability, Problem, Progress
from kernels.probability.latent.direct import direct_samples
from kernels.probability.latent.monte_carlo import estimate_proportion

__all__ = ["CHECK_SHARE", "MIN_DIRECT", "DirectCheck", "direct_check", "nothing_found"]

CHECK_SHARE = 0.1
MIN_DIRECT = 2048  # direct samples; at P = 0.1 their error is 7 %
MIN_EXPECTED = 3.0  # hits; with fewer expected, direct samples say little
SIGNIFICANCE = 2.5e-3  # of one side: the rate at which a right estimate is contradicted
_QUANTILES = stats.norm.ppf((np.arange(200) + 0.5) / 200)


@dataclasses.dataclass(frozen=True)
class DirectCheck:
    """Direct samples of an event: `hits` of `total`."""

    hits: int
    total: int

    def contradicts(self, low: float, high: float) -> bool:
        """Whether an estimate with this 95 % interval makes so many hits, or so few, implausible.

        The probability is taken to be log-normal with that interval, and the hits to be binomial given it.
        """
        spread = np.log(high / low) / (2 * stats.norm.ppf(0.975))
        value = np.minimum(np.sqrt(low) * np.sqrt(high) * np.exp(spread * _QUANTILES), 1.0)
        many = stats.binom.sf(self.hits - 1, self.total, value).mean()
        few = stats.binom.cdf(self.hits, self.total, value).mean()
        return bool(min(many, few) < SIGNIFICANCE)

    def caveat(self, high: float) -> str:
        """Warning if even `high` is too small for direct samples to contradict; else empty."""
        blind = not self.hits and high * self.total < MIN_EXPECTED
        return " Direct samples cannot check so small a number: compare it with subset simulation." * blind

    def diagnostics(self) -> dict[str, int]:
        """Numbers for an estimate's diagnostics."""
        return {"direct_hits": self.hits, "direct_samples": self.total}


def direct_check(
    problem: Problem, num_samples: int, *, share: float = CHECK_SHARE
) -> Generator[Progress, None, DirectCheck]:
    """Judge the direct samples that an estimate from `num_samples` is compared with.

    This is the first `share` of the estimate's work.
    """
    hits, total, wanted = 0, 0, max(MIN_DIRECT, 2 * num_samples)
    for chunk in direct_samples(problem, wanted):
        hits, total = hits + int(problem.judge(chunk)[1].sum()), total + len(chunk)
        yield Progress(share * total / wanted, "direct samples to compare with")
    return DirectCheck(hits, total)


def nothing_found(
    method: str, found: str, check: DirectCheck, num_calls: int, diagnostics: dict
) -> Probability:
    """Estimate of an estimator that `found` too little, from the direct samples alone."""
    direct = estimate_proportion(check.hits, check.total, method=method, num_calls=num_calls)
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
