"""Errors of conditional ensembles from chains, against closed forms by replication.

`tests/benchmarks/check_ensembles.py` does the same with more runs and more events.
"""

import numpy as np
import pytest
from conditional_laws import LEVELS, gaussian, measure, mixture, replications

from kernels.statistics import summaries

RUNS = 24


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "probability"), [(gaussian, 1e-3), (gaussian, 1e-4), (gaussian, 1e-6), (mixture, 1e-4)]
)
def test_intervals_of_the_mean_and_of_quantiles_cover(make, probability):
    found = measure(make(probability), RUNS)
    for name in ("mean", *(f"q{level:g}" for level in LEVELS)):
        assert found[name]["covered"] >= 0.90, name
        assert 0.75 < found[name]["stated"] < 1.35, name
    assert 0.6 < found["ess"]["stated"] / found["ess"]["seen"] < 1.5


@pytest.mark.slow
def test_the_effective_size_of_two_sides_is_that_of_the_replicates():
    """No chain goes from one side to the other: 512 of them are worth a few dozen draws of the side."""
    found = measure(gaussian(1e-5, two_sided=True, num_steps=8), RUNS)
    assert found["mean"]["covered"] >= 0.88
    assert found["q0.5"]["covered"] >= 0.78  # in the gap between the sides
    assert found["ess"]["stated"] < 1.4 * found["ess"]["seen"] < 80
    assert found["ess"]["mixed"] < 0.4


def test_an_ensemble_from_chains_knows_its_replicates():
    (dataset,) = replications(gaussian(1e-3, num_steps=4), 1, num_samples=96)
    replicates = np.unique(dataset["replicate"])
    assert 4 <= len(replicates) <= 8
    result = summaries.mean(dataset)
    assert result.attrs["ess"] == pytest.approx(min(dataset.attrs["ess"], 96))
    assert result.attrs["degrees_of_freedom"] <= len(replicates) - 1
