"""Speed of sampling on this machine; prints, gates nothing.

    python tests/benchmarks/bench_sampling.py [model]

Unguided and guided time per sample and step, first curves after Run, 256 guided paths of 80 steps,
and how often twenty threshold changes compile.
"""

import sys
import time

import jax
import numpy as np

import kernels
from kernels.diffusion.schedules import grid
from kernels.events.semantics.compile import compile_event
from kernels.guidance import linearization
from kernels.guidance.moment_matching import MomentMatching
from kernels.samplers.dpm_solver import DPMSolver
from kernels.samplers.sampling import draw, initial_noise, sample_keys
from kernels.samplers.sde import SDEDPMSolver

EVENT = "mean(abs(rfft(x))[1:]) < 0.6"


def seconds(function, repeats=3):
    """Best of a few runs, after one that compiles."""
    jax.block_until_ready(function())
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - begin)
    return min(times)


def draws(model, size, num_steps):
    """Unguided ODE, unguided SDE and guided SDE of one batch, each as a function; what to multiply times by."""
    keys = sample_keys(jax.random.key(0), 0, size)
    latents, sigmas = initial_noise(keys, model.initial), grid(num_steps)
    constraint = compile_event(kernels.parse_event(EVENT), model.layout)
    arguments = (model.denoiser, constraint, model.standardizer, model.initial)
    guided = MomentMatching.from_constraint(*arguments)
    full = MomentMatching.from_constraint(*arguments, differentiate_covariance=True)
    few = sigmas[:: num_steps // 8]  # the paper's form is slow: fewer steps, scaled
    return {
        "unguided, ODE": lambda: draw(model.denoiser, model.initial, DPMSolver(), sigmas, latents),
        "unguided, SDE": lambda: draw(model.denoiser, model.initial, SDEDPMSolver(), sigmas, latents, keys),
        "guided, SDE": lambda: draw(guided, model.initial, SDEDPMSolver(), sigmas, latents, keys),
        "guided, paper's": lambda: draw(full, model.initial, SDEDPMSolver(), few, latents, keys),
    }, {"guided, paper's": num_steps / len(few)}


def first_curves(spec):
    """Seconds from Run to the first guided curves, and to the end."""
    begin, first = time.perf_counter(), None
    for snapshot in kernels.stream(spec):
        if first is None and snapshot.dataset is not None:
            first = time.perf_counter() - begin
    return first, time.perf_counter() - begin


def main(name="lorenz63"):
    model = kernels.load_model(name)
    print(f"{name}: {model.layout.num_times} times, {model.layout.num_variables} variables; {jax.devices()}")
    for size in (128, 256):
        functions, factors = draws(model, size, 80)
        times = {label: factors.get(label, 1.0) * seconds(f) for label, f in functions.items()}
        base = times["unguided, SDE"]
        for label, value in times.items():
            per_step = 1e6 * value / (80 * size)
            figures = f"{value:6.2f} s   {per_step:6.1f} us a sample and step   x {value / base:.2f}"
            print(f"  {size} x 80 steps, {label:15s} {figures}")
    spec = kernels.RunSpec(model=name, event=EVENT, method="exact", num_samples=256)
    first_curves(spec)
    for seed in (1, 2):
        first, whole = first_curves(
            kernels.RunSpec(model=name, event=EVENT, method="exact", num_samples=256, seed=seed)
        )
        print(f"  first curves after {first:.2f} s, 256 exact trajectories and P after {whole:.1f} s")
    guided = kernels.RunSpec(model=name, event=EVENT, estimator=None, num_samples=256, seed=3)
    print(f"  256 guided paths x 80 steps, streamed: {first_curves(guided)[1]:.1f} s")
    before = linearization.value_gradient._cache_size()
    for threshold in np.linspace(0.3, 0.8, 20):
        spec = kernels.RunSpec(
            model=name, event=f"max[0, 3](x) > {threshold:.3f}", estimator=None, num_samples=32, num_steps=2
        )
        list(kernels.stream(spec))
    print(
        f"  20 threshold changes: {linearization.value_gradient._cache_size() - before} compilation of the event"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
