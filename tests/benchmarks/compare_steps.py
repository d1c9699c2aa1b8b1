"""What fewer steps between narrower noise levels change: coupled samples, event by event; gates nothing.

    python tests/benchmarks/compare_steps.py NAME STEPS HIGHEST LOWEST [pairs] [reference steps]
    python tests/benchmarks/compare_steps.py lorenz63 12 16 0.03 8192

From the same latents trajectories are drawn by STEPS evaluations between the levels HIGHEST and LOWEST, by as
many as the model takes now, and by many (64) between all levels. For each event (the reference event, and the
extremes of each variable beyond their 1-in-10 and 1-in-100 values) it says by how much of its value P differs
from that of the many, and which share of its trajectories change sides.
"""

import dataclasses
import sys

import jax
import numpy as np

import kernels
from kernels import RunSpec
from kernels.diffusion.schedules import SIGMA_MAX, SIGMA_MIN
from kernels.fidelity.reference_events import extremes, reference_event
from kernels.fidelity.samples import latents
from kernels.probability.latent.direct import latent_map

SIMULATED = 50_000


def drawn(model, levels, num_steps, noise, event, key):
    """Trajectories in physical units."""
    narrowed = dataclasses.replace(model, card=dict(model.card) | {"ode_levels": list(levels)})
    return np.concatenate(
        list(latent_map(RunSpec(model=narrowed, event=event).problem(key, num_steps=num_steps), noise))
    )


def report(label, few, many, problems):
    print(
        f"{label}\n  root mean square over trajectories {np.sqrt(np.mean((few - many) ** 2)):.4f} (physical units)"
    )
    for event, problem in problems.items():
        mine, true = (problem.judge(states)[1].astype(float) for states in (few, many))
        share = max(true.mean(), 1 / len(true))
        shift, error = (mine - true).mean() / share, (mine - true).std() / np.sqrt(len(true)) / share
        changed = np.abs(mine - true).mean() / share
        print(
            f"  {event:42s} P {share:.4f}  {100 * shift:+6.1f} ± {100 * error:4.1f} %  {100 * changed:5.1f} % change"
        )


def main(name, steps, highest, lowest, pairs=8192, reference=64):
    model, key = kernels.load_model(name), jax.random.key(77)
    truth = kernels.get_system(model.system).simulate_array(jax.random.key(78), SIMULATED)
    events = [reference_event(model, truth), *extremes(model.layout, truth)]
    noise = latents(model, key, int(pairs))
    problems = {event: RunSpec(model=model, event=event).problem(key, num_steps=2) for event in events}
    many = drawn(model, (SIGMA_MAX, SIGMA_MIN), int(reference), noise, events[0], key)
    print(f"{name}, {pairs} pairs, against {reference} steps between all levels")
    asked = ((float(highest), float(lowest)), int(steps))
    for levels, count in dict.fromkeys((asked, (model.ode_levels, model.num_steps))):
        few = drawn(model, levels, count, noise, events[0], key)
        report(f"{count} steps between {levels[0]:g} and {levels[1]:g}", few, many, problems)


if __name__ == "__main__":
    main(*sys.argv[1:])
