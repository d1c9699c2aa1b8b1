"""The list of chips, one a part of the event or of what is known; it needs no mouse.

Above the chips: whether all parts must be met or any, and, when two are chosen by their letters, that
one follows the other.
"""

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.sketch.parts import arranged_parts
from diffuse_ui.sketch.sequence import chain, links
from diffuse_ui.sketch.shape import DrawnPart
from diffuse_ui.state.clauses import Arrangement
from diffuse_ui.views.canvas.chip import BARE, ON_ONE_LINE, ROW, Chip
from diffuse_ui.views.two_way import TwoWayBinding
from diffuse_ui.views.widgets import caption
from diffuse_ui.work.session import Session

__all__ = ["ChipsView"]

MAX_KNOWN = 6  # chips of known points; more are told by their number
_JOINERS = {"all of": "and", "any of": "or"}


class ChipsView:
    """The list beneath the canvas, and the row above it that joins its parts."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.chips: list[Chip] = []
        self.known: list[Chip] = []
        self.empty = caption(
            "No event yet. Draw a box on the curves, choose Threshold and click, or write it at the right.",
            margin=(6, 2),
        )
        self.joiner = pmui.RadioButtonGroup(
            options=_JOINERS,
            value="and",
            color="primary",
            description="How the parts are joined",
            sx=ON_ONE_LINE,
            **BARE,
        )
        self.then = pmui.Button(
            label="then", variant="outlined", sx={"padding": "2px 10px", "whiteSpace": "nowrap"}, **BARE
        )
        self.help = caption(align="center")
        self.joining = pmui.Row(
            self.joiner, self.help, self.then, sizing_mode="stretch_width", margin=0, sx=ROW
        )
        self.known_words = caption(margin=(2, 2))
        self.column = pmui.Column(sizing_mode="stretch_width", margin=(4, 0, 2, 0), sx={"gap": "6px"})
        self._joiner = TwoWayBinding(self.joiner, self.join)
        self.then.on_click(lambda _: self.follow())
        session.watch(session.state, ["event", "arrangement", "given", "model"], self._update)
        session.watch(session.look, ["selected"], self._update)
        session.watch(session.look, ["dark"], self._rebuild)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.column

    def words(self, part: DrawnPart) -> str:
        """The part in words, with the model's units."""
        return part.term.describe(self.session.state.layout)

    # -- what the user does ------------------------------------------------------------------

    def _arrange(
        self, change: Callable[[], Arrangement], known: Callable[[], Arrangement] | None = None
    ) -> None:
        try:
            self.session.state.arrange(change(), known=known() if known else None)
            self.session.look.notice = ""
        except ValueError as error:
            self.session.look.notice = str(error)
            self._update()

    @property
    def _parts(self) -> Arrangement:
        return self.session.state.parts

    def mean(self, part: DrawnPart, mode: str) -> None:
        """Another meaning of a part."""
        if mode and mode != part.mode:
            self._arrange(lambda: self._parts.replaced(part.index, part.with_mode(mode)))

    def negate(self, part: DrawnPart, negated: bool) -> None:
        """`not` before a part, or taken from it."""
        if negated != part.negated:
            self._arrange(lambda: self._parts.negated(part.index))

    def mute(self, part: DrawnPart, muted: bool) -> None:
        """Leave a part out of the event, or take it in again."""
        if muted != part.muted:
            self._arrange(lambda: self._parts.toggled(part.index))

    def remove(self, part: DrawnPart) -> None:
        """A part deleted, of the event or of what is known."""
        if part.known:
            self._arrange(lambda: self._parts, lambda: self.session.state.known.replaced(part.index))
        else:
            self.session.look.selected = ()
            self._arrange(lambda: self._parts.replaced(part.index))

    def know(self, part: DrawnPart) -> None:
        """An observed point moves from the event to what is known."""
        self.session.look.selected = ()
        known = self.session.state.known.plus(part.term)
        self._arrange(lambda: self._parts.replaced(part.index), lambda: known)

    def ask(self, part: DrawnPart) -> None:
        """A known point moves into the event."""
        known = self.session.state.known.replaced(part.index)
        self._arrange(lambda: self._parts.plus(part.term), lambda: known)

    def choose(self, part: DrawnPart) -> None:
        """Choose a part by its letter, for a window or to say what follows what; again to let go."""
        look = self.session.look
        if part.known:
            return
        chosen = tuple(index for index in look.selected if index != part.index)
        look.selected = chosen if part.index in look.selected else (*chosen, part.index)

    def join(self, joiner: str) -> None:
        """All parts, or any."""
        if joiner and joiner != self._parts.joiner:
            self._arrange(lambda: self._parts.joined_by(joiner))

    def follow(self) -> None:
        """The second of two chosen parts follows the first."""
        first, second = (self.chips[index].part for index in self.session.look.selected)
        self.session.look.selected = ()

        def change() -> Arrangement:
            event = chain(first, second, self.session.state.layout)
            return self._parts.replaced(first.index, event).replaced(second.index)

        self._arrange(change)

    def separate(self, part: DrawnPart) -> None:
        """The links of a chain become parts of their own."""
        events = links(part, self.session.state.layout)
        self._arrange(lambda: self._parts.replaced(part.index, *events))

    # -- what is shown -----------------------------------------------------------------------

    def _rebuild(self) -> None:
        self.chips, self.known = [], []
        self._update()

    def _update(self) -> None:
        state, look = self.session.state, self.session.look
        parts = arranged_parts(state.parts)
        known = arranged_parts(state.known, known=True)
        if any(index >= len(parts) for index in look.selected):
            look.selected = ()
        few = known if len(known) <= MAX_KNOWN else []
        self.chips, self.known = self._kept(self.chips, parts), self._kept(self.known, few)
        for chip, part in zip(self.chips + self.known, parts + few):
            chip.update(part, chosen=not part.known and part.index in look.selected)
        self.known_words.object = (
            f"Observed: {len(known)} points. They are listed under the model." if not few else "Observed:"
        )
        self._update_joining(parts)
        shown: list[Any] = [self.joining] if len(parts) > 1 else []
        shown += [chip.row for chip in self.chips] or [self.empty]
        shown += ([self.known_words] if known else []) + [chip.row for chip in self.known]
        if shown != self.column.objects:
            self.column.objects = shown

    def _kept(self, chips: list[Chip], parts: list[DrawnPart]) -> list[Chip]:
        """Chips for the parts: the present ones where they fit."""
        present = {chip.form(chip.part): chip for chip in chips}
        return [present.get(Chip.form(part)) or Chip(self, part) for part in parts]

    def _update_joining(self, parts: list[DrawnPart]) -> None:
        self._joiner.set(self._parts.joiner)
        chosen = [parts[index] for index in self.session.look.selected]
        pair = len(chosen) == 2
        self.then.visible = pair
        self.then.label = f"{chosen[0].label} then {chosen[1].label}" if pair else "then"
        self.help.object = (
            f"these parts must be met, or {chosen[1].label} after {chosen[0].label}:"
            if pair
            else "these parts must be met. Choose two by their letters to say that one follows the other."
        )
