"""Damaged files and texts by the thousand: is each of use, or refused in one sentence, within 5 s and 2 GB?

    python tests/benchmarks/damage_files.py [number of each format] [seed] [formats, joined by commas]

Each format runs in a process of its own, which is ended where one damaged thing takes too long: a loop within a
library cannot be interrupted. What that process died of is a failure like any other. Counts and failures go to
damage_files.json beside this file; `tests/helpers/hostile.py` makes the same thing again from format, seed and
index.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
NUMBER, SEED = 10_000, 0
LIMIT = 30  # seconds for one damaged thing on a busy machine, after which its process is ended
LIBRARIES = ("numpy", "pandas", "xarray", "h5py", "h5netcdf", "zarr", "safetensors", "lark", "pydantic")


def work(name: str, seed: int, start: int, end: int) -> None:
    """Judge some damaged things; a line of JSON for each. Runs in a process of its own."""
    import hostile

    with tempfile.TemporaryDirectory() as folder:
        hostile.warm(Path(folder))
        for index in range(start, end):
            signal.alarm(LIMIT)
            verdict = hostile.judged(name, seed, index, Path(folder))
            signal.alarm(0)
            print(json.dumps([index, *verdict]), flush=True)


def measured(name: str, seed: int, number: int) -> dict[str, object]:
    """Counts and failures of one format."""
    counts = {"damaged": 0, "accepted": 0, "refused": 0}
    failures, slowest, begin = [], 0.0, time.monotonic()
    while counts["damaged"] < number:
        command = [sys.executable, __file__, "--work", name, str(seed), str(counts["damaged"]), str(number)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        for line in done.stdout.splitlines():
            index, accepted, trouble, seconds = json.loads(line)
            counts["damaged"] += 1
            slowest = max(slowest, seconds)
            if trouble:
                failures.append({"index": index, "trouble": trouble})
            else:
                counts["accepted" if accepted else "refused"] += 1
        if done.returncode:
            failures.append({"index": counts["damaged"], "trouble": f"process ended with {done.returncode}"})
            counts["damaged"] += 1
    seconds = round(time.monotonic() - begin, 1)
    return {**counts, "slowest_seconds": round(slowest, 2), "seconds": seconds, "failures": failures}


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    sys.path.insert(0, str(HERE.parent / "helpers"))
    import hostile

    names = sys.argv[3].split(",") if len(sys.argv) > 3 else list(hostile.FORMATS)
    path = HERE / "damage_files.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for name in names:
        found[name] = {"seed": seed, **measured(name, seed, number)}
        found["versions"] = {"python": platform.python_version()} | {one: version(one) for one in LIBRARIES}
        path.write_text(json.dumps(found, indent=2) + "\n")
        row = found[name]
        print(
            f"{name}: {row['damaged']} damaged, {row['accepted']} of use, {row['refused']} refused,", end=" "
        )
        print(f"{len(row['failures'])} failures; slowest {row['slowest_seconds']} s", flush=True)


if __name__ == "__main__":
    if "--work" in sys.argv:
        sys.path.insert(0, str(HERE.parent / "helpers"))
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        work(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        main()
