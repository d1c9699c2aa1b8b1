"""Layout of a window: the large canvas, and one narrow column of controls."""

from typing import Any

import panel_material_ui as pmui

from diffuse_ui.views.canvas.canvas import CanvasView
from diffuse_ui.views.canvas.clause_chips import ChipsView
from diffuse_ui.views.canvas.phase_plane import PhasePlaneView
from diffuse_ui.views.canvas.toolbar import Toolbar
from diffuse_ui.views.controls.event_editor import EventEditor
from diffuse_ui.views.controls.export_panel import ExportPanel
from diffuse_ui.views.controls.model_panel import ModelPanel
from diffuse_ui.views.controls.result_panel import ResultPanel
from diffuse_ui.views.controls.run_panel import RunPanel
from diffuse_ui.views.notice import Notice
from diffuse_ui.views.results.tabs import ResultTabs
from diffuse_ui.work.session import Session

__all__ = ["Window"]

CONTROL_WIDTH = 340
STAYS_IN_SIGHT = {  # beside the canvas, while that is scrolled to the results below it
    "position": "sticky",
    "top": "14px",
    "max-height": "calc(100vh - 76px)",  # less the page's header
    "overflow-y": "auto",
    "scrollbar-width": "thin",
}


class Window:
    """All views of one session, laid out."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.toolbar, self.canvas, self.chips = Toolbar(session), CanvasView(session), ChipsView(session)
        self.phase_plane = PhasePlaneView(session)
        self.model, self.editor = ModelPanel(session), EventEditor(session)
        self.run, self.result, self.export = RunPanel(session), ResultPanel(session), ExportPanel(session)
        self.tabs = ResultTabs(session)
        self.notice = Notice(session)
        self.layout = pmui.Column(self.notice, self._layout(), sizing_mode="stretch_width", margin=0)

    def _layout(self) -> Any:
        sketch = pmui.Column(
            self.toolbar,
            self.canvas,
            self.phase_plane,
            self.chips,
            self.tabs,
            self.export,
            sizing_mode="stretch_width",
            margin=0,
            sx={"flex": "1 1 560px", "minWidth": "320px", "gap": "6px"},
        )
        controls = pmui.Column(
            self.model,
            self.editor,
            self.run,
            self.result,
            width=CONTROL_WIDTH,
            margin=0,
            styles=STAYS_IN_SIGHT,
            sx={"flex": f"0 0 {CONTROL_WIDTH}px"},
        )
        return pmui.Row(
            sketch,
            controls,
            sizing_mode="stretch_width",
            margin=0,
            sx={"gap": "28px", "padding": "14px 22px", "flexWrap": "wrap", "alignItems": "flex-start"},
        )

    def close(self) -> None:
        """Disconnect the views of a closed window from the state."""
        self.session.close()
        self.tabs.close()
