"""Names that a person types: the nearest known name, and the error for an unknown one."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest", "require_known"]


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
        raise ValueError(f"`{argument}` must be one of {', '.join(names)}; got {name!r}. {hint}".rstrip())
