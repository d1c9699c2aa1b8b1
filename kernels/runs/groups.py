"""Probability by month, season, hour or weekday: one event, asked of each in turn.

    by_month = kernels.probability_by(key, "my-model", "max(x) > 20", "month")
    for group in by_month.groups: print(group.name, group.estimate.value, group.record)

One set of direct samples is shared: those of each group are told by the season that they have drawn. Where too few of
them hit, subset simulation answers for that group alone, as long as the event is within its reach.
"""

import calendar
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from kernels.denoisers.conditional import ConditionalDenoiser
from kernels.events.syntax.event import Event
from kernels.models import Model
from kernels.names import require_known
from kernels.probability.base import Probability, Problem, Progress
from kernels.probability.latent.direct import direct_latents, direct_samples
from kernels.probability.latent.monte_carlo import MIN_HITS, estimate_proportion, estimate_share
from kernels.probability.latent.subset_simulation import subset_simulation
from kernels.probability.registry import with_caveats
from kernels.recordings.when import Clause, When, parse_when
from kernels.runs.given import Given
from kernels.runs.spec import RunSpec, as_model, require
from kernels.runs.stream import NumericalError, checked

__all__ = ["GROUPS", "Group", "ProbabilityBy", "probability_by", "stream_by"]

PER_GROUP = 1024  # direct samples, about
NUM_CHAINS = 256
MAX_RECORDS = 72  # of subset simulation of a group, a chunk of trajectories each: some eight levels

_SEASONS = {"December to February": (12, 2), "March to May": (3, 5), "June to August": (6, 8)}
GROUPS: dict[str, dict[str, tuple[str, int, int]]] = {  # name → group → word, first and last value
    "month": {name: ("month", i, i) for i, name in enumerate(calendar.month_name) if name},
    "season": {
        name: ("month", *pair) for name, pair in (_SEASONS | {"September to November": (9, 11)}).items()
    },
    "hour": {f"{hour}:00": ("hour", hour, hour) for hour in range(24)},
    "weekday": {name: ("weekday", i + 1, i + 1) for i, name in enumerate(calendar.day_name)},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """One group's probability.

    Attributes:
        name: "July".
        when: the group as `when` names it, "month == 7".
        estimate: under the model; `beside` has the record's own numbers.
        record: frequency in the training windows that begin so; None where none does.
    """

    name: str
    when: str
    estimate: Probability
    record: Probability | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able dictionary of the group."""
        record = None if self.record is None else self.record.to_dict()
        return {"name": self.name, "when": self.when, "estimate": self.estimate.to_dict(), "record": record}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbabilityBy:
    """Probabilities of one event by month, season, hour or weekday.

    Attributes:
        by: what the groups are: a name of `GROUPS`.
        event: as text.
        groups: in the order of the calendar; those that the record knows.
    """

    by: str
    event: str
    groups: tuple[Group, ...]

    @property
    def message(self) -> str:
        """Sentence on what was found, in one short sentence, as the records of progress before it have one."""
        return f"{len(self.groups)} probabilities, by the {self.by}"

    @property
    def inside(self) -> tuple[int, int]:
        """Number of groups whose value lies within the record's interval, and of those that the record knows."""
        known = [group for group in self.groups if group.record is not None]
        inside = [
            group.record.interval[0] <= group.estimate.value <= group.record.interval[1]
            for group in known
            if group.record is not None
        ]
        return sum(inside), len(known)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able dictionary of all groups."""
        return {"by": self.by, "event": self.event, "groups": [group.to_dict() for group in self.groups]}


def probability_by(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    by: str = "month",
    *,
    given: Given | None = None,
    when: When | None = None,
    num_samples: int | None = None,
    rare: bool = True,
) -> ProbabilityBy:
    """Probability of an event for each month, season, hour or weekday in which a trajectory begins.

    Args:
        key: new-style random key.
        model: name, path or Model, of a record with seasons.
        event: text or Event.
        by: "month", "season", "hour" or "weekday".
        given: what is known, see `kernels.runs.given.given_event`.
        when: restricts all groups, as in "co2 == 420", see `kernels.recordings.when`.
        num_samples: direct samples of all groups together; 1024 for each unless given.
        rare: whether subset simulation answers for groups with few hits; else these have a bound only.

    Raises:
        ValueError: a wrong argument, or a model that does not know the season.
        NumericalError: numbers stopped being finite.
    """
    *_, last = stream_by(key, model, event, by, given=given, when=when, num_samples=num_samples, rare=rare)
    assert isinstance(last, ProbabilityBy)  # noqa: S101 - a stream ends with it
    return last


def stream_by(
    key: PRNGKeyArray,
    model: str | Path | Model,
    event: str | Event,
    by: str = "month",
    *,
    given: Given | None = None,
    when: When | None = None,
    num_samples: int | None = None,
    rare: bool = True,
) -> Iterator[Progress | ProbabilityBy]:
    """Records of progress of `probability_by`, and its answer last; arguments as there, checked at once."""
    require_known("by", by, GROUPS)
    require(event is not None, "event", "an event", event)
    spec = RunSpec(model=as_model(model), event=event, given=given, when=when)
    problem = spec.problem(key)
    conditions = problem.model.conditions
    word = next(iter(GROUPS[by].values()))[0]
    if conditions is None or word not in conditions.words:
        knows = "no season" if conditions is None else f"only {', '.join(conditions.words)}"
        raise ValueError(
            f"`by` {by!r} needs a model that knows the {word}; {problem.model.name} knows {knows}."
        )
    groups = {
        name: clause
        for name, (_, low, high) in GROUPS[by].items()
        if (clause := Clause(word=word, low=low, high=high)).holds(_column(problem, word)).any()
    }
    total = PER_GROUP * len(groups) if num_samples is None else num_samples
    require(isinstance(total, int) and total > 0, "num_samples", "a whole number above 0", num_samples)
    return checked(_answers(spec, problem, by, groups, total, rare))


def _column(problem: Problem, word: str) -> Float[np.ndarray, " row"]:
    conditions = problem.model.conditions
    assert conditions is not None  # noqa: S101 - checked before
    return conditions.rows[:, conditions.columns.index(word)]


def _answers(
    spec: RunSpec, problem: Problem, by: str, groups: dict[str, Clause], total: int, rare: bool
) -> Iterator[Progress | ProbabilityBy]:
    word = next(iter(groups.values())).word
    drawn, holds, known = [], [], []
    for chunk in direct_samples(problem, total):
        first = sum(map(len, holds))
        latents = direct_latents(problem, np.arange(first, first + len(chunk)))
        denoiser = problem.model.denoiser
        assert isinstance(denoiser, ConditionalDenoiser)  # noqa: S101 - it has conditions
        rows = np.asarray(denoiser.rows(jnp.asarray(latents[:, problem.model.layout.num_times :])))
        drawn.append(_column(problem, word)[rows])
        known.append(problem.known(chunk))
        holds.append(problem.judge(chunk)[1] & known[-1])
        done = (first + len(chunk)) / total
        yield Progress(0.5 * done if rare else done, f"{first + len(chunk)} direct samples, shared by all")
    values, hits, meets = (np.concatenate(parts) for parts in (drawn, holds, known))
    found = []
    for index, (name, clause) in enumerate(groups.items()):
        own = _restricted(spec, problem, clause)
        inside = clause.holds(values)
        estimate = _direct(own, int((hits & inside).sum()), int((meets & inside).sum()), int(inside.sum()))
        if rare and estimate.diagnostics["hits"] < MIN_HITS:
            for record in _chains(own, estimate):
                estimate = record.probability or estimate
                part = (index + record.fraction) / len(groups)
                yield Progress(0.5 + 0.5 * part, f"{name}: {record.message}")
        found.append(_group(own, name, clause, estimate))
    yield ProbabilityBy(by=by, event=str(spec.event), groups=tuple(found))


def _restricted(spec: RunSpec, problem: Problem, clause: Clause) -> Problem:
    """Problem of one group; a clause on the same word in the run's own `when` is left out."""
    others = [one for one in parse_when(spec.when) if one.word != clause.word]
    own = dataclasses.replace(spec, when=(*others, clause))
    return own.problem(problem.key)


def _direct(problem: Problem, hits: int, known: int, drawn: int) -> Probability:
    """Estimate of a group from the shared samples."""
    calls = drawn * problem.num_steps
    if problem.observations is None and drawn:
        return estimate_proportion(hits, drawn, method="monte_carlo", num_calls=calls)
    about: dict[str, Any] = {"method": "monte_carlo", "num_calls": calls, "source": "direct samples"}
    return estimate_share(hits, known, max(drawn, 1), **about)


def _chains(problem: Problem, direct: Probability) -> Iterator[Progress]:
    """Records of subset simulation of one group; direct samples answer where the event is out of its reach."""
    last = Progress(0.0, "")
    for count, record in enumerate(subset_simulation(problem, NUM_CHAINS)):
        last = record
        if count >= MAX_RECORDS:
            words = f"{direct.message} Subset simulation was stopped, as the event is far beyond what is drawn here."
            yield Progress(1.0, "too rare", dataclasses.replace(direct, message=words))
            return
        yield record._replace(probability=None)
    sound = last.probability is not None and last.probability.value > 0
    yield last if sound else last._replace(probability=direct)


def _group(problem: Problem, name: str, clause: Clause, estimate: Probability) -> Group:
    records = with_caveats(problem, iter([Progress(1.0, "", estimate)]))
    checked_one = next(iter(records)).probability
    if checked_one is None:
        raise NumericalError(f"no estimate for {name}. Take more samples.")
    record = next((one for one in checked_one.beside if one.method == "training_data"), None)
    return Group(name=name, when=str(clause), estimate=checked_one, record=record)
