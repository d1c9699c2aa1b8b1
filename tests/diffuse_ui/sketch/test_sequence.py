"""One part after another: the event means it, is drawn, and comes apart again."""

import numpy as np
import pytest

import kernels
from diffuse_ui.sketch.parts import drawn_parts
from diffuse_ui.sketch.sequence import chain, links

LAYOUT = kernels.Layout(variables=("x", "z"), times=np.arange(60) * 0.1)


def chained(first, second):
    return chain(
        drawn_parts(kernels.parse_event(first))[0], drawn_parts(kernels.parse_event(second))[0], LAYOUT
    )


def follows(x, z, start, stop, within):
    """x > 1 at a sample of start … stop, and z < -1 at most `within` samples later; in plain loops."""
    return any(x[i] > 1 and (z[i : i + within + 1] < -1).any() for i in range(start, stop + 1))


def test_a_chain_means_that_the_second_follows_the_first():
    event = chained("max[1, 2](x) > 1", "min[1.5, 3](z) < -1")
    assert str(event) == "eventually[1, 2](x > 1 and eventually[0, 2](z < -1))"
    constraint = kernels.compile_event(event, LAYOUT)
    rng = np.random.default_rng(0)
    decided = []
    for _ in range(60):
        values = rng.normal(size=(60, 2)).astype(np.float32) * 0.75
        truth = follows(values[:, 0], values[:, 1], 10, 20, 20)
        assert bool(constraint.holds(values)) == truth
        decided.append(truth)
    assert 0 < sum(decided) < 60


def test_the_links_of_a_chain_are_shapes_with_letters_of_their_own():
    (part,) = drawn_parts(chained("max[1, 2](x) > 1", "box(z, [3, 4], [0, 1])"))
    assert part.kind == "then"
    first, second = part.shapes
    assert (first.label, first.kind, first.variable, first.mode) == ("A1", "threshold", "x", "rises above")
    assert first.edges() == {"left": 1.0, "right": 2.0, "bottom": 1.0, "top": None}
    assert (second.label, second.kind, second.variable) == ("A2", "box", "z")
    assert second.edges() == {"left": None, "right": None, "bottom": 0.0, "top": 1.0}


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("eventually(x > 1)", "min(z) < 0", "eventually(x > 1 and eventually[0, 1.48](z < 0))"),
        (
            "at(x, 1) == 0.5 tolerance 0.1",
            "max(z) > 1",
            "eventually[1, 1](between(x, 0.4, 0.6) and eventually[0, 1.48](z > 1))",
        ),
    ],
)
def test_other_forms_can_be_linked(first, second, text):
    event = chained(first, second)
    assert str(event) == text
    kernels.compile_event(event, LAYOUT)


def test_three_in_a_row_and_apart_again():
    pair = str(chained("box(x, [1, 2], [0, 1])", "max(z) > 2"))
    event = chained(pair, "min(x) < -1")
    assert len(drawn_parts(event)[0].shapes) == 3
    assert [str(link) for link in links(drawn_parts(event)[0], LAYOUT)] == [
        "box(x, [1, 2], [0, 1])",
        "max(z) > 2",
        "min(x) < -1",
    ]


@pytest.mark.parametrize("text", ["min(x) > 0", "box(x, [1, 2], [0, 1]) avoids", "mean(x) > 0"])
def test_what_does_not_happen_at_a_time_cannot_be_linked(text):
    with pytest.raises(ValueError, match="must happen at a time to come before or after"):
        chained(text, "max(z) > 1")


def test_a_negated_part_cannot_be_linked():
    with pytest.raises(ValueError, match="`A` must not be negated to come before or after"):
        chained("max(z) > 1", "not max(x) > 1")
