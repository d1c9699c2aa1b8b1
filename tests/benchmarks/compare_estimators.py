"""Estimators side by side on a shipped model; prints a table, gates nothing.

    python tests/benchmarks/compare_estimators.py [num_direct]

For the paper's event, the 1-in-100 maximum and a drawn box of Lorenz: brute-force simulation, direct
Monte Carlo of the model, subset simulation, and path importance sampling and twisted SMC, each by plain
moment matching and by the calibrated twist: hit rate, effective size and Pareto k̂ tell them apart.
"""

import sys
import time

import jax
import numpy as np

import kernels

SIMULATED = 200_000


def events(model):
    truth = kernels.get_system(model.system).simulate_array(jax.random.key(11), SIMULATED)
    threshold = float(np.quantile(truth[:, :, 0].max(1), 0.99))
    return [
        "mean(abs(rfft(x))[1:]) < 0.6",
        f"max(x) > {threshold:.4f}",
        "box(x, [2, 2.5], [0.55, 0.8]) and box(x, [4, 4.5], [-0.8, -0.55])",
    ]


def main(num_direct=20_000):
    model, key = kernels.load_model("lorenz63"), jax.random.key(0)
    plan = [
        ("simulator", SIMULATED, "moment_matching"),
        ("monte_carlo", int(num_direct), "moment_matching"),
        ("subset_simulation", 512, "moment_matching"),
        ("subset_simulation", 1024, "moment_matching"),
        ("path_importance", 512, "moment_matching"),
        ("path_importance", 512, "calibrated"),
        ("twisted_smc", 510, "moment_matching"),
        ("twisted_smc", 510, "calibrated"),
    ]
    for event in events(model):
        print(event)
        direct = None
        for method, size, guidance in plan:
            begin = time.perf_counter()
            found = kernels.event_probability(
                key, model, event, method=method, num_samples=size, guidance=guidance
            )
            direct = found if method == "monte_carlo" else direct
            label = f"{method}, calibrated" if guidance == "calibrated" else method
            print(
                f"  {label:27s} {size:7d}  {row(found, direct)} {time.perf_counter() - begin:6.1f} s",
                flush=True,
            )
            print(f"      {found.message}")


def row(found, direct):
    """Value, error, status, diagnostics, and the distance from direct Monte Carlo in standard errors."""
    k = "" if found.pareto_k is None else f"k {found.pareto_k:.2f}"
    spread = 0.0 if direct is None else np.hypot(found.standard_error, direct.standard_error)
    gap = "" if direct in (None, found) else f"{(found.value - direct.value) / spread:+.1f} SE"
    numbers = f"{found.value:9.3g} ± {found.standard_error:8.2g}"
    hits = f"hits {found.diagnostics['hit_rate']:4.0%}" if "hit_rate" in found.diagnostics else ""
    return f"{numbers}  {found.status:17s} ESS {found.ess:7.0f} {hits:9s} {k:7s} {gap:9s}"


if __name__ == "__main__":
    main(*sys.argv[1:])
