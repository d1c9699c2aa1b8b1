"""The command line, thin over `kernels.runs`.

    diffuse-ui lab | serve | simulate | train | sample | probability | validate | models

Exit codes: 0 done, 1 numerical failure, 2 bad input. An error is one message on stderr. With
`--json` one object goes to stdout and nothing else; progress goes to stderr.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

import kernels
from diffuse_ui import formats
from diffuse_ui.caching import keep_compiled
from kernels.trajectories import require_writable

__all__ = ["app", "main"]

app = typer.Typer(
    name="diffuse-ui",
    help="Draw an event on the trajectories of a dynamical system; what happens then, and how likely is it?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

NUMERICAL_FAILURE, BAD_INPUT = 1, 2

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="Name of a shipped model, or path of a checkpoint.")
]
EventOption = Annotated[str | None, typer.Option("--event", "-e", help="The event, as in: max(x) > 0.9")]
GivenOption = Annotated[str | None, typer.Option(help="What is known, as in: at(x, 0) == 0.4 tolerance 0.01")]
EstimatorOption = Annotated[
    str,
    typer.Option(
        help="auto, monte_carlo, subset_simulation, path_importance, twisted_smc, density_ratio, simulator, data; "
        "none for no probability."
    ),
]
GuidanceOption = Annotated[
    str,
    typer.Option(
        help="moment_matching, calibrated, moment_matching_full, pseudoinverse, reconstruction, replacement."
    ),
]
SamplesOption = Annotated[int, typer.Option("--num-samples", "-n", help="Number of trajectories.")]
StepsOption = Annotated[int, typer.Option("--num-steps", help="Network evaluations for a trajectory.")]
SeedOption = Annotated[int, typer.Option(help="Seed: the same seed gives the same numbers.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write: .nc (NetCDF) or .zarr.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
PortOption = Annotated[int, typer.Option(help="Port on 127.0.0.1.")]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")]


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turn errors into one message on stderr and an exit code."""
    try:
        yield
    except (ValueError, FileNotFoundError, PermissionError, IsADirectoryError) as error:
        _fail(error, BAD_INPUT)
    except (kernels.NumericalError, FloatingPointError) as error:
        _fail(error, NUMERICAL_FAILURE)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None


def _fail(error: Exception, code: int) -> None:
    typer.echo(f"Error: {error}", err=True)
    raise typer.Exit(code) from None


def _refuse(context: typer.Context, names: tuple[str, ...], where: str) -> None:
    """Raises ValueError for options that were given and would be ignored."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            flag = next(p.opts[0] for p in context.command.params if p.name == name)
            raise ValueError(f"{flag} has no meaning {where}. Leave it out.")


def _print(document: dict[str, Any], as_json: bool, words: Callable[[], str]) -> None:
    typer.echo(json.dumps(document, default=_plain) if as_json else words())


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _follow(records: Iterator[Any], share: Callable[[Any], float], quiet: bool) -> Any:
    """The last of some records, with a progress bar on stderr."""
    last = None
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, disable=quiet or not console.is_terminal, transient=True
    ) as progress:
        task = progress.add_task("starting", total=1.0)
        for last in records:
            progress.update(task, completed=share(last), description=last.message)
    if last is None:
        raise kernels.NumericalError("the run ended without a result.")
    return last


def _spec(
    model: str, event: str | None, given: str | None, estimator: str, **choices: Any
) -> "kernels.RunSpec":
    chosen = None if estimator == "none" else estimator
    return kernels.RunSpec(model=model, event=event, given=given, estimator=chosen, **choices)


def _probability_words(estimate: Any) -> str:
    value = formats.probability(estimate.value, estimate.standard_error, estimate.interval[1])
    sign = "" if value.startswith("<") else "= "
    about = f"95 %: {formats.span(estimate.interval)}; {estimate.method}, {estimate.status}"
    return f"P {sign}{value}   ({about})\n{estimate.message}"


@app.command()
def sample(
    model: ModelOption = "lorenz63",
    event: EventOption = None,
    given: GivenOption = None,
    method: Annotated[str, typer.Option(help="guided (approximate), or exact.")] = "guided",
    guidance: GuidanceOption = "moment_matching",
    estimator: EstimatorOption = "auto",
    num_samples: SamplesOption = 512,
    num_steps: StepsOption = 80,
    seed: SeedOption = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw trajectories, given an event if one is named, and write them to a file."""
    with _exit_codes():
        spec = _spec(
            model,
            event,
            given,
            estimator,
            method=method,
            guidance=guidance,
            num_samples=num_samples,
            num_steps=num_steps,
            seed=seed,
        )
        if output is not None:
            require_writable(output)
        last = _follow(kernels.stream(spec), lambda snapshot: snapshot.progress, as_json)
        if output is not None:
            _write(last, spec, output)
        count = 0 if last.dataset is None else last.dataset.sizes["sample"]
        estimate = last.probability
        document = {"model": model, "event": event, "num_samples": count, "output": output and str(output)}
        document["probability"] = None if estimate is None else estimate.to_dict()
        document["ensemble"] = ensemble = None if last.dataset is None else last.dataset.attrs["ensemble"]
        words = f"{count} trajectories" + (
            f" in {output}" if output else "; name a file with --output to keep them"
        )
        _print(
            document,
            as_json,
            lambda: words if estimate is None else f"{words}\n{_probability_words(estimate)}",
        )
        if method == "exact" and event is not None and ensemble != "exact":
            raise kernels.NumericalError(
                "no trajectory was found to meet the event, so there is no exact ensemble: "
                f"what was drawn is {ensemble}, and approximate."
            )


def _write(last: "kernels.Snapshot", spec: "kernels.RunSpec", output: Path) -> None:
    from diffuse_ui.exporting import write
    from diffuse_ui.store import Result

    write(Result(spec, last, {}, 0.0), output)


@app.command()
def probability(
    event: Annotated[str, typer.Option("--event", "-e", help="The event, as in: max(x) > 0.9")],
    model: ModelOption = "lorenz63",
    given: GivenOption = None,
    method: Annotated[
        str,
        typer.Option(
            help="Estimator: auto, monte_carlo, subset_simulation, path_importance, twisted_smc, "
            "density_ratio, simulator, data."
        ),
    ] = "auto",
    guidance: GuidanceOption = "moment_matching",
    num_samples: SamplesOption = 512,
    num_steps: Annotated[int, typer.Option(help="Network evaluations for a stochastic path.")] = 80,
    ode_steps: Annotated[
        int | None,
        typer.Option(
            help="Network evaluations for a direct sample, and in subset simulation; the model's own unless given."
        ),
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Estimate the probability of an event: the number the app shows for the same choices."""
    import jax

    with _exit_codes():
        records = kernels.estimate(
            jax.random.key(seed),
            model,
            event,
            given=given,
            method=method,
            num_samples=num_samples,
            num_steps=ode_steps,
            path_steps=num_steps,
            guidance=guidance,
        )
        estimate = _follow(records, lambda record: record.fraction, as_json).probability
        document = estimate.to_dict() | {
            "event": str(kernels.parse_event(event)),
            "model": model,
            "seed": seed,
        }
        _print(document, as_json, lambda: _probability_words(estimate))


@app.command()
def simulate(
    system: Annotated[str, typer.Argument(help="Name of a dynamical system.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .nc (NetCDF) or .zarr.")],
    num_samples: SamplesOption = 1000,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Simulate trajectories of a dynamical system."""
    import jax

    from diffuse_ui.exporting import write_dataset

    with _exit_codes():
        require_writable(output)
        dataset = kernels.get_system(system).simulate(jax.random.key(seed), num_samples=num_samples)
        write_dataset(dataset, output)
        document = {"system": system, "num_samples": num_samples, "seed": seed, "output": str(output)}
        _print(document, as_json, lambda: f"{num_samples} trajectories of {system} in {output}")


OF_A_FILE = ("variables", "window", "stride", "time", "gaps", "resample", "num_known", "num_steps")
OF_A_SYSTEM = ("output", "preset", "start")


@app.command()
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
        str,
        typer.Option(
            help="Of a system: quick, standard, shipped (long), further (with --from), "
            "forecast (knows the first states)."
        ),
    ] = "quick",
    start: Annotated[
        str | None, typer.Option("--from", help="Of a system: a trained model to go on from.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the model; --model takes it from then on.")
    ] = None,
    variables: Annotated[
        str | None, typer.Option(help="Of a file: which, as in T,P; all numeric ones unless given.")
    ] = None,
    window: Annotated[int, typer.Option(help="Of a file: steps of a trajectory.")] = 60,
    stride: Annotated[int | None, typer.Option(help="Of a file: steps from one window to the next.")] = None,
    time: Annotated[str | None, typer.Option(help="Of a file: name of the time dimension or column.")] = None,
    gaps: Annotated[
        str | None, typer.Option(help="Of a file with missing values: drop, or interpolate.")
    ] = None,
    resample: Annotated[
        float | None, typer.Option(help="Of a file with uneven times: the step to take.")
    ] = None,
    num_known: Annotated[
        int, typer.Option(help="Of a file: first states that a forecast knows; 0 for none.")
    ] = 0,
    num_steps: Annotated[
        int | None, typer.Option(help="Of a file: optimiser steps; by its size unless given.")
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a model of a dynamical system or of your own data; the same command again resumes."""
    from diffuse_ui.training_console import is_recording, train_recording, train_simulated

    with _exit_codes():
        _refuse(context, OF_A_SYSTEM if is_recording(source) else OF_A_FILE, f"in training on {source}")
        if not is_recording(source):
            document = train_simulated(source, output, name=name, preset=preset, seed=seed, start=start)
            _print(document, as_json, lambda: f"model of {source} in {document['output']}")
            return
        document = train_recording(
            source,
            name=name,
            variables=None if variables is None else variables.split(","),
            window=window,
            stride=stride,
            time=time,
            gaps=gaps,
            resample=resample,
            num_known=num_known,
            num_steps=num_steps,
            seed=seed,
        )
        how = "stopped; the best so far" if document["stopped"] else "the best"
        words = f"model {document['name']} in {document['output']}: {how}, of step {document['best_step']}"
        _print(document, as_json, lambda: words)


@app.command()
def validate(
    spec: Annotated[Path, typer.Argument(help="JSON file of a run, as the app exports it.")],
    as_json: JsonOption = False,
) -> None:
    """Check a run's file: its fields, its model, its event. Draws nothing."""
    from diffuse_ui.state import State

    with _exit_codes():
        try:
            document = json.loads(spec.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{spec} is no JSON: {error}.") from None
        run = kernels.RunSpec.from_dict(document)
        state = State(model=run.model)
        state.load()
        state.from_spec(run)
        meaning = "no event" if state.event is None else state.event.describe()
        _print(
            {"valid": True, "event": state.text or None, "model": state.model_name, "meaning": meaning},
            as_json,
            lambda: f"valid: {meaning}",
        )


models_app = typer.Typer(help="List models and systems, or report on one.", invoke_without_command=True)
app.add_typer(models_app, name="models")


@models_app.callback()
def models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the shipped models and the systems that can be simulated and trained."""
    if context.invoked_subcommand is not None:
        return
    with _exit_codes():
        names = kernels.available_models()
        cards = {name: _card(name) for name in names}
        systems = kernels.available_systems()

        def words() -> str:
            shipped = [
                f"  {name}: {card.get('description', '')}".rstrip(": ") for name, card in cards.items()
            ]
            return "\n".join(
                ["models:", *(shipped or ["  none"]), "systems:", *(f"  {name}" for name in systems)]
            )

        _print({"models": cards, "systems": list(systems)}, as_json, words)


def _card(name: str) -> dict[str, Any]:
    """A model's card; of a damaged file, what is wrong with it."""
    try:
        return dict(kernels.load_model(name).card)
    except ValueError as error:
        return {"name": name, "description": f"cannot be read: {error}"}


@models_app.command()
def report(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a model, or path of a checkpoint.")],
    measure: Annotated[bool, typer.Option("--measure", help="Measure now, and write the card.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Measure by deterministic samples alone.")] = False,
    num_samples: Annotated[int | None, typer.Option("--num-samples", "-n", help="To measure with.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Picture: .png, .pdf or .svg.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How right a model is: its samples against the truth."""
    from diffuse_ui.report_console import measured, print_report, write_figure

    with _exit_codes():
        if not measure:
            _refuse(context, ("num_samples", "brief"), "without --measure")
        model = measured(name, num_samples, brief=brief) if measure else kernels.load_model(name)
        if output is not None:
            write_figure(model, output)
        if as_json:
            _print({"model": name, "fidelity": model.card.get("fidelity")}, as_json, str)
        else:
            print_report(model)


@app.command()
def serve(model: ModelOption = "lorenz63", port: PortOption = 5006, browser: BrowserOption = True) -> None:
    """Serve the app as a page to this machine; each window is a session of its own."""
    with _exit_codes():
        kernels.load_model(model)
        from diffuse_ui.app import HOST, make_page
        from diffuse_ui.app import serve as serve_page

        typer.echo(f"diffuse-ui at http://{HOST}:{port}/   (Ctrl-C ends it)", err=True)
        serve_page(lambda: make_page(model), port=port, show=browser)  # Panel calls functions, not partials


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context, port: PortOption = 8888, browser: BrowserOption = True) -> None:
    """Open JupyterLab on the first notebook. Further options go to JupyterLab."""
    from diffuse_ui.launching import open_lab

    with _exit_codes():
        open_lab(port=port, browser=browser, extra=list(context.args))


def main() -> None:
    """Entry point of the command `diffuse-ui`."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")  # pyright: ignore[reportAttributeAccessIssue]
    keep_compiled()
    app()


if __name__ == "__main__":
    main()
