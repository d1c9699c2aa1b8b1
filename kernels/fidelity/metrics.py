"""Metrics of samples against the truth: distributions, spectra, rollouts, energy, scores."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from kernels.fidelity.reference_events import shown_variables
from kernels.models import Model
from kernels.statistics.weighted import (
    kolmogorov_distance,
    rollout_error,
    weighted_autocorrelation,
    weighted_crps,
)
from kernels.systems import System
from kernels.trajectories.layout import Layout

__all__ = [
    "distances",
    "energy_drift",
    "forecast_scores",
    "in_time",
    "one_point",
    "rollout_curves",
    "rollout_mean",
    "sampling_noise",
]

RESTART = 3  # index of the state from which the system continues a sample
PERTURBATION = 0.01  # standard deviations between a true trajectory and its perturbed start
EVERY = 10  # times between one-point distributions that are compared
NUM_BINS = 50
NUM_SERIES = 8192  # trajectories behind correlations and spectra
CONSERVED = {"double_pendulum": "energy"}

Trajectories = Float[np.ndarray, "sample time variable"]


def distances(layout: Layout, states: Trajectories, truth: Trajectories) -> dict[str, Any]:
    """Largest Kolmogorov distance of one-point distributions, and where it occurs.

    Distributions are compared for every variable at each `EVERY`th time.
    """
    found = {
        f"{name} at {float(layout.times[t]):.3g}": kolmogorov_distance(states[:, t, v], truth[:, t, v])
        for v, name in enumerate(layout.variables)
        for t in range(0, layout.num_times, EVERY)
    }
    worst = max(found, key=lambda where: found[where])
    return {"kolmogorov_distance": found[worst], "where": worst}


def sampling_noise(layout: Layout, num_samples: float, num_true: float, rate: float) -> float:
    """Largest Kolmogorov distance that a perfect model exceeds at most at a rate, from samples on both sides.

    Args:
        layout: of the trajectories.
        num_samples: independent trajectories of the model.
        num_true: independent true ones, or as many as correlated ones are worth.
        rate: of perfect models beyond, from Kolmogorov's tail 2 exp(−2 n d²) at each place compared.
    """
    places = layout.num_variables * len(range(0, layout.num_times, EVERY))
    return float(np.sqrt(0.5 * np.log(2.0 * places / rate) * (1.0 / num_samples + 1.0 / num_true)))


def one_point(layout: Layout, states: Trajectories, truth: Trajectories) -> dict[str, Any]:
    """One-point densities of the shown variables, all times together.

    They are given as edges low … high and the shares of model and truth.
    """
    report = {}
    for v in shown_variables(layout):
        low, high = np.quantile(truth[:, :, v], [0.0005, 0.9995])
        pad = 0.05 * (high - low)
        edges = np.linspace(low - pad, high + pad, NUM_BINS + 1)
        report[layout.variables[v]] = {
            "low": _rounded(edges[0]),
            "high": _rounded(edges[-1]),
            **{
                name: _rounded(np.histogram(x[:, :, v], edges)[0] / x[:, :, v].size)
                for name, x in (("model", states), ("truth", truth))
            },
        }
    return report


def in_time(layout: Layout, states: Trajectories, truth: Trajectories) -> dict[str, Any]:
    """Autocorrelations over lags and power over frequencies (1/window) of the shown variables."""
    correlations, spectra = {}, {}
    for v in shown_variables(layout):
        name = layout.variables[v]
        pairs = {"model": states[:NUM_SERIES, :, v], "truth": truth[:NUM_SERIES, :, v]}
        correlations[name] = {k: _rounded(weighted_autocorrelation(x)[0]) for k, x in pairs.items()}
        spectra[name] = {
            k: _rounded((np.abs(np.fft.rfft(x, axis=1)) ** 2).mean(0)[1:]) for k, x in pairs.items()
        }
    return {"autocorrelation": correlations, "power": spectra}


def rollout_curves(
    system: System, states: Trajectories, truth: Trajectories, key: PRNGKeyArray
) -> dict[str, Any]:
    """Error against the system's own continuation from the 4th state, by time.

    Two curves are references, after Finzi et al. (2023): `perturbed_truth` starts `PERTURBATION` standard
    deviations away from a true trajectory, `random_start` at a state of another true trajectory.
    """
    states, truth = states[:, RESTART:], truth[:, RESTART:]
    shift = PERTURBATION * truth.std((0, 1)) * np.asarray(jax.random.normal(key, truth[:, 0].shape))
    starts = {
        "model": (states, states[:, 0]),
        "perturbed_truth": (truth, truth[:, 0] + shift),
        "random_start": (truth, np.roll(truth[:, 0], 1, axis=0)),
    }
    times = np.arange(1, states.shape[1]) * system.step
    curves = {
        name: rollout_error(path, np.asarray(system.rollout(jnp.asarray(start, jnp.float32), path.shape[1])))[
            1:
        ]
        for name, (path, start) in starts.items()
    }
    return {"times": _rounded(times)} | {name: _rounded(curve) for name, curve in curves.items()}


def rollout_mean(system: System, states: Trajectories) -> float:
    """Rollout error of Finzi et al. (2023): geometric mean over the first half of the rollout.

    The rollout begins at the 4th state.
    """
    states = states[:, RESTART:]
    continued = np.asarray(system.rollout(jnp.asarray(states[:, 0]), states.shape[1]))
    error = rollout_error(states, continued)[1 : 1 + (states.shape[1] - 1) // 2]
    return float(np.exp(np.mean(np.log(error))))


def energy_drift(model: Model, states: Trajectories, truth: Trajectories) -> dict[str, float] | None:
    """Median over trajectories of the largest change of a conserved energy; None without one."""
    name = CONSERVED.get(str(model.system))
    if name is None:
        return None
    energy = jax.jit(jax.vmap(model.layout.observables[name]))
    found = {}
    for label, x in (("model", states), ("truth", truth)):
        values = np.asarray(energy(jnp.asarray(x[:NUM_SERIES])))
        found[label] = _rounded(np.median(np.abs(values - values[:, :1]).max(1)))
    return found


def forecast_scores(
    model: Model,
    ensembles: Float[np.ndarray, "case member time variable"],
    came: Trajectories,
    climate: Trajectories,
    apart: Bool[np.ndarray, "case climate"] | None = None,
) -> dict[str, Any]:
    """Scores of ensembles given the first states, at each later time, for the shown variables.

    `crps` is the mean (fair) CRPS in shares of the climate's: 0 knows all, 1 nothing. `spread_skill` is the spread
    over the error of the mean: 1 is calibrated, less is too sure. Gneiting and Raftery (2007); Fortin et al. (2014).

    The climate of a case leaves out what is not `apart` from it: a climate that holds what came knows the future.
    """
    apart = np.ones((len(came), len(climate)), bool) if apart is None else apart
    times = slice(model.num_known, None)
    mine = np.mean([weighted_crps(e, None, c).fair for e, c in zip(ensembles, came, strict=True)], axis=0)
    usual = np.mean(
        [weighted_crps(climate[others], None, c).fair for c, others in zip(came, apart, strict=True)], axis=0
    )
    spread = np.mean(ensembles.var(1, ddof=1), axis=0) * (1.0 + 1.0 / ensembles.shape[1])
    skill = np.mean((ensembles.mean(1) - came) ** 2, axis=0)
    names = {model.layout.variables[v]: v for v in shown_variables(model.layout)}
    share, ratio = mine[times] / usual[times], np.sqrt(spread[times] / skill[times])
    return {
        "num_cases": len(came),
        "num_members": ensembles.shape[1],
        "times": _rounded(model.layout.times[times]),
        "crps": {name: _rounded(share[:, v]) for name, v in names.items()},
        "spread_skill": {name: _rounded(ratio[:, v]) for name, v in names.items()},
    }


def _rounded(values: Any) -> Any:
    """Round to four significant digits: enough for a figure, and a quarter of the card."""
    if np.ndim(values):
        return [_rounded(value) for value in values]
    return float(f"{float(values):.4g}")
