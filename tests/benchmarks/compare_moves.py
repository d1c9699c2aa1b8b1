"""Ways to move latent chains, side by side; prints tables, gates nothing.

    python tests/benchmarks/compare_moves.py [gaussian,mixture,lorenz] [runs] [num_samples]

What counts is the variance of log P̂ per network call: its square over `runs` runs of 8 replicates each,
times the trajectories that a run draws beyond its first level. Less is better; "spread" is how well the
stated errors agree with that of the runs, R̂ and τ are those of the last level.
"""

import sys
import time

import jax
import numpy as np

import kernels
from kernels import RunSpec
from kernels.probability.latent.chains import Moves
from kernels.probability.latent.levels import Scheme
from kernels.probability.latent.subset_simulation import subset_simulation

SCHEMES = {
    "pcn 6": Scheme(),
    "pcn 12": Scheme(moves=Moves(count=12), num_chains=32),
    "pcn 3": Scheme(moves=Moves(count=3), num_chains=128),
    "pcn spread 0.7": Scheme(moves=Moves(spread=0.7)),
    "pcn 6, share 0.1": Scheme(share=0.1),
    "pcn 6, share 0.4": Scheme(share=0.4),
}


def gaussian():
    """Ten times of an AR(1): a maximum that 1 in 10,000 exceeds."""
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    model = kernels.Model.from_denoiser(
        kernels.GaussianDenoiser(np.zeros((10, 1)), correlation),
        kernels.Layout(variables=("x",), times=np.arange(10.0)),
        card={"name": "gaussian", "num_steps": 14},
    )
    return model, ["max(x) > 4.2"]


def mixture():
    """Two modes of unequal weight and width: the smaller one, and its tail."""
    correlation = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    denoiser = kernels.GaussianMixtureDenoiser(
        [0.998, 0.002],
        [np.full((10, 1), -0.5), np.full((10, 1), 3.0)],
        [0.25 * correlation, 0.16 * correlation],
    )
    layout = kernels.Layout(variables=("x",), times=np.arange(10.0))
    model = kernels.Model.from_denoiser(denoiser, layout, card={"name": "mixture", "num_steps": 14})
    return model, ["mean(x) > 1.5", "mean(x) > 3.5"]


def lorenz():
    model = kernels.load_model("lorenz63")
    truth = kernels.get_system("lorenz63").simulate_array(jax.random.key(11), 400_000)
    threshold = float(np.quantile(truth[:, :, 0].max(1), 0.999))
    return model, ["mean(abs(rfft(x))[1:]) < 0.42", f"max(x) > {threshold:.4f}"]


def measure(model, event, scheme, runs, num_samples):
    """Mean P̂, spread of log P̂, mean stated relative error, trajectories, R̂, τ."""
    found = []
    for run in range(runs):
        problem = RunSpec(model=model, event=event).problem(jax.random.key(1000 + run))
        size = num_samples * scheme.num_chains // 64
        *_, last = subset_simulation(problem, size, scheme=scheme)
        found.append(last.probability)
    values = np.array([one.value for one in found])
    stated = np.mean([one.standard_error / max(one.value, 1e-300) for one in found])
    spread = float(values.std(ddof=1) / values.mean()) if runs > 1 else float(stated)
    trajectories = np.mean([one.num_calls for one in found]) / problem.num_steps
    rhat, time_ = (
        np.mean([one.diagnostics[name] or np.nan for one in found])
        for name in ("rhat", "autocorrelation_time")
    )
    return values.mean(), spread, stated, trajectories, rhat, time_


def main(models="gaussian,mixture,lorenz", runs=12, num_samples=256):
    for name in models.split(","):
        model, events = {"gaussian": gaussian, "mixture": mixture, "lorenz": lorenz}[name]()
        for event in events:
            print(f"\n{name}: {event}, {runs} runs")
            print(
                "  scheme             mean P     spread  stated  trajectories  variance × calls  R̂    τ     s"
            )
            for label, scheme in SCHEMES.items():
                begin = time.perf_counter()
                value, spread, stated, trajectories, rhat, tau = measure(
                    model, event, scheme, int(runs), int(num_samples)
                )
                cost = spread**2 * trajectories * model.num_steps
                print(
                    f"  {label:18s} {value:9.3g}  {spread:6.1%}  {stated:6.1%}  {trajectories:12.0f}  "
                    f"{cost:16.0f}  {rhat:4.2f} {tau:5.1f} {time.perf_counter() - begin:5.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
