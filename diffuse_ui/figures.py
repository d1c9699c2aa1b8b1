"""Publication figures of a result, by matplotlib. Pure: a Result in, a Figure out.

One panel a variable over a common time axis: the backdrop's 5–95 % band and median in grey, the
conditional ensemble's bands, median and some of its curves in the accent colour, the drawn shapes,
and a caption that says event, probability, ensemble, model and seed.
"""

import json
import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from diffuse_ui import formats, sketches
from diffuse_ui.colors import Palette, palette
from diffuse_ui.ensembles import Fan, fan, is_member, states
from diffuse_ui.figure_axes import FONT_SIZE, PANEL_HEIGHT, WIDTH, draw_shapes, style
from diffuse_ui.store import Result

__all__ = ["caption", "ensemble_figure"]

NUM_CURVES = 60


def ensemble_figure(result: Result, backdrop: xr.Dataset | None = None, *, dark: bool = False) -> Figure:
    """The conditional ensemble over the backdrop.

    Args:
        result: a run that has drawn trajectories.
        backdrop: trajectories without the event, for comparison.
        dark: light on dark.

    Raises:
        ValueError: the run has drawn no trajectories yet.
    """
    if result.dataset is None:
        raise ValueError("the run has drawn no trajectories yet; wait for the first chunk.")
    colours = palette(dark)
    dataset = result.dataset
    names = [str(name) for name in dataset["variable"].values]
    text = caption(result)
    lines = sum(len(textwrap.wrap(line, 104)) for line in text.splitlines())
    below, above = 0.42 + 0.155 * lines, 0.30
    height = PANEL_HEIGHT * len(names) + below + above
    figure = Figure(figsize=(WIDTH, height), facecolor=colours.paper)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    figure.subplots_adjust(
        left=0.095, right=0.985, top=1 - above / height, bottom=below / height, hspace=0.10
    )
    conditional = fan(dataset)
    reference = (
        None if backdrop is None else fan(backdrop.drop_vars(["satisfied", "weight"], errors="ignore"))
    )
    for index, (ax, name) in enumerate(zip(axes, names)):
        style(ax, _label(dataset, name), colours)
        _draw(ax, dataset, index, conditional, reference, colours)
        draw_shapes(ax, sketches.parts_of_text(result.spec.event), name, colours)
    units = dataset["time"].attrs.get("units", "")
    axes[-1].set_xlabel(f"time ({units})" if units else "time", fontsize=FONT_SIZE, color=colours.ink)
    axes[-1].set_xlim(float(dataset["time"][0]), float(dataset["time"][-1]))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="upper right",
        bbox_to_anchor=(0.99, 1.0),
        ncols=len(labels),
        frameon=False,
        fontsize=FONT_SIZE - 1,
        labelcolor=colours.ink,
        handlelength=1.6,
        columnspacing=1.4,
    )
    wrapped = "\n".join("\n".join(textwrap.wrap(line, 104)) for line in text.splitlines())
    figure.text(
        0.012,
        0.06 / height,
        wrapped,
        fontsize=FONT_SIZE - 1.5,
        color=colours.quiet,
        va="bottom",
        linespacing=1.45,
    )
    return figure


def caption(result: Result) -> str:
    """Event, probability, ensemble, model and seed of a result, in two or three lines."""
    spec, estimate = result.spec, result.probability
    first = f"Event: {spec.event}." if spec.event is not None else "No event."
    if spec.given:
        first += f" Given: {spec.given}."
    if estimate is not None:
        value = formats.probability(estimate.value, estimate.standard_error, estimate.interval[1])
        sign = "" if value.startswith("<") else "= "
        trust = "" if estimate.status == "ok" else f", {estimate.status.replace('_', ' ')}"
        first += f" P {sign}{value} ({str(estimate.method).replace('_', ' ')}{trust})."
    model = spec.model if isinstance(spec.model, str) else spec.model.name
    kind = {"guided": "guided (approximate)", "exact": "exact"}.get(result.ensemble, "unconditional")
    count = int(is_member(result.dataset).sum()) if result.dataset is not None else 0
    second = (
        f"Lines: medians; bands: 5–95 % and 25–75 %. {count} {kind} trajectories of model {model}, "
        f"{spec.num_steps} steps, seed {spec.seed}."
    )
    return f"{first}\n{second}"


def _label(dataset: xr.Dataset, name: str) -> str:
    unit = json.loads(dataset.attrs.get("variable_units", "{}")).get(name, "")
    return f"{name} ({unit})" if unit else name


def _draw(
    ax: Axes,
    dataset: xr.Dataset,
    index: int,
    conditional: Fan | None,
    reference: Fan | None,
    colours: Palette,
) -> None:
    times = np.asarray(dataset["time"].values)
    if reference is not None:
        low, _, mid, _, high = reference.quantiles[:, :, index]
        ax.fill_between(times, low, high, color=colours.backdrop, alpha=0.18, linewidth=0)
        ax.plot(
            times,
            mid,
            color=colours.backdrop,
            linewidth=1.0,
            linestyle=(0, (4, 2)),
            label="without the event",
        )
    members = states(dataset)[is_member(dataset)][:NUM_CURVES, :, index]
    label = "given the event" if "satisfied" in dataset else "samples"
    if members.size:
        ax.plot(times, members.T, color=colours.accent, linewidth=0.35, alpha=0.30, rasterized=True)
    if conditional is not None:
        q0, q1, q2, q3, q4 = conditional.quantiles[:, :, index]
        ax.fill_between(times, q0, q4, color=colours.accent, alpha=colours.fan[0], linewidth=0)
        ax.fill_between(times, q1, q3, color=colours.accent, alpha=colours.fan[1], linewidth=0)
        ax.plot(times, q2, color=colours.accent, linewidth=1.6, label=label)
    elif members.size:
        ax.plot(
            [], [], color=colours.accent, linewidth=0.8, label=f"{label} (curves only: too few for bands)"
        )
