"""The command `inspect`."""

from typing import Annotated

import typer

from diffuse_ui.commands.options import (
    READING,
    CensoredOption,
    DatesOption,
    DecimalOption,
    FlagsOption,
    GroupOption,
    JsonOption,
    MissingOption,
    RepeatedOption,
    SelectOption,
    SeriesOption,
    SkipLinesOption,
    StepOption,
    TimeOption,
    TimezoneOption,
    VariablesOption,
)
from diffuse_ui.commands.output import exit_codes, given, print_answer

__all__ = ["inspect"]


def inspect(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A .nc, .zarr, .csv, .txt or .parquet file.")],
    variables: VariablesOption = None,
    time: TimeOption = None,
    dates: DatesOption = None,
    missing: MissingOption = None,
    decimal: DecimalOption = None,
    censored: CensoredOption = None,
    flags: FlagsOption = None,
    timezone: TimezoneOption = None,
    steps: StepOption = None,
    repeated: RepeatedOption = None,
    series: SeriesOption = None,
    select: SelectOption = None,
    group: GroupOption = None,
    skip_lines: SkipLinesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what `train` would understand of a file: times, variables, what is missing and left out."""
    from kernels.recordings.reading import read_recording
    from kernels.recordings.summary import summary_lines

    with exit_codes():
        recording = read_recording(
            source,
            variables=None if variables is None else variables.split(","),
            time=time,
            **given(context, READING),
        )
        document = {
            "source": recording.source,
            "num_rows": recording.num_rows,
            "num_runs": int(recording.runs.max()) + 1,
            "start": recording.start,
            "time_units": recording.time_units,
            "variables": list(recording.variables),
            "variable_units": dict(recording.variable_units),
            "notes": list(recording.notes),
        }
        print_answer(document, as_json, lambda: "\n".join(summary_lines(recording)))
