"""Throughput of training and of sampling on this machine, against its matrix products; prints, gates nothing.

    python tests/benchmarks/bench_throughput.py

A training step is counted as three evaluations of each trajectory of its batch, a multiply-add as two operations.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np

import kernels
from kernels.models import DEFAULT_NUM_STEPS
from kernels.networks.sizing import evaluation_seconds, network_cost
from kernels.training.loop import TrainingConfig, fit
from kernels.training.presets import PRESETS

SIZE = 2048  # of the matrices whose product gives the peak
BATCH = 128
STEPS = 20


def peak():
    """Operations a second of a product of large matrices in single precision, the best of a few."""
    a = jnp.ones((SIZE, SIZE), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(a, a).block_until_ready()
    seconds = []
    for _ in range(8):
        begin = time.perf_counter()
        product(a, a).block_until_ready()
        seconds.append(time.perf_counter() - begin)
    return 2 * SIZE**3 / min(seconds)


def step_seconds(system, network):
    """Of one training step; the first record also compiles, the second tells."""
    x0 = np.random.default_rng(0).normal(size=(4 * BATCH, *system.layout.shape)).astype(np.float32)
    config = TrainingConfig(num_steps=2 * STEPS, batch_size=BATCH, warmup=2, report_every=STEPS)
    records = list(fit(jax.random.key(0), x0, network, config, validation=x0[:BATCH]))
    return (records[1].seconds - records[0].seconds) / STEPS


def main():
    best, device = peak(), jax.devices()[0]
    print(f"{device.device_kind or device.platform}: {best / 1e9:.0f} Gflop/s in products of {SIZE} x {SIZE}")
    print(
        f"{'system':22s} {'M parameters':>12s} {'M multiply-adds':>16s} {'us an evaluation':>17s} {'of peak':>8s} "
        f"{'samples/s':>10s} {'trained/s':>10s} {'of peak':>8s}"
    )
    for name in kernels.available_systems():
        system = kernels.get_system(name)
        network = PRESETS["shipped"].network_of(system)
        cost, evaluation = network_cost(network), evaluation_seconds(network)
        trained = BATCH / step_seconds(system, network)
        print(
            f"{name:22s} {cost.parameters / 1e6:12.2f} {cost.multiply_adds / 1e6:16.1f} {1e6 * evaluation:17.0f} "
            f"{2 * cost.multiply_adds / evaluation / best:8.0%} {1 / (DEFAULT_NUM_STEPS * evaluation):10.0f} "
            f"{trained:10.0f} {6 * cost.multiply_adds * trained / best:8.0%}"
        )


if __name__ == "__main__":
    main()
