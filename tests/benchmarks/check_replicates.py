"""Estimators asked again and again where the answer is known; writes all answers, and a table beside them.

    PYTHONPATH=tests/helpers python tests/benchmarks/check_replicates.py [--replicates 200] [--cells auto,linear]

A cell is an estimator, a kind of event and its probability (`tests/helpers/replicated.py`). Its answers, from
replicate 0 on, are one line of `results/replicates.json`; cells that have fewer than were asked for get more, and a
run that was stopped goes on where it stopped. `--cells` takes parts of names, joined by commas, all of which a cell's
name has to have; `--table` makes the table only.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from replicated import CALIBRATED, CELLS, METHODS, SURE, Answer, ask, faults, summary
from scipy import stats

RESULTS = Path(__file__).parent / "results" / "replicates.json"
STEP = 8  # replicates of a cell between two savings
POOLED = 0.92  # least cover of an estimator over all cells


def stored(path):
    """Answers of each cell by its name."""
    if not path.exists():
        return {}
    lines = json.loads(path.read_text(encoding="utf-8"))
    return {
        line["cell"]: [
            Answer(ratio, error, held == "1", status)
            for ratio, error, held, status in zip(
                line["ratio"], line["error"], line["held"], line["status"], strict=True
            )
        ]
        for line in lines
    }


def save(path, answers):
    """Write one line for each cell, in their order."""
    lines = []
    for cell in CELLS:
        ratio, error, held, status = (
            zip(*answers.get(cell.name, ()), strict=True) if cell.name in answers else [()] * 4
        )
        if not ratio:
            continue
        line = {
            "cell": cell.name,
            "replicates": len(ratio),
            "ratio": [float(f"{number:.4g}") for number in ratio],
            "error": [float(f"{number:.3g}") for number in error],
            "held": "".join("01"[one] for one in held),
            "status": "".join(status),
        }
        lines.append(json.dumps(line, separators=(",", ":")))
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    part.replace(path)


def shown(number, digits=2):
    return "–" if number is None else f"{number:.{digits}f}"


def table(answers):
    """Markdown: a row for each cell, and what each estimator comes to over its cells."""
    rows = [
        "# Estimators where the answer is known",
        "",
        "Made by `check_replicates.py` from `replicates.json`. Cover: how often the 95 % interval holds P among answers",
        f'that say "ok", and the chance of so little if 95 in 100 were; below {SURE:g} it is a fault. Stated: the root mean',
        f"square error that they state over their spread; outside {CALIBRATED[0]} to {CALIBRATED[1]}, beyond chance, a fault.",
        'Mean: that of P̂ / P, over all answers and over those that say "ok".',
    ]
    for method in METHODS:
        rows += ["", f"## {method}", ""]
        rows += ["| event | P | asked | ok | cover | chance | stated | mean | mean ok | fault |"]
        rows += ["|:--|--:|--:|--:|--:|--:|--:|--:|--:|:--|"]
        held = sound = 0
        for cell in CELLS:
            found = answers.get(cell.name)
            if cell.method != method or not found:
                continue
            ok = [one for one in found if one.status == "o"]
            held, sound = held + sum(one.held for one in ok), sound + len(ok)
            told = summary(found)
            chance = "–" if told["p"] is None else f"{told['p']:.1g}"
            rows.append(
                f"| {cell.kind} | {cell.probability:g} | {len(found)} | {told['ok']:.2f} | {shown(told['cover'])} | {chance} "
                f"| {shown(told['stated'])} | {shown(told['mean'])} | {shown(told['mean ok'])} | {', '.join(faults(told, len(found)))} |"
            )
        if sound:
            chance = stats.binom.cdf(held, sound, POOLED)
            rows += [
                "",
                f'Of {sound} answers that say "ok", {held / sound:.3f} hold P (chance at {POOLED}: {chance:.2g}).',
            ]
    return "\n".join(rows) + "\n"


def chosen(words):
    """Cells whose names have all of the words."""
    return [cell for cell in CELLS if all(word.strip() in cell.name for word in words.split(","))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--cells", default="", help="parts of names, joined by commas")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="make the table only")
    options = parser.parse_args()
    answers, cells = stored(options.output), chosen(options.cells)
    if not cells:
        sys.exit(f"no cell has all of {options.cells!r} in its name, such as {CELLS[0].name!r}")
    for target in () if options.table else range(STEP, options.replicates + STEP, STEP):
        for cell in cells:
            found = answers.setdefault(cell.name, [])
            begin = time.perf_counter()
            while len(found) < min(target, options.replicates):
                found.append(ask(cell, len(found)))
            if time.perf_counter() - begin > 0.01:
                save(options.output, answers)
                told = {
                    name: value if value is None else round(value, 3)
                    for name, value in summary(found).items()
                }
                print(f"{cell.name}: {len(found)}, {time.perf_counter() - begin:.0f} s, {told}", flush=True)
    options.output.with_suffix(".md").write_text(table(answers), encoding="utf-8")


if __name__ == "__main__":
    main()
