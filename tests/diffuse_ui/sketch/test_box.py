"""Boxes drawn by hand, dragged, and given another meaning."""

import numpy as np
import pytest

import kernels
from diffuse_ui.sketch.box import BoxShape


@pytest.fixture
def drawn(axes):
    return lambda left, right, low, high: BoxShape().draw(np.array([[left, low], [right, high]]), axes("x"))


def test_a_drawn_box_is_rounded_to_a_pixel(drawn):
    event = drawn(1.98765, 3.01234, 0.498765, 0.9012345)
    assert str(event) == "box(x, [1.99, 3.01], [0.499, 0.901])"


def test_a_box_too_narrow_for_a_sample_is_widened_to_the_nearest(layout, drawn):
    event = drawn(2.02, 2.07, 0.0, 1.0)
    kernels.compile_event(event, layout)
    assert event.window.start < 2.0 < event.window.end


def test_a_small_drag_is_a_click_and_draws_no_box(drawn):
    assert drawn(2.0, 2.03, 0.0, 1.0) is None
    assert drawn(2.0, 3.0, 0.5, 0.501) is None


@pytest.mark.parametrize("mode", BoxShape.modes)
def test_a_box_takes_every_meaning(part_of, mode):
    assert part_of("box(x, [2, 3], [0.5, 0.9])").with_mode(mode).mode == mode


def test_a_dragged_box_in_a_conjunction_and_in_a_disjunction(part_of, dragged):
    for word in ("and", "or"):
        part = part_of(f"max(z) > 1.5 {word} box(x, [2, 3], [0.5, 0.9]) stays", 1)
        assert dragged(part, left=1.0, right=2.0) == "box(x, [1, 2], [0.5, 0.9]) stays"


def test_edges_dragged_past_each_other_are_swapped_and_kept_inside(part_of, dragged):
    part = part_of("box(x, [2, 3], [0.5, 0.9])")
    assert dragged(part, left=4.0, right=-1.0, bottom=0.9, top=0.4) == "box(x, [0, 4], [0.4, 0.9])"


def test_a_box_drawn_or_dragged_beyond_the_trajectory_is_cut_there(layout, drawn, part_of, dragged):
    assert str(drawn(-3.0, 99.0, 0.0, 1.0)) == "box(x, [0, 5.9], [0, 1])"
    assert dragged(part_of("box(x, [5, 5.5], [0, 1])"), left=5.5, right=9.0) == "box(x, [5.5, 5.9], [0, 1])"
    kernels.compile_event(drawn(5.0, 99.0, 0.0, 1.0), layout)
