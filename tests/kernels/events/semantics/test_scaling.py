"""Leaves in units of their spread: another C with the same sign, and nothing compiled for new numbers."""

import jax
import numpy as np
import pytest

from kernels.events import compile_event, parse_event
from kernels.events.semantics import scaling
from kernels.events.semantics.algebras import CERTAIN
from kernels.events.semantics.batches import evaluate_batch
from kernels.events.semantics.scaling import leaf_spreads, scaled, values_of
from kernels.trajectories.layout import Layout

LAYOUT = Layout(variables=("x", "y"), times=np.arange(5.0))


@pytest.fixture(scope="module")
def states():
    return np.random.default_rng(0).normal(size=(512, 5, 2)).astype(np.float32) * np.array([1.0, 0.01])


def constraint_of(text):
    return compile_event(parse_event(text), LAYOUT)


def test_the_larger_of_two_margins_is_the_larger_in_spreads(states):
    constraint = constraint_of("final(x) > 3 or final(y) > 0.02")
    spreads = leaf_spreads(constraint, states)
    np.testing.assert_allclose(spreads, states[:, -1].std(axis=0), rtol=1e-5)
    x, y = states[:, -1].astype(float).T
    expected = np.maximum((x - 3) / spreads[0], (y - 0.02) / spreads[1])
    np.testing.assert_allclose(values_of(scaled(constraint, spreads), states), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        values_of(constraint, states), np.maximum(x - 3, y - 0.02), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "text",
    [
        "max(x) > 1.5 and not (min(y) < -0.01 or box(x, [1, 3], [-0.5, 0.5]))",
        "always[0, 2](x > -1 or y > 0)",
        "x > -1 until[0, 3] y > 0.01",
        "eventually(between(y, 0, 0.01) and x > 1) or at(x, 2) == 0 tolerance 0.1",
    ],
)
def test_the_sign_and_the_truth_are_those_of_the_event(states, text):
    constraint = constraint_of(text)
    spreads = leaf_spreads(constraint, states)
    assert len(spreads) == len(constraint.program.leaves) > 1
    assert (spreads > 0).all()
    values, holds = evaluate_batch(constraint, states)
    changed, still = evaluate_batch(scaled(constraint, spreads), states)
    np.testing.assert_array_equal(holds, still)
    np.testing.assert_array_equal(np.sign(values), np.sign(changed))
    assert 0.02 < holds.mean() < 0.98
    assert not np.allclose(values, changed, rtol=0.1)


def test_what_stands_for_infinity_stays(states):
    """√ of a negative number holds in no way; a scale of 100 must not make a number of it."""
    constraint = constraint_of("final(sqrt(x)) > 1 and final(y) > 0")
    values = values_of(scaled(constraint, np.array([100.0, 1e-6])), states)
    undefined = states[:, -1, 0] < 0
    np.testing.assert_array_equal(values[undefined], np.float32(-CERTAIN))
    assert np.abs(values[~undefined]).max() < 1e6
    assert leaf_spreads(constraint, states)[0] == pytest.approx(
        np.sqrt(states[~undefined, -1, 0]).std(), rel=1e-4
    )
    assert leaf_spreads(constraint_of("final(sqrt(-abs(x) - 1)) > 0 or max(x) > 1"), states)[0] == 0.0


def test_new_scales_and_thresholds_compile_nothing(states):
    before = scaling._values._cache_size()
    for threshold in np.linspace(0.5, 2.0, 5):
        constraint = constraint_of(f"max(x) > {threshold} or max(y) > {threshold / 99}")
        values_of(scaled(constraint, np.array([threshold, 1.0])), states)
    assert scaling._values._cache_size() == before + 1


def test_gradients_of_a_scaled_margin_are_finite(states):
    constraint = scaled(constraint_of("max(sqrt(x)) > 1 or max(y) > 0"), np.array([1e-6, 1e6]))
    gradients = np.asarray(jax.vmap(jax.grad(constraint.value))(states[:64].astype(np.float32)))
    assert np.isfinite(gradients).all()
    assert gradients.any()
