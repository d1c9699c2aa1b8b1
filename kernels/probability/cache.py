"""What a session has drawn, kept so that it need not be drawn again, and can be gone on with.

Samples, paths and runs depend on the problem and its key alone, however they are cut into pieces. So what
has been drawn for one question serves the next one, a run that was stopped goes on where it was, and
more paths are added to those that are there. Only the latest few of each kind are kept.
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
    """The latest few values by identity, for any number of threads."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, identity: Hashable, make: Callable[[], Any]) -> Any:
        """The value of that identity, made if there is none; `make` has to be quick."""
        with self._lock:
            if identity not in self._values:
                self._values[identity] = make()
            self._values.move_to_end(identity)
            while len(self._values) > self.capacity:
                self._values.popitem(last=False)
            return self._values[identity]

    def drop(self, identity: Hashable) -> None:
        """Forget one value."""
        with self._lock:
            self._values.pop(identity, None)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._values.clear()


def identity_of(problem: Problem, *, event: bool) -> tuple[Hashable, ...]:
    """Model, key, steps, levels and knowledge of a problem; with its event and guidance where they matter."""
    asked = (_constraint(problem.constraint), problem.guidance) if event else ()
    return (
        problem.model.identity,
        np.asarray(jax.random.key_data(problem.key)).tobytes(),
        problem.num_steps,
        problem.model.ode_levels,
        _constraint(problem.observations),
        *asked,
    )


def _constraint(constraint: Constraint | None) -> Hashable:
    if constraint is None:
        return None
    program, parameters = constraint
    return program, tuple((name, np.asarray(a).tobytes()) for name, a in sorted(parameters.items()))


class Resumable:
    """A generator that outlives its readers: who reads it takes up where the one before has stopped."""

    def __init__(self, records: Iterator[Any]) -> None:
        self._lock = threading.Lock()
        self._records = records
        self._error: Exception | None = None
        self.is_broken = False  # stopped in the middle of a step, which cannot be taken up

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
                    self._error = error  # or the next reader would take it for finished
                    raise
                except BaseException:
                    self.is_broken = (
                        True  # an interruption has ended it, which is no news for the next reader
                    )
                    raise
            yield record
