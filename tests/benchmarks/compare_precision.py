"""What half precision costs a model: the same noise through its weights as they are and rounded; prints.

git show fbeb75e:kernels/zoo/lorenz63.safetensors > full.safetensors   # before it was rounded
git show fbeb75e:kernels/zoo/lorenz63.json > full.json
python tests/benchmarks/compare_precision.py full.safetensors 'mean(abs(rfft(x))[1:]) < 0.6' 'max(x) > 0.8' 'max(x) > 0.9' 'min(z) < 0.3'
"""

import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

import kernels

NUM_SAMPLES = 4096


def main(path, *events):
    model = kernels.load_checkpoint(path)
    with tempfile.TemporaryDirectory() as folder:
        rounded = kernels.load_checkpoint(
            kernels.save_checkpoint(model, Path(folder) / "half", dtype="float16")
        )
    key = jax.random.key(11)
    one, other = (kernels.sample(key, each, num_samples=NUM_SAMPLES) for each in (model, rounded))
    gap = np.abs(one["state"].values - other["state"].values)
    print(
        f"|difference|: median {np.median(gap):.1e}, 99 % {np.quantile(gap, 0.99):.1e}, largest {gap.max():.1e}"
    )
    for event in map(kernels.parse_event, events):
        first, second = event.holds(one).values, event.holds(other).values
        print(
            f"{event}: {first.sum()} and {second.sum()} of {NUM_SAMPLES}, {(first != second).sum()} decided otherwise"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
