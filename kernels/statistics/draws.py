"""Draws behind a weighted statistic: the shares of samples, and which samples are independent.

A sample x_i has the weight w_i ≥ 0 and the share p_i = w_i / Σw; Σp² is one over the effective size. A statistic
moves by p_i φ_i with its sample i, φ being its influence (x_i − Σp x for the mean), so that its standard error is
the linearised one of a ratio estimator. Samples of one replicate r, such as chains that may share ancestors, move it
together:

    error² = Σ_r (Σ_{i in r} p_i φ_i)² / (1 − 2 ΣP³/ΣP² + ΣP²),   P_r = Σ_{i in r} p_i,

where the divisor, 1 − 1/R for R equal replicates, makes its square unbiased for replicates of one variance whatever
their shares are: with 1 − ΣP² it would be half of the true one where one of eight has half of the weight. Without
replicates each sample is one: s/√n for a mean with equal weights. Chains agree with those of their
replicate, never the other way, so that the error is at least that of independent samples; less would be luck. Few
replicates, and one of them heavy, know their error roughly: ν = (Σ P_r²)² / Σ P_r⁴ − 1 degrees of freedom
(Satterthwaite; n − 1 for equal shares), and a 95 % interval is that of Student's t.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

__all__ = ["Draws", "Weights", "interval_factor"]


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """Shares of samples, and the replicate that each belongs to.

    Attributes:
        shares: p, of sum 1.
        replicate: whole numbers, equal for samples that may depend on each other; None where all are independent.
        worth: independent draws that all samples together are worth at most, where this is known of chains. Without
            replicates every variance grows by it.
    """

    shares: Float[np.ndarray, " sample"]
    replicate: Int[np.ndarray, " sample"] | None = None
    worth: float = np.inf

    @classmethod
    def of(cls, weights: "Weights", num_samples: int) -> "Draws":
        """Draws of so many samples; None stands for equal weights.

        Raises:
            ValueError: no weight is positive.
        """
        if isinstance(weights, Draws):
            return weights
        weights = np.ones(num_samples) if weights is None else np.asarray(weights, np.float64)
        if not np.any(weights > 0):
            raise ValueError("`weights` must have a positive entry.")
        return cls(weights / weights.sum())

    @property
    def ess(self) -> float:
        """Effective size: 1 / Σp², at most what chains are worth."""
        return min(1.0 / float(np.sum(self.shares**2)), self.worth)

    @property
    def correction(self) -> float:
        """Factor 1 / (1 − Σp²) of a variance of samples; n / (n − 1) for equal shares; NaN for one."""
        square = float(np.sum(self.shares**2))
        return 1.0 / (1.0 - square) if square < 1.0 - 1e-12 else np.nan

    @property
    def error_correction(self) -> float:
        """Factor of an error's square, of independent samples; n / (n − 1) for equal shares; NaN for one."""
        return _error_correction(self.shares)

    @functools.cached_property
    def replicate_shares(self) -> Float[np.ndarray, " replicate"]:
        """Shares P of the replicates."""
        return self.shares if self.replicate is None else self.moves(np.ones(len(self.shares)))

    @property
    def replicate_correction(self) -> float:
        """Factor of an error's square, see above; NaN for one replicate."""
        return _error_correction(self.replicate_shares)

    @property
    def degrees(self) -> float:
        """Degrees of freedom ν of a standard error; 0 for one replicate."""
        squares = self.replicate_shares**2
        known = float(np.sum(squares) ** 2 / np.sum(squares**2))
        return max(known / self._inflation - 1.0, 0.0)

    @property
    def _inflation(self) -> float:
        """Factor of every variance, from what chains without replicates are worth."""
        alone = 1.0 / float(np.sum(self.shares**2))
        return 1.0 if self.replicate is not None else max(1.0, alone / self.worth)

    @property
    def interval_factor(self) -> float:
        """Standard errors on either side of a 95 % interval, 1.96 for many replicates; NaN for one."""
        return interval_factor(self.degrees)

    def moves(self, influence: np.ndarray) -> np.ndarray:
        """Sum of p φ over each replicate, (replicate, …), from influences (sample, …)."""
        assert self.replicate is not None  # noqa: S101 - asked of replicates only
        order = np.argsort(self.replicate, kind="stable")
        starts = np.flatnonzero(np.diff(self.replicate[order], prepend=self.replicate[order[0]] - 1))
        shares = self.shares.reshape(-1, *[1] * (influence.ndim - 1))
        return np.add.reduceat((shares * influence)[order], starts, axis=0)

    def independent_error(self, influence: np.ndarray) -> np.ndarray:
        """Standard error, from each sample's influence (sample, …), as if all were independent."""
        return np.asarray(np.sqrt(np.tensordot(self.shares**2, influence**2, axes=1) * self.error_correction))

    def error(self, influence: np.ndarray) -> np.ndarray:
        """Standard error of a statistic from the influence (sample, …) of each sample on it."""
        moves = None if self.replicate is None else self.moves(influence)
        return np.asarray(self.combined(self.independent_error(influence), moves))

    def combined(self, independent: Any, moves: Any) -> Any:
        """Standard error from that of independent samples, and from `moves` (replicate, …) where there are any."""
        error = self._inflation**0.5 * independent
        if moves is None:
            return error
        return np.maximum(error, ((moves**2).sum(axis=0) * self.replicate_correction) ** 0.5)

    def measured(self, values: Float[np.ndarray, "sample statistic"]) -> float:
        """Number of independent draws that the samples are worth, by the errors of the means of some statistics.

        It is the effective size over the mean inflation of a mean's variance by replicates. A variance from ν
        degrees of freedom is more often too small than too large; its ratio to the median of χ²_ν / ν is not. NaN
        where nothing varies.
        """
        values = values[:, np.ptp(values, axis=0) > 0]
        if not values.shape[1] or not np.isfinite(values).all():
            return float("nan")
        if not self.degrees > 0:
            return 1.0
        influence = values - np.tensordot(self.shares, values, axes=1)
        inflation = (self.error(influence) / self.independent_error(influence)) ** 2
        median = float(stats.chi2.median(self.degrees)) / self.degrees
        alone = 1.0 / float(np.sum(self.shares**2))
        return max(1.0, alone / max(1.0, float(np.mean(inflation)) / median))


Weights = np.ndarray | Draws | None
"""Weights of samples, not negative; None for equal ones; or `Draws`, which also know their replicates."""


def interval_factor(degrees: float) -> float:
    """Standard errors on either side of a 95 % interval, by Student's t; NaN for no degree of freedom."""
    return float(stats.t.ppf(0.975, degrees)) if degrees > 0 else np.nan


def _error_correction(shares: np.ndarray) -> float:
    """Factor 1 / (1 − 2 Σp³/Σp² + Σp²); NaN for one share."""
    square = float(np.sum(shares**2))
    if not square < 1.0 - 1e-12:
        return np.nan
    return 1.0 / (1.0 - 2.0 * float(np.sum(shares**3)) / square + square)
