"""Models whose events and conditional laws have closed forms."""

import numpy as np
from discrete_laws import final_variance
from scipy import optimize, stats

import kernels
from kernels.diffusion.schedules import grid

NUM_TIMES = 40


def autoregression() -> tuple[kernels.Model, np.ndarray]:
    """Two AR(1) processes at 40 times, standard deviations 1 and 2; the model and its covariance (80, 80)."""
    steps = np.arange(NUM_TIMES)
    correlation = 0.9 ** np.abs(np.subtract.outer(steps, steps))
    covariance = np.kron(correlation, np.diag([1.0, 4.0]))
    layout = kernels.Layout(
        variables=("x", "y"), times=steps * 0.5, time_units="s", variable_units={"x": "m"}
    )
    denoiser = kernels.GaussianDenoiser(np.zeros((NUM_TIMES, 2)), covariance)
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "ar1", "num_steps": 60}), covariance


def linear_event(covariance: np.ndarray, deviations: float) -> tuple[str, np.ndarray, float]:
    """mean(x) + 0.3 final(y) above so many standard deviations: text, coefficients (80,), threshold."""
    coefficients = np.zeros((NUM_TIMES, 2))
    coefficients[:, 0] = 1.0 / NUM_TIMES
    coefficients[-1, 1] = 0.3
    flat = coefficients.ravel()
    threshold = deviations * float(np.sqrt(flat @ covariance @ flat))
    return f"mean(x) + 0.3 * final(y) > {threshold!r}", flat, threshold


def tail(deviations: float) -> float:
    """P(N(0, 1) > deviations)."""
    return float(stats.norm.sf(deviations))


def truncated_moments(
    covariance: np.ndarray, flat: np.ndarray, deviations: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (80,) and covariance (80, 80) of a centred Gaussian given a·x > deviations · std(a·x)."""
    hazard = stats.norm.pdf(deviations) / stats.norm.sf(deviations)
    direction = covariance @ flat / np.sqrt(flat @ covariance @ flat)
    shrink = hazard * (hazard - deviations)
    return hazard * direction, covariance - shrink * np.outer(direction, direction)


def short_autoregression(num_draws: int = 1_000_000) -> tuple[kernels.Model, np.ndarray]:
    """One AR(1) process at 10 times, and the maxima of so many draws of it."""
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    denoiser = kernels.GaussianDenoiser(np.zeros((10, 1)), correlation)
    layout = kernels.Layout(variables=("x",), times=np.arange(10.0))
    noise = np.random.default_rng(1).standard_normal((num_draws, 10))
    maxima = (noise @ np.linalg.cholesky(correlation).T).max(axis=1)
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "short ar1", "num_steps": 40}), maxima


SEPARATED = ((0.97, -0.5, 0.25), (0.03, 3.0, 0.16))  # weight, mean, variance of each mode


def separated_modes() -> kernels.Model:
    """Two modes of unequal weight and width at 10 times; a mean above 1 is met by the small one only."""
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    weights, means, variances = zip(*SEPARATED, strict=True)
    denoiser = kernels.GaussianMixtureDenoiser(
        weights, [np.full((10, 1), mean) for mean in means], [v * correlation for v in variances]
    )
    layout = kernels.Layout(variables=("x",), times=np.arange(10.0))
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "two modes", "num_steps": 40})


def separated_tail(threshold: float) -> float:
    """P(mean(x) > threshold) of `separated_modes`."""
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    return sum(
        weight * float(stats.norm.sf((threshold - mean) / np.sqrt(variance * correlation.mean())))
        for weight, mean, variance in SEPARATED
    )


def separated_threshold(probability: float) -> float:
    """The threshold that the mean exceeds with this probability in `separated_modes`."""
    return float(optimize.brentq(lambda c: np.log(separated_tail(c) / probability), -3.0, 8.0))


def small_gaussian() -> tuple[kernels.Model, np.ndarray]:
    """One AR(1) process at 8 times, around 1, with standard deviation 0.5; the model and its covariance (8, 8)."""
    covariance = 0.25 * 0.7 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    layout = kernels.Layout(variables=("x",), times=np.arange(8.0))
    denoiser = kernels.GaussianDenoiser(np.ones((8, 1)), covariance)
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "small", "num_steps": 30}), covariance


def mean_event(model: kernels.Model, probability: float, solver: str, num_steps: int) -> str:
    """mean(x) > c with c such that a solver's samples of `small_gaussian` exceed it with this probability.

    The variance of what a solver returns follows exactly, direction by direction, so that nothing has to
    be allowed for its steps.
    """
    law = model.initial
    scale = float(np.asarray(model.standardizer.scale)[0])
    along = np.asarray(law.basis, np.float64).T @ np.full(8, scale / 8)
    sigmas = grid(num_steps).astype(np.float64)
    variances = [final_variance(solver, sigmas, float(v)) for v in np.asarray(law.variances, np.float64)]
    return f"mean(x) > {1.0 + float(stats.norm.isf(probability) * np.sqrt(along**2 @ variances))!r}"
