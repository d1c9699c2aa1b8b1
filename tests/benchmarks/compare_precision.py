"""What half precision costs a model: the same noise through it in single precision and in half; prints.

python tests/benchmarks/compare_precision.py lorenz63 'mean(abs(rfft(x))[1:]) < 0.6' 'max(x) > 0.8' 'max(x) > 0.9' 'min(z) < 0.3'

First the products: `DIFFUSE_UI_PRECISION` float32 and bfloat16. Then the weights as they are stored, rounded to
float16; of a shipped model they are that already, so take one from before:

git show fbeb75e:kernels/zoo/lorenz63.safetensors > full.safetensors
git show fbeb75e:kernels/zoo/lorenz63.json > full.json
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

import kernels
from kernels import RunSpec
from kernels.fidelity.samples import deterministic
from kernels.networks.precision import VARIABLE

NUM_SAMPLES = 8192


def drawn(model, precision):
    """Trajectories by the ODE, and the seconds that they took."""
    os.environ[VARIABLE] = precision
    problem = RunSpec(model=model, event="max(x) > 1e9").problem(
        jax.random.key(11), num_steps=model.num_steps
    )
    begin = time.perf_counter()
    states = deterministic(problem, problem.key, NUM_SAMPLES)
    return states, time.perf_counter() - begin


def compare(label, one, other, model, events):
    gap = np.abs(one - other) / np.asarray(model.standardizer.scale)
    print(
        f"{label}: |difference| in standard deviations: median {np.median(gap):.1e}, 99 % "
        f"{np.quantile(gap, 0.99):.1e}"
    )
    for event in events:
        problem = RunSpec(model=model, event=event).problem(jax.random.key(11), num_steps=model.num_steps)
        first, second = problem.judge(one)[1], problem.judge(other)[1]
        print(
            f"  {event}: {first.sum()} and {second.sum()} of {NUM_SAMPLES}, "
            f"{(first != second).sum()} decided otherwise"
        )


def main(name, *events):
    model = kernels.load_checkpoint(name) if Path(name).exists() else kernels.load_model(name)
    single, seconds = drawn(model, "float32")
    half, fewer = drawn(model, "bfloat16")
    print(f"{model.num_steps} steps, {seconds:.0f} s and {fewer:.0f} s")
    compare("products in bfloat16", single, half, model, events)
    with tempfile.TemporaryDirectory() as folder:
        path = kernels.save_checkpoint(model, Path(folder) / "half", dtype="float16")
        rounded, _ = drawn(kernels.load_checkpoint(path), "float32")
    compare("weights in float16", single, rounded, model, events)


if __name__ == "__main__":
    main(*sys.argv[1:])
