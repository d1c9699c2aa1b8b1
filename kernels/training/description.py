"""Description of a training before it begins: what was understood of the data, and what will be done with them.

    print(describe_plan(plan_training("river.csv", name="river")))

`plan_facts` has the same as numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kernels.networks.sizing import network_cost
from kernels.recordings.calendar import DAY, YEAR, dates_of, is_dated, span_of, step_of
from kernels.recordings.regularity import even_step
from kernels.recordings.windows import part_dates
from kernels.training.bounds import ordered_pairs
from kernels.training.plans import Plan

__all__ = ["describe_plan", "plan_facts"]

MOST_VARIABLES = 12  # with a line of their own
MOST_BLOCKS = 3  # of a part, whose dates are shown
SPANS = ((YEAR, "years"), (DAY, "days"), (3_600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def plan_facts(plan: Plan) -> dict[str, Any]:
    """Facts about a plan, JSON-able.

    Returns:
        `source`; `time`: rows, runs, first and last time, step and span with their unit; `variables`: of each its unit,
        range, share missing, and of its margin bounds, shares there, resolution and tails; `ordered`: pairs of
        which the first is never below the second, without `difference`; `notes`: what was understood or left out in reading;
        `windows` and `dates` of the three parts; `network` and `num_steps`.
    """
    recording, split = plan.recording, plan.split
    kept = [set(pair) for pair in plan.choices.get("difference", ())]
    pairs = ordered_pairs(recording.values, recording.variables, recording.variable_units)
    num_windows = {"training": len(split.training), "validation": len(split.validation)}
    cost = network_cost(plan.network)
    return {
        "name": plan.name,
        "source": recording.source,
        "time": _time(plan),
        "variables": {name: _variable(plan, i) for i, name in enumerate(recording.variables)},
        "ordered": [list(pair) for pair in pairs if set(pair) not in kept],
        "notes": list(recording.notes),
        "windows": {
            "length": plan.layout.num_times,
            **num_windows,
            "held-out": len(split.held_out.starts),
        },
        "dates": part_dates(recording, split),
        "network": {"parameters": cost.parameters, "multiply_adds": cost.multiply_adds},
        "num_steps": plan.config.num_steps,
        "batch_size": plan.config.batch_size,
    }


def _time(plan: Plan) -> dict[str, Any]:
    recording = plan.recording
    facts: dict[str, Any] = {"rows": recording.num_rows, "runs": int(np.unique(recording.runs).size)}
    facts |= {"step": even_step(recording), "unit": recording.time_units}
    if not is_dated(recording):
        last = float(recording.times.max())
        return facts | {
            "first": float(recording.times.min()),
            "last": last,
            "span": last,
            "span_unit": facts["unit"],
        }
    longest = np.flatnonzero(recording.runs == np.bincount(recording.runs).argmax())
    first, last = dates_of(recording, longest[[0, -1]])
    seconds = span_of(recording) + step_of(recording)
    length, unit = next((pair for pair in SPANS if seconds >= 2 * pair[0]), SPANS[-1])
    return facts | {"first": first, "last": last, "span": seconds / length, "span_unit": unit}


def _variable(plan: Plan, index: int) -> dict[str, Any]:
    recording = plan.recording
    column, name = recording.values[:, index], recording.variables[index]
    facts: dict[str, Any] = {
        "unit": recording.variable_units.get(name, ""),
        "low": float(np.nanmin(column)),
        "high": float(np.nanmax(column)),
        "share_missing": float(np.mean(~np.isfinite(column))),
    }
    return facts if plan.margins is None else facts | plan.margins.facts[name]


def describe_plan(plan: Plan) -> str:
    """Screen of text on a plan: time axis, variables, what was left out, the parts with their dates, and the network."""
    facts = plan_facts(plan)
    lines = [_heading(facts), *_variables(facts["variables"], plan.margins is not None)]
    lines += [f"note: {note}" for note in facts["notes"]]
    lines += [
        f"{upper} is never below {lower} here, but may be in samples: difference={upper}-{lower} "
        f"(--difference {upper}-{lower}) keeps the order"
        for upper, lower in facts["ordered"][:MOST_VARIABLES]
    ]
    lines += _parts(facts["windows"], facts["dates"])
    if plan.conditions is not None:
        words = ", ".join(plan.conditions.words)
        lines.append(
            f"the model knows {words} at a window's start; seasons=none (--seasons none): it does not"
        )
    network, steps = facts["network"], facts["num_steps"]
    before = plan.further.before if plan.further is not None else 0
    more = f"{steps} more steps after {before}" if before else f"at most {steps} steps"
    lines.append(
        f"network of {network['parameters'] / 1e6:.2f} M parameters; {more} of {facts['batch_size']} windows"
    )
    return "\n".join(lines)


def _heading(facts: Mapping[str, Any]) -> str:
    time = facts["time"]
    unit, span_unit = (f" {word}" if word else "" for word in (time["unit"], time["span_unit"]))
    first, last = (end if isinstance(end, str) else f"{end:.6g}" for end in (time["first"], time["last"]))
    runs = f" in {time['runs']} runs" if time["runs"] > 1 else ""
    each = f"a row every {time['step']:.6g}{unit}, {time['span']:.3g}{span_unit}"
    names = ", ".join([*list(facts["variables"])[:8], *(["…"] if len(facts["variables"]) > 8 else [])])
    return f"{facts['source']}: {time['rows']} steps of {names}{runs}\ntime from {first} to {last}, {each}"


def _variables(variables: Mapping[str, Mapping[str, Any]], margins: bool) -> Iterator[str]:
    """Line for each variable, as far as there is room."""
    for name in list(variables)[:MOST_VARIABLES]:
        facts = variables[name]
        unit = f" {facts['unit']}" if facts["unit"] else ""
        parts = [f"{facts['low']:.4g} to {facts['high']:.4g}{unit}"]
        if facts["share_missing"]:
            parts.append(f"{_percent(facts['share_missing'])} missing")
        if "difference" in facts:
            law = facts["difference"]
            parts.append(f"modelled as {law['from']} and a difference ≥ 0; of that")
        else:
            law = facts
        parts += _law(law)
        yield f"  {name}: {', '.join(parts)}".replace("of that,", "of that")
    if len(variables) > MOST_VARIABLES:
        yield f"  … and {len(variables) - MOST_VARIABLES} more variables"
    if not margins:
        yield "  without margins: beyond the record and at its bounds, samples follow no law of the record"


def _law(facts: Mapping[str, Any]) -> Iterator[str]:
    """Words on the margin of a variable: grid, bounds with their shares, tails."""
    if "resolution" in facts:
        yield f"in steps of {facts['resolution']:g}"
    for word, sign in (("lower", "≥"), ("upper", "≤")):
        share = facts.get(f"share_at_{word}_bound")
        if share:
            yield f"{_percent(share)} at {facts[f'{word}_bound']:g}"
        elif f"{word}_bound" in facts:
            yield f"always {sign} {facts[f'{word}_bound']:g}"
    for word, side in (("lower", "below"), ("upper", "above")):
        if word in facts:
            tail = facts[word]
            yield f"tail {side} {tail['threshold']:.4g}: shape {tail['shape']:.2f} ± {tail['shape_error']:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.4g} %"


def _parts(windows: Mapping[str, int], dates: Mapping[str, Sequence[Sequence[str]]]) -> Iterator[str]:
    yield f"windows of {windows['length']} steps:"
    aims = {"training": "to train on", "validation": "to validate", "held-out": "held out"}
    for part, aim in aims.items():
        blocks = dates.get(part, ())
        shown = ", ".join(f"{first} to {last}" for first, last in blocks[:MOST_BLOCKS])
        more = f", … ({len(blocks)} blocks)" if len(blocks) > MOST_BLOCKS else ""
        yield f"  {windows[part]} {aim}" + (f": {shown}{more}" if blocks else "")
