"""What publication figures share: sizes, the look of axes, and the shapes that an event draws on them."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from diffuse_ui.sketch.parts import DrawnPart
from diffuse_ui.style.colors import Palette

__all__ = [
    "FONT_SIZE",
    "PANEL_HEIGHT",
    "SIZES",
    "WIDTH",
    "FigureSize",
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
    """How the inside and the outline of a shape are drawn: hatched where it is to be kept out of, dashed after `not`."""
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


def draw_shapes(ax: Axes, parts: Iterable[DrawnPart], name: str, colours: Palette) -> None:
    """What an event's parts draw on the axes of one signal; the axes hold all of it."""
    drawn = [part for part in parts if part.drawable and part.variable == name]
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    heights = [height for part in drawn for height in _heights(part)]
    margin = 0.03 * (top - bottom)
    bottom, top = min([bottom, *(y - margin for y in heights)]), max([top, *(y + margin for y in heights)])
    for part in drawn:
        colour = colours.of(part.kind)
        inside, outline = shape_styles(colour, part)
        if part.kind == "tube":
            ax.add_patch(Polygon(np.stack(part.outline(), 1), **inside))
            ax.add_patch(Polygon(np.stack(part.outline(), 1), **outline))
            continue
        if part.kind == "point":
            time, value, tolerance = (part.sides[side][1] for side in ("time", "value", "tolerance"))
            ax.errorbar(time, value, tolerance, fmt="none", ecolor=colour, capsize=4, zorder=5)
            continue
        edges = part.edges()
        x0, x1 = (edges["left"], edges["right"]) if edges["left"] is not None else (left, right)
        y0 = bottom if edges["bottom"] is None else edges["bottom"]
        y1 = top if edges["top"] is None else edges["top"]
        if part.kind == "threshold":
            level = y1 if edges["bottom"] is None else y0
            ax.plot([x0, x1], [level, level], color=colour, linewidth=1.2, linestyle=outline["linestyle"])  # pyright: ignore[reportArgumentType]
            ax.fill_between([x0, x1], y0, y1, color=colour, alpha=0.08, linewidth=0)  # pyright: ignore[reportArgumentType]
            continue
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, **inside))  # pyright: ignore[reportOptionalOperand]
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, **outline))  # pyright: ignore[reportOptionalOperand]
    ax.set_ylim(bottom, top)


def _heights(part: DrawnPart) -> list[float]:
    """The least and the largest value of a shape, as far as it has them."""
    if part.kind == "tube":
        return [float(part.outline()[1].min()), float(part.outline()[1].max())]
    if part.kind == "point":
        value, tolerance = (part.sides[side][1] for side in ("value", "tolerance"))
        return [value - tolerance, value + tolerance]
    return [edge for side, edge in part.edges().items() if side in ("bottom", "top") and edge is not None]
