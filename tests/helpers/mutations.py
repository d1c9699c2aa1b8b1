"""Mutations of sound files, documents and texts, from a random generator: what damage and malice look like."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

Random = np.random.Generator


def flipped(rng: Random, content: bytes) -> bytes:
    """A few bits the other way."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        if changed:
            changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def truncated(rng: Random, content: bytes) -> bytes:
    return content[: rng.integers(len(content) + 1)]


def inserted(rng: Random, content: bytes) -> bytes:
    """Some bytes in between: random ones, zeros, or ones."""
    place, count = rng.integers(len(content) + 1), int(rng.integers(1, 40))
    new = (rng.bytes(count), bytes(count), b"\xff" * count)[rng.integers(3)]
    return content[:place] + new + content[place:]


def overwritten(rng: Random, content: bytes) -> bytes:
    """A block of zeros, ones or random bytes."""
    place, count = rng.integers(len(content) + 1), int(rng.integers(1, 64))
    new = (rng.bytes(count), bytes(count), b"\xff" * count)[rng.integers(3)]
    return content[:place] + new + content[place + count :]


def duplicated(rng: Random, content: bytes) -> bytes:
    start, end = sorted(rng.integers(len(content) + 1, size=2))
    return content[:end] + content[start:]


def cut(rng: Random, content: bytes) -> bytes:
    start, end = sorted(rng.integers(len(content) + 1, size=2))
    return content[:start] + content[end:]


BYTES = (flipped, flipped, flipped, truncated, inserted, overwritten, duplicated, cut)


def mutated_bytes(rng: Random, content: bytes) -> bytes:
    for _ in range(rng.integers(1, 3)):
        content = BYTES[rng.integers(len(BYTES))](rng, content)
    return content


SPLICES = (
    *(
        "(",
        ")",
        "[",
        "]",
        "-",
        "not ",
        "**",
        "1e999",
        "9" * 400,
        "9" * 5000,
        "nan",
        "inf",
        "\x00",
        "\x1b[31m",
        "\ud800",
    ),
    *(
        "\u202e",
        "\n",
        "\t",
        '"',
        "'",
        "\\",
        "x" * 300,
        "(" * 500,
        "not " * 500,
        "x + " * 3000,
        "π",
        "٣",
        "1e-400",
        ":",
    ),
    *(
        "always(",
        "until",
        "at(",
        "tolerance -1",
        "[5, 1]",
        "[0, 1e300]",
        "%",
        "{",
        "?",
        "&",
        "=",
        "·",
        "−0",
        "\u00a0",
    ),
)


def mutated_text(rng: Random, text: str) -> str:
    """Letters and words exchanged, doubled, lost, and put in."""
    for _ in range(rng.integers(1, 4)):
        start, end = sorted(rng.integers(len(text) + 1, size=2))
        start, end = int(start), int(min(end, start + rng.integers(1, 30)))
        kind = rng.integers(6)
        if kind == 0:
            text = text[:start] + text[end:]
        elif kind == 1:
            text = text[:end] + text[start:]
        elif kind == 2:
            text = text[:start] + chr(rng.integers(1, 0x250)) + text[start + 1 :]
        elif kind == 3:
            text = text[: rng.integers(len(text) + 1)]
        else:
            text = text[:start] + SPLICES[rng.integers(len(SPLICES))] + text[start:]
    return text


VALUES: tuple[Callable[[], Any], ...] = (
    *(
        lambda value=value: value
        for value in (None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e30, 1e308, 10**30, 10**400)
    ),
    *(
        lambda value=value: value
        for value in ("", "text", "NaN", "\x00\x1b", "\ud800", "x" * 10_000, "../../etc/passwd")
    ),
    *(lambda value=value: value for value in (float("nan"), float("inf"), 2**31, 2**63, -(2**63))),
    lambda: [],
    lambda: {},
    lambda: [[]] * 3,
    lambda: {"type": "number", "value": 1.0},
    lambda: nested(300),
    lambda: list(range(5000)),
)


def nested(depth: int) -> Any:
    inner: Any = 1
    for _ in range(depth):
        inner = [inner]
    return inner


def mutated_document(rng: Random, document: Any) -> Any:
    """One to three places of a document lost, of another type, doubled or renamed."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.integers(1, 3)):
        places = list(_places(document))
        if not places:
            return VALUES[rng.integers(len(VALUES))]()
        holder, key = places[rng.integers(len(places))]
        kind = rng.integers(6)
        if kind == 5 and isinstance(holder[key], float):
            holder[key] *= float(rng.normal())
        elif kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif kind == 1:
            holder[f"{key}_"[rng.integers(2) :]] = holder.pop(key)
        elif kind == 2:
            other, name = places[rng.integers(len(places))]
            holder[key] = json.loads(json.dumps(other[name] if name in _keys(other) else None))
        else:
            holder[key] = VALUES[rng.integers(len(VALUES))]()
    return document


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _places(document: Any):
    """Every (holder, key) of a document, without recursion."""
    left = [document]
    while left:
        holder = left.pop()
        if not isinstance(holder, dict | list):
            continue
        for key in list(_keys(holder)):
            yield holder, key
            left.append(holder[key])


def mutated_json(rng: Random, document: Any) -> str:
    """JSON of a document with other contents, or with other letters."""
    if rng.integers(3):
        return json.dumps(mutated_document(rng, document))
    return mutated_text(rng, json.dumps(document))
