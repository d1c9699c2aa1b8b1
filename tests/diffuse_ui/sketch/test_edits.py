"""Dragged shapes become numbers, and only those that moved."""

import types

import numpy as np
import pytest

import kernels
from diffuse_ui.sketch.edits import moved
from diffuse_ui.sketch.parts import drawn_parts

LAYOUT = kernels.Layout(variables=("x", "z"), times=np.arange(60) * 0.1)


def part_of(text, index=0):
    return drawn_parts(kernels.parse_event(text))[index]


def shape(**edges):
    return types.SimpleNamespace(**{"left": None, "right": None, "bottom": None, "top": None} | edges)


def dragged(part, **edges):
    """The part after its shape was dragged."""
    numbers = moved(part, shape(**part.edges() | edges), layout=LAYOUT, digits=(2, 3))
    return str(part.term.with_parameters(numbers))


def bent(part, across, along):
    xs, ys = part.outline()
    outline = types.SimpleNamespace(xs=list(xs + across), ys=list(ys + along))
    numbers = moved(part, outline, layout=LAYOUT, digits=(2, 3))
    return part.term.with_parameters(numbers)


@pytest.mark.parametrize(
    ("text", "level", "after"),
    [
        ("max(x) > 0.9", "bottom", "max(x) > 0.7"),
        ("always(z < 2)", "top", "always(z < 0.7)"),
        ("not (min[1, 2](z) >= 0.2)", "bottom", "not (min[1, 2](z) >= 0.7)"),
    ],
)
def test_a_dragged_threshold(text, level, after):
    assert dragged(part_of(text), **{level: 0.7}) == after


def test_a_dragged_box_in_a_conjunction_and_in_a_disjunction():
    for word in ("and", "or"):
        part = part_of(f"max(z) > 1.5 {word} box(x, [2, 3], [0.5, 0.9]) stays", 1)
        assert dragged(part, left=1.0, right=2.0) == "box(x, [1, 2], [0.5, 0.9]) stays"


def test_a_move_within_rounding_changes_nothing():
    assert dragged(part_of("max(x) > 0.9"), bottom=0.9004) == "max(x) > 0.9"


def test_edges_dragged_past_each_other_are_swapped_and_kept_inside():
    part = part_of("box(x, [2, 3], [0.5, 0.9])")
    assert dragged(part, left=4.0, right=-1.0, bottom=0.9, top=0.4) == "box(x, [0, 4], [0.4, 0.9])"


def test_a_dragged_point_snaps_to_a_sample_and_its_height_is_the_tolerance():
    part = part_of("at(x, 3) == 0.412 tolerance 0.038")
    assert dragged(part, left=2.0, right=2.08, bottom=0.1, top=0.176) == "at(x, 2) == 0.138 tolerance 0.038"
    assert dragged(part, bottom=0.312, top=0.512) == "at(x, 3) == 0.412 tolerance 0.1"
    assert dragged(part) == str(part.term)


def test_a_tube_moves_as_a_whole_and_its_border_is_its_width():
    part = part_of("tube(x, [1, 2, 3], [0, 1, 0], 0.2)")
    assert str(bent(part, 0.5, 0.25)) == "tube(x, [1.5, 2.5, 3.5], [0.25, 1.25, 0.25], 0.2)"
    upper = np.array([0, 0.1, 0.1, 0, 0, 0])
    assert str(bent(part, 0.0, upper)) == "tube(x, [1, 2, 3], [0, 1, 0], 0.3)"
    assert str(bent(part, 0.0, upper[::-1])) == "tube(x, [1, 2, 3], [0, 1, 0], 0.1)"
    assert bent(part, 9.0, 0.0).times[-1] == pytest.approx(5.9)


def test_a_vertex_of_a_polygon_moves_alone():
    part = part_of("not polygon(x, z, [[0, 0], [1, 0], [0, 1]])")
    after = bent(part, np.array([0, 0.5, 0]), np.array([0, 0, 0.0002]))
    assert str(after) == "not polygon(x, z, [[0, 0], [1.5, 0], [0, 1]])"
