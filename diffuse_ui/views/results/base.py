"""Base of the result tabs, and their common controls: variables and time."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.layouts import row

from diffuse_ui.analysis.curves import Pair, Panel
from diffuse_ui.analysis.ensembles import condition
from diffuse_ui.state.state import State
from diffuse_ui.style.colors import Palette
from diffuse_ui.views.results.plots import ComparisonPlot
from diffuse_ui.views.widgets import caption
from diffuse_ui.work.session import Session

__all__ = ["MAX_PANELS", "ONE_LINE", "PanelsTab", "Tab", "TimeSlider", "VariableGroups"]

MAX_PANELS = 4  # side by side
ONE_LINE = {"& .MuiToggleButton-root": {"whiteSpace": "nowrap"}}  # texts of buttons


class Tab:
    """Base of the result tabs; a tab is built when it is first shown, then updated.

    Attributes:
        name: of the tab in `Look.tab`.
        label: as it is read.
        needs_event: whether a run without an event leaves it empty.
        needs_result: whether it shows the last result, and not all there were.
        has_legend: whether its curves are those of the common legend.
        is_dashed: whether the curves without the event are dashed.
    """

    name = ""
    label = ""
    needs_event = False
    needs_result = True
    has_legend = True
    is_dashed = True

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self.session = session
        self.changed = changed
        self.note = caption(margin=(2, 0, 0, 0))
        self.controls: list[Any] = []
        self.build()

    @classmethod
    def suits(cls, state: State) -> bool:
        """Whether the tab suits the state's model."""
        return True

    def build(self) -> None:
        """Make widgets and figures for the present model."""

    def body(self) -> Any:
        """Pane shown below the controls."""
        raise NotImplementedError

    def layout(self) -> pn.Column:
        """The whole tab."""
        rows = [self.body(), self.note]
        if self.controls:
            controls = pmui.Row(
                *self.controls,
                sizing_mode="stretch_width",
                margin=(12, 0, 4, 0),
                sx={"gap": "16px", "alignItems": "center"},
            )
            rows = [controls, *rows]
        return pn.Column(*rows, sizing_mode="stretch_width", margin=0)

    def options(self) -> Hashable:
        """Choices made in the tab; a change of these starts a new computation."""
        return ()

    def question(self) -> Callable[[], Any]:
        """Function that computes the tab's answer in a worker thread; it uses no widget."""
        raise NotImplementedError

    def show(self, answer: Any) -> None:
        """Show the computed answer."""
        raise NotImplementedError

    def paint(self, palette: Palette) -> None:
        """Take the colours of a theme."""

    def refresh(self) -> None:
        """Update the controls for a new result, before `question` is called."""

    def moved(self) -> None:
        """Follow a change of the chosen time, `Look.time`."""

    def condition(self) -> str:
        """Condition of the result's trajectories, in words."""
        result = self.session.store.result
        return condition(None if result is None else result.dataset)

    def pair(self) -> Callable[[], Pair]:
        """Function that pairs the present result with the backdrop, in a worker thread."""
        result, backdrop = self.session.store.result, self.session.store.backdrop
        assert result is not None  # noqa: S101 - nothing is asked before there is one
        return lambda: Pair(result, backdrop)


class VariableGroups:
    """Choice of the shown variables: all, or one group where there are too many."""

    def __init__(self, names: Sequence[str], changed: Callable[[], None]) -> None:
        groups = [tuple(names[i : i + MAX_PANELS]) for i in range(0, len(names), MAX_PANELS)]
        self.groups = {f"{g[0]} … {g[-1]}" if len(g) > 1 else g[0]: g for g in groups}
        self.select = pmui.Select(
            label="Variables",
            options=list(self.groups),
            value=next(iter(self.groups)),
            size="small",
            width=150,
        )
        self.select.visible = len(groups) > 1
        self.select.param.watch(lambda _: changed(), "value")

    @property
    def names(self) -> tuple[str, ...]:
        return self.groups[self.select.value]


class TimeSlider:
    """Slider over the sampled times; it sets `Look.time`, which all tabs of the window share."""

    def __init__(self, session: Session) -> None:
        self.session = session
        times = [float(t) for t in session.state.layout.times]
        units = session.state.layout.time_units
        self.times = times
        self.slider = pmui.FloatSlider(
            label=f"Time ({units})" if units else "Time",
            start=times[0],
            end=times[-1],
            step=(times[-1] - times[0]) / max(len(times) - 1, 1),
            value=self.time,
            size="small",
            width=320,
            margin=(0, 8),
        )
        self.slider.param.watch(lambda event: setattr(session.look, "time", float(event.new)), "value")

    @property
    def time(self) -> float:
        """The chosen sampled time; the middle one if none was chosen."""
        chosen = self.session.look.time
        middle = self.times[len(self.times) // 2]
        return middle if chosen is None else min(self.times, key=lambda t: abs(t - chosen))

    def follow(self) -> None:
        """Move the slider to the time chosen in another tab or on the canvas."""
        if abs(self.slider.value - self.time) > 1e-9:
            self.slider.value = self.time


class PanelsTab(Tab):
    """Tab of comparison plots side by side, one for each variable, or a single one."""

    def build(self) -> None:
        self.plots: list[ComparisonPlot] = []
        self.pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)

    def body(self) -> Any:
        return self.pane

    def use(self, plots: list[ComparisonPlot], palette: Palette) -> None:
        """Replace the plots, for another model or another group of variables."""
        self.plots = plots
        for plot in plots:
            plot.paint(palette)
        self.pane.object = row(*[plot.figure for plot in plots], sizing_mode="stretch_width", spacing=4)

    def show(self, answer: Sequence[Panel]) -> None:
        for plot, panel in zip(self.plots, answer, strict=False):
            plot.show(panel)

    def paint(self, palette: Palette) -> None:
        for plot in self.plots:
            plot.paint(palette)
