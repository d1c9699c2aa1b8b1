"""Arrangement of an event: ordered parts, joined by `and` or `or`, some of them muted.

A muted part keeps its place and takes no part in the event. The event's tree is what is left when
muted parts are taken out and the others are joined; without muting, arrangement and tree say the
same. Everything is a value: an operation returns another arrangement.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kernels.events.syntax.event import Event
from kernels.events.syntax.predicates import And, Not, Or

__all__ = ["JOINERS", "Arrangement"]

JOINERS: Mapping[str, type] = {"and": And, "or": Or}


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """Ordered parts of an event, with those that are muted.

    Attributes:
        terms: the parts, muted ones included.
        muted: positions of those that are muted.
        joiner: "and" or "or", between the others.
    """

    terms: tuple[Event, ...] = ()
    muted: frozenset[int] = frozenset()
    joiner: str = "and"

    def __post_init__(self) -> None:
        if self.joiner not in JOINERS:
            raise ValueError(f"`joiner` must be one of {', '.join(JOINERS)}; got {self.joiner!r}.")
        kind = JOINERS[self.joiner]
        if self.num_active < 2 or not any(
            isinstance(term, kind) for index, term in enumerate(self.terms) if index not in self.muted
        ):
            return
        terms: list[Event] = []  # `a and (b and c)` has three parts
        muted = set()
        for index, term in enumerate(self.terms):
            if index in self.muted:
                muted.add(len(terms))
            inner = term.terms if isinstance(term, kind) and index not in self.muted else (term,)  # pyright: ignore[reportAttributeAccessIssue]
            terms += inner
        object.__setattr__(self, "terms", tuple(terms))
        object.__setattr__(self, "muted", frozenset(muted))

    @classmethod
    def of(cls, event: Event | None, joiner: str = "and") -> "Arrangement":
        """Build the arrangement of a tree; `joiner` is used if the tree has fewer than two parts."""
        if isinstance(event, And | Or):
            return cls(event.terms, joiner="and" if isinstance(event, And) else "or")
        return cls(() if event is None else (event,), joiner=joiner)

    @property
    def num_active(self) -> int:
        return len(self.terms) - len(self.muted)

    @property
    def event(self) -> Event | None:
        """Event made of the parts that are not muted; None if there are none."""
        active = tuple(term for index, term in enumerate(self.terms) if index not in self.muted)
        if len(active) < 2:
            return active[0] if active else None
        return JOINERS[self.joiner](active)

    @property
    def structure(self) -> tuple[Any, ...]:
        """Structure of the arrangement: everything but the numbers."""
        return tuple(term.structure for term in self.terms), self.muted, self.joiner

    def with_event(self, event: Event | None) -> "Arrangement":
        """Copy with another event in place of the active parts; muted parts stay in place."""
        present = self.event
        if event is not None and present is not None and event.structure == present.structure:
            active = iter(event.terms if self.num_active > 1 else (event,))  # pyright: ignore[reportAttributeAccessIssue]
            terms = [term if i in self.muted else next(active) for i, term in enumerate(self.terms)]
            return dataclasses.replace(self, terms=tuple(terms))
        arrangement = Arrangement.of(event, self.joiner)
        terms = list(arrangement.terms)
        muted = set()
        for place in sorted(self.muted):
            place_now = min(place, len(terms))
            terms.insert(place_now, self.terms[place])
            muted.add(place_now)
        return Arrangement(tuple(terms), frozenset(muted), arrangement.joiner)

    # -- operations --------------------------------------------------------------------------

    def plus(self, event: Event) -> "Arrangement":
        """Copy with one more part at the end."""
        return dataclasses.replace(self, terms=(*self.terms, event))

    def replaced(self, index: int, *events: Event) -> "Arrangement":
        """Copy with other parts in place of part `index`; without any, the part is deleted."""
        shift = len(events) - 1
        muted = {i if i < index else i + shift for i in self.muted if i != index}
        muted |= set(range(index, index + len(events))) if index in self.muted else set()
        terms = (*self.terms[:index], *events, *self.terms[index + 1 :])
        return Arrangement(terms, frozenset(muted), self.joiner)

    def with_numbers(self, index: int, values: Mapping[str, float]) -> "Arrangement":
        """Copy with other numbers in a part, addressed by their paths within the part."""
        return self.replaced(index, self.terms[index].with_parameters(values))

    def toggled(self, index: int) -> "Arrangement":
        """Copy with one part muted, or unmuted."""
        return dataclasses.replace(self, muted=self.muted ^ {index})

    def negated(self, index: int) -> "Arrangement":
        """Copy with `not` added to a part, or removed from the part."""
        term = self.terms[index]
        return self.replaced(index, term.argument if isinstance(term, Not) else Not(term))

    def joined_by(self, joiner: str) -> "Arrangement":
        """Copy whose parts are joined by `and` or `or`."""
        return dataclasses.replace(self, joiner=joiner)
