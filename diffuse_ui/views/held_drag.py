"""Drags on a Bokeh figure that begin with a pause.

Bokeh takes a mouse button held still for 300 ms for a gesture of its own, after which nothing that the
mouse does reaches a tool. Who thinks before drawing, or whose browser is busy, would draw nothing.
"""

from typing import Any

from bokeh.events import Press
from bokeh.models import CustomJS

__all__ = ["wait_for_drags"]

_GO_ON = """
const gestures = cb_context.index.find_one(cb_obj.origin)?.canvas_view?.ui_event_bus?.ui_gestures;
if (gestures?.phase === "pressing") gestures.phase = "started";
"""


def wait_for_drags(figure: Any) -> None:
    """Let a drag or click on the figure begin with a pause of any length."""
    figure.js_on_event(Press, CustomJS(code=_GO_ON))
