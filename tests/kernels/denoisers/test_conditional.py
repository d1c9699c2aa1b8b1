"""Conditional denoisers: the law moves with the features, latents draw the table's rows evenly and in a circle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import compilations

from kernels.denoisers.base import evaluate, taken
from kernels.denoisers.conditional import MAX_ROWS, ConditionalDenoiser, padded, regressed
from kernels.diffusion.gaussian import GaussianLaw
from kernels.networks.sizing import network_config
from kernels.training.loop import initialize

RNG = np.random.default_rng(1)
TIMES, VARIABLES, FEATURES = 6, 2, 3


def made(num_variables=VARIABLES, rows=40):
    """Untrained denoiser of data whose mean is linear in features, and the data."""
    features = RNG.normal(size=(4000, FEATURES)).astype(np.float32)
    features -= features.mean(0)
    gain = RNG.normal(size=(FEATURES, TIMES * num_variables))
    noise = 0.5 * RNG.normal(size=(4000, TIMES * num_variables))
    x0 = (1.0 + features @ gain + noise).reshape(-1, TIMES, num_variables).astype(np.float32)
    config = network_config(TIMES, num_variables, num_conditions=FEATURES, num_samples=4000)
    plain = initialize(config, GaussianLaw.fit(x0), jax.random.key(0))
    parts = (plain.graph, plain.params, plain.law, regressed(x0, features))
    return ConditionalDenoiser(*parts, *padded(features[:rows])), x0, features, gain


def test_the_law_given_features_is_their_regression():
    denoiser, x0, features, gain = made()
    given = denoiser.given(jnp.asarray(features[:5]))
    expected = x0.mean(0) + (features[:5] @ gain).reshape(5, TIMES, VARIABLES)
    np.testing.assert_allclose(given.law.mean, expected, atol=0.1)
    np.testing.assert_allclose(np.mean(denoiser.regression.variances), 0.25, rtol=0.1)
    x = jnp.asarray(expected + 2.0 * RNG.normal(size=expected.shape), jnp.float32)
    np.testing.assert_allclose(evaluate(given, x, np.float32(2.0)), given.law.denoise(x, 2.0), atol=1e-4)


@pytest.mark.parametrize("num_variables", [1, 2], ids=["one", "two"])
def test_latents_draw_every_row_alike(num_variables):
    denoiser, _, features, _ = made(num_variables, rows=10)
    shape = (20_000, denoiser.num_latent_rows, num_variables)
    rows = np.asarray(denoiser.rows(jax.random.normal(jax.random.key(2), shape)))
    counts = np.bincount(rows, minlength=10)
    assert counts.size == 10
    assert abs(counts - 2000).max() < 5 * np.sqrt(2000)
    given = denoiser.drawn(jax.random.normal(jax.random.key(2), shape))
    np.testing.assert_array_equal(given.features, features[rows])


def test_near_latents_draw_near_rows_in_a_circle():
    denoiser, *_ = made(rows=400)
    before = jax.random.normal(jax.random.key(3), (5000, 1, VARIABLES))
    step = 0.1 * jax.random.normal(jax.random.key(4), before.shape)
    old, new = (np.asarray(denoiser.rows(latents)) for latents in (before, np.sqrt(0.99) * before + step))
    apart = np.abs((new - old + 200) % 400 - 200)
    assert np.median(apart) < 8
    assert np.any(np.abs(new - old) > 350)  # from the last row to the first


def test_another_table_compiles_nothing_and_some_samples_keep_their_own():
    denoiser, *_ = made()
    latents = jax.random.normal(jax.random.key(5), (8, 1, VARIABLES))
    x = RNG.normal(size=(8, TIMES, VARIABLES)).astype(np.float32)
    first = evaluate(denoiser.drawn(latents), x, np.float32(1.0))
    chosen = np.array([3, 3, 1])
    some = evaluate(taken(denoiser.drawn(latents), chosen), x[chosen], np.float32(1.0))
    np.testing.assert_allclose(some, np.asarray(first)[chosen], atol=1e-5)
    other = denoiser.among(RNG.normal(size=(MAX_ROWS, FEATURES)).astype(np.float32))
    with compilations() as found:
        evaluate(other.drawn(latents), x, np.float32(1.0))
    assert found == []
    with compilations() as found:
        evaluate(other.drawn(latents[:5]), x[:5], np.float32(1.0))
    assert found  # of another shape
