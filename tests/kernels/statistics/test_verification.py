"""Scores, ranks and spread of forecasts whose truth is, or is not, one of them."""

import jax
import numpy as np
import pytest
import xarray as xr
from known_ensembles import REPLICATES, assert_calibrated, cases, with_cases

from kernels.statistics import verification


def test_crps_of_cases_is_that_of_each_case():
    forecasts, truth = cases(np.random.default_rng(0), 3, 20)
    forecasts = forecasts.assign(
        satisfied=(("case", "sample"), np.random.default_rng(1).random((3, 20)) > 0.3)
    )
    scores = verification.crps(forecasts, truth)
    assert scores["crps"].dims == ("case", "time", "variable")
    for i in range(3):
        alone = verification.crps(forecasts.isel(case=i), truth.isel(case=i))
        xr.testing.assert_allclose(scores.isel(case=i, drop=True), alone.drop_vars("case", errors="ignore"))
    assert scores["crps"].attrs["units"] == "m"


def test_cases_in_chunks_give_the_same():
    forecasts, truth = cases(np.random.default_rng(0), 3, 20)
    chunked = forecasts.chunk(case=1, sample=7)
    for function in (
        verification.crps,
        verification.spread_skill,
        lambda *both: verification.rank_histogram(jax.random.key(0), *both),
    ):
        xr.testing.assert_allclose(function(chunked, truth), function(forecasts, truth))
    forecasts["state"].values[1, 2, 3, 0] = np.nan
    with pytest.raises(ValueError, match="every value must be finite; 1 are NaN"):
        verification.spread_skill(forecasts, truth)


def test_ranks_are_flat_where_the_truth_is_one_of_the_forecasts():
    forecasts, truth = cases(np.random.default_rng(0), 2000, 9)
    result = verification.rank_histogram(jax.random.key(0), forecasts, truth)
    np.testing.assert_array_less(abs(result["frequency"] - 0.1), 4.5 * result["frequency_error"])
    np.testing.assert_array_less(abs(result["pooled"] - 0.1), 4 * result["pooled_error"])
    np.testing.assert_allclose(result["frequency"].sum("place"), 1.0)
    np.testing.assert_allclose(result["pooled"], result["frequency"].mean("time"))


def test_ties_are_broken_at_random():
    rng = np.random.default_rng(0)
    rain = np.maximum(rng.normal(-0.5, 1.0, (1500, 10, 6, 2)), 0.0)  # seven in ten are exactly 0
    result = verification.rank_histogram(jax.random.key(1), with_cases(rain[:, 1:]), with_cases(rain[:, :1]))
    np.testing.assert_array_less(abs(result["pooled"] - 0.1), 4 * result["pooled_error"])


def test_ranks_show_too_narrow_a_forecast():
    forecasts, truth = cases(np.random.default_rng(0), 300, 9, spread=2.0)
    pooled = verification.rank_histogram(jax.random.key(0), forecasts, truth)["pooled"]
    assert np.all(pooled[[0, -1]] > 0.18)
    assert np.all(pooled[4] < 0.08)


def test_weighted_ranks_are_flat():
    rng = np.random.default_rng(1)
    states = rng.normal(size=(800, 200, 6, 2))
    came = with_cases(np.broadcast_to(rng.normal(0.5, 1.0, (800, 1, 1, 1)), (800, 1, 6, 2)))
    states[:] = states[:, :, :1, :1]
    weight = (("sample", "case"), np.exp(0.5 * states[:, :, 0, 0]).T)  # to N(0.5, 1), the truth's law
    forecasts = with_cases(states)
    tilted = verification.rank_histogram(jax.random.key(0), forecasts.assign(weight=weight), came)
    np.testing.assert_array_less(abs(tilted["pooled"] - 0.1), 4 * tilted["pooled_error"])
    plain = verification.rank_histogram(jax.random.key(0), forecasts, came)["pooled"]
    assert np.all(plain[-1] > 0.15)


@pytest.mark.parametrize("num_samples", [2, 30])
def test_spread_is_skill_where_the_truth_is_one_of_the_forecasts(num_samples):
    result = verification.spread_skill(*cases(np.random.default_rng(0), 3000, num_samples))
    np.testing.assert_array_less(abs(result["ratio"] - 1.0), 4 * result["ratio_error"])
    expected = np.sqrt(1.0 + 1.0 / num_samples)
    np.testing.assert_array_less(abs(result["skill"] - expected), 4 * result["skill_error"])
    np.testing.assert_array_less(abs(result["spread"] - expected), 4 * result["spread_error"])
    assert float(result["ratio_error"].max()) < 0.03


def test_spread_falls_short_of_skill_where_the_forecast_is_too_sure():
    result = verification.spread_skill(*cases(np.random.default_rng(0), 2000, 20, spread=2.0))
    np.testing.assert_allclose(result["ratio"], np.sqrt(1.05 / 4.05), rtol=0.1)


def test_errors_over_cases_are_the_spread_of_replicates():
    rng = np.random.default_rng(2)
    drawn = [cases(rng, 40, 5) for _ in range(REPLICATES)]
    skill = [verification.spread_skill(*each) for each in drawn]
    for name in ("spread", "skill", "ratio"):
        assert_calibrated(skill, name)
    ranks = [verification.rank_histogram(jax.random.key(i), *each, bins=4) for i, each in enumerate(drawn)]
    for name in ("frequency", "pooled"):
        assert_calibrated(ranks, name)


def test_a_known_first_state_has_no_ratio():
    forecasts, truth = (each.copy(deep=True) for each in cases(np.random.default_rng(0), 4, 5))
    forecasts["state"].values[:, :, 0] = truth["state"].values[:, :, 0] = 0.5
    result = verification.spread_skill(forecasts, truth)
    assert np.isnan(result["ratio"][0]).all()
    assert np.isfinite(result["ratio"][1:]).all()


def test_cases_must_agree_and_have_members():
    forecasts, truth = cases(np.random.default_rng(0), 3, 4)
    for other in (truth.isel(case=[0, 1]), truth.isel(case=[1, 0, 2]), truth.isel(case=0, drop=True)):
        with pytest.raises(ValueError, match="`truth` must have the cases of the forecasts"):
            verification.crps(forecasts, other)
    with pytest.raises(ValueError, match="at least 2 members"):
        verification.spread_skill(forecasts.isel(sample=[0]), truth)
