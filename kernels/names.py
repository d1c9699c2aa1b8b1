"""Names and values that a person types: how messages show them, and the error for an unknown name."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest", "printable", "require_known", "shown"]

MAX_SHOWN = 80  # characters of a value in a message


def printable(text: str, most: int = MAX_SHOWN) -> str:
    """Text for a message: on one line, without control characters, cut short."""
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:most])
    return plain if len(text) <= most else f"{plain}…"


def shown(value: object) -> str:
    """Representation of a value for a message, cut short."""
    try:
        return printable(repr(value))
    except ValueError:  # a whole number of thousands of digits
        return f"a {type(value).__name__} of very many digits"


def nearest(name: str, names: Iterable[str]) -> str:
    """Sentence "Did you mean …? " with the closest of `names`; empty where none is close."""
    lower = {known.lower(): known for known in names}
    matches = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return f"Did you mean {lower[matches[0]]!r}? " if matches else ""


def require_known(argument: str, name: object, names: Iterable[str]) -> None:
    """Raise ValueError, with `names` and the nearest, if `name` is none of them.

    Args:
        argument: name of the argument in the message.
        name: the value that was given.
        names: the values that there are.
    """
    names = tuple(names)
    if name not in names:
        hint = nearest(str(name), names)
        raise ValueError(
            f"`{argument}` must be one of {', '.join(names)}; got {shown(name)}. {hint}".rstrip()
        )
