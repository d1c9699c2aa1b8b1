"""The record's part of an error: its size, its symmetry, and how it grows beyond the record."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.probability.record_error import _grown, _sensitivity
from kernels.recordings.windows import Segment
from kernels.training.margins import fit_margins

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model(ar1):
    """The exact model of two AR(1) processes behind margins fitted to a record of them."""
    generator, rows = np.random.default_rng(7), [np.zeros(2)]
    for noise in generator.standard_normal((6000, 2)) * np.sqrt(1 - 0.9**2):
        rows.append(0.9 * rows[-1] + noise)
    series = (np.stack(rows[1:]) * [1, 2]).astype(np.float32)
    fitted = fit_margins(series, ["x", "y"])
    exact = ar1[0]
    scores = exact.standardizer._replace(
        scale=exact.standardizer.scale / jnp.array([1.0, 2.0]), margins=fitted.margins
    )
    return dataclasses.replace(
        exact,
        standardizer=scores,
        card=exact.card | {"margins": fitted.facts},
        training_data=Segment(series, np.arange(0, 5960, 4), 40),
    )


def ask(model, event, num_samples=4096):
    return kernels.event_probability(KEY, model, event, method="monte_carlo", num_samples=num_samples)


def test_an_estimate_with_enough_occurrences_is_ok_with_the_record_s_error_in_it(model):
    found = ask(model, "mean(x) > 0.5")
    frequency = kernels.event_probability(KEY, model, "mean(x) > 0.5", method="training_data")
    assert found.status == "ok"
    assert found.record_error == pytest.approx(frequency.standard_error, rel=0.1)
    assert found.standard_error == pytest.approx(math.hypot(found.sampling_error, found.record_error or 0.0))
    assert np.ptp(found.interval) > 3.5 * found.standard_error
    assert "from sampling and" in found.message
    assert found.to_dict()["sampling_error"] < found.record_error


def test_an_event_and_its_complement_have_the_same_error(model):
    one, other = ask(model, "max(x) > 2.4"), ask(model, "max(x) <= 2.4")
    assert one.value == pytest.approx(1.0 - other.value)
    assert one.record_error == pytest.approx(other.record_error, rel=1e-6)
    assert one.interval == pytest.approx([1.0 - end for end in reversed(other.interval)])
    assert one.status == other.status


def test_beyond_the_record_the_error_grows_with_the_tail(model):
    found = [ask(model, f"max(x) > {level}", 8_192) for level in (2.4, 3.0, 3.5)]
    relative = [(one.record_error or 0.0) / one.value for one in found]
    assert relative[0] < relative[1] < relative[2]
    assert [one.status for one in found] == ["ok", "few_in_record", "beyond_record"]
    assert "extrapolated by the Pareto tail of x: shape" in found[2].message


def test_another_event_beyond_the_record_is_no_better_known_than_an_exponential_tail(model):
    found = ask(model, "mean(x) > 1.5", 8_192)
    assert found.status == "beyond_record"
    assert found.record_error is not None
    frequency = found.diagnostics["record_frequency"]
    assert found.record_error / found.value > math.log(max(frequency, 20 / 6000) / found.value) / math.sqrt(
        20
    )


def test_a_curve_has_the_record_s_error_in_its_band(model, ar1):
    wide, narrow = (
        kernels.exceedance_curve(KEY, one, "max(x) > 3", num_samples=128) for one in (model, ar1[0])
    )
    assert np.all(wide.low <= wide.probability)
    assert np.all(wide.high >= wide.probability)
    points = [curve.sel(threshold=-0.5, method="nearest") for curve in (wide, narrow)]
    widths = [float(np.log(point.high / point.low)) for point in points]
    assert widths[0] > 2 * widths[1]


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.25])
def test_a_depth_moves_with_scale_and_shape_as_the_derivatives_say(shape):
    depth, small = 3.0, 1e-5
    excess = stats.genpareto.isf(math.exp(-depth), shape)

    def moved(log_scale, by):
        return -stats.genpareto.logsf(excess, shape + by, scale=math.exp(log_scale))

    by_scale, by_shape = _sensitivity(shape, depth)
    assert by_scale == pytest.approx((moved(small, 0) - moved(-small, 0)) / (2 * small), rel=1e-3)
    assert by_shape == pytest.approx((moved(0, small) - moved(0, -small)) / (2 * small), rel=1e-3)


def test_the_error_of_a_depth_is_that_of_fitted_tails():
    shape, count, depth = 0.15, 400, 3.0
    excess = stats.genpareto.isf(math.exp(-depth), shape)
    fits = [
        stats.genpareto.fit(stats.genpareto.rvs(shape, size=count, random_state=seed), floc=0)
        for seed in range(60)
    ]
    spread = np.std([stats.genpareto.logsf(excess, xi, scale=scale) for xi, _, scale in fits], ddof=1)
    error = (1 + shape) / math.sqrt(count)
    assert _grown(shape, error, 0.03, 0.0, depth) == pytest.approx(spread, rel=0.3)
