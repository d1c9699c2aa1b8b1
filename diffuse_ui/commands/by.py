"""Probabilities by month, and of two conditions, on the command line."""

from typing import Any

import jax

import kernels
from diffuse_ui.commands.output import follow, print_answer
from diffuse_ui.style import numbers
from kernels.runs.groups import Group, stream_by

__all__ = ["print_by", "print_contrast"]


def print_by(by: str, model: str, event: str, *, seed: int, as_json: bool, **choices: Any) -> None:
    """Print the probability of each month, season, hour or weekday.

    Raises:
        ValueError: a wrong choice, or a model that knows no season.
    """
    records = stream_by(jax.random.key(seed), model, event, by, **choices)
    found = follow(records, lambda record: getattr(record, "fraction", 1.0), as_json)
    document = found.to_dict() | {"model": model, "seed": seed}
    print_answer(document, as_json, lambda: _table(found))


def print_contrast(
    when: tuple[str, str], model: str, event: str, *, seed: int, as_json: bool, **choices: Any
) -> None:
    """Print the probabilities of an event under two conditions, their ratio and their difference.

    Raises:
        ValueError: a wrong choice, or a model that knows no season.
    """
    found = kernels.compare_probabilities(jax.random.key(seed), model, event, when=when, **choices)
    document = found.to_dict() | {"event": str(kernels.parse_event(event)), "model": model, "seed": seed}
    print_answer(document, as_json, lambda: found.message)


def _table(found: kernels.ProbabilityBy) -> str:
    """Table of all groups: the model, the record, each with its interval, and the status."""
    width = max(len(group.name) for group in found.groups)
    lines = [f"{found.event}, by the {found.by} in which a trajectory begins (95 %)", ""]
    head = f"{'':{width}}  {'model':<30}  {'record, training part':<30}  status"
    lines += [head.rstrip(), *(_line(group, width) for group in found.groups)]
    inside, known = found.inside
    return "\n".join(
        [*lines, "", f"{inside} of {known} values of the model lie within the record's intervals."]
    )


def _line(group: Group, width: int) -> str:
    model, record = (_words(one) for one in (group.estimate, group.record))
    return f"{group.name:{width}}  {model:<30}  {record:<30}  {group.estimate.status}"


def _words(estimate: kernels.Probability | None) -> str:
    if estimate is None:
        return "no window"
    value = numbers.probability(estimate.value, estimate.standard_error, estimate.interval[1])
    return f"{value} ({numbers.span(estimate.interval)})"
