"""Samples and steps cut to a few, so that every line of a notebook runs within a test's time.

Run as a notebook's first cell. The notebooks in the repository show what `execute.py` ran at full size.
"""

import functools

import kernels

FEW = {"num_samples": 80, "num_steps": 12}  # no estimator works with fewer samples
FEW_SIMULATED = {"num_samples": 2000}
CUT = ("sample", "event_probability", "exceedance_curve")


def cut(function, few):
    """The same function, given fewer samples and steps than were asked for."""

    @functools.wraps(function)
    def called(*args, **fields):
        return function(
            *args, **fields | {name: min(most, fields.get(name, most)) for name, most in few.items()}
        )

    return called


kernels.compare = cut(kernels.compare, {"num_samples": FEW["num_samples"]})
for name in CUT:
    setattr(kernels, name, cut(getattr(kernels, name), FEW))
kernels.train_on = cut(kernels.train_on, {"num_steps": FEW["num_steps"]})
kernels.systems.System.simulate = cut(kernels.systems.System.simulate, FEW_SIMULATED)
