"""Double pendulums that swing as the trajectories given the event do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, Label

from diffuse_ui.analysis import scenes
from diffuse_ui.state.state import State
from diffuse_ui.style.colors import Palette, palette
from diffuse_ui.style.numbers import with_unit
from diffuse_ui.views.results.base import Tab
from diffuse_ui.views.results.plots import bare_figure

__all__ = ["MotionTab"]

_HEIGHT = 380
_REACH = 2.15
_TRAIL = 14  # times that the end's trail is long
_FRAME = """
const {x1, y1, x2, y2} = paths.data, n = shape.data.count[0], T = shape.data.length[0];
const k = Math.min(cb_obj.value, T - 1), gap = NaN, x = [], y = [];
for (let i = 1; i < n; i++) {
  const at = i * T + k;
  x.push(0, x1[at], x2[at], gap); y.push(0, y1[at], y2[at], gap);
}
many.data = {x, y};
one.data = n == 0 ? {x: [], y: []} : {x: [0, x1[k], x2[k]], y: [0, y1[k], y2[k]]};
const from = Math.max(0, k - trail_length), tx = [], ty = [];
for (let j = from; n > 0 && j <= k; j++) { tx.push(x2[j]); ty.push(y2[j]); }
trail.data = {x: tx, y: ty};
clock.text = shape.data.times[0][k];
"""

_LOOK = """
button {{ border: none !important; border-radius: 6px; background: none; color: {ink}; cursor: pointer; }}
button:hover {{ background: color-mix(in srgb, {accent} 15%, transparent); }}
input[type=range] {{ accent-color: {accent}; height: 4px; }}
"""


class MotionTab(Tab):
    """One figure and a player; the page itself moves the arms."""

    name, label = "motion", "Motion"
    has_legend = False

    @classmethod
    def suits(cls, state: State) -> bool:
        return state.load().system == "double_pendulum"

    def build(self) -> None:
        times = self.session.state.layout.times
        self.player = pn.widgets.Player(
            start=0,
            end=len(times) - 1,
            value=len(times) // 3,  # where there is a trail to be seen
            interval=90,
            loop_policy="loop",
            show_loop_controls=False,
            show_value=False,
            visible_buttons=["previous", "play", "pause", "next"],
            scale_buttons=1.4,
            width=300,
            height=72,
            margin=0,
        )
        self.paths = ColumnDataSource({name: [] for name in ("x1", "y1", "x2", "y2")})
        self.shape = ColumnDataSource({"count": [0], "length": [len(times)], "times": [[]]})
        self.sources = {name: ColumnDataSource({"x": [], "y": []}) for name in ("many", "trail", "one")}
        self.figure = bare_figure("motion", (1.8 * _REACH, _REACH), height=_HEIGHT)
        widths = {"many": 1.0, "trail": 1.6, "one": 3.0}
        self.lines = {
            name: self.figure.line("x", "y", source=source, line_width=widths[name])
            for name, source in self.sources.items()
        }
        self.joints = self.figure.scatter("x", "y", source=self.sources["one"], size=9, line_width=1.2)
        self.clock = Label(x=10, y=10, x_units="screen", y_units="screen", text="", text_font_size="12.5px")
        self.figure.add_layout(self.clock)
        models = {"paths": self.paths, "shape": self.shape, **self.sources, "clock": self.clock}
        self.player.jscallback(value=_FRAME, args={**models, "trail_length": _TRAIL})
        self.pane = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", margin=0)
        self.paint(palette(self.session.look.dark))

    def body(self) -> Any:
        return pn.Column(self.pane, self.player, sizing_mode="stretch_width", margin=0)

    def question(self) -> Callable[[], Any]:
        pair = self.pair()
        return lambda: scenes.pendulum(pair())

    def show(self, answer: scenes.Arms) -> None:
        (x1, x2), (y1, y2) = answer.x, answer.y
        count, length = x1.shape
        columns = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self.paths.data = {name: values.ravel().astype(np.float32) for name, values in columns.items()}
        units = self.session.state.layout.time_units
        words = [f"time {with_unit(float(time), units)}" for time in answer.times]
        self.shape.data = {"count": [count], "length": [length], "times": [words]}
        self._draw_frame(answer, min(int(self.player.value), length - 1))
        self.note.object = (
            f"{count} trajectories {self.condition()}, swinging together; the thick one is the first, with the "
            "trail of its end. Angles are drawn modulo one turn."
        )

    def _draw_frame(self, answer: scenes.Arms, frame: int) -> None:
        """Draw one frame from Python, before the player moves."""
        places = list(zip(("x", "y"), (answer.x, answer.y)))
        lines = {axis: _chains([joint[1:, frame] for joint in joints]) for axis, joints in places}
        self.sources["many"].data = lines
        self.sources["one"].data = {
            axis: _chains([joint[:1, frame] for joint in joints])[:3] for axis, joints in places
        }
        first = max(0, frame - _TRAIL)
        self.sources["trail"].data = {
            axis: joints[1][:1, first : frame + 1].ravel() for axis, joints in places
        }
        self.clock.text = self.shape.data["times"][0][frame]

    def paint(self, palette: Palette) -> None:
        self.lines["many"].glyph.update(line_color=palette.accent, line_alpha=0.35)
        self.lines["trail"].glyph.update(line_color=palette.threshold, line_alpha=0.7)
        self.lines["one"].glyph.line_color = palette.ink
        self.joints.glyph.update(fill_color=palette.ink, line_color=palette.paper)
        self.clock.text_color = palette.quiet
        self.player.stylesheets = [_LOOK.format(accent=palette.accent, ink=palette.ink)]


def _chains(joints: list[np.ndarray]) -> np.ndarray:
    """Coordinates of hinge and joints of all pendulums on one axis, with NaN between them."""
    hinge, gap = np.zeros_like(joints[0]), np.full_like(joints[0], np.nan)
    return np.stack([hinge, *joints, gap], axis=1).ravel()
