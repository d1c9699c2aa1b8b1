"""Histograms of C over ten million simulated trajectories: the truth down to P = 1e-5, for the notebook.

    python tests/benchmarks/simulate_histogram.py [system] [trajectories]

Streams in chunks and writes `kernels/zoo/<system>_histograms.json`: for each event thresholds c of its
margin C, and how many trajectories have C ≥ c, 400 points evenly spread over log P, so that the exceedance
curve can be drawn with its binomial error. Chunks have keys of their own; nothing but counts is kept.
"""

import json
import sys
import time
from pathlib import Path

import jax
import numpy as np

import kernels
from kernels.events.semantics.attribution import evaluate

CHUNK = 16_384
NUM_BINS = 4000
EVENTS = {
    "lorenz63": [
        "mean(abs(rfft(x))[1:]) < 0.6",
        "max(x) > 0.95",
        "min(z) < 0.15",
        "box(x, [2, 2.5], [0.55, 0.8]) and box(x, [4, 4.5], [-0.8, -0.55])",
    ],
    "fitzhugh_nagumo": ["max((x1 + x2) / 2) > 2.5", "min(x1) < -1.5"],
}


class Histogram:
    """Counts of one event's C between edges that the first chunk sets, and beyond them."""

    def __init__(self, first):
        low, high = float(first.min()), float(first.max())
        margin = 0.5 * (high - low)
        self.edges = np.linspace(low - margin, high + margin, NUM_BINS + 1)
        self.counts = np.zeros(NUM_BINS + 2, np.int64)

    def add(self, values):
        self.counts += np.bincount(np.searchsorted(self.edges, values, side="right"), minlength=NUM_BINS + 2)

    def to_dict(self):
        """Edges at which the count above changes, and how many lie above each."""
        above = np.cumsum(self.counts[::-1])[::-1][1:]  # of each edge
        keep = np.flatnonzero(np.diff(above, prepend=-1) != 0)
        return {"threshold": [round(float(c), 6) for c in self.edges[keep]], "above": above[keep].tolist()}


def thinned(curve, points=400):
    """So many points, evenly spread over log P, the first and the last among them."""
    above = np.array(curve["above"], float)
    scale = np.log(np.maximum(above, 1.0))
    wanted = np.linspace(scale.max(), scale.min(), points)
    keep = np.unique(np.abs(scale[None] - wanted[:, None]).argmin(1))
    return {name: [column[i] for i in keep] for name, column in curve.items()}


def main(name="lorenz63", total=10_000_000):
    system, total = kernels.get_system(name), int(total)
    layout = system.layout
    events = [kernels.parse_event(text) for text in EVENTS[name]]
    histograms, done, begin = [], 0, time.perf_counter()
    hits = np.zeros(len(events), np.int64)
    while done < total:
        size = min(CHUNK, total - done)
        states = system.simulate_array(jax.random.fold_in(jax.random.key(2026), done), size)
        judged = [evaluate(event, states, layout) for event in events]
        histograms = histograms or [Histogram(values) for values, _ in judged]
        for histogram, (values, _) in zip(histograms, judged, strict=True):
            histogram.add(values)
        hits += [int(holds.sum()) for _, holds in judged]
        done += size
        if (done // CHUNK) % 20 == 0:
            print(
                f"  {done} trajectories, {time.perf_counter() - begin:.0f} s, hits {hits.tolist()}",
                flush=True,
            )
    document = {
        "system": name,
        "trajectories": total,
        "seed": 2026,
        "events": {
            str(event): {"hits": int(count)} | thinned(histogram.to_dict())
            for event, count, histogram in zip(events, hits, histograms, strict=True)
        },
    }
    path = Path(kernels.__file__).parent / "zoo" / f"{name}_histograms.json"
    path.write_text(json.dumps(document) + "\n")
    print(f"wrote {path}, {path.stat().st_size / 1024:.0f} kB, {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
