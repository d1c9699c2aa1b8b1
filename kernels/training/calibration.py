"""Calibration of a trained model's one-time law: its scores at one time made those of the record.

The margins give a model the record's one-time law if its scores are as they were in training. A network leaves their
spread a percent or two off, which is a tenth of the probability of a thousand-year value. Mean and spread of each score
over direct samples are compared with those over training windows, both found from values in the same way, and the map
between standardised units and scores takes up the difference; so does the share of a bound that has an occurrence.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.latent.direct import direct_samples
from kernels.trajectories.margins import FARTHEST, Margins

__all__ = ["calibrated"]

NUM_SAMPLES = 4096
MOST = 1.2  # factor of a spread; a model that is further off has more to learn
LEAST_SHARE = 1e-3  # of a bound, of which samples tell enough


def calibrated(model: Model, seed: int = 0) -> Model:
    """Model whose one-time scores have the mean and the spread that they have in the training windows.

    Models without margins or training data, and those that know first states, stay as they are.
    """
    standardizer, margins = model.standardizer, model.standardizer.margins
    if margins is None or model.training_data is None or model.num_known:
        return model
    problem = Problem(
        key=jax.random.key(seed), model=model, constraint=None, observations=None, num_steps=model.num_steps
    )
    drawn = np.concatenate(list(direct_samples(problem, NUM_SAMPLES)))
    moments = [_moments(margins, states) for states in (drawn, model.training_data.windows)]
    (mean, spread, shares), (true_mean, true_spread, true_shares) = moments
    ratio = np.clip(true_spread / spread, 1.0 / MOST, MOST)
    scale = np.asarray(standardizer.scale, np.float64) * ratio
    shift = (np.asarray(standardizer.mean, np.float64) - mean) * ratio + true_mean
    shift += scale * (ndtri(shares) - ndtri(true_shares))
    changed = standardizer._replace(
        mean=jnp.asarray(shift, jnp.float32), scale=jnp.asarray(scale, jnp.float32)
    )
    return dataclasses.replace(model, standardizer=changed)


def _moments(
    margins: Margins, states: Float[np.ndarray, "sample time variable"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and spread of each score, 0 and 1 of occurrences, and the share at each occurrence's bound, else ½."""
    count, width = margins.first.shape[0], margins.num_scores
    mean, spread, share = np.zeros(width), np.ones(width), np.full(width, 0.5)
    rows = states.reshape(-1, count)
    scores = np.asarray(margins.scores(jnp.asarray(rows)), np.float64)
    rows = np.asarray(margins.differences(jnp.asarray(rows)))
    channels, bounds = np.asarray(margins.channels).astype(int), np.asarray(margins.bounds)
    for variable in range(count):
        inner = np.ones(len(rows), bool)
        for end in range(2):
            channel = channels[variable, end]
            if channel == variable:
                continue
            at = rows[:, variable] == bounds[variable, end]
            inner &= ~at
            below = at if end == 0 else ~at
            share[channel] = np.clip(np.mean(below), LEAST_SHARE, 1.0 - LEAST_SHARE)
        found = np.clip(scores[inner, variable], -FARTHEST, FARTHEST)
        if inner.any() and found.std() > 0:
            mean[variable], spread[variable] = found.mean(), found.std()
    return mean, spread, share
