"""Base of dynamical systems: vector field, initial law, and `simulate`.

    dx/dtime = f(x),  x(0) ~ initial law,  observed every `step` after `burn_in` is dropped.

Integration is Tsit5 with a fixed step through diffrax, or a stepper of the system's own where it is
stiff or no differential equation at all, vmapped over samples and jitted once for each chunk size.
The state that is integrated may differ from the state that is observed (the pendulum's momenta and
velocities); `observe` maps the one to the other.
"""

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PRNGKeyArray

from kernels.trajectories.datasets import to_dataset
from kernels.trajectories.layout import Layout, Observable

__all__ = ["State", "Stepper", "System"]

_CHUNK = 8192  # trajectories integrated together: large enough to fill vector units, small enough for caches
_CHUNK_ACCELERATOR = 131_072  # an accelerator has thousands of cores, and every operation has a cost

State = Float[Array, " state"]
Stepper = Callable[[State], State]  # one step


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """Dynamical system: an autonomous ODE or a map, with a law of initial states.

    Attributes:
        name: name in the registry.
        description: one sentence and the source.
        variables: names of what is observed.
        vector_field: state → d state / d time; may be None where there is a `stepper`.
        stepper: length of a step → function state → state one step later; Tsit5 on `vector_field` if None.
        solver: what the stepper is called, for provenance.
        draw_initial: key → state at time −burn_in.
        observe: state → observed variables (variable,); the identity unless given.
        recover: observed variables → state, the inverse of `observe`.
        variable_units: unit of each variable.
        time_units: unit of time.
        step: spacing of the observed times.
        num_times: number of observed times.
        burn_in: time dropped before the first observation.
        substeps: integration steps in one output step.
        ring: whether the variables are the sites of a ring, and the law is the same at each.
        increments: variables that drift without bound, of which networks see increments, see `Standardizer`.
        observables: further signals for events, see `Layout`.
        parameters: the constants of the equations, for provenance.

    Raises:
        ValueError: neither a vector field nor a stepper.
    """

    name: str
    description: str = ""
    variables: tuple[str, ...]
    vector_field: Callable[[State], State] | None = None
    stepper: Callable[[float], Stepper] | None = None
    solver: str = "Tsit5"
    draw_initial: Callable[[PRNGKeyArray], State]
    observe: Callable[[State], Float[Array, " variable"]] = lambda state: state
    recover: Callable[[Float[Array, " variable"]], State] = lambda observed: observed
    variable_units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    time_units: str = ""
    step: float
    num_times: int = 60
    burn_in: float = 0.0
    substeps: int = 10
    ring: bool = False
    increments: tuple[str, ...] = ()
    observables: Mapping[str, Observable] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.vector_field is None and self.stepper is None:
            raise ValueError("`vector_field` or `stepper` must be given; got neither.")

    @property
    def layout(self) -> Layout:
        """Names, times (from 0, after the burn-in), units and observables of a trajectory."""
        return Layout(
            variables=self.variables,
            times=np.arange(self.num_times) * self.step,
            time_units=self.time_units,
            variable_units=self.variable_units,
            observables=self.observables,
        )

    def integrate(self, state: State, times: Float[np.ndarray, " time"]) -> Float[Array, "time state"]:
        """States at `times` of the solution that starts at `state` at times[0].

        The times are increasing and uniform.
        """
        times = np.asarray(times, np.float64)
        substep = self.step / self.substeps
        per_output = max(1, round((times[1] - times[0]) / substep))
        return _solve(self, state, (times[1] - times[0]) / per_output, per_output, times.size - 1)

    def rollout(
        self, states: Float[Array | np.ndarray, "sample variable"], num_times: int
    ) -> Float[Array, "sample time variable"]:
        """Continue observed states for `num_times` output steps, the given state included."""
        times = np.arange(num_times) * self.step

        def continued(observed: Float[Array, " variable"]) -> Float[Array, "time variable"]:
            return jax.vmap(self.observe)(self.integrate(self.recover(observed), times))

        return jax.jit(jax.vmap(continued))(states)

    def simulate_array(
        self, key: PRNGKeyArray, num_samples: int
    ) -> Float[np.ndarray, "sample time variable"]:
        """Trajectories of `simulate` as an array."""
        if num_samples < 1:
            raise ValueError(f"`num_samples` must be at least 1; got {num_samples}.")
        size = min(_CHUNK if jax.default_backend() == "cpu" else _CHUNK_ACCELERATOR, num_samples)
        starts = range(0, num_samples, size)
        with ThreadPoolExecutor(max_workers=2) as pool:  # XLA runs one chunk on one core
            chunks = pool.map(lambda start: np.asarray(_simulate_chunk(self, key, start, size)), starts)
            return np.concatenate(list(chunks))[:num_samples]

    def simulate(self, key: PRNGKeyArray, *, num_samples: int) -> xr.Dataset:
        """Draw initial states and integrate them.

        Args:
            key: new-style random key; sample i depends on (key, i) only.
            num_samples: number of trajectories.

        Returns:
            `state(sample, time, variable)` in physical units, units and provenance in attrs.

        Raises:
            ValueError: `num_samples` is not positive.
        """
        states = self.simulate_array(key, num_samples)
        return to_dataset(states, self.layout, attrs=self.provenance(key))

    def provenance(self, key: PRNGKeyArray) -> dict[str, Any]:
        """Provenance for the attributes of a Dataset of this system."""
        return {
            "system": self.name,
            "description": self.description,
            "source": "simulator",
            "solver": f"{self.solver}, fixed step {self.step / self.substeps:g}",
            "burn_in": self.burn_in,
            "key": str(np.asarray(jax.random.key_data(key)).tolist()),
        } | {f"parameter_{name}": value for name, value in self.parameters.items()}


@partial(jax.jit, static_argnames=("system", "size"))
def _simulate_chunk(
    system: System, key: PRNGKeyArray, start: int, size: int
) -> Float[Array, "sample time variable"]:
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, start + jnp.arange(size))
    substep = system.step / system.substeps
    num_burn_in = round(system.burn_in / substep)

    def trajectory(key: PRNGKeyArray) -> Float[Array, "time variable"]:
        state = system.draw_initial(key)
        if num_burn_in:
            state = _solve(system, state, substep, num_burn_in, 1)[-1]
        path = _solve(system, state, substep, system.substeps, system.num_times - 1)
        return jax.vmap(system.observe)(path)

    return jax.vmap(trajectory)(keys)


def _solve(
    system: System, state: State, substep: float, per_output: int, num_outputs: int
) -> Float[Array, "time state"]:
    """Initial state and `num_outputs` further states, each `per_output` steps later."""
    start, step, state_of = _steps(system, state, substep)

    def output(carry: Any, _: None) -> tuple[Any, State]:
        carry, _ = jax.lax.scan(lambda carry, _: (step(carry), None), carry, None, length=per_output)
        return carry, state_of(carry)

    _, path = jax.lax.scan(output, start, None, length=num_outputs)
    return jnp.concatenate([state[None], path])


def _steps(system: System, state: State, substep: float) -> tuple[Any, Callable, Callable]:
    """Initial carry, step of the carry, and function carry → state."""
    if system.stepper is not None:
        return state, system.stepper(substep), lambda carry: carry
    assert system.vector_field is not None  # noqa: S101 - checked when the system was made
    field = system.vector_field
    term, solver = diffrax.ODETerm(lambda time, y, args: field(y)), diffrax.Tsit5()

    def step(carry: tuple) -> tuple:
        y, solver_state = carry
        y, *_, solver_state, _ = solver.step(term, 0.0, substep, y, None, solver_state, made_jump=False)  # type: ignore[misc]
        return y, solver_state

    return (state, solver.init(term, 0.0, substep, state, None)), step, lambda carry: carry[0]
