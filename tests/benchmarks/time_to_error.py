"""Time to 10 % relative error on Lorenz, per estimator and event; prints a table, gates nothing.

    python tests/benchmarks/time_to_error.py [target] [limit in seconds]

Each estimator runs, with a key that nobody has used, from few samples to more, until its stated relative
standard error is at the target, its time is up, or it says that it cannot be trusted. Time counts from an
empty cache; what compiles is compiled before. Events: the maximum of x and the lobe event, at P ≈ 0.2,
1e-2 and 1e-3 of the simulated system.
"""

import sys
import time

import jax
import numpy as np

import kernels

SIMULATED = 400_000
PROBABILITIES = (0.2, 1e-2, 1e-3)
FIRST = {  # samples to begin with; then twice as many each time, with what is there
    "monte_carlo": 512,
    "subset_simulation": 512,
    "auto": 512,
    "path_importance": 256,
    "twisted_smc": 320,
    "density_ratio": 256,
}
MODEL = "lorenz63"


def events():
    """(probability, event) with thresholds from simulated trajectories."""
    truth = kernels.get_system(MODEL).simulate_array(jax.random.key(11), SIMULATED)
    highest = truth[:, :, 0].max(1)
    lobe = np.abs(np.fft.rfft(truth[:, :, 0], axis=1))[:, 1:].mean(1)
    for p in PROBABILITIES:
        yield p, f"max(x) > {np.quantile(highest, 1 - p):.5f}"
        yield p, f"mean(abs(rfft(x))[1:]) < {np.quantile(lobe, p):.5f}"


def run(model, event, method, seed, target, limit):
    """Seconds, the last estimate, and whether it is at the target."""
    begin, size, estimate = time.perf_counter(), FIRST[method], None
    while True:
        for record in kernels.estimate(jax.random.key(seed), model, event, method=method, num_samples=size):
            estimate = record.probability or estimate
            seconds = time.perf_counter() - begin
            if _there(record.probability, method, target) or seconds > limit:
                break
        seconds = time.perf_counter() - begin
        there = _there(estimate, method, target)
        if there or seconds > limit or (method == "auto" and size >= 4096):
            return seconds, estimate, there
        size *= 2


def _there(estimate, method, target):
    """At the target, from enough hits for the stated error to mean something."""
    if estimate is None or estimate.value <= 0 or estimate.status != "ok":
        return False
    return estimate.standard_error <= target * estimate.value and (
        method != "monte_carlo" or estimate.diagnostics["hits"] >= 50
    )


def warm(model, event):
    for method, size in FIRST.items():
        few = min(size, 128)
        list(kernels.estimate(jax.random.key(1), model, event, method=method, num_samples=few, num_steps=4))


def main(target=0.1, limit=120.0):
    model = kernels.load_model(MODEL)
    asked = list(events())
    warm(model, asked[0][1])
    print(f"{MODEL}, {model.num_steps} ODE steps, {jax.devices()}; to {float(target):.0%} relative error")
    print(
        "  P (simulated)  event                                     estimator            P̂          s  status"
    )
    for row, (probability, event) in enumerate(asked):
        for index, method in enumerate(FIRST):
            if method == "density_ratio" and probability < 0.1:
                continue  # minutes a run, and its status says no
            seconds, found, there = run(
                model, event, method, 100 + 10 * row + index, float(target), float(limit)
            )
            words = "there" if there else f"not there ({found.status if found else 'nothing yet'})"
            value, error = (found.value, found.standard_error) if found else (np.nan, np.nan)
            print(
                f"  {probability:13g}  {event:40s}  {method:18s} {value:9.3g} ± {error:8.2g} "
                f"{seconds:6.1f}  {words}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
