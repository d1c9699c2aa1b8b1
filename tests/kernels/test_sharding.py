"""Several devices share a batch, and what is drawn and learned is what one device draws and learns."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import json, sys
import jax
import numpy as np
import kernels
from kernels.sharding import spread
from kernels.networks.unet import UNetConfig
from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.sampling import draw
from kernels.diffusion.schedules import grid
from kernels.training.loop import TrainingConfig, fit

keys = spread(jax.random.split(jax.random.key(0), 8))
odd = spread(jax.random.split(jax.random.key(0), 7))
network = UNetConfig(
    num_times=8, in_features=2, out_features=1, patch=2, channels=(8, 8), num_blocks=1, dense_width=8,
    num_dense=1, embedding=8,
)
x0 = np.random.default_rng(0).normal(size=(512, 8, 1)).cumsum(1).astype(np.float32)
config = TrainingConfig(num_steps=20, batch_size=16, warmup=2, report_every=10)
*_, record = fit(jax.random.key(1), x0, network, config, validation=x0[:64])
walk = 0.9 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
layout = kernels.Layout(variables=("x",), times=np.arange(8.0))
model = kernels.Model.from_denoiser(kernels.GaussianDenoiser(np.zeros((8, 1)), walk), layout)
drawn = kernels.sample(jax.random.key(2), model, event="max(x) > 1", num_samples=64, num_steps=20)
found = kernels.event_probability(jax.random.key(3), model, "max(x) > 1", method="monte_carlo", num_samples=256)
latents = np.random.default_rng(1).normal(size=(8, 8, 1)).astype(np.float32)
walked = draw(model.denoiser, model.initial, DPMSolver(), grid(6), latents)
learned = jax.tree.leaves(record.denoiser.params)[0]
print(json.dumps({
    "devices": [len(a.sharding.device_set) for a in (keys, odd, walked, learned)],
    "history": record.history, "x": drawn["state"].values[:, :, 0].tolist(), "P": found.value,
}))
"""


def on(num_devices):
    """What the script finds on so many devices."""
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={num_devices}", "JAX_PLATFORMS": "cpu"}
    outcome = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=os.environ | flags, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


@pytest.mark.slow  # two processes that compile
def test_two_devices_draw_and_learn_what_one_does():
    one, two = on(1), on(2)
    assert (one["devices"], two["devices"]) == ([1, 1, 1, 1], [2, 1, 2, 2])
    np.testing.assert_allclose(two["history"], one["history"], rtol=1e-4)
    np.testing.assert_allclose(two["x"], one["x"], atol=1e-3)
    assert two["P"] == one["P"]
