"""A table: mean and quantiles of each variable, given the event and without it."""

from collections.abc import Callable, Hashable, Sequence
from html import escape
from typing import Any

import panel_material_ui as pmui

from diffuse_ui.analysis.tables import Row, table
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.views.results.base import ONE_LINE, Tab, TimeSlider, VariableGroups
from diffuse_ui.views.widgets import html, with_units

__all__ = ["TableTab"]

_STATISTICS = {"mean": "mean", "q0.05": "5 %", "q0.5": "median", "q0.95": "95 %"}
_WHEN = ("at one time", "over all times")
_STYLE = """
.t {{ font-size: 13px; color: {ink}; width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }}
.t th {{ text-align: right; font-weight: 500; color: {quiet}; padding: 4px 10px; border-bottom: 1px solid {grid}; }}
.t td {{ text-align: right; padding: 5px 10px; border-bottom: 1px solid {grid}; white-space: nowrap; }}
.t th:first-child, .t td:first-child, .t td.s {{ text-align: left; padding-left: 2px; }}
.t td.s {{ color: {quiet}; }}
.t tr.c td {{ border-bottom: none; }} .t tr.c td.s {{ color: {accent}; }}
.t .e {{ color: {quiet}; font-size: 11.5px; }}
"""


class TableTab(Tab):
    """Numbers with their standard errors."""

    name, label = "table", "Table"

    def build(self) -> None:
        self.pane = html("")
        self.time = TimeSlider(self.session)
        self.groups = VariableGroups(self.session.state.layout.variables, self.changed)
        self.when = pmui.RadioButtonGroup(
            options=list(_WHEN), value=_WHEN[0], size="small", margin=0, sx=ONE_LINE
        )
        self.when.param.watch(lambda _: self._switched(), "value")
        self.controls = [self.when, self.time.slider, self.groups.select]
        self._rows: Sequence[Row] = ()

    def _switched(self) -> None:
        self.time.slider.visible = self.when.value == _WHEN[0]
        self.changed()

    def moved(self) -> None:
        self.time.follow()
        self.changed()

    def body(self) -> Any:
        return self.pane

    def options(self) -> Hashable:
        return self._time(), self.groups.names

    def _time(self) -> float | None:
        return self.time.time if self.when.value == _WHEN[0] else None

    def question(self) -> Callable[[], Any]:
        pair, time, names = self.pair(), self._time(), self.groups.names
        return lambda: table(pair(), time, names)

    def show(self, answer: Sequence[Row]) -> None:
        self._rows = answer
        self.paint(palette(self.session.look.dark))
        layout = self.session.state.layout
        time = self._time()
        when = "over all times" if time is None else f"at time {numbers.with_unit(time, layout.time_units)}"
        self.note.object = f"Values {when}, each with its standard error."

    def paint(self, palette: Palette) -> None:
        style = _STYLE.format(ink=palette.ink, quiet=palette.quiet, grid=palette.grid, accent=palette.accent)
        heads = "".join(f"<th>{escape(words)}</th>" for words in _STATISTICS.values())
        units = self.session.state.layout.variable_units
        body = "".join(_row(row, with_units(row.name, units), self.condition()) for row in self._rows)
        self.pane.object = (
            f"<style>{style}</style><table class='t'><tr><th>variable</th><th></th>{heads}</tr>{body}</table>"
        )


def _row(row: Row, label: str, condition: str) -> str:
    given, without = _cells(row.conditional), _cells(row.reference)
    return (
        f"<tr class='c'><td rowspan='2'>{escape(label)}</td><td class='s'>{condition}</td>{given}</tr>"
        f"<tr><td class='s' style='padding-left:10px'>without it</td>{without}</tr>"
    )


def _cells(statistics: dict[str, tuple[float, float]] | None) -> str:
    if statistics is None:
        return f"<td class='s' colspan='{len(_STATISTICS)}'>too few for a summary</td>"
    pairs = (numbers.with_error(*statistics[name]) for name in _STATISTICS)
    return "".join(f"<td>{value} <span class='e'>± {error}</span></td>" for value, error in pairs)
