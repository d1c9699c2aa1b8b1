"""The registry of shapes: a new one stands in a file of its own and is entered here."""

from diffuse_ui.sketch.box import BoxShape
from diffuse_ui.sketch.point import PointShape
from diffuse_ui.sketch.polygon import PolygonShape
from diffuse_ui.sketch.shape import Shape
from diffuse_ui.sketch.threshold import ThresholdShape
from diffuse_ui.sketch.tube import TubeShape

__all__ = ["SHAPES", "tools"]

SHAPES: dict[str, Shape] = {  # name → shape, in the order of the tools above the canvas
    shape.name: shape for shape in (BoxShape(), ThresholdShape(), TubeShape(), PointShape(), PolygonShape())
}


def tools(*, in_plane: bool) -> list[Shape]:
    """The shapes that are drawn by hand on the phase plane, or on the curves against time."""
    return [shape for shape in SHAPES.values() if shape.tool and shape.in_plane == in_plane]
