"""Specification of a run: `RunSpec`, checked when it is made, and its problem."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from kernels.diffusion.schedules import DEFAULT_SCHEDULE, SCHEDULES
from kernels.events.semantics.compile import compile_event
from kernels.events.syntax.event import Event
from kernels.events.syntax.parser import parse_event
from kernels.guidance.registry import DEFAULT_GUIDANCE, GUIDANCE
from kernels.models import Model
from kernels.names import nearest, printable, require_known, shown
from kernels.probability.base import Problem
from kernels.probability.registry import PATH_STEPS, require_estimator
from kernels.recordings.when import When, parse_when, when_text
from kernels.runs.given import Given, given_event, with_knowledge
from kernels.samplers.registry import DEFAULT_SAMPLER, SAMPLERS, require_sampler
from kernels.zoo import load_model

__all__ = ["METHODS", "RunSpec", "as_model", "require"]

METHODS = ("guided", "exact")
MAX_SAMPLES, MAX_STEPS = 1_000_000, 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Specification of a run: model, event, observations, sampler, seed; it fixes all numbers.

    Attributes:
        model: name, path, or a Model made in Python.
        event: tree of the event, given as text or Event; None draws without a condition.
        given: what is known, see `kernels.runs.given.given_event`.
        when: season, hour or covariates that samples are to have, of a model that knows them, as in "month in 6..8"; see
            `kernels.recordings.when`. None, or an empty text, is all of the record's.
        method: "guided" (approximate, at once) or "exact" (the model's conditional ensemble).
        guidance: how guided paths are steered, a name of `kernels.guidance.registry.GUIDANCE`.
        estimator: name of the estimator of the event's probability, or None.
        num_samples: number of trajectories (paths, or chains at a level over all replicates).
        num_steps: network evaluations on a stochastic path; maps through the ODE take the model's own.
        seed: the one integer seed.
        sampler: how trajectories without an event and guided paths are drawn, a name of
            `kernels.samplers.registry.SAMPLERS`; only those with Gaussian steps can be steered towards an event.
        schedule: noise levels of these paths, a name of `kernels.diffusion.schedules.SCHEDULES`.
        event_text: the event as it was typed; empty where it was given as a tree.

    Raises:
        ValueError: no model, a text that is no event, a number outside its domain, an unknown name, or a sampler that
            cannot be steered towards the event.
    """

    model: str | Path | Model = None  # pyright: ignore[reportAssignmentType] - so that a missing one is said in words
    event: Event | str | None = None
    given: Given | None = None
    when: When | None = None
    method: str = "guided"
    guidance: str = DEFAULT_GUIDANCE
    estimator: str | None = "auto"
    num_samples: int = 512
    num_steps: int = PATH_STEPS
    seed: int = 0
    sampler: str = DEFAULT_SAMPLER
    schedule: str = DEFAULT_SCHEDULE
    event_text: str = dataclasses.field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        self._take_event()
        require(self.method in METHODS, "method", f"one of {', '.join(METHODS)}", self.method)
        require_known("guidance", self.guidance, GUIDANCE)
        require_sampler(self.sampler, weighted=self.event is not None)
        require_known("schedule", self.schedule, SCHEDULES)
        for name, low, high in (
            ("num_samples", 1, MAX_SAMPLES),
            ("num_steps", 2, MAX_STEPS),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            require(bool(whole and low <= value <= high), name, f"a whole number from {low} to {high}", value)
            object.__setattr__(self, name, int(value))  # NumPy's would not go into a document
        if self.estimator is not None:
            require_estimator(self.estimator, self.num_samples)
        parse_when(self.when)
        _require_model(self.model)

    def _take_event(self) -> None:
        """Parse the event's text once; drop a text that differs from the event's tree."""
        known = self.event is None or isinstance(self.event, str | Event)
        require(known, "event", "text, an Event or None", self.event)
        if isinstance(self.event, str):
            object.__setattr__(self, "event_text", self.event)
            object.__setattr__(self, "event", parse_event(self.event))
        elif self.event_text and (self.event is None or parse_event(self.event_text) != self.event):
            object.__setattr__(self, "event_text", "")

    @property
    def tree(self) -> Event | None:
        """Tree of the event."""
        assert not isinstance(self.event, str)  # noqa: S101 - parsed when the spec was made
        return self.event

    def problem(self, key: PRNGKeyArray, *, num_steps: int | None = None) -> Problem:
        """Problem P(event | observations) under the loaded model, compiled.

        Args:
            key: random key of everything that is drawn.
            num_steps: network evaluations for a trajectory by the ODE; None is the model's own number.

        Raises:
            ValueError: no such model, or an event or knowledge that does not fit it.
        """
        loaded, observations = with_knowledge(as_model(self.model).when(self.when), self.given)
        if observations is not None and SAMPLERS[self.sampler].solver is None:
            raise ValueError("`sampler` 'adaptive_ode' draws without `given`. Use another, such as 'unipc'.")
        return Problem(
            key=key,
            model=loaded,
            constraint=None if self.tree is None else compile_event(self.tree, loaded.layout),
            observations=observations,
            num_steps=loaded.num_steps if num_steps is None else num_steps,
            guidance=self.guidance,
            sampler=self.sampler,
            schedule=self.schedule,
            caveats=() if self.tree is None else self.tree.caveats(loaded.layout),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able document: model by name, event as it was typed, what is known as text."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["model"] = self.model.name if isinstance(self.model, Model) else str(self.model)
        fields["event"] = fields.pop("event_text") or (None if self.event is None else str(self.event))
        if not (self.given is None or isinstance(self.given, str)):
            fields["given"] = str(given_event(self.given, as_model(self.model)))
        fields["when"] = when_text(self.when) or None
        return fields

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "RunSpec":
        """Spec from a document of `to_dict`. Raises ValueError for wrong fields."""
        if not isinstance(document, Mapping):
            raise ValueError(
                f"a run must be an object with the fields of RunSpec; got {type(document).__name__}."
            )
        names = [field.name for field in dataclasses.fields(cls) if field.name != "event_text"]
        unknown = sorted(set(map(str, document)) - set(names))
        if unknown or "model" not in document:
            trouble = f"unknown: {printable(', '.join(unknown))}" if unknown else "`model` is missing"
            hint = nearest(unknown[0], names) if unknown else ""
            raise ValueError(f"a run must have fields of {', '.join(names)}; {trouble}. {hint}".rstrip())
        for name in ("model", "event", "given", "when"):
            value = document.get(name)
            none = value is None and name != "model"
            require(none or isinstance(value, str), name, "text", value)
        return cls(**document)


def require(condition: bool, name: str, rule: str, value: Any) -> None:
    """Raise ValueError, with the argument's name, rule and value, unless `condition` holds."""
    if not condition:
        raise ValueError(f"`{name}` must be {rule}; got {shown(value)}.")


def _require_model(model: Any) -> None:
    known = isinstance(model, str | Path | Model)
    require(known, "model", "the name of a model, a path or a Model", model)


def as_model(model: str | Path | Model) -> Model:
    """Model from a name, a path or a model.

    Raises:
        ValueError: it is none of these, or there is no such model.
    """
    _require_model(model)
    return model if isinstance(model, Model) else load_model(model)
