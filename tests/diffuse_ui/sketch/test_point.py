"""Observed points placed by a click, and dragged."""

import numpy as np

import kernels
from diffuse_ui.sketch.point import PointShape


def test_an_observed_point_stands_at_a_sample_with_a_tolerance_of_two_digits(axes, layout):
    event = PointShape().draw(np.array([[2.9649, 0.41239]]), axes("x", values=(0.0, 1.895)))
    assert str(event) == "at(x, 3) == 0.412 tolerance 0.038"
    kernels.compile_event(event, layout)


def test_a_dragged_point_snaps_to_a_sample_and_its_height_is_the_tolerance(part_of, dragged):
    part = part_of("at(x, 3) == 0.412 tolerance 0.038")
    assert dragged(part, left=2.0, right=2.08, bottom=0.1, top=0.176) == "at(x, 2) == 0.138 tolerance 0.038"
    assert dragged(part, bottom=0.312, top=0.512) == "at(x, 3) == 0.412 tolerance 0.1"
    assert dragged(part) == str(part.term)
