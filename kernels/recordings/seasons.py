"""Choice of what a model of a record is given: its seasons, hours and weekdays, and covariates.

The year is an input where the record spans two, the day where steps are below half a day, the week where it pays: where
means by weekday of the training part explain a share of some variable's variance in the validation part. Most natural
records do not know the week, and inputs that say nothing cost accuracy.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from kernels.names import nearest
from kernels.recordings.calendar import DAY, SHORT_STEP, WEEK, YEAR, calendar_of, is_dated, span_of, step_of
from kernels.recordings.conditions import CYCLES, Conditions
from kernels.recordings.reading import Recording
from kernels.recordings.windows import Split, stored

__all__ = ["asked_cycles", "conditions_of", "raw_conditions", "without_covariates"]

LEAST_SPAN = {"year": 2 * YEAR, "day": 3 * DAY, "week": 8 * WEEK}  # seconds, from which a cycle is an input
LONGEST_STEP = {"year": YEAR / 3, "day": SHORT_STEP, "week": DAY * 1.001}
LEAST_EXPLAINED = 0.01  # share of variance that weekdays must explain, beyond what chance may


def asked_cycles(
    seasons: str | Sequence[str] | None, covariates: Sequence[str], num_known: int
) -> tuple[str, ...] | None:
    """Cycles that are asked for, None for those that suit the record; a forecast has none, as it starts from states."""
    asked = _parse_seasons(seasons)
    if num_known and (asked or covariates):
        raise ValueError(
            "`seasons` and `covariates` must be none for a forecast, which knows its first states. Leave them out, or "
            "`num_known` (--num-known)."
        )
    return () if num_known else asked


def conditions_of(
    recording: Recording,
    split: Split,
    raw: np.ndarray,
    asked: tuple[str, ...] | None,
    covariates: Sequence[str],
) -> tuple[Split, Conditions | None, tuple[np.ndarray, np.ndarray] | None]:
    """Split whose parts keep the conditions of their windows, these, and the features of both parts."""
    cycles = _chosen_cycles(recording, split, asked)
    first = 0 if cycles else raw.shape[1] - len(covariates)
    if not (cycles or covariates):
        return stored(split, None), None, None
    kept = raw[:, first:]
    conditions = Conditions.of(kept[split.starts["training"]], cycles, covariates)
    features = tuple(conditions.features(kept[split.starts[part]]) for part in ("training", "validation"))
    return stored(split, first), conditions, (features[0], features[1])


def _parse_seasons(seasons: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Cycles that are asked for: None for those that suit the record, none for "none".

    Raises:
        ValueError: an unknown cycle.
    """
    if seasons is None:
        return None
    names = [name.strip() for name in (seasons.split(",") if isinstance(seasons, str) else seasons)]
    if names == ["none"] or not names:
        return ()
    unknown = [name for name in names if name not in CYCLES]
    if unknown:
        raise ValueError(f"`seasons` must be none or some of {', '.join(CYCLES)}; got {unknown[0]!r}.")
    return tuple(cycle for cycle in CYCLES if cycle in names)


def raw_conditions(
    recording: Recording, covariates: Float[np.ndarray, "row covariate"]
) -> Float[np.ndarray, "row column"]:
    """Conditions of every row of an even recording: its calendar, if it has dates, and covariates."""
    rows = np.arange(recording.num_rows)
    calendar = calendar_of(recording, rows) if is_dated(recording) else np.zeros((recording.num_rows, 0))
    return np.concatenate([calendar, covariates], axis=1)


def without_covariates(
    recording: Recording, covariates: Sequence[str]
) -> tuple[Recording, Float[np.ndarray, "row covariate"]]:
    """Recording of the other variables, and the covariates; where one of these is missing, so is everything.

    Raises:
        ValueError: no such variable, or none left.
    """
    names = recording.variables
    for name in covariates:
        if name not in names:
            hint = nearest(name, names)
            raise ValueError(
                f"`covariates` must be series of the record; there is no {name!r}. {hint}".rstrip()
            )
    kept = [i for i, name in enumerate(names) if name not in covariates]
    if not kept or len(set(covariates)) != len(covariates):
        raise ValueError(
            "`covariates` must be distinct, and leave at least one variable. Name fewer of them."
        )
    if not covariates:
        return recording, np.zeros((recording.num_rows, 0))
    series = recording.values[:, [names.index(name) for name in covariates]]
    values = np.where(np.isfinite(series).all(1, keepdims=True), recording.values[:, kept], np.nan)
    others = tuple(names[i] for i in kept)
    units, places = (
        {name: value for name, value in about.items() if name in others}
        for about in (recording.variable_units, recording.positions)
    )
    left = dataclasses.replace(
        recording, values=values, variables=others, variable_units=units, positions=places
    )
    return left, series


def _chosen_cycles(recording: Recording, split: Split, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """Cycles that become inputs: those asked for, else those that suit the record.

    Raises:
        ValueError: a cycle is asked for that the record cannot show.
    """
    if asked is not None:
        for cycle in asked:
            _require_shown(recording, cycle)
        return asked
    if not is_dated(recording):
        return ()
    suited = [
        cycle
        for cycle in CYCLES
        if span_of(recording) + step_of(recording) >= LEAST_SPAN[cycle] * 0.99
        and step_of(recording) <= LONGEST_STEP[cycle]
    ]
    return tuple(c for c in suited if c != "week" or _week_pays(recording, split))


def _require_shown(recording: Recording, cycle: str) -> None:
    if not is_dated(recording):
        raise ValueError(
            f"`seasons` {cycle} needs dates, and the record's times are plain numbers. Take none (--seasons none)."
        )
    span, step = span_of(recording) + step_of(recording), step_of(recording)
    if span < 0.5 * LEAST_SPAN[cycle] * 0.99 or step > LONGEST_STEP[cycle]:
        raise ValueError(
            f"`seasons` {cycle} needs a record of at least {_length(0.5 * LEAST_SPAN[cycle])} in steps of at most "
            f"{_length(LONGEST_STEP[cycle])}; this one has {_length(span)} in steps of {_length(step)}. Leave it out."
        )


def _length(seconds: float) -> str:
    """Length of time in words."""
    for unit, length in (("years", YEAR), ("days", DAY), ("hours", 3600.0)):
        if seconds >= 0.999 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _week_pays(recording: Recording, split: Split) -> bool:
    """Whether means by weekday of the training part explain the validation part, see the module."""
    ahead = np.arange(split.training.shape[1])
    learned, held = (np.unique(split.starts[part][:, None] + ahead) for part in ("training", "validation"))
    weekday = calendar_of(recording, np.arange(recording.num_rows))[:, 3].astype(int)
    for values in recording.values.T:
        known, new = (rows[np.isfinite(values[rows])] for rows in (learned, held))
        if not new.size or np.unique(weekday[known]).size < 7:
            continue
        means = np.bincount(weekday[known], values[known], 8) / np.maximum(
            np.bincount(weekday[known], minlength=8), 1
        )
        means -= means[1:].mean()
        centred = values[new] - values[new].mean()
        expected, variance = means[weekday[new]], max(centred.var(), 1e-300)
        explained = 1.0 - (centred - expected).var() / variance
        by_chance = (
            2.0 * expected.std() / np.sqrt(variance * new.size)
        )  # standard deviation, if the week means nothing
        if explained >= LEAST_EXPLAINED + 2.0 * by_chance:
            return True
    return False
