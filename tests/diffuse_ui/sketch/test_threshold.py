"""Thresholds placed by a click, dragged, and given another meaning."""

import numpy as np
import pytest

from diffuse_ui.sketch.parts import drawn_parts
from diffuse_ui.sketch.threshold import ThresholdShape


@pytest.mark.parametrize(("level", "text"), [(0.71234, "max(x) > 0.712"), (0.2, "min(x) < 0.2")])
def test_a_click_is_a_threshold_that_is_crossed_away_from_the_middle(axes, level, text):
    event = ThresholdShape().draw(np.array([[3.0, level]]), axes("x", values=(0.0, 1.0)))
    assert str(event) == text


@pytest.mark.parametrize("mode", ThresholdShape.modes)
def test_a_threshold_takes_every_meaning(part_of, mode):
    again = drawn_parts(part_of("max[1, 2](x) > 0.5").with_mode(mode))[0]
    assert (again.mode, again.edges()["left"]) == (mode, 1.0)
    with pytest.raises(ValueError, match="`mode` must be one of"):
        again.with_mode("passes")


@pytest.mark.parametrize(
    ("text", "level", "after"),
    [
        ("max(x) > 0.9", "bottom", "max(x) > 0.7"),
        ("always(z < 2)", "top", "always(z < 0.7)"),
        ("not (min[1, 2](z) >= 0.2)", "bottom", "not (min[1, 2](z) >= 0.7)"),
    ],
)
def test_a_dragged_threshold(part_of, dragged, text, level, after):
    assert dragged(part_of(text), **{level: 0.7}) == after


def test_a_move_within_rounding_changes_nothing(part_of, dragged):
    assert dragged(part_of("max(x) > 0.9"), bottom=0.9004) == "max(x) > 0.9"
