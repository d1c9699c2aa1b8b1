"""Figure of probabilities by month, season, hour or weekday: the model beside the record, with intervals."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import kernels
from diffuse_ui.figures.axes import SIZES, FigureSize, style
from diffuse_ui.style.colors import palette

__all__ = ["groups_figure"]

HEIGHT = 2.6  # inches
APART = 0.16  # of the distance between groups: model and record stand beside each other
SHORT = 9  # letters of a group's name; longer ones are cut to three


def groups_figure(
    found: kernels.ProbabilityBy, *, size: FigureSize = SIZES["text width"], dark: bool = False
) -> Figure:
    """Figure of the probabilities of all groups, with 95 % intervals.

    Args:
        found: of `kernels.probability_by`.
        size: of the figure.
        dark: light on dark.
    """
    colours = palette(dark)
    figure = Figure(
        figsize=(size.width, size.height or HEIGHT), facecolor=colours.paper, layout="constrained"
    )
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    style(ax, "P", colours, size.font_size)
    places = np.arange(len(found.groups))
    sides = (
        ("model", colours.accent, places - APART, [group.estimate for group in found.groups]),
        ("record, training part", colours.quiet, places + APART, [group.record for group in found.groups]),
    )
    for label, colour, where, estimates in sides:
        known = [(x, one) for x, one in zip(where, estimates, strict=True) if one is not None]
        if not known:
            continue
        x, values = np.array([x for x, _ in known]), np.array([one.value for _, one in known])
        ends = np.array([one.interval for _, one in known]).T
        reach = np.maximum(np.abs(ends - values), 0.0)
        ax.errorbar(x, values, yerr=reach, fmt="o", color=colour, markersize=3.2, linewidth=1.2, label=label)
    ax.set_ylim(bottom=0.0)
    ax.set_xlim(-0.6, len(places) - 0.4)
    short = all(len(group.name) <= SHORT for group in found.groups)
    names = [group.name[:3] if short and ":" not in group.name else group.name for group in found.groups]
    ax.set_xticks(places, names)
    ax.set_title(found.event, fontsize=size.font_size, color=colours.ink, loc="left")
    ax.legend(frameon=False, fontsize=size.font_size - 1, labelcolor=colours.ink)
    return figure
