"""Density ratio: the probability from densities along guided and unguided flow ODEs.

Samples x are drawn by the guided ODE, whose own density q is integrated along with them; the model's
density p is integrated back along its unguided ODE. Then P̂ = mean of 1{C > 0} · p(x)/q(x), consistent
wherever guidance leaves no part of the event out. In the coordinates u = (S + σ²)^(−1/2) (x − mean) of the
data's Gaussian law N(mean, S), with L its denoiser,

    du/dlog σ = (S + σ²)^(−1/2) (L − D)(x),   dlog ρ(u)/dlog σ = tr ∂(D − L)/∂x,   u ~ N(0, I) at σ_max,

so only the difference from a Gaussian is integrated, by Heun's rule on one grid for both. The trace
is exact up to `EXACT_DIMENSIONS` numbers a trajectory and by `NUM_PROBES` Rademacher probes beyond, new
ones at each step (their noise averages out), the same for p and q; what noise is left enters the
logarithm, hence biases the ratio, and is reported.

Finzi et al. (2023), equation 13, average logarithms instead; `diagnostics` has both forms:
`paper_log_mean`, mean of log(p/q) over all samples, misses kept, which is no estimate of log P, and
`hits_log_bound`, log(hit rate) + mean of log(p/q) over the hits, in expectation at most log P.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from kernels.denoisers.base import evaluate
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.schedules import grid
from kernels.probability.base import Estimator, Probability, Problem, Progress
from kernels.probability.guided.direct_check import (
    CHECK_SHARE,
    DirectCheck,
    approximated,
    direct_check,
    nothing_found,
)
from kernels.probability.guided.pilot import guided_denoiser, pilot_calls
from kernels.probability.guided.reliability import pareto_shape, weighted_estimate
from kernels.probability.latent.direct import finest_sigma, tolerated_sigma
from kernels.samplers.base import Batch
from kernels.samplers.sampling import Keys, sample_keys

__all__ = [
    "DENSITY_RATIO",
    "EXACT_DIMENSIONS",
    "NUM_PROBES",
    "Densities",
    "density_ratio",
    "estimate_from_densities",
]

EXACT_DIMENSIONS = 96
NUM_PROBES = 8
CHUNK = 128
MAX_SQUARE = 20.0  # mean square of a latent's numbers: 1 is usual, p < e^(−10 dim) beyond this
MAX_DIVERGED = 0.01
MAX_PROBE_NOISE = 0.3  # standard deviation of log(p/q): a bias of the ratio of 5 %


class Densities(NamedTuple):
    """Samples of the guided ODE: event indicator, log(p/q), and log(p/q) by each probe.

    log(p/q) is NaN where the ODE diverged, out of all that p allows: such samples count as misses.
    """

    holds: Bool[np.ndarray, " sample"]
    log_ratio: Float[np.ndarray, " sample"]
    by_probe: Float[np.ndarray, "probe sample"]


def density_ratio(problem: Problem, num_samples: int, num_steps: int) -> Iterator[Progress]:
    """Estimate by importance sampling with the densities of the probability-flow ODEs.

    Args:
        problem: what is asked.
        num_samples: guided samples.
        num_steps: network evaluations on the way down, and as many on the way back up.

    Raises:
        FloatingPointError: densities that are not finite.
    """
    check = yield from direct_check(problem, num_samples)
    chunks: list[Densities] = []
    estimate = None
    for start in range(0, num_samples, CHUNK):
        count = min(CHUNK, num_samples - start)
        for record in _draw(problem, start, num_steps):
            if isinstance(record, Densities):
                chunks.append(Densities(*(part[..., :count] for part in record)))
                continue
            fraction = (start + CHUNK * record) / (CHUNK * -(-num_samples // CHUNK))
            done = CHECK_SHARE + (0.999 - CHECK_SHARE) * fraction
            yield Progress(done, f"densities of samples {start + 1}–{start + count}", estimate)
        finished = Densities(*(np.concatenate(parts, axis=-1) for parts in zip(*chunks, strict=True)))
        calls = 2 * len(finished.holds) * num_steps + check.drawn * problem.num_steps + pilot_calls(problem)
        estimate = approximated(problem, estimate_from_densities(finished, check, calls))
    yield Progress(1.0, "the density ratio is done", estimate)


def _draw(problem: Problem, start: int, num_steps: int) -> Iterator[Densities | float]:
    """Draw samples start … start + CHUNK − 1; yields progress, and the `Densities` last."""
    if problem.constraint is None:
        raise ValueError("the density ratio needs an event.")
    finest = min(finest_sigma(problem), tolerated_sigma(problem.constraint, problem.model))
    sigmas = grid(max(2, num_steps // 2 + 1), sigma_min=finest).astype(np.float32)
    keys = sample_keys(problem.stream_key("density"), start, CHUNK)
    bound, latents = problem.bound(keys)
    law, plain = bound.model.initial, bound.denoiser
    steering = guided_denoiser(problem, bound)
    intervals = list(pairwise(sigmas))
    log_q, u = -0.5 * _square(latents), latents
    for index, (high, low) in enumerate(intervals):
        u, gain = _heun(steering, law, u, high, low, _probes(keys, index, latents.shape))
        log_q = log_q + np.asarray(gain, np.float64)
        yield 0.5 * (index + 1) / len(intervals)
    diverged = ~(_square(u) < MAX_SQUARE * latents[0].size)
    u = jnp.where(diverged[:, None, None], 0.0, u)
    x0_hat = _denoise(plain, law.perturb(u, sigmas[-1]), sigmas[-1])
    holds = problem.judge(problem.physical(x0_hat))[1] & ~diverged
    log_p = np.zeros_like(log_q)
    for index, (high, low) in reversed(list(enumerate(intervals))):
        u, gain = _heun(plain, law, u, low, high, _probes(keys, index, latents.shape))
        log_p = log_p - np.asarray(gain, np.float64)
        yield 1.0 - 0.5 * index / len(intervals)
    by_probe = log_p - 0.5 * _square(u) - log_q
    yield Densities(holds, np.where(diverged, np.nan, by_probe.mean(axis=0)), by_probe)


def _square(u: Batch) -> Float[np.ndarray, " sample"]:
    return np.sum(np.asarray(u, np.float64) ** 2, axis=(1, 2))


def _probes(
    keys: Keys, step: int, shape: tuple[int, ...]
) -> Float[Array, "probe sample time variable"] | None:
    """Rademacher probes of each sample at one step; None where the trace is exact."""
    if shape[1] * shape[2] <= EXACT_DIMENSIONS:
        return None
    return _rademacher(keys, np.uint32(step + 1), shape[1:])  # step 0 belongs to the latents


@partial(jax.jit, static_argnames="shape")
def _rademacher(
    keys: Keys, step: Array, shape: tuple[int, ...]
) -> Float[Array, "probe sample time variable"]:
    def draw(key: Array) -> Array:
        return jax.random.rademacher(jax.random.fold_in(key, step), (NUM_PROBES, *shape), jnp.float32)

    return jax.vmap(draw, out_axes=1)(keys)


def _denoise(denoiser: Any, x: Batch, sigma: Any) -> Batch:
    """Denoise by calling a guided denoiser, or by evaluating a plain one."""
    if callable(denoiser):
        guided: Any = denoiser
        return guided(x, sigma)
    return evaluate(denoiser, x, sigma)


@jax.jit
def _heun(
    denoiser: Any, law: GaussianLaw, u: Batch, sigma: Array, following: Array, probes: Array | None
) -> tuple[Batch, Float[Array, "probe sample"]]:
    """Heun step of u from `sigma` to `following`, with the change of log ρ(u) by each probe."""
    step = jnp.log(following / sigma)
    first, first_trace = _field(denoiser, law, u, sigma, probes)
    second, second_trace = _field(denoiser, law, u + step * first, following, probes)
    return u + 0.5 * step * (first + second), 0.5 * step * (first_trace + second_trace)


def _field(
    denoiser: Any, law: GaussianLaw, u: Batch, sigma: Array, probes: Array | None
) -> tuple[Batch, Float[Array, "probe sample"]]:
    """Derivatives du/dlog σ and dlog ρ/dlog σ, the latter by each probe, or exact in one row."""

    def excess(x: Batch) -> Batch:
        return _denoise(denoiser, x, sigma) - law.denoise(x, sigma)

    gap, pushforward = jax.linearize(excess, law.perturb(u, sigma))

    def along(probe: Array) -> Float[Array, " sample"]:
        return jnp.sum(probe * pushforward(jnp.broadcast_to(probe, u.shape)), axis=(1, 2))

    if probes is None:
        units = jnp.eye(law.variances.size).reshape(-1, *u.shape[1:])
        zero = jnp.zeros(u.shape[0])
        trace = jax.lax.scan(lambda total, unit: (total + along(unit), None), zero, units)[0][None]
    else:
        trace = jax.lax.map(along, probes)
    return -law.unperturb(gap + law.mean, sigma), trace


def estimate_from_densities(done: Densities, check: DirectCheck, num_calls: int) -> Probability:
    """Estimate P̂, with its error and diagnostics, from finished samples."""
    if not np.isfinite(done.log_ratio[done.holds]).all():
        raise FloatingPointError("the densities are not finite. Use subset simulation for this event.")
    total = len(done.holds)
    diagnostics = _diagnostics(done) | check.diagnostics()
    weights = np.where(done.holds, np.exp(np.minimum(done.log_ratio, 700.0)), 0.0)
    if not weights.any():
        found = "the model hardly ever goes" if done.holds.any() else "there is no event"
        return nothing_found(
            "density_ratio", f"Guided samples go where {found}", check, num_calls, diagnostics
        )
    value, error = float(weights.mean()), float(weights.std(ddof=1) / np.sqrt(total))
    diverged, noise = diagnostics["diverged"], diagnostics["probe_noise"]
    return weighted_estimate(
        method="density_ratio",
        unit="sample",
        value=value,
        error=error,
        weights=weights,
        pareto_k=pareto_shape(-done.log_ratio[done.holds]),
        check=check,
        doubts={
            f"{diverged} guided samples diverged": diverged > MAX_DIVERGED * total,
            f"the trace's probes make log(p/q) uncertain by {noise:.2g}": noise > MAX_PROBE_NOISE,
        },
        num_calls=num_calls,
        diagnostics=diagnostics,
    )


def _diagnostics(done: Densities) -> dict[str, Any]:
    """Hit rate, both averages of logarithms, and the noise of the trace."""
    total, hits, probes = len(done.holds), int(done.holds.sum()), len(done.by_probe)
    inside, finite = done.log_ratio[done.holds], done.log_ratio[np.isfinite(done.log_ratio)]
    variances = done.by_probe[:, done.holds].var(axis=0, ddof=1) if probes > 1 and hits else np.zeros(1)
    return {
        "hit_rate": hits / total,
        "hits": hits,
        "diverged": total - len(finite),
        "probe_noise": float(np.sqrt(np.mean(variances) / probes)),
        "paper_log_mean": float(finite.mean()) if len(finite) else None,
        "paper_log_mean_error": float(finite.std(ddof=1) / np.sqrt(len(finite))) if len(finite) > 1 else None,
        "hits_log_bound": float(np.log(hits / total) + inside.mean()) if hits else None,
    }


DENSITY_RATIO = Estimator(
    name="density_ratio",
    label="density ratio, as in the paper",
    run=density_ratio,
    min_samples=20,
)
