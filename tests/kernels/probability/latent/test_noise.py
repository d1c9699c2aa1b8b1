"""Observations with a Gaussian error: rejection, chains and ensembles against the closed form of an AR(1)."""

import jax
import numpy as np
import pytest
from exact_models import short_autoregression
from scipy import stats

import kernels
from kernels.probability.latent.known import KNOWN, widths_of_chains

COVARIANCE = 0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
SEEN = (0, 1.0, 0.3), (5, -0.5, 0.3)  # time, value and standard deviation of what was observed


@pytest.fixture(scope="module")
def short():
    return short_autoregression(2)[0]


def text(seen):
    return " and ".join(f"at(x, {time}) == {value} noise {error}" for time, value, error in seen)


def posterior(seen):
    """Mean (10,) and covariance (10, 10) of the process given what was observed."""
    times, values, errors = map(np.array, zip(*seen, strict=True))
    gain = np.linalg.solve(COVARIANCE[np.ix_(times, times)] + np.diag(np.square(errors)), COVARIANCE[times]).T
    return gain @ values, COVARIANCE - gain @ COVARIANCE[times]


def conditional(seen, threshold):
    """P(mean(x) > threshold | what was observed)."""
    mean, covariance = posterior(seen)
    return float(stats.norm.sf((threshold - mean.mean()) / np.sqrt(covariance.mean())))


def ask(seed, model, seen, threshold, **choices):
    event = f"mean(x) > {threshold}"
    return kernels.event_probability(jax.random.key(seed), model, event, given=text(seen), **choices)


def test_direct_samples_are_kept_by_the_likelihood_of_what_was_observed(short):
    seen = ((0, 1.0, 0.5),)
    found = ask(0, short, seen, 0.8, method="monte_carlo", num_samples=8192)
    assert abs(found.value - conditional(seen, 0.8)) < 4 * found.standard_error
    share = np.sqrt(0.25 / 1.25) * np.exp(-0.5 / 1.25)  # E exp(−(x − 1)² / 0.5)
    drawn = found.diagnostics["num_drawn"]
    assert abs(found.diagnostics["num_samples"] - share * drawn) < 4 * np.sqrt(share * drawn)


@pytest.mark.parametrize("level", [2.5 * KNOWN, KNOWN, -0.3, 0.0], ids=["below", "known", "above", "event"])
def test_widths_of_chains_follow_their_law_given_where_they_stand(short, level):
    problem = kernels.RunSpec(model=short, event="max(x) > 2", given=text(SEEN[:1])).problem(
        jax.random.key(0)
    )
    states = np.zeros((4000, 10, 1), np.float32)
    states[:, 0, 0] = np.linspace(-2, 2, 4000)
    widths = widths_of_chains(problem, states, level, jax.random.key(1))
    assert widths is not None
    slack = 1.5 if level < KNOWN else 0.0
    beyond = np.maximum(np.abs(states[:, :1, 0] - 1.0) - slack, 0.0)
    assert (widths >= beyond - 1e-6).all()
    excess = (widths**2 - beyond**2) / (2 * 0.3**2)
    assert stats.kstest(excess.ravel(), "expon").pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("seen", "threshold"), [(SEEN, 0.8), (((0, 1.0, 0.5),), 1.5)], ids=["two", "one"])
def test_chains_through_what_was_observed_agree_with_the_closed_form(short, seen, threshold):
    truth = conditional(seen, threshold)
    found = [
        ask(seed, short, seen, threshold, method="subset_simulation", num_samples=512) for seed in range(5)
    ]
    found = [one for one in found if one.status == "ok"]
    assert len(found) >= 4
    errors = [(one.value - truth) / one.standard_error for one in found]
    assert np.sqrt(np.mean(np.square(errors))) < 2.0
    assert abs(np.mean([one.value for one in found]) / truth - 1) < 0.15
    assert [one.interval[0] <= truth <= one.interval[1] for one in found].count(False) <= 1


@pytest.mark.slow
def test_exact_ensembles_have_the_law_given_what_was_observed(short):
    mean, covariance = posterior(SEEN)
    spec = kernels.RunSpec(model=short, given=text(SEEN), method="exact", num_samples=1024)
    states = kernels.run(spec).dataset.state.values[:, :, 0]
    np.testing.assert_allclose(states.mean(axis=0), mean, atol=0.13)
    np.testing.assert_allclose(states.std(axis=0), np.sqrt(np.diag(covariance)), rtol=0.15)
    slope = covariance.mean(axis=1) / covariance.mean()
    high = mean + slope * np.sqrt(covariance.mean()) * stats.norm.pdf(2.5) / stats.norm.sf(2.5)
    event = f"mean(x) > {mean.mean() + 2.5 * np.sqrt(covariance.mean())}"
    spec = kernels.RunSpec(model=short, event=event, given=text(SEEN), method="exact", num_samples=512)
    states = kernels.run(spec).dataset.state.values[:, :, 0]
    np.testing.assert_allclose(states.mean(axis=0), high, atol=0.15)
