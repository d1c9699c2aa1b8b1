"""An `or` over variables of unlike spread keeps both of its branches: levels and guidance go by scaled leaves."""

import jax
import numpy as np
import pytest
from problems import problem_of
from scipy import stats

import kernels
from kernels.probability.latent.chains import judged
from kernels.probability.latent.direct import direct_latents, direct_samples
from kernels.probability.latent.scales import heights, scales_of, steering_constraint

NUM_TIMES = 6


def unlike_gaussian(spread):
    """Two independent AR(1) processes, standard deviations 1 and `spread`."""
    correlation = 0.7 ** np.abs(np.subtract.outer(np.arange(NUM_TIMES), np.arange(NUM_TIMES)))
    denoiser = kernels.GaussianDenoiser(
        np.zeros((NUM_TIMES, 2)), np.kron(correlation, np.diag([1, spread**2]))
    )
    layout = kernels.Layout(variables=("x", "y"), times=np.arange(float(NUM_TIMES)))
    return kernels.Model.from_denoiser(denoiser, layout, card={"name": "unlike", "num_steps": 30})


def either(spread, probability):
    """Event of two independent branches, equally frequent: 1 − (1 − p)² = probability."""
    deviations = float(stats.norm.isf(-np.expm1(0.5 * np.log1p(-probability))))
    return f"final(x) > {deviations!r} or final(y) > {spread * deviations!r}"


def asked(text, spread=0.01, key=1):
    return problem_of(jax.random.key(key), unlike_gaussian(spread), text, None, 30)


def test_heights_are_margins_in_spreads_under_a_fixed_key():
    problem = asked(either(0.01, 1e-3))
    scales = scales_of(problem)
    np.testing.assert_allclose(scales.values, [1.0, 0.01], rtol=0.15)  # from 256 samples
    assert scales.words() == ""
    other = scales_of(asked(either(0.01, 1e-3), key=2))
    assert other.values == scales.values
    states = np.concatenate(list(direct_samples(problem, 512)))
    values, holds = problem.judge(states)
    high = heights(problem, states, values)
    np.testing.assert_array_equal(high > 0, holds)
    deviations = float(stats.norm.isf(-np.expm1(0.5 * np.log1p(-1e-3))))
    margins = (states[:, -1] - deviations * np.array([1.0, 0.01])) / np.array(scales.values)
    np.testing.assert_allclose(high, margins.max(axis=1), atol=1e-4)
    assert 0.2 < np.mean(margins[:, 0] > margins[:, 1]) < 0.8
    chains = judged(problem, direct_latents(problem, np.arange(512)), states)
    np.testing.assert_array_equal(chains.values, values)  # what is stored stays in raw units
    np.testing.assert_array_equal(chains.heights, high)
    np.testing.assert_array_equal(chains.inside(-2.0), high > -2.0)


@pytest.mark.parametrize("text", ["final(y) > 0.02", "not always(y < 0.02)", "box(y, [1, 3], [0, 0.01])"])
def test_an_event_of_one_leaf_has_no_scales(text):
    problem = asked(text)
    values = np.zeros(3)
    assert scales_of(problem) is None
    assert steering_constraint(problem) is problem.constraint
    assert heights(problem, np.zeros((3, NUM_TIMES, 2), np.float32), values) is values


def test_guidance_needs_scales_only_where_a_part_has_several_leaves():
    both = asked("final(x) > 2 and final(y) > 0.02")
    assert steering_constraint(both) is both.constraint
    mixed = asked("final(x) > 2 and (final(y) > 0.02 or max(x) > 4)")
    assert steering_constraint(mixed) is scales_of(mixed).constraint


def test_a_leaf_that_is_constant_is_said():
    """`final(time)` is 5 in all samples; its margin is divided by a millionth of the widest spread."""
    scales = scales_of(asked("final(x) > 3 or final(time) > 7"))
    assert scales.constant == (2,)
    assert scales.values[1] == pytest.approx(1e-6, rel=0.15)
    assert "Part 2 of the event's 2, on time, is constant over the first 256 samples" in scales.words()
    found = kernels.event_probability(
        jax.random.key(0),
        unlike_gaussian(0.01),
        "final(x) > 3 or final(time) > 7",
        method="subset_simulation",
        num_samples=256,
        num_steps=8,
    )
    assert "is constant over the first 256 samples" in found.message
    assert np.isfinite([point[0] for point in found.diagnostics["exceedance"]]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("spread", "probability"), [(0.1, 1e-5), (0.001, 1e-4)])
@pytest.mark.parametrize("method", ["subset_simulation", "auto"])
def test_no_branch_is_lost_over_unlike_scales(spread, probability, method):
    """In raw units half of the answers are near 0.5 P, and call themselves reliable."""
    model, text = unlike_gaussian(spread), either(spread, probability)
    found = [
        kernels.event_probability(jax.random.key(900 + i), model, text, method=method, num_samples=512)
        for i in range(6)
    ]
    values = np.array([one.value for one in found]) / probability
    assert abs(values.mean() - 1.0) < 0.3
    assert values.min() > 0.6
    for one in found:
        assert one.status == "ok"
        assert abs(one.value - probability) < 5 * one.standard_error
        assert one.diagnostics["scales"][1] == pytest.approx(spread, rel=0.15)


@pytest.mark.slow
def test_the_exact_ensemble_has_both_branches():
    model, text = unlike_gaussian(0.1), either(0.1, 1e-4)
    drawn = kernels.sample(jax.random.key(4), model, event=text, method="exact", num_samples=512)
    x, y = drawn["state"].values[:, -1].T
    assert 0.3 < np.mean(x > 10 * y) < 0.7
    deviations = float(stats.norm.isf(-np.expm1(0.5 * np.log1p(-1e-4))))
    raw = np.maximum(x - deviations, y - 0.1 * deviations)
    np.testing.assert_allclose(drawn["constraint"].values, raw, atol=1e-5)


@pytest.mark.slow
def test_the_exceedance_curve_is_that_of_c_in_raw_units():
    """P(C > c) by the product formula, C = max(x − a, y − b) in the units of the event."""
    spread, probability = 0.1, 1e-4
    deviations = float(stats.norm.isf(-np.expm1(0.5 * np.log1p(-probability))))
    curve = kernels.exceedance_curve(
        jax.random.key(8), unlike_gaussian(spread), either(spread, probability), num_samples=1024
    )
    assert (np.diff(curve["probability"]) <= 0).all()
    assert 0.0 in curve["threshold"].values
    for threshold in (-3.0, -1.0, -0.3, -0.1, 0.0, 0.3):
        clear = stats.norm.cdf(deviations + threshold) * stats.norm.cdf(deviations + threshold / spread)
        low, value, high = (
            float(np.interp(threshold, curve["threshold"], curve[name]))
            for name in ("low", "probability", "high")
        )
        assert abs(np.log(value / (1.0 - clear))) < 5 * np.log(high / low) / 4
        assert high / low < 4.0
