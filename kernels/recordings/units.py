"""Headings of tables such as `T (K)` or `wind [m s-1]` → name and unit.

What stands in brackets is a unit only if it reads as one: known symbols with exponents, multiplied or
divided. `wind (10 m)`, `T (mean)` and `flow (upstream)` are names as a whole, and so are headings that
nothing but their brackets tells apart.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

__all__ = ["is_unit", "read_headings", "split_heading"]

BRACKETED = re.compile(r"^(?P<name>.*\S)\s*[(\[](?P<inside>[^()\[\]]*)[)\]]$")
PREFIXES = ("", *"fpnuµμmcdhkMGT")
PREFIXED = (
    *("m", "g", "s", "A", "K", "mol", "rad", "Hz", "N", "Pa", "J", "W", "C", "V", "F", "Ω", "ohm", "S", "T"),
    *("H", "L", "l", "lm", "lx", "Bq", "Gy", "Sv", "M", "bar", "eV", "Wh", "VA"),
)
PLAIN = (
    *("%", "‰", "°", "°C", "°F", "°N", "°S", "°E", "°W", "deg", "degC", "degF", "degK", "sr", "dB", "dBZ"),
    *("min", "sec", "h", "hr", "hrs", "d", "day", "yr", "t", "ha", "in", "ft", "yd", "mi", "nmi", "kn", "kt"),
    *(
        "kts",
        "mph",
        "fps",
        "cfs",
        "rpm",
        "bpm",
        "atm",
        "psi",
        "inHg",
        "mmHg",
        "Torr",
        "gpm",
        "dam",
        "cd",
        "Å",
    ),
    *("pH", "psu", "PSU", "DU", "ppm", "ppb", "ppt", "ppmv", "ppbv", "kcal"),
)
WORDS = (  # words that are units; other words describe a column
    *("second", "seconds", "minute", "minutes", "hour", "hours", "days", "year", "years", "percent", "knots"),
    *("metre", "metres", "meter", "meters", "degree", "degrees", "degrees_north", "degrees_east", "kelvin"),
    *("celsius", "fahrenheit", "volt", "volts", "watt", "watts"),
)
SYMBOLS = {*PLAIN, *(prefix + symbol for prefix in PREFIXES for symbol in PREFIXED)}
FACTOR = re.compile(r"([%‰]|°?[A-Za-zµμÅΩ_]*)(?:(?:\^|\*\*)?(?:[-−]\d|[2-6])|⁻?[¹²³⁴⁵⁶])?")
BETWEEN = re.compile(r"\s*(?:[·/.]|(?<!\*)\*(?!\*))\s*|\s+")


def is_unit(text: str) -> bool:
    """Whether a text reads as a unit of measurement."""
    factors = [FACTOR.fullmatch(factor) for factor in BETWEEN.split(text.strip().removeprefix("1/"))]
    return all(found and (found[1] in SYMBOLS or found[1].lower() in WORDS) for found in factors)


def split_heading(heading: Any) -> tuple[str, str]:
    """Split a heading into its name and the unit in brackets at its end, if that is one."""
    found = BRACKETED.match(str(heading).strip())
    if found is None:
        return str(heading).strip(), ""
    inside = found["inside"].strip()
    return found["name"], inside if is_unit(inside) else ""


def read_headings(headings: Iterable[Any], *, taken: str) -> dict[Any, tuple[str, str]]:
    """Name and unit of each heading; a heading stays whole if its name is not unique.

    A name is not unique if two headings share it, or if it is `taken`.
    """
    split = {heading: split_heading(heading) for heading in headings}
    count = Counter([taken, *(name for name, _ in split.values())])
    return {
        heading: (name, unit)
        if count[name] == 1 and (unit or name == str(heading).strip())
        else (str(heading), "")
        for heading, (name, unit) in split.items()
    }
