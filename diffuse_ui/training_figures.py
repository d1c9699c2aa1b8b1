"""The course of a training, from a model's card: training and validation loss over steps."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

import kernels
from diffuse_ui.colors import palette
from diffuse_ui.figure_axes import FONT_SIZE, PANEL_HEIGHT, WIDTH, style

__all__ = ["loss_figure"]


def loss_figure(model: kernels.Model, *, dark: bool = False) -> Figure:
    """Training and validation loss of a model, in units of the linear denoiser's error, whose loss is 1.

    Args:
        model: one whose card tells the history of its training.
        dark: light on dark.

    Raises:
        ValueError: the card tells no history.
    """
    training = model.card.get("training", {})
    history = np.asarray(training.get("history", []), float).reshape(-1, 3)
    if len(history) == 0:
        raise ValueError(f"the card of model {model.name} tells no history of its training. Train it again.")
    colours = palette(dark)
    figure = Figure(figsize=(WIDTH, 1.8 * PANEL_HEIGHT), facecolor=colours.paper)
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0.095, 0.18, 0.87, 0.74))
    style(ax, "loss", colours)
    steps, loss, validation = history.T
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
    if np.all(history[:, 1:] > 0):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 4.0, 6.0, 8.0)))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("step", fontsize=FONT_SIZE, color=colours.ink)
    ax.legend(frameon=False, fontsize=FONT_SIZE - 1, labelcolor=colours.ink)
    return figure
