"""The event as text and as sliders, one for each of its numbers; both edit the tree."""

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui import sliders
from diffuse_ui.colors import palette
from diffuse_ui.session import Session
from diffuse_ui.views.parts import html, section

__all__ = ["EventEditor"]

MAX_SLIDERS = 12


class _NumberRow:
    """Name, slider and field of one number, on one line."""

    def __init__(self, entry: sliders.Number, changed: Callable[[Any], None]) -> None:
        self._updating = False
        self.name = pmui.Typography(
            entry.label,
            variant="body2",
            margin=0,
            width=92,
            align="center",
            sx={"fontSize": "12.5px", "color": "text.secondary", "whiteSpace": "nowrap"},
        )
        self.slider = pmui.FloatSlider(
            value=entry.value,
            start=min(entry.low, entry.value),
            end=max(entry.high, entry.value),
            step=entry.step,
            label="",
            show_value=False,
            size="small",
            margin=0,
            align="center",
            sizing_mode="stretch_width",
        )
        self.field = pmui.TextInput(
            value=_number_text(entry.value),
            label="",
            size="small",
            margin=0,
            align="center",
            width=74,
            sx={"& input": {"textAlign": "right", "padding": "4px 8px", "fontSize": "12.5px"}},
        )
        self.slider.param.watch(lambda event: None if self._updating else changed(event.new), "value")
        self.field.param.watch(lambda event: None if self._updating else changed(event.new), "value")
        self.row = pmui.Row(
            self.name,
            self.slider,
            self.field,
            sizing_mode="stretch_width",
            margin=0,
            sx={"gap": "10px", "alignItems": "center"},
        )

    def update(self, entry: sliders.Number) -> None:
        """Show another value; the slider's range only ever grows."""
        self._updating = True
        try:
            low, high = min(entry.low, entry.value), max(entry.high, entry.value)
            if self.slider.start > low or self.slider.end < high:
                self.slider.param.update(start=min(low, self.slider.start), end=max(high, self.slider.end))
            if abs(self.slider.value - entry.value) > 1e-9 * max(1.0, abs(entry.value)):
                self.slider.value = entry.value
            self.field.value = _number_text(entry.value)
        finally:
            self._updating = False


def _number_text(value: float) -> str:
    return f"{value:.6g}"


class EventEditor:
    """The second section of the control column."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.text = pmui.TextAreaInput(
            value=session.state.text,
            placeholder="max(x) > 0.9",
            rows=2,
            max_rows=6,
            auto_grow=True,
            label="",
            sizing_mode="stretch_width",
            margin=0,
            size="small",
            sx={"& textarea": {"fontFamily": "monospace", "fontSize": "13px", "lineHeight": 1.45}},
        )
        self.error = html("", visible=False, margin=(4, 0, 0, 0))
        self.sliders = pmui.Column(sizing_mode="stretch_width", margin=(6, 0, 0, 0), sx={"gap": "2px"})
        self._entries: list[sliders.Number] = []
        self._widgets: list[_NumberRow] = []
        self._updating = False
        self.text.param.watch(lambda event: self._write(event.new), "value")
        session.watch(session.state, ["event", "text", "error"], self._update)
        session.watch(session.store, ["backdrop"], self._update_sliders)
        session.watch(session.look, ["dark"], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return section("Event", self.text, self.error, self.sliders)

    def _write(self, text: str) -> None:
        if not self._updating and text.strip() != self.session.state.text:
            self.session.state.write(text)

    def _update(self) -> None:
        state = self.session.state
        self._updating = True
        try:
            self.text.param.update(value=state.text, error_state=bool(state.error))
        finally:
            self._updating = False
        colour = palette(self.session.look.dark).threshold
        self.error.param.update(
            visible=bool(state.error),
            object=f"<pre role='alert' style='margin:0;white-space:pre-wrap;font-size:12px;line-height:1.4;"
            f"color:{colour}'>{escape(state.error)}</pre>",
        )
        self._update_sliders()

    def _update_sliders(self) -> None:
        state, store = self.session.state, self.session.store
        entries = sliders.numbers(state.event, state.layout, store.backdrop)[:MAX_SLIDERS]
        if [entry.slot for entry in entries] != [entry.slot for entry in self._entries]:
            self._widgets = [
                _NumberRow(entry, partial(self._slide, index)) for index, entry in enumerate(entries)
            ]
            self.sliders.objects = [widget.row for widget in self._widgets]
        self._entries = entries
        self._updating = True
        try:
            for widget, entry in zip(self._widgets, entries):
                widget.update(entry)
        finally:
            self._updating = False

    def _slide(self, index: int, value: Any) -> None:
        if self._updating or value is None or index >= len(self._entries):
            return
        state = self.session.state
        try:
            state.set_event(sliders.with_number(state.event, index, float(value)))
        except ValueError as error:
            state.error = str(error)
            self._widgets[index].update(self._entries[index])
