"""Rare-event estimators of a shipped model against its own direct samples; prints tables, gates nothing.

    python tests/benchmarks/check_estimators.py [model] [direct samples] [replicates]

Eight events, from frequent to 1 in 10,000 (thresholds from simulated trajectories), are first counted among
direct samples. Then subset simulation and path importance estimate each with keys of their own: z is their
distance in standard errors of the difference, taken on the log scale, on which these errors are nearly
normal. Last, one event of P ≈ 1e-2 is estimated again and again: the spread of the estimates beside the
standard error that they state. Histograms of the direct C and all estimates go to
`kernels/zoo/<model>_direct.json`.
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


def count_direct(model, shares, total):
    """What each event is worth among the same direct samples, with the histogram of its C."""
    problems = [problem_of(jax.random.key(SEED), model, event, None, model.num_steps) for _, event in shares]
    hits, done, histograms, begin = np.zeros(len(shares), np.int64), 0, [], time.perf_counter()
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
    return {
        "model": model.name,
        "created": model.card.get("created"),
        "direct_samples": done,
        "num_steps": model.num_steps,
        "seed": SEED,
        "events": {
            event: {"simulated": share, "hits": int(count)} | thinned(histogram.to_dict(), 120)
            for (share, event), count, histogram in zip(shares, hits, histograms, strict=True)
        },
    }


def write(document):
    """Keep it beside the model."""
    path = Path(kernels.__file__).parent / "zoo" / f"{document['model']}_direct.json"
    path.write_text(json.dumps(document) + "\n")


def distance(estimate, hits, total):
    """Log-distance from the direct estimate in standard errors of the difference."""
    if estimate.value == 0 or hits == 0:
        return float("nan")
    relative = np.hypot(estimate.standard_error / estimate.value, np.sqrt((1 - hits / total) / hits))
    return float(np.log(estimate.value * total / hits) / relative)


def check(model, document):
    """One line for each event and estimator, and the estimates in the document."""
    print("  simulated  direct                 event                          estimator  P̂ ± SE      z   s")
    total = document["direct_samples"]
    for index, (event, told) in enumerate(document["events"].items()):
        count, told["estimates"] = told["hits"], {}
        direct = f"{count / total:9.3g} ± {np.sqrt(count) / total:7.1g}"
        for row, (method, size) in enumerate(SAMPLES.items()):
            begin = time.perf_counter()
            key = jax.random.key(1000 + 10 * index + row)
            found = kernels.event_probability(key, model, event, method=method, num_samples=size)
            seconds, z = time.perf_counter() - begin, distance(found, count, total)
            print(
                f"  {told['simulated']:9.3g}  {direct}  {event:42s} {method:18s} {found.value:9.3g} ± "
                f"{found.standard_error:7.1g}  {z:+6.2f}  {seconds:4.0f}  {found.status}",
                flush=True,
            )
            told["estimates"][method] = {
                "value": found.value,
                "standard_error": found.standard_error,
                "status": found.status,
                "seconds": round(seconds, 1),
            }


def repeat(model, event, count, total, replicates):
    """The error that subset simulation states, beside the spread of its estimates."""
    found = [
        kernels.event_probability(
            jax.random.key(5000 + i), model, event, method="subset_simulation", num_samples=256
        )
        for i in range(replicates)
    ]
    values = np.array([one.value for one in found])
    stated, spread = np.mean([one.standard_error for one in found]), values.std(ddof=1)
    inside = sum(one.interval[0] <= count / total <= one.interval[1] for one in found)
    print(
        f"  {event}, {replicates} times with 256 chains: mean {values.mean():.4g} (direct {count / total:.4g}), "
        f"spread {spread:.2g}, stated {stated:.2g}, ratio {stated / spread:.2f}; "
        f"{inside} of {replicates} intervals hold the direct value"
    )
    return {
        "event": event,
        "replicates": replicates,
        "mean": float(values.mean()),
        "spread": float(spread),
        "stated": float(stated),
        "intervals_holding": inside,
    }


def main(name="lorenz63", total=200_704, replicates=12):
    model = kernels.load_model(name)
    shares = events_of(model)
    print(f"{name}, {model.num_steps} ODE steps, {jax.devices()}")
    document = count_direct(model, shares, int(total))
    write(document)
    check(model, document)
    _, event = min(shares, key=lambda pair: abs(pair[0] - REPEATED))
    document["repeated"] = repeat(
        model, event, document["events"][event]["hits"], document["direct_samples"], int(replicates)
    )
    write(document)


if __name__ == "__main__":
    main(*sys.argv[1:])
