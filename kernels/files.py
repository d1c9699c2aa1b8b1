"""Files that are whole or not there, and names that one training at a time may write to.

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

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems say that know none
PATIENCE = 0.1  # seconds for a lock that is on its way out; one that is held stays so for hours


@contextmanager
def replacing(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Where to write what is to take the place of some files, in their order, once all of it is written."""
    beside = tuple(path.with_name(f"{path.name}.partial") for path in paths)
    try:
        yield beside
        for new, path in zip(beside, paths, strict=True):
            new.replace(path)
    finally:
        for new in beside:
            new.unlink(missing_ok=True)


def save_tensors(tensors: Mapping[str, np.ndarray], path: Path) -> None:
    """Write a safetensors file. Raises OSError where that fails, by whatever name it goes in that library."""
    try:
        save_file({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}, path)
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Meanwhile nobody else holds the lock of a file: no other process, and no other part of this one.

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
        if sys.platform != "win32":  # while it is held: who opens it now finds out that it is none any more
            file.unlink(missing_ok=True)
        lock.release()


def _sign(descriptor: int) -> None:
    """Write who holds a lock behind the byte that is locked, which Windows lets nobody read."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"\nprocess {os.getpid()} on {platform.node()}".encode())


def _holder(file: Path) -> str:
    with suppress(OSError), file.open("rb") as stream:  # it may have gone by now
        stream.seek(1)
        holder = stream.read().decode()
        return f" by {holder}" if holder else ""
    return ""
