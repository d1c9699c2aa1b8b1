"""One batched evaluation: the same numbers for any number of trajectories, from few compiled programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from kernels.events.semantics.batches import evaluate_batch
from kernels.events.semantics.blocks import BLOCK, over_blocks

LAYOUT = kernels.Layout(variables=("x", "y"), times=np.arange(6.0))


@pytest.mark.parametrize("count", [0, 1, 3, 64, BLOCK + 5])
def test_any_number_of_trajectories(count):
    states = np.random.default_rng(count).normal(size=(count, 6, 2)).astype(np.float32)
    constraint = kernels.compile_event(kernels.parse_event("max(x) > 1 and final(y) < 0.5"), LAYOUT)
    values, holds = evaluate_batch(constraint, states)
    expected = np.minimum(states[:, :, 0].max(axis=1, initial=-np.inf) - 1, 0.5 - states[:, -1, 1])
    np.testing.assert_allclose(values, expected, atol=1e-6)
    np.testing.assert_array_equal(holds, expected > 0)
    assert values.dtype == np.float64


def test_few_programs_serve_all_numbers():
    traces = []

    @jax.jit
    def first_values(batch):
        traces.append(batch.shape[0])
        return (jnp.asarray(batch)[:, 0, 0],)

    for count in range(1, 40):
        (found,) = over_blocks(first_values, np.full((count, 6, 2), float(count), np.float32))
        assert found.shape == (count,)
        assert (found == count).all()
    assert sorted(traces) == [1, 2, 4, 8, 16, 32, 64]
