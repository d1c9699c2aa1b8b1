"""Densities of the variables at one time, given the event and without it."""

from collections.abc import Callable, Hashable
from typing import Any

from diffuse_ui.analysis import curves
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import palette
from diffuse_ui.views.results.base import PanelsTab, TimeSlider, VariableGroups
from diffuse_ui.views.results.plots import ComparisonPlot
from diffuse_ui.views.widgets import with_units

__all__ = ["MarginalsTab"]


class MarginalsTab(PanelsTab):
    """One panel for each variable, at the time set by the slider or a click on the canvas."""

    name, label = "marginals", "Marginals"

    def build(self) -> None:
        super().build()
        layout = self.session.state.layout
        self.time = TimeSlider(self.session)
        self.groups = VariableGroups(layout.variables, self._regroup)
        self.controls = [self.time.slider, self.groups.select]
        self._use()

    def moved(self) -> None:
        self.time.follow()
        self.changed()

    def _regroup(self) -> None:
        self._use()
        self.changed()

    def _use(self) -> None:
        units = self.session.state.layout.variable_units
        plots = [
            ComparisonPlot(f"marginal-{name}", x_label=with_units(name, units), heights=False)
            for name in self.groups.names
        ]
        self.use(plots, palette(self.session.look.dark))

    def options(self) -> Hashable:
        return self.time.time, self.groups.names

    def question(self) -> Callable[[], Any]:
        pair, time, names = self.pair(), self.time.time, self.groups.names
        return lambda: curves.marginals(pair(), time, names)

    def show(self, answer: Any) -> None:
        super().show(answer)
        time = numbers.with_unit(self.time.time, self.session.state.layout.time_units)
        self.note.object = f"Densities at time {time}; bands: 95 %."
