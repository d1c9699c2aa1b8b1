"""Text of numbers: as many digits as the error allows, percent or powers of ten.

0.0337 ± 0.0021      → "3.4 % ± 0.2 %"
2.13e-5 ± 3.0e-6     → "(2.1 ± 0.3) × 10⁻⁵"
no hit, at most 3e-4 → "< 3 × 10⁻⁴"
"""

import math
from collections.abc import Sequence

__all__ = ["duration", "grouped", "number", "probability", "scientific", "span", "with_error", "with_unit"]

PERCENT_FROM = 1e-3  # below this a probability is written with a power of ten
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _error_digits(error: float) -> tuple[float, int]:
    """The error rounded to one digit (two when it starts with 1), and its decimals."""
    exponent = math.floor(math.log10(error))
    decimals = -exponent + (1 if error / 10**exponent < 1.95 else 0)
    return round(error, decimals), decimals


def number(value: float, digits: int = 3) -> str:
    """A plain number with `digits` significant digits and no trailing zeros."""
    if not math.isfinite(value):
        return "—"
    if value and not 1e-4 <= abs(value) < 1e6:
        return scientific(value, digits)
    return _minus(f"{float(f'{value:.{digits}g}'):.10g}")


def scientific(value: float, digits: int = 2) -> str:
    """A number as mantissa × 10ᵏ."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "—"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{_minus(mantissa)} × {_power(int(exponent))}"


def with_unit(value: float, unit: str = "", digits: int = 3) -> str:
    """A number and its unit, a thin space apart."""
    return f"{number(value, digits)}\u202f{unit}".rstrip("\u202f")


def with_error(value: float, error: float) -> tuple[str, str]:
    """A value and its standard error, both to the digits that the error leaves."""
    if not math.isfinite(value) or not math.isfinite(error) or error <= 0:
        return number(value), "—" if not math.isfinite(error) else "0"
    rounded, decimals = _error_digits(error)
    places = max(decimals, 0)
    return _minus(f"{value:.{places}f}"), f"{rounded:.{places}f}"


def grouped(count: int) -> str:
    """A whole number with its thousands apart."""
    return f"{count:,}".replace(",", "\u202f")


def probability(value: float, standard_error: float | None = None, upper: float | None = None) -> str:
    """Text of a probability with its standard error; `upper` bounds it when there are no hits."""
    if not math.isfinite(value):
        return "—"
    if value <= 0:
        return f"< {_bare(upper)}" if upper else "0"
    if not standard_error or not math.isfinite(standard_error):
        return _bare(value)
    if value >= PERCENT_FROM:
        return " % ± ".join(with_error(100 * value, 100 * standard_error)) + " %"
    exponent = math.floor(math.log10(value))
    mantissa = " ± ".join(with_error(value / 10**exponent, standard_error / 10**exponent))
    return f"({mantissa}) × {_power(exponent)}"


def _bare(value: float) -> str:
    return f"{number(100 * value, 2)} %" if value >= PERCENT_FROM else scientific(value, 2)


def error_parts(value: float, sampling: float, record: float | None) -> str:
    """Both parts of a probability's standard error; empty where the record has none."""
    if record is None or not value > 0:
        return ""
    percent = value >= PERCENT_FROM
    parts = [f"{number(100 * part, 2)} %" if percent else scientific(part, 2) for part in (sampling, record)]
    return f"± {parts[0]} sampling, ± {parts[1]} record"


def span(interval: Sequence[float]) -> str:
    """An interval of probabilities, both ends in the same notation."""
    low, high = (float(end) for end in interval)
    if high >= PERCENT_FROM:
        width = max(high - low, 1e-12)
        places = max(0, 1 - math.floor(math.log10(100 * width)))
        return f"{100 * low:.{places}f} – {100 * high:.{places}f} %"
    if low <= 0:
        return f"0 – {scientific(high)}"
    exponent = math.floor(math.log10(high))
    return f"({low / 10**exponent:.1f} – {high / 10**exponent:.1f}) × {_power(exponent)}"


def duration(seconds: float) -> str:
    """Duration in words, from seconds."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
