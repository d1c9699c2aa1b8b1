"""The registry: a shape entered there is found, drawn on figures, and dragged."""

import matplotlib.figure
import pytest

from diffuse_ui.figures.axes import draw_shapes
from diffuse_ui.sketch.shape import Found, Shape
from diffuse_ui.sketch.shapes import SHAPES, tools
from diffuse_ui.style.colors import palette
from kernels.events.syntax.predicates import Always, Between


class Strip(Shape):
    """Two levels between which the signal always stays."""

    name = "strip"
    drawn_as = "area"
    has_window = True

    def find(self, event, path):
        if isinstance(event, Always) and isinstance(event.argument, Between):
            inner = event.argument
            sides = {
                "bottom": (f"{path}argument.low", inner.low),
                "top": (f"{path}argument.high", inner.high),
            }
            return Found(str(inner.argument), sides=sides)


def test_a_new_shape_is_a_class_and_an_entry(part_of, dragged, layout, monkeypatch):
    text = "not always(between(x, 0, 1))"
    assert part_of(text).kind == "other"
    monkeypatch.setitem(SHAPES, "strip", Strip())
    part = part_of(text)
    assert (part.kind, part.negated, part.variable) == ("strip", True, "x")
    assert dragged(part, top=2.0) == "not always(between(x, 0, 2))"
    assert str(part.with_window((1.0, 2.0), layout)) == "not always[1, 2](between(x, 0, 1))"
    ax = matplotlib.figure.Figure().add_subplot()
    draw_shapes(ax, [part], "x", palette(False))
    assert [patch.get_height() for patch in ax.patches] == [1.0, 1.0]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_drawn_in_its_own_way_and_colour(name):
    shape = SHAPES[name]
    assert shape.name == name
    assert shape.drawn_as in ("area", "level", "bar", "outline")
    assert hasattr(palette(False), shape.colour)
    assert shape in tools(in_plane=shape.in_plane)
