"""Rare-event estimators of a shipped model against its own direct samples; prints tables, gates nothing.

    python tests/benchmarks/check_estimators.py [model] [direct samples] [replicates]

Eight events, from frequent to 1 in 10,000 (thresholds from simulated trajectories), are first counted among
direct samples, whose histograms of C go to `kernels/zoo/<model>_direct.json`. Then subset simulation and path
importance estimate each with keys of their own: z is their distance in standard errors of the difference,
taken on the log scale, on which these errors are nearly normal. Last, one event of P ≈ 1e-2 is estimated
again and again: the spread of the estimates beside the standard error that they state.
"""

import json
import sys
import time
from pathlib import Path

import jax
import numpy as np
from simulate_histogram import Histogram, thinned

import kernels
from kernels.probability.direct import direct_samples
from kernels.specs import problem_of
from kernels.zoo.fidelity.events import SHARES, ladder, reference_event

SIMULATED = 1_000_000
CHOSEN = (0.3, 0.1, 0.05, 0.01, 5e-3, 1e-3, 1e-4)
SAMPLES = {"subset_simulation": 512, "path_importance": 512}
REPEATED = 0.01  # share of the event that is estimated again and again
SEED = 31


def events_of(model):
    """(share of simulated trajectories, event)."""
    truth = kernels.get_system(model.system).simulate_array(jax.random.key(11), SIMULATED)
    reference = reference_event(model, truth)
    _, holds = problem_of(jax.random.key(0), model, reference, None, model.num_steps).judge(truth)
    rungs = dict(zip(SHARES, ladder(model.layout, truth), strict=False))
    return [(float(holds.mean()), reference), *(rungs[share] for share in CHOSEN)]


def count_direct(model, events, total):
    """Hits of each event among the same direct samples, and the histograms of its C."""
    problems = [problem_of(jax.random.key(SEED), model, event, None, model.num_steps) for event in events]
    hits, done, histograms, begin = np.zeros(len(events), np.int64), 0, [], time.perf_counter()
    for chunk in direct_samples(problems[0], total):
        judged = [problem.judge(chunk) for problem in problems]
        histograms = histograms or [Histogram(values) for values, _ in judged]
        for histogram, (values, _) in zip(histograms, judged, strict=True):
            histogram.add(values)
        hits += [int(holds.sum()) for _, holds in judged]
        done += len(chunk)
        if (done // len(chunk)) % 80 == 0:
            print(
                f"  {done} direct samples, {time.perf_counter() - begin:.0f} s, {hits.tolist()}", flush=True
            )
    document = {
        "model": model.name,
        "direct_samples": done,
        "num_steps": model.num_steps,
        "seed": SEED,
        "events": {
            event: {"hits": int(count)} | thinned(histogram.to_dict(), 120)
            for event, count, histogram in zip(events, hits, histograms, strict=True)
        },
    }
    path = Path(kernels.__file__).parent / "zoo" / f"{model.name}_direct.json"
    path.write_text(json.dumps(document) + "\n")
    return hits, done


def distance(estimate, hits, total):
    """Log-distance from the direct estimate in standard errors of the difference."""
    if estimate.value == 0 or hits == 0:
        return float("nan")
    relative = np.hypot(estimate.standard_error / estimate.value, np.sqrt((1 - hits / total) / hits))
    return float(np.log(estimate.value * total / hits) / relative)


def check(model, events, hits, total):
    """One line for each event and estimator."""
    print("  simulated  direct                 event                          estimator  P̂ ± SE      z   s")
    for index, ((share, event), count) in enumerate(zip(events, hits, strict=True)):
        direct = f"{count / total:9.3g} ± {np.sqrt(count) / total:7.1g}"
        for row, (method, size) in enumerate(SAMPLES.items()):
            begin = time.perf_counter()
            key = jax.random.key(1000 + 10 * index + row)
            found = kernels.event_probability(key, model, event, method=method, num_samples=size)
            print(
                f"  {share:9.3g}  {direct}  {event:42s} {method:18s} {found.value:9.3g} ± {found.standard_error:7.1g}"
                f"  {distance(found, count, total):+6.2f}  {time.perf_counter() - begin:4.0f}  {found.status}",
                flush=True,
            )


def repeat(model, event, count, total, replicates):
    """The error that subset simulation states, beside the spread of its estimates."""
    found = [
        kernels.event_probability(
            jax.random.key(5000 + i), model, event, method="subset_simulation", num_samples=256
        )
        for i in range(replicates)
    ]
    values = np.array([one.value for one in found])
    stated = np.mean([one.standard_error for one in found])
    inside = sum(one.interval[0] <= count / total <= one.interval[1] for one in found)
    print(
        f"  {event}, {replicates} times with 256 chains: mean {values.mean():.4g} (direct {count / total:.4g}), "
        f"spread {values.std(ddof=1):.2g}, stated {stated:.2g}, ratio {stated / values.std(ddof=1):.2f}; "
        f"{inside} of {replicates} intervals hold the direct value"
    )


def main(name="lorenz63", total=200_704, replicates=12):
    model = kernels.load_model(name)
    events = events_of(model)
    print(f"{name}, {model.num_steps} ODE steps, {jax.devices()}")
    hits, total = count_direct(model, [event for _, event in events], int(total))
    check(model, events, hits, total)
    index = min(range(len(events)), key=lambda i: abs(events[i][0] - REPEATED))
    repeat(model, events[index][1], int(hits[index]), total, int(replicates))


if __name__ == "__main__":
    main(*sys.argv[1:])
