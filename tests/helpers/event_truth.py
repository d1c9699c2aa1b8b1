"""What an event means, written down a second time: NumPy, float64, straight from the language's definition.

Shares no code with `kernels.events` but the node classes that it reads. Batched over trajectories:
`x` is (sample, time, variable); every function takes `now`, the index of the time of evaluation.
Robustness is ±inf where a window has no sample, and −inf for a comparison with NaN; a number over no sample is NaN,
but for the maximum (−inf) and the minimum (inf).
"""

import numpy as np

SLACK = 1e-6
REACH = 0.01


class Truth:
    def __init__(self, x, layout):
        self.x, self.layout, self.times = np.asarray(x, np.float64), layout, layout.times

    def window(self, window, now):
        """Indices of the samples of a window."""
        since, slack = self.times - self.times[now], SLACK * layout_step(self.times)
        if window is None:
            return np.arange(now, len(self.times))
        return np.flatnonzero((since >= window.start - slack) & (since <= window.end + slack))

    # -- expressions: (sample, time) for signals, (sample, frequency) for spectra, (sample,) for numbers

    def signal(self, e, now):
        kind = type(e).__name__
        value = lambda child: self.signal(child, now)
        if e.kind == "number":
            return self.number(e, now)[:, None]
        if kind == "Variable":
            if e.name in self.layout.variables:
                return self.x[:, :, self.layout.variables.index(e.name)]
            if e.name == "energy":
                return (self.x**2).sum(axis=2)
            return np.broadcast_to(self.times - self.times[0], self.x.shape[:2])
        if kind == "Slice":
            return value(e.argument)[:, e.start : e.stop]
        if kind == "Function" and e.name in ("derivative", "rfft"):
            s = np.broadcast_to(value(e.argument), self.x.shape[:2])
            return np.gradient(s, self.times, axis=1) if e.name == "derivative" else np.fft.rfft(s, axis=1)
        return elementwise(e, value)

    def number(self, e, now):
        kind, num_samples = type(e).__name__, len(self.x)
        if kind == "Number":
            return np.full(num_samples, e.value)
        if kind == "Index":
            return self.signal(e.argument, now)[:, e.index]
        if kind == "At":
            s = np.broadcast_to(self.signal(e.argument, now), self.x.shape[:2])
            goal, reach = self.times[now] + e.time, REACH * layout_step(self.times)
            if not self.times[0] - reach <= goal <= self.times[-1] + reach:
                return np.full(num_samples, np.nan)
            return s[:, np.argmin(np.abs(self.times - goal))]
        if kind == "Reduction":
            s = self.signal(e.argument, now)
            if e.argument.kind == "spectrum":
                return reduce(e.name, s, None)
            s = np.broadcast_to(s, self.x.shape[:2])
            picked = self.window(e.window, now)
            return reduce(e.name, s[:, picked], self.times[picked])
        return elementwise(e, lambda child: self.number(child, now))

    def instant(self, e, now):
        """A signal or number at the time of evaluation: (sample,)."""
        return (
            self.number(e, now)
            if e.kind == "number"
            else np.broadcast_to(self.signal(e, now), self.x.shape[:2])[:, now]
        )

    # -- events: robustness (sample,)

    def robustness(self, e, now=0):
        kind = type(e).__name__
        later = lambda window: self.window(window, now)
        if kind == "And":
            return np.min([self.robustness(t, now) for t in e.terms], axis=0)
        if kind == "Or":
            return np.max([self.robustness(t, now) for t in e.terms], axis=0)
        if kind == "Not":
            return -self.robustness(e.argument, now)
        if kind == "Always":
            return every([self.robustness(e.argument, j) for j in later(e.window)], len(self.x))
        if kind == "Eventually":
            return some([self.robustness(e.argument, j) for j in later(e.window)], len(self.x))
        if kind == "Until":
            cases = []
            for j in later(e.window):
                before = [self.robustness(e.left, k) for k in range(now, j)]
                cases.append(every([self.robustness(e.right, j), *before], len(self.x)))
            return some(cases, len(self.x))
        if kind == "Comparison":
            left, right = self.instant(e.left, now), self.instant(e.right, now)
            return known(left - right if e.operator in (">", ">=") else right - left)
        if kind == "Equality":
            return known(e.tolerance - np.abs(self.instant(e.left, now) - self.instant(e.right, now)))
        if kind == "Between":
            s = self.instant(e.argument, now)
            return np.minimum(known(s - e.low), known(e.high - s))
        return self.shape(e, now)

    def shape(self, e, now):
        kind = type(e).__name__
        if kind == "Box":
            samples, s = self.window(e.window, now), self.signal(e.signal, now)
            margins = [np.minimum(s[:, j] - e.low, e.high - s[:, j]) for j in samples]
        elif kind == "Tube":
            samples, s = self.window(e.window, now), self.signal(e.signal, now)
            line = np.interp(self.times - self.times[now], e.times, e.values)
            margins = [e.half_width - np.abs(s[:, j] - line[j]) for j in samples]
        else:
            x, y = (np.broadcast_to(self.signal(s, now), self.x.shape[:2]) for s in (e.x, e.y))
            margins = [polygon_margin(x[:, j], y[:, j], e.vertices) for j in self.window(None, now)]
        margins = [known(margin) for margin in margins]
        if e.mode == "stays":
            return every(margins, len(self.x))
        return -some(margins, len(self.x)) if e.mode == "avoids" else some(margins, len(self.x))


def layout_step(times):
    return np.median(np.diff(times))


def known(c):
    return np.where(np.isnan(c), -np.inf, c)


def every(cases, num_samples):
    return np.min(cases, axis=0) if cases else np.full(num_samples, np.inf)


def some(cases, num_samples):
    return np.max(cases, axis=0) if cases else np.full(num_samples, -np.inf)


def elementwise(e, value):
    kind = type(e).__name__
    if kind == "Negative":
        return -value(e.argument)
    if kind == "Power":
        return value(e.base) ** e.exponent
    if kind == "Function":
        return getattr(np, e.name)(value(e.argument))
    left, right = value(e.left), value(e.right)
    return {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}[e.operator](left, right)


def reduce(name, s, times):
    """(sample, item) → (sample,); `times` of the items."""
    if s.shape[1] == 0:
        return np.full(len(s), {"max": -np.inf, "min": np.inf}.get(name, np.nan))
    if name == "integral":
        return np.trapezoid(s, times, axis=1)
    if name == "final":
        return s[:, -1]
    return getattr(np, {"range": "ptp"}.get(name, name))(s, axis=1)


def polygon_margin(x, y, vertices):
    """Winding by angles would call overlaps inside twice; count crossings of a ray to the right."""
    inside = np.zeros(len(x), bool)
    distance = np.full(len(x), np.inf)
    for (ax, ay), (bx, by) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < ax + (bx - ax) * (y - ay) / (by - ay))
        length = np.hypot(bx - ax, by - ay)
        t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length**2, 0, 1) if length > 0 else 0.0
        distance = np.minimum(distance, np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)))
    return np.where(inside, distance, -distance)
