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
from typing import IO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

__all__ = ["locked", "replacing", "save_tensors"]

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems say that know none
_FAR = 1 << 30  # where Windows locks a byte: it lets nobody read what is locked


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
    lock = path.with_suffix(".lock")
    file = _taken(lock, what)
    try:
        yield
    finally:
        if sys.platform != "win32":  # while it is held: who opens it now finds out that it is none any more
            lock.unlink(missing_ok=True)
        _unlock(file)
        if sys.platform == "win32":
            with suppress(OSError):  # somebody else has it by now
                lock.unlink(missing_ok=True)


def _taken(lock: Path, what: str) -> IO[str]:
    while True:
        file = lock.open("a+", encoding="utf-8")
        try:
            _lock(file)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            by = f" by {holder}" if holder else ""
            raise ValueError(f"{what}{by} already. Wait for its end, or choose another name.") from None
        if _is_at(file, lock):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}")
            file.flush()
            return file
        file.close()  # who held it took it away between the two steps


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock(file: IO[str]) -> None:
    """Raises BlockingIOError where somebody else has it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file.fileno(), _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
        return
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"the file system of {file.name} knows no locks: see to it that nothing else writes there.",
            stacklevel=2,
        )


def _unlock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file.fileno(), _FAR, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        with suppress(OSError):  # where there are none
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)  # closing leaves it with a process that was forked
    file.close()
