"""Events whose C is the same in all samples are told from rare ones, by every estimator."""

import jax
import numpy as np
import pytest

import kernels
from kernels.probability.latent.constant import common_value

METHODS = ("auto", "monte_carlo", "subset_simulation", "path_importance", "twisted_smc", "density_ratio")


@pytest.mark.parametrize(
    ("method", "event"),
    [
        *((method, f"max(0 * x) {comparison} 1") for method in METHODS for comparison in "<>"),
        ("auto", "std[3, 3](x) > 0.1"),
    ],
)
def test_an_event_that_does_not_depend_on_the_trajectory_is_said(ar1, method, event):
    found = kernels.event_probability(
        jax.random.key(0), ar1[0], event, method=method, num_samples=80, num_steps=8
    )
    holds = event.endswith("< 1")
    assert found.value == pytest.approx(float(holds), abs=1e-4)
    assert found.status == ("ok" if holds else "no_hits")
    assert "C is the same in all" in found.message
    assert "Change its formula or its window" in found.message
    assert "subset simulation" not in found.message
    assert np.isfinite([found.standard_error, *found.interval, found.ess]).all()
    assert ("over one sample" in found.message) == event.startswith("std")


def test_values_that_differ_have_no_common_value():
    values = np.full(20, -1.0)
    assert common_value(values) == -1.0
    assert common_value(np.append(values, -1.0 + 1e-5)) is None
    rounded = np.where(np.arange(20) % 2, -1.0, np.nextafter(np.float32(-1), np.float32(0)))
    assert common_value(rounded) is not None


def test_an_event_that_is_rare_is_not_called_constant(ar1):
    found = kernels.event_probability(
        jax.random.key(0), ar1[0], "max(x) > 30", method="monte_carlo", num_samples=64, num_steps=8
    )
    assert found.value == 0
    assert "the same" not in found.message
