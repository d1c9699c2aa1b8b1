"""Figures of a report as the Markdown page writes them: estimates, ratios, and the events that are missed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from diffuse_ui.style import numbers

__all__ = [
    "bare_number",
    "counted_pair",
    "deterministic_of",
    "furthest_off",
    "missed_words",
    "pair_of",
    "probability",
    "ratio_words",
    "simulated_pair",
    "table",
    "truth_kind",
    "truth_of",
    "z_value",
]

NUM_SIMULATED = (
    1_000_000  # simulated trajectories behind `*_direct.json`, see tests/benchmarks/check_estimators.py
)
MAX_LISTED = 3  # missed events in a cell; of more, the first and the last
UNRELIABLE = "†"
TRUTHS = {"simulator": "simulated", "data": "held-out data"}

Card = Mapping[str, Any]
Estimate = tuple[float, float]  # with its standard error


def truth_kind(report: Card) -> str:
    return "simulator" if report.get("simulator") else "data"


def truth_of(report: Card) -> Card:
    return report[truth_kind(report)]


def deterministic_of(report: Card) -> Card:
    return report[f"ode_{report['num_steps']}"]


def missed_words(report: Card) -> str:
    """Targets that are missed, in a few words."""
    entries = [{"event": report["event"], "truth": truth_of(report)}, *report.get("events", [])]
    chances, words = [], []
    for miss in report.get("misses", []):
        found = [entry for entry in entries if miss.startswith(f"P({entry['event']}) ")]
        chances += [entry["truth"]["probability"] for entry in found]
        words += [] if found else ["Kolmogorov" if "Kolmogorov" in miss else "rollout"]
    shares = [f"{chance:.2g}" for chance in sorted(chances, reverse=True)]
    listed = ", ".join(shares) if len(shares) <= MAX_LISTED else f"{shares[0]} … {shares[-1]}"
    words += [f"P = {listed}"] if shares else []
    return ", ".join(words) or "none"


def furthest_off(report: Card, counts: Card | None) -> str:
    """Model over truth where it is furthest from 1, of what differs by more than two standard errors."""
    pairs = [(pair_of(entry["model"]), pair_of(entry["truth"])) for entry in report.get("events", [])]
    if counts:
        total = counts["direct_samples"]
        pairs += [
            (counted_pair(told["hits"], total), simulated_pair(told)) for told in counts["events"].values()
        ]
    least = 3 / report["num_samples"]  # the rule of three, where nothing was hit
    apart = [
        (abs(math.log(max(mine[0], least) / true[0])), mine, true)
        for mine, true in pairs
        if true[0] > 0
        and (mine[0] > 0 or true[0] > least)
        and abs(mine[0] - true[0]) > 2 * math.hypot(mine[1], true[1])
    ]
    if not apart:
        return "—"
    _, mine, true = max(apart)
    return f"{ratio_words(mine, true, report['num_samples'])} at P = {numbers.number(true[0], 1)}"


def pair_of(figures: Card) -> Estimate:
    return figures["probability"], figures["standard_error"]


def counted_pair(hits: int, total: int) -> Estimate:
    share = hits / total
    return share, math.sqrt(share * (1 - share) / total)


def simulated_pair(told: Card) -> Estimate:
    return counted_pair(round(told["simulated"] * NUM_SIMULATED), NUM_SIMULATED)


def probability(figures: Card, num_samples: int | None = None) -> str:
    upper = 3 / num_samples if num_samples else None  # the rule of three
    return numbers.probability(*pair_of(figures), upper)


def bare_number(value: float) -> str:
    return (
        f"{numbers.number(100 * value)} %" if value >= numbers.PERCENT_FROM else numbers.scientific(value, 3)
    )


def ratio_words(mine: Estimate, true: Estimate, num_samples: int | None = None) -> str:
    """Quotient of two estimates with its standard error."""
    if true[0] <= 0:
        return "—"
    if mine[0] <= 0:
        return f"< {numbers.number(3 / num_samples / true[0], 1)}" if num_samples else "0"
    ratio = mine[0] / true[0]
    return " ± ".join(numbers.with_error(ratio, ratio * math.hypot(mine[1] / mine[0], true[1] / true[0])))


def z_value(found: Card, hits: int, total: int) -> float:
    """Distance of an estimate from a count, on the log scale, in standard errors of the difference."""
    if not found["value"] or not hits:
        return float("nan")
    counted = counted_pair(hits, total)
    error = math.hypot(found["standard_error"] / found["value"], counted[1] / counted[0])
    return math.log(found["value"] / counted[0]) / error


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """Markdown table with aligned columns; numeric ones stand to the right."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (headings, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(headings))]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if i in numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rules = (f"{'-' * (w - 1)}:" if i in numeric else f":{'-' * (w - 1)}" for i, w in enumerate(widths))
    return "\n".join([line(cells[0]), f"| {' | '.join(rules)} |", *(line(row) for row in cells[1:])])
