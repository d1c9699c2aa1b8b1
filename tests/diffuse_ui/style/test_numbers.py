"""Numbers as they are shown."""

import math

import pytest

from diffuse_ui.style import numbers


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.0337, 0.0021, "3.4 % ± 0.2 %"),
        (0.193, 0.0071, "19.3 % ± 0.7 %"),
        (0.5, 0.04, "50 % ± 4 %"),
        (0.0012, 0.00013, "0.120 % ± 0.013 %"),
        (2.13e-5, 3.0e-6, "(2.1 ± 0.3) × 10⁻⁵"),
        (0.55, None, "55 %"),
        (1.0, 0.0, "100 %"),
        (math.nan, 0.1, "—"),
    ],
)
def test_probability_has_the_digits_its_error_allows(value, error, text):
    assert numbers.probability(value, error) == text


def test_probability_without_a_hit_is_a_bound():
    assert numbers.probability(0.0, 0.0, 3e-4) == "< 3 × 10⁻⁴"
    assert numbers.probability(0.0, 0.0, 0.0059) == "< 0.59 %"


@pytest.mark.parametrize(
    ("interval", "text"),
    [((0.18, 0.21), "18.0 – 21.0 %"), ((1e-5, 3.2e-5), "(1.0 – 3.2) × 10⁻⁵"), ((0.0, 3e-6), "0 – 3 × 10⁻⁶")],
)
def test_span_writes_both_ends_alike(interval, text):
    assert numbers.span(interval) == text


def test_numbers_and_units():
    assert numbers.number(-0.12345) == "−0.123"
    assert numbers.number(60.0) == "60"
    assert numbers.number(1e-7) == "1 × 10⁻⁷"
    assert numbers.with_unit(1.5, "s") == "1.5\u202fs"
    assert numbers.with_unit(1.5) == "1.5"
    assert [numbers.duration(x) for x in (0.52, 42.0, 600.0)] == ["0.5 s", "42 s", "10 min"]


def test_parts_of_an_error_are_shown_where_a_record_has_one():
    assert numbers.error_parts(0.2, 0.006, 0.021) == "± 0.6 % sampling, ± 2.1 % record"
    assert numbers.error_parts(4e-5, 6e-6, 2e-5) == "± 6 × 10⁻⁶ sampling, ± 2 × 10⁻⁵ record"
    assert numbers.error_parts(0.2, 0.006, None) == ""
