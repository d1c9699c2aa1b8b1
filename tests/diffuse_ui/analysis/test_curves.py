"""An ensemble given the event beside one without it: laws known in closed form, weights, and too few hits."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from diffuse_ui.analysis import curves
from diffuse_ui.analysis.curves import Pair
from diffuse_ui.analysis.tables import table
from diffuse_ui.work.store import Result


def result_of(finished, dataset, **changes):
    snapshot = dataclasses.replace(finished.result.snapshot, dataset=dataset)
    return dataclasses.replace(finished.result, snapshot=snapshot, **changes)


def weighted(num_samples=6000, seed=0):
    """x ~ N(0, 1) at 8 times alike, weighted to N(1/2, 1); z the same without weights; all are members."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num_samples, 1)) + 0.001 * rng.normal(size=(num_samples, 8))
    weight = np.exp(0.5 * x[:, 0] - 0.125)
    return xr.Dataset(
        {
            "state": (("sample", "time", "variable"), np.stack([x, rng.normal(size=x.shape)], axis=2)),
            "weight": ("sample", weight),
            "satisfied": ("sample", np.ones(num_samples, bool)),
            "constraint": ("sample", x[:, 0]),
        },
        coords={"time": np.arange(8) * 0.5, "variable": ["x", "y"]},
        attrs={"ensemble": "guided"},
    )


@pytest.fixture
def pair(finished):
    dataset = weighted()
    return Pair(result_of(finished, dataset), dataset.drop_vars(["weight", "satisfied"]))


def test_marginal_densities_integrate_to_one_and_follow_the_weights(pair):
    panel = curves.marginals(pair, 1.0, ["x"])[0]
    for curve, mean in ((panel.conditional, 0.5), (panel.reference, 0.0)):
        assert np.trapezoid(curve.y, curve.x) == pytest.approx(1.0, abs=1e-9)
        edges, density = curve.x[::2], curve.y[1:-1:2]
        expected = np.diff(norm.cdf(edges - mean)) / np.diff(edges)
        error = np.maximum((curve.high - curve.y)[1:-1:2] / 1.96, 2e-3)
        assert np.all(np.abs(density - expected) < 5 * error)


def test_the_distribution_of_c_has_its_members_on_the_events_side(finished):
    layout = finished.state.layout
    panel = curves.constraint(Pair(finished.result, finished.store.backdrop), "max(x) > 1.5", layout)
    edges, density = panel.conditional.x[::2], panel.conditional.y[1:-1:2]
    assert np.any(edges == 0.0)
    assert np.all(density[edges[1:] <= 0.0] == 0.0)
    share = np.sum(density * np.diff(edges))
    assert share == pytest.approx(1.0)
    held = np.sum((panel.reference.y[1:-1:2] * np.diff(edges))[edges[:-1] >= 0.0])
    assert 0.2 < held < 0.7  # P is about 0.5


def test_the_first_hitting_time_ends_at_one_given_the_event_and_at_p_without(finished):
    pair = Pair(finished.result, finished.store.backdrop)
    panel = curves.hitting_times(pair, "max(x) > 1.5", None, finished.state.layout)
    assert panel.conditional.y[-1] == pytest.approx(1.0)
    estimate = finished.result.probability
    error = np.hypot(estimate.standard_error, (panel.reference.high - panel.reference.y)[-1] / 1.96)
    assert abs(panel.reference.y[-1] - estimate.value) < 5 * error
    assert np.all(np.diff(panel.reference.y) >= 0)


def test_one_part_of_an_event_has_a_hitting_time_of_its_own(finished):
    pair = Pair(finished.result, finished.store.backdrop)
    text = "max(x) > 1.5 and min(y) < 0"
    part = curves.hitting_times(pair, text, 0, finished.state.layout)
    alone = curves.hitting_times(pair, "max(x) > 1.5", None, finished.state.layout)
    np.testing.assert_array_equal(part.reference.y, alone.reference.y)


def test_spectra_sum_to_the_variance_over_time(finished):
    pair = Pair(finished.result, finished.store.backdrop)
    panel = curves.spectra(pair, ["y"])[0]
    y = pair.reference["state"].sel(variable="y")
    expected = ((y - y.mean("time")) ** 2).mean()
    assert panel.reference.y.sum() == pytest.approx(float(expected), rel=1e-4)


def test_densities_of_a_plane_share_their_cells(pair):
    plane = curves.plane(pair, "x", "y")
    assert plane.conditional.shape == plane.reference.shape
    assert plane.conditional.max() == plane.reference.max() == 1.0
    centres = 0.5 * (plane.edges[0][1:] + plane.edges[0][:-1])
    shift = [np.average(centres, weights=each.sum(1)) for each in (plane.conditional, plane.reference)]
    assert shift[0] - shift[1] == pytest.approx(0.5, abs=0.15)
    with pytest.raises(ValueError, match="`x` and `y` must be two variables; got 'x' twice"):
        curves.plane(pair, "x", "x")


@pytest.mark.parametrize("time", [1.0, None])
def test_the_table_has_means_and_quantiles_with_errors_that_cover(pair, time):
    row = table(pair, time, ["x"])[0]
    for statistics, mean in ((row.conditional, 0.5), (row.reference, 0.0)):
        for name, level in (("q0.05", -1.6449), ("q0.5", 0.0), ("q0.95", 1.6449), ("mean", 0.0)):
            value, error = statistics[name]
            assert abs(value - (mean + level)) < 5 * error, name
            assert 0.005 < error < 0.1


def test_with_few_effective_samples_there_are_hits_and_no_summary(finished):
    dataset = weighted(400)
    dataset["weight"] = ("sample", np.geomspace(1e-8, 1.0, 400))
    pair = Pair(result_of(finished, dataset), finished.store.backdrop)
    layout = finished.state.layout
    assert not pair.summarizable
    assert pair.ess < 50
    panels = [
        curves.marginals(pair, 1.0, ["x"])[0],
        curves.constraint(pair, "max(x) > 0", layout),
        curves.spectra(Pair(result_of(finished, dataset), dataset), ["x"])[0],
    ]
    assert all(panel.conditional is None and panel.reference is not None for panel in panels)
    assert panels[0].marks.size == 400
    assert panels[2].hits[1].shape[0] == curves.MAX_CURVES
    assert curves.plane(pair, "x", "y").conditional is None
    assert table(pair, None, ["x"])[0].conditional is None


def test_the_running_estimate_ends_where_the_result_does(finished):
    (method, curve), *rest = curves.convergence(finished.result)
    assert (method, rest) == ("monte_carlo", [])
    assert curve.y[-1] == finished.result.probability.value
    assert curve.x[-1] == finished.result.probability.num_calls
    assert np.all(np.diff(curve.x) > 0)


def test_guided_paths_give_a_running_estimate_of_their_own(finished):
    spec = dataclasses.replace(finished.result.spec, estimator="path_importance", method="guided")
    dataset = weighted()
    (method, curve), *rest = curves.convergence(result_of(finished, dataset, spec=spec, trace=()))
    assert (method, rest) == ("path_importance", [])
    assert curve.y[-1] == pytest.approx(float(dataset["weight"].mean()))
    assert curve.x[-1] == 6000 * spec.num_steps


def test_a_run_without_trajectories_has_nothing_to_compare(finished):
    empty: Result = result_of(finished, None)
    with pytest.raises(ValueError, match="drawn no trajectories yet"):
        Pair(empty, None)
