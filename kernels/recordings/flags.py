"""Values that mean "missing": declared ones become NaN, others that look like it are asked about.

declared      by the choice `missing`; by `valid_min`, `valid_max`, `valid_range`, `missing_value` and the default
              fills of NetCDF in files that have attributes
asked about   -9999, -99.9, 9999 and their kin, far off all other values; and any value, far off, that
              stands there again and again
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from kernels.recordings.choices import Choices
from kernels.recordings.words import count_of

__all__ = ["declared_missing", "without_flags"]

USUAL = (  # without sign
    *(
        99.0,
        99.9,
        99.99,
        999.0,
        999.9,
        999.99,
        9999.0,
        9999.9,
        9999.99,
        99999.0,
        99999.9,
        99999.99,
        999999.0,
        999999.9,
    ),
    *(9999999.0, 99999999.0, 6999.0, 7999.0, 32767.0, 32768.0, 65535.0, 1e10),
    *(
        1e15,
        1e20,
        1e30,
        1e31,
        1e32,
        1e33,
        1e34,
        1e35,
        1e36,
        9.969209968386869e36,
        2147483647.0,
        2147483648.0,
        3.4028235e38,
    ),
)
NEAR = 1e-6  # relative distance at which single precision writes the same number
MAX_FLAGS = 4  # of one column
FAR_USUAL, FAR_ANY = 0.5, 3.0  # distance from the next value, in ranges of the other values
MIN_DISTINCT = 6  # other values, where an unusual one is to be called far off
DEFAULT_FILLS = {  # of NetCDF, by type
    "int16": -32767,
    "uint16": 65535,
    "int32": -2147483647,
    "uint32": 4294967295,
    "int64": -9223372036854775806,
}
FLOAT_FILL = 9.969209968386869e36


def without_flags(
    name: str, values: Float[np.ndarray, " row"], choices: Choices, notes: list[str]
) -> Float[np.ndarray, " row"]:
    """Values with those that mean "missing" as NaN.

    Raises:
        ValueError: values that look like "missing", which nobody has said.
    """
    for mark in choices.numbers:
        found = _equal(values, mark)
        if found.any():
            values = np.where(found, np.nan, values)
            notes.append(f"{name}: {count_of(int(found.sum()), 'value')} of {mark:g} taken as missing")
    if choices.none_missing:
        return values
    suspects = _suspects(values)
    if suspects:
        counts = " and ".join(f"{count_of(count, 'value')} of {value:.10g}" for value, count in suspects)
        marks = ",".join([*choices.marks, *(f"{value:.10g}" for value, _ in suspects)])
        raise ValueError(
            f"values that may mean missing must be named; {name!r} holds {counts}, far off all others. Take them as "
            f'missing with `missing` (--missing {marks}), or as measured with "none" (--missing '
            f"{','.join([*choices.marks, 'none'])})."
        )
    return values


def _equal(values: Float[np.ndarray, " row"], mark: float) -> np.ndarray:
    return np.abs(values - mark) <= NEAR * max(abs(mark), 1e-30)


def _suspects(values: Float[np.ndarray, " row"]) -> list[tuple[float, int]]:
    """Values at either end, far off all others, with how often they are there."""
    known = values[np.isfinite(values)]
    found: list[tuple[float, int]] = []
    if not known.size or not any(
        _usual(end) or np.sum(known == end) > 1 for end in (known.min(), known.max())
    ):
        return found
    distinct, counts = np.unique(known, return_counts=True)
    while len(found) < MAX_FLAGS and distinct.size > 1:
        for end, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
            if _is_flag(distinct[end], int(counts[end]), distinct[rest]):
                found.append((float(distinct[end]), int(counts[end])))
                distinct, counts = distinct[rest], counts[rest]
                break
        else:
            break
    return found


def _usual(value: float) -> bool:
    return any(abs(abs(value) - mark) <= NEAR * mark for mark in USUAL)


def _is_flag(value: float, count: int, others: Float[np.ndarray, " other"]) -> bool:
    distance, spread = float(np.min(np.abs(others - value))), float(others[-1] - others[0])
    if _usual(value):
        return bool(value < 0 <= others[0] or distance > FAR_USUAL * spread)
    far = spread if value < 0 <= others[0] else FAR_ANY * spread
    return count > 1 and others.size >= MIN_DISTINCT and distance > far


def declared_missing(
    name: str, values: np.ndarray, attrs: Mapping[str, Any], encoding: Mapping[str, Any], notes: list[str]
) -> Float[np.ndarray, " ..."]:
    """Values of a file's variable as floats; those that it declares to be none as NaN.

    Args:
        name: of the variable.
        values: as xarray decodes them.
        attrs: attributes that are left.
        encoding: what xarray decoded.
        notes: what was taken as missing goes here.
    """
    numbers = np.asarray(values, np.float64)
    packed = encoding.get("scale_factor") is not None or encoding.get("add_offset") is not None
    scale, offset = float(encoding.get("scale_factor") or 1.0), float(encoding.get("add_offset") or 0.0)
    low, high = _valid_range(attrs, encoding, scale if packed else 1.0, offset if packed else 0.0)
    with np.errstate(invalid="ignore"):
        outside = (numbers < low - NEAR * abs(low) if np.isfinite(low) else numbers < low) | (numbers > high)
    fills = [mark for key in ("missing_value", "_FillValue") for mark in _marks(attrs.get(key))]
    if isinstance(encoding.get("missing_value"), str):  # which xarray cannot compare
        fills += [
            mark * factor + shift
            for mark in _marks(encoding["missing_value"])
            for factor, shift in ((1.0, 0.0), (scale, offset))
        ]
    kind = np.dtype(encoding.get("dtype", values.dtype) or values.dtype)
    if kind.kind == "f" or (values.dtype.kind == "f" and not packed):
        fills.append(FLOAT_FILL)
    elif kind.name in DEFAULT_FILLS and "_FillValue" not in encoding:
        fills.append(DEFAULT_FILLS[kind.name] * scale + offset)
    filled = np.zeros(numbers.shape, bool)
    for fill in fills:
        filled |= _equal(numbers, fill)
    for what, found in (("outside its valid range", outside & ~filled), ("a fill value", filled)):
        if found.any():
            notes.append(f"{name}: {count_of(int(found.sum()), 'value')} {what} taken as missing")
    return np.where(outside | filled, np.nan, numbers)


def _marks(given: Any) -> list[float]:
    """Numbers of an attribute, also one that is text."""
    if given is None:
        return []
    parts = given.replace(",", " ").split() if isinstance(given, str) else np.atleast_1d(given).ravel()[:10]
    marks = []
    for part in parts:
        try:
            marks.append(float(part))
        except (TypeError, ValueError):
            continue
    return marks


def _valid_range(
    attrs: Mapping[str, Any], encoding: Mapping[str, Any], scale: float, offset: float
) -> tuple[float, float]:
    """Lowest and highest valid value; those of packed numbers are packed like them, if their type says so."""
    given = attrs.get("valid_range")
    both = _marks(given)
    low = both[:1] if len(both) == 2 else _marks(attrs.get("valid_min"))[:1]
    high = both[1:] if len(both) == 2 else _marks(attrs.get("valid_max"))[:1]
    source = given if len(both) == 2 else attrs.get("valid_min", attrs.get("valid_max"))
    stored = np.dtype(encoding["dtype"]) if encoding.get("dtype") is not None else None
    if stored is not None and stored.kind in "iu" and np.asarray(source).dtype.kind in "iu":
        low, high = ([bound * scale + offset for bound in bounds] for bounds in (low, high))
    return (low[0] if low else -np.inf), (high[0] if high else np.inf)
