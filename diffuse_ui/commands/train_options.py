"""Options of the command `train` that are lists: names, pairs of names, and bounds."""

__all__ = ["bounds_of", "names_of"]


def names_of(text: str | None) -> list[str] | None:
    """Names in `Q,rain`; None where nothing is given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def bounds_of(text: str | None) -> dict[str, tuple[float | None, float | None]] | None:
    """Bounds by variable in `soc=0:1,ice=0:`; None where nothing is given.

    Raises:
        ValueError: anything but names with a lower and an upper number, one of which may be left out.
    """
    return None if text is None else dict(_bound(part.strip()) for part in text.split(",") if part.strip())


def _bound(part: str) -> tuple[str, tuple[float | None, float | None]]:
    name, equals, ends = part.rpartition("=")
    low, colon, high = ends.partition(":")
    try:
        found = [float(end) if end.strip() else None for end in (low, high)]
    except ValueError:
        found = [None, None]
    if not (name.strip() and equals and colon) or found == [None, None]:
        raise ValueError(
            f"--bounds must be of the form soc=0:1,ice=0: with a number on one side at least; got {part!r}."
        )
    return name.strip(), (found[0], found[1])
