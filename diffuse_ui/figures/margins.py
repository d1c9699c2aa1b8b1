"""Figure of a model's margins: for each variable a histogram with the fitted law, and its return levels.

The record is grey, the fitted law in the accent colour, as in the figure of the report. Points are the record's values,
each step on its own; the band is the 95 % interval of the tail; a line marks the record's length.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import kernels
from diffuse_ui.figures.axes import FONT_SIZE, style
from diffuse_ui.style.colors import Palette, palette
from kernels.fidelity.margins import MarginPage, ReturnLevels, margin_pages

__all__ = ["margins_figure"]

WIDTH, ROW = 7.4, 2.35  # inches
TOP, BOTTOM, GAP = 0.62, 0.5, 0.62  # inches above and below all rows, and between two
MOST = 12  # variables
MOST_POINTS = 400  # values of the record
SMALL = FONT_SIZE - 1


def margins_figure(model: kernels.Model, *, dark: bool = False) -> Figure:
    """Figure of the margins of a model of a record, a row for each of up to 12 variables.

    Raises:
        ValueError: the model has no margins, or does not hold the data that it was trained on.
    """
    pages = margin_pages(model)
    if not pages:
        raise ValueError(
            f"model {model.name} has no margins to be shown. Train one on a record, with margins."
        )
    shown, colours = pages[:MOST], palette(dark)
    height = TOP + BOTTOM + len(shown) * ROW + (len(shown) - 1) * GAP
    figure = Figure(figsize=(WIDTH, height), facecolor=colours.paper)
    FigureCanvasAgg(figure)
    more = f", the first {MOST} of {len(pages)} variables" if len(pages) > MOST else ""
    title = f"{model.name}: law of each variable at one time{more}"
    figure.text(0.012, 1.0 - 0.1 / height, title, fontsize=FONT_SIZE, color=colours.ink, va="top")
    columns = 1 + max((len(page.returns) for page in shown), default=0)
    grid = figure.add_gridspec(
        len(shown),
        columns,
        left=0.085,
        right=0.985,
        top=1.0 - TOP / height,
        bottom=BOTTOM / height,
        hspace=GAP / ROW,
        wspace=0.3,
    )
    for row, page in enumerate(shown):
        unit = model.layout.variable_units.get(model.layout.variables[row], "")
        label = f"{page.name} ({unit})" if unit else page.name
        _histogram(figure.add_subplot(grid[row, 0]), page, label, colours)
        for column, returns in enumerate(page.returns):
            _returns(figure.add_subplot(grid[row, 1 + column]), page, returns, label, colours)
    figure.legend(
        *_once(figure.axes),
        loc="upper right",
        bbox_to_anchor=(0.99, 1.0 - 0.24 / height),
        ncols=4,
        frameon=False,
        fontsize=FONT_SIZE - 1.5,
        labelcolor=colours.ink,
        borderaxespad=0.0,
    )
    return figure


def _once(axes: Sequence[Axes]) -> tuple[list, list[str]]:
    """Handles and labels of a legend in which each label stands once."""
    found = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _histogram(ax: Axes, page: MarginPage, label: str, colours: Palette) -> None:
    style(ax, "density", colours)
    ax.stairs(page.record, page.edges, fill=True, color=colours.backdrop, alpha=0.35, label="record")
    ax.stairs(page.law, page.edges, color=colours.accent, linewidth=1.3, label="fitted law")
    top = 1.08 * max(page.record.max(), page.law.max())
    width = page.edges[1] - page.edges[0]
    for bound, (share, _) in page.atoms.items():
        lower = bound <= page.edges[len(page.edges) // 2]
        ax.plot([bound, bound], [0.0, top], color=colours.threshold, linewidth=1.6, solid_capstyle="butt")
        ax.annotate(
            f"{100 * share:.2g} % at {bound:g}",
            (bound, top),
            xytext=(4 if lower else -4, -1),
            textcoords="offset points",
            ha="left" if lower else "right",
            va="top",
            fontsize=SMALL - 0.5,
            color=colours.threshold,
        )
    ends = [page.edges[0], page.edges[-1], *page.atoms]
    ax.set_xlim(min(ends) - width, max(ends) + width)
    ax.set_ylim(0.0, top)
    ax.set_xlabel(label, fontsize=SMALL, color=colours.ink)


def _returns(ax: Axes, page: MarginPage, returns: ReturnLevels, label: str, colours: Palette) -> None:
    style(ax, label, colours)
    tail = returns.tail
    ax.fill_between(
        returns.periods,
        *returns.band,
        color=colours.accent,
        alpha=colours.fan[0],
        linewidth=0,
        label="95 % of the tail",
    )
    look = {"color": colours.quiet, "markersize": 2.4, "markeredgewidth": 0, "linestyle": "none"}
    count = returns.seen.shape[1]
    kept = (
        np.unique(np.geomspace(1, count, min(count, MOST_POINTS)).astype(int)) - 1
    )  # the rest lies on these
    ax.plot(*returns.seen[:, kept], "o", label="value of the record", **look)
    ax.plot(returns.periods, returns.levels, color=colours.accent, linewidth=1.3, zorder=3)
    ax.axvline(page.length, color=colours.quiet, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set_xscale("log")
    ax.set_xlim(returns.periods[0], returns.periods[-1])
    heights = np.concatenate([returns.levels, returns.seen[1]])
    reach = returns.band[1 if returns.upper else 0][-1]  # a wide band may leave the picture
    spread = np.ptp(heights)
    low, high = heights.min() - 0.05 * spread, heights.max() + 0.05 * spread
    high = min(max(high, reach), high + 0.6 * spread) if returns.upper else high
    low = low if returns.upper else max(min(low, reach), low - 0.6 * spread)
    ax.set_ylim(low, high)
    ax.annotate(
        "record's length",
        (page.length, low if returns.upper else high),
        xytext=(3, 3 if returns.upper else -3),
        textcoords="offset points",
        rotation=90,
        ha="left",
        va="bottom" if returns.upper else "top",
        fontsize=SMALL - 1,
        color=colours.quiet,
    )
    words = f"shape {tail['shape']:.2f} ± {tail['shape_error']:.2f}".replace("-", "−")
    at = {"x": 0.03, "ha": "left"} if returns.upper else {"x": 0.66, "ha": "right"}  # where no curve is
    ax.text(**at, y=0.97, s=words, transform=ax.transAxes, va="top", fontsize=SMALL - 0.5, color=colours.ink)
    way = "exceeded" if returns.upper else "fallen below"
    ax.set_xlabel(f"{way} once in … {page.unit}".rstrip(), fontsize=SMALL, color=colours.ink)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.tick_params(which="minor", labelsize=0)
