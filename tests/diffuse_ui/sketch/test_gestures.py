"""Gestures become events in numbers that a hand can place."""

import numpy as np
import pytest

import kernels
from diffuse_ui.sketch import gestures, parts

LAYOUT = kernels.Layout(variables=("x", "z"), times=np.arange(60) * 0.1)


def part_of(text):
    return parts.drawn_parts(kernels.parse_event(text))[0]


def test_a_drawn_box_is_rounded_to_a_pixel():
    event = gestures.box("x", (1.98765, 3.01234), (0.498765, 0.9012345), layout=LAYOUT, digits=3)
    assert str(event) == "box(x, [1.99, 3.01], [0.499, 0.901])"


def test_a_box_too_narrow_for_a_sample_is_widened_to_the_nearest():
    event = gestures.box("x", (2.03, 2.05), (0.0, 1.0), layout=LAYOUT, digits=3)
    kernels.compile_event(event, LAYOUT)
    assert event.window.start < 2.0 < event.window.end


def test_an_observed_point_stands_at_a_sample_with_a_tolerance_of_two_digits():
    event = gestures.point("x", 2.9649, 0.41239, 0.0379, layout=LAYOUT, digits=3)
    assert str(event) == "at(x, 3) == 0.412 tolerance 0.038"
    kernels.compile_event(event, LAYOUT)


def test_a_drawn_region_is_a_polygon_of_few_vertices_about_the_same_region():
    angles = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    event = gestures.polygon(("x", "z"), np.stack([2 * np.cos(angles), np.sin(angles)], 1), digits=(3, 3))
    assert 6 <= len(event.vertices) <= gestures.MAX_POINTS
    x, z = np.array(event.vertices).T
    area = 0.5 * abs(np.dot(x, np.roll(z, 1)) - np.dot(z, np.roll(x, 1)))
    assert area == pytest.approx(2 * np.pi, rel=0.1)
    with pytest.raises(ValueError, match="a polygon must be drawn around a region"):
        gestures.polygon(("x", "z"), np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), digits=(3, 3))


@pytest.mark.parametrize("mode", parts.BOX_MODES)
def test_a_box_takes_every_meaning(mode):
    assert gestures.with_mode(part_of("box(x, [2, 3], [0.5, 0.9])"), mode).mode == mode


@pytest.mark.parametrize("mode", parts.POLYGON_MODES)
def test_a_polygon_takes_every_meaning_also_negated(mode):
    event = gestures.with_mode(part_of("not polygon(x, z, [[0, 0], [1, 0], [0, 1]])"), mode)
    assert event.argument.mode == mode


@pytest.mark.parametrize("mode", parts.THRESHOLD_MODES)
def test_a_threshold_takes_every_meaning(mode):
    again = parts.drawn_parts(gestures.with_mode(part_of("max[1, 2](x) > 0.5"), mode))[0]
    assert (again.mode, again.edges()["left"]) == (mode, 1.0)
    with pytest.raises(ValueError, match="`mode` must be one of"):
        gestures.with_mode(again, "passes")


@pytest.mark.parametrize(
    ("text", "windowed"),
    [
        ("max(x) > 0.5", "max[1, 2](x) > 0.5"),
        ("max[3, 4](x) > 0.5", "max[1, 2](x) > 0.5"),
        ("not always(x > 0.5)", "not always[1, 2](x > 0.5)"),
        ("box(x, [3, 4], [0, 1]) avoids", "box(x, [1, 2], [0, 1]) avoids"),
        (
            "eventually(x > 1 and eventually[0, 1](z > 1))",
            "eventually[1, 2](x > 1 and eventually[0, 1](z > 1))",
        ),
    ],
)
def test_a_window_is_set_or_added(text, windowed):
    assert str(gestures.with_window(part_of(text), (1.001, 2.001), LAYOUT)) == windowed


def test_a_window_over_all_times_is_none_and_some_parts_have_no_window():
    assert str(gestures.with_window(part_of("max[1, 2](x) > 0.5"), (-0.3, 7.0), LAYOUT)) == "max(x) > 0.5"
    with pytest.raises(ValueError, match=r"`mean\(x\) > 0` has no window of times"):
        gestures.with_window(part_of("mean(x) > 0"), (1.0, 2.0), LAYOUT)


def test_a_tube_needs_time():
    with pytest.raises(ValueError, match="a tube must be drawn along the time axis"):
        gestures.tube("x", np.array([[1.0, 0.0], [1.01, 1.0]]), 0.1, layout=LAYOUT, digits=3)
