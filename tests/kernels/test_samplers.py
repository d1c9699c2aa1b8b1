"""Solvers against their own discrete law, and that law against the target."""

import jax
import numpy as np
import pytest
from discrete_laws import final_variance

import kernels
from kernels.samplers import drawing
from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.drawing import draw, draw_steps, initial_noise, sample_keys
from kernels.samplers.sde_dpm_solver import SDEDPMSolver
from kernels.schedules import log_grid

VARIANCES = np.array([0.01, 0.1, 1.0, 8.0, 40.0])
SOLVERS = {"dpm": DPMSolver(), "sde_dpm": SDEDPMSolver()}


@pytest.fixture(scope="module")
def model():
    layout = kernels.Layout(variables=("x",), times=np.arange(5.0))
    return kernels.Model(
        denoiser=kernels.GaussianDenoiser(np.zeros((5, 1)), np.diag(VARIANCES)),
        layout=layout,
        standardizer=kernels.Standardizer.identity(1),
        initial=kernels.GaussianDenoiser(np.zeros((5, 1)), np.diag(VARIANCES)).law,
    )


def samples(model, solver, num_steps, size, key=0):
    keys = sample_keys(jax.random.key(key), 0, size)
    latents = initial_noise(keys, model.initial)
    return np.asarray(draw(model.denoiser, model.initial, solver, log_grid(num_steps), latents, keys))[..., 0]


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("num_steps", [6, 20])
def test_samples_have_the_variance_of_the_discrete_law(model, name, num_steps):
    size = 40_000
    found = samples(model, SOLVERS[name], num_steps, size).var(0)
    expected = np.array([final_variance(name, log_grid(num_steps), v) for v in VARIANCES])
    assert np.all(np.abs(found - expected) < 5 * expected * np.sqrt(2 / size))


@pytest.mark.parametrize("name", SOLVERS)
def test_the_discrete_law_converges_to_the_target_at_second_order(name):
    for v in VARIANCES[1:]:
        errors = [abs(final_variance(name, log_grid(n, sigma_min=1e-4), v) / v - 1) for n in (80, 160, 320)]
        assert errors[-1] < 2e-3
        assert np.log2(errors[0] / errors[1]) > 1.5
        assert np.log2(errors[1] / errors[2]) > 1.5


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
        scan = drawing._scan(
            model.denoiser, model.initial, solver, np.asarray(log_grid(15), np.float32), latents, keys
        )
        np.testing.assert_allclose(loop, scan, rtol=1e-4, atol=1e-5)


def test_the_walk_counts_network_evaluations(model):
    keys = sample_keys(jax.random.key(0), 0, 4)
    steps = list(
        draw_steps(
            model.denoiser, model.initial, DPMSolver(), log_grid(7), initial_noise(keys, model.initial)
        )
    )
    assert [step.num_evaluations for step in steps] == list(range(1, 8))


def test_a_stochastic_solver_needs_keys(model):
    latents = initial_noise(sample_keys(jax.random.key(0), 0, 4), model.initial)
    with pytest.raises(ValueError, match="`keys` must be given"):
        draw(model.denoiser, model.initial, SDEDPMSolver(), log_grid(5), latents)
