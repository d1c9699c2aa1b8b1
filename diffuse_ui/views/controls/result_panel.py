"""The probability with its interval, the three numbers, and in words how far to trust them."""

from html import escape
from typing import Any

import panel as pn

from diffuse_ui.analysis.ensembles import is_member
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.views.widgets import METHOD_NAMES, html, section
from diffuse_ui.work.session import Session
from diffuse_ui.work.store import Result, Store

__all__ = ["ResultPanel", "ensemble_words"]

_MEANINGS = {
    "simulator": "the true system, by {} simulations",
    "data": "frequency in held-out data",
    "training": "frequency in the data it was trained on",
    "model": "the network, by {} unguided samples",
}
_TRUST = {  # status → heading; an estimate that is fine needs none
    "unreliable": "Do not trust this number",
    "no_hits": "Only an upper bound",
    "budget_exhausted": "The budget ran out",
}
_STYLE = """
.r {{ font-size: 13px; line-height: 1.45; color: {ink}; }}
.r .big {{ font-size: 25px; line-height: 1.25; font-weight: 500; letter-spacing: -0.01em; }}
.r .big.old {{ color: {quiet}; }}
.r .quiet, .r td.quiet {{ color: {quiet}; }}
.r .pill {{ display: inline-block; border: 1px solid; border-radius: 9px; padding: 0 7px; font-size: 11.5px;
  line-height: 17px; margin: 0 6px 0 0; vertical-align: 1px; }}
.r .warn {{ border-left: 3px solid {threshold}; padding: 2px 0 2px 9px; margin: 8px 0; }}
.r .say {{ margin: 8px 0; }}
.r table {{ width: 100%; border-collapse: collapse; margin: 8px 0 2px; }}
.r td {{ padding: 4px 0; border-top: 1px solid {grid}; vertical-align: baseline; }}
.r td.n {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; padding-left: 8px; }}
"""


class ResultPanel:
    """The last section of the control column."""

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
        style = _STYLE.format(
            ink=colours.ink, quiet=colours.quiet, grid=colours.grid, threshold=colours.threshold
        )
        body = _body(self.session.store, colours)
        text = f"<style>{style}</style><div class='r' role='status'>{body}</div>"
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
    value = numbers.probability(estimate.value, estimate.standard_error, estimate.interval[1])
    sign = "" if value.startswith("<") else "= "
    final = str(result.snapshot.stage in ("exact", "done")).lower()
    return (
        f"<div class='big{old}' data-probability='{float(estimate.value)!r}' data-final='{final}'>"
        f"P {sign}{escape(value)}</div>"
        f"<div class='quiet'>95 % interval {escape(numbers.span(estimate.interval))}</div>"
    )


def ensemble_words(result: Result) -> str:
    """What the curves are: guided (approximate), exact, or unconditional."""
    if result.dataset is None:
        return ""
    count = int(is_member(result.dataset).sum())
    total = result.dataset.sizes["sample"]
    if result.ensemble == "guided" and result.spec.event is None:
        return f"approximate: {total} trajectories guided to what is known"
    if result.ensemble == "guided":
        return f"approximate: {count} of {total} guided trajectories meet the event"
    if result.ensemble == "exact" and result.dataset.attrs.get("mixing", "mixed") != "mixed":
        worth = result.dataset.attrs.get("effective_size")
        rest = "" if worth is None else f", worth {worth} independent ones"
        return f"not mixed: {count} trajectories from chains in the event{rest}"
    if result.ensemble == "exact":
        return f"exact: {count} trajectories drawn from the model, given the event"
    return f"{total} trajectories drawn from the model, no event"


def _ensemble_line(result: Result, stale: bool, colours: Palette) -> str:
    words = ensemble_words(result)
    if not words:
        return ""
    kind, _, rest = words.partition(": ")
    pills = ""
    if rest:
        colour = colours.accent if kind == "exact" else colours.alarm
        pills = f"<span class='pill' style='color:{colour};border-color:{colour}'>{kind}</span>"
    if stale:
        colour = colours.alarm
        style = f"color:{colour};border-color:{colour}"
        pills += f"<span class='pill' style='{style}'>stale: the event has changed</span>"
    return f"<div class='say'>{pills}{escape(rest or words)}.</div>"


def _trust(result: Result) -> str:
    estimate = result.probability
    if estimate is None or not estimate.message:
        return ""
    heading = _TRUST.get(estimate.status)
    words = escape(estimate.message)
    if heading:
        return f"<div class='warn'><b>{heading}.</b> {words}</div>"
    return f"<div class='say quiet'>{words}</div>"


def _table(result: Result) -> str:
    rows: list[tuple[str, str, Any]] = []
    estimate, same = result.probability, ""
    for name in (name for name in _MEANINGS if name in result.references):
        found = result.references[name]
        meaning = _MEANINGS[name].format(numbers.grouped(found.diagnostics.get("num_samples", 0)))
        if found is estimate:
            same = name
        rows.append((f"{name} = estimate" if name == same else name, meaning, found))
    if estimate is not None and rows and not same:
        rows.append(("estimate", METHOD_NAMES.get(estimate.method, str(estimate.method)), estimate))
    cells = (
        f"<tr><td>{escape(name)}<div class='quiet' style='font-size:11.5px'>{escape(meaning)}</div></td>"
        f"<td class='n'>{escape(numbers.probability(p.value, p.standard_error, p.interval[1]))}</td></tr>"
        for name, meaning, p in rows
    )
    return f"<table>{''.join(cells)}</table>" if rows else ""


def _hits_words(store: Store) -> str:
    hits, backdrop = store.hits, store.backdrop
    if store.state.event is None:
        return "<div class='quiet'>Draw on the curves, then press Run.</div>"
    if hits is None or backdrop is None:
        return "<div class='quiet'>Press Run.</div>"
    kind = {"simulator": "simulated", "data": "held-out"}.get(backdrop.attrs.get("source"), "unconditional")
    share = hits.count / max(hits.total, 1)
    error = (share * (1 - share) / max(hits.total, 1)) ** 0.5
    value = numbers.probability(share, error or None, 3 / max(hits.total, 1))
    # windows of a recording overlap: how sure their share is, the comparison beside a run says
    about = "" if kind == "held-out" else f" <span class='quiet'>({escape(value)})</span>"
    return f"<div class='say'>{hits.count} of {hits.total} {kind} trajectories meet this event{about}.</div>"
