"""Files of results: whole or as they were before, and somewhere else rather than nowhere."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kernels.datasets import require_writable

__all__ = ["require_output", "write_somewhere", "write_whole"]


def require_output(path: Path) -> None:
    """Raises ValueError where no result could be written; to be asked before what takes long."""
    require_writable(path)
    if path.exists() and path.is_dir() != (path.suffix == ".zarr"):
        kind = "folder" if path.is_dir() else "file"
        raise ValueError(f"`path` must be free, or a result of the same kind; {path} is a {kind}.")
    folder = path.absolute().parent
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder of `path` must let you write; {folder} does not.")


def write_whole(write: Callable[[Path], Any], path: Path) -> None:
    """Have a file or a Zarr store written beside, then renamed: a failure leaves what was there.

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
    """Write, and where that fails under another name beside it, or in the folder for temporary files.

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
