"""The events that a model is measured by: one reference event a system, and ten from frequent to rare."""

import numpy as np
from jaxtyping import Float

from kernels.events.syntax.expressions import Variable
from kernels.models import Model
from kernels.trajectories.layout import Layout

__all__ = [
    "REFERENCE_EVENTS",
    "SHARES",
    "events_by_frequency",
    "extremes",
    "reference_event",
    "shown_variables",
]

REFERENCE_EVENTS = {
    "lorenz63": "mean(abs(rfft(x))[1:]) < 0.6",
    "fitzhugh_nagumo": "max((x1 + x2) / 2) > 2.5",
    "double_pendulum": "max(abs(q2)) > 3.14159",
    "lorenz96": "max(energy) > 12",
    "kuramoto_sivashinsky": "max(u16) > 2.2",
}
MAX_VARIABLES = 4  # that are looked at one by one; of a ring, any are as good as all
SHARES = (0.3, 0.2, 0.1, 0.05, 0.03, 0.01, 5e-3, 1e-3, 3e-4, 1e-4)
REDUCTIONS = (("max", ">"), ("min", "<"), ("mean", ">"))

Trajectories = Float[np.ndarray, "sample time variable"]


def shown_variables(layout: Layout) -> list[int]:
    """Up to `MAX_VARIABLES` variables, spread evenly."""
    count = layout.num_variables
    return list(range(0, count, -(-count // MAX_VARIABLES)))


def reference_event(model: Model, truth: Trajectories) -> str:
    """The system's reference event; of other models, the first variable's maximum beyond its 1-in-5 value."""
    if model.system in REFERENCE_EVENTS:
        return REFERENCE_EVENTS[str(model.system)]
    return _beyond(model.layout, truth, 0, "max", ">", 0.2)[0]


def events_by_frequency(layout: Layout, truth: Trajectories) -> list[tuple[float, str]]:
    """Ten events, each with the share of the truth that is meant to be in it, as far as there is enough truth.

    Reductions and variables take turns, so that no one tail decides. An event of which the truth has another share
    than is meant, as where a bound is met again and again, is left out.
    """
    variables, events = shown_variables(layout), []
    for i, share in enumerate(SHARES):
        if share * len(truth) < 5:
            break
        name, sign = REDUCTIONS[i % len(REDUCTIONS)]
        v = variables[i % len(variables)]
        event, found = _beyond(layout, truth, v, name, sign, share)
        if abs(found - share) <= 0.5 * share:
            events.append((share, event))
    return events


def extremes(layout: Layout, truth: Trajectories) -> list[str]:
    """The maximum and the minimum of each variable beyond the truth's 1-in-10 and 1-in-100 values."""
    return [
        _beyond(layout, truth, v, name, sign, share)[0]
        for v in shown_variables(layout)
        for name, sign in REDUCTIONS[:2]
        for share in (0.1, 0.01)
    ]


def _beyond(
    layout: Layout, truth: Trajectories, v: int, name: str, sign: str, share: float
) -> tuple[str, float]:
    """The event that a share of the truth is meant to be in, and the share that is."""
    values = getattr(truth[:, :, v], name)(axis=1)
    level = float(f"{np.quantile(values, 1.0 - share if sign == '>' else share):.6g}")
    found = np.mean(values > level if sign == ">" else values < level)
    return f"{name}({Variable(layout.variables[v])}) {sign} {level!r}", float(found)
