"""The chip of one part: its letter and colour, its meaning, and the actions that it offers."""

from typing import Any

import panel_material_ui as pmui

from diffuse_ui.sketch.shape import DrawnPart
from diffuse_ui.style.colors import palette
from diffuse_ui.views.two_way import TwoWayBinding
from diffuse_ui.views.widgets import words

__all__ = ["BARE", "ON_ONE_LINE", "ROW", "Chip"]

BARE = {"size": "small", "margin": 0, "align": "center"}
ON_ONE_LINE = {"& .MuiToggleButton-root": {"whiteSpace": "nowrap", "padding": "3px 8px"}}
ROW = {"gap": "8px", "alignItems": "center"}
_ACTIONS = {"know": "move to observed", "separate": "separate"}  # method of the list of chips → words


class Chip:
    """The chip of one part; kept while the part keeps its form."""

    def __init__(self, view: Any, part: DrawnPart) -> None:
        self.part, self.view = part, view
        colours = palette(view.session.look.dark)
        self.colour = colours.ink if part.known else colours.of(part.shape.colour)
        self.badge = pmui.Button(
            label=part.label,
            description=f"Part {part.label}" if part.known else f"Choose {part.label}",
            variant="contained",
            disable_elevation=True,
            width=22,
            height=22,
            **BARE,
        )
        self.words = words(align="center", min_width=160)
        self.modes = pmui.RadioButtonGroup(
            options=list(part.modes),
            value=part.mode,
            color="primary",
            sx=ON_ONE_LINE,
            description=f"Meaning of {part.label}",
            visible=bool(part.modes),
            **BARE,
        )
        self._switches: dict[str, TwoWayBinding] = {}
        self.actions = self._actions()
        items = self.badge, self.words, self.modes, *self.actions.values()
        self.row = pmui.Row(*items, sizing_mode="stretch_width", margin=0, sx=self._frame())
        self.badge.on_click(lambda _: view.choose(self.part))
        self._mode = TwoWayBinding(self.modes, lambda mode: view.mean(self.part, mode))

    def _actions(self) -> dict[str, Any]:
        """Buttons for all that can be done with the part."""
        part, view, action = self.part, self.view, self.part.shape.action
        quiet = {**BARE, "color": "default"}
        actions: dict[str, Any] = {}
        if part.known:
            actions["ask"] = pmui.Button(label="move to event", variant="text", **quiet)
            actions["ask"].on_click(lambda _: view.ask(self.part))
        elif action and not part.negated:
            actions[action] = pmui.Button(label=_ACTIONS[action], variant="text", **quiet)
            actions[action].on_click(lambda _: getattr(view, action)(self.part))
        if not part.known:
            actions["negate"] = _toggle("not", f"Negate {part.label}", part.negated)
            actions["mute"] = _toggle("mute", f"Mute {part.label}", part.muted)
            self._switches["negated"] = TwoWayBinding(
                actions["negate"], lambda on: view.negate(self.part, on)
            )
            self._switches["muted"] = TwoWayBinding(actions["mute"], lambda on: view.mute(self.part, on))
        actions["delete"] = pmui.IconButton(icon="close", description=f"Remove {part.label}", **quiet)
        actions["delete"].on_click(lambda _: view.remove(self.part))
        return actions

    @property
    def delete(self) -> Any:
        return self.actions["delete"]

    def _frame(self) -> dict[str, Any]:
        return {
            **ROW,
            "border": "1px solid",
            "borderColor": "divider",
            "borderLeft": f"3px solid {self.colour}",
            "borderRadius": "6px",
            "padding": "3px 6px 3px 10px",
            "flexWrap": "wrap",
            "opacity": 0.55 if self.part.muted else 1.0,
        }

    @staticmethod
    def form(part: DrawnPart) -> tuple[Any, ...]:
        """Properties of a part for which its chip is made anew."""
        return part.label, part.kind, part.known, part.negated and bool(part.shape.action)

    def update(self, part: DrawnPart, *, chosen: bool) -> None:
        self.part = part
        self.words.object = self.view.words(part)
        if part.modes:
            self._mode.set(part.mode)
        for attribute, switch in self._switches.items():
            switch.set(getattr(part, attribute))
        frame = self._frame()
        if self.row.sx != frame:
            self.row.sx = frame
        self.badge.sx = {
            "minWidth": "0",
            "width": "22px",
            "height": "22px",
            "padding": "0",
            "borderRadius": "11px",
            "fontSize": "11.5px",
            "fontWeight": 700,
            "textTransform": "none",
            "color": "background.paper",
            "backgroundColor": self.colour,
            "&:hover": {"backgroundColor": self.colour, "filter": "brightness(0.9)"},
            "outline": f"2px solid {self.colour}" if chosen else "none",
            "outlineOffset": "2px",
        }


def _toggle(label: str, description: str, value: bool) -> pmui.Toggle:
    return pmui.Toggle(
        label=label,
        value=value,
        description=description,
        color="primary",
        sx={"minWidth": "0", "padding": "3px 8px", "whiteSpace": "nowrap"},
        **BARE,
    )
