"""Weighted ensembles: proposals N(0, 1) weighted to N(SHIFT, 1), so that every answer is known."""

import dask.array
import jax
import numpy as np
import pytest
import xarray as xr
from known_ensembles import LAYOUT, REPLICATES, SHIFT, assert_calibrated, ensemble
from scipy import stats

from kernels.events.syntax.parser import parse_event
from kernels.statistics import summaries, verification
from kernels.statistics.draws import interval_factor
from kernels.trajectories.datasets import to_dataset
from kernels.trajectories.layout import Layout

STATISTICS = {
    "mean": (summaries.mean, ["mean"]),
    "bands": (summaries.bands, ["quantile"]),
    "exceedance": (lambda ds: summaries.exceedance(ds, "x", 0.5), ["probability"]),
    "hitting_times": (lambda ds: summaries.hitting_times(ds, parse_event("max(x) > 1")), ["probability"]),
    "correlations": (summaries.correlations, ["correlation", "autocorrelation"]),
    "spectra": (summaries.spectra, ["power"]),
    "density": (
        lambda ds: summaries.density(ds, "x", "y", ([-2.0, 0.0, 1.0, 3.0], [-2.0, 0.5, 3.0])),
        ["density"],
    ),
    "crps": (
        lambda ds: verification.crps(ds, to_dataset(np.full((1, 6, 2), 0.5), LAYOUT)),
        ["crps"],
    ),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_stated_errors_are_the_spread_of_replicates(name):
    function, names = STATISTICS[name]
    rng = np.random.default_rng(7)
    results = [function(ensemble(rng)) for _ in range(REPLICATES)]
    for each in names:
        assert_calibrated(results, each)


@pytest.mark.parametrize("name", STATISTICS)
def test_integer_weights_are_repetitions(name):
    function, names = STATISTICS[name]
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 4, 300)
    dataset = ensemble(rng).drop_vars("weight")
    weighted = function(dataset.assign(weight=("sample", counts)))
    repeated = function(dataset.isel(sample=np.repeat(np.arange(300), counts)))
    tolerance = 0.05 if name == "bands" else 1e-9  # midpoints of one heavy sample or of three light ones
    for each in names:
        np.testing.assert_allclose(weighted[each], repeated[each], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", STATISTICS)
def test_only_members_count_and_results_are_labelled(name):
    function, names = STATISTICS[name]
    dataset = ensemble(np.random.default_rng(4))
    member = dataset["state"].values[:, 2, 1] > 0
    flagged = function(dataset.assign(satisfied=("sample", member.astype("i1"))))
    xr.testing.assert_allclose(flagged, function(dataset.isel(sample=np.flatnonzero(member))))
    assert not flagged[names[0]].equals(function(dataset)[names[0]])
    for each in flagged.data_vars:
        assert {"units", "long_name"} == set(flagged[each].attrs)
    assert flagged.attrs["num_members"] == member.sum()
    assert 1 < flagged.attrs["ess"] < member.sum()


@pytest.mark.parametrize("name", ["mean", "bands", "exceedance", "spectra", "crps"])
@pytest.mark.parametrize("chunks", [{"sample": 70}, {"time": 2, "variable": 1}])
def test_dask_stays_lazy_and_agrees(name, chunks):
    function, names = STATISTICS[name]
    dataset = ensemble(np.random.default_rng(5))
    lazy = function(dataset.chunk(chunks))
    for each in [*names, *(f"{n}_error" for n in names)]:
        assert isinstance(lazy[each].data, dask.array.Array)
    xr.testing.assert_allclose(lazy.compute(), function(dataset))


@pytest.mark.parametrize("name", STATISTICS)
def test_values_that_are_not_finite_are_refused_lazy_or_not(name):
    function, _ = STATISTICS[name]
    dataset = ensemble(np.random.default_rng(6)).copy(deep=True)
    dataset["state"].values[3, 1] = np.nan
    for each in (dataset, dataset.chunk(sample=100)):
        with pytest.raises(ValueError, match=r"every value must be finite.*Drop"):
            function(each).compute()


def test_exceedance_reads_neither_non_members_nor_other_variables():
    states = np.zeros((4, 6, 2))
    states[2] = states[:, :, 1] = np.nan
    dataset = to_dataset(states, LAYOUT, satisfied=np.array([True, True, False, True])).chunk(sample=2)
    assert np.all(summaries.exceedance(dataset, "x", -1.0).compute()["probability"] == 1.0)


def test_mean_and_bands_of_a_shifted_normal():
    result = ensemble(np.random.default_rng(0), 20_000)
    expected = SHIFT * 0.7 ** np.arange(6)
    got = summaries.mean(result)
    np.testing.assert_array_less(abs(got["mean"].sel(variable="x") - expected), 4 * got["mean_error"][:, 0])
    np.testing.assert_array_less(
        abs(got["mean"].sel(variable="y") - 0.8 * expected), 4 * got["mean_error"][:, 1]
    )
    bands = summaries.bands(result, levels=(0.1, 0.5, 0.9))
    assert bands["quantile"].dims == ("level", "time", "variable")
    for level, band, error in zip((0.1, 0.5, 0.9), bands["quantile"], bands["quantile_error"], strict=True):
        gap = abs(band.sel(variable="x") - expected - stats.norm.ppf(level))
        np.testing.assert_array_less(gap, 4 * error.sel(variable="x"))
    assert bands["quantile"].attrs["units"] == "m"


def test_exceedance_of_a_normal():
    result = summaries.exceedance(ensemble(np.random.default_rng(0), 20_000), "x", 1.0)
    expected = stats.norm.sf(1.0 - SHIFT * 0.7 ** np.arange(6))
    np.testing.assert_array_less(abs(result["probability"] - expected), 4 * result["probability_error"])
    assert result["probability"].dims == ("time",)


def test_hitting_times_of_trajectories_that_cross_at_known_times():
    states = np.zeros((4, 6, 2))
    states[0, 1:, 0] = states[1, 4, 0] = states[2, 4:, 0] = 2.0  # the last one never crosses
    dataset = to_dataset(states, LAYOUT, weight=np.array([1.0, 2.0, 3.0, 4.0]))
    result = summaries.hitting_times(dataset, "max(x) > 1")
    np.testing.assert_allclose(result["probability"], [0.0, 0.1, 0.1, 0.1, 0.6, 0.6])
    np.testing.assert_array_equal(result["time"], LAYOUT.times)
    p = np.array([0.1, 0.2, 0.3, 0.4])
    hit = np.array([1.0, 1.0, 1.0, 0.0]) - 0.6
    square = np.sum(p**2)
    expected = np.sqrt(np.sum(p**2 * hit**2) / (1.0 - 2.0 * np.sum(p**3) / square + square))
    assert result["probability_error"].values[-1] == pytest.approx(expected)
    members = dataset.assign(satisfied=("sample", [True, True, True, False]))
    np.testing.assert_allclose(
        summaries.hitting_times(members, "max(x) > 1")["probability"], [0, 1 / 6, 1 / 6, 1 / 6, 1, 1]
    )


def test_hitting_times_of_an_observable():
    layout = Layout(variables=("x", "y"), times=LAYOUT.times, observables={"total": lambda x: x.sum(-1)})
    states = np.full((2, 6, 2), 0.6)
    states[1] = 0.4
    result = summaries.hitting_times(to_dataset(states, layout), "max(total) > 1", layout)
    np.testing.assert_allclose(result["probability"], 0.5)


def test_correlations_of_an_autoregression():
    dataset = ensemble(np.random.default_rng(1), 20_000).drop_vars("weight")
    result = summaries.correlations(dataset)
    pair = result["correlation"].sel(variable="x", other="y")
    np.testing.assert_array_less(
        abs(pair - 0.8), 4 * result["correlation_error"].sel(variable="x", other="y")
    )
    np.testing.assert_allclose(result["correlation"].sel(variable="y", other="y"), 1.0)
    np.testing.assert_allclose(result["autocorrelation"][0], 1.0)
    gap = abs(result["autocorrelation"] - xr.DataArray(0.7 ** np.arange(6), dims="lag"))
    np.testing.assert_array_less(gap[1:], 4 * result["autocorrelation_error"][1:])
    np.testing.assert_allclose(result["lag"], LAYOUT.times)


def test_a_variable_that_does_not_vary_has_no_correlation():
    dataset = ensemble(np.random.default_rng(1)).copy(deep=True)
    dataset["state"].values[:, :, 1] = 0.1
    dataset["state"].values[:, 0, 0] = 0.3
    result = summaries.correlations(dataset)
    assert np.isnan(result["correlation"].sel(other="y")).all()
    assert np.isnan(result["autocorrelation"].sel(variable="y")).all()
    assert np.isnan(result["correlation"].sel(variable="x", other="x")[0])
    x = result["autocorrelation"].sel(variable="x")
    np.testing.assert_array_equal(
        np.isnan(x), [False] * 5 + [True]
    )  # the first time stands alone at the last lag


def test_the_spectrum_of_a_wave_and_its_sum():
    times = np.arange(16) * 0.25
    layout = Layout(variables=("x",), times=times, time_units="s", variable_units={"x": "m/s"})
    amplitude, phase = np.random.default_rng(2).normal(size=(2, 50, 1))
    wave = 3.0 + amplitude * np.cos(2.0 * np.pi * 1.5 * times + phase)
    result = summaries.spectra(to_dataset(wave[..., None], layout))
    power = result["power"].sel(variable="x")
    assert power.sel(frequency=0.0) == pytest.approx(9.0)
    assert power.sel(frequency=1.5) == pytest.approx(np.mean(amplitude**2) / 2.0)
    assert result["frequency"].attrs["units"] == "1/s"
    assert power.attrs["units"] == "(m/s)^2"


@pytest.mark.parametrize("num_times", [15, 16])
def test_the_spectrum_sums_to_the_mean_square(num_times):
    layout = Layout(variables=("x",), times=np.arange(num_times))
    states = np.random.default_rng(2).normal(size=(20, num_times, 1))
    assert summaries.spectra(to_dataset(states, layout))["power"].sum() == pytest.approx(np.mean(states**2))


def test_density_integrates_to_one_and_is_the_normal_one():
    dataset = ensemble(np.random.default_rng(0), 20_000).drop_vars("weight")
    result = summaries.density(dataset, "x", "y", bins=(20, 25))
    assert result["density"].dims == ("x", "y")
    assert (result["density"] * result["area"]).sum() == pytest.approx(1.0)
    edges = np.linspace(-0.1, 0.1, 3)
    centre = summaries.density(dataset, "y", "x", bins=(edges, edges))
    law = stats.multivariate_normal(cov=[[1.0, 0.8], [0.8, 1.0]])
    expected = law.pdf(np.stack(np.meshgrid(centre["y"], centre["x"], indexing="ij"), axis=-1))
    np.testing.assert_array_less(abs(centre["density"].values - expected), 4 * centre["density_error"].values)
    assert centre["density"].attrs["units"] == "1/m/m"


def test_a_trajectory_that_stays_in_its_cell_is_one_draw():
    states = np.repeat(np.random.default_rng(0).normal(size=(100, 1, 2)), 6, axis=1)
    edges = ([-10.0, 0.0, 10.0], [-10.0, 10.0])
    result = summaries.density(to_dataset(states, LAYOUT), "x", "y", edges)
    share = np.mean(states[:, 0, 0] > 0)
    assert result["density"].values[1, 0] * 200.0 == pytest.approx(share)
    assert result["density_error"].values[1, 0] * 200.0 == pytest.approx(np.sqrt(share * (1 - share) / 99))


# -- verification ----------------------------------------------------------------------------


# -- mistakes --------------------------------------------------------------------------------


def test_one_member_has_no_error():
    one = ensemble(np.random.default_rng(0)).isel(sample=[0])
    for name in ("mean", "bands", "exceedance", "hitting_times", "spectra", "density", "crps"):
        function, names = STATISTICS[name]
        result = function(one)
        assert np.isfinite(result[names[0]]).all()
        assert np.isnan(result[f"{names[0]}_error"]).all()
    trajectory = one.isel(sample=0, drop=True)[["state"]]
    np.testing.assert_allclose(summaries.mean(trajectory)["mean"], trajectory["state"])


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ds: ds.drop_vars("state"), r"must have a variable `state\(sample, time, variable\)`"),
        (lambda ds: ds.expand_dims(run=2), r"`state` must have the dimensions.*run.*isel"),
        (
            lambda ds: ds.assign(satisfied=("sample", np.zeros(300, bool))),
            "must have a member.*none of 300.*milder",
        ),
        (lambda ds: ds.assign(weight=-ds["weight"]), "`weight` must be finite and not negative"),
        (lambda ds: ds.assign(weight=("time", np.ones(6))), r"`weight` must have the dimension \(sample\)"),
    ],
)
def test_wrong_ensembles_are_named(name, change, words):
    with pytest.raises(ValueError, match=words):
        STATISTICS[name][0](change(ensemble(np.random.default_rng(0))))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda ds: summaries.bands(ds, (0.5, 1.5)), r"`levels` must be numbers between 0 and 1.*1\.5"),
        (lambda ds: summaries.bands(ds, ()), "`levels` must be .*at least one"),
        (lambda ds: summaries.exceedance(ds, "z", 1.0), "unknown variable 'z'.*x, y"),
        (lambda ds: summaries.exceedance(ds, "x", np.nan), "`level` must be a finite number; got nan"),
        (lambda ds: summaries.hitting_times(ds, "max(z) > 1"), "z"),
        (lambda ds: summaries.density(ds, "x", "x"), "`x` and `y` must be two variables; got 'x' twice"),
        (lambda ds: summaries.density(ds, "x", "y", 0), "`bins` must be whole numbers"),
        (lambda ds: summaries.density(ds, "x", "y", ([1.0, 0.0], [0.0, 1.0])), "increasing edges"),
        (lambda ds: summaries.density(ds, "x", "y", (1, 2, 3)), "`bins` must be one number, or two"),
        (lambda ds: summaries.spectra(ds.isel(time=[0, 1, 3])), "times must be evenly spaced"),
        (lambda ds: summaries.correlations(ds.isel(time=[0])), "times must be evenly spaced"),
        (lambda ds: verification.crps(ds, ds), "`truth` must be one trajectory.*300 samples"),
        (lambda ds: verification.crps(ds, ds.isel(time=slice(3), sample=0)), "times must be the layout's"),
        (
            lambda ds: verification.spread_skill(ds, ds),
            r"`forecasts` must be `state\(case, .*at least 2 cases",
        ),
        (lambda ds: verification.rank_histogram(jax.random.key(0), ds, ds), "at least 2 cases.*concat"),
        (
            lambda ds: verification.rank_histogram(jax.random.key(0), ds, ds, bins=0),
            "`bins` must be a whole number",
        ),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(ensemble(np.random.default_rng(0)))


@pytest.mark.parametrize("count", [5, 11, 13])
def test_hitting_times_of_many_parts(count):
    layout = Layout(variables=("x",), times=np.arange(20.0))
    event = " and ".join(f"at(x, {time}) > 0" for time in range(count))
    result = summaries.hitting_times(to_dataset(np.ones((2, 20, 1)), layout), event)
    np.testing.assert_array_equal(result["probability"], np.arange(20) >= count - 1)


# -- replicates ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATISTICS)
def test_copies_of_one_replicate_are_one_draw(name):
    """Three copies of each sample have the errors of one, if they are said to be of one replicate."""
    function, names = STATISTICS[name]
    dataset = ensemble(np.random.default_rng(11))
    copies = dataset.isel(sample=np.repeat(np.arange(300), 3))
    known = function(copies.assign(replicate=("sample", np.repeat(np.arange(300), 3))))
    once, ignored = function(dataset), function(copies)
    for each in names:
        tolerance = 0.3 if name == "bands" else 1e-9  # midpoints of one heavy sample or of three light ones
        np.testing.assert_allclose(known[f"{each}_error"], once[f"{each}_error"], rtol=tolerance, atol=1e-12)
        ratio = ignored[f"{each}_error"].sum() / once[f"{each}_error"].sum()
        assert ratio == pytest.approx(3**-0.5, rel=0.05)
    assert known.attrs["degrees_of_freedom"] == pytest.approx(once.attrs["degrees_of_freedom"])


@pytest.mark.parametrize("name", STATISTICS)
def test_replicates_of_other_means_widen_the_errors(name):
    """Sixteen replicates, each shifted by its own amount: the errors are the spread of such ensembles."""
    function, names = STATISTICS[name]
    rng = np.random.default_rng(8)
    replicate = np.repeat(np.arange(16), 18)
    results, narrow = [], []
    for _ in range(REPLICATES):
        dataset = ensemble(rng, len(replicate)).drop_vars("weight")
        dataset["state"] = dataset["state"] + rng.normal(0.0, 0.5, 16)[replicate][:, None, None]
        narrow.append(function(dataset))
        results.append(function(dataset.assign(replicate=("sample", replicate))))
    for each in names:
        assert_calibrated(results, each)
    if name == "mean":
        with pytest.raises(AssertionError):
            assert_calibrated(narrow, "mean")


@pytest.mark.parametrize("name", ["mean", "bands", "exceedance", "spectra", "crps"])
def test_replicates_stay_lazy_and_agree(name):
    function, names = STATISTICS[name]
    dataset = ensemble(np.random.default_rng(5)).assign(replicate=("sample", np.arange(300) % 12))
    lazy = function(dataset.chunk(sample=70))
    assert all(isinstance(lazy[f"{each}_error"].data, dask.array.Array) for each in names)
    xr.testing.assert_allclose(lazy.compute(), function(dataset))


@pytest.mark.parametrize("attribute", ["ess", "effective_size"])
def test_chains_whose_replicates_are_not_known_count_by_their_effective_size(attribute):
    """Files of version 0.1 have `effective_size`, and no `replicate`."""
    dataset = ensemble(np.random.default_rng(2)).drop_vars("weight")
    plain, worth = summaries.mean(dataset), summaries.mean(dataset.assign_attrs({attribute: 75}))
    np.testing.assert_allclose(worth["mean_error"], 2.0 * plain["mean_error"])
    assert worth.attrs["ess"] == 75
    assert worth.attrs["degrees_of_freedom"] == pytest.approx(74)


def test_the_degrees_of_freedom_are_those_of_the_replicates():
    """R − 1 of equal ones, fewer where one is heavy, none of a single one, whose error cannot be known."""
    dataset = ensemble(np.random.default_rng(2)).drop_vars("weight")
    for replicate, expected in (
        (np.arange(300) % 10, 9.0),
        (np.repeat([0, 1, 2], [200, 50, 50]), 18**2 / 258 - 1),
        (np.zeros(300, int), 0.0),
    ):
        result = summaries.mean(dataset.assign(replicate=("sample", replicate)))
        assert result.attrs["degrees_of_freedom"] == pytest.approx(expected)
    assert np.isnan(result["mean_error"]).all()
    assert np.isnan(interval_factor(result.attrs["degrees_of_freedom"]))
    assert interval_factor(7) == pytest.approx(stats.t.ppf(0.975, 7))
