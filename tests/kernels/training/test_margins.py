"""The fit of a record's margins, and the scores of its ties."""

from itertools import islice

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from kernels.training.margins import fit_margins
from kernels.training.scores import Spread, drawn_scores
from kernels.trajectories.margins import FARTHEST


def fitted(values: np.ndarray, **choices):
    return fit_margins(np.asarray(values, np.float64)[:, None], ["v"], **choices)


def rain(num_days: int, seed: int = 0, dry: float = 0.55) -> np.ndarray:
    """Daily rain to a tenth of a millimetre: a Gaussian copula of an AR(1) with a share of dry days."""
    generator = np.random.default_rng(seed)
    noise, z = generator.normal(size=num_days), np.zeros(num_days)
    for t in range(1, num_days):
        z[t] = 0.6 * z[t - 1] + 0.8 * noise[t]
    wet = np.clip((stats.norm.cdf(z) - dry) / (1.0 - dry), 0.0, None)
    return np.where(wet > 0, np.round(stats.genpareto.ppf(wet, 0.2, scale=6.0) + 0.05, 1), 0.0)


def test_quantiles_of_the_law_are_those_of_the_record():
    values = stats.gamma.rvs(2.0, size=20_000, random_state=0)
    law = fitted(values).margins
    for p in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        x = float(law.values(jnp.asarray([[stats.norm.ppf(p)]], jnp.float32))[0, 0])
        density = stats.gamma.pdf(stats.gamma.ppf(p, 2.0), 2.0)
        error = np.sqrt(p * (1 - p) / values.size) / density
        assert x == pytest.approx(np.quantile(values, p), abs=2.0 * error)
    assert (
        abs(float(law.values(jnp.asarray([[4.5]]))[0, 0]) / stats.gamma.isf(stats.norm.sf(4.5), 2.0) - 1)
        < 0.25
    )


def test_rain_is_never_negative_and_dry_as_often_as_measured():
    values = rain(10_000)
    result = fitted(values)
    z = np.random.default_rng(1).normal(size=(100_000, 2)).astype(np.float32)
    x = np.asarray(result.margins.values(jnp.asarray(z)))[:, 0]
    assert x.min() == 0.0
    assert np.mean(x == 0.0) == pytest.approx(np.mean(values == 0.0), abs=0.01)
    assert np.mean(x == np.float32(0.1)) == pytest.approx(np.mean(values == 0.1), abs=0.003)
    assert result.facts["v"]["share_at_lower_bound"] == pytest.approx(np.mean(values == 0.0), abs=1e-6)
    assert result.facts["v"]["resolution"] == 0.1
    assert result.facts["v"]["upper"]["shape_error"] > 0


def test_a_positive_variable_stays_positive_and_others_may_fall_below_the_record():
    values = stats.lognorm.rvs(1.0, size=3_000, random_state=0)
    z = jnp.linspace(-8.0, -3.0, 200)[:, None]
    bounded = np.asarray(fitted(values, bounds={"v": (0.0, None)}).margins.values(z))
    assert np.all(bounded > 0)
    assert np.all(bounded <= values.min() * 2)
    assert np.all(np.diff(bounded[:, 0]) >= 0)
    assert float(fitted(values - 5.0).margins.values(z)[0, 0]) < values.min() - 5.0


def test_both_bounds_may_have_a_share():
    level = np.clip(stats.norm.rvs(size=5_000, random_state=0), -1.0, 1.5)
    result = fitted(level)
    x = np.asarray(result.margins.values(jnp.asarray(np.random.default_rng(0).normal(size=(50_000, 2)))))
    assert (x.min(), x.max()) == (-1.0, 1.5)
    assert np.mean(x == 1.5) == pytest.approx(np.mean(level == 1.5), abs=0.005)
    assert "upper" not in result.facts["v"]


def test_two_values_are_a_law_as_well():
    values = (np.random.default_rng(0).random(500) < 0.3).astype(float)
    x = np.asarray(
        fitted(values).margins.values(jnp.asarray(np.random.default_rng(1).normal(size=(20_000, 1))))
    )
    assert set(np.unique(x)) == {0.0, 1.0}
    assert x.mean() == pytest.approx(values.mean(), abs=0.02)


def test_bounds_that_the_record_breaks_are_an_error_with_a_remedy():
    with pytest.raises(ValueError, match=r"3 values of v lie beyond.*--missing"):
        fitted(np.r_[np.linspace(1, 9, 200), -1.0, -2.0, -3.0], bounds={"v": (0.0, None)})
    with pytest.raises(ValueError, match=r"variables \(v\); got w"):
        fitted(np.linspace(0, 1, 100), bounds={"w": (0.0, None)})
    with pytest.raises(ValueError, match="lower and a higher"):
        fitted(np.linspace(0, 1, 100), bounds={"v": (2.0, 1.0)})


def test_constant_variables_are_an_error():
    with pytest.raises(ValueError, match="constant"):
        fitted(np.full(100, 3.0))


def test_values_lie_in_their_intervals_and_come_back():
    values = rain(2_000)[:, None]
    values[100:110] = np.nan
    result = fit_margins(values, ["v"])
    low, high = result.intervals(values)
    assert np.all(high >= low)
    assert np.all(low[100:110] == -FARTHEST)
    for scores in islice(drawn_scores(Spread(low, high, np.zeros(0, int)), 0), 2):
        back = np.asarray(result.margins.values(jnp.asarray(scores, jnp.float32)))
        measured = np.isfinite(values)
        np.testing.assert_array_equal(back[measured], values[measured].astype(np.float32))


def test_ties_without_a_grid_are_spread_over_their_rank():
    distinct = np.sort(stats.norm.rvs(size=100, random_state=0))
    values = np.repeat(distinct, np.random.default_rng(0).integers(2, 9, 100))
    result = fitted(values)
    low, high = result.intervals(values[:, None])
    counts = np.array([np.sum(values == v) for v in values])
    share = stats.norm.cdf(high[:, 0]) - stats.norm.cdf(low[:, 0])
    inner = np.abs(stats.zscore(values)) < 1.5
    assert np.mean(share[inner] * values.size / counts[inner]) == pytest.approx(1.0, abs=0.1)


def test_draws_within_dry_spells_keep_the_persistence_of_the_copula():
    values = rain(8_000, seed=3)[:, None]
    low, high = fit_margins(values, ["v"]).intervals(values)
    scores = next(drawn_scores(Spread(low, high, np.zeros(0, int)), 0))
    occurrence = scores[:, 1]
    assert float(np.corrcoef(occurrence[:-1], occurrence[1:])[0, 1]) == pytest.approx(0.6, abs=0.05)


def test_draws_follow_the_seed():
    low, high = np.full((50, 2), -1.0), np.full((50, 2), 1.0)
    spread = Spread(low, high, np.array([20]))
    first, again, other = (next(drawn_scores(spread, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
