import numpy as np
import pytest
from scipy import optimize, stats

from kernels.statistics.pareto import (
    excess_log_survival,
    fit_excesses,
    independent_excesses,
    log_prior,
    log_terms,
)
from kernels.statistics.peaks import exceedance_interval, return_level_interval

EXPOSURE = 10.0


def sample(shape, count=60, seed=0):
    """Excesses of a tail of scale 1."""
    return stats.genpareto.rvs(shape, size=count, random_state=np.random.default_rng(seed))


def profile_loss(peaks, x, rate):
    """Smallest −log-likelihood of all tails with λ(x) = rate, by brute force."""
    excesses, tail = independent_excesses(peaks, 0.0), fit_excesses(peaks, 0.0)

    def loss(place):
        depth = float(excess_log_survival(np.asarray(x), np.exp(place[0]), place[1]))
        if not np.isfinite(depth):
            return 1e9
        above = np.log(rate) - depth
        terms = float(np.sum(log_terms(excesses, np.exp(place[0]), place[1]))) + log_prior(place[1])
        total = terms + len(peaks) * above - np.exp(min(above, 100.0)) * EXPOSURE
        return -total if np.isfinite(total) else 1e9

    start = [np.log(tail.scale), tail.shape + 0.05]
    for _ in range(2):
        found = optimize.minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8})
        start = found.x
    return found.fun


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
def test_the_ends_of_the_interval_have_the_deviance_of_its_level(shape):
    peaks, x = sample(shape), stats.genpareto.isf(0.5 / 60, shape)
    value, low, high = exceedance_interval(peaks, EXPOSURE, x, threshold=0.0)
    assert 0.0 < low < value < high
    least = profile_loss(peaks, x, value)
    for rate in (low, high):
        assert 2.0 * (profile_loss(peaks, x, rate) - least) == pytest.approx(
            stats.chi2.ppf(0.95, 1), abs=0.06
        )


@pytest.mark.parametrize("distance", [20.0, 100.0])
def test_far_beyond_the_peaks_the_interval_has_ends(distance):
    """There the shape and the survival hang together so closely that a grid of shapes is too coarse."""
    for peaks in (sample(-0.02), sample(0.15), np.random.default_rng(0).exponential(size=300)):
        value, low, high = exceedance_interval(peaks, EXPOSURE, distance, threshold=0.0)
        assert 0.0 <= low <= value < high < 0.5
        if low > 0.0:
            least = profile_loss(peaks, distance, value)
            for rate in (low, high):
                found = 2.0 * (profile_loss(peaks, distance, rate) - least)
                assert found == pytest.approx(stats.chi2.ppf(0.95, 1), abs=0.06)


def test_at_the_threshold_the_rate_is_that_of_counts():
    value, low, high = exceedance_interval(sample(0.1), EXPOSURE, 0.0, threshold=0.0)
    assert value == pytest.approx(6.0)

    def deviance(rate):
        return 2.0 * (60 * np.log(6.0 / rate) - 60 + rate * EXPOSURE)

    assert deviance(low) == pytest.approx(deviance(high), abs=0.01) == pytest.approx(3.8415, abs=0.01)


def test_within_the_peaks_of_a_tail_that_ends_the_rate_is_that_of_counts():
    peaks = np.random.default_rng(0).beta(1.0, 3.0, 2000)
    value, low, high = exceedance_interval(peaks, EXPOSURE, 0.2, threshold=0.0)
    assert value == pytest.approx(np.sum(peaks > 0.2) / EXPOSURE, rel=0.05)
    assert 0.9 * value < low < value < high < 1.1 * value


def test_the_rate_beyond_a_possible_end_point_may_be_zero():
    peaks = np.random.default_rng(0).random(200)
    value, low, high = exceedance_interval(peaks, EXPOSURE, 1.5, threshold=0.0)
    assert value == low == 0.0
    assert 0.0 < high < 0.5


def test_levels_and_rates_are_inverse():
    peaks = sample(0.1)
    level = return_level_interval(peaks, EXPOSURE, 0.05, threshold=0.0)
    assert level.low < level.value < level.high
    best, least, most = (exceedance_interval(peaks, EXPOSURE, x, threshold=0.0) for x in level)
    assert best.value == pytest.approx(0.05)
    assert least.low == pytest.approx(0.05, rel=0.002)
    assert most.high == pytest.approx(0.05, rel=0.002)


def test_what_cannot_be_answered_is_named():
    with pytest.raises(ValueError, match="`x` must be at least the threshold 2; got 1"):
        exceedance_interval(np.array([3.0, 4.0]), 1.0, 1.0, threshold=2.0)
    with pytest.raises(ValueError, match="`rate` must lie between 0 and that of the peaks, 2; got 3"):
        return_level_interval(np.array([3.0, 4.0]), 1.0, 3.0, threshold=2.0)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2])
@pytest.mark.parametrize("rarity", [1.0, 5.0])
def test_intervals_cover(shape, rarity):
    generator, covered = np.random.default_rng(1), []
    rate = 1.0 / (rarity * EXPOSURE)
    x = stats.genpareto.isf(rate / 5.0, shape)
    for _ in range(150):
        count = generator.poisson(5.0 * EXPOSURE)
        peaks = stats.genpareto.rvs(shape, size=count, random_state=generator)
        _, low, high = exceedance_interval(peaks, EXPOSURE, x, threshold=0.0)
        covered.append(low <= rate <= high)
    assert np.mean(covered) > 0.88
