"""Output of a command: progress and errors on stderr, the answer on stdout, an exit code."""

import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from jax.errors import JaxRuntimeError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

import kernels
from kernels.trajectories.datasets import require_writable

__all__ = [
    "exit_codes",
    "follow",
    "given",
    "in_one_line",
    "print_answer",
    "refuse",
    "require_output",
    "write_somewhere",
    "write_whole",
]

NUMERICAL_FAILURE, BAD_INPUT = 1, 2


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into one message on stderr and an exit code."""
    try:
        yield
    except ValueError as error:
        _fail(str(error), BAD_INPUT)
    except BrokenPipeError:  # nobody reads the answer, as in `| head`: the command line knows what to do
        raise
    except OSError as error:
        _fail(in_one_line(error), BAD_INPUT)
    except (kernels.NumericalError, FloatingPointError) as error:
        _fail(str(error), NUMERICAL_FAILURE)
    except (MemoryError, JaxRuntimeError) as error:
        _fail(in_one_line(error), NUMERICAL_FAILURE)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None


def _fail(words: str, code: int) -> None:
    typer.echo(f"Error: {words}", err=True)
    raise typer.Exit(code) from None


def in_one_line(error: Exception) -> str:
    """Message of a system error in one line; if memory ran out, with advice."""
    lines = str(error).strip().splitlines()
    words = lines[0].strip() if lines else type(error).__name__
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in words:
        return (
            f"there is not enough memory ({words}). Ask for less at once: fewer samples, variables or steps."
        )
    return words


def refuse(context: typer.Context, names: tuple[str, ...], where: str) -> None:
    """Raise ValueError for options that were given and would be ignored."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            flag = next(p.opts[0] for p in context.command.params if p.name == name)
            raise ValueError(f"{flag} has no meaning {where}. Leave it out.")


def given(context: typer.Context, names: tuple[str, ...]) -> dict[str, Any]:
    """Options among `names` that were given, with their values."""
    return {name: context.params[name] for name in names if context.params.get(name) is not None}


def print_answer(document: dict[str, Any], as_json: bool, words: Callable[[], str]) -> None:
    typer.echo(json.dumps(document, default=_plain) if as_json else words())


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def follow(records: Iterator[Any], share: Callable[[Any], float], quiet: bool) -> Any:
    """Consume records with a progress bar on stderr; return the last record."""
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


def require_output(path: Path) -> None:
    """Raise ValueError where no result could be written; call before a long computation."""
    require_writable(path)
    if path.exists() and path.is_dir() != (path.suffix == ".zarr"):
        kind = "folder" if path.is_dir() else "file"
        raise ValueError(f"`path` must be free, or a result of the same kind; {path} is a {kind}.")
    folder = path.absolute().parent
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder of `path` must let you write; {folder} does not.")


def write_whole(write: Callable[[Path], Any], path: Path) -> None:
    """Write a file or Zarr store under a temporary name, then rename; all or nothing.

    Args:
        write: is called with the path to write to, of the same name in a folder of its own.
        path: where it is to be.
    """
    path = path.resolve()  # a link stays one
    with tempfile.TemporaryDirectory(
        prefix=".diffuse-ui-", dir=path.parent, ignore_cleanup_errors=True
    ) as folder:
        new, old = Path(folder) / path.name, Path(folder) / "before"
        write(new)
        if path.is_dir():  # no folder takes the place of another that holds something
            path.rename(old)
        try:
            new.replace(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise


def write_somewhere(write: Callable[[Path], Any], path: Path) -> tuple[Path | None, Exception | None]:
    """Write to `path`; if that fails, to a free name next to it or in the temporary folder.

    Returns:
        Where it went, None for nowhere; and what failed at `path`, None if nothing did.
    """
    trouble = None
    for place in _places(path):
        try:
            write_whole(write, place)
            return place, trouble
        except Exception as error:  # whatever it is, what was drawn is not to be lost for it
            trouble = trouble or error
    return None, trouble


def _places(path: Path) -> Iterator[Path]:
    yield path
    for folder in (path.absolute().parent, Path(tempfile.gettempdir())):
        names = (folder / f"{path.stem}-{k}{path.suffix}" for k in itertools.count(1))
        yield next(name for name in names if not name.exists())
