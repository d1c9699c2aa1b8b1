"""Names that a person types: the nearest known one, and the error for one that is not known."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest", "require_known"]


def nearest(name: str, names: Iterable[str]) -> str:
    """Sentence "Did you mean …? " with the closest of `names`; empty where none is close."""
    lower = {known.lower(): known for known in names}
    matches = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return f"Did you mean {lower[matches[0]]!r}? " if matches else ""


def require_known(argument: str, name: object, names: Iterable[str]) -> None:
    """Raise ValueError where `name` is none of `names`; the message lists them, and the nearest.

    Args:
        argument: name of the argument in the message.
        name: the value that was given.
        names: the values that there are.
    """
    names = tuple(names)
    if name not in names:
        hint = nearest(str(name), names)
        raise ValueError(f"`{argument}` must be one of {', '.join(names)}; got {name!r}. {hint}".rstrip())
