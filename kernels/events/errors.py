"""The error of an event's text: what is wrong, where, and what to write instead."""

__all__ = ["EventSyntaxError"]

_SHOWN = 90  # characters of a long line around the caret


class EventSyntaxError(ValueError):
    """A text that is no event.

    Attributes:
        message: what is wrong and what to do, in one or two sentences.
        line: from 1.
        column: from 1.
        text: the whole text.
    """

    def __init__(self, message: str, text: str, line: int, column: int) -> None:
        self.message, self.text = message, text
        lines = text.splitlines() or [""]
        self.line = min(max(line, 1), len(lines))
        self.column = min(max(column, 1), len(lines[self.line - 1]) + 1)
        super().__init__(f"{message}\nline {self.line}, column {self.column}:\n{self.excerpt}")

    def __reduce__(self) -> tuple[type, tuple[str, str, int, int]]:
        return type(self), (self.message, self.text, self.line, self.column)

    @property
    def excerpt(self) -> str:
        """The line, and below it a caret."""
        line = (self.text.splitlines() or [""])[self.line - 1].replace("\t", " ")
        start = max(0, self.column - 1 - _SHOWN // 2)
        shown = line[start : start + _SHOWN]
        before, after = "…" * (start > 0), "…" * (start + _SHOWN < len(line))
        return f"  {before}{shown}{after}\n  {' ' * (len(before) + self.column - 1 - start)}^"
