"""Guidance of the exact Gaussian denoiser against closed forms: by recursion, without sampling, where it is affine."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact_models import linear_event, truncated_moments
from scipy import stats

import kernels
from kernels.denoisers.exact import GaussianMixtureDenoiser
from kernels.diffusion.noise import NOISES
from kernels.diffusion.schedules import grid
from kernels.events.semantics.compile import compile_event
from kernels.guidance.moment_matching import MomentMatching
from kernels.guidance.registry import GUIDANCE, guided
from kernels.samplers.sampling import draw, initial_noise, sample_keys
from kernels.samplers.sde import SDEDPMSolver

TIMES, WIDTH = 12, 0.2


def autoregression(noise="white"):
    steps = np.arange(TIMES)
    over_time = 0.8 ** np.abs(np.subtract.outer(steps, steps))
    covariance = np.kron(over_time, [[1.0, 0.5], [0.5, 2.0]])
    mean = np.stack([np.linspace(0.0, 1.0, TIMES), np.full(TIMES, -1.0)], axis=1)
    layout = kernels.Layout(variables=("x", "y"), times=steps * 1.0)
    model = kernels.Model.from_denoiser(kernels.GaussianDenoiser(mean, covariance), layout, noise=noise)
    return model, mean.ravel(), covariance


def wrapped(model, text, method="moment_matching"):
    constraint = compile_event(kernels.parse_event(text), model.layout)
    return guided(method, model.denoiser, constraint, model.standardizer, model.initial)


def final_moments(model, denoiser, sigmas):
    """Mean and covariance, in physical units, of what SDE-DPM-Solver++(2M) returns for an affine denoiser.

    The denoiser is read off at 0 and at the unit vectors of each level; the recursion is exact.
    """
    shape = model.initial.mean.shape
    dim = int(np.prod(shape))
    probes = jnp.asarray(np.vstack([np.zeros(dim), 30.0 * np.eye(dim)]).reshape(-1, *shape), jnp.float32)

    def affine(sigma):
        out = np.asarray(denoiser(probes, np.float32(sigma)), np.float64).reshape(dim + 1, dim)
        return (out[1:] - out[0]).T / 30.0, out[0]

    law = model.initial
    basis, variances = np.asarray(law.basis, np.float64), np.asarray(law.variances, np.float64)
    mean = np.concatenate([np.asarray(law.mean, np.float64).ravel(), np.zeros(dim)])
    covariance = np.zeros((2 * dim, 2 * dim))
    covariance[:dim, :dim] = (basis * (variances + sigmas[0] ** 2)) @ basis.T
    previous = np.inf
    for k, sigma in enumerate(sigmas[:-1]):
        gain, offset = affine(sigma)
        square = (sigmas[k + 1] / sigma) ** 2
        weight = 0.5 * np.log(sigma / sigmas[k + 1]) / np.log(previous / sigma) if k else 0.0
        identity = np.eye(dim)
        step = np.block(
            [
                [square * identity + (1 - square) * (1 + weight) * gain, -(1 - square) * weight * identity],
                [gain, np.zeros((dim, dim))],
            ]
        )
        mean = step @ mean + np.concatenate([(1 - square) * (1 + weight) * offset, offset])
        covariance = step @ covariance @ step.T
        covariance[:dim, :dim] += sigmas[k + 1] ** 2 * (1 - square) * identity
        previous = sigma
    gain, offset = affine(sigmas[-1])
    mean, covariance = gain @ mean[:dim] + offset, gain @ covariance[:dim, :dim] @ gain.T
    units = np.eye(dim, dtype=np.float32).reshape(-1, *shape)
    origin = np.asarray(model.standardizer.unstandardize(jnp.zeros(shape)), np.float64).ravel()
    back = np.asarray(model.standardizer.unstandardize(jnp.asarray(units)), np.float64).reshape(dim, dim).T
    back = back - origin[:, None]
    return back @ mean + origin, back @ covariance @ back.T


def conditioned(mean, covariance, rows, values, width):
    gain = covariance @ rows.T @ np.linalg.inv(rows @ covariance @ rows.T + width**2 / 3 * np.eye(len(rows)))
    return mean + gain @ (values - rows @ mean), covariance - gain @ rows @ covariance


def operator_norm(matrix):
    return np.linalg.norm(matrix, 2)


ONE = ("mean(x) - 0.5 * at(y, 8) == 1.2 tolerance 0.2", [1.2])
TEN = [(t, v) for t in (0, 2, 5, 8, 11) for v in (0, 1)]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("count", [1, 10])
def test_equalities_give_the_exact_conditional_moments(noise, count):
    """To 1 % in operator norm at 80 steps, down to σ_min of a tenth of the tolerance, for every colour of noise."""
    model, mean, covariance = autoregression(noise)
    if count == 1:
        text, values = ONE
        rows = np.zeros((1, TIMES, 2))
        rows[0, :, 0], rows[0, 8, 1] = 1 / TIMES, -0.5
    else:
        values = np.linspace(-1.0, 1.5, 10).tolist()
        terms = [
            f"at({'xy'[v]}, {t}) == {c!r} tolerance {WIDTH}" for (t, v), c in zip(TEN, values, strict=True)
        ]
        text = " and ".join(terms)
        rows = np.zeros((10, TIMES, 2))
        for row, (t, v) in zip(rows, TEN, strict=True):
            row[t, v] = 1.0
    rows = rows.reshape(count, -1)
    expected_mean, expected = conditioned(mean, covariance, rows, np.array(values), WIDTH)
    sigmas = grid(80, sigma_min=0.1 * WIDTH / np.sqrt(3.0) / 2.0)
    found_mean, found = final_moments(model, wrapped(model, text), sigmas)
    assert operator_norm(found - expected) < 0.01 * operator_norm(expected)
    scale = np.sqrt(operator_norm(expected))
    assert np.linalg.norm(found_mean - expected_mean) < 0.01 * max(np.linalg.norm(expected_mean), scale)


def test_the_recursion_notices_a_wrong_weight():
    """The same comparison fails for a guidance that takes the posterior to be isotropic: ΠGDM."""
    model, mean, covariance = autoregression()
    rows = np.zeros((1, TIMES, 2))
    rows[0, 3, 0] = 1.0
    _, expected = conditioned(mean, covariance, rows.reshape(1, -1), np.array([1.2]), WIDTH)
    text = f"at(x, 3) == 1.2 tolerance {WIDTH}"
    for method, agrees in (("moment_matching", True), ("pseudoinverse", False)):
        _, found = final_moments(model, wrapped(model, text, method), grid(80, sigma_min=0.005))
        assert (np.abs(found - expected).max() < 0.02 * np.abs(expected).max()) == agrees


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["white", "pink"])
def test_an_inequality_gives_the_truncated_normals_moments(noise):
    """200,000 draws of 300 steps."""
    model, mean, covariance = autoregression(noise)
    flat = np.zeros((TIMES, 2))
    flat[:, 0] = 1 / TIMES
    flat = flat.ravel()
    deviation = np.sqrt(flat @ covariance @ flat)
    threshold = float(flat @ mean + 1.5 * deviation)
    denoiser, sigmas, size = wrapped(model, f"mean(x) > {threshold!r}"), grid(300), 20_000
    total, square, hits = np.zeros(2 * TIMES), np.zeros((2 * TIMES, 2 * TIMES)), 0
    for index in range(10):
        keys = sample_keys(jax.random.key(0), index * size, size)
        x0 = draw(denoiser, model.initial, SDEDPMSolver(), sigmas, initial_noise(keys, model.initial), keys)
        states = np.asarray(model.standardizer.unstandardize(x0), np.float64).reshape(size, -1) - mean
        hits += int(np.sum(states @ flat > threshold - flat @ mean))
        total, square = total + states.sum(0), square + states.T @ states
    count = 10 * size
    expected_mean, expected = truncated_moments(covariance, flat, 1.5)
    found_mean = total / count
    found = square / count - np.outer(found_mean, found_mean)
    assert hits / count > 0.995
    assert np.abs((found_mean - expected_mean) / np.sqrt(np.diag(expected) / count)).max() < 5
    spread = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / count)
    assert np.abs((found - expected) / spread).max() < 5


def test_an_equality_and_an_inequality_are_matched_jointly():
    """The guided denoiser is the mean of a Gaussian cut along one direction after a Kalman update."""
    model, _, covariance = autoregression()
    text = "at(x, 0) == 1.5 tolerance 0.2 and at(x, 1) > 1.8"
    scale = np.tile(np.asarray(model.standardizer.scale, np.float64), TIMES)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, TIMES, 2)), jnp.float32)
    sigma = 0.8
    found = np.asarray(wrapped(model, text)(x, np.float32(sigma)), np.float64).reshape(3, -1)
    prior = covariance / np.outer(scale, scale)
    law_mean = np.asarray(model.initial.mean, np.float64).ravel()
    gain = prior @ np.linalg.inv(prior + sigma**2 * np.eye(2 * TIMES))
    posterior = prior - gain @ prior
    rows = np.zeros((2, 2 * TIMES))
    rows[0, 0], rows[1, 2] = scale[0], scale[2]
    offset = np.asarray(model.standardizer.mean, np.float64)[0]
    for sample, got in zip(np.asarray(x, np.float64).reshape(3, -1), found, strict=True):
        start = law_mean + gain @ (sample - law_mean)
        known, spread = conditioned(start, posterior, rows[:1], np.array([1.5 - offset]), 0.2)
        a = rows[1]
        s = np.sqrt(a @ spread @ a)
        ratio = (a @ known + offset - 1.8) / s
        hazard = np.exp(stats.norm.logpdf(ratio) - stats.norm.logcdf(ratio))
        np.testing.assert_allclose(got, known + hazard * spread @ a / s, atol=3e-3)


def test_the_papers_form_is_the_same_where_the_posteriors_spread_is_constant(ar1):
    model, covariance = ar1
    text, _, _ = linear_event(covariance, 1.0)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4, 40, 2)), jnp.float32)
    for sigma in (0.3, 3.0):
        one = wrapped(model, text)(x, np.float32(sigma))
        full = wrapped(model, text, "moment_matching_full")(x, np.float32(sigma))
        np.testing.assert_allclose(full, one, atol=2e-3)


def mixture():
    denoiser = GaussianMixtureDenoiser(
        [0.6, 0.4], [np.full((3, 1), -1.0), np.full((3, 1), 1.5)], [0.3 * np.eye(3), 0.5 * np.eye(3)]
    )
    return kernels.Model.from_denoiser(denoiser, kernels.Layout(variables=("x",), times=np.arange(3.0)))


def test_the_papers_form_is_the_gradient_of_log_psi():
    """Central differences of log ψ on a mixture, where s depends on x and the two forms differ."""
    model = mixture()
    constraint = compile_event(kernels.parse_event("max(x) > 1.0"), model.layout)
    full = MomentMatching.from_constraint(
        model.denoiser, constraint, model.standardizer, model.initial, differentiate_covariance=True
    )
    x = jnp.asarray([[[0.2], [-0.1], [0.3]]], jnp.float32)
    sigma, step = np.float32(0.7), 3e-3
    shift = np.asarray(full.split(x, sigma)[1])[0, :, 0]
    for index in range(3):
        unit = jnp.zeros_like(x).at[0, index, 0].set(step)
        slope = (full.twist(x + unit, sigma).log_psi - full.twist(x - unit, sigma).log_psi)[0] / (2 * step)
        assert shift[index] == pytest.approx(float(sigma) ** 2 * float(slope), rel=0.02, abs=2e-3)
    constant = wrapped(model, "max(x) > 1.0").split(x, sigma)[1]
    assert np.abs(np.asarray(constant)[0, :, 0] - shift).max() > 0.02


@pytest.mark.parametrize("noise", ["pink", "brown"])
def test_path_weights_are_right_for_structured_noise(noise):
    model, mean, covariance = autoregression(noise)
    flat = np.zeros((TIMES, 2))
    flat[:, 0] = 1 / TIMES
    flat = flat.ravel()
    threshold = float(flat @ mean + 2.0 * np.sqrt(flat @ covariance @ flat))
    estimate = kernels.event_probability(
        jax.random.key(0), model, f"mean(x) > {threshold!r}", method="path_importance", num_samples=1024
    )
    assert estimate.status == "ok"
    truth = float(stats.norm.sf(2.0))
    assert abs(estimate.value - truth) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.1 * truth


@pytest.mark.parametrize("method", GUIDANCE)
def test_weights_are_unbiased_whatever_guides(ar1, method):
    """E[w] = P(E) for every guidance; the better it is, the smaller the error."""
    model, _ = ar1
    text = "at(x, 4) == 0.8 tolerance 0.3"
    dataset = kernels.sample(
        jax.random.key(3), model, event=text, num_samples=768, num_steps=60, guidance=method
    )
    truth = stats.norm.cdf(1.1) - stats.norm.cdf(0.5)
    weights = dataset["weight"].values
    error = weights.std() / np.sqrt(len(weights))
    assert abs(weights.mean() - truth) < 5 * error
    assert dataset.attrs["guidance"] == method


def test_replacement_puts_in_values_and_nothing_else(ar1):
    model, _ = ar1
    with pytest.raises(ValueError, match="replacement can only put in values such as"):
        wrapped(model, "max(x) > 1", "replacement")
    with pytest.raises(ValueError, match="needs a model of white noise"):
        wrapped(autoregression("pink")[0], "at(x, 4) == 0.8 tolerance 0.3", "replacement")
    dataset = kernels.sample(
        jax.random.key(0),
        model,
        event="at(x, 4) == 0.8 tolerance 0.3",
        num_samples=64,
        guidance="replacement",
    )
    steered = dataset["state"].sel(variable="x", time=4.0).values[dataset["guided"].values]
    np.testing.assert_allclose(steered, 0.8, atol=0.02)  # noise of σ_min is left


def test_unknown_guidance_is_answered_with_the_nearest(ar1):
    with pytest.raises(ValueError, match=r"`guidance` must be one of .* Did you mean 'pseudoinverse'"):
        kernels.sample(jax.random.key(0), ar1[0], event="max(x) > 1", guidance="pseudo_inverse")


def test_replacement_knows_nothing_of_increments(ar1):
    drifting = ar1[0].standardizer._replace(increments=np.float32([1.0, 0.0]))
    model = dataclasses.replace(ar1[0], standardizer=drifting)
    with pytest.raises(ValueError, match="sees no increments"):
        wrapped(model, "at(x, 4) == 1 tolerance 0.1", "replacement")


def test_replacement_puts_values_where_this_event_says_not_one_of_the_same_structure(ar1):
    for index, value in ((0, 0.3), (8, 0.8)):
        replaced = wrapped(ar1[0], f"at(x, {0.5 * index}) == {value} tolerance 0.1", "replacement")
        observed = np.asarray(replaced.observed)
        assert np.argwhere(observed).tolist() == [[index, 0]]
        assert float(replaced.values[index, 0]) == pytest.approx(value, rel=1e-5)
