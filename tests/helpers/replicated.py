"""Questions whose answers are known, asked of the estimators again and again, with what came out.

Everything is exact but the estimators: closed denoisers, and the law that a solver's steps give of them. Events are
named by their kind and probability; a threshold is that of the law from which an estimator draws.
"""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from discrete_laws import final_variance
from exact_models import separated_modes, separated_threshold
from scipy import optimize, stats

import kernels
from kernels.diffusion.schedules import grid
from kernels.probability.latent.direct import latent_map
from kernels.probability.registry import estimates

METHODS = ("auto", "monte_carlo", "subset_simulation", "path_importance", "twisted_smc", "density_ratio")
KINDS = ("linear", "two-sided", "maximum", "or of unlike scales", "separated modes")
PROBABILITIES = (0.1, 1e-2, 1e-4, 1e-6)
ODE_STEPS, PATH_STEPS = 14, 60
NUM_SAMPLES = {
    "auto": 512,
    "monte_carlo": 4096,
    "subset_simulation": 256,
    "path_importance": 256,
    "twisted_smc": 320,
    "density_ratio": 256,
}
UNLIKE = (1.0, 0.001)  # spreads of the two variables of the `or`
TIMES = 8
CORRELATION = 0.8 ** np.abs(np.subtract.outer(np.arange(TIMES), np.arange(TIMES)))
STATUSES = {
    "ok": "o",
    "uncorroborated": "c",
    "few_chains": "f",
    "unreliable": "u",
    "no_hits": "n",
    "budget_exhausted": "b",
}


class Cell(NamedTuple):
    """Question: an estimator, a kind of event, and its probability."""

    method: str
    kind: str
    probability: float

    @property
    def name(self) -> str:
        return f"{self.method}, {self.kind}, {self.probability:g}"


class Answer(NamedTuple):
    """Estimate over the truth, its relative error, whether the 95 % interval holds the truth, and the status."""

    ratio: float
    error: float
    held: bool
    status: str


CELLS = tuple(Cell(m, k, p) for m in METHODS for k in KINDS for p in PROBABILITIES)


@functools.cache
def gaussian(variables: int) -> kernels.Model:
    """One or two independent AR(1) processes at eight times, of spreads `UNLIKE`."""
    spreads = UNLIKE[:variables]
    layout = kernels.Layout(variables=("x", "y")[:variables], times=np.arange(float(TIMES)))
    covariance = np.kron(CORRELATION, np.diag(np.square(spreads)))
    denoiser = kernels.GaussianDenoiser(np.zeros((TIMES, variables)), covariance)
    card = {"name": f"replicated {variables}", "num_steps": ODE_STEPS}
    return kernels.Model.from_denoiser(denoiser, layout, card=card)


@functools.cache
def _modes() -> kernels.Model:
    return separated_modes()


def model_of(kind: str) -> kernels.Model:
    """Model that a kind of event is asked of."""
    if kind == "separated modes":
        return _modes()
    return gaussian(2 if kind.startswith("or") else 1)


@functools.cache
def covariance_of(method: str, variables: int) -> np.ndarray:
    """Covariance (8, 8, variable) of what an estimator's solver draws of `gaussian`, variable by variable.

    A solver is linear on a Gaussian. That of `density_ratio` is taken for exact: its densities are those of the law.
    """
    model = gaussian(variables)
    if method == "density_ratio":
        return CORRELATION[:, :, None] * np.square(UNLIKE[:variables])
    if method in ("path_importance", "twisted_smc"):
        law, scale = model.initial, np.asarray(model.standardizer.scale, np.float64)
        basis = np.asarray(law.basis, np.float64)
        sigmas = grid(PATH_STEPS).astype(np.float64)
        each = [final_variance("sde_dpm_solver", sigmas, float(v)) for v in np.asarray(law.variances)]
        both = (basis * each) @ basis.T if basis.shape[0] == TIMES * variables else (basis.T * each) @ basis
        both = both.reshape(TIMES, variables, TIMES, variables)
        return np.stack([both[:, v, :, v] * scale[v] ** 2 for v in range(variables)], axis=-1)
    asked = kernels.RunSpec(model=model, event="mean(x) > 0").problem(jax.random.key(0))
    size = TIMES * variables
    latents = np.eye(size, dtype=np.float32).reshape(size, TIMES, variables)
    rows = np.concatenate(list(latent_map(asked, latents))).astype(np.float64)
    return np.einsum("usv,utv->stv", rows, rows)


@functools.cache
def threshold_of(method: str, kind: str, probability: float) -> tuple[float, ...]:
    """Thresholds at which an event of this kind has this probability under the estimator's law."""
    if kind == "separated modes":
        return (separated_threshold(probability),)
    covariance = covariance_of(method, 2 if kind.startswith("or") else 1)
    deviations = np.sqrt(covariance.mean(axis=(0, 1)))
    if kind == "maximum":
        return (_maximum_threshold(covariance[..., 0], probability),)
    tails = {"linear": probability, "two-sided": probability / 2}
    tail = tails.get(kind, -np.expm1(0.5 * np.log1p(-probability)))  # two independent parts, equally likely
    return tuple((stats.norm.isf(tail) * deviations).tolist())


def _maximum_threshold(covariance: np.ndarray, probability: float) -> float:
    """Threshold of the largest of Gaussians, from draws of each given that it exceeds the threshold.

    P(max > c) = Σ P(x_i > c) · E[1 / number above c], where i is drawn in proportion to P(x_i > c).
    """
    generator = np.random.default_rng(3)
    ranks, noise = generator.uniform(size=100_000), generator.standard_normal((100_000, TIMES))
    spreads = np.sqrt(np.diag(covariance))
    root = np.linalg.cholesky(covariance)

    def excess(threshold: float) -> float:
        masses = stats.norm.sf(threshold / spreads)
        chosen = np.searchsorted(
            np.cumsum(masses) / masses.sum(), np.linspace(0, 1, len(ranks), endpoint=False)
        )
        above = stats.norm.isf(ranks * masses[chosen]) * spreads[chosen]
        free = noise @ root.T
        slope = covariance[chosen] / np.square(spreads[chosen])[:, None]
        rows = np.arange(len(ranks))
        states = free + slope * (above - free[rows, chosen])[:, None]
        number = np.maximum((states > threshold).sum(axis=1), 1)
        return float(np.log(masses.sum() * np.mean(1.0 / number) / probability))

    return float(optimize.brentq(excess, 0.0, 8.0, xtol=1e-6))


def event_of(method: str, kind: str, probability: float) -> str:
    """Text of the event."""
    first, *more = map(repr, threshold_of(method, kind, probability))
    return {
        "linear": f"mean(x) > {first}",
        "two-sided": f"abs(mean(x)) > {first}",
        "maximum": f"max(x) > {first}",
        "or of unlike scales": f"mean(x) > {first} or mean(y) > {more[0] if more else ''}",
        "separated modes": f"mean(x) > {first}",
    }[kind]


def ask(cell: Cell, replicate: int) -> Answer:
    """Ask once; cells and replicates have keys of their own."""
    spec = kernels.RunSpec(model=model_of(cell.kind), event=event_of(*cell))
    key = jax.random.fold_in(jax.random.key(replicate), CELLS.index(cell))
    *_, last = estimates(spec.problem(key), cell.method, NUM_SAMPLES[cell.method], PATH_STEPS)
    found = last.probability
    assert found is not None
    low, high = found.interval
    held = low <= cell.probability <= high
    status = STATUSES[found.status]
    return Answer(found.value / cell.probability, found.standard_error / cell.probability, held, status)


def summary(answers: list[Answer]) -> dict[str, Any]:
    """What the answers come to: over all the share ok and the mean, over those that are ok cover and calibration.

    "p" is the chance of so few covered or fewer if 95 in 100 were; "stated" the root mean square error that is stated
    over the spread that is seen.
    """
    ratios = np.array([answer.ratio for answer in answers])
    sound = [answer for answer in answers if answer.status == "o"]
    held = sum(answer.held for answer in sound)
    found: dict[str, Any] = {
        "ok": len(sound) / len(answers),
        "mean": float(ratios.mean()),
        "mean ok": float(np.mean([answer.ratio for answer in sound])) if sound else None,
        "cover": held / len(sound) if sound else None,
        "p": float(stats.binom.cdf(held, len(sound), 0.95)) if sound else None,
        "stated": None,
    }
    if len(sound) >= FEWEST:
        errors = np.array([answer.error for answer in sound])
        spread = np.std([answer.ratio for answer in sound], ddof=1)
        found["stated"] = float(np.sqrt(np.mean(errors**2)) / spread) if spread > 0 else None
    return found


FEWEST = 8  # answers from which a spread is told
SURE = 1e-3  # chance below which a cell's cover counts as too small
CALIBRATED = (0.75, 1.35)


def faults(found: dict[str, Any], replicates: int) -> list[str]:
    """What is wrong with a cell: its cover, or the ratio of stated and seen errors beyond what chance allows."""
    wrong = []
    if found["p"] is not None and found["p"] < SURE:
        wrong.append("cover")
    if found["stated"] is not None:
        number = found["ok"] * replicates - 1
        low, high = np.sqrt(number / stats.chi2.isf([SURE, 1.0 - SURE], number))
        if found["stated"] < CALIBRATED[0] * low or found["stated"] > CALIBRATED[1] * high:
            wrong.append("error")
    return wrong
