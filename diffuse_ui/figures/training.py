"""Figures of a training: training and validation loss against steps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

import kernels
from diffuse_ui.figures.axes import FONT_SIZE, PANEL_HEIGHT, WIDTH, style
from diffuse_ui.style.colors import palette

__all__ = ["history_figure", "loss_figure"]

_LEFT, _BOTTOM, _GAP = 0.6, 0.47, 0.21  # inches: room for numbers and labels, and at the other sides


def loss_figure(model: kernels.Model, *, dark: bool = False) -> Figure:
    """Figure of a model's training and validation loss; the best linear denoiser has loss 1.

    Args:
        model: one whose card tells the history of its training.
        dark: light on dark.

    Raises:
        ValueError: the card tells no history.
    """
    history = model.card.get("training", {}).get("history", [])
    if len(history) == 0:
        raise ValueError(f"the card of model {model.name} tells no history of its training. Train it again.")
    return history_figure(history, dark=dark)


def history_figure(
    history: Sequence[Sequence[float]],
    *,
    num_steps: int | None = None,
    size: tuple[float, float] = (WIDTH, 1.8 * PANEL_HEIGHT),
    dark: bool = False,
) -> Figure:
    """Figure of the losses recorded so far in a training.

    Args:
        history: (step, training loss, validation loss) of each record, one at least.
        num_steps: to where the axis goes; to the last record unless given.
        size: inches.
        dark: light on dark.
    """
    colours = palette(dark)
    width, height = size
    figure = Figure(figsize=size, facecolor=colours.paper)
    FigureCanvasAgg(figure)
    ax = figure.add_axes(
        (_LEFT / width, _BOTTOM / height, 1 - (_LEFT + _GAP) / width, 1 - (_BOTTOM + _GAP) / height)
    )
    style(ax, "loss", colours)
    steps, loss, validation = np.asarray(history, float).T
    marker = "o" if len(history) == 1 else ""
    ax.plot(steps, loss, color=colours.backdrop, linewidth=1.2, marker=marker, label="training")
    ax.plot(steps, validation, color=colours.accent, linewidth=1.6, marker=marker, label="validation")
    best = int(np.argmin(validation))
    ax.plot(
        steps[best],
        validation[best],
        "o",
        color=colours.accent,
        markersize=4,
        label=f"best: {validation[best]:.4g} at step {steps[best]:.0f}",
    )
    if min(loss.min(), validation.min()) > 0:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    if ax.get_ylim()[0] < 1.0 < ax.get_ylim()[1]:
        ax.axhline(
            1.0, color=colours.quiet, linewidth=0.8, linestyle=(0, (1, 2)), label="best linear denoiser"
        )
    if num_steps is not None:
        ax.set_xlim(0, num_steps)
    ax.set_xlabel("step", fontsize=FONT_SIZE, color=colours.ink)
    ax.legend(frameon=False, fontsize=FONT_SIZE - 1, labelcolor=colours.ink)
    return figure
