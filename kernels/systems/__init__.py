"""Dynamical systems: vector field, initial law and simulation; one file per system."""

from kernels.names import require_known
from kernels.systems.base import System
from kernels.systems.double_pendulum import DOUBLE_PENDULUM
from kernels.systems.fitzhugh_nagumo import FITZHUGH_NAGUMO
from kernels.systems.kuramoto_sivashinsky import KURAMOTO_SIVASHINSKY
from kernels.systems.lorenz63 import LORENZ63
from kernels.systems.lorenz96 import LORENZ96
from kernels.systems.observing import observe

__all__ = ["System", "available_systems", "get_system", "observe", "register_system"]

_BUILT_IN = (LORENZ63, FITZHUGH_NAGUMO, DOUBLE_PENDULUM, LORENZ96, KURAMOTO_SIVASHINSKY)
_SYSTEMS = {system.name: system for system in _BUILT_IN}


def available_systems() -> tuple[str, ...]:
    """Names that `get_system` takes."""
    return tuple(_SYSTEMS)


def register_system(system: System, *, replace: bool = False) -> System:
    """Register a system of one's own by name, for this process: to simulate, train, compare.

        register_system(System(name="oscillator", variables=("x", "v"), step=0.1, num_times=60,
                               vector_field=lambda s: jnp.stack([s[1], -s[0]]),
                               draw_initial=lambda key: jax.random.normal(key, (2,))))

    A system that is no differential equation has a `stepper` in the place of a vector field.

    Raises:
        ValueError: the name is empty, or taken and `replace` is not set, or one of the built-in systems'.
    """
    if not system.name:
        raise ValueError("`name` of the system must not be empty.")
    built_in = {known.name for known in _BUILT_IN}
    if system.name in built_in or (system.name in _SYSTEMS and not replace):
        remedy = "Take another name." if system.name in built_in else "Take another name, or `replace=True`."
        raise ValueError(f"`name` must be new; there is a system {system.name!r} already. {remedy}")
    _SYSTEMS[system.name] = system
    return system


def get_system(name: str) -> System:
    """Get a system by name.

    Raises:
        ValueError: no such system; the message names the nearest one.
    """
    require_known("system", name, _SYSTEMS)
    return _SYSTEMS[name]
