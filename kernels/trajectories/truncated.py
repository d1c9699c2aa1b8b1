"""Truncated normal numbers."""

import numpy as np
from scipy.special import ndtr, ndtri

__all__ = ["truncated_normal"]


def truncated_normal(
    generator: np.random.Generator, mean: np.ndarray, deviation: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Normal numbers within intervals, by inverting the distribution where it is below one half."""
    a, b = (low - mean) / deviation, (high - mean) / deviation
    turned = a > 0
    a, b = np.where(turned, -b, a), np.where(turned, -a, b)
    a, b = np.maximum(a, -37.0), np.maximum(b, -36.0)
    start, end = ndtr(a), ndtr(b)
    drawn = ndtri(start + generator.random(a.shape) * (end - start))
    drawn = np.where(turned, -drawn, drawn)
    return np.clip(mean + deviation * drawn, low, high)
