import numpy as np
import pytest
from scipy import stats

from kernels.statistics.draws import Draws
from kernels.statistics.weighted import (
    effective_sample_size,
    kolmogorov_distance,
    rollout_error,
    weighted_autocorrelation,
    weighted_correlation,
    weighted_crps,
    weighted_error,
    weighted_histogram,
    weighted_mean,
    weighted_place,
    weighted_quantile_errors,
    weighted_quantiles,
    weighted_variance,
)

RNG = np.random.default_rng(1)


def test_effective_size():
    assert effective_sample_size(np.ones(7)) == pytest.approx(7.0)
    assert effective_sample_size(np.array([1.0, 0.0, 0.0])) == pytest.approx(1.0)
    assert effective_sample_size(np.zeros(3)) == 0.0


def test_integer_weights_are_repetitions():
    values, weights = RNG.normal(size=(400, 2)), RNG.integers(0, 4, 400)
    repeated = np.repeat(values, weights, axis=0)
    np.testing.assert_allclose(weighted_mean(values, weights), repeated.mean(0))
    q = np.array([0.05, 0.5, 0.9])
    np.testing.assert_allclose(
        weighted_quantiles(values, weights, q), np.quantile(repeated, q, axis=0), atol=0.03
    )


def test_equal_weights_give_plain_quantiles():
    values, q = RNG.normal(size=(1001, 3, 2)), np.array([0.25, 0.75])
    weighted = weighted_quantiles(values, np.ones(1001), q)
    assert weighted.shape == (2, 3, 2)
    np.testing.assert_allclose(weighted, weighted_quantiles(values, None, q), atol=0.01)


def test_quantiles_need_samples_and_weight():
    with pytest.raises(ValueError, match="at least one sample"):
        weighted_quantiles(np.zeros((0, 2)), None, np.array([0.5]))
    with pytest.raises(ValueError, match="positive entry"):
        weighted_quantiles(np.zeros((3, 2)), np.zeros(3), np.array([0.5]))


def test_kolmogorov_distance_is_scipys():
    a, b = RNG.normal(size=300), RNG.normal(0.3, 1.0, size=500)
    assert kolmogorov_distance(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)


def test_rollout_error_of_a_known_gap():
    x = np.ones((4, 3, 2))
    np.testing.assert_allclose(rollout_error(x, 3.0 * x), 0.5)
    assert np.all(rollout_error(x, x) < 1e-11)


def test_error_and_variance_with_equal_weights_are_the_textbook_ones():
    values = RNG.normal(size=(50, 3))
    np.testing.assert_allclose(weighted_error(values), stats.sem(values))
    np.testing.assert_allclose(weighted_error(values, np.full(50, 7.0)), stats.sem(values))
    np.testing.assert_allclose(weighted_variance(values), values.var(axis=0, ddof=1))
    assert np.isnan(weighted_error(values[:1])).all()
    assert np.isnan(weighted_variance(values[:1])).all()


def test_error_with_weights_by_hand():
    values, p = np.array([1.0, 2.0, 5.0]), np.array([0.5, 0.3, 0.2])
    deviation = values - 2.1
    expected = np.sqrt(np.sum(p**2 * deviation**2) / (1.0 - 2 * 0.16 / 0.38 + 0.38))
    assert weighted_error(values, 10.0 * p) == pytest.approx(expected)
    assert weighted_variance(values, 10.0 * p) == pytest.approx(np.sum(p * deviation**2) / 0.62)


def test_weighted_variance_is_unbiased_for_weights_apart_from_the_values():
    weights = np.array([5.0, 1.0, 1.0, 0.5])
    seen = weighted_variance(RNG.normal(size=(4, 40_000)), weights)
    assert abs(seen.mean() - 1.0) < 4 * stats.sem(seen)


@pytest.mark.parametrize("function", [weighted_error, weighted_variance, weighted_correlation])
def test_weights_need_a_positive_entry(function):
    with pytest.raises(ValueError, match="positive entry"):
        function(np.zeros((3, 2)), np.zeros(3))


def test_quantile_error_is_the_asymptotic_one():
    n, q = 4000, np.array([0.25, 0.5, 0.95])
    errors = weighted_quantile_errors(RNG.normal(size=(n, 50)), None, q).mean(axis=1)
    expected = np.sqrt(q * (1.0 - q) / n) / stats.norm.pdf(stats.norm.ppf(q))
    np.testing.assert_allclose(errors, expected, rtol=0.1)
    assert np.isnan(weighted_quantile_errors(np.ones((1, 2)), None, q)).all()


def test_correlation_is_numpys_and_its_error_the_normal_one():
    values = RNG.multivariate_normal([0.0, 1.0], [[1.0, 1.2], [1.2, 4.0]], 5000)
    correlation, error = weighted_correlation(values)
    np.testing.assert_allclose(correlation, np.corrcoef(values.T))
    assert error[0, 1] == pytest.approx((1.0 - 0.6**2) / np.sqrt(5000), rel=0.1)
    assert error[0, 0] == pytest.approx(0.0, abs=1e-9)


def test_autocorrelation_by_loops():
    values, weights = RNG.normal(size=(30, 5, 2)).cumsum(axis=1), RNG.random(30)
    got, _ = weighted_autocorrelation(values, weights)
    y = values - weighted_mean(values, weights)
    for lag in range(5):
        early, late = y[:, : 5 - lag], y[:, lag:]
        c, a, b = (weighted_mean(u, weights).sum(0) for u in (early * late, early**2, late**2))
        np.testing.assert_allclose(got[lag], c / np.sqrt(a * b))


def test_histogram_is_numpys():
    x, y, weights = RNG.normal(size=(40, 7)), RNG.normal(size=(40, 7)), RNG.random(40)
    edges = np.array([-1.0, 0.0, 0.5, x.max()]), np.linspace(y.min(), y.max(), 5)
    share, _ = weighted_histogram((x, y), weights, edges)
    each = np.repeat(weights / weights.sum() / 7, 7)
    expected, *_ = np.histogram2d(x.ravel(), y.ravel(), bins=edges, weights=each)
    np.testing.assert_allclose(share, expected, atol=1e-15)


def test_crps_of_a_normal_forecast():
    """σ (z (2Φ(z) − 1) + 2φ(z) − 1/√π), z = (y − μ)/σ."""
    sigma, truth = 2.0, np.array([-3.0, 0.0, 1.5])
    z = truth / sigma
    expected = sigma * (z * (2.0 * stats.norm.cdf(z) - 1.0) + 2.0 * stats.norm.pdf(z) - 1.0 / np.sqrt(np.pi))
    sample = sigma * stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    score = weighted_crps(np.repeat(sample[:, None], 3, axis=1), None, truth)
    np.testing.assert_allclose(score.plain, expected, rtol=1e-3)
    np.testing.assert_allclose(score.fair, expected, rtol=1e-3)
    small = weighted_crps(RNG.normal(0.0, sigma, (5, 20_000)), None, np.full(20_000, 1.5))
    assert abs(small.fair.mean() - expected[2]) < 4 * stats.sem(small.fair)
    assert small.plain.mean() - expected[2] > 10 * stats.sem(small.plain)


def test_crps_by_double_sums():
    values, weights, truth = 1e3 + RNG.normal(size=(20, 3)), RNG.random(20), 1e3 + RNG.normal(size=3)
    p = weights / weights.sum()
    miss = p @ np.abs(values - truth)
    spread = np.einsum("i,j,ijk->k", p, p, np.abs(values[:, None] - values[None]))
    score = weighted_crps(values, weights, truth)
    np.testing.assert_allclose(score.plain, miss - 0.5 * spread)
    np.testing.assert_allclose(score.fair, miss - 0.5 * spread / (1.0 - np.sum(p**2)))
    single = weighted_crps(values[:1], None, truth)
    np.testing.assert_allclose(single.plain, np.abs(values[0] - truth))
    assert np.isnan(single.fair).all()


def test_places_by_hand():
    values, u = np.array([[1.0], [2.0], [2.0], [4.0]]), np.array([0.5])
    assert weighted_place(values, None, np.array([3.0]), u) == pytest.approx(3.5 / 5.0)
    assert weighted_place(values, None, np.array([2.0]), u) == pytest.approx((1.0 + 0.5 * 3.0) / 5.0)
    p = np.array([0.1, 0.2, 0.3, 0.4])
    assert weighted_place(values, p, np.array([2.0]), u) == pytest.approx((0.1 + 0.5 * (0.5 + 0.3)) / 1.3)


UNEQUAL = np.array([0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05])  # shares of replicates


def test_errors_of_unequal_replicates_are_unbiased():
    generator, replicate = np.random.default_rng(0), np.repeat(np.arange(8), 4)
    draws = Draws(np.repeat(UNEQUAL / 4, 4), replicate)
    values = np.repeat(generator.standard_normal((8, 4000)), 4, axis=0)  # a replicate's samples agree
    error = weighted_error(values, draws)
    assert np.mean(error**2) == pytest.approx(np.sum(UNEQUAL**2), rel=0.06)


def test_intervals_of_a_median_between_two_modes_cover_the_gap():
    generator, held = np.random.default_rng(1), []
    replicate = np.repeat(np.arange(8), 64)
    draws = Draws(np.full(512, 1 / 512), replicate)
    for _ in range(200):
        share = generator.beta(6.0, 6.0, size=8)  # of the upper mode, in each replicate
        side = np.where(generator.uniform(size=512) < share[replicate], 1.0, -1.0)
        values = 3.0 * side + 0.4 * generator.standard_normal(512)
        quantile = weighted_quantiles(values[:, None], draws, np.array([0.5]))[0, 0]
        error = weighted_quantile_errors(values[:, None], draws, np.array([0.5]))[0, 0]
        held.append(abs(quantile) <= draws.interval_factor * error)  # its middle is the median
    assert np.mean(held) > 0.9
