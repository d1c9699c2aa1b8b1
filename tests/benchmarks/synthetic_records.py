"""Numbers on records whose true probabilities are known: the model's, the counted ones, those of peaks over threshold.

    PYTHONPATH=tests/helpers python tests/benchmarks/synthetic_records.py run [--preset quick|default|full]
        [--kinds ar1,rain,lorenz63] [--records NUMBER] [--train NAME=VALUE …] [--output FILE]
        [--without-model | --gaussian]
    PYTHONPATH=tests/helpers python tests/benchmarks/synthetic_records.py table FILE

`run` draws records of 5 to 50 "years" of three kinds (`record_generators`), trains a model on each, and asks for eight
events: thresholds on the maximum and on the mean of windows of 30 steps, from 0.3 to 10 times rarer than once in the
part that the model is trained on. Thresholds and true probabilities come from independent windows drawn by brute force,
once, and are kept in the cache folder of the platform. Each record is one JSON line in the output; the same command goes
on after the last one.

`table` prints, for each kind and rarity: how often 95 % intervals hold the truth, the median of |ln(P̂/P)|, where no hit
counts as half of one, and the median of the width of the model's interval of ln P by that of peaks over threshold, and by
that of the counted share where this has five independent occurrences. Without a model there is nothing to train: minutes
for all records. With `--gaussian` the model is the Gaussian law of a record's scores, what a network begins from: it tests
margins and the record's error in minutes, and where dependence is not Gaussian it shows what is left to the network.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import platformdirs
from record_generators import GENERATORS, YEAR

import kernels
from kernels.diffusion.gaussian import GaussianLaw
from kernels.training.data import training_data
from kernels.training.from_recording import plan_training, train_on

WINDOW = 30
YEARS = (5, 10, 20, 50)
RARITIES = (0.3, 1.0, 3.0, 10.0)
STATISTICS = {"max": np.max, "mean": np.mean}
SOURCES = ("model", "peaks", "counting")
COUNTED = 5  # occurrences from which on widths are held against counting
METHODS = {"model": "auto", "peaks": "peaks_over_threshold", "counting": "training_data"}
PRESETS = {  # records of each kind, windows of brute force, steps of training, samples
    "quick": (3, 400_000, 300, 256),
    "default": (12, 4_000_000, None, 512),
    "full": (40, 8_000_000, None, 512),
}
SERIES = 200  # drawn at once by brute force
KEPT = 0.15  # share of the windows, the largest, that tell the truth
FLOOR = 1e-12  # for logarithms of interval ends
MANY = 20  # independent occurrences from which on a status should be good


def truth(kind, num_windows):
    """Largest values (statistic → increasing array) of windows from brute force, and how many windows there were."""
    folder = platformdirs.user_cache_path("diffuse-ui", appauthor=False) / "synthetic_records"
    path = folder / f"{kind}-{WINDOW}-{num_windows}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        generator, found = np.random.default_rng(12345), {name: [] for name in STATISTICS}
        each = max(min(num_windows // SERIES, 2 * YEAR), 1)  # windows of a series: two turns of all seasons
        for _ in range(-(-num_windows // (each * SERIES))):
            windows = GENERATORS[kind](generator, SERIES, each * WINDOW).reshape(-1, WINDOW)
            for name, statistic in STATISTICS.items():
                found[name].append(statistic(windows, axis=1).astype(np.float32))
        values = {name: np.sort(np.concatenate(pieces)) for name, pieces in found.items()}
        total = len(next(iter(values.values())))
        kept = {name: value[-int(KEPT * total) :] for name, value in values.items()}
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".npz", delete=False) as file:
            np.savez(file, total=total, **kept)
        Path(file.name).replace(path)
    with np.load(path) as file:
        return {name: file[name] for name in STATISTICS}, int(file["total"])


def events(kind, num_windows, num_rows):
    """Events of so many rows of training: text, statistic, rarity, true probability and its relative error."""
    values, total = truth(kind, num_windows)
    for name, value in values.items():
        for rarity in RARITIES:
            wanted = WINDOW / (rarity * num_rows)
            level = float(f"{value[-min(round(wanted * total), len(value))]:.5g}")
            hits = int(np.sum(value > level))
            exact = {"true": hits / total, "true_error": 1.0 / np.sqrt(max(hits, 1))}
            yield {"event": f"{name}(x) > {level!r}", "statistic": name, "rarity": rarity, **exact}


def record(kind, seed, years):
    """Synthetic record as a table: days and x for rain, plain times for the others."""
    series = GENERATORS[kind](np.random.default_rng([seed, list(GENERATORS).index(kind)]), 1, years * YEAR)[0]
    times = (
        pd.date_range("1961-01-01", periods=len(series)) if kind == "rain" else np.arange(len(series)) * 1.0
    )
    return pd.DataFrame({"time": times, "x": series})


def trained(source, instead, **choices):
    """Model of a record; instead of it its Gaussian law, or a stand-in that holds the training data only."""
    with tempfile.TemporaryDirectory() as folder:
        choices |= {"name": "synthetic", "window": WINDOW, "path": folder}
        if instead is None:
            return train_on(source, **choices)
        plan = plan_training(source, **choices | ({"seasons": "none"} if instead == "gaussian" else {}))
        if instead == "gaussian":
            return gaussian(plan)
        denoiser = kernels.GaussianDenoiser(np.zeros(plan.layout.shape), np.eye(WINDOW))
        model = kernels.Model.from_denoiser(denoiser, plan.layout)
        return dataclasses.replace(model, training_data=plan.split.training_data)


def gaussian(plan):
    """Model whose scores have the Gaussian law of the training windows."""
    data = training_data(plan.recording, plan.split, plan.margins, noise="white", seed=0)
    law = GaussianLaw.fit(data.training)
    return kernels.Model(
        denoiser=kernels.GaussianDenoiser(law=law),
        layout=plan.layout,
        standardizer=data.standardizer,
        initial=law,
        card={"name": "synthetic", "margins": plan.margins.facts},
        held_out=plan.split.held_out,
        training_data=plan.split.training_data,
    )


def numbers(model, event, seed, num_samples, instead):
    """Estimates of an event from each source, and its independent occurrences in the training data."""
    found = {}
    for source, method in METHODS.items():
        if source == "model" and instead == "nothing":
            found[source] = None
            continue
        try:
            estimate = kernels.event_probability(
                jax.random.key(seed), model, event, method=method, num_samples=num_samples
            )
        except ValueError:
            found[source] = None  # of peaks: another event, or a record too short
            continue
        found[source] = {
            "value": estimate.value,
            "interval": list(estimate.interval),
            "standard_error": estimate.standard_error,
            "status": estimate.status,
        }
    part = model.training_data
    holds = kernels.RunSpec(model=model, event=event).problem(jax.random.key(0)).judge(part.windows)[1]
    return found | {"occurrences": len(np.unique(part.places[holds] // part.least_block))}


def run_record(kind, index, preset, choices, instead):
    """Everything about one record, as one JSON-able dictionary."""
    _, num_windows, num_steps, num_samples = PRESETS[preset]
    years, start = YEARS[index % len(YEARS)], time.monotonic()
    choices = ({} if num_steps is None else {"num_steps": num_steps}) | choices
    model = trained(record(kind, index, years), instead, **choices)
    training = time.monotonic() - start
    rows = int(np.isfinite(model.training_data.series).all(1).sum())
    answers = [
        asked | numbers(model, asked["event"], index, num_samples, instead)
        for asked in events(kind, num_windows, rows)
    ]
    seconds = {"seconds_training": round(training, 1), "seconds": round(time.monotonic() - start, 1)}
    return {"kind": kind, "seed": index, "years": years, "training_rows": rows, **seconds, "events": answers}


def run(options):
    choices = dict(_choice(text) for text in options.train)
    settings = {"preset": options.preset, "train": choices, "instead": options.instead}
    done = set()
    if options.output.exists():
        for line in options.output.read_text().splitlines():
            found = json.loads(line)
            if found["settings"] != settings:
                raise SystemExit(
                    f"{options.output} holds another run: {found['settings']}. Name another file."
                )
            done.add((found["kind"], found["seed"]))
    count = PRESETS[options.preset][0] if options.records is None else options.records
    for index in range(count):
        for kind in options.kinds.split(","):
            if (kind, index) in done:
                continue
            found = run_record(kind, index, options.preset, choices, options.instead)
            found |= {"settings": settings}
            with options.output.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(
                f"{kind} {index}: {found['years']} years, {found['seconds']} s", file=sys.stderr, flush=True
            )
    table(options)


def _choice(text):
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def table(options):
    asked = [
        event | {"kind": found["kind"]}
        for found in map(json.loads, options.output.read_text().splitlines())
        for event in found["events"]
    ]
    print(
        "                            | 95 % intervals hold P | median |ln(P̂/P)|     | ln width of the model's"
    )
    print(
        "kind     event rarity    n  | model peaks counted   | model peaks counted   | by peaks by counted | good*"
    )
    for kind in dict.fromkeys(one["kind"] for one in asked):
        for statistic in STATISTICS:
            for rarity in RARITIES:
                few = [
                    one
                    for one in asked
                    if (one["kind"], one["statistic"], one["rarity"]) == (kind, statistic, rarity)
                ]
                if few:
                    print(f"{kind:8s} {statistic:5s} {rarity:6g} {len(few):4d}  | {_row(few)}")
    print("* share of the estimates with 20 independent occurrences or more that are ok or no_record_error")


def _row(few):
    holds = " ".join(_cell([_holds(one, source) for one in few], np.mean) for source in SOURCES)
    wrong = " ".join(_cell([_distance(one, source) for one in few], np.median) for source in SOURCES)
    widths = [_cell([_relative_width(one, source) for one in few], np.median) for source in SOURCES[1:]]
    good = [
        one["model"]["status"] in ("ok", "no_record_error")
        for one in few
        if one["model"] and one["occurrences"] >= MANY
    ]
    return f"{holds}     | {wrong}     | {'  '.join(widths)}        | {_cell(good, np.mean)}"


def _cell(values, statistic):
    values = [value for value in values if value is not None]
    return f"{statistic(values):5.2f}" if values else "    –"


def _holds(one, source):
    found = one[source]
    return None if found is None else found["interval"][0] <= one["true"] <= found["interval"][1]


def _distance(one, source):
    found = one[source]
    if found is None:
        return None
    value = found["value"] or found["interval"][1] / 6.0  # half a hit, of the rule of three
    return abs(np.log(max(value, FLOOR) / one["true"]))


def _relative_width(one, source):
    """Width of the model's interval of ln P by that of another source; None where there is nothing to hold it against."""
    if one["model"] is None or one[source] is None or (source == "counting" and one["occurrences"] < COUNTED):
        return None
    ends = np.array([one["model"]["interval"], one[source]["interval"]])
    widths = np.diff(np.log(np.maximum(ends, FLOOR)))[:, 0]
    return float(widths[0] / widths[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("run")
    command.add_argument("--preset", choices=PRESETS, default="default")
    command.add_argument("--kinds", default=",".join(GENERATORS))
    command.add_argument("--records", type=int)
    command.add_argument("--train", action="append", default=[], metavar="NAME=VALUE")
    command.add_argument("--without-model", action="store_const", const="nothing", dest="instead")
    command.add_argument("--gaussian", action="store_const", const="gaussian", dest="instead")
    command.add_argument("--output", type=Path, default=Path("synthetic_records.jsonl"))
    command.set_defaults(call=run)
    command = commands.add_parser("table")
    command.add_argument("output", type=Path)
    command.set_defaults(call=table)
    options = parser.parse_args()
    options.call(options)


if __name__ == "__main__":
    main()
