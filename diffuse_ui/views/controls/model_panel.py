"""Choice of the model, its card, and the observed values of the trajectory."""

from html import escape
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

import kernels
from diffuse_ui.style.numbers import with_unit
from diffuse_ui.style.templates import template
from diffuse_ui.views.controls.model_card import card_rows
from diffuse_ui.views.controls.own_data import OwnData
from diffuse_ui.views.two_way import TwoWayBinding
from diffuse_ui.views.widgets import caption, details, html, section
from diffuse_ui.work.session import Session
from kernels.events.syntax.parser import MAX_LENGTH

__all__ = ["ModelPanel"]

_CARD = template("""<dl style='font-size:12.5px;line-height:1.4;margin:2px 0'>{% for name, words in rows %}
<dt style='opacity:0.7'>{{ name }}</dt><dd style='margin:0 0 5px;overflow-wrap:anywhere'>{{ words }}</dd>{% endfor %}</dl>""")


class ModelPanel:
    """Section Model of the control column."""

    def __init__(self, session: Session) -> None:
        self.session = session
        state = session.state
        self.model = pmui.Select(
            label="",
            options=list(dict.fromkeys([state.model_name, *kernels.available_models()])),
            value=state.model_name,
            size="small",
            sizing_mode="stretch_width",
            margin=0,
        )
        # models that were handed over, and cannot be found by their names
        self._handed: dict[str, Any] = {state.model_name: state.model}
        self.card = caption(margin=(4, 2, 2, 2))
        self.given = pmui.TextInput(
            label="",
            placeholder="at(x, 0) == 0.4 tolerance 0.1",
            value=state.given,
            max_length=MAX_LENGTH + 1,  # a page cuts what is longer without a word
            size="small",
            sizing_mode="stretch_width",
            margin=(4, 0, 0, 0),
        )
        self.known = details("Observed: nothing", self.given)
        self.rows = html("")
        self.more = details("Model card", self.rows)
        self.own = OwnData(session, self._choose)
        self.model.param.watch(lambda event: self._choose(event.new), "value")
        self._binding = TwoWayBinding(self.given, self._know)
        session.watch(state, ["model", "given", "given_error"], self._update)
        session.watch(session.store, ["training"], self._list)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return section("Model", self.model, self.card, self.more, self.known, self.own)

    def _choose(self, name: str) -> None:
        state = self.session.state
        if name == state.model_name:
            return
        try:
            if self.session.served and name not in {*self._handed, *kernels.available_models()}:
                raise ValueError(
                    "`model` must be one of the list: a served page reads no paths of the server's disk."
                )
            state.choose_model(self._handed.get(name, name))
        except ValueError as error:
            self.session.look.warning = str(error)
            self.model.value = state.model_name

    def _know(self, text: str) -> None:
        self.session.state.know(text)

    def _list(self) -> None:
        """Update the list of models, to which a training may have added one."""
        here = [self.session.state.model_name, *self._handed]
        names = list(dict.fromkeys([*here, *kernels.available_models()]))
        if sorted(names) != sorted(self.model.options):
            self.model.options = names

    def _update(self) -> None:
        state = self.session.state
        if not isinstance(state.model, str | Path):
            self._handed[state.model_name] = state.model
        if state.model_name not in self.model.options:
            self._list()
        self.model.value = state.model_name
        model = state.load()
        self.card.object = _card_line(model)
        self.rows.object = _CARD.render(rows=card_rows(model))
        wrong = bool(state.given_error)
        if not wrong:
            self._binding.set(state.given)
        self.given.param.update(error_state=wrong, helper_text=state.given_error)
        self.known.title = f"Observed: {escape(_short(state.given))}"


def _short(given: str) -> str:
    """Observed values as text, or their number if there are several."""
    points = given.count(" and ") + 1
    return given or "nothing" if points == 1 else f"{points} points"


def _card_line(model: Any) -> str:
    layout = model.layout
    end = with_unit(float(layout.times[-1]), layout.time_units)
    names = ", ".join(layout.variables[:4]) + (" …" if layout.num_variables > 4 else "")
    return f"{names}: {layout.num_times} times, 0 to {end}"
