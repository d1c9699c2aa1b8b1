"""Have chains mixed? Two figures of C along them.

split R̂   the chains are put into groups that share nothing but the law they are to have; each group's
          draws are split into an earlier and a later half, and R̂ compares the spread between these
          halves with the spread within (rank-normalised, Vehtari et al. 2021, by arviz-stats). Chains
          here are short and many, so that a group, and not a chain, is what is to have seen it all.
τ         autocorrelation time of C in moves, 1 + 2 Σ_k ρ(k); where ρ has not died out after half of
          the moves, its last value is taken to fall on geometrically.
"""

from typing import Any, NamedTuple

import numpy as np
from arviz_stats.base.array import array_stats
from jaxtyping import Float

__all__ = ["MAX_RHAT", "Mixing", "mixing_of"]

MAX_RHAT = 1.1
MIN_DRAWS = 8  # of a group
NEGLIGIBLE = 0.05  # autocorrelation


class Mixing(NamedTuple):
    """Split R̂ of C over groups of chains, its autocorrelation time in moves, the moves made; NaN if unknown."""

    rhat: float
    autocorrelation_time: float
    num_moves: int

    @property
    def mixed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.rhat > MAX_RHAT

    def words(self) -> str:
        """What to say where it has not."""
        if self.mixed:
            return ""
        return (
            f"The chains have not mixed (split R̂ {self.rhat:.2f} after {self.num_moves} moves, "
            f"autocorrelation time {self.autocorrelation_time:.1f}): parts of the event may be missing or "
            "too heavy. Take more samples."
        )

    def to_dict(self) -> dict[str, Any]:
        """Numbers for diagnostics and attributes."""
        return {"rhat": self.rhat, "autocorrelation_time": self.autocorrelation_time}


def mixing_of(values: Float[np.ndarray, "move group chain"]) -> Mixing:
    """Mixing of chains from C after each move, in groups of equally many chains that are independent."""
    moves, groups, chains = values.shape
    finite = bool(np.isfinite(values).all())
    if not finite or groups < 2 or moves * chains < MIN_DRAWS or np.ptp(values) == 0:
        return Mixing(float("nan"), float("nan"), moves)
    draws = values.transpose(1, 0, 2).reshape(groups, moves * chains)
    return Mixing(float(np.asarray(array_stats.rhat(draws))), _time(values.reshape(moves, -1)), moves)


def _time(values: Float[np.ndarray, "move chain"]) -> float:
    """τ, the mean over all chains and moves being the mean of the law."""
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
