"""Power spectra of the variables, given the event and without it."""

from collections.abc import Callable, Hashable
from typing import Any

from diffuse_ui.analysis import curves
from diffuse_ui.style.colors import palette
from diffuse_ui.views.results.base import PanelsTab, VariableGroups
from diffuse_ui.views.results.plots import ComparisonPlot
from diffuse_ui.views.widgets import with_units

__all__ = ["SpectrumTab"]


class SpectrumTab(PanelsTab):
    """One panel for each variable, on logarithmic axes."""

    name, label = "spectrum", "Spectrum"

    def build(self) -> None:
        super().build()
        self.groups = VariableGroups(self.session.state.layout.variables, self._regroup)
        self.controls = [self.groups.select] if self.groups.select.visible else []
        self._use()
        self.note.object = "Mean power at each frequency; frequency 0 (the mean) is left out. Bands: 95 %."

    def _regroup(self) -> None:
        self._use()
        self.changed()

    def _use(self) -> None:
        layout = self.session.state.layout
        unit = f"1/{layout.time_units}" if layout.time_units else "cycles per unit of time"
        plots = [
            ComparisonPlot(
                f"spectrum-{name}",
                x_label=f"frequency ({unit})",
                y_label=f"power of {with_units(name, layout.variable_units)}",
                log=True,
            )
            for name in self.groups.names
        ]
        self.use(plots, palette(self.session.look.dark))

    def options(self) -> Hashable:
        return self.groups.names

    def question(self) -> Callable[[], Any]:
        pair, names = self.pair(), self.groups.names
        return lambda: curves.spectra(pair(), names)
