"""Run, Stop, the live switch, the progress bar, and the settings of the run."""

import calendar
import time
from typing import Any

import panel as pn
import panel_material_ui as pmui

from diffuse_ui.state.state import METHODS, PRESETS
from diffuse_ui.style.colors import palette
from diffuse_ui.style.numbers import duration, grouped
from diffuse_ui.views.two_way import TwoWayBinding
from diffuse_ui.views.widgets import QUIET, SMALL, caption, details, section
from diffuse_ui.work.session import Session
from kernels.diffusion.schedules import SCHEDULES
from kernels.guidance.registry import GUIDANCE
from kernels.probability.registry import ESTIMATORS
from kernels.recordings.when import MAX_TEXT
from kernels.samplers.registry import SAMPLERS

__all__ = ["RunPanel"]

MIN_SECONDS, MIN_SHARE = 1.5, 0.03  # before that, the time left is a guess
_METHOD_LABELS = {"exact": "exact (the model's own law)", "guided": "guided (approximate)"}
_ALL_YEAR = "all year"
_AS_TYPED = "as typed"
_MONTHS = {_ALL_YEAR: ""} | {
    name: f"month == {index}" for index, name in enumerate(calendar.month_name) if name
}
_FIELD = {"size": "small", "sizing_mode": "stretch_width", "margin": (4, 0)}


class _TimeLeft:
    """Estimate of a run's remaining time from its progress so far."""

    def __init__(self) -> None:
        self.start, self.first = time.monotonic(), 0.0

    def words(self, progress: float) -> str:
        """Time left in words, after a comma; empty at the start and at the end of a run."""
        now = time.monotonic()
        if progress <= self.first:  # another run
            self.start, self.first = now, progress
        gained, seconds = progress - self.first, now - self.start
        if seconds < MIN_SECONDS or gained < MIN_SHARE or progress >= 1.0:
            return ""
        left = seconds * (1.0 - progress) / gained
        return f", about {duration(left) if left >= 10.0 else f'{max(left, 1.0):.0f} s'} left"


class RunPanel:
    """Section Run of the control column."""

    def __init__(self, session: Session) -> None:
        self.session = session
        state = session.state
        self.run = pmui.Button(
            label="Run",
            icon="play_arrow",
            variant="contained",
            color="primary",
            sizing_mode="stretch_width",
            margin=0,
            disable_elevation=True,
        )
        self.stop = pmui.Button(
            label="Stop",
            icon="stop",
            variant="outlined",
            color="error",
            sizing_mode="stretch_width",
            margin=0,
            disabled=True,
        )
        self.left = _TimeLeft()
        self.live = self._chosen("live", pmui.Switch(label="Live", value=state.live, margin=(0, 0, 0, 4)))
        self.progress = pmui.LinearProgress(
            value=0, max=100, variant="determinate", sizing_mode="stretch_width", margin=(8, 0, 4, 0)
        )
        self.message = caption()
        self.preset = pmui.RadioButtonGroup(
            options=[*PRESETS],
            value=self._preset(),
            size="small",
            sizing_mode="stretch_width",
            margin=(0, 0, 4, 0),
        )
        self.preset._allows_none = True  # else the first one is chosen for numbers that are nobody's
        self.numbers = caption(margin=(0, 0, 6, 2))
        self.season = self._season()
        self.advanced = details("Advanced", self._advanced())
        self._update_season()
        self.run.on_click(lambda _: session.store.run())
        self.stop.on_click(lambda _: session.store.stop())
        self.preset.param.watch(lambda event: self._choose_preset(event.new), "value")
        session.watch(session.store, ["status", "progress", "message", "error"], self._update)
        session.watch(state, ["num_samples", "num_steps"], self._update_preset)
        self._update_preset()
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        buttons = pmui.Row(
            self.run,
            self.stop,
            self.live,
            sizing_mode="stretch_width",
            margin=0,
            sx={"gap": "8px", "alignItems": "center"},
        )
        return section("Run", self.preset, self.numbers, buttons, self.progress, self.message, self.advanced)

    def _advanced(self) -> pmui.Column:
        methods = {_METHOD_LABELS[method]: method for method in METHODS}
        guidances, estimators, samplers = (
            {record.label: name for name, record in registry.items()}
            for registry in (GUIDANCE, ESTIMATORS, SAMPLERS)
        )
        numbers = pmui.Row(
            self._number("num_samples", "Trajectories"),
            self._number("num_steps", "Guided steps"),
            self._number("seed", "Seed"),
            sizing_mode="stretch_width",
            margin=0,
            sx={"gap": "8px"},
        )
        return pmui.Column(
            self.season,
            self._one_of("method", "Ensemble", methods),
            self._one_of("guidance", "Guided by", guidances),
            self._one_of("estimator", "Probability by", estimators | {"no probability": None}),
            self._one_of("sampler", "Paths drawn by", samplers),
            self._one_of("schedule", "Noise levels", {name: name for name in SCHEDULES}),
            numbers,
            sizing_mode="stretch_width",
            margin=0,
        )

    def _season(self) -> pmui.Row:
        """Fields for the season, the hour and covariates that are meant."""
        state = self.session.state
        self.when = pmui.TextInput(
            label="When", placeholder="month in 6..8", value=state.when, max_length=MAX_TEXT + 1, **_FIELD
        )
        self.month = pmui.Select(label="Month", options=[*_MONTHS, _AS_TYPED], value=_ALL_YEAR, **_FIELD)
        self._typed = TwoWayBinding(self.when, state.choose_when)
        self._picked = TwoWayBinding(
            self.month, lambda month: state.choose_when(_MONTHS.get(month, state.when))
        )
        self.session.watch(state, ["model", "when", "when_error"], self._update_season)
        return pmui.Row(self.when, self.month, sizing_mode="stretch_width", margin=0, sx={"gap": "8px"})

    def _update_season(self) -> None:
        """Show the season that is meant, of a model that knows it, and what is wrong with its text."""
        state = self.session.state
        conditions = state.load().conditions
        self.season.visible = conditions is not None
        self.month.visible = conditions is not None and "month" in conditions.words
        wrong = bool(state.when_error)
        if not wrong:
            self._typed.set(state.when)
        texts = {text: month for month, text in _MONTHS.items()}
        self._picked.set(texts.get(state.when, _AS_TYPED))
        self.when.param.update(error_state=wrong, helper_text=state.when_error)

    def _one_of(self, name: str, label: str, options: dict[str, Any]) -> pmui.Select:
        value = getattr(self.session.state, name)
        return self._chosen(name, pmui.Select(label=label, options=options, value=value, **_FIELD))

    def _number(self, name: str, label: str) -> pmui.IntInput:
        low, high = self.session.state.param[name].bounds
        value = getattr(self.session.state, name)
        return self._chosen(name, pmui.IntInput(label=label, value=value, start=low, end=high, **_FIELD))

    def _chosen(self, name: str, widget: Any) -> Any:
        """Bind a widget to one choice of the state, until the window closes."""
        state = self.session.state

        def on_user(value: Any) -> None:
            try:
                state.param.update(**{name: value})
            except ValueError:  # an emptied field
                binding.set(getattr(state, name))

        binding = TwoWayBinding(widget, on_user)
        self.session.watch(state, [name], lambda: binding.set(getattr(state, name)))
        return widget

    def _preset(self) -> str | None:
        state = self.session.state
        chosen = (state.num_samples, state.num_steps)
        return next((name for name, numbers in PRESETS.items() if numbers == chosen), None)

    def _choose_preset(self, name: str | None) -> None:
        if name in PRESETS:
            samples, steps = PRESETS[name]
            self.session.state.param.update(num_samples=samples, num_steps=steps)

    def _update_preset(self) -> None:
        state = self.session.state
        self.preset.value = self._preset()
        count = grouped(state.num_samples)
        self.numbers.object = f"{count} trajectories; guided ones take {state.num_steps} steps"

    def _update(self) -> None:
        store = self.session.store
        running = store.status == "running"
        self.run.disabled = running and not self.session.state.live
        self.stop.disabled = not running
        self.progress.value = round(100 * store.progress)
        text = store.error or store.message or "ready"
        if running:
            text += self.left.words(store.progress)
        look = {"color": palette(self.session.look.dark).alarm} if store.error else QUIET
        self.message.param.update(
            object=text[:1].upper() + text[1:], styles={"font-size": SMALL["fontSize"], **look}
        )
