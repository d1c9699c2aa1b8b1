"""The command `train`."""

from pathlib import Path
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
    SeedOption,
    SelectOption,
    SeriesOption,
    SkipLinesOption,
    StepOption,
    TimeOption,
    TimezoneOption,
    VariablesOption,
)
from diffuse_ui.commands.output import exit_codes, given, print_answer, refuse

__all__ = ["train"]

OF_A_FILE = ("variables", "window", "stride", "time", "gaps", "resample", "num_known", "num_steps")
OF_A_FILE += ("margins", "positive", "bounds", "difference", "seasons", "covariates", "more_steps", *READING)
OF_A_SYSTEM = ("output", "start")


def train(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="Name of a dynamical system, or a .nc, .zarr, .csv or .parquet file.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Checkpoint of a system's model to write (.safetensors)."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Of a file: standard (as a rule), or quick (a third of the steps). "
            "Of a system: quick (as a rule), standard, shipped (long), field (around a ring), forecast or "
            "small_forecast (know the first states), exemplars; with --from: further, further_forecast, exemplars, or "
            "expert (a second network). For a GPU: large, large_field; with --from: large_exemplars, large_expert."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Of a system: a trained model to go on from, with a --seed that is new to it."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the model; --model takes it from then on, unless --output puts it elsewhere."
        ),
    ] = None,
    variables: VariablesOption = None,
    window: Annotated[int, typer.Option(help="Of a file: steps of a trajectory.")] = 60,
    stride: Annotated[int | None, typer.Option(help="Of a file: steps from one window to the next.")] = None,
    time: TimeOption = None,
    gaps: Annotated[
        str | None,
        typer.Option(help="Of a file with missing values: drop, or interpolate (gaps of up to 3 steps)."),
    ] = None,
    resample: Annotated[
        float | None,
        typer.Option(help="Of a file with uneven times: the step to take, in the file's unit of time."),
    ] = None,
    num_known: Annotated[
        int, typer.Option(help="Of a file: first states that a forecast knows; 0 for none.")
    ] = 0,
    num_steps: Annotated[
        int | None, typer.Option(help="Of a file: optimiser steps; by its size unless given.")
    ] = None,
    margins: Annotated[
        str,
        typer.Option(
            help="Of a file: pareto (the law of each variable at one time is the record's, with Pareto tails) or none."
        ),
    ] = "pareto",
    positive: Annotated[
        str | None, typer.Option(help="Of a file: variables that are never negative, as in Q,rain.")
    ] = None,
    bounds: Annotated[str | None, typer.Option(help="Of a file: hard bounds, as in soc=0:1,ice=0:")] = None,
    difference: Annotated[
        str | None,
        typer.Option(
            help="Of a file: pairs of which the first is never below the second, as in tmax-tmin; samples keep that."
        ),
    ] = None,
    more_steps: Annotated[
        int | None,
        typer.Option(
            help="Of a file: go on with the finished model of that name, as many optimiser steps more; with its choices."
        ),
    ] = None,
    noise: Annotated[
        str, typer.Option(help="Colour of the perturbing noise over time: white, pink, brown.")
    ] = "white",
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
    seasons: Annotated[
        str | None,
        typer.Option(
            help="Of a file with dates: the cycles that the model knows, year, day or week, as in year,day; or none. "
            "Those that the record shows unless given."
        ),
    ] = None,
    covariates: Annotated[
        str | None,
        typer.Option(help="Of a file: series that the model is given rather than models, as in co2,enso."),
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a model of a system or of your own data; the same command resumes a stopped one."""
    from diffuse_ui.commands.train_console import is_recording, train_recording, train_simulated
    from diffuse_ui.commands.train_options import bounds_of, names_of

    with exit_codes():
        refuse(context, OF_A_SYSTEM if is_recording(source) else OF_A_FILE, f"in training on {source}")
        if not is_recording(source):
            document = train_simulated(
                source, output, name=name, preset=preset or "quick", noise=noise, seed=seed, start=start
            )
            print_answer(document, as_json, lambda: f"model of {source} in {document['output']}")
            return
        choices = {
            "variables": names_of(variables),
            "window": window,
            "stride": stride,
            "time": time,
            "gaps": gaps,
            "resample": resample,
            "num_known": num_known,
            "num_steps": num_steps,
            "preset": preset,
            "margins": margins,
            "positive": names_of(positive),
            "bounds": bounds_of(bounds),
            "difference": names_of(difference),
            "noise": noise,
            "seasons": seasons,
            "covariates": names_of(covariates),
            "seed": seed,
        }
        told = {option: choice for option, choice in choices.items() if _is_told(context, option)}
        document = train_recording(
            source, name=name, more_steps=more_steps, **told, **given(context, READING)
        )
        how = "stopped; the best so far" if document["stopped"] else "the best"
        words = f"model {document['name']} in {document['output']}: {how}, of step {document['best_step']}"
        words += f"; {document['ending']}" if document["ending"] else ""
        print_answer(document, as_json, lambda: words)


def _is_told(context: typer.Context, option: str) -> bool:
    """Whether an option was given, rather than left to what it is as a rule."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"
