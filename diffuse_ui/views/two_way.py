"""What the user put into a widget, told from what the program put there.

A widget of the page keeps its value in React's state and sends it back when that state has changed. When
Python sets two values faster than the page paints, the first comes back after the second, as if the user
had chosen it, and would undo a drag. A value that Python put there a moment ago is therefore an echo.
"""

import time
from collections.abc import Callable
from typing import Any

__all__ = ["Voice"]

ECHO = 3.0  # seconds in which a value may come back; a page that is slower has stopped


class Voice:
    """The value of one widget, spoken by the program and heard from the user.

    Args:
        widget: any with a `value`.
        heard: is called with a value that the user chose.
    """

    def __init__(self, widget: Any, heard: Callable[[Any], None]) -> None:
        self.widget, self._heard = widget, heard
        self._said: dict[str, float] = {}
        self._last: Any = widget.value
        self._speaking = False
        widget.param.watch(lambda event: self._listen(event.new), "value")

    def say(self, value: Any) -> None:
        """Put a value into the widget; nobody hears it."""
        if value == self.widget.value:
            self._last = value
            return
        now = time.monotonic()
        self._said = {old: when for old, when in self._said.items() if now - when < ECHO}
        self._said[repr(value)] = now
        self._last = value
        self._put(value)

    def _put(self, value: Any) -> None:
        self._speaking = True
        try:
            self.widget.value = value
        finally:
            self._speaking = False

    def _listen(self, value: Any) -> None:
        if self._speaking:
            return
        said = self._said.get(repr(value))
        if value != self._last and said is not None and time.monotonic() - said < ECHO:
            self._put(self._last)
            return
        self._last = value
        self._heard(value)
