"""State of the app: model, observed values, event, run settings. No widgets, no results.

The event's tree (`kernels.Event`) is the only truth about the event: the text, the sliders, the
chips and the shapes on the canvas are all derived from it and all edit it through `State`. Muted
parts are not in the tree; the arrangement keeps them. Undo and redo restore the arrangement and the observed
values together.
`to_spec()` and `from_spec()` turn the choices into a `kernels.RunSpec` and back.
"""

import contextlib
import dataclasses
import functools
import json
import time
from typing import Any

import param

import kernels
from diffuse_ui.state.clauses import Arrangement
from diffuse_ui.state.loading import forget_models, loaded
from kernels.diffusion.schedules import DEFAULT_SCHEDULE, SCHEDULES
from kernels.events.semantics.windows import BeyondTrajectoryError
from kernels.files import parse_json
from kernels.guidance.registry import GUIDANCE
from kernels.probability.registry import ESTIMATORS
from kernels.recordings.when import when_text
from kernels.runs.given import example_start, with_knowledge
from kernels.samplers.registry import DEFAULT_SAMPLER, SAMPLERS

__all__ = ["CHOICES", "ESTIMATOR_NAMES", "METHODS", "PRESETS", "State", "forget_models"]

METHODS = ("exact", "guided")
ESTIMATOR_NAMES = (*ESTIMATORS, None)
CHOICES = tuple(  # fields of a run that the state holds as they are
    field.name
    for field in dataclasses.fields(kernels.RunSpec)
    if field.name not in ("model", "event", "given", "when", "event_text")
)
PRESETS = {  # name → (num_samples, num_steps)
    "preview": (128, 30),
    "standard": (512, 80),
    "careful": (2048, 160),
}
UNDO_DEPTH = 100
GESTURE = 0.7  # seconds: changes of numbers that follow each other faster are one step of undo
LIVE_SAMPLES = 96  # live runs answer within a second or two


class State(param.Parameterized):
    """Choices of one session: model, observed values, event, run settings.

    `event` is set through `write`, `set_event`, `arrange` and `undo`/`redo`, or put there, which is the
    same as `set_event`; all of them check it. `text` is what stands in the text field and `error` says what
    is wrong with it. While `error` is not empty, `event` is still the last good one.
    """

    model = param.Parameter("lorenz63", doc="name or path of a model, or a kernels.Model")
    given = param.String("", doc="observed values, as text: at(x, 0) == 0.4 tolerance 0.1")
    when = param.String("", doc="season, hour or covariates, as text: month in 6..8")
    event = param.Parameter(None, doc="kernels.Event, or None for no condition")
    arrangement = param.Parameter(Arrangement(), doc="the event's parts, and those that are muted")
    text = param.String("", doc="the event as it stands in the text field")
    error = param.String("", doc="what is wrong with `text`; empty when nothing is")
    given_error = param.String("", doc="what is wrong with `given`; empty when nothing is")
    when_error = param.String("", doc="what is wrong with `when`; empty when nothing is")
    method = param.Selector(objects=list(METHODS), doc="exact ensemble, or guided (approximate)")
    guidance = param.Selector(objects=list(GUIDANCE), doc="how guided paths are steered")
    estimator = param.Selector(objects=list(ESTIMATOR_NAMES), doc="estimator of the probability, or None")
    num_samples = param.Integer(512, bounds=(1, 1_000_000), doc="number of trajectories")
    num_steps = param.Integer(80, bounds=(2, 10_000), doc="network evaluations on a stochastic path")
    seed = param.Integer(0, bounds=(0, 2**32 - 1), doc="seed of the run's random key")
    sampler = param.Selector(
        default=DEFAULT_SAMPLER, objects=list(SAMPLERS), doc="how paths are drawn; some need no event"
    )
    schedule = param.Selector(
        default=DEFAULT_SCHEDULE, objects=list(SCHEDULES), doc="noise levels of the paths"
    )
    live = param.Boolean(False, doc="run again, as a preview, whenever the event changes")

    def __init__(self, **choices: Any) -> None:
        text = choices.pop("event", None)
        super().__init__(**choices)
        self._undo: list[Any] = []
        self._redo: list[Any] = []
        self._last_change = -GESTURE
        self._observed: tuple[Any, Any] = (None, None)  # what was asked for last, and the answer
        if text is not None:
            self.set_event(kernels.parse_event(text) if isinstance(text, str) else text)
        self._undo.clear()
        self.param.watch(self._model_changed, ["model", "given"])
        self.param.watch(self._event_changed, ["event"])
        self._start_forecast()

    # -- the model ---------------------------------------------------------------------------

    def load(self) -> kernels.Model:
        """The chosen model.

        Raises:
            ValueError: there is none of that name or path, or its times do not begin at 0, as those of events do.
        """
        return loaded(self.model)

    def choose_model(self, model: Any) -> None:
        """Choose another model, without observed values.

        Raises:
            ValueError: it cannot be loaded; nothing has changed then.
        """
        loaded(model)
        self.param.update(model=model, given="")

    def _model_changed(self, *changes: Any) -> None:
        """Clear observed values and undo; drop the event if the new model cannot have it.

        The text of an event whose windows reach beyond the new model's trajectories stays, with the error.
        """
        changed = {change.name for change in changes}
        if "model" not in changed:
            return
        self._undo.clear()
        self._redo.clear()
        self.given_error = ""
        if "given" not in changed:
            self.given = ""
        with contextlib.suppress(ValueError):
            if not self.choose_when(self.when):
                self.param.update(when="", when_error="")
        with contextlib.suppress(ValueError):  # an unknown model is reported where it is loaded
            self.load()
            if self.text_is_wrong:
                self.write(self.text)  # of another model it may be right, or be wrong for another reason
                self._undo.clear()
            if not all(map(self._possible, self.parts.terms)):
                event = self.event
                self._show(Arrangement(), self.given)
                self._show_beyond(event, str(event))
        self._start_forecast()

    def _start_forecast(self) -> None:
        """Give a forecasting model without observed values the start of a simulated trajectory."""
        with contextlib.suppress(ValueError):  # an unknown model is reported where it is loaded
            if not self.given and self.load().num_known:
                self.given = example_start(self.load())

    @property
    def layout(self) -> kernels.Layout:
        return self.load().layout

    @property
    def model_name(self) -> str:
        return self.model.name if isinstance(self.model, kernels.Model) else str(self.model)

    # -- the event ---------------------------------------------------------------------------

    def write(self, text: str) -> bool:
        """Set the event from text; if the text is wrong, set `error` and keep the event."""
        try:
            event = self._checked(kernels.parse_event(text)) if text.strip() else None
        except ValueError as error:
            self.param.update(text=text, error=str(error))
            return False
        self._take(self.parts.with_event(event), self.given)
        return True

    def set_event(self, event: Any) -> None:
        """Set the event from a tree; ValueError if the event does not fit the model."""
        self.arrange(self.parts.with_event(event))

    def arrange(self, arrangement: Arrangement, *, known: Arrangement | None = None) -> None:
        """Set the event from its parts, and the observed values if `known` is given.

        Raises:
            ValueError: the model cannot have such an event, or such knowledge.
        """
        for parts in (arrangement, known or Arrangement()):
            if parts.event is not None:
                self._checked(parts.event)
        given = self.given if known is None else "" if known.event is None else str(known.event)
        self._take(arrangement, given)

    @property
    def text_is_wrong(self) -> bool:
        """Whether the text field holds a text that is no event, other than `event`."""
        return bool(self.error) and self.text != ("" if self.event is None else str(self.event))

    def _show_beyond(self, event: Any, text: str) -> bool:
        """Show the text of an event, and the error, if its windows reach beyond the trajectory."""
        try:
            if event is not None:
                self._checked(event)
        except BeyondTrajectoryError as error:
            self.param.update(text=text, error=str(error))
            return True
        except ValueError:  # it is an event of other variables
            pass
        return False

    @property
    def known(self) -> Arrangement:
        """Observed values, as parts; no parts while `given` cannot be parsed."""
        return Arrangement.of(_parsed(self.given))

    @property
    def observed(self) -> Any:
        """Observed values, compiled, but for the first states of a forecast; None while there are none."""
        asked = (self.load().identity, self.given)
        if self._observed[0] != asked:
            found = None
            with contextlib.suppress(ValueError):  # what is wrong is said where it is typed
                found = with_knowledge(self.load(), self.given)[1]
            self._observed = (asked, found)
        return self._observed[1]

    @property
    def parts(self) -> Arrangement:
        """Parts of the event, muted ones included, however the event was set."""
        stands = self.arrangement.event == self.event
        return self.arrangement if stands else self.arrangement.with_event(self.event)

    def know(self, text: str) -> bool:
        """Set the observed values from text; if wrong, set `given_error` and keep `given`."""
        try:
            if text.strip():
                self._checked(kernels.parse_event(text))
        except ValueError as error:
            self.given_error = str(error)
            return False
        self._take(self.parts, text.strip())
        self.given_error = ""
        return True

    def choose_when(self, text: str) -> bool:
        """Set the season, hour or covariates from text; if wrong, set `when_error` and keep `when`."""
        try:
            self.load().when(text)
        except ValueError as error:
            self.when_error = str(error)
            return False
        self.param.update(when=text.strip(), when_error="")
        return True

    def _event_changed(self, change: Any) -> None:
        """Pass an assigned `event` through `set_event`: check, text and undo step."""
        event = self.event
        if self.arrangement.event == event:
            return
        with param.discard_events(self):
            self.event = change.old
        self.set_event(event)

    def _checked(self, event: Any) -> Any:
        kernels.compile_event(event, self.layout)
        return event

    def _possible(self, event: Any) -> bool:
        try:
            self._checked(event)
        except ValueError:
            return False
        return True

    # -- undo --------------------------------------------------------------------------------

    def _take(self, arrangement: Arrangement, given: str) -> None:
        """Apply a change and record the previous state for undo."""
        before = (self.parts, self.given)
        if (arrangement, given) != before:
            now = time.monotonic()
            same_gesture = now - self._last_change < GESTURE and _structure(arrangement, given) == _structure(
                *before
            )
            if not same_gesture:
                self._undo = [*self._undo[-UNDO_DEPTH:], before]
            self._last_change = now
            self._redo.clear()
        self._show(arrangement, given)

    def _show(self, arrangement: Arrangement, given: str) -> None:
        event = arrangement.event
        text = "" if event is None else str(event)
        changes = {"arrangement": arrangement, "text": text, "error": ""}
        if event != self.event:
            changes["event"] = event
        if given != self.given:
            changes |= {"given": given, "given_error": ""}
        self.param.update(**changes)

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def undo(self) -> None:
        """Restore the parts and the observed values before the last change."""
        self._travel(self._undo, self._redo)

    def redo(self) -> None:
        """Take back an undo."""
        self._travel(self._redo, self._undo)

    def _travel(self, origin: list[Any], goal: list[Any]) -> None:
        if not origin:
            return
        goal.append((self.parts, self.given))
        self._last_change = -GESTURE
        self._show(*origin.pop())

    # -- the run -----------------------------------------------------------------------------

    @property
    def question(self) -> tuple[Any, kernels.Event | None, str | None, str | None]:
        """Model, event, observed values and season: what a run is about, without its settings."""
        return self.model, self.event, self.given.strip() or None, self.when.strip() or None

    def to_spec(self, **changes: Any) -> kernels.RunSpec:
        """Spec of the run that the choices describe; `changes` replace single fields.

        Raises:
            ValueError: choices that do not go together, such as too few trajectories for the estimator.
        """
        choices: dict[str, Any] = {name: getattr(self, name) for name in CHOICES}
        choices |= dict(zip(("model", "event", "given", "when"), self.question))
        return kernels.RunSpec(**choices | changes)

    def to_live_spec(self) -> kernels.RunSpec:
        """Spec of the quick, approximate run of the live switch."""
        samples, steps = min(self.num_samples, LIVE_SAMPLES), min(self.num_steps, PRESETS["preview"][1])
        return self.to_spec(method="guided", estimator=None, num_samples=samples, num_steps=steps)

    def from_spec(self, spec: kernels.RunSpec) -> None:
        """Set all choices from a spec; ValueError if its event or model is wrong.

        An event whose windows reach beyond the trajectory is shown as text, with the error, and is not the event.
        """
        given = spec.given if isinstance(spec.given, str) else _given_text(spec.given)
        event = spec.tree
        before, shown = self.model, (self.parts, self.given)
        if spec.model != before:
            self.model = spec.model
        try:
            if event is not None:
                with contextlib.suppress(BeyondTrajectoryError):
                    self._checked(event)
            if given:
                with_knowledge(self.load(), given)
            self.load().when(spec.when)
        except ValueError:
            if spec.model != before:
                self.model = before
                self._show(*shown)
            raise
        fits = event is None or self._possible(event)
        parts = self.parts.with_event(event if fits else None)
        self._take(parts, given or ("" if self.load().num_known == 0 else self.given))
        if not fits:
            self._show_beyond(event, spec.event_text or str(event))
        self.param.update(
            **{name: getattr(spec, name) for name in CHOICES}, when=when_text(spec.when), when_error=""
        )

    def to_json(self) -> str:
        """The choices as text that `from_json` reads."""
        return json.dumps(self.to_spec(model=self.model_name).to_dict())

    def from_json(self, text: str) -> None:
        """Set all choices from text that `to_json` wrote."""
        self.from_spec(kernels.RunSpec.from_dict(parse_json(text, "the run is no JSON ({error}).")))


def _structure(arrangement: Arrangement, given: str) -> Any:
    """Structure of parts and observed values: everything but their numbers."""
    return arrangement.structure, Arrangement.of(_parsed(given)).structure


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """Event parsed from text; None if the text is empty or wrong."""
    with contextlib.suppress(ValueError):
        return kernels.parse_event(text) if text.strip() else None


def _given_text(given: Any) -> str:
    return "" if given is None else str(given)
