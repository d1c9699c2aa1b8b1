"""Figure of a model's fidelity report: the truth in grey, the model in the accent colour.

A row each for one-point densities, correlations in time and spectra of up to four variables, one for
the rollout error with its references and the probabilities of events from frequent to rare, and for a model
that forecasts one for the skill of its ensembles, and for their spread against their error.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import kernels
from diffuse_ui.figures.axes import FONT_SIZE, style
from diffuse_ui.style.colors import Palette, palette

__all__ = ["draw_probabilities", "report_figure"]

WIDTH, HEIGHT = 7.4, 7.6  # inches
ROW = 2.4  # height of a further row
SCORES = {"crps": "CRPS / the climate's", "spread_skill": "spread / error of the mean"}


def report_figure(model: kernels.Model, *, dark: bool = False) -> Figure:
    """Figure of the fidelity report in a model's card.

    Raises:
        ValueError: the card tells nothing, or a report of fewer figures.
    """
    report = model.card.get("fidelity") or {}
    if "one_point" not in report:
        raise ValueError(
            f"the card of model {model.name} holds no full report. Measure it: "
            f"diffuse-ui models report {model.name} --measure"
        )
    colours, scores = palette(dark), report.get("forecast")
    height = HEIGHT + (ROW if scores else 0.0)
    figure = Figure(figsize=(WIDTH, height), facecolor=colours.paper)
    FigureCanvasAgg(figure)

    def rows(top: float, bottom: float) -> dict[str, float]:
        """Edges of a grid; `top` and `bottom` are fractions of `HEIGHT`."""
        return {
            "left": 0.09,
            "right": 0.985,
            "top": 1.0 - (1.0 - top) * HEIGHT / height,
            "bottom": 1.0 - (1.0 - bottom) * HEIGHT / height,
        }

    figure.text(
        0.012,
        1.0 - 0.015 * HEIGHT / height,
        _title(model, report),
        fontsize=FONT_SIZE,
        color=colours.ink,
        va="top",
    )
    _by_variable(figure, rows(0.93, 0.37), model.layout, report, colours)
    figure.legend(  # below the title's line, where it covers no curve
        *figure.axes[0].get_legend_handles_labels(),
        loc="upper right",
        bbox_to_anchor=(0.99, 1.0 - 0.028 * HEIGHT / height),
        ncols=2,
        frameon=False,
        fontsize=FONT_SIZE - 1.5,
        labelcolor=colours.ink,
    )
    below = figure.add_gridspec(1, 2, **rows(0.29, 0.06), wspace=0.25)
    rolled = "rollout" in report  # of a recording nothing can be: there the other figure has the whole row
    draw_probabilities(figure.add_subplot(below[0, 1 if rolled else slice(None)]), report, colours)
    if rolled:
        _rollout(figure.add_subplot(below[0, 0]), report["rollout"], model.layout, colours)
    if scores:
        last = figure.add_gridspec(1, 2, **rows(-0.03, -0.26), wspace=0.25)
        for column, (kind, label) in enumerate(SCORES.items()):
            _score(figure.add_subplot(last[0, column]), scores, kind, label, model.layout, colours)
    return figure


def _by_variable(
    figure: Figure,
    place: dict[str, float],
    layout: kernels.Layout,
    report: Mapping[str, Any],
    colours: Palette,
) -> None:
    """Density, autocorrelation and power of each variable below each other."""
    grid = figure.add_gridspec(3, len(report["one_point"]), **place, hspace=0.55, wspace=0.32)
    for column, name in enumerate(report["one_point"]):
        axes = [figure.add_subplot(grid[row, column]) for row in range(3)]
        _density(axes[0], report["one_point"][name], name, layout, colours)
        _pair(axes[1], layout.times - layout.times[0], report["autocorrelation"][name], colours)
        frequencies = np.arange(1, len(report["power"][name]["truth"]) + 1)
        _pair(axes[2], frequencies, report["power"][name], colours, log=True)
        for ax, label in zip(axes, ("density", "autocorrelation", "power"), strict=True):
            ax.set_ylabel(label if column == 0 else "", fontsize=FONT_SIZE, color=colours.ink)
        for ax, label in zip(axes[1:], (f"lag{_unit(layout)}", "cycles a trajectory"), strict=True):
            ax.set_xlabel(label, fontsize=FONT_SIZE - 1, color=colours.ink)


def _score(
    ax: Axes, scores: Mapping[str, Any], kind: str, label: str, layout: kernels.Layout, colours: Palette
) -> None:
    """Forecast score of each variable against lead time, with a reference line at 1."""
    style(ax, label, colours)
    ahead = np.asarray(scores["times"]) - float(layout.times[layout.num_times - len(scores["times"]) - 1])
    ax.axhline(1.0, color=colours.backdrop, linestyle="--", linewidth=1.0)
    looks = zip(
        (colours.accent, colours.threshold, colours.box, colours.region), ("-", "-.", "--", ":"), strict=True
    )
    for (colour, line), (name, curve) in zip(looks, scores[kind].items(), strict=False):
        ax.plot(ahead, curve, color=colour, linestyle=line, linewidth=1.2, label=name)
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel(f"time after the known states{_unit(layout)}", fontsize=FONT_SIZE - 1, color=colours.ink)
    ax.legend(frameon=False, fontsize=FONT_SIZE - 1.5, labelcolor=colours.ink)


def _title(model: kernels.Model, report: Mapping[str, Any]) -> str:
    of = "simulated" if model.system else "held-out"
    return (
        f"{model.name}: {report['num_samples']} samples of {report['num_steps']} steps "
        f"against {report['num_simulated']} {of} trajectories"
    )


def _unit(layout: kernels.Layout) -> str:
    return f" ({layout.time_units})" if layout.time_units else ""


def _density(ax: Axes, pair: Mapping[str, Any], name: str, layout: kernels.Layout, colours: Palette) -> None:
    style(ax, "", colours)
    edges = np.linspace(pair["low"], pair["high"], len(pair["truth"]) + 1)
    width = edges[1] - edges[0]
    ax.stairs(
        np.asarray(pair["truth"]) / width, edges, fill=True, color=colours.backdrop, alpha=0.35, label="truth"
    )
    ax.stairs(np.asarray(pair["model"]) / width, edges, color=colours.accent, linewidth=1.3, label="model")
    unit = layout.variable_units.get(name, "")
    ax.set_xlabel(f"{name} ({unit})" if unit else name, fontsize=FONT_SIZE - 1, color=colours.ink)


def _pair(ax: Axes, x: np.ndarray, pair: Mapping[str, Any], colours: Palette, *, log: bool = False) -> None:
    style(ax, "", colours)
    draw = ax.loglog if log else ax.plot
    draw(x, pair["truth"], color=colours.backdrop, linewidth=2.6, alpha=0.6)
    draw(x, pair["model"], color=colours.accent, linewidth=1.1)
    ax.tick_params(which="minor", labelsize=0)


def draw_probabilities(ax: Axes, report: Mapping[str, Any], colours: Palette) -> None:
    """Event probabilities of the model against the truth, with two standard errors.

    A triangle marks an event without hits in the model. For a recording, diamonds show the probability in the
    training data: a model that is faithful to these lies there.
    """
    style(ax, "P under the model", colours)
    entries = [entry for entry in report.get("events", []) if entry["truth"]["probability"] > 0]
    if not entries:
        return
    truth, mine = (
        np.array([[r[k]["probability"], r[k]["standard_error"]] for r in entries]).T
        for k in ("truth", "model")
    )
    met = mine[0] > 0
    floor = 0.3 * min([truth[0].min(), *mine[0][met]])
    ax.plot([floor, 1], [floor, 1], color=colours.backdrop, linewidth=1.0)
    ax.plot(truth[0][~met], np.full((~met).sum(), floor), "v", color=colours.accent, markersize=4.5)
    truth, mine = truth[:, met], mine[:, met]
    below = np.minimum(2 * mine[1], 0.95 * mine[0])
    across = np.minimum(2 * truth[1], 0.95 * truth[0])
    ax.errorbar(
        truth[0],
        mine[0],
        yerr=[below, 2 * mine[1]],
        xerr=[across, 2 * truth[1]],
        fmt="o",
        color=colours.accent,
        markersize=3.5,
        linewidth=1.0,
    )
    learned = np.array(
        [r["training_data"]["probability"] if "training_data" in r else np.nan for r in entries]
    )
    if (learned > 0).any():
        across = [r["truth"]["probability"] for r in entries]
        look = {"color": colours.ink, "markersize": 5, "markerfacecolor": "none", "linestyle": "none"}
        ax.plot(across, np.where(learned > 0, learned, np.nan), "D", label="P in the training data", **look)
        ax.legend(frameon=False, fontsize=FONT_SIZE - 1.5, labelcolor=colours.ink)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(
        "P under the truth, events from frequent to rare", fontsize=FONT_SIZE - 1, color=colours.ink
    )


def _rollout(ax: Axes, curves: Mapping[str, Any], layout: kernels.Layout, colours: Palette) -> None:
    style(ax, "rollout error", colours)
    for name, colour, line in (
        ("random_start", colours.backdrop, "--"),
        ("perturbed_truth", colours.threshold, "-."),
        ("model", colours.accent, "-"),
    ):
        ax.semilogy(curves["times"], curves[name], color=colour, linestyle=line, label=name.replace("_", " "))
    ax.set_xlabel(f"time after the start{_unit(layout)}", fontsize=FONT_SIZE - 1, color=colours.ink)
    ax.legend(frameon=False, fontsize=FONT_SIZE - 1.5, labelcolor=colours.ink)
