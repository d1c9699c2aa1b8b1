"""Every solver on every schedule and noise: against its own discrete law, and that law against the target."""

import itertools

import jax
import numpy as np
import pytest
from discrete_laws import final_variance
from scipy import stats

import kernels
from kernels.diffusion.noise import NOISES
from kernels.diffusion.schedules import SCHEDULES, grid, log_grid
from kernels.samplers import sampling
from kernels.samplers.adaptive_ode import flow, inverse_flow
from kernels.samplers.base import Levels
from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.heun import Heun
from kernels.samplers.registry import SAMPLERS
from kernels.samplers.sampling import draw, draw_steps, initial_noise, sample_keys
from kernels.samplers.sde import SDEDPMSolver
from kernels.samplers.unipc import UniPC

VARIANCES = np.array([0.1, 1.0, 10.0, 40.0])
SOLVERS = {name: record.solver for name, record in SAMPLERS.items() if record.solver is not None}
GRID = list(itertools.product(SOLVERS, SCHEDULES, NOISES))
QUICK = [
    ("sde_dpm_solver", "focused", "white"),
    ("ancestral", "vp", "pink"),
    ("euler_maruyama", "log", "brown"),
    ("edm_heun", "edm", "pink"),
    ("dpm_solver", "focused", "brown"),
    ("heun", "sub_vp", "white"),
    ("unipc", "focused", "pink"),
]
LEVEL = 1e-3  # p-values are held against this, divided by the number of tests


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", SOLVERS)
def test_the_discrete_law_converges_to_the_target_at_the_solvers_order(name, schedule):
    def error(num_steps):
        sigmas = grid(num_steps, schedule=schedule, sigma_min=1e-3)
        exact = VARIANCES**2 / (VARIANCES + 1e-3**2)  # of the posterior mean at the last level
        return max(
            abs(final_variance(name, sigmas, v) / e - 1) for v, e in zip(VARIANCES, exact, strict=True)
        )

    order = SOLVERS[name].order
    if schedule == "vp" and order > 1 and name not in ("heun", "edm_heun"):
        order = 1.5  # the last steps of log σ do not shrink: σ ∝ √t at the end of this schedule
    errors = [error(n) for n in (100, 200, 400, 800, 1600)]
    assert errors[-1] < {1: 0.02, 1.5: 0.01, 2: 2e-4, 3: 1e-7}[order]
    assert np.log2(errors[0] / errors[-1]) / 4 > order - 0.15


def correlated(num_times, noise):
    """A Gaussian of two variables, correlated in time, perturbed by noise of a colour."""
    steps = np.arange(num_times)
    over_time = 0.8 ** np.abs(np.subtract.outer(steps, steps))
    covariance = np.kron(over_time, [[1.0, 0.6], [0.6, 4.0]])
    mean = np.stack([np.linspace(-1, 1, num_times), np.full(num_times, 3.0)], axis=1)
    layout = kernels.Layout(variables=("x", "y"), times=steps * 0.5)
    model = kernels.Model.from_denoiser(kernels.GaussianDenoiser(mean, covariance), layout, noise=noise)
    return model, mean, covariance


def drawn(model, name, schedule, num_steps, size, key=0):
    """Samples in the eigenbasis of the whitened covariance, each coordinate one mode of the discrete law."""
    solver = SOLVERS[name]
    sigmas = grid(solver.num_levels(num_steps), schedule=schedule)
    keys = sample_keys(jax.random.key(key), 0, size)
    x0 = draw(model.denoiser, model.initial, solver, sigmas, initial_noise(keys, model.initial), keys)
    return sigmas, np.asarray(x0, np.float64)


def check_law(name, schedule, noise, num_tests):
    model, mean, covariance = correlated(7, noise)
    size = 6000
    sigmas, x0 = drawn(model, name, schedule, 24, size)
    law = model.initial
    modes = (x0 - np.asarray(law.mean)).reshape(size, -1) @ np.asarray(law.basis, np.float64)
    expected = np.array([final_variance(name, sigmas, float(v)) for v in np.asarray(law.variances)])
    level = LEVEL / (num_tests * 2 * len(expected))
    chi2 = (modes.var(0, ddof=1) * (size - 1)) / expected
    p_variance = 2 * np.minimum(stats.chi2.cdf(chi2, size - 1), stats.chi2.sf(chi2, size - 1))
    p_mean = 2 * stats.norm.sf(np.abs(modes.mean(0)) / np.sqrt(expected / size))
    assert p_variance.min() > level
    assert p_mean.min() > level
    # whitened and standardised back: the covariance in physical units is the model's, up to the law's own bias
    states = np.asarray(model.standardizer.unstandardize(x0.astype(np.float32)), np.float64).reshape(size, -1)
    bias = np.max(np.abs(expected / np.asarray(law.variances) - 1))
    spread = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / size)
    allowed = 5 * (1 + bias) * spread + bias * np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.all(np.abs(np.cov(states, rowvar=False) - covariance) < allowed)
    np.testing.assert_allclose(states.mean(0), mean.ravel(), atol=6 * np.sqrt((1 + bias) * 4 / size))


@pytest.mark.parametrize(("name", "schedule", "noise"), QUICK)
def test_samples_have_the_discrete_law(name, schedule, noise):
    check_law(name, schedule, noise, len(QUICK))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "schedule", "noise"), GRID)
def test_samples_have_the_discrete_law_on_the_full_grid(name, schedule, noise):
    check_law(name, schedule, noise, len(GRID))


def asymmetric(noise):
    """Two modes of unequal weight and width, apart in the mean over time."""
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    denoiser = kernels.GaussianMixtureDenoiser(
        [0.7, 0.3], [np.full((6, 1), -1.0), np.full((6, 1), 2.0)], [0.2 * correlation, 0.5 * correlation]
    )
    return kernels.Model.from_denoiser(
        denoiser, kernels.Layout(variables=("x",), times=np.arange(6.0)), noise=noise
    )


def check_mixture(name, schedule, noise, num_tests):
    """Weight, mean and spread of the modes; first-order solvers get many steps and their own bias."""
    model, size = asymmetric(noise), 4000
    num_steps = 150 if SOLVERS[name].order == 2 else 1500
    _, x0 = drawn(model, name, schedule, num_steps, size, key=1)
    states = np.asarray(model.standardizer.unstandardize(x0.astype(np.float32)), np.float64)
    upper = states.mean(axis=(1, 2)) > 0.6
    edges = stats.norm(0, 1)
    a = np.full(6, 1 / 6)
    spread = np.sqrt(a @ (0.8 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6)))) @ a)
    truth = 0.7 * edges.sf(1.6 / (np.sqrt(0.2) * spread)) + 0.3 * edges.sf(-1.4 / (np.sqrt(0.5) * spread))
    deviations = [(upper.mean() - truth) / np.sqrt(truth * (1 - truth) / size)]
    for mode, mean, variance in ((states[~upper], -1.0, 0.2), (states[upper], 2.0, 0.5)):
        scale = np.sqrt(variance) * spread / np.sqrt(len(mode))
        deviations.append((mode.mean() - mean) / scale)
        single = mode[:, 2, 0]
        allowed = variance * np.sqrt(2 / len(mode))
        deviations.append((single.var() - variance) / (allowed * (1 + 0.01 * variance / allowed)))
    # 5 SE; the modes overlap by less than 1e-4 at the cut
    assert np.max(np.abs(deviations)) < stats.norm.isf(LEVEL / (2 * 5 * num_tests)) + 0.5, deviations


@pytest.mark.parametrize(("name", "schedule", "noise"), [QUICK[0], QUICK[4]])
def test_samples_of_an_asymmetric_mixture(name, schedule, noise):
    check_mixture(name, schedule, noise, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "schedule", "noise"), GRID)
def test_samples_of_an_asymmetric_mixture_on_the_full_grid(name, schedule, noise):
    if (schedule, SOLVERS[name].order) == ("vp", 2) and "dpm" in name:
        schedule = "sub_vp"  # see the orders: 150 steps of that schedule are too coarse at its end
    check_mixture(name, schedule, noise, len(GRID))


@pytest.fixture(scope="module")
def model():
    variances = np.array([0.01, 0.1, 1.0, 8.0, 40.0])
    layout = kernels.Layout(variables=("x",), times=np.arange(5.0))
    denoiser = kernels.GaussianDenoiser(np.zeros((5, 1)), np.diag(variances))
    return kernels.Model(
        denoiser=denoiser,
        layout=layout,
        standardizer=kernels.Standardizer.identity(1),
        initial=denoiser.law,
    )


def samples(model, solver, num_steps, size, key=0):
    keys = sample_keys(jax.random.key(key), 0, size)
    latents = initial_noise(keys, model.initial)
    return np.asarray(draw(model.denoiser, model.initial, solver, log_grid(num_steps), latents, keys))[..., 0]


@pytest.mark.parametrize("name", ["dpm_solver", "heun", "unipc"])
def test_deterministic_solvers_multiply_latents_by_the_laws_own_factors(model, name):
    """No sampling: each mode of a Gaussian is scaled, by a factor that the recursion knows."""
    variances = np.array([0.01, 0.1, 1.0, 8.0, 40.0])
    latents = initial_noise(sample_keys(jax.random.key(2), 0, 4), model.initial)
    for schedule, num_levels in (("log", 24), ("focused", 24), ("focused", 400)):
        sigmas = grid(num_levels, schedule=schedule)
        found = draw(model.denoiser, model.initial, SOLVERS[name], sigmas, latents)
        factors = np.sqrt([final_variance(name, sigmas, v) for v in variances])
        np.testing.assert_allclose(
            np.asarray(found)[..., 0], np.asarray(latents)[..., 0] * factors, rtol=1e-3
        )


def test_the_adaptive_flow_and_its_inverse(model):
    """Noise → trajectory → noise; on a Gaussian the map is √(v / (v + σ²)) in each direction."""
    latents = initial_noise(sample_keys(jax.random.key(2), 0, 64), model.initial)
    x0 = flow(model.denoiser, model.initial, latents, rtol=1e-5)
    variances = np.array([0.01, 0.1, 1.0, 8.0, 40.0])
    expected = np.asarray(latents)[..., 0] * np.sqrt(variances)
    np.testing.assert_allclose(np.asarray(x0)[..., 0], expected, rtol=3e-3, atol=3e-3)
    again = inverse_flow(model.denoiser, model.initial, x0, rtol=1e-5)
    np.testing.assert_allclose(again, latents, atol=5e-3)


def test_the_deterministic_maps_agree(model):
    """All ODE solvers converge to one map, so a latent found by one means the same to the others."""
    latents = initial_noise(sample_keys(jax.random.key(2), 0, 16), model.initial)
    exact = flow(model.denoiser, model.initial, latents, rtol=1e-5)
    for solver, size in ((DPMSolver(), 400), (Heun(), 400), (UniPC(), 100)):
        found = draw(model.denoiser, model.initial, solver, grid(size), latents)
        np.testing.assert_allclose(found, exact, rtol=5e-3, atol=5e-3)


def test_a_sample_depends_on_its_key_alone_however_it_is_grouped(model):
    for solver in SOLVERS.values():
        whole = samples(model, solver, 12, 48)
        keys = sample_keys(jax.random.key(0), 32, 16)
        part = draw(
            model.denoiser, model.initial, solver, log_grid(12), initial_noise(keys, model.initial), keys
        )
        np.testing.assert_allclose(np.asarray(part)[..., 0], whole[32:], rtol=1e-4, atol=1e-5)


def test_the_compiled_scan_of_accelerators_draws_the_same(model):
    for solver in SOLVERS.values():
        keys = sample_keys(jax.random.key(3), 0, 16)
        latents = initial_noise(keys, model.initial)
        loop = draw(model.denoiser, model.initial, solver, log_grid(15), latents, keys)
        plan = Levels(*(np.asarray(column) for column in zip(*solver.plan(log_grid(15)), strict=True)))
        scan = sampling._scan(model.denoiser, model.initial, solver, plan, latents, keys)
        np.testing.assert_allclose(loop, scan, rtol=1e-4, atol=1e-5)


def test_the_walk_counts_network_evaluations(model):
    latents = initial_noise(sample_keys(jax.random.key(0), 0, 4), model.initial)
    for solver, budget in ((DPMSolver(), 7), (UniPC(), 7), (Heun(), 7), (Heun(), 8)):
        sigmas = log_grid(solver.num_levels(budget))
        steps = list(draw_steps(model.denoiser, model.initial, solver, sigmas, latents))
        assert [step.num_evaluations for step in steps] == list(range(1, 8))


def test_a_stochastic_solver_needs_keys(model):
    latents = initial_noise(sample_keys(jax.random.key(0), 0, 4), model.initial)
    with pytest.raises(ValueError, match="`keys` must be given"):
        draw(model.denoiser, model.initial, SDEDPMSolver(), log_grid(5), latents)
