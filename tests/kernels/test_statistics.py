import numpy as np
import pytest
from scipy import stats

from kernels.statistics import (
    effective_sample_size,
    kolmogorov_distance,
    rollout_error,
    weighted_mean,
    weighted_quantiles,
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
