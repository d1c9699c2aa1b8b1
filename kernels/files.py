"""Files from outside, files that are written whole or not at all, and locks for training under one name.

A file from outside may be anything: another kind of file, cut off, with flipped bits, made by somebody who
means harm. It is a regular file, of a size that fits into memory, before a library sees it (`require_file`,
`require_memory`), and whatever the library raises then becomes one sentence (`readable`).

What takes the place of a file is written beside it and renamed: a process that is killed and a disk that is
full leave what was there as it was. A lock is the operating system's own: it is gone when the process that
held it is, however that ended.
"""

import errno
import hashlib
import json
import os
import platform
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kernels.names import printable

__all__ = [
    "UnreadableError",
    "load_tensors",
    "locked",
    "parse_json",
    "read_text",
    "readable",
    "replacing",
    "require_file",
    "require_memory",
    "save_tensors",
    "tensors_digest",
]

LIMIT = "DIFFUSE_UI_MAX_GB"  # variable of the environment: what one file may take in memory
DEFAULT_LIMIT = 2.0  # GB, 250 million numbers in double precision
MAX_JSON = 50_000_000  # bytes of a JSON file
MAX_WORDS = 300  # characters of a library's message
SURROGATES = re.compile("[\ud800-\udfff]")  # no text that can be written
SURROGATE = re.compile(r"\\u[dD]|[\ud800-\udfff]")  # JSON that may hold one
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # errors of file systems without locks
PATIENCE = 0.1  # seconds to wait for a lock that is being released; a training holds its lock for hours


class UnreadableError(ValueError):
    """Error of a file from outside that cannot be read; its message names the file and what is wrong."""


@contextmanager
def readable(path: Path, words: str) -> Iterator[None]:
    """Turn every error of a library that reads a file into an UnreadableError.

    Args:
        path: the file.
        words: the sentence, with `{path}` and `{error}`.
    """
    try:
        yield
    except UnreadableError:
        raise
    except Exception as error:  # libraries that read damaged files raise errors of any type
        raise UnreadableError(words.format(path=path, error=_in_words(error))) from error


def _in_words(error: Exception) -> str:
    """Message of an error in one line of printable text, with its type where that says more."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    shown = printable(first, MAX_WORDS)
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__


def require_file(path: Path, *, most: int | None = None) -> None:
    """Raise UnreadableError unless a path is a regular file of at most `most` bytes.

    Devices and pipes would be read for ever.

    Args:
        path: the file; links are followed.
        most: bytes; what one file may take in memory unless given.
    """
    with readable(path, "{path!s:.300} is no file ({error})."):
        there, regular = path.exists(), path.is_file()
    if not there:
        raise UnreadableError(f"no file {path}. Check the path.")
    if not regular:
        raise UnreadableError(f"{path} must be a file; it is a folder, a device or a pipe.")
    size = path.stat().st_size
    if most is None:
        require_memory(size, path)
    elif size > most:
        raise UnreadableError(f"{path} must have at most {most} bytes; it has {size}.")


def require_memory(num_bytes: float, path: Path, what: str = "it") -> None:
    """Raise UnreadableError if something of a file is larger than a file may be in memory.

    Args:
        num_bytes: its size.
        path: the file.
        what: is so large, for the message.
    """
    limit = _limit()
    if num_bytes > 1e9 * limit:
        raise UnreadableError(
            f"{path} must take at most {limit:g} GB of memory; {what} has {num_bytes / 1e9:.3g} GB. Read less of "
            f"it, or set {LIMIT} in the environment to a larger number if the file is sound."
        )


def _limit() -> float:
    """Largest size in memory of what is read of one file, in GB."""
    text = os.environ.get(LIMIT, "")
    with suppress(ValueError):
        if (limit := float(text or DEFAULT_LIMIT)) > 0:
            return limit
    raise ValueError(f"{LIMIT} must be a positive number of GB; got {text!r}.")


def parse_json(text: str, words: str, *, path: Path | None = None, strict: bool = True) -> Any:
    """Parse JSON from outside.

    Args:
        text: the JSON.
        words: the sentence of a failure, with `{path}` and `{error}`.
        path: where the text comes from.
        strict: whether NaN and Infinity, which are no JSON, are refused.

    Raises:
        UnreadableError: it is no JSON, nested too deeply, or holds texts that cannot be written.
    """
    with readable(path or Path(), words):
        document = json.loads(text, parse_constant=_refused if strict else None)
        if SURROGATE.search(text) and SURROGATES.search(json.dumps(document, ensure_ascii=False)):
            raise ValueError("a text in it holds half a character, a lone surrogate")
        return document


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def read_text(path: Path, words: str) -> str:
    """Read a small text file in UTF-8, or in the locale's encoding, as older versions wrote.

    Raises:
        UnreadableError: no regular file, a large one, or no text.
    """
    require_file(path, most=MAX_JSON)
    with readable(path, words):
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return path.read_text(encoding="locale")


def load_tensors(path: Path, words: str) -> dict[str, np.ndarray]:
    """Read a safetensors file.

    Args:
        path: the file.
        words: the sentence of a failure, with `{path}` and `{error}`.

    Raises:
        UnreadableError: no regular file, larger than memory, damaged, or numbers of a type unknown to NumPy.
    """
    require_file(path)
    with readable(path, words):
        return load_file(path)


def tensors_digest(tensors: Mapping[str, np.ndarray]) -> str:
    """Checksum of tensors with their names, types and shapes: SHA-256, hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = np.asarray(tensors[name], order="C")
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


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
