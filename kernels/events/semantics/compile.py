"""Compilation: an event and a layout become a pure JAX function of a trajectory.

`Program` is the structure, hashable; `Constraint.parameters` are the numbers, always traced:
float32 scalars, window masks (bool, worked out on the host in float64), lines of tubes, vertices of
polygons, in a dictionary by path. Moving a slider changes parameters only, so nothing is retraced.

    constraint = compile_event(event, layout)
    constraint.value(x)                                          # C(x) > 0 ⇔ the event holds
    jax.vmap(constraint.program.value, (0, None))(xs, constraint.parameters)
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from kernels.events.semantics.algebras import Boolean, Robust, Smooth
from kernels.events.semantics.binding import bind
from kernels.events.semantics.evaluation import Evaluation
from kernels.events.syntax.event import Event, require_untimed
from kernels.events.syntax.predicates import Equality, Noisy
from kernels.trajectories.layout import Layout

__all__ = ["Constraint", "Program", "compile_event"]

Trajectory = Float[Array, "time variable"]
Parameters = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """Structure of an event on a layout: a static, hashable argument of jitted functions.

    Two programs are equal when the events differ in their numbers only, the layouts are equal, and so are
    the functions behind their observables.

    Attributes:
        event: one event of this structure; its numbers play no part.
        layout: names and times.
    """

    event: Event
    layout: Layout

    @functools.cached_property
    def _key(self) -> tuple[Any, ...]:
        observables = self.layout.observables
        return self.event.structure, self.layout, tuple(observables[name] for name in sorted(observables))

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Program) and self._hash == other._hash and self._key == other._key
        )

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def parts(self) -> tuple[str, ...]:
        """Kind of each of the event's conjuncts, "equality" or "inequality"."""
        return tuple(
            "equality" if isinstance(part, Equality) else "inequality" for part in self.event.conjuncts
        )

    def value(self, x: Trajectory, parameters: Parameters) -> Float[Array, ""]:
        """Exact robustness C(x), positive if the event holds, ties excepted; x in physical units."""
        return Evaluation(x, parameters, self.layout, Robust()).event(self.event)

    def holds(self, x: Trajectory, parameters: Parameters) -> Bool[Array, ""]:
        """Whether the event holds."""
        return Evaluation(x, parameters, self.layout, Boolean()).event(self.event)

    def smooth_value(
        self, x: Trajectory, parameters: Parameters, temperature: Float[Array, ""] | float
    ) -> Float[Array, ""]:
        """Smooth robustness, with max and min made smooth; tends to C(x) as temperature → 0.

        The temperature has the units of C and is traced.
        """
        return Evaluation(x, parameters, self.layout, Smooth(jnp.asarray(temperature))).event(self.event)

    def part_values(self, x: Trajectory, parameters: Parameters) -> Float[Array, " part"]:
        """Value of each part: C of an inequality, the residual left − right of an equality."""
        evaluation = Evaluation(x, parameters, self.layout, Robust())
        return jnp.stack([evaluation.part(part, path) for part, path in self._part_paths])

    def part_tolerances(self, parameters: Parameters) -> Float[Array, " part"]:
        """Width of each part: an equality's half width, an observation's standard deviation, 0 for an inequality."""
        paths = (f"{path}.tolerance" if path else "tolerance" for _, path in self._part_paths)
        kinds = zip(self.parts, paths, strict=True)
        return jnp.stack(
            [
                jnp.asarray(parameters[path] if kind == "equality" else 0.0, jnp.float32)
                for kind, path in kinds
            ]
        )

    @functools.cached_property
    def noisy(self) -> tuple[bool, ...]:
        """Whether each part is an observation with a Gaussian error."""
        return tuple(isinstance(part, Noisy) for part in self.event.conjuncts)

    def part_deviations(self, parameters: Parameters) -> Float[Array, " part"]:
        """Standard deviation that each equality leaves: its own of an observation with an error, width / √3 else."""
        shares = np.where(self.noisy, 1.0, 1.0 / np.sqrt(3.0)).astype(np.float32)
        return self.part_tolerances(parameters) * shares

    @functools.cached_property
    def leaves(self) -> tuple[tuple[str, Event], ...]:
        """Path and node of each of the event's leaves; their numbers play no part."""
        return tuple(self.event.leaves())

    def leaf_values(self, x: Trajectory, parameters: Parameters) -> tuple[Float[Array, " evaluation"], ...]:
        """Margin of each leaf, in its own units, at all times of evaluation."""
        evaluation = Evaluation(x, parameters, self.layout, Robust())
        evaluation.event(self.event)
        return tuple(evaluation.leaves[path] for path, _ in self.leaves)

    @property
    def _part_paths(self) -> tuple[tuple[Event, str], ...]:
        parts = self.event.conjuncts
        return (
            ((self.event, ""),)
            if len(parts) == 1
            else tuple((part, f"terms.{i}") for i, part in enumerate(parts))
        )


class Constraint(NamedTuple):
    """Compiled event.

    Attributes:
        program: the structure, static.
        parameters: the numbers, traced.
    """

    program: Program
    parameters: dict[str, np.ndarray]

    def value(self, x: Trajectory) -> Float[Array, ""]:
        """Robustness C(x), see `Program.value`."""
        return self.program.value(x, self.parameters)

    def holds(self, x: Trajectory) -> Bool[Array, ""]:
        """Whether the event holds."""
        return self.program.holds(x, self.parameters)

    def smooth_value(self, x: Trajectory, temperature: Float[Array, ""] | float) -> Float[Array, ""]:
        """Smooth robustness, see `Program.smooth_value`."""
        return self.program.smooth_value(x, self.parameters, temperature)


def compile_event(event: Event, layout: Layout, *, known: bool = False) -> Constraint:
    """Compile an event for trajectories of a layout.

    Args:
        event: the event.
        layout: names and times.
        known: whether it says what is known, and may hold observations with a Gaussian error.

    Returns:
        A constraint: `value`, C of a trajectory (time, variable) in physical units, positive inside the event;
        `holds`, the Boolean event.

    Raises:
        ValueError: no event, or the event has an unknown variable, a window without samples, a bare comparison, or an
            observation's error.
    """
    if not isinstance(event, Event):
        raise ValueError(
            f"`event` must be an event; got {type(event).__name__}. Use parse_event(text), or compare a signal."
        )
    require_untimed(event)
    for _, leaf in () if known else event.leaves():
        if isinstance(leaf, Noisy):
            raise ValueError(
                f"`{leaf}` is an observation with an error, which neither holds nor not: it belongs to what is known "
                "(`given`). In an event write tolerance."
            )
    return Constraint(_interned(Program(event, layout)), bind(event, layout))


@functools.lru_cache(maxsize=1024)
def _interned(program: Program) -> Program:
    return program
