"""The row above the canvas: what a drag draws, undo and redo, and how the ensemble is shown."""

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.session import Session

__all__ = ["Toolbar"]

_MODES = {"Box": "box", "Threshold": "threshold", "Tube": "tube"}
_DISPLAYS = {"Curves": "curves", "Fan": "fan", "Both": "both"}

_HINTS = {
    "box": "drag on the curves to draw a box; drag it to change it",
    "threshold": "click at the height of the threshold; drag its edge to change it",
    "tube": "drag along the path that the curve should follow",
}


class Toolbar:
    """Draw modes at the left, ways of showing at the right."""

    def __init__(self, session: Session) -> None:
        self.session = session
        look = session.look
        group = {"size": "small", "margin": 0, "color": "primary", "align": "center"}
        self.mode = pmui.RadioButtonGroup(
            options=_MODES, value=look.mode, description="What to draw on the canvas", **group
        )
        self.display = pmui.RadioButtonGroup(
            options=_DISPLAYS, value=look.display, description="Show the ensemble as", **group
        )
        icon = {"size": "small", "margin": 0, "color": "default", "align": "center"}
        self.undo = pmui.IconButton(icon="undo", description="Undo", **icon)
        self.redo = pmui.IconButton(icon="redo", description="Redo", **icon)
        self.clear = pmui.IconButton(icon="delete_sweep", description="Remove everything drawn", **icon)
        self.hint = pmui.Typography(
            "",
            variant="body2",
            margin=0,
            align="center",
            sizing_mode="stretch_width",
            sx={"color": "text.secondary", "fontSize": "12.5px"},
        )
        self.mode.param.watch(lambda event: setattr(look, "mode", event.new), "value")
        self.display.param.watch(lambda event: setattr(look, "display", event.new), "value")
        self.undo.on_click(lambda _: session.state.undo())
        self.redo.on_click(lambda _: session.state.redo())
        self.clear.on_click(lambda _: session.state.set_event(None))
        session.watch(look, ["mode", "display"], self._update)
        session.watch(session.state, ["event"], self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Row(
            self.mode,
            self.hint,
            self.undo,
            self.redo,
            self.clear,
            self.display,
            sizing_mode="stretch_width",
            margin=0,
            sx={"gap": "10px", "alignItems": "center"},
        )

    def _update(self) -> None:
        state, look = self.session.state, self.session.look
        self.mode.value, self.display.value = look.mode, look.display
        self.undo.disabled, self.redo.disabled = not state.can_undo, not state.can_redo
        self.clear.disabled = state.event is None
        self.hint.object = _HINTS[look.mode]
