"""The probability with its interval, reference numbers, and how reliable they are."""

from typing import Any

import panel as pn

from diffuse_ui.analysis.ensembles import is_member
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.style.templates import template
from diffuse_ui.views.widgets import html, method_label, section
from diffuse_ui.work.session import Session
from diffuse_ui.work.store import Result, Store

__all__ = ["ResultPanel", "ensemble_words"]

_MEANINGS = {
    "simulator": "the true system, by {} simulations",
    "data": "frequency in held-out data",
    "training": "frequency in the data it was trained on",
    "peaks": "peaks over threshold: the Pareto tail of {} peaks",
    "model": "the network, by {} unguided samples",
}
_TRUST = {  # status → heading; an estimate that is fine needs none
    "uncorroborated": "Nothing else confirms this number",
    "few_chains": "Too few chains for this error",
    "contradicts_record": "The record says otherwise",
    "beyond_record": "Beyond the record: an extrapolation",
    "few_in_record": "Seen a few times in the record",
    "no_record_error": "Without the record's own error",
    "unreliable": "Do not trust this number",
    "no_hits": "Only an upper bound",
    "budget_exhausted": "The budget ran out",
}
_PANEL = template("""\
<style>
.r { font-size: 13px; line-height: 1.45; color: {{ colours.ink }}; }
.r .big { font-size: 25px; line-height: 1.25; font-weight: 500; letter-spacing: -0.01em; }
.r .big.old { color: {{ colours.quiet }}; }
.r .quiet, .r td.quiet { color: {{ colours.quiet }}; }
.r .pill { display: inline-block; border: 1px solid; border-radius: 9px; padding: 0 7px; font-size: 11.5px;
  line-height: 17px; margin: 0 6px 0 0; vertical-align: 1px; }
.r .warn { border-left: 3px solid {{ colours.threshold }}; padding: 2px 0 2px 9px; margin: 8px 0; }
.r .say { margin: 8px 0; }
.r table { width: 100%; border-collapse: collapse; margin: 8px 0 2px; }
.r td { padding: 4px 0; border-top: 1px solid {{ colours.grid }}; vertical-align: baseline; }
.r td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; padding-left: 8px; }
</style><div class='r' role='status'>{{ body | safe }}</div>""")  # which is of the templates below
_HEADLINE = template("""\
<div class='big{{ old }}' data-probability='{{ estimate.value | float }}' data-final='{{ (stage in ("exact", "done")) | lower }}'>
{{- "P " if value.startswith("<") else "P = " }}{{ value }}</div><div class='quiet'>95 % interval {{ interval }}
{%- if parts %} <span style='white-space:nowrap'>({{ parts }})</span>{% endif %}</div>""")
_ENSEMBLE = template("""<div class='say'>{% for colour, words in pills -%}
<span class='pill' style='color:{{ colour }};border-color:{{ colour }}'>{{ words }}</span>{% endfor %}{{ said }}.</div>""")
_TRUSTED = template("""{% if heading %}<div class='warn'><b>{{ heading }}.</b> {{ words }}</div>
{%- else %}<div class='say quiet'>{{ words }}</div>{% endif %}""")
_NUMBERS = template("""<table>{% for name, meaning, value in rows %}
<tr><td>{{ name }}<div class='quiet' style='font-size:11.5px'>{{ meaning }}</div></td><td class='n'>{{ value }}</td></tr>
{%- endfor %}</table>""")
_HITS = template("""<div class='say'>{{ hits.count }} of {{ hits.total }} {{ kind }} trajectories{{ which }} meet this event
{%- if share %} <span class='quiet'>({{ share }})</span>{% endif %}.</div>""")


class ResultPanel:
    """Section Result of the control column."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.pane = html("", min_height=120)
        session.watch(session.store, ["result", "hits", "status", "error"], self._update)
        session.watch(session.state, ["event", "given", "model"], self._update)
        session.watch(session.look, ["dark"], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return section("Result", self.pane)

    def _update(self) -> None:
        colours = palette(self.session.look.dark)
        text = _PANEL.render(colours=colours, body=_body(self.session.store, colours))
        if text != self.pane.object:
            self.pane.object = text


def _body(store: Store, colours: Palette) -> str:
    result: Result | None = store.result
    if result is None or (result.probability is None and store.state.event is None):
        return _hits_words(store) + ("" if result is None else _ensemble_line(result, store.stale, colours))
    return "".join(
        [
            _headline(result, store.stale),
            _ensemble_line(result, store.stale, colours),
            _trust(result),
            _table(result),
            _hits_words(store) if store.stale or result.live else "",
        ]
    )


def _headline(result: Result, stale: bool) -> str:
    estimate = result.probability
    old = " old" if stale else ""
    if estimate is None:
        asked = result.spec.event is not None and result.spec.estimator is not None
        coming = asked and not result.live and result.snapshot.stage != "done"
        return f"<div class='big{old}'>P = …</div>" if coming else ""
    parts = numbers.error_parts(estimate.value, estimate.sampling_error, estimate.record_error)
    said = {"value": _value_words(estimate), "interval": numbers.span(estimate.interval), "parts": parts}
    return _HEADLINE.render(old=old, estimate=estimate, stage=result.snapshot.stage, **said)


def _value_words(estimate: Any) -> str:
    return numbers.probability(estimate.value, estimate.standard_error, estimate.interval[1])


def ensemble_words(result: Result) -> str:
    """Kind and size of the ensemble in words: guided (approximate), exact, or unconditional."""
    if result.dataset is None:
        return ""
    count = int(is_member(result.dataset).sum())
    total = result.dataset.sizes["sample"]
    if result.ensemble == "guided" and result.spec.event is None:
        return f"approximate: {total} trajectories guided to the observed values"
    if result.ensemble == "guided":
        return f"approximate: {count} of {total} guided trajectories meet the event"
    worth = result.dataset.attrs.get("ess")
    rest = "" if worth is None else f", worth {worth} independent ones"
    if result.ensemble == "exact" and result.dataset.attrs.get("mixing", "mixed") != "mixed":
        return f"not mixed: {count} trajectories from chains in the event{rest}"
    if result.ensemble == "exact":
        return f"exact: {count} trajectories drawn from the model, given the event{rest}"
    return f"{total} trajectories drawn from the model, no event"


def _ensemble_line(result: Result, stale: bool, colours: Palette) -> str:
    words = ensemble_words(result)
    if not words:
        return ""
    kind, _, rest = words.partition(": ")
    pills = [(colours.accent if kind == "exact" else colours.alarm, kind)] if rest else []
    pills += [(colours.alarm, "stale: the event has changed")] if stale else []
    return _ENSEMBLE.render(pills=pills, said=rest or words)


def _trust(result: Result) -> str:
    estimate = result.probability
    if estimate is None and result.dataset is not None and result.dataset.attrs.get("caveats"):
        return _TRUSTED.render(heading="", words=result.dataset.attrs["caveats"])
    if estimate is None or not estimate.message:
        return ""
    return _TRUSTED.render(heading=_TRUST.get(estimate.status), words=estimate.message)


def _table(result: Result) -> str:
    rows: list[tuple[str, str, str]] = []
    estimate, same = result.probability, ""
    for name in (name for name in _MEANINGS if name in result.references):
        found = result.references[name]
        meaning = _MEANINGS[name].format(numbers.grouped(found.diagnostics.get("num_samples", 0)))
        meaning += f", 95 % interval {numbers.span(found.interval)}" if name == "peaks" else ""
        if found is estimate:
            same = name
        value = (
            numbers.probability(found.value, None, found.interval[1])
            if name == "peaks"
            else _value_words(found)
        )
        rows.append((f"{name} = estimate" if name == same else name, meaning, value))
    if estimate is not None and rows and not same:
        rows.append(("estimate", method_label(estimate.method), _value_words(estimate)))
    return _NUMBERS.render(rows=rows) if rows else ""


def _hits_words(store: Store) -> str:
    hits, backdrop = store.hits, store.backdrop
    if store.state.event is None:
        return "<div class='quiet'>Draw on the curves, then press Run.</div>"
    if hits is None or backdrop is None:
        return "<div class='quiet'>Press Run.</div>"
    kind = {"simulator": "simulated", "data": "held-out"}.get(backdrop.attrs.get("source"), "unconditional")
    which = "" if hits.total == hits.known.size else " that meet what is observed"
    if hits.total == 0:
        return f"<div class='say'>None of {hits.known.size} {kind} trajectories meets what is observed.</div>"
    share = hits.count / max(hits.total, 1)
    error = (share * (1 - share) / max(hits.total, 1)) ** 0.5
    value = numbers.probability(share, error or None, 3 / max(hits.total, 1))
    # windows of a recording overlap: the comparison after a run has the error of their fraction
    return _HITS.render(hits=hits, kind=kind, which=which, share="" if kind == "held-out" else value)
