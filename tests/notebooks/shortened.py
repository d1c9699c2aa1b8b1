"""Samples and steps cut to a few, so that every line of a notebook runs within a test's time.

Run as a notebook's first cell. The notebooks in the repository show what `execute.py` ran at full size.
"""

import functools

import kernels

FEW = {"num_samples": 64, "num_steps": 12}
CUT = ("sample", "event_probability", "exceedance_curve", "compare", "train_on")


def cut(function):
    """The same function, given fewer samples and steps than were asked for."""

    @functools.wraps(function)
    def called(*args, **fields):
        few = {name: min(most, fields.get(name, most)) for name, most in FEW.items()}
        if function.__name__ == "train_on":
            few.pop("num_samples")
        return function(*args, **fields | few)

    return called


for name in CUT:
    setattr(kernels, name, cut(getattr(kernels, name)))
