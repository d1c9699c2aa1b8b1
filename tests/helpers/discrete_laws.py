"""What a solver's samples are distributed like on a one-dimensional Gaussian: a linear recursion.

For x₀ ~ N(0, v) the denoiser is D = v/(v + σ²) x, so each step maps the state linearly and adds noise;
the second moments follow exactly. Written apart from the solvers, step by step from their definitions.
"""

import numpy as np


def final_variance(solver: str, sigmas: np.ndarray, v: float) -> float:
    """Variance of the sample that `solver` (a name of the registry) returns on a grid of levels."""
    gain = v / (v + sigmas**2)
    if solver in ("heun", "edm_heun"):
        return gain[-1] ** 2 * _heun(sigmas, v, churn=40.0 if solver == "edm_heun" else 0.0)
    if solver in ("ancestral", "euler_maruyama"):
        return gain[-1] ** 2 * _first_order(solver, sigmas, gain, v)
    if solver == "unipc":
        return (gain[-1] * _predicted_and_corrected(sigmas, gain, v)) ** 2
    return gain[-1] ** 2 * _multistep(solver, sigmas, gain, v)


def _first_order(solver: str, sigmas: np.ndarray, gain: np.ndarray, v: float) -> float:
    variance = v + sigmas[0] ** 2
    for k in range(len(sigmas) - 1):
        square = (sigmas[k + 1] / sigmas[k]) ** 2
        noise = sigmas[k + 1] ** 2 * (1 - square) if solver == "ancestral" else sigmas[k] ** 2 * (1 - square)
        variance = (square + (1 - square) * gain[k]) ** 2 * variance + noise
    return float(variance)


def _heun(sigmas: np.ndarray, v: float, churn: float) -> float:
    steps = len(sigmas) - 1
    raised = sigmas[:-1] * (1 + min(churn / steps, np.sqrt(2) - 1))
    slope = lambda s: s / (v + s**2)  # (1 − v/(v + s²)) / s
    variance = v + raised[0] ** 2
    for k in range(steps):
        if k:
            variance += raised[k] ** 2 - sigmas[k] ** 2
        h = sigmas[k + 1] - raised[k]
        predicted = 1 + h * slope(raised[k])
        variance *= (1 + 0.5 * h * (slope(raised[k]) + slope(sigmas[k + 1]) * predicted)) ** 2
    return float(variance)


def _multistep(solver: str, sigmas: np.ndarray, gain: np.ndarray, v: float) -> float:
    moments = np.zeros((2, 2))  # of (x, previous D)
    moments[0, 0] = v + sigmas[0] ** 2
    for k in range(len(sigmas) - 1):
        ratio = sigmas[k + 1] / sigmas[k]
        if solver == "sde_dpm_solver":
            ratio, noise = ratio**2, sigmas[k + 1] ** 2 * (1 - ratio**2)
        else:
            noise = 0.0
        h = np.log(sigmas[k] / sigmas[k + 1])
        weight = 0.0 if k == 0 else 0.5 * h / np.log(sigmas[k - 1] / sigmas[k])
        step = np.array(
            [
                [ratio + (1 - ratio) * (1 + weight) * gain[k], -(1 - ratio) * weight],
                [gain[k], 0.0],
            ]
        )
        moments = step @ moments @ step.T
        moments[0, 0] += noise
    return float(moments[0, 0])


def _predicted_and_corrected(sigmas: np.ndarray, gain: np.ndarray, v: float) -> float:
    """By Lagrange interpolation and Gaussian quadrature of dx/dλ = D − x, λ = −log σ, for one latent of 1."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    times = -np.log(sigmas)

    def stepped(x: float, k: int, seen: list[tuple[float, float]]) -> float:
        """From λ_k to λ_{k + 1}, D being the polynomial through what was seen."""
        h = times[k + 1] - times[k]
        at = times[k] + 0.5 * h * (nodes + 1)
        parts = []
        for i, (time, value) in enumerate(seen):
            others = [other for j, (other, _) in enumerate(seen) if j != i]
            parts.append(value * np.prod([(at - other) / (time - other) for other in others], axis=0))
        through = np.sum(parts, axis=0) * np.ones_like(at)
        return float(np.exp(-h) * x + 0.5 * h * np.sum(weights * np.exp(at - times[k + 1]) * through))

    x = before = np.sqrt(v + sigmas[0] ** 2)
    seen: list[tuple[float, float]] = []
    for k in range(len(sigmas) - 1):
        seen = [*seen, (times[k], gain[k] * x)][-3:]
        corrected = stepped(before, k - 1, seen) if k else x
        x, before = stepped(corrected, k, seen), corrected
    return x
