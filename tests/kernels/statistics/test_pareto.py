import numpy as np
import pytest
from scipy import stats

from kernels.statistics.clusters import cluster_labels, decluster
from kernels.statistics.pareto import ParetoTail, excess_log_survival, fit_excesses, fit_tail

SHAPES = (-0.3, 0.0, 0.3)
COVARIANCE = np.diag([0.01, 0.01])


def tail(shape):
    return ParetoTail(2.0, 1.5, shape, 0.03, 100, 0.1, COVARIANCE)


def moving_maxima(rng, count, run):
    """Series whose exceedances come in clusters of `run`: extremal index 1/run, and its unit Fréchet law."""
    return (
        np.lib.stride_tricks.sliding_window_view(1.0 / rng.exponential(size=count + run - 1), run).max(1)
        / run
    )


@pytest.mark.parametrize("shape", [-0.5, -1e-10, *SHAPES, 0.6])
def test_survival_and_quantile_are_those_of_scipy(shape):
    law = stats.genpareto(shape, 2.0, 1.5)
    depth = np.linspace(0.0, 30.0, 40)
    x = tail(shape).quantile(np.log(0.03) - depth)
    np.testing.assert_allclose(x, law.isf(np.exp(-depth)), rtol=1e-6)
    inside = x[x < tail(shape).end_point * (1 - 1e-6)]
    np.testing.assert_allclose(tail(shape).log_survival(inside), np.log(0.03) + law.logsf(inside), rtol=1e-6)


def test_a_tail_ends_where_its_shape_is_negative():
    assert tail(-0.5).end_point == pytest.approx(5.0)
    assert tail(0.0).end_point == tail(0.2).end_point == np.inf
    assert tail(-0.5).log_survival(5.0) == -np.inf
    assert tail(-0.5).quantile(-np.inf) == pytest.approx(5.0)
    assert tail(0.3).log_survival(1.0) == np.log(0.03)


@pytest.mark.parametrize("shape", SHAPES)
def test_many_excesses_give_the_maximum_likelihood_fit_of_scipy(shape):
    values = stats.genpareto.rvs(shape, scale=3.0, size=4000, random_state=np.random.default_rng(3))
    found = fit_excesses(values, 0.0)
    expected, _, scale = stats.genpareto.fit(values, floc=0.0)
    assert found.shape == pytest.approx(expected, abs=5e-3)
    assert found.scale == pytest.approx(scale, rel=5e-3)
    assert found.shape_error == pytest.approx((1 + found.shape) / np.sqrt(4000), rel=0.1)
    assert found.num_exceedances == 4000


def test_the_prior_keeps_a_few_excesses_from_running_away():
    rng = np.random.default_rng(5)
    samples = stats.genpareto.rvs(0.1, size=(20, 25), random_state=rng)
    kept = [fit_excesses(sample, 0.0).shape for sample in samples]
    free = [stats.genpareto.fit(sample, floc=0.0)[0] for sample in samples]
    assert np.std(kept) < 0.5 * np.std(free)


def test_the_threshold_leaves_the_share_beyond():
    values = np.random.default_rng(0).exponential(size=4000)
    found = fit_tail(values)
    assert found.share == pytest.approx(0.03)
    assert found.num_exceedances == 120
    assert found.threshold == np.sort(values)[-121]


def test_a_short_series_gives_a_larger_share():
    found = fit_tail(np.random.default_rng(0).exponential(size=100))
    assert (found.num_exceedances, found.share) == (20, pytest.approx(0.2))


def test_missing_values_do_not_count():
    values = np.random.default_rng(0).exponential(size=2000)
    holes = np.insert(values, np.arange(0, 2000, 100), np.nan)
    assert fit_tail(holes)[:5] == pytest.approx(fit_tail(values)[:5])


@pytest.mark.parametrize("step", [0.25, 1.0])
def test_a_grid_of_the_gauge_does_not_move_the_tail(step):
    values = stats.genpareto.rvs(0.1, scale=3.0, size=60_000, random_state=np.random.default_rng(2))
    exact, rounded = fit_tail(values), fit_tail(np.round(values / step).astype(np.float32) * np.float32(step))
    assert abs(rounded.threshold / step % 1.0 - 0.5) < 1e-4  # on an edge
    assert rounded.shape == pytest.approx(exact.shape, abs=0.02)
    for depth in (5.0, 8.0):
        assert rounded.quantile(-depth) == pytest.approx(exact.quantile(-depth), rel=0.02)


def test_too_few_values_and_too_few_distinct_ones_are_named():
    with pytest.raises(ValueError, match=r"at least 50 finite numbers .* got 49"):
        fit_tail(np.append(np.arange(49.0), [np.nan] * 100))
    with pytest.raises(ValueError, match="at least 10 distinct numbers"):
        fit_tail(np.random.default_rng(0).poisson(1.0, 5000).astype(float))
    with pytest.raises(ValueError, match="`share` must lie between 0 and 1"):
        fit_tail(np.arange(100.0), share=0.0)
    with pytest.raises(ValueError, match="above the threshold 2"):
        fit_excesses(np.array([1.0, 3.0]), 2.0)


def test_a_known_end_point_has_a_closed_form():
    values = np.random.default_rng(1).beta(3.0, 2.5, 5000)
    found = fit_tail(values, bound=1.0)
    beyond = values[values > found.threshold]
    shape = np.mean(np.log1p(-(beyond - found.threshold) / (1.0 - found.threshold)))
    assert found.shape == pytest.approx(shape)
    assert found.end_point == pytest.approx(1.0)
    assert abs(found.shape + 1 / 2.5) < 3 * found.shape_error
    assert found.shape_error == pytest.approx(-shape / np.sqrt(beyond.size), rel=0.3)
    with pytest.raises(ValueError, match=r"must lie below the `bound` 0.9; the largest is 0.9"):
        fit_tail(values, bound=0.9)


def test_weights_are_repetitions():
    rng = np.random.default_rng(4)
    values = rng.exponential(size=3000)
    repeated = fit_tail(np.repeat(values, 3), clusters=np.repeat(np.arange(3000), 3))
    weighted = fit_tail(values, weights=np.full(3000, 7.0), clusters=np.arange(3000))
    assert repeated.threshold == weighted.threshold
    assert repeated.shape == pytest.approx(weighted.shape, abs=0.01)  # three copies are worth one
    assert repeated.shape_error == pytest.approx(weighted.shape_error, rel=0.15)  # not √3 apart


def test_clusters_widen_the_error():
    rng = np.random.default_rng(8)
    series = np.log(moving_maxima(rng, 20_000, 5))
    clustered, shuffled = fit_tail(series), fit_tail(rng.permutation(series))
    assert clustered.num_exceedances == shuffled.num_exceedances == pytest.approx(600, abs=5)
    assert 1.5 < clustered.shape_error / shuffled.shape_error < 3.0  # √5, but for what the prior knows


def test_runs_and_the_intervals_estimator_find_clusters():
    assert cluster_labels(np.array([3, 4, 9, 10, 12]), 2).tolist() == [0, 0, 1, 1, 1]
    assert cluster_labels(np.array([3, 4, 9, 10, 12]), 1).tolist() == [0, 0, 1, 1, 2]
    series = moving_maxima(np.random.default_rng(8), 300_000, 4)
    rows = np.flatnonzero(series > np.quantile(series, 0.98))
    assert rows.size / (cluster_labels(rows)[-1] + 1) == pytest.approx(4.0, rel=0.1)
    alone = np.flatnonzero(np.random.default_rng(1).random(20_000) < 0.02)
    assert cluster_labels(alone)[-1] + 1 > 0.9 * alone.size
    assert cluster_labels(np.array([5])).tolist() == [0]
    assert cluster_labels(np.array([], int)).size == 0


def test_each_cluster_has_one_peak():
    values = np.array([0.0, 2.0, 3.0, 3.0, 0.0, 2.5, np.nan, 0.0, 0.0, 4.0])
    assert decluster(values, 1.0, 1).tolist() == [2, 5, 9]
    assert decluster(values, 1.0, 3).tolist() == [2, 9]
    assert decluster(values, 9.0, 3).size == 0
    with pytest.raises(ValueError, match="`gap` must be at least 1; got 0"):
        decluster(values, 1.0, 0)


def test_survival_broadcasts_scales():
    found = excess_log_survival(np.array([1.0, 2.0]), np.array([[1.0], [2.0]]), 0.2)
    np.testing.assert_allclose(found[1], stats.genpareto.logsf([1.0, 2.0], 0.2, scale=2.0))


@pytest.mark.slow
@pytest.mark.parametrize("count", [30, 100, 500])
@pytest.mark.parametrize("shape", SHAPES)
def test_intervals_of_the_shape_cover(shape, count):
    samples = stats.genpareto.rvs(shape, size=(100, count), random_state=np.random.default_rng(7))
    fits = [fit_excesses(sample, 0.0) for sample in samples]
    covered = np.mean([abs(fit.shape - shape) < 1.96 * fit.shape_error for fit in fits])
    assert covered > 0.85


@pytest.mark.slow
def test_intervals_of_the_shape_cover_in_clustered_series():
    rng = np.random.default_rng(11)
    fits = [fit_tail(np.log(moving_maxima(rng, 10_000, 6))) for _ in range(60)]
    covered = np.mean([abs(fit.shape) < 1.96 * fit.shape_error for fit in fits])
    assert covered > 0.85
