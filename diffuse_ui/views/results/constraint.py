"""Distribution of C, the event's signed margin; the side C > 0 is shaded."""

from collections.abc import Callable
from typing import Any

from diffuse_ui.analysis import curves
from diffuse_ui.analysis.curves import Panel
from diffuse_ui.style.colors import palette
from diffuse_ui.views.results.base import PanelsTab
from diffuse_ui.views.results.plots import ComparisonPlot

__all__ = ["ConstraintTab"]


class ConstraintTab(PanelsTab):
    """One panel: C of the members and of the backdrop."""

    name, label, needs_event = "constraint", "Constraint", True

    def build(self) -> None:
        super().build()
        plot = ComparisonPlot(
            "constraint", x_label="C, signed margin of the event", y_label="density", heights=False
        )
        plot.shade_right_of(0.0)
        self.use([plot], palette(self.session.look.dark))
        self.note.object = "Shaded: C > 0, where the event holds; the further to the right, the more clearly."

    def question(self) -> Callable[[], Any]:
        pair, layout = self.pair(), self.session.state.layout
        event = str(self.session.store.result.spec.event)  # pyright: ignore[reportOptionalMemberAccess]
        return lambda: curves.constraint(pair(), event, layout)

    def show(self, answer: Panel) -> None:
        super().show([answer])
