"""Parts of an event, axes to draw on, and drags of a shape."""

import types

import numpy as np
import pytest

import kernels
from diffuse_ui.sketch.parts import drawn_parts
from diffuse_ui.sketch.shape import Axes


@pytest.fixture
def layout():
    return kernels.Layout(variables=("x", "z"), times=np.arange(60) * 0.1)


@pytest.fixture
def part_of():
    return lambda text, index=0: drawn_parts(kernels.parse_event(text))[index]


@pytest.fixture
def axes(layout):
    return lambda *signals, values=(-1.0, 1.0): Axes(signals, layout, (3, 3), (-1.0, 1.0), values)


@pytest.fixture
def dragged(layout):
    """The part after its shape was dragged, as text."""

    def drag(part, **edges):
        shape = types.SimpleNamespace(**{"left": None, "right": None, "bottom": None, "top": None})
        shape.__dict__.update(part.edges() | edges)
        numbers = part.moved(shape, layout=layout, digits=(2, 3))
        return str(part.term.with_parameters(numbers))

    return drag


@pytest.fixture
def bent(layout):
    """The part after its outline was dragged."""

    def bend(part, across, along):
        xs, ys = part.outline()
        outline = types.SimpleNamespace(xs=list(xs + across), ys=list(ys + along))
        numbers = part.moved(outline, layout=layout, digits=(2, 3))
        return part.term.with_parameters(numbers)

    return bend
