"""Two-way binding of a widget's value, which ignores late echoes from the page.

A widget of the page keeps its value in React's state and sends it back when that state has changed. When
Python sets two values faster than the page paints, the first comes back after the second, as if the user
had chosen it, and would undo a drag. A value that Python set a moment ago is therefore ignored as an echo.
"""

import time
from collections.abc import Callable
from typing import Any

__all__ = ["TwoWayBinding"]

ECHO = 3.0  # seconds in which a value may come back; a page that is slower has stopped


class TwoWayBinding:
    """The value of one widget, set by the program or by the user; the page's echoes are ignored.

    Args:
        widget: any with a `value`.
        on_user: is called with each value that the user chooses.
    """

    def __init__(self, widget: Any, on_user: Callable[[Any], None]) -> None:
        self.widget, self._on_user = widget, on_user
        self._set_at: dict[str, float] = {}  # repr of a value → when the program set it
        self._last: Any = widget.value
        self._setting = False
        widget.param.watch(lambda event: self._changed(event.new), "value")

    def set(self, value: Any) -> None:
        """Put a value into the widget, without a call of `on_user`."""
        if value == self.widget.value:
            self._last = value
            return
        now = time.monotonic()
        self._set_at = {old: when for old, when in self._set_at.items() if now - when < ECHO}
        self._set_at[repr(value)] = now
        self._last = value
        self._put(value)

    def _put(self, value: Any) -> None:
        self._setting = True
        try:
            self.widget.value = value
        finally:
            self._setting = False

    def _changed(self, value: Any) -> None:
        if self._setting:
            return
        set_at = self._set_at.get(repr(value))
        if value != self._last and set_at is not None and time.monotonic() - set_at < ECHO:
            self._put(self._last)
            return
        self._last = value
        self._on_user(value)
