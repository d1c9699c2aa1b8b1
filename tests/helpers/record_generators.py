"""Generators of synthetic records whose event probabilities brute force tells: AR(1), seasonal rain, noisy Lorenz-63.

Each draws several independent series at once, (series, step), `YEAR` steps a year; rain begins on 1 January.
"""

import numpy as np
from scipy import signal, stats

__all__ = ["GENERATORS", "YEAR", "autoregression", "lorenz", "rain"]

YEAR = 365  # steps
MEMORY = 0.8  # of the AR(1), from one step to the next
WET_SHAPE, WET_SCALE = 0.7, 7.0  # gamma law of the rain of a wet day, mm
TAIL_FROM, TAIL_SHAPE = 0.95, 0.15  # share of the wet days below the Pareto tail, and its shape
GAUGE = 0.1  # mm
STEP, SUBSTEPS = 0.1, 5  # time units between states of Lorenz-63, and integration steps between them
NOISE = 0.8  # standard deviation of the noise on Lorenz-63, a tenth of that of x


def autoregression(generator: np.random.Generator, num_series: int, num_steps: int) -> np.ndarray:
    """Stationary AR(1) of variance 1."""
    noise = generator.standard_normal((num_series, num_steps)) * np.sqrt(1.0 - MEMORY**2)
    start = MEMORY * generator.standard_normal((num_series, 1))
    return signal.lfilter([1.0], [1.0, -MEMORY], noise, zi=start)[0]


def rain(generator: np.random.Generator, num_series: int, num_steps: int) -> np.ndarray:
    """Daily rain, mm, with dry days of exactly 0: spells and amounts depend on the season.

    A wet day follows a dry one with probability 0.25 ± 0.1, a wet one with 0.6 ± 0.1, most in winter. Amounts are a gamma
    law with a Pareto tail from its 95 % quantile on, continuous in density, times 1 ± 0.3, most in autumn, in tenths.
    """
    season = 2.0 * np.pi * np.arange(num_steps) / YEAR
    after_dry, after_wet = 0.25 + 0.1 * np.cos(season), 0.6 + 0.1 * np.cos(season)
    uniform = generator.random((num_steps, num_series))
    wet = np.empty((num_steps, num_series), bool)
    state = generator.random(num_series) < 0.4
    for step in range(num_steps):
        state = uniform[step] < np.where(state, after_wet[step], after_dry[step])
        wet[step] = state
    amounts = _amounts(generator.exponential(size=int(wet.sum())))
    strength = np.broadcast_to((1.0 - 0.3 * np.sin(season))[:, None], wet.shape)[wet]
    series = np.zeros(wet.shape)
    series[wet] = np.maximum(np.round(amounts * strength / GAUGE), 1.0) * GAUGE
    return series.T


def _amounts(depth: np.ndarray) -> np.ndarray:
    """Rain of wet days that are exceeded with probability e^−depth."""
    from_depth = -np.log1p(-TAIL_FROM)
    levels = np.linspace(0.0, from_depth, 4097)
    law = stats.gamma(WET_SHAPE, scale=WET_SCALE)
    table = law.isf(np.exp(-levels))
    scale = (1.0 - TAIL_FROM) / law.pdf(table[-1])
    beyond = np.maximum(depth - from_depth, 0.0)
    return np.interp(depth, levels, table) + scale * np.expm1(TAIL_SHAPE * beyond) / TAIL_SHAPE


def lorenz(generator: np.random.Generator, num_series: int, num_steps: int) -> np.ndarray:
    """Variable x of Lorenz-63 on its attractor, seen with noise."""
    state = generator.standard_normal((3, num_series)) * [[8.0], [9.0], [8.0]] + [[0.0], [0.0], [24.0]]
    series = np.empty((num_steps, num_series))
    for step in range(-100, num_steps):
        for _ in range(SUBSTEPS):
            state = _runge_kutta(state, STEP / SUBSTEPS)
        if step >= 0:
            series[step] = state[0]
    return series.T + NOISE * generator.standard_normal((num_series, num_steps))


def _runge_kutta(state: np.ndarray, step: float) -> np.ndarray:
    first = _tendency(state)
    second = _tendency(state + 0.5 * step * first)
    third = _tendency(state + 0.5 * step * second)
    return state + step / 6.0 * (first + 2.0 * (second + third) + _tendency(state + step * third))


def _tendency(state: np.ndarray) -> np.ndarray:
    x, y, z = state
    return np.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


GENERATORS = {"ar1": autoregression, "rain": rain, "lorenz63": lorenz}
