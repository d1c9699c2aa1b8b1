"""Stated errors of conditional ensembles against closed forms; prints a table and writes it as JSON.

    PYTHONPATH=tests/helpers python tests/benchmarks/check_ensembles.py [runs] [output.json]

For each event, `runs` ensembles of 512 trajectories, each from a subset simulation of 8 replicates of 64 chains.
"covered" is how often the 95 % interval, value ± t · error, holds the mean or a quantile, over all times; "± 1.96" the
same without Student's t; "stated" the root mean square error that is stated over the one that is seen. "ess" is what
the ensembles say that they are worth, the median, against what they are: the conditional variance over the seen mean
square error of the mean.
"""

import json
import sys
import time
from pathlib import Path

from conditional_laws import LEVELS, gaussian, measure, mixture

CASES = {
    f"{name}, P = {p:g}": (make, p)
    for name, make in (
        ("gaussian", gaussian),
        ("two-sided gaussian", lambda p: gaussian(p, two_sided=True)),
        ("mixture", mixture),
    )
    for p in (1e-3, 1e-4, 1e-6)
}


def main(runs="200", output="tests/benchmarks/check_ensembles.json"):
    print(f"{'':32s} t     ess stated  seen  mixed   covered (± 1.96, stated): mean, quantiles {LEVELS}")
    results = {}
    for name, (make, probability) in CASES.items():
        begin = time.perf_counter()
        found = results[name] = measure(make(probability), int(runs))
        parts = [
            f"{v['covered']:.2f} ({v['±1.96']:.2f}, {v['stated']:.2f})"
            for v in map(found.get, ("mean", *(f"q{level:g}" for level in LEVELS)))
        ]
        size = found["ess"]
        print(
            f"{name:32s} {found['t']:4.2f}  {size['stated']:10.0f} {size['seen']:5.0f}  {size['mixed']:5.0%}   "
            f"{'  '.join(parts)}   {time.perf_counter() - begin:.0f} s",
            flush=True,
        )
        text = json.dumps(results, indent=1, ensure_ascii=False)
        Path(output).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
