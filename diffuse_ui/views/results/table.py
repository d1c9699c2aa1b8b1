"""A table: mean and quantiles of each variable, given the event and without it."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import panel_material_ui as pmui

from diffuse_ui.analysis.tables import Row, table
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.style.templates import template
from diffuse_ui.views.results.base import ONE_LINE, Tab, TimeSlider, VariableGroups
from diffuse_ui.views.widgets import html, with_units

__all__ = ["TableTab"]

_STATISTICS = {"mean": "mean", "q0.05": "5 %", "q0.5": "median", "q0.95": "95 %"}
_WHEN = ("at one time", "over all times")
_TABLE = template("""\
<style>
.t { font-size: 13px; color: {{ colours.ink }}; width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.t th { text-align: right; font-weight: 500; color: {{ colours.quiet }}; padding: 4px 10px; border-bottom: 1px solid {{ colours.grid }}; }
.t td { text-align: right; padding: 5px 10px; border-bottom: 1px solid {{ colours.grid }}; white-space: nowrap; }
.t th:first-child, .t td:first-child, .t td.s { text-align: left; padding-left: 2px; }
.t td.s { color: {{ colours.quiet }}; }
.t tr.c td { border-bottom: none; } .t tr.c td.s { color: {{ colours.accent }}; }
.t .e { color: {{ colours.quiet }}; font-size: 11.5px; }
</style>
{%- macro cells(statistics) %}
{%- for value, error in pairs(statistics) %}<td>{{ value }} <span class='e'>± {{ error }}</span></td>
{%- else %}<td class='s' colspan='{{ heads | length }}'>too few for a summary</td>{% endfor %}
{%- endmacro %}
<table class='t'><tr><th>variable</th><th></th>{% for words in heads %}<th>{{ words }}</th>{% endfor %}</tr>
{%- for row in rows %}
<tr class='c'><td rowspan='2'>{{ label(row.name) }}</td><td class='s'>{{ condition }}</td>{{ cells(row.conditional) }}</tr>
<tr><td class='s' style='padding-left:10px'>without it</td>{{ cells(row.reference) }}</tr>
{%- endfor %}
</table>""")


class TableTab(Tab):
    """Table of statistics with their standard errors."""

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
        label = partial(with_units, units=self.session.state.layout.variable_units)
        given = {"condition": self.condition(), "rows": self._rows, "label": label, "pairs": _pairs}
        self.pane.object = _TABLE.render(colours=palette, heads=_STATISTICS.values(), **given)


def _pairs(statistics: dict[str, tuple[float, float]] | None) -> list[tuple[str, str]]:
    """Texts (value, error) of the statistics; none where there are too few for a summary."""
    return [] if statistics is None else [numbers.with_error(*statistics[name]) for name in _STATISTICS]
