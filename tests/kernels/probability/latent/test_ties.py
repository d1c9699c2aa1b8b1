"""Events on values that come again and again: whole numbers, and a bound with a share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.denoisers.exact import GaussianDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.models import Model
from kernels.training.margins import fit_margins
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

KEY, NUM_TIMES = jax.random.key(0), 6


def model_of(series: np.ndarray) -> Model:
    """Exact model of independent values with a record's margins."""
    margins = fit_margins(series[:, None], ["v"]).margins
    width = margins.num_scores
    law = GaussianLaw.from_moments(np.zeros((NUM_TIMES, width)), np.eye(NUM_TIMES * width))
    return Model(
        denoiser=GaussianDenoiser(law=law),
        layout=Layout(("v",), np.arange(float(NUM_TIMES))),
        standardizer=Standardizer(jnp.zeros(width), jnp.ones(width), margins=margins),
        initial=law,
    )


@pytest.fixture(scope="module")
def whole():
    """Temperatures in whole degrees, two or three of which are one spread."""
    return model_of(np.round(np.random.default_rng(0).normal(20.0, 2.5, 4000)))


@pytest.fixture(scope="module")
def rain():
    generator = np.random.default_rng(0)
    return model_of(np.round(generator.gamma(0.8, 6.0, 4000), 1) * (generator.random(4000) < 0.4))


def exceeded(model: Model, level: float) -> float:
    """P(v > level) at one time: that of the score beyond which values are above the level."""
    scores = jnp.linspace(-6.0, 6.0, 120_001)[:, None]
    values = np.asarray(model.standardizer.margins.values(scores))[:, 0]
    return float(stats.norm.sf(float(scores[np.argmax(values > level), 0])))


@pytest.mark.parametrize(
    ("level", "strict"), [(29.0, False), pytest.param(31.0, True, marks=pytest.mark.slow)]
)
def test_subset_simulation_counts_ties_exactly(whole, level: float, strict: bool):
    one = exceeded(whole, level if strict else level - 0.5)
    truth = 1.0 - (1.0 - one) ** NUM_TIMES
    event = f"max(v) {'>' if strict else '>='} {level}"
    found = kernels.event_probability(KEY, whole, event, method="subset_simulation", num_samples=512)
    assert found.status == "ok"
    assert found.value == pytest.approx(truth, rel=4 * found.standard_error / found.value)
    assert found.standard_error < 0.4 * found.value


@pytest.mark.slow
def test_above_a_level_and_at_or_above_it_differ_by_the_share_at_it(whole, rain):
    above, from_it = (
        kernels.event_probability(KEY, whole, f"at(v, 0) {sign} 21", method="monte_carlo", num_samples=4096)
        for sign in (">", ">=")
    )
    share = exceeded(whole, 20.5) - exceeded(whole, 21.0)
    assert from_it.value - above.value == pytest.approx(share, abs=0.03)
    wet = kernels.event_probability(KEY, rain, "max(v) > 0", method="monte_carlo", num_samples=4096)
    always = kernels.event_probability(KEY, rain, "max(v) >= 0", method="monte_carlo", num_samples=4096)
    assert wet.value == pytest.approx(1.0 - 0.6**NUM_TIMES, abs=0.03)
    assert always.value == 1.0


def test_rare_rain_is_found_by_chains_and_dry_spells_too(rain):
    heavy = kernels.event_probability(KEY, rain, "max(v) > 45", method="subset_simulation", num_samples=512)
    occurs = float(stats.norm.sf(float(rain.standardizer.margins.atoms[0, 0])))
    scores = jnp.stack([jnp.linspace(-6.0, 6.0, 200_001), jnp.full(200_001, 6.0)], axis=1)
    values = np.asarray(rain.standardizer.margins.values(scores))[:, 0]
    one = occurs * float(stats.norm.sf(float(scores[np.argmax(values > 45), 0])))
    truth = 1.0 - (1.0 - one) ** NUM_TIMES
    assert heavy.value == pytest.approx(truth, rel=4 * heavy.standard_error / heavy.value)
    dry = kernels.event_probability(KEY, rain, "always(v <= 0)", method="subset_simulation", num_samples=512)
    assert dry.value == pytest.approx((1.0 - occurs) ** NUM_TIMES, rel=4 * dry.standard_error / dry.value)
