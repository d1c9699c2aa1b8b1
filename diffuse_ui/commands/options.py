"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from kernels.diffusion.schedules import SCHEDULES
from kernels.guidance.registry import GUIDANCE
from kernels.probability.registry import ESTIMATORS
from kernels.samplers.registry import SAMPLERS

__all__ = [
    "AllowOriginOption",
    "BrowserOption",
    "EstimatorOption",
    "EventOption",
    "GivenOption",
    "GuidanceOption",
    "JsonOption",
    "ModelOption",
    "OutputOption",
    "PortOption",
    "SamplerOption",
    "SamplesOption",
    "ScheduleOption",
    "SeedOption",
    "StepsOption",
]

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="Name of a model, shipped or your own, or path of a checkpoint.")
]
EventOption = Annotated[str | None, typer.Option("--event", "-e", help="The event, as in: max(x) > 0.9")]
GivenOption = Annotated[str | None, typer.Option(help="Observations, as in: at(x, 0) == 0.4 tolerance 0.1")]
EstimatorOption = Annotated[str, typer.Option(help=f"{', '.join(ESTIMATORS)}; none for no probability.")]
GuidanceOption = Annotated[str, typer.Option(help=f"{', '.join(GUIDANCE)}.")]
_WEIGHTED, _OTHERS = (
    ", ".join(name for name, record in SAMPLERS.items() if record.weighted is weighted)
    for weighted in (True, False)
)
SamplerOption = Annotated[
    str, typer.Option(help=f"How paths are drawn: {_WEIGHTED}; without an event also {_OTHERS}.")
]
ScheduleOption = Annotated[str, typer.Option(help=f"Noise levels of the paths: {', '.join(SCHEDULES)}.")]
SamplesOption = Annotated[int, typer.Option("--num-samples", "-n", help="Number of trajectories.")]
StepsOption = Annotated[int, typer.Option("--num-steps", help="Network evaluations on a stochastic path.")]
SeedOption = Annotated[int, typer.Option(help="Seed: the same seed gives the same numbers.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write: .nc (NetCDF) or .zarr.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
PortOption = Annotated[int, typer.Option(help="Port on 127.0.0.1.")]
AllowOriginOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Address at which a hub or proxy shows the page, as in: https://hub.example.org. May be repeated."
    ),
]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")]
