"""Grammar of `when`: which windows of a record are meant, by season, hour, weekday and covariates.

    month in 6..8                      hour in 22..5 and weekday in 1..5
    co2 == 420                         co2 in 400..420 and "sea ice" == 0.3 tolerance 0.1

Both ends of a range belong to it. Months, hours, weekdays (1 is Monday) and days of the year are whole numbers that go
round: `month in 12..2` is winter. A covariate that is *in* a range chooses windows; one that *equals* a number is given
that value in all of them.
"""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernels.names import nearest, printable, shown

__all__ = ["CYCLIC", "MAX_TEXT", "Clause", "When", "parse_when", "when_text"]

CYCLIC = {"month": (1, 12), "day_of_year": (1, 366), "hour": (0, 23), "weekday": (1, 7)}  # word → first, last
MAX_TEXT, MAX_CLAUSES = 1_000, 16
TOKEN = re.compile(r'\s*(?:(\.\.)|(==)|([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?)|([^\W\d]\w*)|"([^"\\]+)")')
FORM = "Write it as in: month in 6..8 and hour in 7..19, or co2 == 420."

When = str | Mapping[str, Any] | Sequence["Clause"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clause:
    """Clause of `when`: a word and its range, or the value of a covariate.

    Attributes:
        word: "month", "day_of_year", "hour", "weekday" or a covariate.
        low: first value, included.
        high: last value, included; below `low` in a range that goes round.
        fixed: whether the covariate is given the value `low`, which is `high` too.
        tolerance: half width by which windows of the record are taken for such a value; None where none is given.
    """

    word: str
    low: float
    high: float
    fixed: bool = False
    tolerance: float | None = None

    def __post_init__(self) -> None:
        numbers = [self.low, self.high] + ([] if self.tolerance is None else [self.tolerance])
        if not all(map(math.isfinite, numbers)) or (self.tolerance is not None and self.tolerance <= 0):
            raise ValueError(f"`when`: numbers of {self.word!r} must be finite, and a tolerance positive.")
        if self.word in CYCLIC:
            first, last = CYCLIC[self.word]
            if not all(number == int(number) and first <= number <= last for number in (self.low, self.high)):
                raise ValueError(
                    f"`when`: {self.word!r} must be in whole numbers from {first} to {last}; got "
                    f"{_number(self.low)}..{_number(self.high)}."
                )
            if self.tolerance is not None:
                raise ValueError(
                    f"`when`: {self.word!r} takes no tolerance. Write a range, as in {self.word} in {first}..{last}."
                )
        elif self.high < self.low:
            raise ValueError(
                f"`when`: the range of {self.word!r} must begin with its lower end; got {_number(self.low)}..{_number(self.high)}."
            )

    def __str__(self) -> str:
        plain = self.word.isidentifier() and self.word not in ("and", "in", "tolerance")
        word = self.word if plain else f'"{self.word}"'
        if self.fixed:
            width = "" if self.tolerance is None else f" tolerance {_number(self.tolerance)}"
            return f"{word} == {_number(self.low)}{width}"
        if self.low == self.high and self.word in CYCLIC:
            return f"{word} == {_number(self.low)}"
        return f"{word} in {_number(self.low)}..{_number(self.high)}"

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Whether each of some values lies in the range."""
        if self.word not in CYCLIC:
            return (values >= self.low) & (values <= self.high)
        whole = np.floor(values + 1e-4)  # kept in float32, 7:00 must not become 6
        if self.low <= self.high:
            return (whole >= self.low) & (whole <= self.high)
        return (whole >= self.low) | (whole <= self.high)


def parse_when(when: When | None) -> tuple[Clause, ...]:
    """Clauses of a text or a mapping; none for an empty one.

    Args:
        when: text as in the module; or word → number, or → (first, last).

    Raises:
        ValueError: no such form, naming the word.
    """
    if when is None or (isinstance(when, str) and not when.strip()):
        return ()
    if isinstance(when, str):
        clauses = _parsed(when)
    elif isinstance(when, Mapping):
        clauses = [_of_pair(str(word), value) for word, value in when.items()]
    elif isinstance(when, Sequence) and all(isinstance(clause, Clause) for clause in when):
        clauses = list(when)
    else:
        raise ValueError(f"`when` must be text or a mapping; got {type(when).__name__}. {FORM}")
    if len(clauses) > MAX_CLAUSES:
        raise ValueError(f"`when` must have at most {MAX_CLAUSES} clauses; got {len(clauses)}.")
    words = [clause.word for clause in clauses]
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise ValueError(f"`when` must name {twice!r} once. Join its ranges to one.")
    return tuple(clauses)


def when_text(when: When | None) -> str:
    """Text of `when`, which `parse_when` reads; empty for none."""
    return " and ".join(map(str, parse_when(when)))


def _of_pair(word: str, value: Any) -> Clause:
    numbers = value if isinstance(value, tuple | list) else (value,)
    known = all(
        isinstance(number, int | float | np.number) and not isinstance(number, bool) for number in numbers
    )
    if not known or len(numbers) not in (1, 2):
        raise ValueError(f"`when[{word!r}]` must be a number or (first, last); got {shown(value)}.")
    low, high = float(numbers[0]), float(numbers[-1])
    return Clause(word=word, low=low, high=high, fixed=len(numbers) == 1 and word not in CYCLIC)


def _parsed(text: str) -> list[Clause]:
    if len(text) > MAX_TEXT:
        raise ValueError(f"`when` must have at most {MAX_TEXT} characters; got {len(text)}.")
    tokens, place = [], 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"`when` cannot be read at {printable(text[place:].strip(), 30)!r}. {FORM}")
        kind = match.lastindex or 0
        tokens.append((("", "..", "==", "number", "name", "quoted")[kind], match.group(kind)))
        place = match.end()
    return _clauses(tokens)


def _clauses(tokens: list[tuple[str, str]]) -> list[Clause]:
    clauses: list[Clause] = []
    rest = list(reversed(tokens))

    def take(*wanted: str) -> str:
        kind, value = rest.pop() if rest else ("end", "the end")
        if kind not in wanted and value not in wanted:
            raise ValueError(f"`when`: {printable(value)!r} is out of place. {_hint(value)}{FORM}")
        return value

    while True:
        word = take("name", "quoted")
        if take("in", "==") == "in":
            low = float(take("number"))
            take("..")
            clauses.append(Clause(word=word, low=low, high=float(take("number"))))
        else:
            value = float(take("number"))
            wide = bool(rest) and rest[-1][1] == "tolerance" and bool(take("tolerance"))
            tolerance = float(take("number")) if wide else None
            clauses.append(
                Clause(word=word, low=value, high=value, fixed=word not in CYCLIC, tolerance=tolerance)
            )
        if not rest:
            return clauses
        take("and")


def _hint(value: str) -> str:
    return nearest(value, ("and", "in", "tolerance")) if value.isidentifier() else ""


def _number(value: float) -> str:
    return f"{value:.12g}"
