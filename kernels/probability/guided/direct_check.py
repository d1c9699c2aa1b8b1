"""Direct samples as a witness: what any estimator's answer must be compatible with.

h of n direct samples of the model meet the event. An estimator that steers can be confidently wrong,
when its proposal misses a part of the event; its own weights then look good, and only samples that
were not steered can tell. They come from the cache that all events share, and where an estimator
finds nothing they give the bound: no hit in n samples means P < 3/n.
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
MIN_DIRECT = 2048  # at P = 0.1 their error is 7 %, below the 10 % that is mostly asked for
MIN_EXPECTED = 3.0  # hits, below which direct samples say little
SIGNIFICANCE = 2.5e-3  # of one side: so rarely is an estimate that is right contradicted
_QUANTILES = stats.norm.ppf((np.arange(200) + 0.5) / 200)


@dataclasses.dataclass(frozen=True)
class DirectCheck:
    """`hits` of `total` direct samples meet the event."""

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
        """What to say where even `high` is too small for direct samples to contradict it; else nothing."""
        blind = not self.hits and high * self.total < MIN_EXPECTED
        return " Direct samples cannot check so small a number: compare it with subset simulation." * blind

    def diagnostics(self) -> dict[str, int]:
        """For an estimate's diagnostics."""
        return {"direct_hits": self.hits, "direct_samples": self.total}


def direct_check(
    problem: Problem, num_samples: int, *, share: float = CHECK_SHARE
) -> Generator[Progress, None, DirectCheck]:
    """Judge direct samples for an estimate from `num_samples`; they are the first `share` of its work."""
    hits, total, wanted = 0, 0, max(MIN_DIRECT, 2 * num_samples)
    for chunk in direct_samples(problem, wanted):
        hits, total = hits + int(problem.judge(chunk)[1].sum()), total + len(chunk)
        yield Progress(share * total / wanted, "direct samples to compare with")
    return DirectCheck(hits, total)


def nothing_found(
    method: str, found: str, check: DirectCheck, num_calls: int, diagnostics: dict
) -> Probability:
    """The answer of an estimator that has `found` nothing to go by: what the direct samples say."""
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
