"""How a command answers: progress and errors on stderr, the answer on stdout, an exit code."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

import kernels

__all__ = ["exit_codes", "follow", "print_answer", "refuse"]

NUMERICAL_FAILURE, BAD_INPUT = 1, 2


@contextmanager
def exit_codes() -> Iterator[None]:
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


def refuse(context: typer.Context, names: tuple[str, ...], where: str) -> None:
    """Raises ValueError for options that were given and would be ignored."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            flag = next(p.opts[0] for p in context.command.params if p.name == name)
            raise ValueError(f"{flag} has no meaning {where}. Leave it out.")


def print_answer(document: dict[str, Any], as_json: bool, words: Callable[[], str]) -> None:
    typer.echo(json.dumps(document, default=_plain) if as_json else words())


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def follow(records: Iterator[Any], share: Callable[[Any], float], quiet: bool) -> Any:
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
