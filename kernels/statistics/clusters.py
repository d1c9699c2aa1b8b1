"""Clusters of a series' exceedances of a threshold: values that belong to the same occurrence.

Waits between exceedances of a series without memory are geometric. In one with memory a share θ of them, the extremal
index, is that between clusters, and the others are short. The intervals estimator finds θ from the first two moments
of the waits, and the clusters from θ: of N exceedances, the longest θN − 1 waits part them (Ferro & Segers 2003).
"""

import numpy as np
from jaxtyping import Float, Int

__all__ = ["cluster_labels", "decluster"]


def decluster(
    values: Float[np.ndarray, " row"], threshold: float, gap: int | None = None
) -> Int[np.ndarray, " peak"]:
    """Rows of the peaks of a series above a threshold, one a cluster.

    Args:
        values: in the order of time; where they are missing, NaN, they count as below the threshold.
        threshold: that the clusters exceed.
        gap: rows at or below the threshold that part two clusters, at least 1; None for those of the intervals
            estimator.

    Raises:
        ValueError: a gap below 1.
    """
    if gap is not None and gap < 1:
        raise ValueError(f"`gap` must be at least 1; got {gap}.")
    rows = np.flatnonzero(np.asarray(values) > threshold)
    labels = cluster_labels(rows, gap)
    order = np.lexsort(
        (-np.asarray(values)[rows], labels)
    )  # the highest of each cluster first, then the earliest
    return rows[order[np.unique(labels[order], return_index=True)[1]]]


def cluster_labels(
    rows: Int[np.ndarray, " exceedance"], gap: int | None = None
) -> Int[np.ndarray, " exceedance"]:
    """Label of the cluster of each exceedance, from 0.

    Args:
        rows: at which the threshold is exceeded, increasing.
        gap: rows between two exceedances that part their clusters; None for those of the intervals estimator.
    """
    if rows.size < 2:
        return np.zeros(rows.size, int)
    waits = np.diff(rows)
    longest = _longest_wait(waits) if gap is None else gap
    return np.concatenate([[0], np.cumsum(waits > longest)])


def _longest_wait(waits: Int[np.ndarray, " wait"]) -> int:
    """Longest wait between exceedances of one cluster (Ferro & Segers 2003, section 3)."""
    sizes = waits.astype(np.float64)
    if waits.max() <= 2:
        index = 2.0 * sizes.sum() ** 2 / (sizes.size * np.sum(sizes**2))
    else:
        index = 2.0 * np.sum(sizes - 1.0) ** 2 / (sizes.size * np.sum((sizes - 1.0) * (sizes - 2.0)))
    clusters = max(int(min(index, 1.0) * (sizes.size + 1)), 1)
    return 0 if clusters > sizes.size else int(np.sort(waits)[-clusters])
