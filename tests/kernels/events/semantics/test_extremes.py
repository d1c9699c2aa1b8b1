import numpy as np
import pytest

import kernels
from kernels.events.semantics.batches import evaluate_batch
from kernels.events.semantics.extremes import extreme_threshold

LAYOUT = kernels.Layout(
    variables=("x", "y"), times=np.arange(8) * 0.5, observables={"sum": lambda x: x[..., 0] + x[..., 1]}
)
THRESHOLDS = (
    "max(x) > 0.5",
    "max[1, 2](y) >= 0.5",
    "0.5 < max(x)",
    "eventually(x > 0.5)",
    "eventually[0.5, 3](0.5 <= y)",
    "min(x) < -0.5",
    "-0.5 >= min[0, 1](x)",
    "eventually(y < -0.5)",
    "not always(x <= 0.5)",
    "not (max(y) < 0.5)",
    "not not (min(x) < -0.5)",
)
OTHERS = (
    "max(x) < 0.5",
    "min(x) > 0.5",
    "not (max(x) > 0.5)",
    "always(x > 0.5)",
    "not always(x > y)",
    "max(x) > min(y)",
    "max(2 * x) > 0.5",
    "mean(x) > 0.5",
    "max(sum) > 0.5",
    "max(time) > 2",
    "max(x) > 0.5 and max(y) > 0.5",
    "eventually(x > 0.5 and y > 0)",
    "eventually(mean[0, 1](x) > 0.5)",
    "not not (max(x) < 0.5)",
    "box(x, [1, 2], [0, 1])",
)


@pytest.mark.parametrize("text", THRESHOLDS)
def test_a_threshold_on_an_extreme_is_seen_as_what_it_is(text):
    constraint = kernels.compile_event(kernels.parse_event(text), LAYOUT)
    found = extreme_threshold(constraint)
    assert found is not None
    states = np.round(np.random.default_rng(0).normal(0, 0.4, (500, 8, 2)), 1).astype(np.float32)
    values = states[:, found.samples, LAYOUT.variables.index(found.variable)]
    values, level = (values, found.level) if found.upper else (-values, -found.level)
    largest = values.max(1)
    expected = largest > level if found.strict else largest >= level
    holds = evaluate_batch(constraint, states)[1]
    assert 0.05 < holds.mean() < 0.95
    np.testing.assert_array_equal(holds, expected)


@pytest.mark.parametrize("text", OTHERS)
def test_other_events_are_none(text):
    assert extreme_threshold(kernels.compile_event(kernels.parse_event(text), LAYOUT)) is None


def test_equal_structures_keep_their_own_levels():
    one, other = (
        extreme_threshold(kernels.compile_event(kernels.parse_event(f"max[0, {end}](x) > {level}"), LAYOUT))
        for end, level in ((1, 0.25), (2, 7.5))
    )
    assert (one.level, other.level) == (0.25, 7.5)
    assert (one.samples.sum(), other.samples.sum()) == (3, 5)
