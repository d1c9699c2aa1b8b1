"""Events of an exact Gaussian and of an exact mixture, with the law of the trajectories in them in closed form."""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

import jax
import numpy as np
import xarray as xr
from scipy import optimize, stats

import kernels
from kernels.probability.base import Population
from kernels.probability.latent import direct, levels
from kernels.probability.latent.chains import Chains
from kernels.probability.latent.direct import direct_latents, latent_map
from kernels.probability.latent.ensemble import extend
from kernels.probability.latent.levels import NUM_REPLICATES, Run
from kernels.probability.latent.subset_simulation import DEFAULT_SCHEME
from kernels.statistics import summaries
from kernels.statistics.draws import interval_factor
from kernels.trajectories.datasets import to_dataset

TIMES = 6
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
CORRELATION = 0.8 ** np.abs(np.subtract.outer(np.arange(TIMES), np.arange(TIMES)))
MODES = ((0.997, -0.5, 0.25), (0.003, 2.0, 0.16))  # weight, mean, variance of each mode of the mixture
LAYOUT = kernels.Layout(variables=("x",), times=np.arange(float(TIMES)))
POINTS = 4001  # of the quadrature


class Tail(NamedTuple):
    """Part of a conditional law: a Gaussian N(mean, covariance) whose average over time is beyond a threshold."""

    weight: float
    mean: float
    covariance: np.ndarray
    threshold: float
    sign: float = 1.0

    @property
    def mass(self) -> float:
        """Probability of the part under the unconditional law."""
        return self.weight * float(stats.norm.sf(self._deviations))

    @property
    def _deviations(self) -> float:
        return (self.threshold - self.sign * self.mean) / np.sqrt(self.covariance.mean())

    def given_average(self) -> tuple[np.ndarray, np.ndarray]:
        """Means (point, time) given equally likely averages over time, and the standard deviations round them."""
        ranks = (np.arange(POINTS) + 0.5) / POINTS
        average = stats.norm.isf(ranks * stats.norm.sf(self._deviations))
        slope = self.covariance.mean(axis=1) / np.sqrt(self.covariance.mean())
        rest = np.sqrt(np.diag(self.covariance) - slope**2)
        return self.mean + self.sign * average[:, None] * slope, rest


class Case(NamedTuple):
    """Model, event, and the law of the trajectories in it."""

    model: kernels.Model
    event: str
    tails: tuple[Tail, ...]

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance (time,), and quantiles (level, time) at `LEVELS`, of the conditional law."""
        masses = np.array([tail.mass for tail in self.tails])
        shares = masses / masses.sum()
        parts = [tail.given_average() for tail in self.tails]
        mean = sum(p * m.mean(axis=0) for p, (m, _) in zip(shares, parts, strict=True))
        square = sum(p * ((m**2).mean(axis=0) + s**2) for p, (m, s) in zip(shares, parts, strict=True))
        quantiles = np.array([[_quantile(level, shares, parts, t) for t in range(TIMES)] for level in LEVELS])
        return mean, square - mean**2, quantiles


def _quantile(level: float, shares: np.ndarray, parts: list, time: int) -> float:
    def excess(x: float) -> float:
        below = [stats.norm.cdf((x - m[:, time]) / s[time]).mean() for m, s in parts]
        return float(shares @ below) - level

    return float(optimize.brentq(excess, -30.0, 30.0))


def gaussian(probability: float, *, two_sided: bool = False, num_steps: int = 14) -> Case:
    """Average of an AR(1) beyond a threshold; the ODE of a Gaussian is linear, so its own law is known exactly."""
    denoiser = kernels.GaussianDenoiser(np.zeros((TIMES, 1)), CORRELATION)
    model = kernels.Model.from_denoiser(denoiser, LAYOUT, card={"name": "gaussian", "num_steps": num_steps})
    asked = kernels.RunSpec(model=model, event="mean(x) > 0").problem(jax.random.key(0))
    rows = np.concatenate(list(latent_map(asked, np.eye(TIMES, dtype=np.float32)[:, :, None])))[..., 0]
    covariance = rows.T.astype(np.float64) @ rows.astype(np.float64)
    sides = (1.0, -1.0) if two_sided else (1.0,)
    threshold = float(stats.norm.isf(probability / len(sides)) * np.sqrt(covariance.mean()))
    inside = "abs(mean(x))" if two_sided else "mean(x)"
    tails = tuple(Tail(1.0, 0.0, covariance, threshold, side) for side in sides)
    return Case(model, f"{inside} > {threshold!r}", tails)


def mixture(probability: float, num_steps: int = 24) -> Case:
    """Average of two modes beyond a threshold, at which the heavier mode gives way to the other."""
    weights, means, variances = zip(*MODES, strict=True)
    denoiser = kernels.GaussianMixtureDenoiser(
        weights, [np.full((TIMES, 1), mean) for mean in means], [v * CORRELATION for v in variances]
    )
    model = kernels.Model.from_denoiser(denoiser, LAYOUT, card={"name": "mixture", "num_steps": num_steps})

    def tails(threshold: float) -> tuple[Tail, ...]:
        return tuple(Tail(w, m, v * CORRELATION, threshold) for w, m, v in MODES)

    def excess(threshold: float) -> float:
        return np.log(sum(tail.mass for tail in tails(threshold)) / probability)

    threshold = float(optimize.brentq(excess, -3.0, 8.0))
    return Case(model, f"mean(x) > {threshold!r}", tails(threshold))


def replications(case: Case, runs: int, *, chains: int = 64, num_samples: int = 512) -> Iterator[xr.Dataset]:
    """Independent exact ensembles, each from the replicates of one subset simulation of 8 × `chains` chains.

    The replicates of all of them move together, in large batches: they share the levels and nothing else.
    """
    spec = kernels.RunSpec(model=case.model, event=case.event)
    problem, count = spec.problem(jax.random.key(0)), NUM_REPLICATES * runs
    together = mock.patch.object(levels, "NUM_REPLICATES", count), mock.patch.object(direct, "CHUNK", 8192)
    with together[0], together[1]:
        latents = direct_latents(problem, np.arange(count * chains * DEFAULT_SCHEME.moves.count))
        states = np.concatenate(list(latent_map(problem, latents)))
        pool = Chains(latents, states, *problem.judge(states))
        run = Run(problem, pool, chains, DEFAULT_SCHEME, problem.stream_key("subset"))
        deque(run.steps(), maxlen=0)
        found = run.population(done=True)
    assert found is not None
    for index in range(runs):
        own = np.flatnonzero(found.replicate // NUM_REPLICATES == index)
        population = Population(*(part[own] for part in found))
        *_, last = extend(spec.problem(jax.random.key(index)), population, num_samples)
        assert last.mixing is not None
        attrs = last.mixing.to_dict() | {"mixed": int(last.mixing.mixed)}
        yield to_dataset(last.chains.states, case.model.layout, attrs=attrs, replicate=last.replicate)


def measure(case: Case, runs: int, num_samples: int = 512) -> dict[str, Any]:
    """Coverage, calibration and effective sizes of so many ensembles.

    Returns:
        Under "mean" and each quantile: "covered", how often value ± t · error holds the truth, over all times; "±1.96",
        the same without Student's t; "stated", the root mean square error that is stated over the one that is seen.
        Under "ess": "stated", the median, and "seen", the conditional variance over the mean square error of the mean;
        "mixed", how many ensembles are called so. And "t", the median factor.
    """
    mean, variance, quantiles = case.moments()
    truth = {"mean": mean} | {f"q{level:g}": quantiles[i] for i, level in enumerate(LEVELS)}
    gaps: dict[str, list] = {name: [] for name in truth}
    errors: dict[str, list] = {name: [] for name in truth}
    factors, sizes, mixed = [], [], []
    for dataset in replications(case, runs, num_samples=num_samples):
        means, bands = summaries.mean(dataset), summaries.bands(dataset, LEVELS)
        found = {"mean": (means["mean"], means["mean_error"])}
        for i, level in enumerate(LEVELS):
            found[f"q{level:g}"] = bands["quantile"][i], bands["quantile_error"][i]
        for name, (value, error) in found.items():
            gaps[name].append(value.values[:, 0] - truth[name])
            errors[name].append(error.values[:, 0])
        factors.append(interval_factor(means.attrs["degrees_of_freedom"]))
        sizes.append(means.attrs["ess"])
        mixed.append(dataset.attrs["mixed"])
    factor, covered = np.array(factors)[:, None], {}
    for name in truth:
        gap, error = np.abs(gaps[name]), np.array(errors[name])
        covered[name] = {
            "covered": float((gap <= factor * error).mean()),
            "±1.96": float((gap <= 1.96 * error).mean()),
            "stated": float(np.sqrt(np.mean(error**2) / np.mean(gap**2))),
        }
    seen = float(1.0 / np.mean(np.mean(np.square(gaps["mean"]), axis=0) / variance))
    sizes = {"stated": float(np.median(sizes)), "seen": seen, "mixed": float(np.mean(mixed))}
    return covered | {"ess": sizes, "t": float(np.median(factors)), "runs": runs}
