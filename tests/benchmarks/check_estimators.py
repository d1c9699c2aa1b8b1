"""Rare-event estimators of a shipped model against its own direct samples; prints tables, gates nothing.

    python tests/benchmarks/check_estimators.py [model] [direct samples] [replicates] [backwards]

Eight events, from frequent to 1 in 10,000 (thresholds from simulated trajectories), are first counted among
direct samples. Then subset simulation and path importance estimate each with keys of their own: z is their
distance in standard errors of the difference, taken on the log scale, on which these errors are nearly
normal. Last, one event of P ≈ 1e-2 is estimated again and again: the spread of the estimates beside the
standard error that they state. Histograms of the direct C and all estimates go to
`kernels/zoo/<model>_direct.json` in the end.

It takes an hour or two. What is done is kept in the cache folder of the platform, and the same command goes on
from there; a second one with "backwards" shares the estimates with a first one.
"""

import json
import os
import sys
import time
from pathlib import Path

import jax
import numpy as np
import platformdirs
from simulate_histogram import Histogram, thinned

import kernels
from kernels import RunSpec
from kernels.fidelity.reference_events import SHARES, events_by_frequency, reference_event
from kernels.probability.latent.direct import CHUNK, direct_latents, latent_map

SIMULATED = 1_000_000
CHOSEN = (0.3, 0.1, 0.05, 0.01, 5e-3, 1e-3, 1e-4)
SAMPLES = {"subset_simulation": 512, "path_importance": 512}
REPEATED = 0.01  # share of the event that is estimated again and again
SEED = 31
BLOCK = 8 * CHUNK  # direct samples between two savings


def events_of(model):
    """(share of simulated trajectories, event)."""
    truth = kernels.get_system(model.system).simulate_array(jax.random.key(11), SIMULATED)
    reference = reference_event(model, truth)
    _, holds = (
        RunSpec(model=model, event=reference)
        .problem(jax.random.key(0), num_steps=model.num_steps)
        .judge(truth)
    )
    entries = dict(zip(SHARES, events_by_frequency(model.layout, truth), strict=False))
    return [(float(holds.mean()), reference), *(entries[share] for share in CHOSEN)]


def kept_in(model):
    """Folder of what has been done with a model: its weights and steps are in the name."""
    name = f"{model.name}-{model.fingerprint[:12]}-{model.num_steps}"
    folder = platformdirs.user_cache_path("diffuse-ui", appauthor=False) / "check_estimators" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def judged_direct(model, shares, total, folder):
    """C of direct samples, and whether they are in the event: both (sample, event)."""
    problems = [
        RunSpec(model=model, event=event).problem(jax.random.key(SEED), num_steps=model.num_steps)
        for _, event in shares
    ]
    path, begin = folder / "direct.npz", time.perf_counter()
    if path.exists():
        with np.load(path) as stored:
            values, holds = stored["values"], stored["holds"]
    else:
        values, holds = np.zeros((0, len(shares)), np.float32), np.zeros((0, len(shares)), bool)
    while len(values) < total:
        indices = np.arange(len(values), min(total, len(values) + BLOCK))
        states = np.concatenate(list(latent_map(problems[0], direct_latents(problems[0], indices))))
        judged = [problem.judge(states) for problem in problems]
        values = np.concatenate([values, np.stack([c for c, _ in judged], 1)])
        holds = np.concatenate([holds, np.stack([inside for _, inside in judged], 1)])
        saving = folder / f"saving-{os.getpid()}.npz"  # two that draw at the same time draw the same
        np.savez(saving, values=values, holds=holds)
        saving.replace(path)
        if (len(values) // BLOCK) % 10 == 0:
            seconds = time.perf_counter() - begin
            print(f"  {len(values)} direct samples, {seconds:.0f} s, {holds.sum(0).tolist()}", flush=True)
    return values[:total], holds[:total]


def counted(model, total, folder):
    """What each event is worth among the same direct samples, with the histogram of its C."""
    path = folder / f"counted-{total}.json"
    if path.exists():
        return json.loads(path.read_text())
    shares = events_of(model)
    values, holds = judged_direct(model, shares, total, folder)
    events = {}
    for index, (share, event) in enumerate(shares):
        histogram = Histogram(values[:CHUNK, index])
        histogram.add(values[:, index])
        events[event] = {"simulated": share, "hits": int(holds[:, index].sum())}
        events[event] |= thinned(histogram.to_dict(), 120)
    document = {
        "model": model.name,
        "created": model.card.get("created"),
        "direct_samples": total,
        "drawn": f"on {jax.devices()[0].device_kind}",
        "num_steps": model.num_steps,
        "seed": SEED,
        "events": events,
    }
    path.write_text(json.dumps(document))
    return document


def estimated(path, key, model, event, **choices):
    """An estimate as its file has it, made now unless it is there."""
    if not path.exists():
        begin = time.perf_counter()
        found = kernels.event_probability(key, model, event, **choices)
        document = found.to_dict() | {"seconds": round(time.perf_counter() - begin, 1)}
        path.with_suffix(".part").write_text(json.dumps(document, default=float))
        path.with_suffix(".part").replace(path)
    return json.loads(path.read_text())


def distance(estimate, hits, total):
    """Log-distance from the direct estimate in standard errors of the difference."""
    if estimate["value"] == 0 or hits == 0:
        return float("nan")
    relative = np.hypot(estimate["standard_error"] / estimate["value"], np.sqrt((1 - hits / total) / hits))
    return float(np.log(estimate["value"] * total / hits) / relative)


def check(model, document, folder, backwards):
    """The estimates of each event, in the document."""
    asked = [
        (index, event, row, method)
        for index, event in enumerate(document["events"])
        for row, method in enumerate(SAMPLES)
    ]
    for index, event, row, method in reversed(asked) if backwards else asked:
        key = jax.random.key(1000 + 10 * index + row)
        path = folder / f"{index}-{method}.json"
        found = estimated(path, key, model, event, method=method, num_samples=SAMPLES[method])
        print(f"  {event}, {method}: {found['value']:.3g} ± {found['standard_error']:.1g}", flush=True)
        told = document["events"][event].setdefault("estimates", {})
        told[method] = {name: found[name] for name in ("value", "standard_error", "status", "seconds")}


def print_table(document):
    """One line for each event and estimator."""
    print("  simulated  direct                 event                          estimator  P̂ ± SE      z   s")
    total = document["direct_samples"]
    for event, told in document["events"].items():
        count = told["hits"]
        direct = f"{count / total:9.3g} ± {np.sqrt(count) / total:7.1g}"
        for method in SAMPLES:
            found = told["estimates"][method]
            print(
                f"  {told['simulated']:9.3g}  {direct}  {event:42s} {method:18s} {found['value']:9.3g} ± "
                f"{found['standard_error']:7.1g}  {distance(found, count, total):+6.2f}  "
                f"{found['seconds']:4.0f}  {found['status']}"
            )


def repeat(model, event, share, replicates, folder, backwards):
    """The error that subset simulation states, beside the spread of its estimates."""
    found = {}
    for i in reversed(range(replicates)) if backwards else range(replicates):
        choices = {"method": "subset_simulation", "num_samples": 256}
        found[i] = estimated(folder / f"repeat-{i}.json", jax.random.key(5000 + i), model, event, **choices)
    values = np.array([one["value"] for one in found.values()])
    stated, spread = np.mean([one["standard_error"] for one in found.values()]), values.std(ddof=1)
    inside = sum(one["interval"][0] <= share <= one["interval"][1] for one in found.values())
    print(
        f"  {event}, {replicates} times with 256 chains: mean {values.mean():.4g} (direct {share:.4g}), "
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


def main(name="lorenz63", total=200_704, replicates=12, backwards=""):
    model, total, replicates = kernels.load_model(name), int(total), int(replicates)
    folder = kept_in(model)
    print(f"{name}, {model.num_steps} ODE steps, {jax.devices()}; kept in {folder}", flush=True)
    document = counted(model, total, folder)
    check(model, document, folder, bool(backwards))
    print_table(document)
    event, known = min(document["events"].items(), key=lambda pair: abs(pair[1]["simulated"] - REPEATED))
    share = known["hits"] / total
    document["repeated"] = repeat(model, event, share, replicates, folder, bool(backwards))
    path = Path(kernels.__file__).parent / "zoo" / f"{name}_direct.json"
    path.write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
