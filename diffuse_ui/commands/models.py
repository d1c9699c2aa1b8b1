"""The command `models`, and under it `report`."""

from pathlib import Path
from typing import Annotated, Any

import typer

import kernels
from diffuse_ui.commands.answering import exit_codes, print_answer, refuse
from diffuse_ui.commands.options import JsonOption

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
    name: Annotated[str, typer.Argument(help="Name of a model, or path of a checkpoint.")],
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
        Path | None, typer.Option("--output", "-o", help="Picture: .png, .pdf or .svg.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How right a model is: its samples against the truth."""
    from diffuse_ui.commands.report_console import measured, print_report, require_report, write_figure

    with exit_codes():
        if not measure:
            refuse(context, ("num_samples", "brief"), "without --measure")
        model = measured(name, num_samples, brief=brief) if measure else kernels.load_model(name)
        require_report(model)
        if output is not None:
            write_figure(model, output)
        if as_json:
            print_answer({"model": name, "fidelity": model.card["fidelity"]}, as_json, str)
        else:
            print_report(model)
