"""Log-density of trajectories under a model, by the probability-flow ODE.

Along dx/dlog σ = x − D(x, σ), started at a trajectory at σ_min,

    log p(x₀) = log p_T(x_T) + ∫ (dim − tr ∂D/∂x) dlog σ   (instantaneous change of variables),

Song et al. (2021), section 4.3. The same integral for the linear denoiser L of the data's Gaussian
law is known in closed form, so that only tr ∂L/∂x − tr ∂D/∂x is integrated numerically: exact for a
Gaussian, and free of the loss of digits that hundreds of large terms would bring.

Instead of the traces, Hutchinson's estimator takes vᵀ(∂L/∂x − ∂D/∂x)v for random signs v, the same at all σ. Each probe v
has an integral of its own: the spread of these is the error of their mean. The error of one number in the field at each
σ says nothing about it, as the same probe errs alike at all of them.

Behind the margins of a record's model, the density of values is that of their scores with the map's Jacobian. Where values
have a share of the law, at bounds and multiples of a gauge's resolution, it is a lower bound: the mean over draws of their
scores, see `kernels.trajectories.dequantization`.

A forecasting model has the density of what follows the first states, given these. They stay where they are at
every σ, apart from the rest, and what their noise would add, −½ log 2πσ_min² for each number, is taken away.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PRNGKeyArray

from kernels.denoisers.conditional import ConditionalDenoiser
from kernels.denoisers.forecast import ForecastDenoiser
from kernels.denoisers.starts import is_started
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.schedules import SIGMA_MAX, SIGMA_MIN
from kernels.models import Model
from kernels.recordings.calendar import calendar_columns
from kernels.trajectories.datasets import sample_array, to_array
from kernels.trajectories.dequantization import dequantized, is_drawn
from kernels.trajectories.margins import Margins

__all__ = ["log_likelihood"]

Batch = Float[Array, "sample time variable"]

CHUNK = 64
MAX_SOLVER_STEPS = 4096


def log_likelihood(
    model: Model,
    dataset: xr.Dataset,
    *,
    num_probes: int | None = None,
    key: PRNGKeyArray | None = None,
    rtol: float = 1e-4,
    sigma_min: float = SIGMA_MIN,
    conditions: Float[np.ndarray, "sample column"] | None = None,
    num_draws: int = 4,
    seed: int = 0,
) -> xr.DataArray:
    """Log-density of each trajectory of a Dataset.

    Args:
        model: an unconditional model, or a forecasting one, which is given the first states of each trajectory.
        dataset: state(sample, time, variable) in physical units, at the model's times.
        num_probes: Rademacher probes for the divergence (Hutchinson's estimator), at least 2; None computes it exactly.
        key: random key of the probes.
        rtol: relative tolerance of the adaptive solver (Tsit5); the absolute one is a tenth of it.
        sigma_min: noise level at which the density is taken, standardised units.
        conditions: of a model that is given seasons or covariates, those of each trajectory, as the parts of a record
            keep them (`Segment.conditions`); unless given, the Dataset has coordinates over its samples: `start`,
            the dates at which they begin, and the covariates by their names.
        num_draws: of the scores of values that have a share of the law, at least 2.
        seed: of these draws.

    Returns:
        (sample,), nats, density per physical unit of all states, or of those that follow the known ones; the
        coordinate `error(sample)` is the change from a run with five times the tolerance and, with probes, the
        standard error over these, one standard deviation of both. Where some values have a share of the law, which is
        no density, it is a lower bound per trajectory, with the standard error over draws in the error, and `attrs`
        says so in `bound`. Beyond the end point of a tail it is −∞; `impossible` in `attrs` names the variables.

    Raises:
        ValueError: a Dataset that does not fit the model, a model that has been given one start, fewer than two
            probes or draws, or probes without a key.
    """
    if num_draws < 2:
        raise ValueError(
            f"`num_draws` must be at least 2, as their spread is the error; got {num_draws}. Take 4."
        )
    if num_probes is not None and num_probes < 2:
        raise ValueError(
            f"`num_probes` must be at least 2, as their spread is the error; got {num_probes}. Take 8, or None for "
            "the exact divergence."
        )
    if (num_probes is None) != (key is None):
        raise ValueError("`num_probes` and `key` must be given together, or neither (exact divergence).")
    if is_started(model.denoiser):
        raise ValueError(
            f"`model` must not have been given a start, which has no density: {model.name} takes those of the "
            "trajectories."
        )
    states = to_array(dataset, model.layout)
    features = _features(model, dataset, conditions)

    def density(x0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _log_density(
            model, x0, features, num_probes=num_probes, key=key, rtol=rtol, sigma_min=sigma_min
        )

    margins = model.standardizer.margins
    if margins is None:
        values, error = density(np.asarray(model.standardizer.standardize(jnp.asarray(states, jnp.float32))))
        return sample_array(values, "log_likelihood", units="nats", error=error)
    return _behind_margins(model, margins, states, density, num_draws, seed)


def _behind_margins(
    model: Model,
    margins: Margins,
    states: Float[np.ndarray, "sample time variable"],
    density: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    num_draws: int,
    seed: int,
) -> xr.DataArray:
    """Log-density of values from that of their standardised scores."""
    x, first = jnp.asarray(states, jnp.float32), model.num_known
    plain = model.standardizer._replace(margins=None)
    drawn = bool(jnp.any(is_drawn(margins, x)))
    found = []
    for draw in range(num_draws if drawn else 1):
        made = dequantized(margins, x, jax.random.fold_in(jax.random.key(seed), draw))
        values, error = density(np.asarray(plain.standardize(made.scores)))
        found.append((values + np.asarray(made.log_factors[:, first:], np.float64).sum(1), error))
    values, error = (np.stack(parts) for parts in zip(*found, strict=True))
    possible = np.asarray(margins.possible(x))[:, first:]
    some = possible.all((1, 2))
    spread = np.where(some, values, 0.0).std(0, ddof=1) / np.sqrt(len(values)) if drawn else 0.0
    total = np.hypot(np.sqrt(np.mean(error**2, axis=0)), spread)
    result = sample_array(values.mean(0), "log_likelihood", units="nats", error=np.where(some, total, 0.0))
    if drawn:
        result.attrs["bound"] = (
            f"a lower bound (dequantisation): some values have a share of the law; mean of {num_draws} draws"
        )
    if not some.all():
        beyond = [name for i, name in enumerate(model.layout.variables) if not possible[..., i].all()]
        result.attrs["impossible"] = (
            f"{', '.join(beyond)} lies beyond a bound or the end point of its tail in "
            f"{int((~some).sum())} trajectories, whose density is 0"
        )
    return result


def _log_density(
    model: Model,
    x0: Float[np.ndarray, "sample time score"],
    features: Float[np.ndarray, "sample feature"] | None,
    *,
    num_probes: int | None,
    key: PRNGKeyArray | None,
    rtol: float,
    sigma_min: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Log-density of standardised trajectories per unit before that, and its error."""
    (fine, probing), (coarse, _) = (
        np.concatenate(
            [
                _chunk(
                    model,
                    x0[start : start + CHUNK],
                    sigma_min,
                    tolerance,
                    num_probes,
                    None if key is None else jax.random.fold_in(key, start),
                    None if features is None else features[start : start + CHUNK],
                )
                for start in range(0, len(x0), CHUNK)
            ],
            axis=1,
        )
        for tolerance in (rtol, 5.0 * rtol)
    )
    known = model.num_known * model.initial.mean.shape[-1]
    fine += 0.5 * known * np.log(2.0 * np.pi * sigma_min**2)
    values = fine + model.standardizer.log_det(model.layout.num_times - model.num_known)
    return values, np.hypot(fine - coarse, probing)


def _features(
    model: Model, dataset: xr.Dataset, conditions: Float[np.ndarray, "sample column"] | None
) -> Float[np.ndarray, "sample feature"] | None:
    """Features of each trajectory that a model is given; None for a model without conditions.

    Raises:
        ValueError: the Dataset does not tell it.
    """
    known = model.conditions
    if known is None:
        return None
    if conditions is None:
        needed = (*(("start",) if known.cycles else ()), *known.covariates)
        lacking = [name for name in needed if name not in dataset.coords or dataset[name].dims != ("sample",)]
        if lacking:
            raise ValueError(
                f"`dataset` must tell {', '.join(lacking)} of each trajectory, as coordinates over `sample` (`start` is "
                f"the date at which it begins): {model.name} is given {', '.join(known.words)}. Or pass `conditions`."
            )
        columns = [np.asarray(dataset[name].values, np.float64)[:, None] for name in known.covariates]
        calendar = [calendar_columns(dataset["start"].values)] if known.cycles else []
        conditions = np.concatenate([*calendar, *columns], axis=1)
    return known.features(conditions)


def _chunk(
    model: Model,
    x0: np.ndarray,
    sigma_min: float,
    rtol: float,
    num_probes: int | None,
    key: PRNGKeyArray | None,
    features: Float[np.ndarray, "sample feature"] | None = None,
) -> Float[np.ndarray, "2 sample"]:
    """Log-density of each trajectory, standardised, and its standard error over the probes."""
    padded = np.concatenate([x0, np.repeat(x0[-1:], CHUNK - len(x0), axis=0)])
    probes = None
    if num_probes is not None and key is not None:
        probes = jax.random.rademacher(key, (num_probes, *padded.shape), jnp.float32)
    denoiser, law = model.denoiser, model.initial
    if isinstance(denoiser, ForecastDenoiser):
        denoiser = denoiser.given(jnp.asarray(padded[:, : model.num_known]))
        law = denoiser.law
    elif isinstance(denoiser, ConditionalDenoiser) and features is not None:
        filled = np.concatenate([features, np.repeat(features[-1:], CHUNK - len(x0), axis=0)])
        denoiser = denoiser.given(jnp.asarray(filled))
        law = denoiser.law
    x, corrections = _flow(denoiser, law, padded, probes, sigma_min, rtol)
    total = _gaussian_part(law, np.asarray(x, np.float64), sigma_min)
    each = np.asarray(corrections, np.float64)
    error = np.zeros(CHUNK) if probes is None else each.std(0, ddof=1) / np.sqrt(len(each))
    return np.stack([total + each.mean(0), error])[:, : len(x0)]


def _gaussian_part(law: GaussianLaw, x: np.ndarray, sigma_min: float) -> Float[np.ndarray, " sample"]:
    """Terminal log N(x_T; mean, S + σ_T²) plus the integral of dim − tr ∂L/∂x, float64.

    The integral of σ²/(v + σ²) over log σ is half the logarithm of v + σ²: the log-determinants at
    σ_T cancel and those at σ_min remain.
    """
    mean, basis, variances = (np.asarray(part, np.float64) for part in law)
    flat = (x - mean).reshape(len(x), -1)
    inside = flat @ basis
    square = np.sum(inside**2 / (variances + SIGMA_MAX**2), axis=1)
    square += (np.sum(flat**2, axis=1) - np.sum(inside**2, axis=1)) / SIGMA_MAX**2 if law.num_missing else 0.0
    spreads = np.append(variances, np.zeros(law.num_missing)) + sigma_min**2
    return -0.5 * (square + np.sum(np.log(2.0 * np.pi * spreads)))


@jax.jit
def _flow(
    denoiser: Any, law: GaussianLaw, x: Batch, probes: Array | None, sigma_min: Array, rtol: Array
) -> tuple[Batch, Float[Array, "probe sample"]]:
    """Terminal x_T and ∫ (tr ∂L/∂x − tr ∂D/∂x) dlog σ of each sample, by each probe; one row where it is exact."""
    inside = None if probes is None else probes.reshape(*probes.shape[:2], -1) @ law.basis

    def field(log_sigma: Any, state: Any, args: Any) -> Any:
        x, _ = state
        sigma = jnp.exp(log_sigma)
        x0_hat, traces = _traces(partial(_denoise, denoiser, sigma), x, probes)
        gains = law.variances / (law.variances + sigma**2)
        linear = jnp.sum(gains) if inside is None else inside**2 @ gains
        return x - x0_hat, linear - traces

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Tsit5(),
        t0=jnp.log(sigma_min),
        t1=jnp.log(SIGMA_MAX),
        dt0=0.05,
        y0=(x, jnp.zeros((1 if probes is None else len(probes), len(x)))),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=0.1 * rtol),
        max_steps=MAX_SOLVER_STEPS,
    )
    states, corrections = solution.ys  # type: ignore[misc]
    return states[-1], corrections[-1]


def _denoise(denoiser: Any, sigma: Array, x: Batch) -> Batch:
    return denoiser.denoise(x, sigma)


def _traces(denoise: Any, x: Batch, probes: Array | None) -> tuple[Batch, Float[Array, "probe sample"]]:
    """Denoised D(x) and the trace of ∂D/∂x of each sample, exact in one row, or by each probe.

    The exact trace takes one basis vector at a time.
    """
    x0_hat, pushforward = jax.linearize(denoise, x)
    dim = x.shape[1] * x.shape[2]

    def exact(total: Array, index: Array) -> tuple[Array, None]:
        unit = jnp.zeros(dim).at[index].set(1.0).reshape(x.shape[1:])
        column = pushforward(jnp.broadcast_to(unit, x.shape))
        return total + jnp.sum(column * unit, axis=(1, 2)), None

    if probes is None:
        return x0_hat, jax.lax.scan(exact, jnp.zeros(x.shape[0]), jnp.arange(dim))[0][None]
    return x0_hat, jax.lax.map(lambda probe: jnp.sum(pushforward(probe) * probe, axis=(1, 2)), probes)
