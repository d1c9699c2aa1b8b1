"""History of the last runs: compare two on common axes, or restore the choices of one."""

from collections.abc import Callable, Hashable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.analysis import curves
from diffuse_ui.analysis.curves import Bands
from diffuse_ui.analysis.ensembles import drawn_by
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.style.templates import template
from diffuse_ui.views.results.base import Tab, VariableGroups
from diffuse_ui.views.results.fans import NUM_ENSEMBLES, FanPlots, ensemble_colours
from diffuse_ui.views.widgets import html, method_label
from diffuse_ui.work.store import Result
from kernels.recordings.when import when_text

__all__ = ["RunsTab"]

_KINDS = {"guided": "guided, approximate", "exact": "exact", "unconditional": "no event"}
_RUN = template("""\
<div style='display:flex;gap:16px;align-items:baseline;font-size:12.5px;line-height:1.45;padding:4px 0'>
<div style='flex:1;min-width:0;overflow-wrap:anywhere'><code style='background:none;padding:0'>{{ event }}</code>
<div style='opacity:0.7;font-size:11.5px'>{{ how }}</div></div><div style='font-weight:500;white-space:nowrap'>{{ found }}</div></div>""")
_KEY = template("""<div style='font-size:12.5px'>{% for row, colour in rows -%}
<span style='color:{{ colour }};margin-right:20px'>{{ "━━" if loop.first else "╍╍" }} run {{ row.result.number }}</span>
{%- else %}Tick one run or two to see them on common axes.{% endfor %}</div>""")


class _RunRow:
    """Row of one run: a checkbox to show it, its description, and a restore button."""

    def __init__(self, tab: "RunsTab", result: Result) -> None:
        self.result = result
        self.chosen = pmui.Checkbox(
            value=False, label=f"Run {result.number}", size="small", margin=0, align="center"
        )
        self.words = html(_words(result), align="center")
        self.restore = pmui.IconButton(
            icon="settings_backup_restore",
            size="small",
            margin=0,
            color="default",
            align="center",
            description=f"Restore the choices of run {result.number}",
        )
        self.chosen.param.watch(lambda event: tab.choose(self, bool(event.new)), "value")
        self.restore.on_click(lambda _: tab.restore(self.result))
        self.row = pmui.Row(
            self.chosen,
            self.words,
            self.restore,
            sizing_mode="stretch_width",
            margin=0,
            sx={"gap": "8px", "alignItems": "center", "borderBottom": "1px solid", "borderColor": "divider"},
        )


class RunsTab(Tab):
    """List of runs, newest first, and the fans of the ticked ones."""

    name, label = "runs", "Runs"
    needs_result, has_legend = False, False

    def build(self) -> None:
        self.rows: list[_RunRow] = []
        self.picked: list[_RunRow] = []
        self.list = pmui.Column(sizing_mode="stretch_width", margin=(0, 0, 8, 0))
        self.key = html("")
        self.pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self.groups = VariableGroups(self.session.state.layout.variables, self.changed)
        self.controls = [self.groups.select] if self.groups.select.visible else []
        self.plots: FanPlots | None = None
        self._drawn: Hashable = None
        self.refresh()

    def body(self) -> Any:
        return pn.Column(self.list, self.key, self.pane, sizing_mode="stretch_width", margin=0)

    def refresh(self) -> None:
        """Update the list from the history; rows of runs that are still listed stay."""
        known = {row.result.number: row for row in self.rows}
        history = self.session.store.history[::-1]
        rows = [known.get(result.number) or _RunRow(self, result) for result in history]
        if rows == self.rows:
            return
        self.rows = rows
        self.picked = [row for row in self.picked if row in rows]
        if not self.picked and rows:
            self.picked = rows[:1]
            rows[0].chosen.value = True
        self.list.objects = [row.row for row in rows]

    def choose(self, row: _RunRow, chosen: bool) -> None:
        """Tick or untick a run; a third tick unticks the first."""
        if chosen == (row in self.picked):
            return
        self.picked = [*self.picked, row] if chosen else [other for other in self.picked if other is not row]
        while len(self.picked) > NUM_ENSEMBLES:
            first = self.picked.pop(0)
            first.chosen.value = False
        self.changed()

    def restore(self, result: Result) -> None:
        """Restore the choices of a run."""
        try:
            self.session.state.from_spec(result.spec)
        except ValueError as error:
            self.session.look.warning = str(error)

    def options(self) -> Hashable:
        return tuple(row.result.number for row in self.picked), self.groups.names

    def question(self) -> Callable[[], Any]:
        datasets = [row.result.dataset for row in self.picked]
        return lambda: [curves.bands(dataset) for dataset in datasets if dataset is not None]

    def show(self, answer: list[Bands]) -> None:
        names = self.groups.names
        placed = [bands if set(names) <= set(bands.names) else None for bands in answer]
        shown = [bands for bands in placed if bands is not None]
        self.note.object = ""
        if len(shown) < len(answer):
            self.note.object = "A run of another model has other variables, and is left out."
        if shown:
            self._plots(names, shown).show(placed)
        self.pane.visible = bool(shown)
        self._update_key()

    def _plots(self, names: tuple[str, ...], shown: list[Bands]) -> FanPlots:
        """Fan panels, rebuilt only for other variables or times."""
        layout = self.session.state.layout
        wanted = names, float(shown[0].times[0]), float(max(b.times[-1] for b in shown))
        if self.plots is None or self._drawn != wanted:
            self._drawn = wanted
            times = max((bands.times for bands in shown), key=lambda t: t[-1])
            units, time_units = layout.variable_units, layout.time_units
            self.plots = FanPlots(names, times, units=units, time_units=time_units)
            self.plots.paint(palette(self.session.look.dark))
            self.pane.object = self.plots.layout
        return self.plots

    def paint(self, palette: Palette) -> None:
        if self.plots is not None:
            self.plots.paint(palette)
        self._update_key()

    def _update_key(self) -> None:
        """Show which colour belongs to which run."""
        colours = ensemble_colours(palette(self.session.look.dark))
        self.key.object = _KEY.render(rows=zip(self.picked, colours, strict=False))


def _words(result: Result) -> str:
    """Description of a run: event, probability, and how it was sampled."""
    spec, estimate = result.spec, result.probability
    event = "no event" if spec.event is None else str(spec.event)
    if spec.given:
        event = f"{event} given {spec.given}"
    if spec.when:
        event = f"{event}, {when_text(spec.when)}"
    found = ""
    if estimate is not None:
        value = numbers.probability(estimate.value, estimate.standard_error, estimate.interval[1])
        found = f"P {value}" if value.startswith("<") else f"P = {value}"
    method = "" if estimate is None else f"{method_label(estimate.method)}, "
    model = spec.model if isinstance(spec.model, str) else spec.model.name
    drawn = "" if result.dataset is None else f", {drawn_by(result.dataset)}"
    how = f"{_KINDS.get(result.ensemble, '')}, {method}{spec.num_samples} trajectories{drawn}, seed {spec.seed}, {model}"
    return _RUN.render(event=event, how=how, found=found)
