"""Error bars of frequencies in data against the truth, on AR(1) series; prints a table and stores it.

    PYTHONPATH=tests/helpers python tests/benchmarks/check_frequency_errors.py [records]

Each case draws `records` (200) records of several members whose state is an AR(1), independent or with a common
signal of 70 % of the variance, and holds the 95 % intervals of the event's frequency and its stated errors against
the known probability and the spread of the records. Writes `tests/benchmarks/frequency_errors.json`.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
from correlated_hits import records, replicated

from kernels.probability.data import block_frequency

PROBABILITIES = (0.02, 0.1, 0.4)
EFOLDINGS = (1, 3, 10, 30, 100)
MEMBERS = ((1, 0.0), (8, 0.0), (8, 0.7), (20, 0.0), (20, 0.7))
LENGTHS = (2000, 10_000)
PIECE = 20  # records at once
PATH = Path(__file__).with_name("frequency_errors.json")


def estimate(hits):
    """Frequency of hits (member, time), windows of one moment."""
    members, times = hits.shape
    return block_frequency(hits.ravel(), 1, places=np.tile(np.arange(times), members))


def case(generator, count, times, efolding, probability, members, shared):
    pieces = [
        records(generator, PIECE, members, times, efolding, probability, shared)
        for _ in range(-(-count // PIECE))
    ]
    return replicated(estimate, itertools.chain.from_iterable(pieces), probability)


def main(count=200):
    generator, rows = np.random.default_rng(0), []
    print("times  P     e-folding members shared | coverage stated/spread | ok, coverage of these")
    for times, probability, efolding, (members, shared) in itertools.product(
        LENGTHS, PROBABILITIES, EFOLDINGS, MEMBERS
    ):
        found = case(generator, count, times, efolding, probability, members, shared)
        named = {"times": times, "probability": probability, "efolding": efolding, "members": members}
        rows.append(named | {"shared": shared} | found)
        ok = "-" if found["coverage_of_ok"] is None else f"{found['coverage_of_ok']:.3f}"
        print(
            f"{times:6d} {probability:<5g} {efolding:9d} {members:7d} {shared:6.1f} | {found['coverage']:8.3f} "
            f"{found['stated_over_spread']:13.2f} | {found['ok']:.2f} {ok}",
            flush=True,
        )
    rounded = [
        {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]
    lines = ",\n".join(json.dumps(row) for row in rounded)
    PATH.write_text(f'{{"records": {count}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
