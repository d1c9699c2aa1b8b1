"""Files that are written whole or not at all, and locks for training under one name.

What takes the place of a file is written beside it and renamed: a process that is killed and a disk that is
full leave what was there as it was. A lock is the operating system's own: it is gone when the process that
held it is, however that ended.
"""

import errno
import os
import platform
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import save_file

__all__ = ["locked", "replacing", "save_tensors"]

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # errors of file systems without locks
PATIENCE = 0.1  # seconds to wait for a lock that is being released; a training holds its lock for hours


@contextmanager
def replacing(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Yield paths to write to; in the end the written files replace `paths`, in their order."""
    beside = tuple(path.with_name(f"{path.name}.partial") for path in paths)
    try:
        yield beside
        for new, path in zip(beside, paths, strict=True):
            new.replace(path)
    finally:
        for new in beside:
            new.unlink(missing_ok=True)


def save_tensors(tensors: Mapping[str, np.ndarray], path: Path) -> None:
    """Write a safetensors file. Raises OSError for every failure."""
    try:
        save_file({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}, path)
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file against other processes, and against other parts of this one.

    Args:
        path: what is written; its lock, which ends with .lock, lies beside it while it is held.
        what: is done with it, as in "model my-model is being trained".

    Raises:
        ValueError: somebody else holds it.
    """
    file = path.with_suffix(".lock")
    lock = FileLock(file, PATIENCE, thread_local=False, on_acquired=_sign)
    try:
        lock.acquire()
    except Timeout:
        words = f"{what}{_holder(file)} already. Wait for its end, or choose another name."
        raise ValueError(words) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"the file system of {file} knows no locks: see to it that nothing else writes there.",
            stacklevel=3,
        )
    try:
        yield
    finally:
        if sys.platform != "win32":  # before its release, so that whoever opens it then sees that it is gone
            file.unlink(missing_ok=True)
        lock.release()


def _sign(descriptor: int) -> None:
    """Write the lock's holder behind the locked byte, which cannot be read on Windows."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"\nprocess {os.getpid()} on {platform.node()}".encode())


def _holder(file: Path) -> str:
    with suppress(OSError), file.open("rb") as stream:  # it may have gone by now
        stream.seek(1)
        holder = stream.read().decode()
        return f" by {holder}" if holder else ""
    return ""
