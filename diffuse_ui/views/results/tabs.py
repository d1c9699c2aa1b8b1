"""Result tabs below the canvas; one is shown at a time.

A tab is built when it is first shown and works out its curves when it is shown and something that it
depends on has changed (`Store.derive`): a hidden tab costs nothing. While results stream in, the shown
tab follows as fast as it can.
"""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.state.state import State
from diffuse_ui.style.colors import palette
from diffuse_ui.views.legends import legend
from diffuse_ui.views.results.base import Tab
from diffuse_ui.views.results.constraint import ConstraintTab
from diffuse_ui.views.results.convergence import ConvergenceTab
from diffuse_ui.views.results.field import FieldTab
from diffuse_ui.views.results.hitting import HittingTab
from diffuse_ui.views.results.marginals import MarginalsTab
from diffuse_ui.views.results.motion import MotionTab
from diffuse_ui.views.results.plane import PlaneTab
from diffuse_ui.views.results.runs import RunsTab
from diffuse_ui.views.results.space import SpaceTab
from diffuse_ui.views.results.spectrum import SpectrumTab
from diffuse_ui.views.results.table import TableTab
from diffuse_ui.views.widgets import caption, html
from diffuse_ui.work.session import Session

__all__ = ["ResultTabs"]

TABS: tuple[type[Tab], ...] = (
    ConvergenceTab,
    MarginalsTab,
    ConstraintTab,
    HittingTab,
    SpectrumTab,
    PlaneTab,
    SpaceTab,
    FieldTab,
    MotionTab,
    TableTab,
    RunsTab,
)
_EMPTY = "After a run, this tab compares the ensemble given the event with the one without it."


class ResultTabs:
    """The tabs of one window."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.owner = f"tabs-{id(self)}"
        self.built: dict[str, Tab] = {}
        self._shown: dict[str, Any] = {}  # tab → key of the answer that it shows
        self.legend = html("", min_height=20)
        self.empty = caption(_EMPTY, margin=(8, 2))
        self.slots = {
            tab.name: pn.Column(sizing_mode="stretch_width", margin=0, min_height=30) for tab in TABS
        }
        self.kinds, self._arranging = suitable(session.state), False
        self.tabs = pmui.Tabs(
            *[(tab.label, self.slots[tab.name]) for tab in self.kinds],
            active=self._index(),
            sizing_mode="stretch_width",
            margin=0,
            sx=_QUIET_TABS,
        )
        self.tabs.param.watch(lambda event: self._choose(event.new), "active")
        session.watch(session.store, ["result", "backdrop", "history"], self._update)
        session.watch(session.store, ["derived"], self._answered)
        session.watch(session.state, ["event", "given"], self._update_legend)
        session.watch(session.state, ["model"], self._rebuild)
        session.watch(session.look, ["tab"], self._tab_changed)
        session.watch(session.look, ["time"], self._time_changed)
        session.watch(session.look, ["dark"], self._repaint)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return pmui.Column(
            self.tabs, self.legend, self.empty, sizing_mode="stretch_width", margin=(10, 0, 6, 0)
        )

    def _tab(self) -> Tab:
        """The shown tab; it is built on first use."""
        kind = self._kind()
        if kind.name not in self.built:
            tab = self.built[kind.name] = kind(self.session, self._ask)
            self.slots[kind.name].objects = [tab.layout()]
        return self.built[kind.name]

    def close(self) -> None:
        """Drop this window's computations, after it was closed."""
        self.session.store.forget(self.owner)

    # -- which tabs --------------------------------------------------------------------------

    def _index(self) -> int:
        """Position of the shown tab; if the model has no such tab, show the first one."""
        names = [tab.name for tab in self.kinds]
        if self.session.look.tab not in names:
            self.session.look.tab = names[0]
        return names.index(self.session.look.tab)

    def _choose(self, index: int) -> None:
        if not self._arranging:
            self.session.look.tab = self.kinds[index].name

    def _arrange(self) -> None:
        """Show the tabs that suit the model."""
        kinds = suitable(self.session.state)
        if kinds == self.kinds:
            return
        self._arranging = True
        try:
            self.kinds = kinds
            self.tabs[:] = [(tab.label, self.slots[tab.name]) for tab in kinds]
            self.tabs.active = self._index()
        finally:
            self._arranging = False

    # -- asking ------------------------------------------------------------------------------

    def _tab_changed(self) -> None:
        self.tabs.active = self._index()
        self._update()

    def _time_changed(self) -> None:
        for tab in self.built.values():
            tab.moved()
        self._ask()

    def _rebuild(self) -> None:
        """Rebuild the tabs for another model, with other variables and times."""
        self.built.clear()  # first: their sliders would choose a time of their own
        self.session.look.time = None
        self._shown.clear()
        for slot in self.slots.values():
            slot.objects = []
        self._arrange()
        self._update()

    def _update(self) -> None:
        self._update_legend()
        self._ask()

    def _kind(self) -> type[Tab]:
        return next(tab for tab in TABS if tab.name == self.session.look.tab)

    def _obstacle(self) -> str:
        """Reason why the shown tab is empty; an empty text if it is not."""
        store, kind = self.session.store, self._kind()
        if not kind.needs_result:
            return "" if store.history else "Finished runs are kept here, to be compared and restored."
        if store.result is None or store.result.dataset is None:
            return _EMPTY
        if kind.needs_event and store.result.spec.event is None:
            return "This run had no event."
        return ""

    def _ask(self) -> None:
        obstacle = self._obstacle()
        self.empty.param.update(object=obstacle or _EMPTY, visible=bool(obstacle))
        self.slots[self.session.look.tab].visible = not obstacle
        if obstacle:
            return
        tab = self._tab()
        tab.refresh()
        result = self.session.store.result if tab.needs_result else None
        key = (tab.name, result, id(self.session.store.backdrop), tab.options())
        if self._shown.get(tab.name) != key:
            self.session.store.derive(self.owner, key, tab.question())

    def _answered(self) -> None:
        derived = self.session.store.derived.get(self.owner)
        tab = self.built.get(self.session.look.tab)
        if derived is None or tab is None or derived.key[0] != tab.name:  # pyright: ignore[reportIndexIssue]
            return
        if self._shown.get(tab.name) == derived.key or self._obstacle():
            return
        self._shown[tab.name] = derived.key
        if derived.error:
            tab.note.object = derived.error[:1].upper() + derived.error[1:]
        else:
            tab.show(derived.answer)

    # -- words and colours -------------------------------------------------------------------

    def _repaint(self) -> None:
        colours = palette(self.session.look.dark)
        for tab in self.built.values():
            tab.paint(colours)
        self._update_legend()

    def _update_legend(self) -> None:
        store = self.session.store
        self.legend.visible = self._kind().has_legend and not self._obstacle()
        if self.legend.visible:
            colours = palette(self.session.look.dark)
            self.legend.object = legend(
                store.result, store.backdrop, store.stale, colours, dashed=self._kind().is_dashed
            )


def suitable(state: State) -> list[type[Tab]]:
    """Tabs that suit the state's model."""
    return [tab for tab in TABS if tab.suits(state)]


_QUIET_TABS = {
    "& .MuiTabs-root": {"minHeight": "34px", "borderBottom": "1px solid", "borderColor": "divider"},
    "& .MuiTab-root": {
        "minHeight": "34px",
        "minWidth": "0",
        "padding": "4px 12px",
        "fontSize": "13px",
        "textTransform": "none",
    },
}
