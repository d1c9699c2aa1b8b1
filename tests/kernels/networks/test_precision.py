"""Products in bfloat16: where they are used, what they change, and that nothing else does."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from kernels.denoisers.base import apply_pullback, evaluate, evaluate_with_pullback
from kernels.networks import precision


@pytest.fixture(scope="module", params=["lorenz63", "kuramoto_sivashinsky"])
def denoiser(request):
    """Of dense layers, and of convolutions around a ring."""
    return kernels.load_model(request.param).denoiser


@pytest.fixture
def x(denoiser):
    return jax.random.normal(jax.random.key(3), (16, *denoiser.law.mean.shape))


def in_both(monkeypatch, function):
    """What a function returns in single precision, and in half."""
    found = []
    for asked in ("float32", "bfloat16"):
        monkeypatch.setenv(precision.VARIABLE, asked)
        found.append(np.asarray(function()))
    return found


def test_products_are_rounded_and_ends_are_not(denoiser):
    network = getattr(denoiser, "general", denoiser)
    rounded = precision.halved(network.graph, network.params)
    kinds = collections.Counter(str(leaf.dtype) for leaf in jax.tree.leaves(rounded))
    assert kinds["bfloat16"] >= 10
    assert rounded["read"]["kernel"][...].dtype == rounded["write"]["kernel"][...].dtype == jnp.float32
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(network.params)} == {"float32"}


@pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0, 5.0])
def test_the_denoiser_moves_by_little(monkeypatch, denoiser, x, sigma):
    """In units of the linear denoiser's error, of which the network removes more than half at each level."""
    noisy = np.sqrt(1.0 + sigma**2) * x
    single, half = in_both(monkeypatch, lambda: evaluate(denoiser, noisy, sigma))
    scale = float(denoiser.law.posterior_scale(sigma)[0])
    distance = np.sqrt(np.mean((single - half) ** 2)) / scale
    assert 1e-6 < distance < 0.03


def test_so_does_its_pullback(monkeypatch, denoiser, x):
    def pulled():
        _, pullback = evaluate_with_pullback(denoiser, x, 1.0)
        return apply_pullback(pullback, jnp.ones_like(x))

    single, half = in_both(monkeypatch, pulled)
    assert 0 < np.abs(single - half).max() < 0.05 * np.abs(single).max()


def test_what_is_traced_keeps_single_precision(monkeypatch, denoiser, x):
    """Likelihoods differentiate through the network, forward."""
    single, inside = in_both(monkeypatch, lambda: jax.jit(lambda x: evaluate(denoiser, x, 1.0))(x))
    np.testing.assert_array_equal(single, inside)
    monkeypatch.setenv(precision.VARIABLE, "bfloat16")
    _, tangent = jax.jvp(lambda x: evaluate(denoiser, x, 1.0), (x,), (jnp.ones_like(x),))
    assert np.isfinite(tangent).all()


def test_forecasts_too(monkeypatch):
    model = kernels.load_model("lorenz63_forecast")
    forecast = model.given_start(np.zeros((model.num_known, 3), np.float32)).denoiser
    x = jax.random.normal(jax.random.key(0), (4, *model.layout.shape))
    single, half = in_both(monkeypatch, lambda: evaluate(forecast, x, 0.5))
    assert 0 < np.abs(single - half).max() < 0.05


def test_who_decides(monkeypatch):
    for asked, has, expected in (
        ("auto", True, True),
        ("auto", False, False),
        ("float32", True, False),
        ("bfloat16", False, True),
    ):
        monkeypatch.setenv(precision.VARIABLE, asked)
        monkeypatch.setattr(precision, "_has_instructions", lambda has=has: has)
        assert precision.uses_half() is expected
    monkeypatch.setenv(precision.VARIABLE, "float16")
    with pytest.raises(ValueError, match="DIFFUSE_UI_PRECISION must be one of"):
        precision.uses_half()
