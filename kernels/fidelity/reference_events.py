"""Events of a report: one reference event per system, and ten from frequent to rare."""

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
MAX_VARIABLES = 4  # shown one by one; on a ring, all variables are alike
SHARES = (0.3, 0.2, 0.1, 0.05, 0.03, 0.01, 5e-3, 1e-3, 3e-4, 1e-4)
REDUCTIONS = (("max", ">"), ("min", "<"), ("mean", ">"))

Trajectories = Float[np.ndarray, "sample time variable"]


def shown_variables(layout: Layout) -> list[int]:
    """Indices of up to `MAX_VARIABLES` variables, spread evenly."""
    count = layout.num_variables
    return list(range(0, count, -(-count // MAX_VARIABLES)))


def reference_event(model: Model, truth: Trajectories) -> str:
    """Reference event of the system; else the first variable's maximum, with P = 1/5."""
    if model.system in REFERENCE_EVENTS:
        return REFERENCE_EVENTS[str(model.system)]
    return _beyond(model.layout, truth, 0, "max", ">", 0.2)[0]


def events_by_frequency(layout: Layout, truth: Trajectories) -> list[tuple[float, str]]:
    """Up to ten events from frequent to rare, each with its intended probability.

    Events too rare for the number of true trajectories are left out, and so are events whose share of the truth
    is far from the intended one, as where a variable meets a bound again and again. Reductions and variables
    take turns, so that no one tail decides.
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
    """Events: each variable's maximum and minimum beyond the truth's 1-in-10 and 1-in-100."""
    return [
        _beyond(layout, truth, v, name, sign, share)[0]
        for v in shown_variables(layout)
        for name, sign in REDUCTIONS[:2]
        for share in (0.1, 0.01)
    ]


def _beyond(
    layout: Layout, truth: Trajectories, v: int, name: str, sign: str, share: float
) -> tuple[str, float]:
    """Event with an intended share of the truth, and the share that it has."""
    values = getattr(truth[:, :, v], name)(axis=1)
    level = float(f"{np.quantile(values, 1.0 - share if sign == '>' else share):.6g}")
    found = np.mean(values > level if sign == ">" else values < level)
    return f"{name}({Variable(layout.variables[v])}) {sign} {level!r}", float(found)
