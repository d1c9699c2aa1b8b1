"""Observations of a system: one long trajectory with measurement noise and gaps.

    recording = observe(get_system("lorenz63"), key, num_steps=100_000, noise=0.02, missing=0.01)
    recording.to_netcdf("observations.nc", engine="h5netcdf")

The example of one's own data: what comes out is a Dataset over dates, a variable for each of the
system's, NaN where the instrument failed, and knows nothing of the system it came from.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PRNGKeyArray

from kernels.systems.base import System

__all__ = ["observe"]

MEAN_GAP = 5  # mean length of a gap, in steps


def observe(
    system: System,
    key: PRNGKeyArray,
    *,
    num_steps: int,
    noise: float = 0.0,
    missing: float = 0.0,
    start: str = "2000-01-01",
    step_seconds: float = 3600.0,
) -> xr.Dataset:
    """Observe one long trajectory, after the burn-in, at every output step.

    Args:
        system: what is observed.
        key: random key; start, noise and gaps follow from it.
        num_steps: rows.
        noise: standard deviation of the measurement error, in units of each variable's own.
        missing: share of the rows that are lost, in gaps of random length, `MEAN_GAP` on average.
        start: date of the first row.
        step_seconds: length of an output step in the time of the record.

    Returns:
        One variable (time,) for each of the system's, with units, over dates.

    Raises:
        ValueError: a number outside its domain.
    """
    if num_steps < 2:
        raise ValueError(f"`num_steps` must be at least 2; got {num_steps}.")
    if noise < 0:
        raise ValueError(f"`noise` must not be negative; got {noise}.")
    if not 0 <= missing < 1:
        raise ValueError(f"`missing` must be at least 0 and less than 1; got {missing}.")
    start_key, noise_key, gap_key = jax.random.split(key, 3)
    states = np.asarray(_long_run(system, start_key, num_steps), np.float64)
    states = states + noise * states.std(0) * np.asarray(jax.random.normal(noise_key, states.shape))
    states[_gaps(gap_key, num_steps, missing)] = np.nan
    times = np.datetime64(start, "ms") + (1e3 * step_seconds * np.arange(num_steps)).astype("timedelta64[ms]")
    return xr.Dataset(
        {
            name: ("time", states[:, v].astype(np.float32), {"units": system.variable_units.get(name, "")})
            for v, name in enumerate(system.variables)
        },
        coords={"time": times.astype("datetime64[ns]")},
        attrs={
            "title": f"simulated observations of {system.description}",
            "noise": noise,
            "missing": missing,
        },
    )


@partial(jax.jit, static_argnames=("system", "num_steps"))
def _long_run(system: System, key: PRNGKeyArray, num_steps: int) -> Float[Array, "time variable"]:
    """Long trajectory from a drawn state, the burn-in left out."""
    state = system.draw_initial(key)
    if system.burn_in:
        state = system.integrate(state, np.array([0.0, system.burn_in]))[-1]
    path = system.integrate(state, np.arange(num_steps) * system.step)
    return jax.vmap(system.observe)(jnp.asarray(path))


def _gaps(key: PRNGKeyArray, num_steps: int, missing: float) -> np.ndarray:
    """Mask (step,) of lost rows: gaps begin at random and cover the share `missing`."""
    begin_key, length_key = jax.random.split(key)
    rate = (
        -np.log1p(-missing) / MEAN_GAP
    )  # uncovered share of a Poisson process of intervals: exp(−rate · mean)
    begins = np.flatnonzero(np.asarray(jax.random.bernoulli(begin_key, rate, (num_steps,))))
    lengths = np.asarray(jax.random.geometric(length_key, 1.0 / MEAN_GAP, begins.shape))
    lost = np.zeros(num_steps, bool)
    for begin, length in zip(begins, lengths, strict=True):
        lost[begin : begin + length] = True
    return lost
