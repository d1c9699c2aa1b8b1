"""What to draw, as data: `RunSpec`, checked when it is made, and the problem that it states."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from kernels.events.semantics.compile import compile_event
from kernels.events.syntax.event import Event
from kernels.events.syntax.parser import parse_event
from kernels.guidance.registry import DEFAULT_GUIDANCE, require_guidance
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.latent.direct import own_steps
from kernels.probability.registry import PATH_STEPS, require_estimator
from kernels.runs.given import Given, given_event, with_knowledge
from kernels.zoo import load_model

__all__ = ["RunSpec", "as_model", "problem_of", "require"]

METHODS = ("guided", "exact")
MAX_SAMPLES, MAX_STEPS = 1_000_000, 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """What to draw.

    Attributes:
        model: name, path, or a Model made in Python.
        event: text or Event; None draws without a condition.
        given: what is known, see `kernels.runs.given.given_event`.
        method: "guided" (approximate, at once) or "exact" (the model's conditional ensemble).
        guidance: how guided paths are steered, a name of `kernels.guidance.registry.GUIDANCE`.
        estimator: of the event's probability, or None.
        num_samples: number of trajectories (paths, or chains at a level over all replicates).
        num_steps: network evaluations on a stochastic path; maps through the ODE take the model's own.
        seed: the one integer seed.

    Raises:
        ValueError: a number outside its domain, an unknown method, guidance or estimator.
    """

    model: str | Model
    event: str | Event | None = None
    given: Given | None = None
    method: str = "guided"
    guidance: str = DEFAULT_GUIDANCE
    estimator: str | None = "auto"
    num_samples: int = 512
    num_steps: int = PATH_STEPS
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.method in METHODS, "method", f"one of {', '.join(METHODS)}", self.method)
        require_guidance(self.guidance)
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: model by name, event and what is known as text."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["model"] = self.model.name if isinstance(self.model, Model) else str(self.model)
        fields["event"] = None if self.event is None else str(self.event)
        if not (self.given is None or isinstance(self.given, str)):
            fields["given"] = str(given_event(self.given, as_model(self.model)))
        return fields

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "RunSpec":
        """From what `to_dict` gave. Raises ValueError for unknown or missing fields."""
        if not isinstance(document, Mapping):
            raise ValueError(
                f"a run must be an object with the fields of RunSpec; got {type(document).__name__}."
            )
        names = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(map(str, document)) - set(names))
        if unknown or "model" not in document:
            trouble = f"unknown: {', '.join(unknown)}" if unknown else "`model` is missing"
            raise ValueError(f"a run must have fields of {', '.join(names)}; {trouble}.")
        for name in ("model", "event", "given"):
            value = document.get(name)
            require(value is None or isinstance(value, str), name, "text", value)
        return cls(**document)


def require(condition: bool, name: str, rule: str, value: Any) -> None:
    """Raises ValueError that says which argument must be what, and is not."""
    if not condition:
        raise ValueError(f"`{name}` must be {rule}; got {value!r}.")


def as_model(model: str | Path | Model) -> Model:
    """The model itself, or the one of that name or path."""
    return model if isinstance(model, Model) else load_model(model)


def problem_of(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event | None,
    given: Given | None,
    num_steps: int | None = None,
    guidance: str = DEFAULT_GUIDANCE,
) -> Problem:
    """Load and compile. Raises ValueError for whatever is wrong."""
    loaded, observations = with_knowledge(as_model(model), given)
    tree = parse_event(event) if isinstance(event, str) else event
    constraint = None if tree is None else compile_event(tree, loaded.layout)
    return Problem(
        key=key,
        model=loaded,
        constraint=constraint,
        observations=observations,
        num_steps=own_steps(loaded, observed=observations is not None) if num_steps is None else num_steps,
        guidance=guidance,
    )
