"""Conditions of a record's windows: the season, hour and weekday in which they begin, and covariates.

A network that is given them knows the season; each sample draws its own from the record's, unless `when` restricts
these (`kernels.recordings.when`).

    cycle   is an input where          as
    year    the record spans 2 years   sines and cosines of the phase, two harmonics
    day     steps are below 12 hours   two harmonics
    week    it pays                    three harmonics

Which cycles those are is decided in `kernels.recordings.seasons`.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from kernels.names import nearest
from kernels.recordings.calendar import (
    CALENDAR,
)
from kernels.recordings.when import CYCLIC, Clause, When, parse_when, when_text
from kernels.recordings.windows import Segment

__all__ = [
    "CYCLES",
    "MAX_ROWS",
    "Conditions",
]

CYCLES = ("year", "day", "week")
WORDS = {"year": ("month", "day_of_year"), "day": ("hour",), "week": ("weekday",)}
HARMONICS = {"year": 2, "day": 2, "week": 3}
MAX_ROWS = 4096
TOLERANCE = 0.1  # of a covariate's standard deviation, within which windows are taken to have a value


@dataclasses.dataclass(frozen=True, eq=False)
class Conditions:
    """Conditions that a model of a record knows: a table of the record's own.

    Attributes:
        cycles: those of `CYCLES` that are inputs of the network.
        covariates: names of the series that are.
        rows: (row, column) of the training windows, at most `MAX_ROWS`, neighbours alike; see `columns`.
        centre: (feature,) means over the training windows, which features are given without.
        scale: (2, covariate) mean and standard deviation of the covariates.
        clauses: what restricts them.
    """

    cycles: tuple[str, ...]
    covariates: tuple[str, ...]
    rows: Float[np.ndarray, "row column"]
    centre: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, "2 covariate"]
    clauses: tuple[Clause, ...] = ()

    @classmethod
    def of(
        cls, windows: Float[np.ndarray, "window column"], cycles: Sequence[str], covariates: Sequence[str]
    ) -> "Conditions":
        """Conditions from those of all training windows."""
        values = windows[:, windows.shape[1] - len(covariates) :]
        spread = values.std(0)
        scale = np.stack([values.mean(0), np.where(spread > 0, spread, 1.0)])
        made = cls(tuple(cycles), tuple(covariates), windows, np.zeros(1), scale)
        made = dataclasses.replace(made, centre=np.asarray(made._encoded(windows).mean(0), np.float32))
        order = made._order()
        kept = order[np.linspace(0, len(order) - 1, min(len(order), MAX_ROWS)).round().astype(int)]
        return dataclasses.replace(made, rows=np.asarray(windows[kept], np.float32))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `rows`: those of the calendar where there are cycles, then the covariates."""
        return (*(CALENDAR if self.cycles else ()), *self.covariates)

    @property
    def words(self) -> tuple[str, ...]:
        """Words that `when` may name."""
        return (*(word for cycle in self.cycles for word in WORDS[cycle]), *self.covariates)

    @property
    def num_features(self) -> int:
        return num_features(self.cycles, self.covariates)

    @property
    def text(self) -> str:
        """Text of what restricts the conditions; empty where nothing does."""
        return when_text(self.clauses)

    def features(self, rows: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row feature"]:
        """Inputs of the network from conditions."""
        return np.asarray(self._encoded(np.asarray(rows, np.float64)) - self.centre, np.float32)

    def restricted(self, when: When | None) -> "Conditions":
        """Conditions that meet `when`.

        Raises:
            ValueError: a word that the model does not know, or nothing that meets it.
        """
        clauses = parse_when(when)
        for clause in clauses:
            self._require_known(clause)
        rows = self.rows[self._inside(self.rows, [clause for clause in clauses if not clause.fixed])]
        if not len(rows):
            raise ValueError(f"`when`: no window of the record has {when_text(clauses)}. {self._knows()}")
        joined = parse_when((*self.clauses, *clauses))
        for clause in clauses:
            if clause.fixed:
                rows = rows.copy()
                rows[:, self.columns.index(clause.word)] = clause.low
        return dataclasses.replace(self, rows=rows, clauses=joined)

    def met(self, part: Segment) -> Bool[np.ndarray, " window"]:
        """Whether each window of a part of the record meets what restricts the conditions.

        A covariate that is given a value is met within its tolerance, a tenth of its standard deviation unless given.
        """
        if not self.clauses or part.conditions is None:
            return np.ones(len(part.starts), bool)
        return self._inside(part.conditions, self.clauses)

    def _inside(self, rows: np.ndarray, clauses: Sequence[Clause]) -> Bool[np.ndarray, " row"]:
        inside = np.ones(len(rows), bool)
        for clause in clauses:
            values = rows[:, self.columns.index(clause.word)]
            if clause.fixed:
                spread = TOLERANCE * float(self.scale[1, self.covariates.index(clause.word)])
                inside &= np.abs(values - clause.low) <= (clause.tolerance or spread)
            else:
                inside &= clause.holds(values)
        return inside

    def _require_known(self, clause: Clause) -> None:
        if clause.word not in self.words:
            hint = nearest(clause.word, self.words)
            raise ValueError(
                f"`when` names {clause.word!r}, which the model does not know. {hint}{self._knows()}"
            )
        if clause.fixed:
            values = self.rows[:, self.columns.index(clause.word)]
            low, high = float(values.min()), float(values.max())
            if not low <= clause.low <= high:
                raise ValueError(
                    f"`when`: {clause.word!r} must be from {low:.6g} to {high:.6g}, as in the record that the model "
                    f"learned from; got {clause.low:g}. Beyond, its answer would be made up."
                )

    def _knows(self) -> str:
        """Sentence on the words that the model knows."""
        parts = []
        for word in self.words:
            values = self.rows[:, self.columns.index(word)]
            if word in CYCLIC:
                values = np.floor(values + 1e-4)
            parts.append(f"{word} ({values.min():.6g} to {values.max():.6g})")
        return f"It knows {', '.join(parts)}."

    def _phases(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Phase of each cycle, 0 … 1."""
        if not self.cycles:
            return {}
        _, day_of_year, hour, weekday = rows[:, : len(CALENDAR)].T
        phases = {
            "year": (day_of_year - 1) / 365.2425,
            "day": hour / 24,
            "week": (weekday - 1 + hour / 24) / 7,
        }
        return {cycle: phases[cycle] % 1.0 for cycle in self.cycles}

    def _encoded(self, rows: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row feature"]:
        columns = []
        for cycle, phase in self._phases(rows).items():
            for harmonic in range(1, HARMONICS[cycle] + 1):
                angle = 2 * np.pi * harmonic * phase
                columns += [np.sin(angle), np.cos(angle)]
        values = rows[:, rows.shape[1] - len(self.covariates) :]
        return np.column_stack([*columns, (values - self.scale[0]) / self.scale[1]])

    def _order(self) -> np.ndarray:
        """Order in which neighbouring rows are alike: by the first cycle, then, within short spells of it, the next."""
        values = self.rows[:, self.rows.shape[1] - len(self.covariates) :].T
        ranks = [
            np.argsort(np.argsort(column, kind="stable"), kind="stable") / len(column) for column in values
        ]
        keys = [*self._phases(self.rows).values(), *ranks]
        if len(keys) == 1:
            return np.argsort(keys[0], kind="stable")
        spells = np.floor(keys[0] * np.clip(np.sqrt(len(self.rows)), 2, 48))
        turning = (
            keys[1] if len(self.cycles) > 1 else np.where(spells % 2, 1.0 - keys[1], keys[1])
        )  # there and back
        return np.lexsort((turning, spells))


def num_features(cycles: Sequence[str], covariates: Sequence[str]) -> int:
    """Number of inputs of a network that conditions make."""
    return sum(2 * HARMONICS[cycle] for cycle in cycles) + len(covariates)
