"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from kernels.diffusion.schedules import SCHEDULES
from kernels.guidance.registry import GUIDANCE
from kernels.probability.registry import ESTIMATORS
from kernels.samplers.registry import SAMPLERS

__all__ = [
    "READING",
    "AllowOriginOption",
    "BrowserOption",
    "CensoredOption",
    "DatesOption",
    "DecimalOption",
    "EstimatorOption",
    "EventOption",
    "FlagsOption",
    "GivenOption",
    "GroupOption",
    "GuidanceOption",
    "JsonOption",
    "MissingOption",
    "ModelOption",
    "OutputOption",
    "PortOption",
    "RepeatedOption",
    "SamplerOption",
    "SamplesOption",
    "ScheduleOption",
    "SeedOption",
    "SelectOption",
    "SeriesOption",
    "SkipLinesOption",
    "StepOption",
    "StepsOption",
    "TimeOption",
    "TimezoneOption",
    "VariablesOption",
    "WhenOption",
]

READING = (  # options that answer what a file does not tell
    *(
        "dates",
        "missing",
        "decimal",
        "censored",
        "flags",
        "timezone",
        "steps",
        "repeated",
        "series",
        "select",
        "group",
    ),
    "skip_lines",
)

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="Name of a model, shipped or your own, or path of a checkpoint.")
]
EventOption = Annotated[str | None, typer.Option("--event", "-e", help="The event, as in: max(x) > 0.9")]
GivenOption = Annotated[str | None, typer.Option(help="Observations, as in: at(x, 0) == 0.4 tolerance 0.1")]
WhenOption = Annotated[
    str | None,
    typer.Option(
        help="Season, hour or covariates of a model that knows them, as in: month in 6..8 and co2 == 420"
    ),
]
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
VariablesOption = Annotated[
    str | None, typer.Option(help="Of a file: which, as in T,P; all numeric ones unless given.")
]
TimeOption = Annotated[
    str | None,
    typer.Option(help="Of a file: name of the time dimension or column; none where rows are to be numbered."),
]
DatesOption = Annotated[
    str | None,
    typer.Option(help="Of a table with dates as 01/02/2020: day-first or month-first, where both may be."),
]
MissingOption = Annotated[
    str | None,
    typer.Option(help="Of a file: values that mean missing, as in -9999,Ice; none if all are measured."),
]
DecimalOption = Annotated[
    str | None, typer.Option(help="Of a table: the mark before the decimals, . or , where both may be.")
]
CensoredOption = Annotated[
    str | None, typer.Option(help="Of a table with values as <0.05: half (of the limit), limit, or missing.")
]
FlagsOption = Annotated[
    str | None,
    typer.Option(
        help="Of a table with marks behind numbers, as 12.3*: ignore them, or take both as missing."
    ),
]
TimezoneOption = Annotated[
    str | None,
    typer.Option(help="Of a file: where its clock stood, as in Europe/Berlin; UTC if it never jumped."),
]
StepOption = Annotated[
    str | None,
    typer.Option("--steps", help="Of a file: rows, if one row is one step, as trading days are; or time."),
]
RepeatedOption = Annotated[
    str | None, typer.Option(help="Of a file with rows at equal times: keep the first, or the last.")
]
SeriesOption = Annotated[
    str | None,
    typer.Option(help="Of a table: column of the station or member of a row; none for one series."),
]
SelectOption = Annotated[str | None, typer.Option(help="Of a table: rows to read, as in station=A.")]
GroupOption = Annotated[str | None, typer.Option(help="Of a NetCDF or Zarr file: the group to read.")]
SkipLinesOption = Annotated[
    str | None, typer.Option(help="Of a table: numbers of lines that are no rows, as in 1,2,365.")
]
