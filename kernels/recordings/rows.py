"""`Rows`: what a file or table holds, before its rows are put in order of time."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from kernels.recordings.words import Where, listed, where_in_memory

__all__ = ["Rows", "require_names"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows of numbers with their times.

    Attributes:
        values: (row, variable), NaN where missing.
        times: (row,) dates, moments or numbers.
        runs: (row,) number of the run of each row.
        variables: names.
        time_units: of times that are numbers.
        units: of the variables that have one.
        positions: of the points of fields, variable → {coordinate: value}.
        where: place of a row, for messages.
    """

    values: Float[np.ndarray, "row variable"]
    times: Shaped[np.ndarray, " row"]
    runs: Int[np.ndarray, " row"]
    variables: tuple[str, ...]
    time_units: str = ""
    units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    positions: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    where: Where = where_in_memory


def require_names(variables: Sequence[str], known: Any) -> list[str]:
    """Names of the variables that are wanted. Raises ValueError unless they are known and distinct."""
    wanted = [str(name).strip() for name in variables]
    if any(name not in known for name in wanted) or len(set(wanted)) != len(wanted):
        raise ValueError(f"`variables` must be distinct names out of {listed(known)}; got {listed(wanted)}.")
    return wanted
