"""Guidance methods side by side on a shipped model, against accepted simulations; prints tables, gates nothing.

    python tests/benchmarks/compare_guidance.py [model] [num_paths] [num_exact] [event …]

For each event and method: share of guided paths in the event, effective size of the path weights, and the
Kolmogorov distance from the conditional truth, of C and (the largest) of each variable at five times: of
the paths as they come, of those in the event, of those weighted; then of the exact ensemble (latent
chains), with its effective size.
"""

import sys
import time

import jax
import numpy as np

import kernels
from kernels.guidance.registry import GUIDANCE
from kernels.statistics.weighted import effective_sample_size, kolmogorov_distance

SIMULATED = 1_000_000
EVENTS = {
    "lorenz63": [
        "mean(abs(rfft(x))[1:]) < 0.6",
        "box(x, [2, 2.5], [0.55, 0.8]) and box(x, [4, 4.5], [-0.8, -0.55])",
        "at(x, 3) == 0.5 tolerance 0.05",
        "max(z) == 1.9 tolerance 0.02",
    ],
    "fitzhugh_nagumo": ["max((x1 + x2) / 2) > 2.5"],
}


def accepted(model, event):
    """Simulated trajectories in the event, and C of each."""
    states = kernels.get_system(model.system).simulate_array(jax.random.key(21), SIMULATED)
    constraint = kernels.compile_event(kernels.parse_event(event), model.layout)
    values, holds = judge(constraint, states)
    return states[holds], values[holds]


def judge(constraint, states):
    from kernels.events.semantics.attribution import evaluate

    return evaluate(constraint.program.event, states, constraint.program.layout)


def distances(states, values, truth, true_values, weights=None):
    """Kolmogorov distance of C, and the largest of a variable at five times."""
    if len(states) == 0:
        return float("nan"), float("nan")
    times = np.linspace(0, states.shape[1] - 1, 5).round().astype(int)
    worst = max(
        kolmogorov_distance(states[:, t, v], truth[:, t, v], weights)
        for t in times
        for v in range(states.shape[2])
    )
    return kolmogorov_distance(values, true_values, weights), worst


def pair(found):
    return f"{found[0]:.3f} {found[1]:.3f}"


def main(name="lorenz63", num_paths=1024, num_exact=8192, *texts):
    model, key = kernels.load_model(name), jax.random.key(0)
    for text in texts or EVENTS[name]:
        truth, true_values = accepted(model, text)
        tree = kernels.parse_event(text)
        print(
            f"\n{text}\n  simulated: {len(truth)} of {SIMULATED} in the event, P = {len(truth) / SIMULATED:.4f}"
        )
        print("  method                    hits    ESS   all (C, var)  hits          weighted       s")
        for method in GUIDANCE:
            begin = time.perf_counter()
            try:
                drawn = kernels.sample(key, model, event=tree, num_samples=int(num_paths), guidance=method)
            except (ValueError, kernels.NumericalError) as error:
                print(f"  {method:24s}  {str(error)[:90]}")
                continue
            guided = drawn["guided"].values
            states, values = drawn["state"].values[guided], drawn["constraint"].values[guided]
            hits, weights = drawn["satisfied"].values[guided], drawn["weight"].values[guided]
            weighted = distances(states[hits], values[hits], truth, true_values, weights[hits])
            print(
                f"  {method:24s} {hits.mean():6.1%} {effective_sample_size(weights):6.0f}   "
                f"{pair(distances(states, values, truth, true_values)):13s} "
                f"{pair(distances(states[hits], values[hits], truth, true_values)):13s} "
                f"{pair(weighted):13s} {time.perf_counter() - begin:5.0f}",
                flush=True,
            )
        begin = time.perf_counter()
        exact = kernels.sample(key, model, event=tree, num_samples=int(num_exact), method="exact")
        states, values = exact["state"].values, exact["constraint"].values
        seconds = time.perf_counter() - begin
        size = exact.attrs.get("ess", len(states))  # hits of direct samples are independent
        rhat = f"R-hat {exact.attrs['rhat']:.3f}, " if "rhat" in exact.attrs else ""
        print(
            f"  exact, {len(states)} chains: distances {pair(distances(states, values, truth, true_values))}, "
            f"{rhat}worth {size:.0f} independent ones, "
            f"{seconds:.0f} s; noise of so many: {1.36 / np.sqrt(len(states)):.3f} (95 %)",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
