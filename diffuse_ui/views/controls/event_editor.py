"""Editor of the event: a text field, and a slider for each number outside formulas."""

import dataclasses
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.sketch.parts import DrawnPart, arranged_parts
from diffuse_ui.style.colors import palette
from diffuse_ui.style.templates import template
from diffuse_ui.views.two_way import TwoWayBinding
from diffuse_ui.views.widgets import html, section
from diffuse_ui.work.session import Session
from kernels.events.syntax.event import Parameter
from kernels.events.syntax.parser import MAX_LENGTH

__all__ = ["EventEditor"]

MAX_SLIDERS = 12
DEBOUNCE = 1  # milliseconds
_LABEL = template("""\
<span style='display:block;font-size:12.5px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis' title='{{ name }}'>
<b>{{ part }}</b> {{ words }}</span>""")
_CAVEATS = template("""\
<div role='note' style='font-size:12px;line-height:1.4;color:{{ colour }}'>{{ words }}</div>""")
_ERROR = template("""\
<pre role='alert' style='margin:0;white-space:pre-wrap;font-size:12px;line-height:1.4;color:{{ colour }}'>{{ words }}</pre>""")


class _NumberRow:
    """Name, slider and field of one number, on one line."""

    def __init__(self, label: str, number: Parameter, changed: Callable[[Any], None]) -> None:
        self.name = html(label, width=104, align="center")
        self.slider = pmui.FloatSlider(
            value=number.value,
            start=number.lower,
            end=number.upper,
            step=_step(number),
            label="",
            show_value=False,
            size="small",
            margin=0,
            align="center",
            sizing_mode="stretch_width",
        )
        self.slider._debounce = DEBOUNCE  # Panel waits 50 ms for further moves before it tells of one
        self.field = pmui.TextInput(
            value=_text(number.value),
            label="",
            size="small",
            margin=0,
            align="center",
            width=74,
            sx={"& input": {"textAlign": "right", "padding": "4px 8px", "fontSize": "12.5px"}},
        )
        self._slider_binding = TwoWayBinding(self.slider, changed)
        self._field_binding = TwoWayBinding(self.field, changed)
        self.row = pmui.Row(
            self.name,
            self.slider,
            self.field,
            sizing_mode="stretch_width",
            margin=0,
            sx={"gap": "10px", "alignItems": "center"},
        )

    def update(self, number: Parameter) -> None:
        """Show another value, and a slider range that contains the value."""
        low, high = min(number.lower, number.value), max(number.upper, number.value)
        if (self.slider.start, self.slider.end) != (low, high):
            self.slider.param.update(start=low, end=high, step=_step(number))
        if abs(self.slider.value - number.value) > 1e-9 * max(1.0, abs(number.value)):
            self._slider_binding.set(number.value)
        self._field_binding.set(_text(number.value))


def _text(value: float) -> str:
    return f"{value:.6g}"


def _step(number: Parameter) -> float:
    """Step of a slider: a power of ten, or a half or a fifth of one; about 500 steps in all."""
    step = 10.0 ** math.ceil(math.log10((number.upper - number.lower) / 500))
    return step if number.upper - number.lower > 200 * step else step / 5


def _label(part: DrawnPart, number: Parameter) -> str:
    """Short label of a number: its part's letter, name and unit; the full name as tooltip."""
    short = re.split(r" of | edge | for | in ", number.name)[0]
    unit = f" ({number.unit})" if number.unit else ""
    return _LABEL.render(part=part.label, words=short + unit, name=number.name)


class EventEditor:
    """Section Event of the control column."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.text = pmui.TextAreaInput(
            value=session.state.text,
            max_length=MAX_LENGTH + 1,  # a page cuts what is longer without a word
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
        self.caveats = html("", visible=False, margin=(4, 0, 0, 0))
        self.sliders = pmui.Column(sizing_mode="stretch_width", margin=(6, 0, 0, 0), sx={"gap": "2px"})
        self._form: list[tuple[str, str]] = []
        self._shown: list[Parameter] = []
        self._rows: list[_NumberRow] = []
        self._ranged: Any = None  # model and structure that the ranges are of
        self._ranges: dict[str, Parameter] = {}
        self._binding = TwoWayBinding(self.text, self._write)
        session.watch(session.state, ["event", "arrangement", "text", "error"], self._update)
        session.watch(session.store, ["hits"], self._update_sliders)
        session.watch(session.look, ["dark"], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return section("Event", self.text, self.error, self.caveats, self.sliders)

    def _write(self, text: str) -> None:
        if text.strip() != self.session.state.text:
            self.session.state.write(text)

    def _update(self) -> None:
        state = self.session.state
        self._binding.set(state.text)
        self.text.error_state = bool(state.error)
        error = _ERROR.render(colour=palette(self.session.look.dark).alarm, words=state.error)
        self.error.param.update(visible=bool(state.error), object=error)
        self._update_caveats()
        self._update_sliders()

    def _update_caveats(self) -> None:
        """Show what an inner window of the event means where it is cut short or has no sample."""
        state = self.session.state
        words = "" if state.event is None or state.error else " ".join(state.event.caveats(state.layout))
        shown = _CAVEATS.render(colour=palette(self.session.look.dark).quiet, words=words)
        self.caveats.param.update(visible=bool(words), object=shown)

    def _update_sliders(self) -> None:
        numbers = self._numbers()[:MAX_SLIDERS]
        parts = arranged_parts(self.session.state.parts)
        labels = [_label(_part_of(parts, number), number) for number in numbers]
        form = [(number.path, label) for number, label in zip(numbers, labels)]
        if form != self._form:
            self._rows = [
                _NumberRow(label, number, partial(self._slide, number.path))
                for label, number in zip(labels, numbers)
            ]
            self.sliders.objects = [row.row for row in self._rows]
        self._form, self._shown = form, numbers
        for row, number in zip(self._rows, numbers):
            row.update(number)

    def _numbers(self) -> list[Parameter]:
        """Numbers of the event, with ranges from the backdrop as soon as these are computed.

        Until then, and between the events of a drag, ranges stay: one that followed its number would run away
        from the hand.
        """
        state, hits = self.session.state, self.session.store.hits
        if state.event is None:
            return []
        numbers, of = state.event.parameters(state.layout), (state.model_name, state.event.structure)
        if self._ranged != of:
            self._ranged, self._ranges = of, {number.path: number for number in numbers}
        if hits is not None and hits.event.structure == state.event.structure:
            self._ranges |= {number.path: number for number in hits.numbers}
        return [
            dataclasses.replace(number, lower=known.lower, upper=known.upper)
            for number in numbers
            if not number.of_formula
            for known in [self._ranges[number.path]]
        ]

    def _slide(self, path: str, value: Any) -> None:
        state = self.session.state
        try:
            state.set_event(state.event.with_parameters({path: float(value)}))
        except ValueError as error:
            state.error = str(error)
            self._update_sliders()


def _part_of(parts: list[DrawnPart], number: Parameter) -> DrawnPart:
    """The shape, or else the part, that a number belongs to."""
    part = next(part for part in parts if not part.muted and number.path.startswith(part.prefix))
    ours = (shape for shape in part.shapes if number.path.startswith(part.prefix + shape.within))
    return next(ours, part)
