"""Numbers that a hand can place, and times that hold a sample."""

import pytest

from diffuse_ui.sketch.rounding import chosen, decimals, nearest_time, sampled


@pytest.mark.parametrize(("span", "digits"), [(4000.0, 0), (400.0, 0), (6.0, 2), (0.4, 3), (0.0, 303)])
def test_decimals_resolve_a_pixel(span, digits):
    assert decimals(span) == digits


def test_times_are_in_order_inside_the_trajectory_and_hold_a_sample(layout):
    assert sampled((3.0, -1.0), layout) == (0.0, 3.0)
    left, right = sampled((2.03, 2.05), layout)
    assert left < nearest_time(2.04, layout) == 2.0 < right


def test_a_number_that_hardly_moved_is_kept_to_the_last_digit():
    assert chosen(0.50004, 0.5000123, 3) == 0.5000123
    assert chosen(0.6004, 0.5000123, 3) == 0.6
    assert chosen(None, 0.5, 3) == 0.5
