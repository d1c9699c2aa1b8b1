"""Convergence of chains: split R̂, autocorrelation time and effective size.

split R̂   the chains are put into groups that share nothing but the law to be drawn from; each group's
          draws are split into an earlier and a later half, and R̂ compares the spread between these
          halves with the spread within (rank-normalised, Vehtari et al. 2021, by arviz-stats). Chains
          here are short and many: a group, and not a chain, has to cover the whole event.
τ         autocorrelation time of C in moves, 1 + 2 Σ_k ρ(k); where ρ has not died out after half of
          the moves, its last value is taken to fall on geometrically.
ess       number of independent draws that the chains are worth in their last states, from the spread of the
          replicates that they descend from (`kernels.statistics.draws`). Chains forget their state sooner than
          their replicate: how heavy each is, and what it holds of parts that no chain leaves, stays as it was.

C may have mixed long before the states have: on `max(z) == 1.9 tolerance 0.02` of Lorenz R̂ of C was 1.01
where 6,144 chains were worth 119 trajectories. All three are therefore also looked at in the states.
"""

from typing import Any, NamedTuple

import numpy as np
from arviz_stats.base.array import array_stats
from jaxtyping import Float

__all__ = ["MAX_RHAT", "MIN_ESS", "Mixing", "mixing_of", "worst_mixing"]

MAX_RHAT = 1.1
MIN_ESS = 50  # independent draws; an ensemble worth fewer says little
MIN_DRAWS = 8  # draws of a group
NEGLIGIBLE = 0.05  # autocorrelation


class Mixing(NamedTuple):
    """Convergence figures of chains; NaN if unknown.

    Attributes:
        rhat: split R̂ over groups of chains.
        autocorrelation_time: τ, in moves.
        num_moves: number of moves so far.
        ess: independent draws that the chains are worth.
    """

    rhat: float
    autocorrelation_time: float
    num_moves: int
    ess: float = float("nan")

    @property
    def mixed(self) -> bool:
        """Whether no figure speaks against mixing."""
        return not (self.rhat > MAX_RHAT or self.ess < MIN_ESS)

    def words(self, whose: str = "The chains") -> str:
        """Message with the figures of chains that have not mixed; else empty."""
        if self.mixed:
            return ""
        return (
            f"{whose} have not mixed (split R̂ {self.rhat:.2f} after {self.num_moves} moves, "
            f"autocorrelation time {self.autocorrelation_time:.1f}{self._worth()}): parts of the event may be "
            "missing or too heavy. Take more samples."
        )

    def _worth(self) -> str:
        return "" if np.isnan(self.ess) else f", worth {self.ess:.0f} independent ones"

    def to_dict(self) -> dict[str, Any]:
        """Numbers for diagnostics and attributes; `effective_size` is the name of `ess` in version 0.1."""
        known = {} if np.isnan(self.ess) else {"ess": round(self.ess), "effective_size": round(self.ess)}
        return {"rhat": self.rhat, "autocorrelation_time": self.autocorrelation_time} | known


def mixing_of(values: Float[np.ndarray, "move group chain"]) -> Mixing:
    """Convergence figures of C after each move, in independent groups of chains."""
    moves, groups, chains = values.shape
    finite = bool(np.isfinite(values).all())
    if not finite or groups < 2 or moves * chains < MIN_DRAWS or np.ptp(values) == 0:
        return Mixing(float("nan"), float("nan"), moves)
    draws = values.transpose(1, 0, 2).reshape(groups, moves * chains)
    rhat = float(np.asarray(array_stats.rhat(draws)))
    return Mixing(rhat, _autocorrelation_time(values.reshape(moves, -1)), moves)


def worst_mixing(values: Float[np.ndarray, "move group chain statistic"]) -> Mixing:
    """Convergence figures of the statistic with the largest R̂; without the effective size."""
    each = [mixing_of(values[..., i]) for i in range(values.shape[-1])]
    known = [one for one in each if not np.isnan(one.rhat)]
    return max(known or each[:1], key=lambda one: one.rhat)


def _autocorrelation_time(values: Float[np.ndarray, "move chain"]) -> float:
    """Autocorrelation time τ in moves; the law's mean is that over all chains and moves."""
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    total = 1.0
    last = max(1, (len(values) + 1) // 2)
    for lag in range(1, min(last, len(values) - 1) + 1):
        correlation = float(np.mean(centred[lag:] * centred[:-lag])) / variance
        if correlation < NEGLIGIBLE:
            return total
        total += 2.0 * correlation
        if lag == last:
            ratio = min(correlation ** (1.0 / lag), 0.99)
            total += 2.0 * correlation * ratio / (1.0 - ratio)
    return total
