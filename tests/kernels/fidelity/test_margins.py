"""Margins beside the record: histograms, return levels and the band of the tail."""

import dataclasses

import numpy as np
import pytest
from record_models import weather, with_margins

from kernels.fidelity.margins import _excess, margin_pages

NAMES = ("rain", "tmin", "tmax")


@pytest.fixture(scope="module")
def pages():
    model = with_margins(weather(), NAMES, partners={"tmax": "tmin"})
    return dict(zip(NAMES, margin_pages(model), strict=True))


def test_histograms_hold_the_record_and_the_law(pages):
    rain = pages["rain"]
    share, fitted = rain.atoms[0.0]
    assert share == pytest.approx(np.mean(weather()[:, 0] == 0), abs=1e-6)
    assert fitted == pytest.approx(share, abs=1e-3)
    for density in (rain.record, rain.law):
        assert np.sum(density * np.diff(rain.edges)) == pytest.approx(1.0 - share, abs=0.01)
    assert np.abs(rain.law - rain.record).max() < 0.1 * rain.record.max()
    assert not pages["tmin"].atoms


def test_return_levels_are_those_of_the_record_within_it_and_of_the_tail_beyond(pages):
    rain = pages["rain"]
    (upper,) = rain.returns
    assert (rain.unit, rain.length) == ("years", pytest.approx(4_000 / 365.2425))
    values = weather()[:, 0]
    level = np.interp(0.1, upper.periods, upper.levels)
    assert level == pytest.approx(np.quantile(values, 1.0 - 1.0 / 36.52425), rel=0.05)
    tail, far = upper.tail, upper.periods[-1] * 365.2425 * np.mean(values > 0)
    beyond = tail["scale"] * ((far * tail["share"]) ** tail["shape"] - 1.0) / tail["shape"]
    assert upper.levels[-1] == pytest.approx(tail["threshold"] + beyond, rel=1e-3)
    known = np.isfinite(upper.band[0])
    assert np.all(upper.band[0, known] <= upper.levels[known] * (1 + 1e-6))
    assert np.all(upper.band[1, known] >= upper.levels[known] * (1 - 1e-6))
    assert np.all(np.diff(upper.band[1, known] - upper.band[0, known]) > 0)
    assert upper.seen[1, 0] == pytest.approx(values.max())


def test_a_difference_has_a_page_of_its_own(pages):
    assert pages["tmax"].name == "tmax − tmin"
    assert pages["tmax"].edges[0] >= -0.1
    assert [one.upper for one in pages["tmin"].returns] == [True, False]
    lower = pages["tmin"].returns[1]
    assert np.all(np.diff(lower.levels) < 0)
    known = np.isfinite(lower.band[0])
    assert np.all(lower.band[0, known] < lower.band[1, known])


@pytest.mark.parametrize("shape", [-0.3, 1e-9, 0.25])
def test_the_error_of_a_level_is_that_of_the_delta_method(shape):
    tail = {"scale": 3.0, "shape": shape, "covariance": [[0.02, -0.01], [-0.01, 0.03]]}
    depth = np.array([0.5, 2.0, 5.0])
    excess, error = _excess(depth, tail)

    def log_excess(log_scale, xi):
        return np.log(_excess(depth, tail | {"scale": np.exp(log_scale), "shape": xi})[0])

    place, step = (np.log(3.0), shape if abs(shape) > 1e-6 else 1e-6), 1e-3
    slopes = [
        (
            log_excess(place[0] + a * step, place[1] + b * step)
            - log_excess(place[0] - a * step, place[1] - b * step)
        )
        / (2 * step)
        for a, b in ((1, 0), (0, 1))
    ]
    expected = np.sqrt(np.einsum("in,ij,jn->n", slopes, np.array(tail["covariance"]), slopes))
    np.testing.assert_allclose(error, expected, rtol=1e-3)
    assert np.all(excess > 0)


def test_models_without_margins_have_no_pages(ar1):
    assert margin_pages(ar1[0]) == []
    assert margin_pages(dataclasses.replace(with_margins(weather(800), NAMES), training_data=None)) == []
