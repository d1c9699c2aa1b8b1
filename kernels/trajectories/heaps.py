"""Global heaps of HDF5 files, looked through before the HDF5 library reads them.

A global heap keeps texts and lists of any length, NetCDF's lists of dimensions among them. It is a row of
objects, each with its size. Where damage has made a size 0, the HDF5 library looks for the next object for
ever, in a loop that nothing interrupts (HDF5 File Format Specification 3.0, III.E).
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from kernels.files import UnreadableError

__all__ = ["require_sound_heaps"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01"  # first bytes of a heap, with its version
HEADER = 16  # bytes of the header of a heap, and of an object
LEAST = 4096  # bytes of a heap; the library refuses smaller ones
MAX_SCANNED = 1 << 32  # bytes of a file that is looked through; larger ones are taken as they are


def require_sound_heaps(path: Path) -> None:
    """Raise UnreadableError for a file whose global heaps the HDF5 library would not come to the end of.

    Args:
        path: an HDF5 file, not empty.
    """
    if path.stat().st_size > MAX_SCANNED:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _require_long_sizes(content, path)
        for start, end in _heaps(content):
            place = start + HEADER
            while place + HEADER <= end:
                number, size = struct.unpack_from("<H6xQ", content, place)
                place += HEADER + -(-size // 8) * 8 if number else size
                if (not number and size < HEADER) or place > end:
                    raise UnreadableError(
                        f"{path} is damaged (its heap at byte {start}). Copy or make it again."
                    )


def _require_long_sizes(content: mmap.mmap, path: Path) -> None:
    """Raise UnreadableError unless sizes have 8 bytes, as every library writes them unless told otherwise."""
    place = content.find(SIGNATURE) + len(SIGNATURE)
    if content[place + (6 if content[place] < 2 else 2)] != 8:
        raise UnreadableError(
            f"{path} must be an HDF5 file with sizes of 8 bytes. Convert it with `h5repack`."
        )


def _heaps(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """First byte of each heap, and the one after its last."""
    start = content.find(HEAP)
    while start >= 0:
        if start + HEADER <= len(content):
            (size,) = struct.unpack_from("<Q", content, start + 8)
            if LEAST <= size <= len(content) - start:
                yield start, start + size
        start = content.find(HEAP, start + 1)
