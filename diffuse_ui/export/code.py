"""Export of a run as a Python script, a notebook, a command line and a link.

All are made from a `kernels.RunSpec` and name only what differs from its defaults.
"""

import dataclasses
import shlex
from urllib.parse import urlencode

import kernels
from kernels.recordings.when import when_text

__all__ = ["WATCHED", "command", "link", "notebook", "script"]

WATCHED = tuple(field.name for field in dataclasses.fields(kernels.RunSpec) if field.name != "event_text")


def _choices(spec: kernels.RunSpec) -> dict[str, object]:
    """Fields of a run that differ from the defaults, in the spec's order; the event as text."""
    chosen = {}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if field.name == "event" and value is not None:
            value = spec.event_text or str(value)
        if field.name == "when":
            value = when_text(spec.when) or None
        if field.name not in ("model", "event_text") and value != field.default:
            chosen[field.name] = value
    return chosen


def script(spec: kernels.RunSpec) -> str:
    """Python script that repeats the run and writes it to `run.nc`."""
    lines = ["import kernels", "", *_run_lines(spec)]
    if spec.event is not None and spec.estimator is not None:
        lines += ["print(result.probability)"]
    return "\n".join([*lines, 'result.to_netcdf("run.nc")', ""])


def _run_lines(spec: kernels.RunSpec) -> list[str]:
    """Lines of code that build the spec and run it."""
    named = isinstance(spec.model, str)
    lines = [] if named else ["model = ...  # this run used a Model made in Python: put it here", ""]
    arguments = [f"    model={spec.model!r}," if named else "    model=model,"]
    arguments += [f"    {name}={value!r}," for name, value in _choices(spec).items()]
    return [*lines, "spec = kernels.RunSpec(", *arguments, ")", "result = kernels.run(spec)"]


_NOTEBOOK_IMPORTS = """\
from IPython.display import Image

import kernels
from diffuse_ui.export.files import picture
"""
_PICTURE = """\
backdrop = kernels.backdrop(spec.model, num_samples=384)
Image(picture(result, backdrop, "png", dpi=110))"""


def notebook(spec: kernels.RunSpec, words: str = "") -> str:
    """Notebook (nbformat 4.5, JSON) that repeats the run, draws it and writes it to `run.nc`.

    Args:
        spec: the run.
        words: what was found, to stand at its head.
    """
    from nbformat import v4, writes  # takes a second, which only a notebook is worth

    event = "Trajectories without an event" if spec.event is None else f"Trajectories given `{spec.event}`"
    prose, work = v4.new_markdown_cell, v4.new_code_cell
    cells = [
        prose("\n".join([f"# {event}", "", *words.splitlines()])),
        work("\n".join([_NOTEBOOK_IMPORTS, *_run_lines(spec)])),
    ]
    if spec.event is not None and spec.estimator is not None:
        cells += [
            prose("How likely the event is, and how far to trust the number:"),
            work("result.probability"),
        ]
    cells += [
        prose("Medians, 25–75 % and 5–95 % bands:"),
        work(_PICTURE if not spec.when else _PICTURE.replace("spec.model,", "spec.model, when=spec.when,")),
        prose("The data: state(sample, time, variable), with weights and what each sample is."),
        work('result.to_netcdf("run.nc")\nresult.dataset'),
    ]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"  # the same run is the same file
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return writes(v4.new_notebook(cells=cells, metadata=metadata)) + "\n"


def link(spec: kernels.RunSpec) -> str:
    """Query string of an address that opens the app on a run: `?model=…&event=…`.

    Every choice is named, because the defaults of another version of the app may differ.
    """
    chosen = {name: getattr(spec, name) for name in WATCHED}
    chosen["event"] = spec.event_text or spec.event
    chosen["when"] = when_text(spec.when) or None
    chosen["model"] = spec.model if isinstance(spec.model, str) else spec.model.name
    texts = {name: "none" if value is None else str(value) for name, value in chosen.items()}
    return "?" + urlencode(texts)


def command(spec: kernels.RunSpec, output: str = "run.nc") -> str:
    """Command line that repeats the run and writes it to `output`."""
    model = spec.model if isinstance(spec.model, str) else "MODEL"
    words = ["diffuse-ui", "sample", "--model", shlex.quote(model)]
    for name, value in _choices(spec).items():
        words += [f"--{name.replace('_', '-')}", shlex.quote("none" if value is None else str(value))]
    return " ".join([*words, "--output", shlex.quote(output)])
