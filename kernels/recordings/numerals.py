"""Numbers written as text: a whole column is read one way, or there is a question.

1.5  1,5  1,145.8  1.145,8  1 145,8    decimals by the one mark that fits every field of the column
11.5%  3 m3/s  $5                      a unit that stands in every field
<0.05                                  a limit, by the choice `censored`
12.3*  5 e                             a mark behind some numbers, by the choice `flags`
NA  -  ***                             missing, as `missing` may say of other words
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from kernels.names import printable
from kernels.recordings.choices import Choices
from kernels.recordings.dialect import NOTHING
from kernels.recordings.units import is_unit
from kernels.recordings.words import Where, count_of

__all__ = ["Numerals", "decimal_of", "read_numerals"]

FIELD = re.compile(
    r"(?P<limit>[<>≤≥]=?)?\s*(?P<sign>[-+−])?[$€£]?\s*"
    r"(?P<number>\d[\d.,'’ \u00a0\u202f]*\d|\d[.,]?|[.,]\d+)(?P<exponent>[eEdD][-+]?\d+)?\s*(?P<rest>.*)"
)
GROUPS = {".": ",", ",": "."}
CODE = re.compile(r"0\d")  # a code, for example of a station
MAX_REST = 12  # characters of a unit or mark behind a number


class Numerals(NamedTuple):
    """Column of text, read.

    Attributes:
        values: (row,), NaN where missing; None where the column holds words.
        unit: that stood in every field.
        trouble: question or mistake in words, to be raised if the column is wanted; else empty.
        notes: what was done.
    """

    values: Float[np.ndarray, " row"] | None
    unit: str = ""
    trouble: str = ""
    notes: tuple[str, ...] = ()


def decimal_of(column: pd.Series) -> str:
    """The only mark for decimals that fits a column of text; empty where both do, or none."""
    texts = _distinct(column)
    found = [FIELD.fullmatch(text) for text in texts if not NOTHING.fullmatch(text)]
    numbers = [match["number"] for match in found if match is not None]
    if 2 * len(numbers) <= len(found):
        return ""
    fit = [mark for mark in GROUPS if all(_read(number, mark) is not None for number in numbers)]
    return fit[0] if len(fit) == 1 else ""


def read_numerals(name: str, column: pd.Series, decimal: str, choices: Choices, where: Where) -> Numerals:
    """Read a column of text as numbers.

    Args:
        name: of the column.
        column: texts, or texts and numbers.
        decimal: mark for decimals of other columns or by choice; empty where unknown.
        choices: what was chosen.
        where: place of a row.
    """
    codes, distinct = pd.factorize(column.astype(object).where(column.notna(), "").astype(str).str.strip())
    texts = np.asarray(distinct, object)
    words = {mark.lower() for mark in choices.marks}
    missing = np.array([bool(NOTHING.fullmatch(text)) or text.lower() in words for text in texts], bool)
    found = [None if gone else FIELD.fullmatch(text) for text, gone in zip(texts, missing, strict=True)]
    count = np.bincount(codes, minlength=len(texts))
    good = np.array([match is not None and len(match["rest"]) <= MAX_REST for match in found], bool)
    if 2 * count[good].sum() <= count[~missing].sum() or any(_is_code(match) for match in found if match):
        return Numerals(None)
    wrong = np.flatnonzero(~good & ~missing)
    if wrong.size:
        return Numerals(None, trouble=_text_among(texts, codes, wrong, where))
    notes = _missing_notes(name, texts, codes, missing)
    mark, trouble = _mark(name, [match["number"] for match in found if match], decimal, choices)
    if trouble:
        return Numerals(None, trouble=trouble)
    read = np.full(len(texts), np.nan)
    for i, match in enumerate(found):
        if match is not None:
            read[i] = _number(match, mark)
    unit, more, trouble = _rests(name, found, texts, count, read, choices)
    notes += more
    limits = np.array([match is not None and bool(match["limit"]) for match in found], bool)
    if limits.any() and not trouble:
        more, trouble = _limits(name, found, texts, count, read, limits, choices)
        notes += more
    return Numerals(None if trouble else read[codes], unit, trouble, tuple(notes))


def _distinct(column: pd.Series) -> list[str]:
    return [str(text).strip() for text in column.dropna().unique()]


def _is_code(match: re.Match[str]) -> bool:
    return bool(CODE.match(match["number"])) and not match["rest"]


def _text_among(texts: np.ndarray, codes: np.ndarray, wrong: np.ndarray, where: Where) -> str:
    """Message about words among the numbers of a column."""
    rows = np.flatnonzero(np.isin(codes, wrong))
    word = str(texts[codes[rows[0]]])
    return (
        f"it holds text in {rows.size} of {len(codes)} rows, first {printable(word, 40)!r} in {where(int(rows[0]))}: "
        f"correct these, or take them as missing with `missing` (--missing {printable(word, 40)!r})"
    )


def _missing_notes(name: str, texts: np.ndarray, codes: np.ndarray, missing: np.ndarray) -> list[str]:
    words = [str(texts[i]) for i in np.flatnonzero(missing) if texts[i]]
    if not words:
        return []
    rows = int(np.isin(codes, [i for i in np.flatnonzero(missing) if texts[i]]).sum())
    return [
        f"{name}: {count_of(rows, 'value')} written as {', '.join(map(printable, words[:4]))} taken as missing"
    ]


def _read(number: str, mark: str) -> float | None:
    """Number in the writing in which `mark` stands before the decimals; None where it is none."""
    whole, _, decimals = number.partition(mark)
    if mark in decimals or (decimals and not decimals.isdecimal()):
        return None
    groups = re.split(
        r"[ \u00a0\u202f'’]" if re.search(r"[ \u00a0\u202f'’]", whole) else re.escape(GROUPS[mark]), whole
    )
    if not all(group.isdecimal() for group in groups) and whole:
        return None
    if len(groups) > 1 and (
        not 1 <= len(groups[0]) <= 3
        or groups[0].startswith("0")
        or any(len(group) != 3 for group in groups[1:])
    ):
        return None
    return float(f"{''.join(groups)}.{decimals}0")


def _mark(name: str, numbers: list[str], decimal: str, choices: Choices) -> tuple[str, str]:
    """Mark for decimals, or the question about it."""
    fit = [mark for mark in GROUPS if all(_read(number, mark) is not None for number in numbers)]
    if choices.decimal and choices.decimal in fit:
        return choices.decimal, ""
    if not fit or (choices.decimal and choices.decimal not in fit):
        odd = next((n for n in numbers if _read(n, choices.decimal or ".") is None), numbers[0])
        return "", (
            f"its numbers are not written alike: {printable(odd)!r} is among them. Write all with the same mark for "
            "decimals"
        )
    if len(fit) == 1 or all(_read(number, ".") == _read(number, ",") for number in numbers):
        return fit[0], ""
    if decimal in fit and decimal:
        return decimal, ""
    odd = next(number for number in numbers if _read(number, ".") != _read(number, ","))
    return "", (
        f"{printable(odd)!r} may be {_read(odd, '.'):g} or {_read(odd, ','):g}, and so every number of it can be read in "
        "two ways. Say which mark stands before the decimals with `decimal` (--decimal , or --decimal .)"
    )


def _number(match: re.Match[str], mark: str) -> float:
    value = _read(match["number"], mark)
    power = (match["exponent"] or "").lower().replace("d", "e")
    sign = -1.0 if match["sign"] in ("-", "−") else 1.0
    return sign * float(f"{np.nan if value is None else value!r}{power}")


def _rests(
    name: str, found: list, texts: np.ndarray, count: np.ndarray, read: np.ndarray, choices: Choices
) -> tuple[str, list[str], str]:
    """Unit behind every number; or marks behind some, by choice; or the question about these."""
    rests = {match["rest"] for match in found if match is not None}
    if rests <= {""}:
        return "", [], ""
    only = next(iter(rests))
    if len(rests) == 1 and is_unit(only):
        return only, [f"{name}: numbers are written with {only!r}, taken as their unit"], ""
    marked = [i for i, match in enumerate(found) if match is not None and match["rest"]]
    rows = int(count[marked].sum())
    if ("" not in rests and all(map(is_unit, rests))) or "%" in rests:
        return (
            "",
            [],
            f"its numbers are written with different units ({', '.join(printable(r) or 'none' for r in sorted(rests)[:4])}). "
            "Write all in one",
        )
    if choices.flags is None:
        return (
            "",
            [],
            (
                f"marks stand behind {count_of(rows, 'number')}, first {printable(str(texts[marked[0]]), 40)!r}. Choose with "
                "`flags` (--flags ignore keeps the numbers, --flags missing does not)"
            ),
        )
    if choices.flags == "missing":
        read[marked] = np.nan
    done = "left out" if choices.flags == "ignore" else "taken with their numbers as missing"
    return "", [f"{name}: marks behind {count_of(rows, 'number')} {done}"], ""


def _limits(
    name: str,
    found: list,
    texts: np.ndarray,
    count: np.ndarray,
    read: np.ndarray,
    limits: np.ndarray,
    choices: Choices,
) -> tuple[list[str], str]:
    """Values of limits such as <0.05 by choice, or the question about them."""
    rows, chosen = int(count[limits].sum()), choices.censored
    if chosen is None:
        first = printable(str(texts[np.flatnonzero(limits)[0]]), 40)
        return [], (
            f"{count_of(rows, 'value')} of it are limits, first {first!r}. Choose with `censored` (--censored half "
            "takes half the limit, --censored limit the limit, --censored missing nothing)"
        )
    below = np.array([match is not None and (match["limit"] or "").startswith(("<", "≤")) for match in found])
    if chosen == "missing":
        read[limits] = np.nan
    elif chosen == "half":
        read[limits & below] /= 2
    return [f"{name}: {count_of(rows, 'value')} written as a limit taken as {chosen}"], ""
