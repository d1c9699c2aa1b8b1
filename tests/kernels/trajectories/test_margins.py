"""The map of margins: its tails, its slopes, its shares at bounds, its rounding, all in single precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from kernels.trajectories.margins import FARTHEST, UNBOUNDED, Margins

FIRST, LAST = -1.5, 1.88
SPREAD = 5.0


def margins(
    shape: float = 0.0, *, resolution: float = 0.0, atom: bool = False, scale: float = 3.0
) -> Margins:
    """Margins of one variable: a normal bulk about 10, Pareto tails, and a lower bound with a share if asked for."""
    knots = 10.0 + SPREAD * np.linspace(FIRST, LAST, 257)
    bounds = [knots[0] if atom else -UNBOUNDED, UNBOUNDED]
    atoms = [FIRST if atom else -FARTHEST, FARTHEST]
    arrays = (
        [FIRST],
        [LAST],
        [knots],
        [[scale, scale]],
        [[shape, shape]],
        [bounds],
        [atoms],
        [[0, 0]],
        [resolution],
        [SPREAD],
    )
    return Margins(*(jnp.asarray(a, jnp.float32) for a in arrays))


@pytest.mark.parametrize("shape", [-0.5, -0.2, 0.0, 1e-7, 0.21, 0.6])
def test_scores_and_values_are_inverse_to_each_other(shape: float):
    z = jnp.linspace(-9.0, 9.0, 3001)[:, None]
    law = margins(shape)
    x = law.values(z)
    back = law.values(law.scores(x))
    assert np.all(np.diff(np.asarray(x, np.float64)[:, 0]) >= 0)
    np.testing.assert_allclose(back, x, rtol=2e-5, atol=1e-4 * SPREAD)
    slopes = np.exp(np.asarray(law.log_slopes(z), np.float64))
    assert np.all((slopes > 0) & np.isfinite(slopes))


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
@pytest.mark.parametrize("z", [2.0, 4.0, 6.0, 8.0])
def test_tails_are_those_of_a_pareto_law_where_phi_is_one_in_single_precision(shape: float, z: float):
    law = margins(shape)
    excess = stats.genpareto.isf(stats.norm.sf(z) / stats.norm.sf(LAST), shape, scale=3.0)
    x = float(law.values(jnp.asarray([[z]], jnp.float32))[0, 0])
    assert x == pytest.approx(10.0 + SPREAD * LAST + excess, rel=1e-4)
    below = stats.genpareto.isf(stats.norm.cdf(-z) / stats.norm.cdf(FIRST), shape, scale=3.0)
    x = float(law.values(jnp.asarray([[-z]], jnp.float32))[0, 0])
    assert x == pytest.approx(10.0 + SPREAD * FIRST - below, rel=1e-4)


def test_the_slope_is_that_of_differences():
    law, z = margins(0.2), jnp.linspace(-5.0, 5.0, 301)[:, None]
    slopes = np.exp(np.asarray(law.log_slopes(z)))
    numeric = (
        np.asarray(law.values(z + 0.01), np.float64) - np.asarray(law.values(z - 0.01), np.float64)
    ) / 0.02
    smooth = np.minimum(np.abs(z - FIRST), np.abs(z - LAST)) > 0.02
    np.testing.assert_allclose(slopes[smooth], numeric[smooth], rtol=0.02)


def test_a_bound_with_a_share_comes_back_exactly_and_has_no_slope():
    law = margins(atom=True)
    z = jnp.linspace(-9.0, FIRST - 1e-3, 50)[:, None]
    bound = law.bounds[0, 0]
    assert np.all(np.asarray(law.values(z)) == np.asarray(bound))
    assert np.all(np.isneginf(law.log_slopes(z)))
    low, high = law.intervals(jnp.asarray([[bound]]))
    assert float(low[0, 0]) == -FARTHEST
    assert float(high[0, 0]) == pytest.approx(FIRST)
    middle = float(law.scores(jnp.asarray([[bound]]))[0, 0])
    assert stats.norm.cdf(middle) == pytest.approx(0.5 * stats.norm.cdf(FIRST), rel=1e-4)


@pytest.mark.parametrize("resolution", [0.1, 0.01, 0.5, 1.0, 5.0])
@pytest.mark.parametrize("mapped", ["eager", "jit", "vmap"])
def test_values_are_the_numbers_that_a_file_gives(resolution: float, mapped: str):
    law = margins(0.2, resolution=resolution)
    evaluate = {"eager": law.values, "jit": jax.jit(law.values), "vmap": jax.jit(jax.vmap(law.values))}[
        mapped
    ]
    x = np.asarray(evaluate(jnp.linspace(-5.0, 5.0, 2001)[:, None]))[:, 0]
    steps = np.round(np.asarray(x, np.float64) / resolution)
    written = np.array([f"{step * resolution:.6g}" for step in steps]).astype(np.float32)
    np.testing.assert_array_equal(x, written)


def test_rounding_keeps_the_slope():
    law = margins(resolution=1.0)
    z = jnp.full((1, 1), 0.3)
    assert float(jax.grad(lambda s: law.values(s).sum())(z)[0, 0]) == pytest.approx(SPREAD, rel=1e-3)


def test_later_values_beyond_an_end_point_have_the_farthest_scores():
    law = margins(-0.5)
    end = 10.0 + SPREAD * LAST + 3.0 / 0.5
    z = float(law.scores(jnp.asarray([[end + 50.0]], jnp.float32))[0, 0])
    assert 5.0 < z <= FARTHEST + 1.0
