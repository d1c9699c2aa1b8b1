"""Start JupyterLab on the project's notebooks, from a clone or from the installed wheel."""

import os
import shutil
import sys
from pathlib import Path

from platformdirs import user_documents_path

__all__ = ["FIRST_NOTEBOOK", "lab_arguments", "notebooks_folder", "open_lab"]

FIRST_NOTEBOOK = "01_quickstart.ipynb"


def notebooks_folder(destination: Path | None = None) -> Path:
    """Folder of the notebooks: that of a clone, else a copy in the user's documents.

    Args:
        destination: where a copy goes; Documents/diffuse-ui unless given. Files that exist stay.

    Raises:
        ValueError: neither a clone nor carried notebooks are there.
    """
    package = Path(__file__).parent
    clone = package.parent / "notebooks"
    if (clone / FIRST_NOTEBOOK).exists():
        return clone
    carried = package / "notebooks"
    if not (carried / FIRST_NOTEBOOK).exists():
        raise ValueError(f"no notebooks beside {package}. Reinstall diffuse-ui, or run this in a clone.")
    destination = destination or user_documents_path() / "diffuse-ui"
    destination.mkdir(parents=True, exist_ok=True)
    for source in sorted(carried.rglob("*")):
        target = destination / source.relative_to(carried)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        elif not target.exists():
            partial = target.with_name(f".{target.name}.partial")
            shutil.copy2(source, partial)
            partial.replace(target)  # what exists stays: half a notebook would for good
    return destination


def lab_arguments(folder: Path, *, port: int, browser: bool) -> list[str]:
    """Command line that starts JupyterLab on the first notebook, for this machine only."""
    arguments = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return arguments


def open_lab(*, port: int, browser: bool, extra: list[str]) -> None:
    """Replace this process by JupyterLab (on Windows: run JupyterLab and wait)."""
    arguments = [*lab_arguments(notebooks_folder(), port=port, browser=browser), *extra]
    if os.name == "nt":
        import subprocess

        raise SystemExit(subprocess.call(arguments))  # noqa: S603 (our own argument list, no shell)
    os.execv(arguments[0], arguments)  # noqa: S606 (our own argument list, no shell)
