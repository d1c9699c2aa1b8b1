"""Rows of a model's card: about, training, measured fidelity.

A card is what its maker wrote (`kernels.Model.card`): every key may be missing, or be of another kind
than expected. What cannot be read is left out; nothing here raises.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import kernels
from diffuse_ui.style import numbers

__all__ = ["card_rows"]

_TRAINING = (  # key → words around its value
    ("data", "{}"),
    ("num_steps", "{} steps"),
    ("batch_size", "batches of {}"),
    ("validation_loss", "validation loss {}"),
    ("device", "{}"),
)
_TRUTHS = {"simulator": "simulator", "data": "held-out data", "training_data": "training data"}
_SAMPLERS = {"sde": "SDE", "ode": "ODE"}


def card_rows(model: kernels.Model) -> list[tuple[str, str]]:
    """Rows (name, words) about a model, for the card in the app."""
    card = model.card
    rows = [
        ("about", _text(card.get("description"))),
        ("system", _text(model.system)),
        ("trajectories", _layout(model.layout)),
        ("network", _network(card.get("architecture"))),
        ("trained on", ", ".join(_training(card.get("training")))),
        ("steps", f"{model.num_steps} network evaluations for a trajectory, by the ODE"),
        ("noise estimate", _scaling(card.get("epsilon_scaling"))),
        *_fidelity(card.get("fidelity")),
        ("made", _text(card.get("created"))[:10]),
    ]
    return [(name, words) for name, words in rows if words]


def _text(value: Any) -> str:
    """Text of a string or number; empty for other values."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, int):
        return numbers.grouped(value)
    return numbers.number(value) if isinstance(value, float) else value.strip()


def _layout(layout: kernels.Layout) -> str:
    names = ", ".join(layout.variables[:4]) + (" …" if layout.num_variables > 4 else "")
    first, last = (numbers.number(float(layout.times[i])) for i in (0, -1))
    units = f" {layout.time_units}" if layout.time_units else ""
    return f"{names}: {layout.num_times} times from {first} to {last}{units}"


def _network(architecture: Any) -> str:
    if not isinstance(architecture, Mapping):
        return ""
    return _text(architecture.get("type"))


def _training(training: Any) -> Iterator[str]:
    if not isinstance(training, Mapping):
        return
    for key, words in _TRAINING:
        value = _text(training.get(key))
        if value:
            yield words.format(value)


def _scaling(scaling: Any) -> str:
    """Factor of the noise estimate in words, and its effect on extremes."""
    scale = scaling.get("scale") if isinstance(scaling, Mapping) else None
    if not isinstance(scale, float):
        return ""
    before, after = (_text(scaling.get(name)) for name in ("before", "after"))
    words = f"multiplied by {numbers.number(scale, 5)}"
    if before and after:
        words += f", with which extremes come {after} times as often as they should ({before} without)"
    return words


def _fidelity(fidelity: Any) -> Iterator[tuple[str, str]]:
    """Rows of measured fidelity: P of the reference event, and errors of each sampler."""
    if not isinstance(fidelity, Mapping):
        return
    event = _text(fidelity.get("event"))
    if event:
        yield "reference event", event
    forecast = _forecast(fidelity.get("forecast"))
    if forecast:
        yield "forecast", forecast
    for kind, words in _TRUTHS.items():
        truth = _probability(fidelity.get(kind))
        if truth:
            yield f"P, {words}", truth
    for key, figures in fidelity.items():
        name, _, steps = str(key).partition("_")
        if name not in _SAMPLERS or not isinstance(figures, Mapping):
            continue
        measured = [_probability(figures)]
        measured += [
            f"{words} {_text(figures.get(figure))}"
            for figure, words in (
                ("kolmogorov_distance", "Kolmogorov distance"),
                ("rollout_error", "rollout error"),
            )
            if _text(figures.get(figure))
        ]
        yield f"P, model ({_SAMPLERS[name]}, {steps} steps)", "; ".join(part for part in measured if part)


def _probability(figures: Any) -> str:
    if not isinstance(figures, Mapping):
        return ""
    value, error = (figures.get(key) for key in ("probability", "standard_error"))
    if not isinstance(value, float | int) or isinstance(value, bool):
        return ""
    return numbers.probability(float(value), float(error) if isinstance(error, float | int) else None)


def _forecast(scores: Any) -> str:
    """CRPS of the first variable, at a third of the forecast and at its end."""
    if not isinstance(scores, Mapping):
        return ""
    times, crps = (scores.get(key) for key in ("times", "crps"))
    if not isinstance(times, list) or not isinstance(crps, Mapping) or not crps:
        return ""
    name, curve = next(iter(crps.items()))
    if not isinstance(curve, list) or len(curve) != len(times) or not times:
        return ""
    places = sorted({len(times) // 3, len(times) - 1})
    words = [(_text(curve[place]), _text(times[place])) for place in places]
    return f"CRPS of {name} " + ", ".join(f"{share} of the climate's at {time}" for share, time in words)
