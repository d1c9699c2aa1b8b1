"""Reports of models as a Markdown page: `kernels/zoo/README.md`, made from the cards."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import kernels
from diffuse_ui.commands.report_console import SCORED_AT
from diffuse_ui.commands.report_page_text import FILES, FURTHER, INTRODUCTION, NOTES, PRESETS_NOTE
from diffuse_ui.commands.report_training import amount, device, presets_table, stages_of, training_table
from diffuse_ui.commands.report_values import (
    TRUTHS,
    UNRELIABLE,
    Card,
    Estimate,
    bare_number,
    counted_pair,
    deterministic_of,
    furthest_off,
    missed_words,
    pair_of,
    probability,
    ratio_words,
    simulated_pair,
    table,
    truth_kind,
    truth_of,
    z_value,
)
from diffuse_ui.style import numbers
from kernels import zoo
from kernels.checkpoints import read_card
from kernels.files import parse_json, read_text

__all__ = ["model_section", "models_page", "shipped_models"]

WIDTH = 112  # of a line of words


def shipped_models() -> dict[str, Path]:
    """Shipped models and their weights: those that draw freely first, then the forecasts."""
    paths = {path.stem: path for path in Path(zoo.__file__).parent.glob("*.safetensors")}
    systems = kernels.available_systems()

    def place(name: str) -> tuple[bool, int]:
        card = read_card(paths[name])
        return bool(card["num_known"]), systems.index(card["system"])

    return {name: paths[name] for name in sorted(paths, key=place)}


def _direct_counts(weights: Path) -> Card | None:
    """Counts among direct samples that lie beside a model's weights; None where there are none."""
    path = weights.with_name(f"{weights.stem}_direct.json")
    words = "the counts {path} are no JSON ({error})."
    return parse_json(read_text(path, words), words, path=path) if path.is_file() else None


def models_page() -> str:
    """Page on all shipped models."""
    paths = shipped_models()
    cards = {name: read_card(path) for name, path in paths.items()}
    counts = {name: _direct_counts(path) for name, path in paths.items()}
    parts = [
        INTRODUCTION,
        _overview(cards, counts),
        *(_section(cards[name], counts[name], NOTES.get(name, "")) for name in paths),
        _estimators({name: found for name, found in counts.items() if found}),
        PRESETS_NOTE,
        presets_table(),
        FURTHER,
        table(["file", "what is in it"], FILES),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def model_section(model: kernels.Model, weights: Path) -> str:
    """Section on one model that has a report: figures, events from frequent to rare, training."""
    layout = {name: getattr(model.layout, name) for name in ("variables", "time_units")}
    layout["times"] = [float(time) for time in model.layout.times]
    card = dict(model.card) | {"name": model.name, "layout": layout}
    return _section(card, _direct_counts(weights))


def _section(card: Card, counts: Card | None, note: str = "") -> str:
    report = card["fidelity"]
    parts = [f"## {card['name']}", _wrapped(note), "\n".join(_listed(fact) for fact in _facts(card))]
    parts += [_events(report)]
    if counts:
        parts += [_wrapped(_counted_heading(counts)), _counted(counts)]
    if report.get("forecast"):
        parts += [_wrapped(_forecast_heading(report["forecast"])), _forecast(report["forecast"])]
    stages = list(stages_of(card.get("training") or {}))
    if stages:
        parts += ["Training, the first stage first:", training_table(stages)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrapped(words: str, indent: str = "") -> str:
    return textwrap.fill(
        words, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _listed(fact: str) -> str:
    """Point of a list; further lines of the fact are points under it."""
    first, *others = fact.split("\n")
    return "\n".join([_wrapped(f"* {first}", "  "), *(f"  * {other}" for other in others)])


def _overview(cards: Mapping[str, Card], counts: Mapping[str, Card | None]) -> str:
    rows = []
    for name, card in cards.items():
        layout, report, stages = card["layout"], card["fidelity"], list(stages_of(card["training"]))
        rows.append(
            [
                f"[{name}]",
                "forecast" if card["num_known"] else "free",
                f"{len(layout['times'])} × {len(layout['variables'])}",
                f"{amount(stages[-1])}, {device(stages[-1])}",
                ", ".join(str(stage["seed"]) for stage in stages),
                f"{deterministic_of(report)['kolmogorov_distance']:.4f}",
                missed_words(report),
                furthest_off(report, counts[name]),
            ]
        )
    headings = ["model", "kind", "size", "last training", "seeds", "Kolmogorov"]
    rows = [[re.sub(r" ([×±=]) ", "\u00a0\\1\u00a0", cell) for cell in row] for row in rows]  # not broken
    links = "\n".join(f"[{name}]: #{name}" for name in cards)
    return f"{table([*headings, 'misses its target for', 'furthest off'], rows, numeric=(5,))}\n\n{links}"


def _facts(card: Card) -> Iterator[str]:
    """Sentences on what a model is and how right it is."""
    report, layout, times = card["fidelity"], card["layout"], card["layout"]["times"]
    figures, truth = deterministic_of(report), truth_of(report)
    if card.get("description"):
        yield f"{card['description']}."
    names = layout["variables"]
    shown = ", ".join(names if len(names) <= 4 else (*names[:2], "…", names[-1]))
    unit = f" {layout['time_units']}" if layout.get("time_units") else ""
    yield (
        f"Trajectories: {len(times)} times from {numbers.number(times[0])} to {numbers.number(times[-1])}{unit}, "
        f"{len(names)} variables ({shown})."
    )
    levels = card.get("ode_levels")
    where = f"between the noise levels {levels[0]:g} and {levels[1]:g}" if levels else "over all noise levels"
    yield f"A direct sample takes {report['num_steps']} network evaluations {where}."
    yield (
        f"Reference event `{report['event']}`: {probability(truth)} {TRUTHS[truth_kind(report)]}, "
        f"{probability(figures)} of the model, ratio {ratio_words(pair_of(figures), pair_of(truth))}."
    )
    distance = f"Kolmogorov distance {figures['kolmogorov_distance']:.4f} ({figures['where']})"
    rollout = figures.get("rollout_error")
    yield distance + (f", rollout error {rollout:.2g}." if rollout is not None else ".")
    if "energy_drift" in report:
        drift = report["energy_drift"]
        yield (
            f"Median change of the conserved energy: {numbers.number(drift['model'], 2)} "
            f"(truth {numbers.number(drift['truth'], 2)})."
        )
    if "log_likelihood" in report:
        density = report["log_likelihood"]
        mean = " ± ".join(numbers.with_error(density["mean"], density["standard_error"]))
        yield f"Log-density of held-out trajectories: {mean} nats ({density['per_number']:.2f} a number)."
    yield from _scaling(card.get("epsilon_scaling"))
    misses = report.get("misses", [])
    yield "\n".join(["Targets missed:", *map(_as_code, misses)]) if misses else "Every target is met."


def _scaling(scaling: Card | None) -> Iterator[str]:
    if scaling and scaling.get("scale") is not None:
        before = " ± ".join(numbers.with_error(scaling["before"], scaling["standard_error"]))
        yield (
            f"Epsilon scaling by {scaling['scale']:g}: extremes beyond their 3-in-100 values come "
            f"{numbers.number(scaling['after'])} times as often as they should, {before} times without."
        )


def _as_code(miss: str) -> str:
    """Sentence on a missed target with its event in backticks."""
    return re.sub(r"^P\((.*?)\) = ", r"P(`\1`) = ", miss)


def _events(report: Card) -> str:
    """Table of events, the reference event by its frequency among them."""
    learned = "training_data" in report
    reference = {"event": report["event"], "truth": truth_of(report), "model": deterministic_of(report)}
    reference |= {"training_data": report.get("training_data"), "method": "monte_carlo"}
    entries = [reference, *report.get("events", [])]
    rows = [
        [
            f"`{entry['event']}`",
            probability(entry["truth"]),
            *([probability(entry["training_data"])] if learned else []),
            probability(entry["model"], report["num_samples"]),
            ratio_words(pair_of(entry["model"]), pair_of(entry["truth"]), report["num_samples"]),
            "chains" if entry["method"] == "subset_simulation" else "samples",
        ]
        for entry in sorted(entries, key=lambda entry: -entry["truth"]["probability"])
    ]
    headings = ["event", "truth", *(["training data"] if learned else []), "model", "model / truth", "by"]
    return table(headings, rows, numeric=range(1, len(headings) - 1))


def _counted_heading(counts: Card) -> str:
    drawn = str(counts["drawn"]).strip().removesuffix(".").replace("on cpu", "on a CPU")
    drawn = drawn[0].lower() + drawn[1:]
    return (
        f"{counts['direct_samples']:,} direct samples, drawn {drawn}. The two estimators are over the direct share, "
        f"z is in standard errors on the log scale; {UNRELIABLE} calls itself unreliable."
    )


def _counted(counts: Card) -> str:
    rows, total = [], counts["direct_samples"]
    events = counts["events"]
    for event in sorted(events, key=lambda event: -events[event]["simulated"]):
        told = events[event]
        direct, truth = counted_pair(told["hits"], total), simulated_pair(told)
        chains, paths = (told["estimates"][name] for name in ("subset_simulation", "path_importance"))
        z = f"{round(z_value(chains, told['hits'], total), 1) + 0.0:+.1f}".replace("-", "−")
        rows.append(
            [
                f"`{event}`",
                bare_number(told["simulated"]),
                bare_number(direct[0]),
                ratio_words(direct, truth),
                *(_estimated(chains, direct), z, _estimated(paths, direct)),
            ]
        )
    headings = [
        "event",
        "simulated",
        "direct",
        "direct / simulated",
        "subset simulation",
        "z",
        "path importance",
    ]
    return table(headings, rows, numeric=range(1, len(headings)))


def _estimated(found: Card, direct: Estimate) -> str:
    """Estimate over the direct share, marked where it calls itself unreliable."""
    mark = "" if found["status"] == "ok" else f" {UNRELIABLE}"
    return ratio_words((found["value"], found["standard_error"]), direct) + mark


def _estimators(counts: Mapping[str, Card]) -> str:
    """Section on how subset simulation compares with direct samples, over all models."""
    rows, distances = [], []
    for name, found in counts.items():
        events, repeated = found["events"], found["repeated"]
        total = found["direct_samples"]
        z = [z_value(told["estimates"]["subset_simulation"], told["hits"], total) for told in events.values()]
        distances += [abs(value) for value in z]
        rows.append(
            [
                name,
                f"{total:,}",
                f"{max(abs(value) for value in z):.1f}",
                f"`{repeated['event']}`",
                f"{repeated['stated'] / repeated['spread']:.1f}",
                f"{repeated['intervals_holding']} of {repeated['replicates']}",
            ]
        )
    *others, worst = sorted(distances)
    headings = [
        "model",
        "direct samples",
        "largest |z|",
        "repeated event",
        "stated error / spread",
        "intervals",
    ]
    rare, frequent = (
        pick(told["simulated"] for found in counts.values() for told in found["events"].values())
        for pick in (min, max)
    )
    return "\n\n".join(
        [
            "## Subset simulation against direct samples",
            _wrapped(
                f"{len(distances)} events, from P = {frequent:.1g} to {rare:.0e} by simulation, were counted among direct "
                f"samples, then estimated. Of the {len(distances)} estimates {len(others)} are within {others[-1]:.1f} "
                f"standard errors, one is {worst:.1f} off. One event of P ≈ 0.01 was estimated again and again: the error "
                "that is stated, over the spread of the estimates, and how many 95 % intervals hold the direct share. "
                "Ask twice, or use `kernels.compare`, where much depends on a number. "
                "`notebooks/04_event_probability.ipynb` shows the same as pictures."
            ),
            table(headings, rows, numeric=(1, 2, 4)),
        ]
    )


def _forecast_heading(scores: Card) -> str:
    return (
        f"Forecast, {scores['num_cases']} starts of {scores['num_members']} members each. CRPS is in shares of the "
        "climate's: 0 knows all, 1 nothing. Spread over error: 1 is right, more is too wide, less too narrow. "
        "At the first time, after one and two thirds, at the end:"
    )


def _forecast(scores: Card) -> str:
    places = [round(share * (len(scores["times"]) - 1)) for share in SCORED_AT]
    rows = []
    for name, curve in scores["crps"].items():
        ratios = scores["spread_skill"][name]
        rows.append(
            [
                f"*{name}*",
                ", ".join(f"{curve[place]:.2f}" for place in places),
                ", ".join(f"{ratios[place]:.1f}" for place in places),
                f"{min(ratios):.2f} to {max(ratios):.1f}",
            ]
        )
    return table(["variable", "CRPS", "spread / error", "spread / error, all times"], rows)
