"""Reports of models as a Markdown page: `kernels/zoo/README.md`, made from the cards."""

import json
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import kernels
from diffuse_ui.commands.report_console import SCORED_AT
from diffuse_ui.commands.report_page_text import FILES, FURTHER, INTRODUCTION, NOTES, PRESETS_NOTE
from diffuse_ui.style import numbers
from kernels import zoo
from kernels.checkpoints import read_card
from kernels.training.presets import PRESETS

__all__ = ["model_section", "models_page", "shipped_models"]

NUM_SIMULATED = (
    1_000_000  # simulated trajectories behind `*_direct.json`, see tests/benchmarks/check_estimators.py
)
MAX_LISTED = 3  # missed events in a cell; of more, the first and the last
WIDTH = 112  # of a line of words
UNRELIABLE = "†"
TRUTHS = {"simulator": "simulated", "data": "held-out data"}

Card = Mapping[str, Any]
Estimate = tuple[float, float]  # with its standard error


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
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


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
        _presets(),
        FURTHER,
        _table(["file", "what is in it"], FILES),
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
    stages = list(_stages(card.get("training") or {}))
    if stages:
        parts += ["Training, the first stage first:", _training(stages)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrapped(words: str, indent: str = "") -> str:
    return textwrap.fill(
        words, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _listed(fact: str) -> str:
    """Point of a list; further lines of the fact are points under it."""
    first, *others = fact.split("\n")
    return "\n".join([_wrapped(f"* {first}", "  "), *(f"  * {other}" for other in others)])


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
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


def _overview(cards: Mapping[str, Card], counts: Mapping[str, Card | None]) -> str:
    rows = []
    for name, card in cards.items():
        layout, report, stages = card["layout"], card["fidelity"], list(_stages(card["training"]))
        rows.append(
            [
                f"[{name}]",
                "forecast" if card["num_known"] else "free",
                f"{len(layout['times'])} × {len(layout['variables'])}",
                f"{_amount(stages[-1])}, {_device(stages[-1])}",
                ", ".join(str(stage["seed"]) for stage in stages),
                f"{_deterministic(report)['kolmogorov_distance']:.4f}",
                _missed(report),
                _furthest(report, counts[name]),
            ]
        )
    headings = ["model", "kind", "size", "last training", "seeds", "Kolmogorov"]
    rows = [[re.sub(r" ([×±=]) ", "\u00a0\\1\u00a0", cell) for cell in row] for row in rows]  # not broken
    links = "\n".join(f"[{name}]: #{name}" for name in cards)
    return f"{_table([*headings, 'misses its target for', 'furthest off'], rows, numeric=(5,))}\n\n{links}"


def _facts(card: Card) -> Iterator[str]:
    """Sentences on what a model is and how right it is."""
    report, layout, times = card["fidelity"], card["layout"], card["layout"]["times"]
    figures, truth = _deterministic(report), _truth(report)
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
        f"Reference event `{report['event']}`: {_probability(truth)} {TRUTHS[_truth_kind(report)]}, "
        f"{_probability(figures)} of the model, ratio {_ratio(_pair(figures), _pair(truth))}."
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
    reference = {"event": report["event"], "truth": _truth(report), "model": _deterministic(report)}
    reference |= {"training_data": report.get("training_data"), "method": "monte_carlo"}
    entries = [reference, *report.get("events", [])]
    rows = [
        [
            f"`{entry['event']}`",
            _probability(entry["truth"]),
            *([_probability(entry["training_data"])] if learned else []),
            _probability(entry["model"], report["num_samples"]),
            _ratio(_pair(entry["model"]), _pair(entry["truth"]), report["num_samples"]),
            "chains" if entry["method"] == "subset_simulation" else "samples",
        ]
        for entry in sorted(entries, key=lambda entry: -entry["truth"]["probability"])
    ]
    headings = ["event", "truth", *(["training data"] if learned else []), "model", "model / truth", "by"]
    return _table(headings, rows, numeric=range(1, len(headings) - 1))


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
        direct, truth = _counted_pair(told["hits"], total), _simulated(told)
        chains, paths = (told["estimates"][name] for name in ("subset_simulation", "path_importance"))
        z = f"{round(_z(chains, told['hits'], total), 1) + 0.0:+.1f}".replace("-", "−")
        rows.append(
            [
                f"`{event}`",
                _bare(told["simulated"]),
                _bare(direct[0]),
                _ratio(direct, truth),
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
    return _table(headings, rows, numeric=range(1, len(headings)))


def _estimated(found: Card, direct: Estimate) -> str:
    """Estimate over the direct share, marked where it calls itself unreliable."""
    mark = "" if found["status"] == "ok" else f" {UNRELIABLE}"
    return _ratio((found["value"], found["standard_error"]), direct) + mark


def _estimators(counts: Mapping[str, Card]) -> str:
    """Section on how subset simulation compares with direct samples, over all models."""
    rows, distances = [], []
    for name, found in counts.items():
        events, repeated = found["events"], found["repeated"]
        total = found["direct_samples"]
        z = [_z(told["estimates"]["subset_simulation"], told["hits"], total) for told in events.values()]
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
            _table(headings, rows, numeric=(1, 2, 4)),
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
    return _table(["variable", "CRPS", "spread / error", "spread / error, all times"], rows)


def _stages(training: Card) -> Iterator[Card]:
    """Trainings that led to a model, the first one first."""
    if training.get("started_from"):
        yield from _stages(training["started_from"])
    if training:
        yield training


def _training(stages: Sequence[Card]) -> str:
    rows = []
    for stage in stages:
        seconds = stage.get("seconds_of_last_process")
        data = re.sub(r"\d{5,}", lambda found: f"{int(found[0]):,}", str(stage.get("data", "—")))
        loss = stage.get("validation_loss")
        rows.append(
            [
                _preset(stage),
                data.replace("trajectories simulated from seed", "simulated, seed"),
                _amount(stage),
                f"{seconds / 60:.0f}" if seconds else "—",
                _device(stage),
                "—" if loss is None else f"{loss:.4f}",
            ]
        )
    headings = ["preset", "trajectories", "steps × batch", "minutes", "on", "validation loss"]
    return _table(headings, rows, numeric=(2, 3, 5))


def _amount(stage: Card) -> str:
    parts = [part for part in (stage, stage.get("polishing")) if part and "num_steps" in part]
    return ", then ".join(f"{part['num_steps']:,} × {part.get('batch_size', 0):,}" for part in parts) or "—"


def _device(stage: Card) -> str:
    device = str(stage.get("device", "—"))
    name = re.search(r"\((.*?)\)", device)
    return "CPU" if device.startswith("cpu") else name[1].removeprefix("NVIDIA ") if name else device


def _preset(stage: Card) -> str:
    """Name of the preset whose settings a training had; a dash where none is like it."""
    for name, preset in PRESETS.items():
        config = preset.training
        levels = list(config.levels) if config.levels else None
        asked = (config.num_steps, config.batch_size, config.learning_rate, levels)
        given = (
            stage.get("num_steps"),
            stage.get("batch_size"),
            stage.get("learning_rate"),
            stage.get("levels"),
        )
        exemplars = stage.get("exemplars", 0) == preset.num_exemplars
        if asked == given and exemplars and bool(stage.get("polishing")) == bool(preset.polishing):
            return f"`{name}`"
    return "—"


def _presets() -> str:
    rows = []
    for name, preset in PRESETS.items():
        config, notes = preset.training, []
        notes += ["small network"] if preset.small else []
        notes += [f"knows {preset.num_known} states"] if preset.num_known else []
        notes += [f"looks at {preset.num_exemplars:,} exemplars"] if preset.num_exemplars else []
        notes += ["noise levels {:g} to {:g}".format(*config.levels)] if config.levels else []
        notes += ["then {:,} × {:,}".format(*_size(preset.polishing))] if preset.polishing else []
        further = "expert" in name or name.startswith("further") or "exemplars" in name
        notes += ["from a model"] if further else []
        steps, batch = _size(config)
        rows.append([f"`{name}`", f"{preset.num_samples:,}", f"{steps:,} × {batch:,}", ", ".join(notes)])
    return _table(["preset", "trajectories, at most", "steps × batch", "what else"], rows, numeric=(1, 2))


def _size(config: Any) -> tuple[int, int]:
    return config.num_steps, config.batch_size


def _truth_kind(report: Card) -> str:
    return "simulator" if report.get("simulator") else "data"


def _truth(report: Card) -> Card:
    return report[_truth_kind(report)]


def _deterministic(report: Card) -> Card:
    return report[f"ode_{report['num_steps']}"]


def _missed(report: Card) -> str:
    """Targets that are missed, in a few words."""
    entries = [{"event": report["event"], "truth": _truth(report)}, *report.get("events", [])]
    chances, words = [], []
    for miss in report.get("misses", []):
        found = [entry for entry in entries if miss.startswith(f"P({entry['event']}) ")]
        chances += [entry["truth"]["probability"] for entry in found]
        words += [] if found else ["Kolmogorov" if "Kolmogorov" in miss else "rollout"]
    shares = [f"{chance:.2g}" for chance in sorted(chances, reverse=True)]
    listed = ", ".join(shares) if len(shares) <= MAX_LISTED else f"{shares[0]} … {shares[-1]}"
    words += [f"P = {listed}"] if shares else []
    return ", ".join(words) or "none"


def _furthest(report: Card, counts: Card | None) -> str:
    """Model over truth where it is furthest from 1, of what differs by more than two standard errors."""
    pairs = [(_pair(entry["model"]), _pair(entry["truth"])) for entry in report.get("events", [])]
    if counts:
        total = counts["direct_samples"]
        pairs += [
            (_counted_pair(told["hits"], total), _simulated(told)) for told in counts["events"].values()
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
    return f"{_ratio(mine, true, report['num_samples'])} at P = {numbers.number(true[0], 1)}"


def _pair(figures: Card) -> Estimate:
    return figures["probability"], figures["standard_error"]


def _counted_pair(hits: int, total: int) -> Estimate:
    share = hits / total
    return share, math.sqrt(share * (1 - share) / total)


def _simulated(told: Card) -> Estimate:
    return _counted_pair(round(told["simulated"] * NUM_SIMULATED), NUM_SIMULATED)


def _probability(figures: Card, num_samples: int | None = None) -> str:
    upper = 3 / num_samples if num_samples else None  # the rule of three
    return numbers.probability(*_pair(figures), upper)


def _bare(value: float) -> str:
    return (
        f"{numbers.number(100 * value)} %" if value >= numbers.PERCENT_FROM else numbers.scientific(value, 3)
    )


def _ratio(mine: Estimate, true: Estimate, num_samples: int | None = None) -> str:
    """Quotient of two estimates with its standard error."""
    if true[0] <= 0:
        return "—"
    if mine[0] <= 0:
        return f"< {numbers.number(3 / num_samples / true[0], 1)}" if num_samples else "0"
    ratio = mine[0] / true[0]
    return " ± ".join(numbers.with_error(ratio, ratio * math.hypot(mine[1] / mine[0], true[1] / true[0])))


def _z(found: Card, hits: int, total: int) -> float:
    """Distance of an estimate from a count, on the log scale, in standard errors of the difference."""
    if not found["value"] or not hits:
        return float("nan")
    counted = _counted_pair(hits, total)
    error = math.hypot(found["standard_error"] / found["value"], counted[1] / counted[0])
    return math.log(found["value"] / counted[0]) / error
