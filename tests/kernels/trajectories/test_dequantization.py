"""Densities of values behind margins, held against closed forms."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.training.margins import fit_margins
from kernels.trajectories.datasets import to_dataset
from kernels.trajectories.margins import FARTHEST, UNBOUNDED, Margins

NUM_TIMES = 3


def behind(margins, correlation=0.6):
    """Model with an exact Gaussian law of the scores, of unit variance, behind margins; its covariance."""
    times = np.arange(NUM_TIMES)
    width = margins.num_scores
    covariance = np.kron(correlation ** np.abs(np.subtract.outer(times, times)), np.eye(width))
    names = tuple(f"s{i}" for i in range(width))
    exact = kernels.Model.from_denoiser(
        kernels.GaussianDenoiser(np.zeros((NUM_TIMES, width)), covariance),
        kernels.Layout(variables=names, times=times.astype(float)),
    )
    layout = kernels.Layout(variables=names[: margins.first.shape[0]], times=times.astype(float))
    standardizer = exact.standardizer._replace(margins=margins)
    return dataclasses.replace(exact, layout=layout, standardizer=standardizer), covariance


FIRST, LAST, SCALE, SHAPE = -1.5, 1.88, 3.0, 0.2


def pareto_tails() -> Margins:
    """Margins of one variable: a normal bulk of mean 10 and deviation 5, and Pareto tails."""
    arrays = (
        [FIRST],
        [LAST],
        [10.0 + 5.0 * np.linspace(FIRST, LAST, 257)],
        [[SCALE, SCALE]],
        [[SHAPE, SHAPE]],
        [[-UNBOUNDED, UNBOUNDED]],
        [[-FARTHEST, FARTHEST]],
        [[0, 0]],
        [0.0],
        [5.0],
    )
    return Margins(*(jnp.asarray(a, jnp.float32) for a in arrays))


def log_density(x):
    """Logarithm of the one-time density of these."""
    ends = 10.0 + 5.0 * np.array([FIRST, LAST])
    tails = [
        np.log(stats.norm.sf(end)) + stats.genpareto.logpdf(excess, SHAPE, scale=SCALE)
        for end, excess in ((-FIRST, ends[0] - x), (LAST, x - ends[1]))
    ]
    bulk = stats.norm.logpdf(x, 10.0, 5.0)
    return np.where(x > ends[1], tails[1], np.where(x < ends[0], tails[0], bulk))


def rain(num=4_000):
    wet = stats.expon.rvs(scale=4.0, size=num, random_state=1)
    return np.where(np.random.default_rng(2).random(num) < 0.5, 0.0, wet.round(1) + 0.1)[:, None]


def test_the_density_of_values_is_that_of_the_copula_times_the_margins():
    margins = pareto_tails()
    model, covariance = behind(margins)
    z = 1.5 * np.random.default_rng(3).multivariate_normal(np.zeros(NUM_TIMES), covariance, 8)
    x = np.asarray(margins.values(jnp.asarray(z[..., None], jnp.float32)), np.float64)
    assert x.max() > 10.0 + 5.0 * LAST
    assert x.min() < 10.0 + 5.0 * FIRST
    found = kernels.log_likelihood(model, to_dataset(x, model.layout))
    copula = stats.multivariate_normal(np.zeros(NUM_TIMES), covariance).logpdf(z) - stats.norm.logpdf(z).sum(
        1
    )
    np.testing.assert_allclose(found, copula + log_density(x[..., 0]).sum(1), atol=0.02)
    assert "bound" not in found.attrs
    assert float(found["error"].max()) < 0.1


def test_shares_of_an_independent_law_are_exact_whatever_is_drawn():
    margins = fit_margins(rain(), ["s0"]).margins
    model, _ = behind(margins, correlation=0.0)
    states = np.array([[0.0, 0.0, 3.0], [1.2, 0.0, 7.5]], np.float32)
    found = kernels.log_likelihood(model, to_dataset(states[..., None], model.layout))
    z = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)
    drawn = np.asarray(margins.values(jnp.asarray(z)))[:, 0]
    shares = {value: np.mean(drawn == value) for value in np.unique(states)}
    expected = [sum(np.log(shares[value]) for value in row) for row in states]
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert float(found["error"].max()) < 0.05
    assert "lower bound" in found.attrs["bound"]


def test_a_dependent_law_is_bounded_from_below():
    half = (stats.norm.rvs(size=(4_000, 1), random_state=0) > 0).astype(float)
    margins = fit_margins(half, ["s0"]).margins
    model, covariance = behind(margins)
    states = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])[..., None]
    found = np.asarray(kernels.log_likelihood(model, to_dataset(states, model.layout), num_draws=64))
    cut = stats.norm.ppf(np.mean(half == 0))
    flips = (np.ones(3), np.array([1.0, -1.0, 1.0]))
    exact = [
        np.log(
            stats.multivariate_normal(np.zeros(3), covariance * np.outer(flip, flip)).cdf(flip * cut, rng=0)
        )
        for flip in flips
    ]
    assert np.all(found < np.array(exact) + 0.1)
    assert np.all(found > np.array(exact) - 1.2)


def test_beyond_an_end_point_the_density_is_zero_and_the_variable_named():
    margins = fit_margins(
        np.random.default_rng(0).random((2_000, 1)) ** 0.7, ["s0"], {"s0": (0.0, 1.0)}
    ).margins
    model, _ = behind(margins)
    states = np.array([[0.2, 0.5, 0.9], [0.2, 1.5, 0.9]])[..., None]
    found = kernels.log_likelihood(model, to_dataset(states, model.layout))
    assert np.isfinite(found[0])
    assert np.isneginf(found[1])
    assert "s0 lies beyond" in found.attrs["impossible"]
    free = margins._replace(
        shapes=jnp.full_like(margins.shapes, 0.1), bounds=jnp.asarray([[-UNBOUNDED, UNBOUNDED]], jnp.float32)
    )
    assert bool(free.possible(jnp.asarray([[1.5]]))[0, 0])


def test_one_draw_has_no_spread():
    model, _ = behind(pareto_tails())
    with pytest.raises(ValueError, match="`num_draws` must be at least 2"):
        kernels.log_likelihood(model, to_dataset(np.ones((1, NUM_TIMES, 1)), model.layout), num_draws=1)
