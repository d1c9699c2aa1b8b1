"""Choices about a file that its own text cannot answer; without them a question is an error that names them.

missing    values that mean "missing", -9999 or "Ice"; "none": what looks like one is a measurement
decimal    "." or ",": what stands before the decimals
censored   values such as <0.05: "half" of the limit, the "limit", or "missing"
flags      marks behind numbers, as in 12.3*: "ignore" them, or take the values as "missing"
timezone   where the clock stood, as Europe/Berlin; "UTC": it never jumped
steps      "time", or "rows": one row is one step, as in business days
repeated   of rows at the same time: keep the "first" or the "last"
series     column of the station, unit or member that a row belongs to; "none": it is one series
select     rows to read, as {"station": "A"} or "station=A"
group      of a NetCDF file or Zarr store
skip_lines lines of a text file, counted from 1, that are no rows
"""

import dataclasses
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernels.names import require_known, shown

__all__ = ["Choices"]

WORDS = {
    "dates": ("day-first", "month-first"),
    "decimal": (".", ","),
    "censored": ("half", "limit", "missing"),
    "flags": ("ignore", "missing"),
    "steps": ("time", "rows"),
    "repeated": ("first", "last"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """Choices of one reading, see the module; None where nothing was chosen.

    Raises:
        ValueError: a value outside its domain.
    """

    dates: str | None = None
    missing: float | str | Sequence[float | str] | None = None
    decimal: str | None = None
    censored: str | None = None
    flags: str | None = None
    timezone: str | None = None
    steps: str | None = None
    repeated: str | None = None
    series: str | None = None
    select: str | Mapping[str, Any] | None = None
    group: str | None = None
    skip_lines: int | str | Sequence[int] = ()

    def __post_init__(self) -> None:
        for name, words in WORDS.items():
            if getattr(self, name) is not None:
                require_known(name, getattr(self, name), words)
        if self.timezone is not None:
            try:
                zoneinfo.ZoneInfo(self.timezone)
            except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError, AttributeError, TypeError):
                raise ValueError(
                    f"`timezone` must be a place such as Europe/Berlin, or UTC; got {shown(self.timezone)}."
                ) from None
        _ = self.left_out, self.selected

    @property
    def marks(self) -> tuple[str, ...]:
        """Values that mean "missing", as text."""
        given = _listed(self.missing)
        return tuple(str(mark).strip() for mark in given if str(mark).strip().lower() != "none")

    @property
    def numbers(self) -> tuple[float, ...]:
        """Values that mean "missing" and are numbers."""
        return tuple(float(mark) for mark in self.marks if _reads_as_number(mark))

    @property
    def none_missing(self) -> bool:
        """Whether all other numbers are said to be measurements."""
        words = [str(word).strip().lower() for word in _listed(self.missing)]
        return self.missing is not None and (not words or "none" in words)

    @property
    def left_out(self) -> frozenset[int]:
        """Numbers of lines that are no rows."""
        try:
            lines = frozenset(int(line) for line in _listed(self.skip_lines) if str(line).strip())
        except (TypeError, ValueError):
            lines = frozenset([0])
        if any(line < 1 for line in lines):
            raise ValueError(
                f"`skip_lines` must be numbers of lines, counted from 1; got {shown(self.skip_lines)}."
            )
        return lines

    @property
    def selected(self) -> dict[str, str]:
        """Values of columns of the rows to read."""
        given = self.select
        if given is None:
            return {}
        if isinstance(given, str):
            pairs = [pair.partition("=") for pair in given.split(",")]
            if not all(mark and name.strip() for name, mark, _ in pairs):
                raise ValueError(f"`select` must name columns and values, as station=A; got {shown(given)}.")
            return {name.strip(): value.strip() for name, _, value in pairs}
        return {str(name): str(value).strip() for name, value in dict(given).items()}


def _listed(given: Any) -> list[Any]:
    """Values of a choice that may be one value, several, or a text with commas."""
    if given is None:
        return []
    return given.split(",") if isinstance(given, str) else [given] if np.isscalar(given) else list(given)


def _reads_as_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False
