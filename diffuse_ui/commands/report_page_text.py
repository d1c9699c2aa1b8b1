"""Constant text of the page on the shipped models; tables and sections come from the cards."""

from kernels.fidelity.report import ALLOWED, MAX_DISTANCE, MAX_ROLLOUT

__all__ = ["FILES", "FURTHER", "INTRODUCTION", "NOTES", "PRESETS_NOTE"]

_TARGETS = ", ".join(f"{100 * share:g} % for P ≥ {least:g}" for least, share in ALLOWED)

INTRODUCTION = f"""\
# The models that ship with diffuse-ui

This page is made from the cards in this folder by

```sh
diffuse-ui models report --all --markdown > kernels/zoo/README.md
```

Edit the text in `diffuse_ui/commands/report_page_text.py`, not here. A test compares the two.

In short:

* A probability is the model's. Where the model is wrong, the number is wrong, whatever its error bar says.
* Five models draw freely. Their frequent events (P = 0.05 and more) come about as often as they should, most within
  a few per cent. Look below for the events that are like yours.
* Rare events can be off by a factor, and one is off by far more. Read the last lines of each table.
* The forecasts are small networks. They show too little of the extremes.

## How to read the numbers

* **Truth**: the share of simulated trajectories in which the event holds. For a model of your own data it is the
  share of windows of the held-out part of the record.
* **Model**: the same share among direct samples of the model (by "samples"). For rare events it is an estimate by
  subset simulation (by "chains"). Errors are one standard error.
* **Model / truth**: 1 is right, 2 is twice too often, 0.5 is half as often as it should be.
* **Kolmogorov distance**: the largest gap between the distribution functions of model and truth, over all
  variables, at every 10th time. 0 is perfect; the target is {MAX_DISTANCE:g}.
* **Rollout error**: the simulator goes on from the 4th state of a sample. The error is how far the sample departs
  from that, in the first half; 0 is perfect. Lorenz-63 has a target, {MAX_ROLLOUT:g}.
* **Targets** for events: off by at most {_TARGETS}.
  A miss counts when it is larger than two standard errors. There is no target for rarer events.
* **Validation loss**: 1 is no better than the best linear denoiser. That of an `expert` is over its own noise levels
  alone. Minutes are those of the last process, where a training was interrupted and resumed.
* All probabilities are over trajectories that begin as the training data do. For Lorenz-63 that is a standard normal
  point, watched after three units of time. They do not say how often something happens in one long run.
* `diffuse-ui models report NAME` prints what the card of a model says. `--measure` measures the model again.

## All models

A "free" model draws whole trajectories; a "forecast" goes on from the first three states of true ones. "Size" is
times × variables, "last training" is steps × trajectories a step, "Kolmogorov" is the Kolmogorov distance. "Furthest
off" is the model / truth that is furthest from 1, of the events below that are off by more than two standard errors.
"""

NOTES = {
    "lorenz63": "The best of the models. The mean of *z* is too often large: there a trajectory is close to a fixed "
    "point, and the law of the mean is steep.",
    "fitzhugh_nagumo": "Good for frequent events. **Wrong in a far tail**: its highest peaks overshoot. In truth they "
    "end sharply, in the model less sharply.",
    "double_pendulum": "Good down to P = 0.01. **Too tame in its far tails**: its velocities are too seldom very large.",
    "lorenz96": "A demonstration of scale: many variables, one small network. The energy is too often large.",
    "kuramoto_sivashinsky": "A demonstration of scale. A little too tame: maxima and minima come too seldom.",
    "lorenz63_forecast": "A small network that knows the first three states. Too tame: its bands are too wide at "
    "first, and extremes come too seldom.",
    "fitzhugh_nagumo_forecast": "A small network that knows the first three states. Its bands are too wide at first, "
    "then too narrow between two thirds and the end. Its rarest burst comes far too often.",
    "double_pendulum_forecast": "A small network that knows the first three states. Too tame: its bands are too wide "
    "at first, and extremes come too seldom.",
}

PRESETS_NOTE = """\
## Presets

The models were trained with these (`diffuse-ui train SYSTEM --preset NAME`). Those marked "from a model" go on from a
trained one: add `--from MODEL --seed N`, with a seed that is new to it. `quick` is for a first try.
"""

FURTHER = """\
## Train a model further

```sh
diffuse-ui train fitzhugh_nagumo --preset exemplars --from fitzhugh_nagumo --seed 8 --output better.safetensors
```

* This takes 22 minutes on two cores. `exemplars` lets a network look at the posterior mean over 16,384 simulated
  trajectories. Its targets are such means too, which have little scatter. It took FitzHugh–Nagumo's events of P = 0.3
  to 0.05 from 1 to 7 % low to within 3 %.
* It helps where trajectories have few degrees of freedom. On the double pendulum (`--preset exemplars --from
  double_pendulum --seed 6`, which makes one network of the pair) it lowered the loss and brought events no closer.
* `further` trains as before. `expert` trains a second network beside a model, for the noise levels at which it is
  decided what a trajectory does. The pendulum has one.
* Presets that begin with `large` are for a GPU: batches of 1,024, 20,000 to 40,000 of them. One H200 took two to four
  minutes for each. All models that draw freely were last trained so. It brought the double pendulum's held-out loss
  from 0.305 to 0.247, and its rollout error from 0.028 to 0.007. Its losses, and those of Lorenz-96 and of
  Kuramoto–Sivashinsky, were still falling.
* Epsilon scaling: a network that has not learned all there is to know makes its samples a little too tame.
  `diffuse-ui models scale NAME` fits one factor of its noise estimate (Ning et al. 2024), with which maxima and minima
  beyond their 3-in-100 values come as often as they should. The factor goes into the card. Rarer events, means and
  spectra are then a test of it. Rollout errors grow a little by it.

## A system or a denoiser of your own

```python
import jax
import jax.numpy as jnp
import kernels
from kernels.training.from_system import train_system
from kernels.training.presets import PRESETS

oscillator = kernels.System(
    name="oscillator",
    variables=("x", "v"),
    step=0.1,
    num_times=60,
    vector_field=lambda s: jnp.stack([s[1], -s[0]]),  # or stepper=, for maps and stiff equations
    draw_initial=lambda key: jax.random.normal(key, (2,)),
)
kernels.register_system(oscillator)  # in this process, before its model is loaded
for record, model in train_system("oscillator", "oscillator.safetensors", preset=PRESETS["quick"]):
    print(record.step, record.validation_loss)
```

A denoiser of your own is anything with `denoise(x, sigma)`: `kernels.Model.from_denoiser(my_denoiser, my_layout)`.

## Files in this folder
"""

FILES = [
    ["`NAME.safetensors`", "weights"],
    ["`NAME.json`", "the card: how the model was trained, how right it is"],
    ["`NAME_direct.json`", "counts among direct samples, by `tests/benchmarks/check_estimators.py`"],
    [
        "`NAME_histograms.json`",
        "counts among ten million simulations, by `tests/benchmarks/simulate_histogram.py`",
    ],
]
