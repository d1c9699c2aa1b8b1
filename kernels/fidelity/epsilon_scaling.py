"""Epsilon scaling: a factor of the noise estimate that corrects how often extremes come.

A network that has not learned all there is to know regresses towards the mean: along the ODE its samples lose
spread, and extremes come too seldom. Multiplied by a number just below 1, the noise estimate takes less away
at each step (epsilon scaling: Ning et al. 2024, "Elucidating the exposure bias in diffusion models"). The one
number is fitted to maxima and minima of each variable beyond their 3-in-100 values, simulated or of the data that
the model was trained on, on average over all of them; rarer events, means and spectra are then a test of it, not
what it was fitted to.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from kernels.denoisers.expert import ExpertDenoiser
from kernels.denoisers.network import NetworkDenoiser
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.blocks import block_error
from kernels.probability.latent.direct import latent_map
from kernels.recordings.windows import Segment
from kernels.samplers.sampling import draw_noise, sample_keys
from kernels.systems import get_system

__all__ = ["Scaling", "fit_epsilon_scale", "scaled", "with_epsilon_scale"]

TAIL = 0.03
FIRST_STEP = 0.005  # first change of the factor in the secant method
MAX_SHIFT = 0.04  # distance of the factor from 1; a model that needs more is not mended by a factor
MAX_ROUNDS = 5
NUM_SIMULATED = 65_536
SEED = 2_000_003  # seed of the fit's trajectories and latents; no report and no training uses it

Trajectories = Float[np.ndarray, "sample time variable"]


class Scaling(NamedTuple):
    """Fitted factor of the noise estimate.

    Attributes:
        scale: the factor, or None where none is needed or none helps.
        before: number of extremes over the number expected, without a factor.
        after: this ratio with the factor, both on other samples than those of the fit.
        standard_error: of both ratios, from the number of samples, of simulations and, of a record, from its length.
        num_samples: drawn each time.
    """

    scale: float | None
    before: float
    after: float
    standard_error: float
    num_samples: int


def with_epsilon_scale(model: Model, scale: float | None) -> Model:
    """Model with another factor of its noise estimate.

    The card's entries about the law before are left out.

    Raises:
        ValueError: the model is no network that draws freely.
    """
    if not isinstance(model.denoiser, NetworkDenoiser | ExpertDenoiser):
        raise ValueError(f"`model` must be a network that draws freely; {model.name} is none.")
    card = {name: value for name, value in model.card.items() if name not in ("fidelity", "epsilon_scaling")}
    return dataclasses.replace(
        model, denoiser=model.denoiser.scaled(scale), card=card | {"epsilon_scale": scale}
    )


def scaled(model: Model, scaling: Scaling) -> Model:
    """Model with a fitted factor, which is written into its card."""
    made = with_epsilon_scale(model, scaling.scale)
    return dataclasses.replace(made, card=dict(made.card) | {"epsilon_scaling": scaling._asdict()})


def fit_epsilon_scale(model: Model, *, num_samples: int = 4096) -> Scaling:
    """Fit the factor by the secant method, on the same latents throughout, and measure it on others.

    No factor is needed where the number of extremes is right within two standard errors. A recording holds each
    extreme a few times only, so the error of their frequency in the recording counts, too. A fitted factor is
    measured on new latents, against new simulations of a system; one that helps only where it was fitted is none.

    Args:
        model: a network that draws freely, of a registered system or with its training data; its present
            factor plays no part.
        num_samples: of the model, each time.

    Raises:
        ValueError: the model is no such network, or all its variables meet bounds.
    """
    plain = with_epsilon_scale(model, None)
    key = jax.random.key(SEED)
    truth, part = _truth(model, jax.random.fold_in(key, 0))
    extremes = _Extremes.of(truth, model.name)

    def excess(shift: float, extremes: _Extremes = extremes, turn: int = 1) -> tuple[float, float]:
        """Relative excess of extremes over the number expected, and its standard error."""
        changed = with_epsilon_scale(plain, 1.0 - shift) if shift else plain
        each = extremes.counts(_drawn(changed, jax.random.fold_in(key, turn), num_samples))
        return float(each.mean() - 1.0), float(each.std() / np.sqrt(len(each)))

    value, error = excess(0.0)
    of_truth = 0.0
    if part is not None:
        of_truth = block_error(extremes.counts(truth), part.least_block, part.places).standard_error
    none = Scaling(None, 1.0 + value, 1.0 + value, float(np.hypot(error, of_truth)), num_samples)
    if abs(value) <= 2.0 * none.standard_error:
        return none
    ahead = _fitted(excess, value)
    if ahead is None:
        return none
    if part is None:
        extremes = extremes.expected_in(_truth(model, jax.random.fold_in(key, 2))[0])
        of_truth = extremes.error
    (before, _), (after, error) = (excess(shift, extremes, 3) for shift in (0.0, ahead))
    fresh = none._replace(
        before=1.0 + before, after=1.0 + before, standard_error=float(np.hypot(error, of_truth))
    )
    if abs(after) >= abs(before):
        return fresh
    return fresh._replace(scale=round(1.0 - ahead, 4), after=1.0 + after)


class _Extremes(NamedTuple):
    """Levels beyond which a trajectory is extreme.

    Attributes:
        levels: (2, variable) of maxima and of minima.
        shares: (side,) expected.
        counted: (side,) a variable that meets a bound has no extremes beyond.
        error: relative, of the number expected, from independent true trajectories.
    """

    levels: Float[np.ndarray, "2 variable"]
    shares: Float[np.ndarray, " side"]
    counted: Bool[np.ndarray, " side"]
    error: float

    @classmethod
    def of(cls, truth: Trajectories, name: str) -> "_Extremes":
        levels = np.stack(
            [np.quantile(truth.max(1), 1.0 - TAIL, axis=0), np.quantile(truth.min(1), TAIL, axis=0)]
        )
        shares = _beyond(truth, levels).mean(0)
        counted = abs(shares - TAIL) <= 0.5 * TAIL
        if not counted.any():
            raise ValueError(f"no variable of {name} has extremes that could be counted: all meet bounds.")
        return cls(levels, shares, counted, 0.0)

    def expected_in(self, truth: Trajectories) -> "_Extremes":
        """The levels, with the shares of other true trajectories beyond them."""
        made = self._replace(shares=_beyond(truth, self.levels).mean(0))
        return made._replace(error=float(made.counts(truth).std() / np.sqrt(len(truth))))

    def counts(self, states: Trajectories) -> Float[np.ndarray, " sample"]:
        """Number of extremes in each trajectory, over the number expected."""
        shares = np.where(self.counted, self.shares, 1.0)
        return (_beyond(states, self.levels) / shares)[:, self.counted].mean(1)


def _beyond(states: Trajectories, levels: Float[np.ndarray, "2 variable"]) -> Bool[np.ndarray, "sample side"]:
    return np.concatenate([states.max(1) > levels[0], states.min(1) < levels[1]], axis=1)


def _fitted(excess: Callable[[float], tuple[float, float]], value: float) -> float | None:
    """Distance of the factor from 1 at which no extremes are in excess; None if none near is found."""
    shift, ahead = 0.0, FIRST_STEP if value < 0 else -FIRST_STEP
    for _ in range(MAX_ROUNDS):
        following, error = excess(ahead)
        if abs(following) <= 0.5 * error:
            return ahead
        slope = (following - value) / (ahead - shift)
        if slope <= 0:
            return None
        shift, value, ahead = ahead, following, ahead - following / slope
        if abs(ahead) > MAX_SHIFT:
            return None
    return None


def _truth(model: Model, key: PRNGKeyArray) -> tuple[Trajectories, Segment | None]:
    """True trajectories, simulated, or the windows that the model was trained on."""
    if model.system is not None:
        return get_system(model.system).simulate_array(key, NUM_SIMULATED), None
    if model.training_data is None:
        raise ValueError(
            f"`model` must be of a registered system, or keep the data that it was trained on; {model.name} does "
            "neither. One of a recording that was saved by an earlier version keeps them once it is trained again."
        )
    return model.training_data.windows, model.training_data


def _drawn(model: Model, key: PRNGKeyArray, num_samples: int) -> Trajectories:
    problem = Problem(key=key, model=model, constraint=None, observations=None, num_steps=model.num_steps)
    noise = draw_noise(sample_keys(key, 0, num_samples), 0, model.latent_shape)
    return np.concatenate(list(latent_map(problem, noise)))
