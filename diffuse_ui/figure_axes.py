"""What publication figures share: sizes, the look of axes, and the shapes that an event draws on them."""

import dataclasses
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from diffuse_ui import sketches
from diffuse_ui.colors import Palette

__all__ = ["FONT_SIZE", "PANEL_HEIGHT", "SIZES", "WIDTH", "FigureSize", "draw_shapes", "style"]

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


def draw_shapes(ax: Axes, parts: Iterable[sketches.Part], name: str, colours: Palette) -> None:
    """What an event's parts draw on the axes of one signal."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for part in parts:
        if not part.drawable or part.variable != name:
            continue
        colour = getattr(colours, part.kind)
        if part.kind == "tube":
            ax.add_patch(Polygon(np.stack(part.outline(), 1), facecolor=colour, alpha=0.16, linewidth=0))
            ax.add_patch(Polygon(np.stack(part.outline(), 1), fill=False, edgecolor=colour, linewidth=1.2))
            continue
        edges = part.edges()
        if part.kind == "point":
            time, value, tolerance = (part.sides[side][1] for side in ("time", "value", "tolerance"))
            ax.errorbar(time, value, tolerance, fmt="none", ecolor=colour, capsize=4, zorder=5)
            continue
        x0, x1 = (edges["left"], edges["right"]) if edges["left"] is not None else (left, right)
        y0 = edges["bottom"] if edges["bottom"] is not None else min(bottom, edges["top"])  # pyright: ignore[reportArgumentType]
        y1 = edges["top"] if edges["top"] is not None else max(top, edges["bottom"])  # pyright: ignore[reportArgumentType]
        if part.kind == "threshold":
            level = edges["bottom"] if edges["bottom"] is not None else edges["top"]
            ax.plot([x0, x1], [level, level], color=colour, linewidth=1.2)  # pyright: ignore[reportArgumentType]
            ax.fill_between([x0, x1], y0, y1, color=colour, alpha=0.08, linewidth=0)  # pyright: ignore[reportArgumentType]
            continue
        style = (
            {"facecolor": colour, "alpha": 0.14}
            if part.mode != "avoids"
            else {"facecolor": "none", "hatch": "xxx", "alpha": 0.5}
        )
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, linewidth=0, edgecolor=colour, **style))  # pyright: ignore[reportOptionalOperand]
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, linewidth=1.2, edgecolor=colour, facecolor="none"))  # pyright: ignore[reportOptionalOperand]
    ax.set_ylim(bottom, top)
