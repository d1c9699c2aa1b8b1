"""The fidelity of a model as the command line prints it, measured again where that is asked for."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table

import kernels
from diffuse_ui.style import numbers

__all__ = ["measured", "print_report", "require_report"]

SCORED_AT = (0.0, 1 / 3, 2 / 3, 1.0)  # shares of what is forecast


def measured(name: str, num_samples: int | None, *, brief: bool = False) -> kernels.Model:
    """The model, its card with a report measured now; the card is written as figures come.

    Args:
        name: of the model.
        num_samples: to measure with, or None.
        brief: with fewer samples, deterministic ones alone.

    Raises:
        ValueError: no such model, or nothing to measure it against.
    """
    from kernels.checkpoints import write_card
    from kernels.fidelity.report import Effort, measure, require_measurable
    from kernels.zoo import path_of

    model, console = kernels.load_model(name), Console(stderr=True, log_path=False)
    require_measurable(model)
    effort = Effort.brief() if brief else Effort()
    if num_samples is not None:
        effort = dataclasses.replace(effort, num_samples=num_samples)
    known: set[str] = set()
    with console.status("simulating and drawing"):
        for report in measure(model, effort=effort):
            card = dict(model.card) | {"num_steps": report["num_steps"], "fidelity": report}
            write_card(path_of(name), card)
            news = [item for item in report if item not in known] or [report["events"][-1]["event"]]
            known.update(report)
            console.log(f"measured: {', '.join(news)}", markup=False)
    return kernels.load_model(name)


def require_report(model: kernels.Model) -> None:
    """Raises ValueError where the card tells nothing; it says whether there is anything to measure."""
    from kernels.fidelity.report import require_measurable

    if model.card.get("fidelity"):
        return
    message = f"the card of model {model.name} holds no report"
    try:
        require_measurable(model)
    except ValueError as reason:
        raise ValueError(f"{message}, and none can be measured: {reason}") from reason
    raise ValueError(f"{message}. Measure it: diffuse-ui models report {model.name} --measure")


def print_report(model: kernels.Model) -> None:
    """Tables on stdout, of a model that has a report."""
    report, console = model.card["fidelity"], Console()
    console.print(_figures(model, report))
    if report.get("events"):
        console.print(_events(report))
    if report.get("forecast"):
        console.print(_scores(model, report["forecast"]))
    for miss in report.get("misses", []):
        console.print(f"misses its target: {miss}")
    if "misses" in report and not report["misses"]:
        console.print("every target is met")


def _figures(model: kernels.Model, report: dict[str, Any]) -> Table:
    table = Table("figure", "value", title=f"fidelity of {model.name}", title_justify="left")
    truth = report.get("simulator") or report["data"]
    table.add_row(f"P({report['event']}), truth", _probability(truth))
    if "training_data" in report:
        learned = report["training_data"]
        table.add_row(f"P({report['event']}), training data", _probability(learned))
        where = f"{learned['kolmogorov_distance']:.4f}  ({learned['where']})"
        table.add_row("largest one-point Kolmogorov distance, training against held-out data", where)
    for kind in (name for name in report if name.startswith(("ode_", "sde_"))):
        steps = kind.replace("_", ", ") + " steps"
        figures = report[kind]
        table.add_row(f"P({report['event']}), {steps}", _probability(figures))
        where = f"{figures['kolmogorov_distance']:.4f}  ({figures['where']})"
        table.add_row(f"largest one-point Kolmogorov distance, {steps}", where)
        if "rollout_error" in figures:
            table.add_row(f"rollout error, {steps}", f"{figures['rollout_error']:.2g}")
    if "energy_drift" in report:
        drift = report["energy_drift"]
        words = f"{drift['model']:.2g}, truth {drift['truth']:.2g}"
        table.add_row("change of the conserved energy, median", words)
    if "log_likelihood" in report:
        density = report["log_likelihood"]
        words = f"{density['mean']:.1f} ± {density['standard_error']:.1f} nats ({density['per_number']:.3f} a number)"
        kind = "log-density of held-out trajectories" + (", lower bound" if "bound" in density else "")
        table.add_row(kind, words)
    return table


def _events(report: dict[str, Any]) -> Table:
    """Probabilities side by side; of a recording, what a perfect model of the training data would say, too."""
    kinds = {"truth": "truth", "training_data": "training data", "model": "model"}
    kinds = {kind: heading for kind, heading in kinds.items() if kind in report["events"][0]}
    table = Table("event", *kinds.values(), "estimator")
    for entry in report["events"]:
        method = entry["method"].replace("_", " ")
        table.add_row(entry["event"], *(_probability(entry[kind]) for kind in kinds), method)
    return table


def _scores(model: kernels.Model, scores: dict[str, Any]) -> Table:
    """How much ensembles know, and whether they know how much, at four times of a forecast."""
    times = scores["times"]
    places = [round(share * (len(times) - 1)) for share in SCORED_AT]
    unit = f" {model.layout.time_units}" if model.layout.time_units else ""
    columns = [f"at {numbers.number(times[place])}{unit}" for place in places]
    title = (
        f"CRPS in shares of the climate's, and spread over the error of the mean: {scores['num_cases']} starts, "
        f"{scores['num_members']} members each"
    )
    table = Table("variable", *columns, title=title, title_justify="left")
    for name, curve in scores["crps"].items():
        ratios = scores["spread_skill"][name]
        table.add_row(name, *(f"{curve[place]:.2g}, {ratios[place]:.2g}" for place in places))
    return table


def _probability(figures: dict[str, Any]) -> str:
    return numbers.probability(figures["probability"], figures["standard_error"], 0.0)
