"""What a forecasting model's ensembles are worth against what came, and against the climate; prints.

    python tests/benchmarks/score_forecasts.py [model …]

CRPS of each variable, in shares of the climate's (1: knows nothing), and spread over skill (1: calibrated),
a tenth, a third, two thirds and all of a trajectory after the start.
"""

import sys

import jax
import numpy as np
import xarray as xr

import kernels
from kernels import verification

NUM_CASES, NUM_MEMBERS, NUM_STEPS = 64, 64, 40
SHARES = (0.1, 1 / 3, 2 / 3, 1.0)


def score(name):
    model, key = kernels.load_model(name), jax.random.key(0)
    system = kernels.get_system(model.system)
    cases = system.simulate(jax.random.key(1), num_samples=NUM_CASES)
    climate = system.simulate(jax.random.key(2), num_samples=1000)
    came = [cases.isel(sample=i).drop_vars("sample") for i in range(NUM_CASES)]
    ensembles = [
        kernels.sample(
            jax.random.fold_in(key, i),
            model,
            given=case.isel(time=slice(0, model.num_known)),
            num_samples=NUM_MEMBERS,
            num_steps=NUM_STEPS,
        )
        for i, case in enumerate(came)
    ]
    mine = np.mean(
        [verification.crps(e, c)["crps"].values for e, c in zip(ensembles, came, strict=True)], axis=0
    )
    usual = np.mean([verification.crps(climate, c)["crps"].values for c in came], axis=0)
    stacked = xr.concat([e[["state"]] for e in ensembles], "case")
    ratio = verification.spread_skill(stacked, xr.concat([c[["state"]] for c in came], "case"))[
        "ratio"
    ].values
    places = [round(share * (model.layout.num_times - 1)) for share in SHARES]
    times = "".join(f"{model.layout.times[place]:>14.3g}" for place in places)
    print(f"{name}: CRPS / the climate's, spread / skill; at time{times}")
    for v, variable in enumerate(model.layout.variables):
        cells = "".join(f"{mine[p, v] / usual[p, v]:8.2f}, {ratio[p, v]:4.2f}" for p in places)
        print(f"    {variable:6s}{cells}")


if __name__ == "__main__":
    forecasts = [name for name in kernels.available_models() if kernels.load_model(name).num_known]
    for chosen in sys.argv[1:] or forecasts:
        score(chosen)
