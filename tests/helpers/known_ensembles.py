"""Weighted ensembles and forecasts whose statistics are known: proposals N(0, 1) weighted to N(SHIFT, 1)."""

import numpy as np
import xarray as xr

from kernels.trajectories.datasets import to_dataset
from kernels.trajectories.layout import Layout

SHIFT = 0.6
LAYOUT = Layout(
    variables=("x", "y"), times=np.arange(6) * 0.5, time_units="s", variable_units={"x": "m", "y": "m"}
)
REPLICATES = 80
CALIBRATED = (0.75, 1.35)


def ensemble(rng, num_samples=300, layout=LAYOUT, num_times=6):
    """x(t), y(t) of an AR(1) in time with correlation 0.8 of x and y, weighted by exp(SHIFT·x(0) − …)."""
    noise = rng.normal(size=(num_samples, num_times, 2))
    noise[..., 1] = 0.8 * noise[..., 0] + 0.6 * noise[..., 1]
    states = np.empty_like(noise)
    states[:, 0] = noise[:, 0]
    for t in range(1, num_times):
        states[:, t] = 0.7 * states[:, t - 1] + np.sqrt(1.0 - 0.7**2) * noise[:, t]
    return to_dataset(states, layout, weight=np.exp(SHIFT * states[:, 0, 0]))


def with_cases(states):
    """(case, sample, time, variable) as a Dataset."""
    one = to_dataset(states[0], LAYOUT)
    state = xr.DataArray(states, {"case": np.arange(len(states)), **one.coords}, ("case", *one["state"].dims))
    return one.drop_vars("state").assign(state=state)


def cases(rng, num_cases, num_samples, spread=1.0):
    """Forecasts of unit spread round a centre of each case, and a truth that departs by `spread` as much."""
    centre = rng.normal(0.0, 3.0, (num_cases, 1, 6, 2))
    states = centre + rng.normal(size=(num_cases, num_samples, 6, 2))
    return with_cases(states), with_cases(centre + spread * rng.normal(size=(num_cases, 1, 6, 2)))


def assert_calibrated(results, name):
    """Mean stated error over the spread of replicates, root mean square over all entries."""
    values = np.stack([each[name].values for each in results])
    errors = np.stack([each[f"{name}_error"].values for each in results])
    seen = values.var(axis=0, ddof=1)
    moves = seen > 1e-20
    ratio = np.sqrt((errors**2).mean(axis=0)[moves].mean() / seen[moves].mean())
    assert moves.any()
    assert CALIBRATED[0] < ratio < CALIBRATED[1], ratio
