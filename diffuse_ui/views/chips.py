"""One chip for each part of the event: its letter and colour, its meaning in words, its choice, delete."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui import sketches
from diffuse_ui.colors import palette
from diffuse_ui.session import Session

__all__ = ["ChipsView"]


class _Chip:
    """The chip of one part; kept while the part keeps its form."""

    def __init__(self, view: "ChipsView", part: sketches.Part) -> None:
        self.part, self.view = part, view
        colour = getattr(palette(view.session.look.dark), part.kind)
        self.badge = pmui.Typography(
            part.label,
            variant="body2",
            margin=0,
            align="center",
            width=20,
            sx={
                "width": "20px",
                "height": "20px",
                "lineHeight": "20px",
                "borderRadius": "10px",
                "flex": "0 0 20px",
                "textAlign": "center",
                "fontSize": "11.5px",
                "fontWeight": 700,
                "color": "background.paper",
                "backgroundColor": colour,
            },
        )
        self.words = pmui.Typography(
            "",
            variant="body2",
            margin=0,
            align="center",
            sizing_mode="stretch_width",
            sx={"fontSize": "13px"},
        )
        self.modes = pmui.RadioButtonGroup(
            options=list(part.modes),
            value=part.mode,
            size="small",
            margin=0,
            color="primary",
            align="center",
            sx={"& .MuiToggleButton-root": {"whiteSpace": "nowrap", "padding": "3px 8px"}},
            description=f"Meaning of {part.label}",
            visible=bool(part.modes),
        )
        self.delete = pmui.IconButton(
            icon="close",
            size="small",
            margin=0,
            color="default",
            align="center",
            description=f"Remove {part.label}",
        )
        self.modes.param.watch(lambda event: view.choose(self.part, event.new), "value")
        self.delete.on_click(lambda _: view.remove(self.part))
        self.row = pmui.Row(
            self.badge,
            self.words,
            self.modes,
            self.delete,
            sizing_mode="stretch_width",
            margin=0,
            sx={
                "gap": "10px",
                "alignItems": "center",
                "border": "1px solid",
                "borderColor": "divider",
                "borderLeft": f"3px solid {colour}",
                "borderRadius": "6px",
                "padding": "3px 6px 3px 10px",
                "flexWrap": "wrap",
            },
        )

    def update(self, part: sketches.Part) -> None:
        self.part = part
        self.words.object = self.view.words(part)
        if part.modes:
            self.modes.value = part.mode


class ChipsView:
    """The list beneath the canvas; also the way to an event without a mouse."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.chips: list[_Chip] = []
        self.empty = pmui.Typography(
            "No event yet. Draw a box on the curves, choose Threshold and click, or write it at the right.",
            variant="body2",
            margin=(6, 2),
            sx={"color": "text.secondary", "fontSize": "13px"},
        )
        self.column = pmui.Column(sizing_mode="stretch_width", margin=(4, 0, 2, 0), sx={"gap": "6px"})
        session.watch(session.state, ["event"], self._update)
        session.watch(session.look, ["dark"], self._rebuild)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.column

    def words(self, part: sketches.Part) -> str:
        """The part in words, with the model's units."""
        return part.event.describe(self.session.state.layout)

    def choose(self, part: sketches.Part, mode: str) -> None:
        """The user chose another meaning of a part."""
        if mode and mode != part.mode:
            state = self.session.state
            state.set_event(sketches.replaced(state.event, part.index, sketches.with_mode(part, mode)))

    def remove(self, part: sketches.Part) -> None:
        """The user deleted a part."""
        self.session.state.set_event(sketches.removed(self.session.state.event, part.index))

    def _rebuild(self) -> None:
        self.chips = []
        self._update()

    def _update(self) -> None:
        parts = sketches.parts(self.session.state.event)
        if [(chip.part.form, chip.part.label) for chip in self.chips] != [
            (part.form, part.label) for part in parts
        ]:
            self.chips = [_Chip(self, part) for part in parts]
            shown: list[Any] = [chip.row for chip in self.chips]
            self.column.objects = shown or [self.empty]
        elif not parts:
            self.column.objects = [self.empty]
        for chip, part in zip(self.chips, parts):
            chip.update(part)
