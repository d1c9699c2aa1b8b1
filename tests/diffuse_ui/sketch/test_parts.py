"""Parts and shapes: what is drawn is read from the tree, wherever in it a shape stands."""

import numpy as np
import pytest

import kernels
from diffuse_ui.sketch import parts
from diffuse_ui.state.clauses import Arrangement


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
def test_thresholds_in_all_forms_are_seen(text, variable, mode, sides):
    event = kernels.parse_event(text)
    (part,) = parts.drawn_parts(event)
    assert (part.kind, part.variable, part.mode) == ("threshold", variable, mode)
    assert {side: value for side, (_, value) in part.sides.items()} == sides


@pytest.mark.parametrize("word", ["and", "or"])
def test_parts_joined_either_way_have_letters_and_shapes(word):
    text = f"max(z) > 1.5 {word} box(x, [2, 3], [0.5, 0.9]) stays {word} mean(x) > 0"
    found = parts.drawn_parts(kernels.parse_event(text))
    assert [part.kind for part in found] == ["threshold", "box", "other"]
    assert [part.label for part in found] == ["A", "B", "C"]
    assert [len(part.shapes) for part in found] == [1, 1, 0]


@pytest.mark.parametrize(
    "text",
    [
        "not (max(x) > 1 or not box(x, [1, 2], [0, 1])) and at(z, 1) == 2 tolerance 0.1",
        "eventually[1, 2](x > 1 and eventually[0, 1](between(z, 0, 1))) or max(z) > 3",
        "not tube(x, [1, 2], [0, 1], 0.1) or polygon(x, z, [[0, 0], [1, 0], [0, 1]])",
    ],
)
def test_the_path_of_every_number_of_a_shape_leads_to_it(text):
    event = kernels.parse_event(text)
    known = {path: value for path, _, value in event.numbers()}
    shapes = [shape for part in parts.drawn_parts(event) for shape in part.shapes]
    assert shapes
    for shape in shapes:
        for path, value in shape.sides.values():
            assert known[shape.prefix + path] == value
        assert any(path.startswith(shape.prefix + shape.within) for path in known)


def test_a_negated_part_is_its_shape_and_says_so():
    (part,) = parts.drawn_parts(kernels.parse_event("not box(x, [1, 2], [0, 1])"))
    assert (part.kind, part.negated, part.mode) == ("box", True, "passes")
    (twice,) = parts.drawn_parts(kernels.parse_event("not not max(x) > 1"))
    assert (twice.kind, twice.negated) == ("threshold", False)


def test_a_point_and_a_polygon_know_where_they_are():
    point, polygon = parts.drawn_parts(
        kernels.parse_event("at(x, 1) == 2 tolerance 0.5 and polygon(x, z, [[0, 0], [1, 0], [0, 1]]) avoids")
    )
    assert point.edges() == {"left": 1.0, "right": 1.0, "bottom": 1.5, "top": 2.5}
    assert (polygon.variable, polygon.plane, polygon.mode) == ("", ("x", "z"), "avoids")
    np.testing.assert_array_equal(polygon.outline(), [[0, 1, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="has no outline"):
        point.outline()


def test_muted_parts_are_listed_in_their_place():
    event = kernels.parse_event("max(x) > 1 and min(x) < 0 and max(z) > 2")
    first, second, third = parts.arranged_parts(Arrangement.of(event).toggled(1))
    assert (second.muted, second.prefix, second.label) == (True, "", "B")
    assert (first.prefix, third.prefix) == ("terms.0.", "terms.1.")


def test_nested_alternatives_are_one_part_with_numbered_shapes():
    (first, second) = parts.drawn_parts(kernels.parse_event("(max(x) > 0.9 or max(z) > 1) and min(x) > 0"))
    assert (first.kind, first.modes, first.drawable) == ("other", (), False)
    assert [shape.label for shape in first.shapes] == ["A1", "A2"]
    assert second.label == "B"
    shapes = parts.parts_of_text("(max(x) > 0.9 or max(z) > 1) and mean(x) > 0")
    assert [shape.kind for shape in shapes] == ["threshold", "threshold", "other"]
    assert parts.drawn_parts(None) == []


def test_more_parts_than_letters_have_names_of_their_own():
    event = kernels.parse_event(" and ".join(f"max(x) > {level}" for level in range(60)))
    labels = [part.label for part in parts.drawn_parts(event)]
    assert labels[25:29] == ["Z", "AA", "AB", "AC"]
    assert len(set(labels)) == 60
