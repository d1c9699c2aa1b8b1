"""Publication figures of a result, by matplotlib. Pure: a result in, a Figure out.

One panel a variable over a common time axis: the backdrop's 5–95 % band and median in grey, the
conditional ensemble's bands, median and some of its curves in the accent colour, the drawn shapes,
and a caption that says event, probability, ensemble, model and seed.
"""

import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import kernels
from diffuse_ui.analysis.ensembles import Fan, condition, drawn_by, fan, is_member
from diffuse_ui.figures.axes import FONT_SIZE, FigureSize, draw_shapes, style
from diffuse_ui.sketch import parts
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.work.results import states
from diffuse_ui.work.store import Result
from kernels.recordings.when import when_text
from kernels.trajectories.datasets import variable_units

__all__ = ["caption", "ensemble_figure"]

NUM_CURVES = 60


def ensemble_figure(
    result: Result | kernels.RunResult,
    backdrop: xr.Dataset | None = None,
    *,
    dark: bool = False,
    size: FigureSize | None = None,
    captioned: bool = True,
) -> Figure:
    """Figure of the conditional ensemble over the backdrop.

    Args:
        result: a run that has drawn trajectories.
        backdrop: trajectories without the event, for comparison.
        dark: light on dark.
        size: of the figure and its text, one of `diffuse_ui.figures.axes.SIZES`; a text width by default.
        captioned: whether the caption is written below.

    Raises:
        ValueError: the run has drawn no trajectories yet.
    """
    if result.dataset is None:
        raise ValueError("the run has drawn no trajectories yet; wait for the first chunk.")
    size, colours, dataset = size or FigureSize(), palette(dark), result.dataset
    names = [str(name) for name in dataset["variable"].values]
    lines = _wrapped(caption(result), size) if captioned else []
    figure, axes = _canvas(len(names), len(lines), size, colours)
    conditional = fan(dataset)
    reference = (
        None if backdrop is None else fan(backdrop.drop_vars(["satisfied", "weight"], errors="ignore"))
    )
    for index, (ax, name) in enumerate(zip(axes, names)):
        style(ax, _label(dataset, name), colours, size.font_size)
        _draw(ax, dataset, index, conditional, reference, colours)
        draw_shapes(ax, parts.parts_of_text(result.spec.event), name, colours)
    units = dataset["time"].attrs.get("units", "")
    axes[-1].set_xlabel(f"time ({units})" if units else "time", fontsize=size.font_size, color=colours.ink)
    axes[-1].set_xlim(float(dataset["time"][0]), float(dataset["time"][-1]))
    figure.align_ylabels(axes)
    _add_legend(figure, axes[0], size, colours)
    figure.text(
        0.012,
        0.06 / figure.get_figheight(),
        "\n".join(lines),
        fontsize=size.font_size - 1.5,
        color=colours.quiet,
        va="bottom",
        linespacing=1.45,
    )
    return figure


def _wrapped(text: str, size: FigureSize) -> list[str]:
    """The caption in lines that fit the figure: letters are about 0.6 of their height wide."""
    characters = int(size.width * 72.0 / (0.605 * (size.font_size - 1.5)))
    return [piece for line in text.splitlines() for piece in textwrap.wrap(line, characters)]


def _canvas(num_panels: int, num_lines: int, size: FigureSize, colours: Palette) -> tuple[Figure, list[Axes]]:
    """Panels below each other, with room for the legend above and the caption below."""
    unit = size.font_size / FONT_SIZE
    below, above = unit * 0.42 + 1.55 * (size.font_size - 1.5) / 72.0 * num_lines, unit * 0.30
    height = size.height or size.panel_height * num_panels + below + above
    figure = Figure(figsize=(size.width, height), facecolor=colours.paper)
    FigureCanvasAgg(figure)
    axes = figure.subplots(num_panels, 1, sharex=True, squeeze=False)[:, 0]
    figure.subplots_adjust(
        left=0.6 * unit / size.width,
        right=1.0 - 0.095 * unit / size.width,
        top=1.0 - above / height,
        bottom=below / height,
        hspace=0.10,
    )
    return figure, list(axes)


def _add_legend(figure: Figure, ax: Axes, size: FigureSize, colours: Palette) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="upper right",
        bbox_to_anchor=(0.99, 1.0),
        ncols=max(len(labels), 1),
        frameon=False,
        fontsize=size.font_size - 1,
        labelcolor=colours.ink,
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0.25,
    )


def caption(result: Result | kernels.RunResult) -> str:
    """Event, probability, ensemble, model and seed of a result, in two or three lines."""
    spec, estimate = result.spec, result.probability
    first = f"Event: {spec.event}." if spec.event is not None else "No event."
    if spec.given:
        first += f" Given: {spec.given}."
    if spec.when:
        first += f" When: {when_text(spec.when)}."
    if estimate is not None:
        value = numbers.probability(estimate.value, estimate.standard_error, estimate.interval[1])
        sign = "" if value.startswith("<") else "= "
        trust = "" if estimate.status == "ok" else f", {estimate.status.replace('_', ' ')}"
        error = "" if estimate.value <= 0 else ", ± one standard error"
        first += f" P {sign}{value} ({str(estimate.method).replace('_', ' ')}{error}{trust})."
    model = spec.model if isinstance(spec.model, str) else spec.model.name
    second = f"Lines: medians; bands: 5–95 % and 25–75 %. {_drawn(result.dataset, model)}seed {spec.seed}."
    return f"{first}\n{second}"


def _drawn(dataset: xr.Dataset | None, model: str) -> str:
    """Number of trajectories, their law, and the sampler, for the caption."""
    if dataset is None:
        return f"Model {model}, "
    of_model = f"trajectories of the model {model}"
    words = {
        "guided": f"guided {of_model} (approximate)",
        "exact": f"{of_model} from its law given the event",
    }.get(str(dataset.attrs.get("ensemble", "")), of_model)
    worth = f", worth {dataset.attrs['ess']} independent ones" if "ess" in dataset.attrs else ""
    return f"{int(is_member(dataset).sum())} {words}{worth}, {drawn_by(dataset)}, "


def _label(dataset: xr.Dataset, name: str) -> str:
    unit = variable_units(dataset).get(name, "")
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
    label = condition(dataset)
    if members.size:
        ax.plot(times, members.T, color=colours.accent, linewidth=0.35, alpha=0.30, rasterized=True)
    if conditional is not None:
        q0, q1, q2, q3, q4 = conditional.quantiles[:, :, index]
        ax.fill_between(times, q0, q4, color=colours.accent, alpha=colours.fan[0], linewidth=0)
        ax.fill_between(times, q1, q3, color=colours.accent, alpha=colours.fan[1], linewidth=0)
        ax.plot(times, q2, color=colours.accent, linewidth=1.6, label=label)
    elif members.size:
        ax.plot([], [], color=colours.accent, linewidth=0.8, label=f"{label} (too few for bands)")
