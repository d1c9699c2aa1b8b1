"""Count of what JAX traces and compiles within a block of code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

__all__ = ["compilations"]

_open: list[list[str]] = []


def _heard(event: str, duration: float, **about: Any) -> None:
    if "compile" in event:
        for names in _open:
            names.append(event)


jax.monitoring.register_event_duration_secs_listener(_heard)


@contextmanager
def compilations() -> Iterator[list[str]]:
    """Names of the events of tracing and compilation, as they come."""
    names: list[str] = []
    _open.append(names)
    try:
        yield names
    finally:
        _open.remove(names)
