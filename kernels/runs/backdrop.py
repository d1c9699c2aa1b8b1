"""Backdrop: trajectories to show behind a question, before it is asked."""

import threading
from collections import OrderedDict
from pathlib import Path

import jax
import numpy as np
import xarray as xr

from kernels.models import Model
from kernels.probability.latent.direct import direct_samples
from kernels.recordings.when import When
from kernels.runs.spec import RunSpec, as_model
from kernels.runs.stream import checked
from kernels.systems import get_system
from kernels.trajectories.datasets import to_dataset

__all__ = ["backdrop"]


_backdrops: OrderedDict[tuple, xr.Dataset] = OrderedDict()


_backdrops_lock = threading.Lock()


def backdrop(
    model: str | Path | Model, *, num_samples: int, seed: int = 0, when: When | None = None
) -> xr.Dataset:
    """Draw trajectories to show before an event: simulated, held-out data, or of the model.

    Args:
        model: name, path or Model.
        num_samples: number of trajectories; of held-out data at most as many as there are windows.
        seed: of what is simulated or drawn.
        when: season, hour or covariates that the trajectories are to have, see `kernels.recordings.when`.

    Returns:
        state(sample, time, variable), physical units; attrs["source"] is "simulator", "data" or "model".
        It is kept and handed out again: copy it before changing it.

    Raises:
        ValueError: no such model, or one that forecasts and has neither a system nor data.
        NumericalError: numbers stopped being finite.
    """
    loaded = as_model(model).when(when)
    system = None if loaded.system is None else get_system(loaded.system)
    identity = (loaded.identity, system, loaded.held_out is None, num_samples, seed)
    with _backdrops_lock:
        if identity in _backdrops:
            return _backdrops[identity]
    key = jax.random.key(seed)
    if system is not None:
        dataset = system.simulate(key, num_samples=num_samples)
    elif loaded.held_out is not None:
        windows = loaded.held_out.windows
        if loaded.conditions is not None and loaded.conditions.met(loaded.held_out).any():
            windows = windows[loaded.conditions.met(loaded.held_out)]
        chosen = np.linspace(0, len(windows) - 1, min(num_samples, len(windows))).round().astype(int)
        dataset = to_dataset(
            windows[chosen], loaded.layout, attrs={"source": "data", "model": loaded.name, "seed": seed}
        )
    else:
        problem = RunSpec(model=loaded).problem(key)
        states = np.concatenate(list(checked(direct_samples(problem, num_samples))))
        dataset = to_dataset(
            states, loaded.layout, attrs={"source": "model", "model": loaded.name, "seed": seed}
        )
    with _backdrops_lock:
        _backdrops[identity] = dataset
        while len(_backdrops) > 8:
            _backdrops.popitem(last=False)
    return dataset
