"""P(event | what is known) by chains against closed forms, and what their replicates are worth; writes JSON.

    PYTHONPATH=tests/helpers:tests/kernels/probability/latent python tests/benchmarks/check_known.py [runs] [output.json]

An AR(1) process at ten times, one or two of its values known, mean(x) above a threshold. Each case is asked with `runs`
keys by subset simulation of 8 replicates of 64 chains, and no number is withheld. "worth" is the least that a replicate
is worth at any level of the event, over the runs; "mean" that of P̂ / P; "covered" how often the 95 % interval holds P.
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np
import test_known as known
from exact_models import short_autoregression

import kernels
from kernels.probability.latent import levels, subset_simulation as module

CASES = (
    (((0, 1.0, 0.5), (5, -0.5, 0.5)), 1.0),
    (((0, 1.0, 0.3), (5, -0.5, 0.3)), 0.9),
    (((0, 2.5, 0.3),), 2.2),
    (((0, 1.0, 0.1),), 1.6),
    (((0, 1.0, 0.02),), 1.6),
    (((0, 1.0, 0.1), (5, -0.5, 0.1)), 0.9),
)


def runs_of(model, given, threshold, count):
    """P̂, whether the interval holds P, and the worth, of each run."""
    seen = " and ".join(f"at(x, {time}) == {value} tolerance {width}" for time, value, width in given)
    truth = known.conditional(given, threshold)
    for seed in range(count):
        spec = kernels.RunSpec(model=model, event=f"mean(x) > {threshold}", given=seen)
        *_, last = module.subset_simulation(spec.problem(jax.random.key(seed)), 512)
        low, high = last.probability.interval
        run = list(module._kept._values.values())[-1].run
        yield last.probability.value / truth, low <= truth <= high, run.least_worth


def main(runs="20", output="tests/benchmarks/check_known.json"):
    module.MIN_WORTH = (
        levels.LEAST_WORTH
    ) = -np.inf  # numbers that are withheld otherwise, and runs that give up
    model, results = short_autoregression(2)[0], []
    for given, threshold in CASES:
        ratios, covered, worth = np.array(list(runs_of(model, given, threshold, int(runs)))).T
        case = {
            "given": given,
            "event": f"mean(x) > {threshold}",
            "P": known.conditional(given, threshold),
            "worth": [
                round(float(worth.min()), 1),
                round(float(np.median(worth)), 1),
                round(float(worth.max()), 1),
            ],
            "mean": round(float(ratios.mean()), 3),
            "spread": round(float(ratios.std(ddof=1)), 3),
            "covered": round(float(covered.mean()), 3),
            "runs": int(runs),
        }
        results.append(case)
        print(case, flush=True)
        Path(output).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
