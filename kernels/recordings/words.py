"""Words of messages and notes: lists of names, counts, and where a row stands."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int

from kernels.names import printable

__all__ = ["Where", "count_of", "listed", "where_in_file", "where_in_memory"]

MAX_NAMED = 12  # names listed in a message

Where = Callable[[int], str]  # index of a row → its place, as "line 5"


def listed(names: Any, last: str = "") -> str:
    """List of names for a message; of many names the first few."""
    names = [printable(str(name)) for name in names]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    if last and 1 < len(names) <= MAX_NAMED:
        return f"{', '.join(names[:-1])} {last} {names[-1]}"
    return (", ".join(names[:MAX_NAMED]) or "none") + more


def count_of(count: int, thing: str) -> str:
    """Number of things, as in "1 line" and "3 lines"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def where_in_file(lines: Int[np.ndarray, " row"]) -> Where:
    """Places of rows, by the number of their line, from 1."""
    return lambda row: f"line {lines[row]}"


def where_in_memory(row: int) -> str:
    """Place of a row without a file, from 1."""
    return f"row {row + 1}"
