"""Models of a record with margins, without a network: each score is normal and independent."""

import numpy as np

import kernels
from kernels.recordings.windows import Segment
from kernels.training.margins import fit_margins

NUM_TIMES = 4


def with_margins(rows: np.ndarray, names: tuple[str, ...], **choices) -> kernels.Model:
    """Model whose margins are fitted to daily rows (row, variable), which it holds as its training data."""
    fitted = fit_margins(rows, names, **choices)
    width, times = fitted.margins.num_scores, np.arange(float(NUM_TIMES))
    exact = kernels.Model.from_denoiser(
        kernels.GaussianDenoiser(np.zeros((NUM_TIMES, width)), np.eye(NUM_TIMES * width)),
        kernels.Layout(variables=tuple(f"s{i}" for i in range(width)), times=times),
    )
    return kernels.Model(
        denoiser=exact.denoiser,
        layout=kernels.Layout(variables=names, times=times, time_units="d", variable_units={names[0]: "mm"}),
        standardizer=exact.standardizer._replace(margins=fitted.margins),
        initial=exact.initial,
        card={"name": "basin", "margins": fitted.facts},
        training_data=Segment(rows.astype(np.float32), np.arange(len(rows) - NUM_TIMES), NUM_TIMES),
    )


def weather(num_days: int = 4_000) -> np.ndarray:
    """Daily rain with dry days, lowest and highest temperature, to a tenth."""
    generator = np.random.default_rng(0)
    wet = generator.random(num_days) < 0.45
    rain = np.where(wet, generator.gamma(0.8, 8.0, num_days).round(1) + 0.1, 0.0)
    low = generator.normal(5.0, 6.0, num_days).round(1)
    return np.stack([rain, low, (low + generator.gamma(2.0, 2.0, num_days)).round(1)], 1)
