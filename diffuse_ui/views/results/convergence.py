"""The probability's running estimate with its 95 % interval, against network calls."""

from collections.abc import Callable
from typing import Any

from diffuse_ui.analysis import curves
from diffuse_ui.analysis.curves import Curve, Panel
from diffuse_ui.style import numbers
from diffuse_ui.style.colors import palette
from diffuse_ui.views.results.base import PanelsTab
from diffuse_ui.views.results.plots import ComparisonPlot
from diffuse_ui.views.widgets import method_label

__all__ = ["ConvergenceTab"]


class ConvergenceTab(PanelsTab):
    """One panel: the final estimator in front, the one before it behind."""

    name, label, needs_event = "convergence", "Convergence", True
    has_legend = False

    def build(self) -> None:
        super().build()
        plot = ComparisonPlot("convergence", x_label="network calls", y_label="probability", points=True)
        self.use([plot], palette(self.session.look.dark))

    def question(self) -> Callable[[], Any]:
        result = self.session.store.result
        assert result is not None  # noqa: S101 - nothing is asked before there is one
        return lambda: curves.convergence(result)

    def show(self, answer: list[tuple[str, Curve]]) -> None:
        if not answer:
            self.plots[0].show(Panel("probability"))
            self.note.object = "This run estimates no probability."
            return
        (method, last), before = answer[-1], answer[:-1]
        self.plots[0].show(Panel("probability", last, before[-1][1] if before else None))
        words = f"Solid: {method_label(method)}, with its 95 % interval."
        if before:
            words += f" Dashed: {method_label(before[-1][0])}, with which it began."
        calls = numbers.grouped(int(last.x[-1]))
        self.note.object = f"{words} {calls} network calls in all."
