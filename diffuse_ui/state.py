"""What the user chose: model, what is known, event, and how to run. No widgets, no results.

The event's tree (`kernels.Event`) is the only truth about the event: the text, the sliders, the
chips and the shapes on the canvas are all derived from it and all edit it through `State`.
`to_spec()` and `from_spec()` turn the choices into a `kernels.RunSpec` and back.
"""

import contextlib
import functools
import json
import time
from typing import Any

import param

import kernels
from kernels.guidance.registry import GUIDANCE
from kernels.knowledge import example_start

__all__ = ["ESTIMATORS", "METHODS", "PRESETS", "Look", "State"]

METHODS = ("exact", "guided")
ESTIMATORS = (
    "auto",
    "monte_carlo",
    "subset_simulation",
    "path_importance",
    "twisted_smc",
    "density_ratio",
    "simulator",
    None,
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
    """The choices of one session.

    `event` is set through `write`, `set_event` and `undo`/`redo`, which check it; `text` is what
    stands in the text field and `error` says what is wrong with it. While `error` is not empty,
    `event` is still the last good one.
    """

    model = param.Parameter("lorenz63", doc="name or path of a model, or a kernels.Model")
    given = param.String("", doc="what is known, as text: at(x, 0) == 0.4 tolerance 0.01")
    event = param.Parameter(None, doc="kernels.Event, or None for no condition")
    text = param.String("", doc="the event as it stands in the text field")
    error = param.String("", doc="what is wrong with `text`; empty when nothing is")
    given_error = param.String("", doc="what is wrong with `given`; empty when nothing is")
    method = param.Selector(objects=list(METHODS), doc="exact ensemble, or guided (approximate)")
    guidance = param.Selector(objects=list(GUIDANCE), doc="how guided paths are steered")
    estimator = param.Selector(objects=list(ESTIMATORS), doc="estimator of the probability, or None")
    num_samples = param.Integer(512, bounds=(1, 1_000_000), doc="number of trajectories")
    num_steps = param.Integer(80, bounds=(2, 10_000), doc="network evaluations for a trajectory")
    seed = param.Integer(0, bounds=(0, 2**31 - 1), doc="seed of the run's random key")
    live = param.Boolean(False, doc="run again, as a preview, whenever the event changes")

    def __init__(self, **choices: Any) -> None:
        text = choices.pop("event", None)
        super().__init__(**choices)
        self._undo: list[Any] = []
        self._redo: list[Any] = []
        self._last_change = -GESTURE
        if text is not None:
            self.set_event(kernels.parse_event(text) if isinstance(text, str) else text)
        self._undo.clear()
        self.param.watch(lambda _: self._start_forecast(), ["model"])
        self._start_forecast()

    # -- the model ---------------------------------------------------------------------------

    def load(self) -> kernels.Model:
        """The chosen model. Raises ValueError when there is none of that name or path."""
        return self.model if isinstance(self.model, kernels.Model) else _load_model(str(self.model))

    def _start_forecast(self) -> None:
        """A forecasting model that is told nothing begins with the first states of a simulated trajectory."""
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
        """Take the event from text. On a mistake `error` says which, and the event stays."""
        try:
            event = self._checked(kernels.parse_event(text)) if text.strip() else None
        except ValueError as error:
            self.param.update(text=text, error=str(error))
            return False
        self._record(event)
        self.param.update(event=event, text=text.strip() if event is None else str(event), error="")
        return True

    def set_event(self, event: Any) -> None:
        """Take the event as a tree. Raises ValueError when the model cannot have such an event."""
        if event is not None:
            self._checked(event)
        self._record(event)
        self.param.update(event=event, text="" if event is None else str(event), error="")

    def _checked(self, event: Any) -> Any:
        kernels.compile_event(event, self.layout)
        return event

    def _record(self, event: Any) -> None:
        if event == self.event:
            return
        now = time.monotonic()
        same_gesture = now - self._last_change < GESTURE and _structure(event) == _structure(self.event)
        if not same_gesture:
            self._undo = [*self._undo[-UNDO_DEPTH:], self.event]
        self._last_change = now
        self._redo.clear()

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def undo(self) -> None:
        """The event as it was before the last change."""
        self._travel(self._undo, self._redo)

    def redo(self) -> None:
        """Take back an undo."""
        self._travel(self._redo, self._undo)

    def _travel(self, origin: list[Any], goal: list[Any]) -> None:
        if not origin:
            return
        goal.append(self.event)
        event = origin.pop()
        self._last_change = -GESTURE
        self.param.update(event=event, text="" if event is None else str(event), error="")

    def know(self, text: str) -> bool:
        """Take what is known from text. On a mistake `given_error` says which, and `given` stays."""
        try:
            if text.strip():
                self._checked(kernels.parse_event(text))
        except ValueError as error:
            self.given_error = str(error)
            return False
        self.param.update(given=text.strip(), given_error="")
        return True

    # -- the run -----------------------------------------------------------------------------

    def to_spec(self, **changes: Any) -> kernels.RunSpec:
        """The run that the choices describe; `changes` replace single fields."""
        choices = {
            "model": self.model,
            "event": None if self.event is None else str(self.event),
            "given": self.given.strip() or None,
            "method": self.method,
            "guidance": self.guidance,
            "estimator": self.estimator,
            "num_samples": self.num_samples,
            "num_steps": self.num_steps,
            "seed": self.seed,
        }
        return kernels.RunSpec(**choices | changes)

    def to_live_spec(self) -> kernels.RunSpec:
        """The quick, approximate run of the live switch."""
        samples, steps = min(self.num_samples, LIVE_SAMPLES), min(self.num_steps, PRESETS["preview"][1])
        return self.to_spec(method="guided", estimator=None, num_samples=samples, num_steps=steps)

    def from_spec(self, spec: kernels.RunSpec) -> None:
        """Choose what a spec says. Raises ValueError when its event or model is wrong."""
        given = spec.given if isinstance(spec.given, str) else _given_text(spec.given)
        names = ("method", "guidance", "estimator", "num_samples", "num_steps", "seed")
        event = kernels.parse_event(spec.event) if isinstance(spec.event, str) else spec.event
        before = self.model
        self.model = spec.model
        try:
            self.set_event(event)
        except ValueError:
            self.model = before
            raise
        self.param.update(given=given, **{name: getattr(spec, name) for name in names})

    def to_json(self) -> str:
        """The choices as text that `from_json` reads."""
        return json.dumps(self.to_spec(model=self.model_name).to_dict())

    def from_json(self, text: str) -> None:
        """Choose what `to_json` wrote."""
        self.from_spec(kernels.RunSpec.from_dict(json.loads(text)))


class Look(param.Parameterized):
    """How one view shows it: nothing here changes a number."""

    mode = param.Selector(objects=["box", "threshold", "tube"], doc="what a drag on the canvas does")
    display = param.Selector(objects=["both", "curves", "fan"], doc="ensemble as curves, as a fan, or both")
    dark = param.Boolean(False)
    tab = param.String("convergence", doc="which result is shown below the canvas")
    time = param.Number(None, allow_None=True, doc="physical time at which results look; None: the middle")
    notice = param.String("", doc="what this window has to say first, such as a link that cannot be followed")


@functools.lru_cache(maxsize=8)
def _load_model(name: str) -> kernels.Model:
    return kernels.load_model(name)


def _structure(event: Any) -> Any:
    """What stays of an event when its numbers are left out."""
    return None if event is None else event.structure


def _given_text(given: Any) -> str:
    return "" if given is None else str(given)
