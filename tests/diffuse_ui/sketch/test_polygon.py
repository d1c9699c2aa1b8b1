"""Polygons drawn around a region, bent, and given another meaning."""

import numpy as np
import pytest

from diffuse_ui.sketch.polygon import PolygonShape
from diffuse_ui.sketch.rounding import MAX_POINTS


def test_a_drawn_region_is_a_polygon_of_few_vertices_about_the_same_region(axes):
    angles = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    plane = axes("x", "z")
    event = PolygonShape().draw(np.stack([2 * np.cos(angles), np.sin(angles)], 1), plane)
    assert 6 <= len(event.vertices) <= MAX_POINTS
    x, z = np.array(event.vertices).T
    area = 0.5 * abs(np.dot(x, np.roll(z, 1)) - np.dot(z, np.roll(x, 1)))
    assert area == pytest.approx(2 * np.pi, rel=0.1)
    with pytest.raises(ValueError, match="a polygon must be drawn around a region"):
        PolygonShape().draw(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), plane)


@pytest.mark.parametrize("mode", PolygonShape.modes)
def test_a_polygon_takes_every_meaning_also_negated(part_of, mode):
    event = part_of("not polygon(x, z, [[0, 0], [1, 0], [0, 1]])").with_mode(mode)
    assert event.argument.mode == mode


def test_a_vertex_of_a_polygon_moves_alone(part_of, bent):
    part = part_of("not polygon(x, z, [[0, 0], [1, 0], [0, 1]])")
    after = bent(part, np.array([0, 0.5, 0]), np.array([0, 0, 0.0002]))
    assert str(after) == "not polygon(x, z, [[0, 0], [1.5, 0], [0, 1]])"
