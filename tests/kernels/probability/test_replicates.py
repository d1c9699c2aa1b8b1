"""Estimators asked again and again: three cells of `tests/benchmarks/check_replicates.py`, and its thresholds."""

import numpy as np
import pytest
from replicated import CELLS, Answer, Cell, ask, covariance_of, faults, summary, threshold_of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "count", "share"),
    [
        (Cell("auto", "or of unlike scales", 1e-4), 9, 0.8),
        (Cell("subset_simulation", "two-sided", 1e-4), 16, 0.8),
        (Cell("path_importance", "linear", 0.1), 16, 0.5),
    ],
    ids=["auto", "subset_simulation", "path_importance"],
)
def test_answers_cover_and_their_errors_are_calibrated(cell, count, share):
    answers = [ask(cell, 1000 + replicate) for replicate in range(count)]
    found = summary(answers)
    assert faults(found, count) == []
    assert found["ok"] >= share
    assert found["mean"] == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("method", ["auto", "path_importance"])
def test_thresholds_have_their_probability(method):
    """By draws of the law: one in ten, where they tell it."""
    covariance = covariance_of(method, 1)[..., 0]
    states = np.random.default_rng(0).multivariate_normal(np.zeros(8), covariance, 200_000)
    shares = {
        "linear": (states.mean(axis=1) > threshold_of(method, "linear", 0.1)[0]).mean(),
        "two-sided": (np.abs(states.mean(axis=1)) > threshold_of(method, "two-sided", 0.1)[0]).mean(),
        "maximum": (states.max(axis=1) > threshold_of(method, "maximum", 0.1)[0]).mean(),
    }
    for kind, share in shares.items():
        assert share == pytest.approx(0.1, abs=0.0035), kind
    assert len({cell.name for cell in CELLS}) == 120


def test_cells_that_cover_too_little_or_state_other_errors_are_faults():
    rng = np.random.default_rng(1)
    ratios = 1.0 + 0.1 * rng.standard_normal(200)

    def wrong(error):
        held = np.abs(ratios - 1.0) < 1.96 * error
        answers = [Answer(float(r), error, bool(h), "o") for r, h in zip(ratios, held, strict=True)]
        return faults(summary(answers), 200)

    assert wrong(0.1) == []
    assert wrong(0.05) == ["cover", "error"]
    assert wrong(0.2) == ["error"]
    assert summary([Answer(0.0, 1.0, False, "n")] * 8)["cover"] is None
