"""Sizes of publication figures, the look of their axes, and the shapes of an event on them."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from diffuse_ui.sketch.shape import DrawnPart
from diffuse_ui.style.colors import Palette

__all__ = [
    "FONT_SIZE",
    "PANEL_HEIGHT",
    "SIZES",
    "WIDTH",
    "FigureSize",
    "draw_outline",
    "draw_shapes",
    "shape_styles",
    "style",
]

WIDTH, PANEL_HEIGHT = 6.3, 1.45  # inches: a text width, and one panel
FONT_SIZE = 8.5
_MM = 1 / 25.4


@dataclasses.dataclass(frozen=True)
class FigureSize:
    """Size of a publication figure.

    Attributes:
        width: inches.
        font_size: points, of labels; other text is a little smaller.
        panel_height: inches, of one panel, where `height` leaves it free.
        height: inches, of the whole figure; None lets it follow from the panels.
    """

    width: float = WIDTH
    font_size: float = FONT_SIZE
    panel_height: float = PANEL_HEIGHT
    height: float | None = None


SIZES = {
    "text width": FigureSize(),
    "single column": FigureSize(89 * _MM, 7.0, 0.95),
    "double column": FigureSize(183 * _MM, 8.0, 1.45),
    "slide": FigureSize(254 * _MM, 14.0, 2.0, 142.9 * _MM),
}


def style(ax: Axes, label: str, colours: Palette, font_size: float = FONT_SIZE) -> None:
    """Quiet axes: a thin grid, no ticks, no frame above and at the right."""
    ax.set_facecolor(colours.paper)
    ax.set_ylabel(label, fontsize=font_size, color=colours.ink)
    ax.grid(visible=True, color=colours.grid, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(which="both", labelsize=font_size - 1, colors=colours.quiet, length=0)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colours.grid)
    ax.margins(x=0)


def shape_styles(colour: str, part: DrawnPart) -> tuple[dict[str, Any], dict[str, Any]]:
    """Styles of a shape's inside and outline: hatched where it is avoided, dashed after `not`."""
    is_kept_out_of = (
        part.negated if part.mode in ("passes", "enters") else part.mode == "avoids" and not part.negated
    )
    inside = (
        {"facecolor": "none", "hatch": "xxx", "alpha": 0.5}
        if is_kept_out_of
        else {"facecolor": colour, "alpha": 0.15}
    )
    dashes = (0, (4, 2)) if part.negated else "solid"
    outline = {"fill": False, "edgecolor": colour, "linewidth": 1.2, "linestyle": dashes}
    return {"edgecolor": colour, "linewidth": 0, **inside}, outline


def draw_outline(ax: Axes, part: DrawnPart, colour: str, **options: Any) -> None:
    """The inside and the outline of a tube or a polygon."""
    for look in shape_styles(colour, part):
        ax.add_patch(Polygon(np.stack(part.outline(), 1), **look, **options))


def draw_shapes(ax: Axes, parts: Iterable[DrawnPart], name: str, colours: Palette) -> None:
    """The shapes of an event's parts on the axes of one signal, stretched to hold them."""
    drawn = [part for part in parts if part.drawable and part.variable == name]
    bottom, top = ax.get_ylim()
    heights, margin = [height for part in drawn for height in part.extent()[1]], 0.03 * (top - bottom)
    bottom, top = min([bottom, *(y - margin for y in heights)]), max([top, *(y + margin for y in heights)])
    ends = dict(zip(("left", "right"), ax.get_xlim())) | {"bottom": bottom, "top": top}
    for part in drawn:
        edges = [ends[side] if edge is None else edge for side, edge in part.edges().items()]
        _DRAW[part.shape.drawn_as](ax, part, colours.of(part.shape.colour), edges)
    ax.set_ylim(bottom, top)


def _draw_tube(ax: Axes, part: DrawnPart, colour: str, _: list[float]) -> None:
    draw_outline(ax, part, colour)


def _draw_bar(ax: Axes, part: DrawnPart, colour: str, _: list[float]) -> None:
    time, value, tolerance = (part.sides[side][1] for side in ("time", "value", "tolerance"))
    ax.errorbar(time, value, tolerance, fmt="none", ecolor=colour, capsize=4, zorder=5)


def _draw_level(ax: Axes, part: DrawnPart, colour: str, edges: list[float]) -> None:
    *times, bottom, top = edges
    level, dashes = bottom if "bottom" in part.sides else top, shape_styles(colour, part)[1]["linestyle"]
    ax.plot(times, [level, level], color=colour, linewidth=1.2, linestyle=dashes)
    ax.fill_between(times, bottom, top, color=colour, alpha=0.08, linewidth=0)


def _draw_area(ax: Axes, part: DrawnPart, colour: str, edges: list[float]) -> None:
    left, right, bottom, top = edges
    for look in shape_styles(colour, part):
        ax.add_patch(Rectangle((left, bottom), right - left, top - bottom, **look))


_DRAW = {"outline": _draw_tube, "bar": _draw_bar, "level": _draw_level, "area": _draw_area}
