"""Choices about the values that a model of a record may take: hard bounds, and variables that keep their order.

bounds      {"soc": (0, 1), "ice": (0, None)}
positive    ["Q", "rain"]                          lower bound 0
difference  [("tmax", "tmin")] or ["tmax-tmin"]    tmax is never below tmin: modelled as tmin and a difference ≥ 0
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

__all__ = [
    "Bounds",
    "Differences",
    "differences",
    "ordered_pairs",
    "require_bounds",
    "require_differences",
    "require_used",
]

MOST_COMPARED = 40  # variables of which each pair is looked at

Bounds = Mapping[str, tuple[float | None, float | None]]
Differences = Sequence[tuple[str, str] | str]


def require_bounds(
    bounds: Bounds | None, names: Sequence[str], positive: Sequence[str] | str | None = None
) -> dict[str, tuple[float | None, float | None]]:
    """Bounds by variable. Raises ValueError for another variable, or ends that are no interval."""
    found = {str(name): (pair[0], pair[1]) for name, pair in (bounds or {}).items()}
    for name in [positive] if isinstance(positive, str) else positive or ():
        low, high = found.get(name, (None, None))
        found[name] = (0.0 if low is None else max(0.0, low), high)
    unknown = [name for name in found if name not in names]
    if unknown:
        raise ValueError(
            f"`bounds` and `positive` must be of the model's variables ({', '.join(names)}); "
            f"got {', '.join(unknown)}."
        )
    for name, (low, high) in found.items():
        if low is not None and high is not None and not low < high:
            raise ValueError(
                f"`bounds` of {name} must be a lower and a higher number; got {low:g} and {high:g}."
            )
    return found


def require_used(margins: str, **choices: Any) -> None:
    """Raise ValueError for choices that a model without margins would ignore."""
    ignored = [name for name, choice in choices.items() if choice]
    if margins == "none" and ignored:
        names = " and ".join(f"`{name}` (--{name})" for name in ignored)
        raise ValueError(
            f"{names} must be left out with `margins` none, which knows no bounds. Or take pareto."
        )


def require_differences(wanted: Differences | None, names: Sequence[str], bounds: Bounds) -> dict[str, str]:
    """Variable → its partner, which it is never below.

    Raises:
        ValueError: a variable that there is not, one with two partners, a circle, or bounds that no difference can hold.
    """
    found: dict[str, str] = {}
    for pair in wanted or ():
        upper, lower = _split(pair, names) if isinstance(pair, str) else tuple(pair)
        if upper not in names or lower not in names or upper == lower:
            raise ValueError(_no_pair(f"{upper}-{lower}", names))
        if upper in found:
            raise ValueError(
                f"`difference` must name {upper} once before the minus sign; it has two partners."
            )
        found[upper] = lower
        low, high = bounds.get(upper, (None, None))
        least = bounds.get(lower, (None, None))[0]
        if high is not None or (low is not None and (least is None or least < low)):
            raise ValueError(
                f"`bounds` of {upper} cannot be kept while it is modelled as {lower} and a difference (`difference`, "
                f"--difference). Bound {lower} below instead, or leave one of the two out."
            )
    _levels(found, names)
    return found


def _split(pair: str, names: Sequence[str]) -> tuple[str, str]:
    """Both variables of "tmax-tmin", whose names may hold minus signs themselves."""
    ways = [(pair[:i].strip(), pair[i + 1 :].strip()) for i, sign in enumerate(pair) if sign == "-"]
    fitting = [way for way in ways if way[0] in names and way[1] in names]
    if len(fitting) != 1:
        raise ValueError(_no_pair(pair, names))
    return fitting[0]


def _no_pair(pair: str, names: Sequence[str]) -> str:
    return f"`difference` must be of two variables of the model ({', '.join(names)}), as in tmax-tmin; got {pair}."


def differences(partners: Mapping[str, str], names: Sequence[str]) -> np.ndarray | None:
    """Partners as `Margins` takes them, (level, variable); None where there are none."""
    levels = _levels(partners, names)
    if not levels:
        return None
    found = np.full((len(levels), len(names)), -1.0, np.float32)
    for level, members in enumerate(levels):
        for name in members:
            found[level, names.index(name)] = names.index(partners[name])
    return found


def _levels(partners: Mapping[str, str], names: Sequence[str]) -> list[list[str]]:
    """Variables with partners, those first whose partner has none."""
    levels, known = [], {name for name in names if name not in partners}
    while len(known) < len(names):
        members = [name for name in names if name not in known and partners[name] in known]
        if not members:
            circle = ", ".join(name for name in names if name not in known)
            raise ValueError(f"`difference` must not lead in a circle; it does for {circle}. Leave one out.")
        levels.append(members)
        known.update(members)
    return levels


def ordered_pairs(
    rows: Float[np.ndarray, "row variable"], names: Sequence[str], units: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Pairs of variables of one unit of which the first is nowhere below the second, though their ranges overlap.

    Of tmax ≥ tmean ≥ tmin only the neighbours are pairs.
    """
    if len(names) > MOST_COMPARED:
        return []
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    above = np.zeros((len(names), len(names)), bool)
    for i, upper in enumerate(names):
        for j, lower in enumerate(names):
            overlap = low[i] < high[j] and high[i] > high[j] and low[i] > low[j]
            if i != j and overlap and units.get(upper, "") == units.get(lower, ""):
                above[i, j] = not np.any(rows[:, i] < rows[:, j])
    between = (above.astype(int) @ above.astype(int)) > 0
    return [(str(names[i]), str(names[j])) for i, j in np.argwhere(above & ~between)]
