"""Tubes drawn along a line, moved, and widened."""

import types

import numpy as np
import pytest

import kernels
from diffuse_ui.sketch.parts import drawn_parts
from diffuse_ui.sketch.shape import Axes
from diffuse_ui.sketch.tube import TubeShape


def test_a_tube_needs_time(axes):
    line = np.array([[1.0, 0.0], [1.005, 0.5], [1.01, 1.0]])
    with pytest.raises(ValueError, match="a tube must be drawn along the time axis"):
        TubeShape().draw(line, axes("x"))
    assert TubeShape().draw(line[:2], axes("x")) is None


def test_a_line_drawn_backwards_is_the_same_tube(axes):
    line = np.stack([np.linspace(1, 5, 30), np.sin(np.linspace(1, 5, 30))], axis=1)
    event = TubeShape().draw(line, axes("x"))
    assert len(event.times) <= 12
    assert event == TubeShape().draw(line[::-1], axes("x"))


def test_a_tube_moves_as_a_whole_and_its_border_is_its_width(part_of, bent):
    part = part_of("tube(x, [1, 2, 3], [0, 1, 0], 0.2)")
    assert str(bent(part, 0.5, 0.25)) == "tube(x, [1.5, 2.5, 3.5], [0.25, 1.25, 0.25], 0.2)"
    upper = np.array([0, 0.1, 0.1, 0, 0, 0])
    assert str(bent(part, 0.0, upper)) == "tube(x, [1, 2, 3], [0, 1, 0], 0.3)"
    assert str(bent(part, 0.0, upper[::-1])) == "tube(x, [1, 2, 3], [0, 1, 0], 0.1)"
    assert bent(part, 9.0, 0.0).times[-1] == pytest.approx(5.9)


def test_a_drawn_or_moved_tube_is_cut_where_the_trajectory_ends():
    layout = kernels.Layout(variables=("x",), times=np.arange(60) * 0.0987654)  # its last time is 5.8271586
    times = np.linspace(-1, 5.827, 80)  # the last of them is rounded to 5.83
    event = TubeShape().draw(
        np.stack([times, np.sin(times)], axis=1), Axes(("x",), layout, (2, 3), (-1, 1), (-1, 1))
    )
    kernels.compile_event(event, layout)
    part = drawn_parts(event)[0]
    xs, ys = part.outline()
    moved = part.moved(types.SimpleNamespace(xs=xs + 2, ys=ys + 1.0), layout=layout, digits=(2, 3))
    kernels.compile_event(part.term.with_parameters(moved), layout)
    part = drawn_parts(kernels.parse_event("tube(x, [1, 2.03], [0, 1], 0.2)"))[0]
    xs, ys = part.outline()
    moved = part.moved(types.SimpleNamespace(xs=xs + 9, ys=ys + 1.0), layout=layout, digits=(2, 3))
    kernels.compile_event(part.term.with_parameters(moved), layout)
