"""The toolbar above the canvas: view, mode of drawing, undo, redo, display, a hint, a legend."""

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.sketch.shapes import tools
from diffuse_ui.state.clauses import Arrangement
from diffuse_ui.style.colors import palette
from diffuse_ui.views.legends import CanvasLegend
from diffuse_ui.views.two_way import TwoWayBinding
from diffuse_ui.views.widgets import QUIET, SMALL, caption
from diffuse_ui.work.session import MANY_VARIABLES, Session

__all__ = ["Toolbar"]

MAX_PANELS = 8
_VIEWS = {"Time series": "time series", "Phase plane": "phase plane"}
_MODES = {shape.name.capitalize(): shape.name for shape in tools(in_plane=False)} | {"Window": "window"}
_DISPLAYS = {"Curves": "curves", "Fan": "fan", "Both": "both"}

_HINTS = {shape.name: shape.hint for shape in tools(in_plane=False)}
_HINTS["window"] = "drag along the time axis: when a threshold or a box counts"
_PLANE_HINT = "; ".join(shape.hint for shape in tools(in_plane=True))
_SMALL = {"size": "small", "margin": 0, "align": "center"}
_ON_ONE_LINE = {"& .MuiToggleButton-root": {"whiteSpace": "nowrap", "padding": "6px 8px"}}
_GROUP = {**_SMALL, "color": "primary", "sx": _ON_ONE_LINE}
_WIDE = {"sizing_mode": "stretch_width", "margin": 0}
_ROW = {"gap": "10px", "alignItems": "center", "minHeight": "34px"}


class Toolbar:
    """One row of choices, and a line that says what to do."""

    def __init__(self, session: Session) -> None:
        self.session = session
        look, state = session.look, session.state
        look.param["mode"].objects = list(_MODES.values())
        self.view = pmui.RadioButtonGroup(options=_VIEWS, value=look.view, description="View", **_GROUP)
        self.mode = pmui.RadioButtonGroup(
            options=_MODES, value=look.mode, description="What to draw on the canvas", **_GROUP
        )
        self.display = pmui.RadioButtonGroup(
            options=_DISPLAYS, value=look.display, description="Show the ensemble as", **_GROUP
        )
        self.axes = [_axis(what) for what in ("across", "along")]
        across, up = (caption(word, align="center", sizing_mode=None) for word in ("across", "up"))
        self.plane = pmui.Row(across, self.axes[0], up, self.axes[1], margin=0, align="center", sx=_ROW)
        self.variables = pmui.MultiChoice(
            label="",
            description="Variables on the canvas",
            max_items=MAX_PANELS,
            width=330,
            visual_size="small",
            margin=0,
            align="center",
        )
        icon = {**_SMALL, "color": "default"}
        self.undo = pmui.IconButton(icon="undo", description="Undo", **icon)
        self.redo = pmui.IconButton(icon="redo", description="Redo", **icon)
        self.clear = pmui.IconButton(icon="delete_sweep", description="Remove everything drawn", **icon)
        self.hint, self.legend = caption(sizing_mode=None), CanvasLegend(session)
        self._updating = False
        for group, name in ((self.view, "view"), (self.mode, "mode"), (self.display, "display")):
            group.param.watch(lambda event, name=name: self._choose(name, event.new), "value")
        for axis in self.axes:
            axis.param.watch(lambda _: self._turn(), "value")
        self._variables = TwoWayBinding(
            self.variables, lambda names: setattr(look, "variables", tuple(names))
        )
        self.undo.on_click(lambda _: state.undo())
        self.redo.on_click(lambda _: state.redo())
        self.clear.on_click(lambda _: state.arrange(Arrangement()))
        session.watch(look, ["mode", "display", "view", "plane", "variables", "notice"], self._update)
        session.watch(state, ["event", "arrangement", "given", "model"], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        spacer = pmui.Row(**_WIDE, sx={"flex": "1 1 0"})
        choices = self.view, self.mode, self.plane, self.variables, spacer
        buttons = self.undo, self.redo, self.clear, self.display
        row = pmui.Row(*choices, *buttons, **_WIDE, sx={**_ROW, "flexWrap": "wrap"})
        apart = {"columnGap": "24px", "flexWrap": "wrap", "justifyContent": "space-between"}
        words = pmui.Row(self.hint, self.legend, **_WIDE, sx=apart)
        return pmui.Column(row, words, **_WIDE, sx={"gap": "4px"})

    def _choose(self, name: str, value: str) -> None:
        if value:
            self.session.look.notice = ""
            setattr(self.session.look, name, value)

    def _turn(self) -> None:
        if not self._updating:
            self.session.look.plane = (self.axes[0].value, self.axes[1].value)

    def _update(self) -> None:
        state, look = self.session.state, self.session.look
        self.view.value, self.mode.value, self.display.value = look.view, look.mode, look.display
        in_plane = look.view == "phase plane"
        self.mode.visible, self.plane.visible = not in_plane, in_plane
        self.variables.visible = not in_plane and state.layout.num_variables > MANY_VARIABLES
        self.variables.options = list(state.layout.variables)
        self._variables.set(self.session.variables if self.variables.visible else [])
        self._updating = True
        try:
            for axis, name in zip(self.axes, self.session.plane):
                axis.param.update(options=list(state.layout.variables), value=name)
        finally:
            self._updating = False
        self.undo.disabled, self.redo.disabled = not state.can_undo, not state.can_redo
        self.clear.disabled = not state.parts.terms
        ink = {"color": palette(look.dark).alarm} if look.notice else QUIET
        self.hint.param.update(
            object=look.notice or (_PLANE_HINT if in_plane else _HINTS[look.mode]),
            styles={"font-size": SMALL["fontSize"], **ink},
        )


def _axis(what: str) -> pmui.Select:
    return pmui.Select(label="", description=f"Variable {what}", width=96, **_SMALL)
