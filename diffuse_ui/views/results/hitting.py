"""Distribution of the first time at which the event, or a part of it, holds."""

from collections.abc import Callable, Hashable
from typing import Any

import panel_material_ui as pmui

import kernels
from diffuse_ui.analysis import curves
from diffuse_ui.analysis.curves import Panel
from diffuse_ui.style.colors import palette
from diffuse_ui.views.results.base import PanelsTab
from diffuse_ui.views.results.plots import ComparisonPlot
from kernels.events.semantics.attribution import parts

__all__ = ["HittingTab"]

_WHOLE = "the whole event"


class HittingTab(PanelsTab):
    """One panel: the distribution function of the first-hitting time."""

    name, label, needs_event = "hitting", "First hit", True

    def build(self) -> None:
        super().build()
        units = self.session.state.layout.time_units
        plot = ComparisonPlot(
            "hitting",
            x_label=f"time ({units})" if units else "time",
            y_label="fraction that has hit",
            top=1.02,
        )
        self.use([plot], palette(self.session.look.dark))
        self.part = pmui.Select(
            label="Event or part", options=[_WHOLE], value=_WHOLE, size="small", width=420
        )
        self.part.param.watch(lambda _: self.changed(), "value")
        self.controls = [self.part]
        self._event = ""

    def _follow(self) -> str:
        """Offer the parts of the shown result's event; returns its text."""
        event = str(self.session.store.result.spec.event)  # pyright: ignore[reportOptionalMemberAccess]
        if event != self._event:
            self._event = event
            terms = parts(kernels.parse_event(event))
            names = [_WHOLE, *dict.fromkeys(map(str, terms))] if len(terms) > 1 else [_WHOLE]
            self.part.param.update(options=names, value=_WHOLE, visible=len(names) > 1)
        return event

    def options(self) -> Hashable:
        self._follow()
        return self.part.value

    def question(self) -> Callable[[], Any]:
        event, pair, layout = self._follow(), self.pair(), self.session.state.layout
        texts = [str(term) for term in parts(kernels.parse_event(event))]
        part = None if self.part.value == _WHOLE else texts.index(self.part.value)
        return lambda: curves.hitting_times(pair(), event, part, layout)

    def show(self, answer: Panel) -> None:
        super().show([answer])
        self.note.object = (
            "Fraction of the trajectories in which it is certain, by each time, that it happens; bands: 95 %."
        )
