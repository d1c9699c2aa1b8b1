"""Calibration: a model whose scores are off at one time gets the record's one-time law."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from kernels.denoisers.exact import GaussianDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.models import Model
from kernels.probability.base import Problem
from kernels.probability.latent.direct import direct_samples
from kernels.recordings.windows import Segment
from kernels.training.calibration import calibrated
from kernels.training.margins import fit_margins
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

NUM_TIMES = 6


def model_of(series: np.ndarray, spread: float, shift: float) -> Model:
    """Model of independent values whose scores have another spread and mean than the record's."""
    margins = fit_margins(series[:, None], ["v"]).margins
    width = margins.num_scores
    law = GaussianLaw.from_moments(np.full((NUM_TIMES, width), shift), spread**2 * np.eye(NUM_TIMES * width))
    units = Standardizer(jnp.zeros(width), jnp.ones(width), margins=margins)
    rows = series.astype(np.float32)[:, None]
    return Model(
        denoiser=GaussianDenoiser(law=law),
        layout=Layout(("v",), np.arange(float(NUM_TIMES))),
        standardizer=units,
        initial=law,
        training_data=Segment(rows, np.arange(0, len(rows) - NUM_TIMES, 3), NUM_TIMES),
    )


def drawn(model: Model) -> np.ndarray:
    problem = Problem(key=jax.random.key(1), model=model, constraint=None, observations=None, num_steps=40)
    return np.concatenate(list(direct_samples(problem, 8192))).ravel()


@pytest.mark.slow
@pytest.mark.parametrize(("spread", "shift"), [(1.1, 0.0), (0.93, 0.1)])
def test_the_one_time_law_becomes_the_record_s(spread: float, shift: float):
    series = np.asarray(stats.lognorm.rvs(0.8, size=6000, random_state=0))
    before = model_of(series, spread, shift)
    wrong, right = drawn(before), drawn(calibrated(before))
    for p in (0.02, 0.5, 0.98):
        level = np.quantile(series, p)
        share = np.mean(right <= level)
        assert share == pytest.approx(p, abs=0.006)
        assert abs(np.mean(wrong <= level) - p) > abs(share - p)


def test_a_bound_has_the_share_that_it_has_in_the_record():
    generator = np.random.default_rng(0)
    series = generator.gamma(1.0, 5.0, 6000) * (generator.random(6000) < 0.4)
    right = drawn(calibrated(model_of(series, 1.08, 0.1)))
    assert np.mean(right == 0) == pytest.approx(np.mean(series == 0), abs=0.01)
    assert np.mean(right[right > 0]) == pytest.approx(series[series > 0].mean(), rel=0.02)


def test_a_model_without_margins_stays_as_it_is(ar1):
    model = dataclasses.replace(
        ar1[0], training_data=Segment(np.zeros((90, 2), np.float32), np.arange(3), 40)
    )
    assert calibrated(model) is model
