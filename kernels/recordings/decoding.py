"""Decoding: a text file in whatever encoding, packed or not → lines.

UTF-8 and UTF-16 are recognised by their marks or their bytes; what is neither is read as Windows-1252, the
superset of Latin-1 that offices write, and that is said: only letters outside ASCII can be wrong then.
"""

import codecs
import gzip
import re
from pathlib import Path

from kernels.files import UnreadableError, require_file, require_memory

__all__ = ["read_lines"]

GZIP, ZIP, LEGACY_EXCEL, SQLITE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"SQLite format 3"
OTHERS = {
    ZIP: "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV",
    LEGACY_EXCEL: "an Excel workbook; save the sheet as CSV",
    SQLITE: "a database; export the table as CSV",
}
BLOCK = 1 << 24  # bytes unpacked at once
COPIES = 3  # of a text that are in memory at once: bytes, characters, table
CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")


def read_lines(path: Path, notes: list[str]) -> list[str]:
    """Read a text file as lines, without their ends.

    Raises:
        UnreadableError: no text, or larger than memory.
    """
    require_file(path)
    with path.open("rb") as file:
        head = file.read(16)
    for magic, words in OTHERS.items():
        if head.startswith(magic):
            raise UnreadableError(f"{path} must be a table as text; it is {words}.")
    content = _unpacked(path) if head.startswith(GZIP) else path.read_bytes()
    require_memory(COPIES * len(content), path, "its table")
    text = _decoded(content, path, notes).rstrip("\x1a\n\r ")
    found = CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise UnreadableError(
            f"{path} must be a text; line {line} holds a control character (number {ord(found[0])}). Write it as "
            "CSV in UTF-8, or name it .nc if it is NetCDF."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _unpacked(path: Path) -> bytes:
    blocks: list[bytes] = []
    size = 0
    with gzip.open(path, "rb") as file:
        while block := file.read(BLOCK):
            size += len(block)
            require_memory(COPIES * size, path, "its table, unpacked,")
            blocks.append(block)
    return b"".join(blocks)


def _decoded(content: bytes, path: Path, notes: list[str]) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strict(content, "utf-16", path)
    sample = content[:4096]
    for encoding, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if zeros and zeros.count(0) > 0.8 * len(zeros):
            return _strict(content, encoding, path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
        if "\N{REPLACEMENT CHARACTER}" in text:
            text = content.decode("latin-1")
        notes.append(
            "the text is no UTF-8 and was read as Windows-1252 (Latin-1); save it as UTF-8 if names look wrong"
        )
        return text


def _strict(content: bytes, encoding: str, path: Path) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"{path} looks like UTF-16 and is damaged ({error.reason}). Save it as UTF-8."
        ) from None
