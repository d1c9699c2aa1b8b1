"""Bounds and differences of a record's variables: what may be asked for, and what samples then keep."""

import jax.numpy as jnp
import numpy as np
import pytest

from kernels.training.bounds import (
    differences,
    ordered_pairs,
    require_bounds,
    require_differences,
    require_used,
)
from kernels.training.margins import fit_margins

NAMES = ("tmax", "tmean", "tmin")


def temperatures(num_days: int = 3_000, decimals: int = 1) -> np.ndarray:
    generator = np.random.default_rng(0)
    low = generator.normal(5.0, 6.0, num_days)
    steps = generator.gamma(2.0, 2.0, (2, num_days))
    return np.stack([low + steps.sum(0), low + steps[0], low], 1).round(decimals)


def test_positive_is_a_bound():
    assert require_bounds({"tmin": (None, 3.0)}, NAMES, ["tmin", "tmax"]) == {
        "tmin": (0.0, 3.0),
        "tmax": (0.0, None),
    }
    assert require_bounds(None, NAMES, "tmin") == {"tmin": (0.0, None)}
    with pytest.raises(ValueError, match="`positive` must be of"):
        require_bounds(None, NAMES, ["rain"])


def test_differences_are_pairs_or_text():
    assert require_differences(["tmax-tmin"], NAMES, {}) == {"tmax": "tmin"}
    assert require_differences(["t-max-t-min"], ("t-max", "t-min"), {}) == {"t-max": "t-min"}
    chain = require_differences([("tmax", "tmean"), ("tmean", "tmin")], NAMES, {})
    np.testing.assert_array_equal(differences(chain, NAMES), [[-1, 2, -1], [1, -1, -1]])
    assert differences({}, NAMES) is None


@pytest.mark.parametrize(
    ("wanted", "bounds", "words"),
    [
        (["tmax-rain"], {}, "as in tmax-tmin; got tmax-rain"),
        ([("tmax", "tmax")], {}, "got tmax-tmax"),
        (["tmax-tmin", "tmax-tmean"], {}, "has two partners"),
        (["tmax-tmin", "tmin-tmax"], {}, "circle; it does for tmax, tmin"),
        (["tmax-tmin"], {"tmax": (None, 50.0)}, "cannot be kept while"),
        (["tmax-tmin"], {"tmax": (0.0, None)}, "Bound tmin below instead"),
    ],
)
def test_differences_that_cannot_be(wanted, bounds, words):
    with pytest.raises(ValueError, match=words):
        require_differences(wanted, NAMES, bounds)


def test_choices_that_nothing_would_come_of():
    with pytest.raises(ValueError, match=r"`positive` \(--positive\) must be left out"):
        require_used("none", positive=["tmin"], bounds=None)
    require_used("none", positive=None, bounds={})
    require_used("pareto", positive=["tmin"])


def test_the_order_holds_in_every_sample_and_values_stay_on_the_gauge():
    rows = temperatures()
    result = fit_margins(rows, NAMES, {"tmin": (None, None)}, {"tmax": "tmean", "tmean": "tmin"})
    z = 2.0 * np.random.default_rng(1).normal(size=(100_000, result.margins.num_scores)).astype(np.float32)
    x = np.asarray(result.margins.values(jnp.asarray(z)))
    assert np.all(x[:, 0] >= x[:, 1])
    assert np.all(x[:, 1] >= x[:, 2])
    np.testing.assert_array_equal(x, np.round(x.astype(np.float64), 1).astype(np.float32))
    np.testing.assert_allclose(result.margins.spread, rows.std(0), rtol=1e-5)
    assert result.facts["tmax"]["difference"]["from"] == "tmean"
    assert result.facts["tmax"]["difference"]["lower_bound"] == 0.0


@pytest.mark.parametrize("decimals", [1, 8])
def test_differences_come_back(decimals):
    rows = temperatures(decimals=decimals)
    result = fit_margins(rows, NAMES, None, {"tmax": "tmin"})
    low, high = result.intervals(rows)
    assert (decimals == 8) == bool(np.all(low == high))
    scores = jnp.asarray(low + 0.3 * (high - low), jnp.float32)
    back = np.asarray(result.margins.values(scores))
    np.testing.assert_allclose(back, rows, atol=1e-6 if decimals == 1 else 2e-3)
    slopes = np.asarray(result.margins.log_slopes(scores))
    assert np.isfinite(slopes).all()


def test_an_order_that_the_record_breaks_is_an_error():
    rows = temperatures()
    rows[3, 0] = rows[3, 2] - 1.0
    with pytest.raises(ValueError, match="in 1 rows tmax is below tmin"):
        fit_margins(rows, NAMES, None, {"tmax": "tmin"})


def test_ordered_pairs_are_neighbours_of_one_unit_whose_ranges_overlap():
    rows = temperatures()
    rows = np.c_[rows, rows[:, 0] + 1.0, np.full(len(rows), 1e3) + rows[:, 0]]
    names, units = (*NAMES, "other", "pressure"), {"other": "K"}
    assert ordered_pairs(rows, names, units) == [("tmax", "tmean"), ("tmean", "tmin")]
    rows[5, 1] = np.nan
    assert ("tmax", "tmean") in ordered_pairs(rows, names, units)
    rows[7, 0] = rows[7, 1] - 0.1
    assert ordered_pairs(rows, names, units) == [("tmax", "tmin"), ("tmean", "tmin")]
