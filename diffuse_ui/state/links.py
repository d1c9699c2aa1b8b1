"""Addresses that open the app on a state: `?model=lorenz63&event=max(x) > 0.9&seed=3`.

`diffuse_ui.export.code.link` writes them. Whoever opens one has not written it: every value is read as text,
checked like what is typed into the app, and refused with a message where it is wrong. A model is one of
the shipped models, by its name; a path is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any

import kernels
from diffuse_ui.state.state import ESTIMATOR_NAMES, METHODS, State
from kernels.diffusion.schedules import SCHEDULES
from kernels.guidance.registry import GUIDANCE
from kernels.samplers.registry import SAMPLERS

__all__ = ["follow"]

MAX_LENGTH = 20_000  # characters of one value
NONE = "none"


def follow(state: State, query: Mapping[str, str]) -> str:
    """Set the state from the query string of an address.

    Args:
        state: what is right is chosen here; what is wrong leaves it as it is.
        query: name → text; names that no choice has are ignored.

    Returns:
        What is wrong, in words; empty when nothing is.
    """
    troubles = []
    for name, choose in _CHOICES.items():
        text = query.get(name)
        if text is None:
            continue
        try:
            if len(text) > MAX_LENGTH:
                raise ValueError(f"`{name}` must have at most {MAX_LENGTH} characters; got {len(text)}.")
            choose(state, text)
        except (ValueError, RecursionError) as error:
            troubles.append(str(error) or type(error).__name__)
    try:
        state.to_spec()
    except ValueError as error:  # each is right, and together they are not
        troubles.append(str(error))
    return "" if not troubles else "The link cannot be followed as it is. " + " ".join(troubles)


def _choose_model(state: State, text: str) -> None:
    known = {state.model_name: state.model} | {name: name for name in kernels.available_models()}
    if text not in known:
        raise ValueError(f"`model` must be one of {', '.join(known)}; got {_short(text)}.")
    state.model = known[text]


def _choose_event(state: State, text: str) -> None:
    if not state.write("" if text == NONE else text):
        raise ValueError(f"`event`: {_first_line(state.error)}")


def _choose_given(state: State, text: str) -> None:
    if not state.know("" if text == NONE else text):
        raise ValueError(f"`given`: {_first_line(state.given_error)}")


def _choose_when(state: State, text: str) -> None:
    if not state.choose_when("" if text == NONE else text):
        raise ValueError(_first_line(state.when_error))


def _one_of(name: str, options: tuple[Any, ...]) -> Callable[[State, str], None]:
    texts = {NONE if option is None else str(option): option for option in options}

    def choose(state: State, text: str) -> None:
        if text not in texts:
            raise ValueError(f"`{name}` must be one of {', '.join(texts)}; got {_short(text)}.")
        state.param.update(**{name: texts[text]})

    return choose


def _number(name: str) -> Callable[[State, str], None]:
    low, high = State.param[name].bounds

    def choose(state: State, text: str) -> None:
        digits = text.isascii() and text.isdigit() and len(text) < 12
        if not digits or not low <= int(text) <= high:
            raise ValueError(f"`{name}` must be a whole number from {low} to {high}; got {_short(text)}.")
        state.param.update(**{name: int(text)})

    return choose


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _first_line(message: str) -> str:
    return message.splitlines()[0] if message else ""


_CHOICES: dict[str, Callable[[State, str], None]] = {  # the model first: the rest is checked against it
    "model": _choose_model,
    "given": _choose_given,
    "when": _choose_when,
    "event": _choose_event,
    "method": _one_of("method", METHODS),
    "guidance": _one_of("guidance", tuple(GUIDANCE)),
    "estimator": _one_of("estimator", ESTIMATOR_NAMES),
    "num_samples": _number("num_samples"),
    "num_steps": _number("num_steps"),
    "seed": _number("seed"),
    "sampler": _one_of("sampler", tuple(SAMPLERS)),
    "schedule": _one_of("schedule", tuple(SCHEDULES)),
}
