"""Cache of samples and of estimator runs that can be resumed.

Samples, paths and runs depend on the problem and its key alone, however they are cut into pieces. So samples
that were drawn for one event serve the next one, a run that was stopped goes on where it stopped, and more
paths are added to the present ones. Only the few of each kind that were used last are kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import jax
import numpy as np

from kernels.events.semantics.compile import Constraint
from kernels.probability.base import Problem

__all__ = ["LRUCache", "Resumable", "identity_of"]


class LRUCache:
    """Cache of the values used last, by identity; safe for any number of threads."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, identity: Hashable, make: Callable[[], Any]) -> Any:
        """Value of an identity, made if there is none; `make` has to be quick."""
        with self._lock:
            if identity not in self._values:
                self._values[identity] = make()
            self._values.move_to_end(identity)
            while len(self._values) > self.capacity:
                self._values.popitem(last=False)
            return self._values[identity]

    def drop(self, identity: Hashable) -> None:
        """Remove one value."""
        with self._lock:
            self._values.pop(identity, None)

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._values.clear()


def identity_of(problem: Problem, *, event: bool) -> tuple[Hashable, ...]:
    """Identity of a problem: model, key, steps and levels.

    With `event`, the event, the observations and the guidance are part of it.
    """
    known = _constraint(problem.observations)
    asked = (_constraint(problem.constraint), known, problem.guidance) if event else ()
    return (
        problem.model.identity,
        np.asarray(jax.random.key_data(problem.key)).tobytes(),
        problem.num_steps,
        problem.model.ode_levels,
        *asked,
    )


def _constraint(constraint: Constraint | None) -> Hashable:
    if constraint is None:
        return None
    program, parameters = constraint
    return program, tuple((name, np.asarray(a).tobytes()) for name, a in sorted(parameters.items()))


class Resumable:
    """Iterable generator that its readers share: each goes on where the one before stopped."""

    def __init__(self, records: Iterator[Any]) -> None:
        self._lock = threading.Lock()
        self._records = records
        self._error: Exception | None = None
        self.is_broken = False  # stopped within a step, from where it cannot go on

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self._lock:
                if self._error is not None:
                    raise self._error
                try:
                    record = next(self._records)
                except StopIteration:
                    return
                except Exception as error:
                    self._error = error  # otherwise the next reader would take the generator for finished
                    raise
                except BaseException:
                    self.is_broken = True  # interrupted: it ends without having finished
                    raise
            yield record
