"""Systems against an independent integrator, conserved energy, and known frequencies of events."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import kernels
from kernels.systems import double_pendulum

NAMES = kernels.available_systems()


@pytest.fixture(scope="module")
def ensembles():
    return {name: kernels.get_system(name).simulate(jax.random.key(0), num_samples=64) for name in NAMES}


def lorenz(time, s):
    x, y, z = 20.0 * s
    return np.array([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z]) / 20.0


def fitzhugh_nagumo(time, s):
    a, b, c, k = -0.025794, np.array([0.0065, 0.0135]), 0.02, 0.128
    x, y = s[:2] / 5.0, s[2:] / 5.0
    return 5.0 * np.concatenate([x * (a - x) * (x - 1) - y + k * (x[::-1] - x), b * x - c * y])


def pendulum(time, s):
    """Newton's form in angles and velocities; the project integrates Hamilton's."""
    q1, q2, v1, v2 = s
    cosine, sine = np.cos(q1 - q2), np.sin(q1 - q2)
    mass = np.array([[2.0, cosine], [cosine, 1.0]])
    force = np.array([-sine * v2**2 - 2.0 * np.sin(q1), sine * v1**2 - np.sin(q2)])
    return np.concatenate([[v1, v2], np.linalg.solve(mass, force)])


def lorenz96(time, s):
    """Site by site, as Lorenz wrote it; Python's negative indices close the ring at the left."""
    return np.array([(s[(i + 1) % 24] - s[i - 2]) * s[i - 1] - s[i] + 8.0 for i in range(24)])


def fourier_derivative(num_points, length):
    """The derivative of the trigonometric interpolant, as a matrix (Trefethen 2000, chapter 3)."""
    offset = np.subtract.outer(np.arange(num_points), np.arange(num_points))
    with np.errstate(divide="ignore"):
        entries = 0.5 * (-1.0) ** offset / np.tan(offset * np.pi / num_points)
    entries[np.diag_indices(num_points)] = 0.0
    return 2.0 * np.pi / length * entries


SLOPE = fourier_derivative(64, 22.0)
LINEAR = -SLOPE @ SLOPE - SLOPE @ SLOPE @ SLOPE @ SLOPE


def kuramoto_sivashinsky(time, u):
    """Advective form at the grid points; the project takes the conservative one, in Fourier modes."""
    return -u * (SLOPE @ u) + LINEAR @ u


def its_jacobian(time, u):
    return LINEAR - np.diag(SLOPE @ u) - u[:, None] * SLOPE


DOP853 = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12}
FIELDS = {  # right-hand side, number of times of a piece, integrator, number of trajectories
    "lorenz63": (lorenz, 31, DOP853, 8),
    "fitzhugh_nagumo": (fitzhugh_nagumo, 11, DOP853, 8),
    "double_pendulum": (pendulum, 11, DOP853, 8),
    "lorenz96": (lorenz96, 21, DOP853, 3),
    "kuramoto_sivashinsky": (
        kuramoto_sivashinsky,
        11,
        {"method": "Radau", "rtol": 1e-7, "atol": 1e-9, "jac": its_jacobian},
        3,
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_trajectories_solve_the_equations_by_an_independent_integrator(ensembles, name):
    """From the first state for as long as chaos lets single precision follow, then from where that led, to the end."""
    field, count, options, num_trajectories = FIELDS[name]
    dataset = ensembles[name]
    times = dataset["time"].values
    for states in dataset["state"].values[:num_trajectories]:
        for first in range(0, len(times) - 1, count - 1):
            piece, simulated = times[first : first + count], states[first : first + count]
            start = simulated[0].astype(float)
            truth = solve_ivp(field, (piece[0], piece[-1]), start, t_eval=piece, **options).y.T
            np.testing.assert_allclose(simulated, truth, atol=2e-3 * np.abs(truth).max())


def test_the_pendulum_keeps_its_energy(ensembles):
    states = jnp.asarray(ensembles["double_pendulum"]["state"].values)
    energy = np.asarray(jax.vmap(double_pendulum.energy)(states))
    assert np.abs(energy - energy[:, :1]).max() < 5e-4
    x = np.asarray(states[0, 5], float)
    q1, q2, v1, v2 = x
    kinetic = 0.5 * v1**2 + 0.5 * (
        (v1 * np.cos(q1) + v2 * np.cos(q2)) ** 2 + (v1 * np.sin(q1) + v2 * np.sin(q2)) ** 2
    )
    assert energy[0, 5] == pytest.approx(kinetic - 2 * np.cos(q1) - np.cos(q2), abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_rollout_from_a_state_is_the_trajectorys_own_continuation(ensembles, name):
    states = ensembles[name]["state"].values[:8]
    again = np.asarray(kernels.get_system(name).rollout(jnp.asarray(states[:, 3]), 6))
    np.testing.assert_allclose(again, states[:, 3:9], atol=1e-3 * np.abs(states).max())


def test_the_field_keeps_its_mean_and_moves_as_its_vector_field_says(ensembles):
    states = ensembles["kuramoto_sivashinsky"]["state"].values
    assert np.abs(states.mean(-1)).max() < 1e-3
    assert 0.5 < states.std() < 3.0
    system = kernels.get_system("kuramoto_sivashinsky")
    u = jnp.asarray(states[0, 3])
    np.testing.assert_allclose(system.vector_field(u), kuramoto_sivashinsky(0, states[0, 3]), atol=2e-2)
    ahead = system.stepper(1e-3)(u)
    np.testing.assert_allclose((ahead - u) / 1e-3, system.vector_field(u), atol=2e-2)


@pytest.mark.parametrize("name", ["lorenz96", "kuramoto_sivashinsky"])
def test_the_energy_of_a_ring_is_an_observable(ensembles, name):
    system, states = kernels.get_system(name), ensembles[name]["state"].values
    constraint = kernels.compile_event(kernels.parse_event("max(energy) > 1"), system.layout)
    largest = 0.5 * np.mean(states[0].astype(float) ** 2, axis=-1).max()
    assert float(constraint.value(states[0])) == pytest.approx(largest - 1, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_datasets_carry_names_times_units_and_provenance(ensembles, name):
    system, dataset = kernels.get_system(name), ensembles[name]
    assert dataset["state"].shape == (64, *system.layout.shape)
    assert dataset["time"].values[0] == 0.0
    assert {"system", "source", "solver", "key"} <= set(dataset.attrs)
    assert np.isfinite(dataset["state"].values).all()


def test_sample_i_depends_on_the_key_and_i_alone():
    system = kernels.get_system("lorenz63")
    few, many = (system.simulate_array(jax.random.key(5), n) for n in (3, 40))
    np.testing.assert_allclose(few, many[:3], atol=1e-4)


@pytest.mark.slow
def test_the_papers_lorenz_event_has_its_probability():
    system = kernels.get_system("lorenz63")
    x = system.simulate_array(jax.random.key(1), 16_384)[..., 0]
    share = np.mean(np.mean(np.abs(np.fft.rfft(x, axis=1))[:, 1:], axis=1) < 0.6)
    assert abs(share - 0.193) < 5 * np.sqrt(0.193 * 0.807 / 16_384)


def test_unknown_systems_and_empty_ensembles():
    with pytest.raises(ValueError, match="Did you mean 'lorenz63'"):
        kernels.get_system("lorentz63")
    with pytest.raises(ValueError, match="at least 1"):
        kernels.get_system("lorenz63").simulate(jax.random.key(0), num_samples=0)
