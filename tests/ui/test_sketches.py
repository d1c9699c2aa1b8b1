"""Shapes and events: what is drawn is read from the tree and written back as numbers."""

import types

import numpy as np
import pytest

import kernels
from diffuse_ui import sketches

LAYOUT = kernels.Layout(variables=("x", "z"), times=np.arange(60) * 0.1)


def shape(**edges):
    return types.SimpleNamespace(**{"left": None, "right": None, "bottom": None, "top": None} | edges)


def test_a_drawn_box_is_rounded_to_a_pixel():
    event = sketches.box("x", (1.98765, 3.01234), (0.498765, 0.9012345), layout=LAYOUT, digits=3)
    assert str(event) == "box(x, [1.99, 3.01], [0.499, 0.901])"


def test_a_box_too_narrow_for_a_sample_is_widened_to_the_nearest():
    event = sketches.box("x", (2.03, 2.05), (0.0, 1.0), layout=LAYOUT, digits=3)
    kernels.compile_event(event, LAYOUT)
    assert event.window.start < 2.0 < event.window.end


@pytest.mark.parametrize(
    ("text", "variable", "mode", "sides"),
    [
        ("max(x) > 0.9", "x", "rises above", {"bottom": 0.9}),
        ("min(x) < -0.5", "x", "falls below", {"top": -0.5}),
        ("min[1, 2](z) >= 0.2", "z", "stays above", {"left": 1.0, "right": 2.0, "bottom": 0.2}),
        ("max(z) < 2", "z", "stays below", {"top": 2.0}),
        ("eventually(x > 0.9)", "x", "rises above", {"bottom": 0.9}),
        ("eventually[0, 3](x < 0.1)", "x", "falls below", {"left": 0.0, "right": 3.0, "top": 0.1}),
        ("always(x > 0.1)", "x", "stays above", {"bottom": 0.1}),
        ("always(z < 2)", "z", "stays below", {"top": 2.0}),
    ],
)
def test_thresholds_in_all_forms_are_seen_and_moved(text, variable, mode, sides):
    event = kernels.parse_event(text)
    (part,) = sketches.parts(event)
    assert (part.kind, part.variable, part.mode) == ("threshold", variable, mode)
    assert {side: value for side, (_, value) in part.sides.items()} == sides
    level = "bottom" if "bottom" in sides else "top"
    moved = sketches.moved(event, part, shape(**part.edges() | {level: 0.7}), layout=LAYOUT, digits=3)
    assert sketches.parts(moved)[0].edges()[level] == 0.7
    assert moved.structure == event.structure


def test_only_the_dragged_part_of_a_conjunction_changes():
    event = kernels.parse_event("max(z) > 1.5 and box(x, [2, 3], [0.5, 0.9]) stays and mean(x) > 0")
    first, second, third = sketches.parts(event)
    assert [part.kind for part in (first, second, third)] == ["threshold", "box", "other"]
    assert [part.label for part in (first, second, third)] == ["A", "B", "C"]
    moved = sketches.moved(
        event, second, shape(left=1.0, right=2.0, bottom=0.3, top=0.7), layout=LAYOUT, digits=3
    )
    assert str(moved) == "max(z) > 1.5 and box(x, [1, 2], [0.3, 0.7]) stays and mean(x) > 0"


def test_a_move_within_rounding_changes_nothing():
    event = kernels.parse_event("max(x) > 0.9")
    (part,) = sketches.parts(event)
    assert sketches.moved(event, part, shape(bottom=0.9004), layout=LAYOUT, digits=3) is event


def test_edges_dragged_past_each_other_are_swapped_and_kept_inside():
    event = kernels.parse_event("box(x, [2, 3], [0.5, 0.9])")
    (part,) = sketches.parts(event)
    dragged = shape(left=4.0, right=-1.0, bottom=0.9, top=0.4)
    moved = sketches.moved(event, part, dragged, layout=LAYOUT, digits=3)
    assert str(moved) == "box(x, [0, 4], [0.4, 0.9])"


@pytest.mark.parametrize("mode", sketches.BOX_MODES)
def test_a_box_takes_every_meaning(mode):
    (part,) = sketches.parts(kernels.parse_event("box(x, [2, 3], [0.5, 0.9])"))
    assert sketches.with_mode(part, mode).mode == mode


@pytest.mark.parametrize("mode", sketches.THRESHOLD_MODES)
def test_a_threshold_takes_every_meaning(mode):
    (part,) = sketches.parts(kernels.parse_event("max[1, 2](x) > 0.5"))
    again = sketches.parts(sketches.with_mode(part, mode))[0]
    assert (again.mode, again.edges()["left"]) == (mode, 1.0)
    with pytest.raises(ValueError, match="`mode` must be one of"):
        sketches.with_mode(part, "passes")


def test_parts_come_and_go():
    event = sketches.add(None, sketches.threshold("x", 0.9, "rises above"))
    event = sketches.add(event, sketches.threshold("z", 0.4, "stays above"))
    assert str(event) == "max(x) > 0.9 and min(z) > 0.4"
    assert str(sketches.removed(event, 0)) == "min(z) > 0.4"
    assert sketches.removed(sketches.removed(event, 0), 0) is None
    assert sketches.parts(None) == []


def test_an_alternative_is_one_part_without_a_shape():
    (part,) = sketches.parts(kernels.parse_event("max(x) > 0.9 or max(z) > 1"))
    assert (part.kind, part.modes, part.drawable) == ("other", (), False)
