"""Descriptions: event → plain English, "x rises above 1.2 at some time between 2 and 4"."""

from kernels.events.syntax.event import Event, face
from kernels.events.syntax.expressions import Expression
from kernels.events.syntax.functions import At, Reduction
from kernels.events.syntax.predicates import (
    Always,
    And,
    Between,
    Comparison,
    Equality,
    Eventually,
    Noisy,
    Not,
    Or,
    Until,
)
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import Window, printed
from kernels.events.syntax.units import unit_of
from kernels.trajectories.layout import Layout

__all__ = ["describe"]

_RELATION = {">": "above", "<": "below", ">=": "at least", "<=": "at most"}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
_NOUNS = {
    "max": "the maximum",
    "min": "the minimum",
    "mean": "the mean",
    "integral": "the integral",
    "std": "the standard deviation",
    "range": "the range",
    "final": "the final value",
}


@face
def describe(event: Event, layout: Layout | None = None) -> str:
    """Describe the event in plain English, with units when a layout is given."""
    return _Words(layout).event(event, nested=False)


class _Words:
    """Writer of sentences, with the units of one layout; `nested` times are relative."""

    def __init__(self, layout: Layout | None) -> None:
        self._layout = layout

    # -- pieces ------------------------------------------------------------------------------

    def _value(self, value: float, signal: Expression) -> str:
        unit = unit_of(signal, self._layout)
        return f"{printed(value)} {unit}".rstrip()

    def _time(self, value: float) -> str:
        return f"{printed(value)} {self._layout.time_units if self._layout else ''}".rstrip()

    def _span(self, window: Window, *, nested: bool) -> str:
        if nested and window.start == 0:
            return f"within the next {self._time(window.end)}"
        later = " later" if nested else ""
        return f"between {printed(window.start)} and {self._time(window.end)}{later}"

    def _some(self, window: Window | None, *, nested: bool) -> str:
        if window is None:
            return "at some later time" if nested else "at some time"
        return f"at some time {self._span(window, nested=nested)}"

    def _every(self, window: Window | None, *, nested: bool) -> str:
        if window is None:
            return "from then on" if nested else "at all times"
        return f"at all times {self._span(window, nested=nested)}"

    def _quantity(self, expression: Expression, *, nested: bool) -> str:
        match expression:
            case Reduction():
                when = f" {self._span(expression.window, nested=nested)}" if expression.window else ""
                return (
                    f"{_NOUNS[expression.name]} of {self._quantity(expression.argument, nested=nested)}{when}"
                )
            case At():
                later = " later" if nested else ""
                return f"{self._quantity(expression.argument, nested=nested)} at time {self._time(expression.time)}{later}"
        return str(expression)

    # -- events ------------------------------------------------------------------------------

    def event(self, event: Event, *, nested: bool) -> str:
        match event:
            case And():
                return ", and ".join(self._part(term, nested=nested) for term in event.terms)
            case Or():
                return "either " + ", or ".join(self._part(term, nested=nested) for term in event.terms)
            case Not():
                return f"it does not happen that {self._part(event.argument, nested=nested)}"
            case Always():
                return (
                    f"{self._every(event.window, nested=nested)}, {self._part(event.argument, nested=True)}"
                )
            case Eventually():
                return f"{self._some(event.window, nested=nested)}, {self._part(event.argument, nested=True)}"
            case Until():
                when = self._some(event.window, nested=nested)
                left, right = (self._part(side, nested=True) for side in (event.left, event.right))
                return f"{when}, {right}, and at every sample before it {left}"
            case Comparison():
                return self._comparison(event, nested=nested)
            case Equality():
                return self._equality(event, nested=nested)
            case Between():
                high = self._value(event.high, event.argument)
                return f"{self._quantity(event.argument, nested=nested)} is between {printed(event.low)} and {high}"
        return self._shape(event, nested=nested)

    def _part(self, event: Event, *, nested: bool) -> str:
        text = self.event(event, nested=nested)
        return f"({text})" if isinstance(event, And | Or | Until) else text

    def _comparison(self, event: Comparison, *, nested: bool) -> str:
        left, operator, right = event.left, event.operator, event.right
        if left.constant:
            left, operator, right = right, _MIRRORED[operator], left
        bound = (
            self._value(getattr(right, "value", 0.0), left)
            if right.constant and hasattr(right, "value")
            else self._quantity(right, nested=nested)
        )
        relation = _RELATION[operator]
        if (
            isinstance(left, Reduction)
            and left.name in ("max", "min")
            and left.argument.kind == "signal"
            and right.kind == "number"
        ):
            signal = self._quantity(left.argument, nested=nested)
            crosses = (left.name == "max") == (operator in (">", ">="))
            if crosses and not operator.endswith("="):
                verb = "rises" if left.name == "max" else "falls"
                return f"{signal} {verb} {relation} {bound} {self._some(left.window, nested=nested)}"
            if crosses:
                return f"{signal} is {relation} {bound} {self._some(left.window, nested=nested)}"
            return f"{signal} stays {relation} {bound} {self._every(left.window, nested=nested)}"
        return f"{self._quantity(left, nested=nested)} is {relation} {bound}"

    def _equality(self, event: Equality, *, nested: bool) -> str:
        left, right = event.left, event.right
        if left.constant:
            left, right = right, left
        value = (
            self._value(right.value, left)  # pyright: ignore[reportAttributeAccessIssue]
            if hasattr(right, "value")
            else self._quantity(right, nested=nested)
        )
        width = self._value(event.tolerance, left)
        if isinstance(event, Noisy):
            return f"{self._quantity(left, nested=nested)} was observed as {value}, with an error of {width}"
        return f"{self._quantity(left, nested=nested)} is within {width} of {value}"

    def _shape(self, event: Event, *, nested: bool) -> str:
        match event:
            case Box():
                values = f"between {printed(event.low)} and {self._value(event.high, event.signal)}"
                subject, window, place = str(event.signal), event.window, values
                passes = f"passes {values}"
            case Tube():
                place = f"within {self._value(event.half_width, event.signal)} of the drawn line"
                subject, window = str(event.signal), event.window
                passes = f"comes {place}"
            case Polygon():
                subject, window = f"({event.x}, {event.y})", None
                place = f"inside the polygon of {len(event.vertices)} vertices"
                passes = f"enters the polygon of {len(event.vertices)} vertices"
            case _:
                return str(event)
        if event.mode == "stays":
            return f"{subject} stays {place} {self._every(window, nested=nested)}"
        if event.mode == "avoids":
            return f"{subject} is never {place}" + (f" {self._span(window, nested=nested)}" if window else "")
        return f"{subject} {passes} {self._some(window, nested=nested)}"
