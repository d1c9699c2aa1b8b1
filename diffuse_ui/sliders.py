"""The numbers of an event: what each is called, its unit, the range it may take."""

import dataclasses
import re
from typing import Any

import kernels

__all__ = ["Number", "numbers", "with_number"]

_NUM = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclasses.dataclass(frozen=True)
class Number:
    slot: str
    label: str
    value: float
    low: float
    high: float
    step: float


def numbers(event: Any, layout: kernels.Layout, backdrop: Any) -> list[Number]:
    if event is None:
        return []
    return [
        Number(f"n{i}", f"number {i + 1}", float(m.group()), -3.0, 6.0, 0.01)
        for i, m in enumerate(_NUM.finditer(str(event)))
    ]


def with_number(event: Any, index: int, value: float) -> Any:
    text = str(event)
    match = list(_NUM.finditer(text))[index]
    return kernels.parse_event(text[: match.start()] + repr(value) + text[match.end() :])
