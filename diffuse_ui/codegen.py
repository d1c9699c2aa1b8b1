"""The state as code: a Python script and a command line that draw the same trajectories.

Both are made from a `kernels.RunSpec` and name only what differs from its defaults.
"""

import dataclasses
import shlex

import kernels

__all__ = ["WATCHED", "command", "script"]

WATCHED = (
    "model",
    "event",
    "given",
    "method",
    "guidance",
    "estimator",
    "num_samples",
    "num_steps",
    "seed",
)


def _choices(spec: kernels.RunSpec) -> dict[str, object]:
    """The fields that differ from the defaults, in the spec's order; the event as text."""
    chosen = {}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if field.name == "event" and value is not None:
            value = str(value)
        if field.name != "model" and value != field.default:
            chosen[field.name] = value
    return chosen


def script(spec: kernels.RunSpec) -> str:
    """A Python script that makes the run again and writes it to `run.nc`."""
    named = isinstance(spec.model, str)
    lines = ["import kernels", ""]
    if not named:
        lines += ["model = ...  # this run used a Model made in Python: put it here", ""]
    arguments = [f"    model={spec.model!r}," if named else "    model=model,"]
    arguments += [f"    {name}={value!r}," for name, value in _choices(spec).items()]
    lines += ["spec = kernels.RunSpec(", *arguments, ")", "result = kernels.run(spec)"]
    if spec.event is not None and spec.estimator is not None:
        lines += ["print(result.probability)"]
    return "\n".join([*lines, 'result.to_netcdf("run.nc")', ""])


def command(spec: kernels.RunSpec, output: str = "run.nc") -> str:
    """The command line that makes the run again and writes it to `output`."""
    model = spec.model if isinstance(spec.model, str) else "MODEL"
    words = ["diffuse-ui", "sample", "--model", shlex.quote(model)]
    for name, value in _choices(spec).items():
        words += [f"--{name.replace('_', '-')}", shlex.quote("none" if value is None else str(value))]
    return " ".join([*words, "--output", shlex.quote(output)])
