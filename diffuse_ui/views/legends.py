"""Legends of the curves' colours, one line each: above the canvas and above the tabs."""

from collections.abc import Iterator
from typing import Any

from diffuse_ui.analysis.ensembles import MIN_EFFECTIVE, condition, ess_of, is_member, is_summarizable
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.style.templates import template
from diffuse_ui.views.widgets import html
from diffuse_ui.work.session import Session
from diffuse_ui.work.store import Result

__all__ = ["CanvasLegend", "legend"]

_SOURCES = {"simulator": "simulated", "data": "held-out data"}
_LINE = template("""\
<div style='font-size:12.5px;color:{{ colours.quiet }};line-height:1.6;display:flex;flex-wrap:wrap;column-gap:20px'>
{%- for colour, line, words in entries %}<span style='white-space:nowrap'>
<span style='display:inline-block;width:22px;border-top:{{ line }} {{ colour }};vertical-align:4px;margin-right:7px'></span>
{{- words }}</span>{% endfor %}
{%- if stale %}<span style='white-space:nowrap;color:{{ colours.alarm }}'>stale: the event has changed since</span>{% endif %}
</div>""")
_Entry = tuple[str, str, str]  # colour, width and dash, words


class CanvasLegend:
    """Legend of the curves that the canvas shows."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.pane = html("", sizing_mode=None)
        session.watch(session.store, ["result", "hits", "backdrop"], self._update)
        session.watch(session.state, ["event", "given", "model"], self._update)
        session.watch(session.look, ["display", "view", "dark"], self._update)
        self._update()

    def __panel__(self) -> Any:
        return self.pane

    def _update(self) -> None:
        text = _LINE.render(entries=self._entries(), colours=palette(self.session.look.dark), stale=False)
        if text != self.pane.object:
            self.pane.object = text

    def _entries(self) -> Iterator[_Entry]:
        store, look, colours = self.session.store, self.session.look, palette(self.session.look.dark)
        source = "" if store.backdrop is None else _source(store.backdrop)
        known = store.result is not None and store.result.dataset is not None
        if source:
            yield colours.backdrop, "1px solid", source
        if source and not (known and not store.stale) and store.hits is not None:
            yield colours.hits, "1px solid", "meet the event"
        if not known:
            return
        dataset = store.result.dataset
        words = condition(dataset)
        if look.display != "curves" and look.view == "time series" and is_summarizable(dataset):
            words += ": median, 25–75 %, 5–95 %"
        yield colours.accent, "2px solid", words
        if look.display != "fan" and not store.stale and not is_member(dataset).all():
            yield colours.miss, "1px solid", "guided, miss the event"


def legend(result: Result, backdrop: Any, stale: bool, colours: Palette, *, dashed: bool = True) -> str:
    """Legend of a tab's two kinds of curves; it says if the ensemble is approximate or small."""
    source = "" if backdrop is None else _source(backdrop)
    kind = {"guided": ", approximate (guided)", "exact": ", exact"}
    words = condition(result.dataset) + kind.get(result.ensemble, "")
    colour = colours.accent
    if result.dataset is not None and not is_summarizable(result.dataset):
        words, colour = f"{words}: {_few(result)}", colours.hits
    entries = [(colour, "2px solid", words)]
    if backdrop is not None:
        other = "for comparison" if result.spec.event is None else "without the event"
        entries.append((colours.backdrop, "2px dashed" if dashed else "2px solid", f"{other} ({source})"))
    return _LINE.render(entries=entries, colours=colours, stale=stale)


def _source(backdrop: Any) -> str:
    """Source of the backdrop's trajectories in words."""
    return _SOURCES.get(str(backdrop.attrs.get("source")), "model")


def _few(result: Result) -> str:
    """Reason in words why there is no summary of the hits."""
    dataset = result.dataset
    assert dataset is not None  # noqa: S101 - asked for results with an ensemble
    count = int(is_member(dataset).sum())
    size = ess_of(dataset)
    if size < MIN_EFFECTIVE <= count:
        return f"{count} hits with an effective number of {size:.0f} < {MIN_EFFECTIVE:.0f}; only single hits, unweighted"
    return f"{count} hits; only single hits, unweighted"
