"""Random events for hypothesis, on two small layouts."""

import numpy as np
from hypothesis import strategies as st

from kernels.events.syntax.expressions import Number, Variable
from kernels.events.syntax.functions import At, Binary, Function, Index, Negative, Power, Reduction, Slice
from kernels.events.syntax.predicates import (
    Always,
    And,
    Between,
    Comparison,
    Equality,
    Eventually,
    Not,
    Or,
    Until,
)
from kernels.events.syntax.shapes import Box, Polygon, Tube
from kernels.events.syntax.tree import Window
from kernels.trajectories.layout import Layout

OBSERVABLES = {"energy": lambda x: (x**2).sum(axis=1)}
UNIFORM = Layout(("x", "y"), np.arange(12) * 0.1, time_units="s", observables=OBSERVABLES)
IRREGULAR = Layout(
    ("x", "y"), np.cumsum([0, 0.5, 0.25, 0.25, 1, 0.5, 0.75, 0.25, 0.5]), observables=OBSERVABLES
)
LAYOUTS = (UNIFORM, IRREGULAR)

levels = st.integers(-96, 96).map(lambda n: n / 64)  # exact in float32
widths = st.integers(1, 96).map(lambda n: n / 64)


def negated(e):
    return Number(-e.value) if isinstance(e, Number) else Negative(e)


@st.composite
def windows(draw, layout, nested):
    """A window within the trajectory that contains a sample; nested, any window."""
    last = layout.num_times - 1
    i = draw(st.integers(0, last))
    j = draw(st.integers(i, last))
    before, after = draw(st.sampled_from([0.0, 0.2])), draw(st.sampled_from([0.0, 0.2]))
    start, end = layout.times[i] - before * layout.step, layout.times[j] + after * layout.step
    if nested and draw(st.integers(0, 3)) == 0:  # between two samples, beyond the end, or from the past
        start = draw(st.sampled_from([0.4 * layout.step, layout.times[-1] + layout.step, -2 * layout.step]))
        end = start + draw(st.sampled_from([0.0, 0.2 * layout.step, layout.times[-1]]))
    if not nested:
        start, end = max(start, 0.0), min(end, layout.times[-1])
    return Window(float(start), float(end))


def maybe_windows(layout, nested):
    return st.none() | windows(layout, nested)


@st.composite
def spectra(draw, layout, depth, nested):
    e = Function("abs", Function("rfft", draw(signals(layout, depth, nested))))
    if draw(st.booleans()):
        e = Slice(e, *draw(st.sampled_from([(1, None), (None, 4), (2, -1), (-3, None), (None, -1), (1, 4)])))
    return e


@st.composite
def scalars(draw, layout, depth, nested):
    """Numbers that depend on the trajectory."""
    choice = draw(st.integers(0, 9))
    if choice == 0:
        time = float(draw(st.sampled_from(layout.times))) + 0.2 * layout.step * draw(st.integers(-1, 1))
        time = time if nested else min(max(time, 0.0), float(layout.times[-1]))
        return At(draw(signals(layout, depth, nested)), time)
    if choice == 1:
        return Reduction(
            draw(st.sampled_from(["max", "min", "mean", "std", "range"])),
            draw(spectra(layout, depth, nested)),
        )
    if choice == 2:
        return Index(
            draw(spectra(layout, depth, nested).filter(lambda e: isinstance(e, Function))),
            draw(st.integers(0, 3)),
        )
    if choice == 3 and depth > 0:
        pair = draw(scalars(layout, depth - 1, nested)), draw(scalars(layout, depth - 1, nested))
        return Binary(draw(st.sampled_from("+-*/")), *pair)
    name = draw(st.sampled_from(["max", "min", "mean", "integral", "std", "range", "final"]))
    return Reduction(name, draw(signals(layout, depth, nested)), draw(maybe_windows(layout, nested)))


@st.composite
def signals(draw, layout, depth=2, nested=False):
    if depth <= 0 or draw(st.integers(0, 2)) == 0:
        return Variable(draw(st.sampled_from(["x", "y", "x", "y", "energy", "time"])))
    part = signals(layout, depth - 1, nested)
    choice = draw(st.integers(0, 6))
    if choice == 0:
        return negated(draw(part))
    if choice == 1:
        return Power(draw(part), draw(st.integers(2, 3)))
    if choice == 2:
        return Function("derivative", draw(part))
    if choice in (3, 4):
        name = draw(st.sampled_from(["abs", "sin", "cos", "tanh", "sqrt", "log", "exp"]))
        return Function(name, draw(part))
    other = draw(st.one_of(part, levels.map(Number), scalars(layout, depth - 2, nested)))
    pair = (draw(part), other) if draw(st.booleans()) else (other, draw(part))
    return Binary(draw(st.sampled_from("+-*/")), *pair)


@st.composite
def comparisons(draw, layout, depth, nested):
    """Of signals when nested, otherwise of numbers."""
    side = (
        st.one_of(signals(layout, depth, nested), scalars(layout, depth, nested))
        if nested
        else scalars(layout, depth, nested)
    )
    left = draw(side)
    choice = draw(st.integers(0, 4))
    if choice == 0:
        low = draw(levels)
        return Between(left, low, low + draw(widths))
    right = draw(st.one_of(levels.map(Number), levels.map(Number), side))
    if choice == 1:
        return Equality(left, right, draw(widths))
    pair = (left, right) if draw(st.integers(0, 3)) else (right, left)
    return Comparison(draw(st.sampled_from([">", "<", ">=", "<="])), *pair)


@st.composite
def shapes(draw, layout, depth, nested):
    choice = draw(st.integers(0, 2))
    signal = draw(signals(layout, depth, nested))
    mode = draw(st.sampled_from(["passes", "stays", "avoids", "enters"]))
    if choice == 0:
        low = draw(levels)
        return Box(signal, draw(windows(layout, nested)), low, low + draw(widths), mode)
    if choice == 1:
        window = draw(windows(layout, nested).filter(lambda w: w.end > w.start))
        times = (
            window.start,
            *(t for t in (window.start + 0.4 * (window.end - window.start),) if draw(st.booleans())),
            window.end,
        )
        return Tube(signal, times, tuple(draw(levels) for _ in times), draw(widths), mode)
    corners = draw(st.lists(st.tuples(levels, levels), min_size=3, max_size=6, unique=True))
    return Polygon(signal, draw(signals(layout, depth, nested)), tuple(corners), mode)


@st.composite
def events(draw, layout, depth=3, nested=False):
    """Events of a whole trajectory, or, nested, what may stand inside `always`."""
    if depth <= 0:
        return draw(comparisons(layout, 1, nested))
    choice = draw(st.integers(0, 9))
    inner = events(layout, depth - 1, True)
    if choice <= 1:
        return draw(comparisons(layout, 2, nested))
    if choice == 2:
        return draw(shapes(layout, 1, nested))
    if choice == 3:
        return Not(draw(events(layout, depth - 1, nested)))
    if choice in (4, 5):
        terms = draw(st.lists(events(layout, depth - 1, nested), min_size=2, max_size=3))
        return (And if choice == 4 else Or)(tuple(terms))
    if choice in (6, 7):
        return (Always if choice == 6 else Eventually)(draw(inner), draw(maybe_windows(layout, nested)))
    return Until(draw(inner), draw(inner), draw(maybe_windows(layout, nested)))


layouts = st.sampled_from(LAYOUTS)


@st.composite
def layouts_and_events(draw, depth=3):
    layout = draw(layouts)
    return layout, draw(events(layout, depth))


def trajectories(layout, num_samples, seed):
    """Smooth ones of different sizes, so that most events are neither sure nor impossible."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(num_samples, *layout.shape))
    walk = 0.5 * np.cumsum(steps, axis=1) + rng.normal(size=(num_samples, 1, 2))
    size = rng.choice([0.1, 0.5, 1.0], size=(num_samples, 1, 1))
    return (size * np.where(rng.random((num_samples, 1, 1)) < 0.5, walk, steps)).astype(np.float32)
