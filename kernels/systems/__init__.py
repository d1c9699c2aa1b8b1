"""Dynamical systems: vector field, initial law and simulation, one file a system."""

from difflib import get_close_matches

from kernels.systems.base import System
from kernels.systems.double_pendulum import DOUBLE_PENDULUM
from kernels.systems.fitzhugh_nagumo import FITZHUGH_NAGUMO
from kernels.systems.lorenz63 import LORENZ63

__all__ = ["System", "available_systems", "get_system"]

_SYSTEMS = {system.name: system for system in (LORENZ63, FITZHUGH_NAGUMO, DOUBLE_PENDULUM)}


def available_systems() -> tuple[str, ...]:
    """Names that `get_system` takes."""
    return tuple(_SYSTEMS)


def get_system(name: str) -> System:
    """A system by name.

    Raises:
        ValueError: no such system; the message names the nearest one.
    """
    if name not in _SYSTEMS:
        nearest = get_close_matches(name, _SYSTEMS, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"`system` must be one of {', '.join(_SYSTEMS)}; got {name!r}.{hint}")
    return _SYSTEMS[name]
