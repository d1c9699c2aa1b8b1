"""Between the event's tree and what is drawn: parts of a conjunction, and the shapes some of them are.

An event is a conjunction of *parts* (one, when it is none). A part that is a box on a variable, or
a threshold on the maximum or minimum of a variable, has a shape on the canvas; its geometry is read
from the tree and written back into it. Everything else is a part without a shape.
"""

import dataclasses
import math
import re
from typing import Any

import kernels

__all__ = [
    "BOX_MODES",
    "THRESHOLD_MODES",
    "Part",
    "add",
    "box",
    "decimals",
    "moved",
    "parts",
    "parts_of_text",
    "removed",
    "replaced",
    "threshold",
    "with_mode",
]

BOX_MODES = {"passes": "passes through", "stays": "stays in", "avoids": "avoids"}
THRESHOLD_MODES = {  # words → reduction, comparison
    "rises above": ("max", ">"),
    "falls below": ("min", "<"),
    "stays above": ("min", ">"),
    "stays below": ("max", "<"),
}
_NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
_BOX = re.compile(
    rf"box\((\w+), \[({_NUMBER}), ({_NUMBER})\], \[({_NUMBER}), ({_NUMBER})\]\)(?: (passes|stays|avoids))?"
)
_THRESHOLD = re.compile(rf"(max|min)(?:\[({_NUMBER}), ({_NUMBER})\])?\((\w+)\) (>|<)=? ({_NUMBER})")


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of an event.

    Attributes:
        index: position in the conjunction.
        event: the part as an event of its own.
        kind: "box", "threshold" or "other".
        variable: what it is drawn on; empty for "other".
        mode: the chosen one of `modes`.
        window: (start, end) in time; None for all times.
        values: (low, high), with −∞ or ∞ for a threshold's open side.
    """

    index: int
    event: Any
    kind: str = "other"
    variable: str = ""
    mode: str = ""
    window: tuple[float, float] | None = None
    values: tuple[float, float] = (-math.inf, math.inf)

    @property
    def label(self) -> str:
        """A letter that names the part on the canvas and on its chip."""
        return chr(ord("A") + self.index % 26)

    @property
    def drawable(self) -> bool:
        return self.kind != "other"

    @property
    def modes(self) -> tuple[str, ...]:
        """The meanings that the part may be given."""
        return {"box": tuple(BOX_MODES), "threshold": tuple(THRESHOLD_MODES)}.get(self.kind, ())

    @property
    def form(self) -> tuple[Any, ...]:
        """What a shape must be rebuilt for: everything but the numbers and a box's meaning."""
        above = self.kind == "threshold" and math.isinf(self.values[1])
        return self.kind, self.variable, above, self.window is None

    @property
    def meaning(self) -> str:
        """The part in words."""
        return self.event.describe()

    def edges(self) -> dict[str, float | None]:
        """The shape's edges on the canvas; None is the canvas's own edge."""
        left, right = self.window or (None, None)
        low, high = (value if math.isfinite(value) else None for value in self.values)
        return {"left": left, "right": right, "bottom": low, "top": high}


# -- reading ---------------------------------------------------------------------------------


def parts(event: Any) -> list[Part]:
    """The parts of an event, in order; none without an event."""
    return [_part(index, conjunct) for index, conjunct in enumerate(_conjuncts(event))]


def parts_of_text(event: Any) -> list[Part]:
    """As `parts`, for an event that may still be text."""
    return parts(kernels.parse_event(event) if isinstance(event, str) else event)


def _conjuncts(event: Any) -> list[Any]:
    if event is None:
        return []
    return [kernels.parse_event(text) for text in str(event).split(" and ")]


def _joined(conjuncts: list[Any]) -> Any:
    event = None
    for conjunct in conjuncts:
        event = conjunct if event is None else event & conjunct
    return event


def _part(index: int, event: Any) -> Part:
    text = str(event)
    if match := _BOX.fullmatch(text):
        variable, left, right, low, high, mode = match.groups()
        window = (float(left), float(right))
        return Part(index, event, "box", variable, mode or "passes", window, (float(low), float(high)))
    if match := _THRESHOLD.fullmatch(text):
        reduction, left, right, variable, comparison, level = match.groups()
        mode = next(name for name, form in THRESHOLD_MODES.items() if form == (reduction, comparison))
        values = (float(level), math.inf) if comparison == ">" else (-math.inf, float(level))
        window = (float(left), float(right)) if left else None
        return Part(index, event, "threshold", variable, mode, window, values)
    return Part(index, event)


# -- writing ---------------------------------------------------------------------------------


def decimals(span: float) -> int:
    """Decimals that resolve 1/400 of a span: what a hand can place on a canvas."""
    return max(0, math.ceil(-math.log10(max(span, 1e-300) / 400)))


def _text(value: float) -> str:
    return repr(float(value))


def box(
    variable: str,
    window: tuple[float, float],
    values: tuple[float, float],
    *,
    layout: kernels.Layout,
    digits: int,
    mode: str = "passes",
) -> Any:
    """A box event, its corners rounded to what a hand can place."""
    time_digits = decimals(float(layout.times[-1] - layout.times[0]))
    (left, right), (low, high) = (round(t, time_digits) for t in window), (round(v, digits) for v in values)
    left, right = max(left, float(layout.times[0])), min(right, float(layout.times[-1]))
    return kernels.parse_event(
        f"box({variable}, [{_text(left)}, {_text(right)}], [{_text(low)}, {_text(high)}]) {mode}"
    )


def threshold(variable: str, level: float, mode: str, window: tuple[float, float] | None = None) -> Any:
    """A threshold event on the maximum or minimum of a variable."""
    reduction, comparison = THRESHOLD_MODES[mode]
    when = f"[{_text(window[0])}, {_text(window[1])}]" if window else ""
    return kernels.parse_event(f"{reduction}{when}({variable}) {comparison} {_text(level)}")


def with_mode(part: Part, mode: str) -> Any:
    """The part with another of its meanings."""
    if part.kind == "threshold":
        level = part.values[0] if math.isfinite(part.values[0]) else part.values[1]
        return threshold(part.variable, level, mode, part.window)
    (left, right), (low, high) = part.window or (0.0, 0.0), part.values
    return kernels.parse_event(
        f"box({part.variable}, [{_text(left)}, {_text(right)}], [{_text(low)}, {_text(high)}]) {mode}"
    )


def add(event: Any, part: Any) -> Any:
    """The event and one more part."""
    return _joined([*_conjuncts(event), part])


def removed(event: Any, index: int) -> Any:
    """The event without a part; None when it was the last."""
    return _joined([conjunct for i, conjunct in enumerate(_conjuncts(event)) if i != index])


def replaced(event: Any, index: int, part: Any) -> Any:
    """The event with another part in the place of one."""
    return _joined([part if i == index else conjunct for i, conjunct in enumerate(_conjuncts(event))])


def moved(event: Any, part: Part, shape: Any, *, layout: kernels.Layout, digits: int) -> Any:
    """The event after a part's shape (with left, right, bottom, top) was dragged."""
    edges = part.edges()
    slack = {"bottom": 0.51 * 10.0**-digits, "top": 0.51 * 10.0**-digits}
    span = float(layout.times[-1] - layout.times[0])
    slack |= {"left": 0.51 * 10.0 ** -decimals(span), "right": 0.51 * 10.0 ** -decimals(span)}
    now = {}
    for side, value in edges.items():
        shown = getattr(shape, side)
        dragged = value is not None and isinstance(shown, int | float) and abs(shown - value) > slack[side]
        now[side] = float(shown) if dragged else value
    if now == edges:
        return event
    if part.kind == "threshold":
        level = now["bottom"] if now["bottom"] is not None else now["top"]
        return replaced(
            event, part.index, threshold(part.variable, round(level, digits), part.mode, part.window)
        )
    left, right = sorted((now["left"], now["right"]))
    low, high = sorted((now["bottom"], now["top"]))
    new = box(part.variable, (left, right), (low, high), layout=layout, digits=digits, mode=part.mode)
    return replaced(event, part.index, new)
