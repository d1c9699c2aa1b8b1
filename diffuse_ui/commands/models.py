"""The command `models`, and under it `report` and `scale`."""

from pathlib import Path
from typing import Annotated, Any

import typer

import kernels
from diffuse_ui.commands.options import JsonOption
from diffuse_ui.commands.output import exit_codes, print_answer, refuse

__all__ = ["models_app"]

models_app = typer.Typer(help="List models and systems, or report on one.", invoke_without_command=True)


@models_app.callback()
def models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the models, shipped and your own, and the systems that can be simulated and trained."""
    if context.invoked_subcommand is not None:
        return
    with exit_codes():
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

        print_answer({"models": cards, "systems": list(systems)}, as_json, words)


def _card(name: str) -> dict[str, Any]:
    """A model's card; of a damaged file, what is wrong with it."""
    from kernels.checkpoints import read_card
    from kernels.zoo import path_of

    try:
        return read_card(path_of(name))
    except ValueError as error:
        return {"name": name, "description": f"cannot be read: {error}"}


@models_app.command()
def report(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name of a model, or path of a checkpoint.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All shipped models, in the place of a name.")] = False,
    markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print Markdown; with --all the page of kernels/zoo/README.md."),
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Measure now, how many steps the model needs too, and write the card.",
        ),
    ] = False,
    brief: Annotated[
        bool,
        typer.Option(
            "--brief",
            help="Measure with fewer samples and chains, deterministic ones alone, in the steps of the card.",
        ),
    ] = False,
    num_samples: Annotated[int | None, typer.Option("--num-samples", "-n", help="To measure with.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Pictures of its fidelity and margins: .html, .png, .pdf or .svg."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Report how right a model is: its samples against the truth."""
    with exit_codes():
        if (name is None) != every:
            raise ValueError("Give the name of a model, or --all, and not both.")
        if markdown and as_json:
            raise ValueError("--markdown and --json exclude each other. Leave one out.")
        if not measure:
            refuse(context, ("num_samples", "brief"), "without --measure")
        if name is None:
            refuse(context, ("measure", "output"), "with --all")
            _report_all(markdown, as_json)
        else:
            model = _reported(name, measure, num_samples, brief, output)
            if model.card.get("fidelity"):
                _print_report(name, model, markdown, as_json)
            else:
                words = f"margins of {name} in {output}; the card holds no report on its fidelity (--measure)"
                print_answer({"model": name, "fidelity": None}, as_json, lambda: words)


def _reported(
    name: str, measure: bool, num_samples: int | None, brief: bool, output: Path | None
) -> kernels.Model:
    """The model, measured now if asked for, and its report as a picture."""
    from diffuse_ui.commands.report_console import measured, require_report
    from diffuse_ui.commands.report_files import has_margins, write_report

    model = measured(name, num_samples, brief=brief) if measure else kernels.load_model(name)
    if output is None or not has_margins(model):
        require_report(model)
    if output is not None:
        write_report(model, output)
    return model


def _print_report(name: str, model: kernels.Model, markdown: bool, as_json: bool) -> None:
    from diffuse_ui.commands.report_console import print_report
    from diffuse_ui.commands.report_page import model_section
    from kernels.zoo import path_of

    if as_json:
        print_answer({"model": name, "fidelity": model.card["fidelity"]}, as_json, str)
    elif markdown:
        typer.echo(model_section(model, path_of(name)), nl=False)
    else:
        print_report(model)


def _report_all(markdown: bool, as_json: bool) -> None:
    """Print the reports of all shipped models, whatever models of your own are called."""
    from diffuse_ui.commands.report_console import print_report
    from diffuse_ui.commands.report_page import models_page, shipped_models
    from kernels.checkpoints import read_card

    if markdown:
        typer.echo(models_page(), nl=False)
    elif as_json:
        reports = {name: read_card(path)["fidelity"] for name, path in shipped_models().items()}
        print_answer({"models": reports}, as_json, str)
    else:
        for path in shipped_models().values():
            print_report(kernels.load_model(path))


@models_app.command()
def scale(
    name: Annotated[str, typer.Argument(help="Name of a model, or path of a checkpoint.")],
    num_samples: Annotated[int, typer.Option("--num-samples", "-n", help="To draw with each factor.")] = 4096,
    as_json: JsonOption = False,
) -> None:
    """Fit the factor of a model's noise estimate that makes its extremes as frequent as they should be."""
    from kernels.checkpoints import write_card
    from kernels.fidelity.epsilon_scaling import fit_epsilon_scale, scaled
    from kernels.zoo import path_of

    with exit_codes():
        model = kernels.load_model(name)
        found = fit_epsilon_scale(model, num_samples=num_samples)
        made = scaled(model, found)
        if made.fingerprint != model.fingerprint:  # else what was measured of it still holds
            write_card(path_of(name), made.card)

        def words() -> str:
            truth = "simulated ones" if model.system else "those of the training data"
            tame = f"extremes come {found.before:.3f} ± {found.standard_error:.3f} times as often as {truth}"
            if found.scale is None:
                return f"{tame}: no factor is called for, or none near 1 helps"
            return (
                f"{tame}, {found.after:.3f} times with a factor of {found.scale}, which is in the card now. "
                f"Measure the model again: diffuse-ui models report {name} --measure"
            )

        print_answer({"model": name} | found._asdict(), as_json, words)
