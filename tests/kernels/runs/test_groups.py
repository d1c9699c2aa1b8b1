"""Probability by season, and of two conditions: shared samples, paired errors, and refusals in words."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from kernels.denoisers.conditional import ConditionalDenoiser, padded, regressed
from kernels.diffusion.gaussian import GaussianLaw
from kernels.networks.sizing import network_config
from kernels.recordings.conditions import Conditions
from kernels.recordings.windows import Segment
from kernels.training.loop import initialize
from kernels.trajectories.datasets import to_dataset

KEY = jax.random.key(0)
TIMES = 4


@pytest.fixture(scope="module")
def model():
    """Untrained network of a record whose mean goes round with the year and rises with a covariate: a Gaussian."""
    rng, count = np.random.default_rng(0), 6000
    day = rng.uniform(1, 366, count)
    month = np.minimum(np.floor((day - 1) / 365.2425 * 12) + 1, 12)
    warm = rng.normal(size=count)
    raw = np.stack([month, day, np.zeros(count), rng.integers(1, 8, count), warm], 1)
    level = -2 * np.cos(2 * np.pi * (day - 1) / 365.2425) + 0.5 * warm
    windows = (level[:, None] + rng.normal(size=(count, TIMES)))[..., None].astype(np.float32)
    conditions = Conditions.of(raw, ("year",), ("warm",))
    features = conditions.features(raw)
    plain = initialize(
        network_config(TIMES, 1, num_conditions=conditions.num_features, num_samples=count),
        GaussianLaw.fit(windows),
        jax.random.key(1),
    )
    table = padded(conditions.features(conditions.rows))
    denoiser = ConditionalDenoiser(plain.graph, plain.params, plain.law, regressed(windows, features), *table)
    part = Segment(windows[:2000].reshape(-1, 1), np.arange(0, 8000, TIMES), TIMES, None, raw[:2000])
    return kernels.Model(
        denoiser=denoiser,
        layout=kernels.Layout(variables=("x",), times=np.arange(float(TIMES))),
        standardizer=kernels.Standardizer.identity(1),
        initial=denoiser.law,
        card={"name": "seasonal", "num_steps": 8},
        training_data=part,
        held_out=dataclasses.replace(part),
        conditions=conditions,
    )


def test_each_month_has_its_own_probability_from_shared_samples(model):
    found = kernels.probability_by(KEY, model, "mean(x) > 0", "month", num_samples=3000, rare=False)
    assert [group.when for group in found.groups] == [f"month == {month}" for month in range(1, 13)]
    assert sum(group.estimate.diagnostics["num_samples"] for group in found.groups) == 3000
    values = {group.name: group.estimate.value for group in found.groups}
    assert values["January"] < 0.05 < 0.9 < values["July"]
    inside, known = found.inside
    assert known == 12
    assert inside >= 10
    assert found.to_dict()["groups"][0]["record"]["method"] == "training_data"
    seasons = kernels.probability_by(KEY, model, "mean(x) > 0", "season", num_samples=1000, rare=False)
    assert next(group.when for group in seasons.groups) == "month in 12..2"


@pytest.mark.slow
def test_a_group_is_restricted_like_the_run(model):
    warm, cold = (
        kernels.probability_by(
            KEY, model, "mean(x) > 0", when=f"warm == {value}", num_samples=3000, rare=False
        )
        for value in (1.5, -1.5)
    )
    assert warm.groups[3].estimate.value > cold.groups[3].estimate.value + 0.2


@pytest.mark.slow
def test_rare_groups_go_on_by_chains_and_stop_where_they_are_out_of_reach(model):
    found = kernels.probability_by(KEY, model, "min(x) > 2.6", "season", num_samples=1000)
    rare = {group.name: group.estimate for group in found.groups}
    assert rare["December to February"].value == 0
    assert (
        "too rare" in rare["December to February"].message
        or "far beyond" in rare["December to February"].message
    )
    chained = [estimate for estimate in rare.values() if estimate.method == "subset_simulation"]
    assert chained
    assert all(estimate.value > 0 for estimate in chained)


@pytest.mark.slow
def test_two_conditions_are_paired(model):
    found = kernels.compare_probabilities(
        KEY, model, "mean(x) > 0", when=("month in 6..8", {"month": (3, 5)})
    )
    first, second = found.estimates
    assert found.paired
    assert found.when == ("month in 6..8", "month in 3..5")
    assert found.ratio == pytest.approx(first.value / second.value)
    assert found.ratio_interval[0] < found.ratio < found.ratio_interval[1]
    assert found.difference == pytest.approx(first.value - second.value)
    width = found.difference_interval[1] - found.difference_interval[0]
    assert width < 2 * 1.96 * np.hypot(first.standard_error, second.standard_error)
    again = kernels.compare_probabilities(KEY, model, "mean(x) > 0", when=("month in 3..5", "month in 6..8"))
    assert again.ratio == pytest.approx(1 / found.ratio)


@pytest.mark.slow
def test_without_hits_the_ratio_has_bounds(model, monkeypatch):
    def none(problem, num_samples):
        return kernels.estimate(KEY, problem.model, "mean(x) > 9", method="monte_carlo", num_samples=64)

    monkeypatch.setattr("kernels.runs.contrast.auto", none)
    found = kernels.compare_probabilities(KEY, model, "mean(x) > 9", when=("month == 7", "month == 1"))
    assert not found.paired
    assert found.to_dict()["ratio"] is None
    assert found.ratio_interval[0] == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: kernels.probability_by(KEY, m, "mean(x) > 0", "moth"), "Did you mean 'month'"),
        (
            lambda m: kernels.probability_by(KEY, m, "mean(x) > 0", "hour"),
            "needs a model that knows the hour",
        ),
        (lambda m: kernels.probability_by(KEY, "lorenz63", "mean(x) > 0"), "knows no season"),
        (
            lambda m: kernels.compare_probabilities(KEY, m, "x > 0", when=("", " ")),
            "two different conditions",
        ),
    ],
    ids=["typo", "unknown", "no-season", "same"],
)
def test_what_cannot_be_asked_is_refused(model, call, words):
    with pytest.raises(ValueError, match=words):
        call(model)


@pytest.mark.slow
def test_the_likelihood_takes_the_conditions_of_the_trajectories(model):
    part = model.training_data
    chosen = part.windows[:4]
    data = to_dataset(chosen, model.layout)
    with pytest.raises(ValueError, match="must tell start, warm of each trajectory"):
        kernels.log_likelihood(model, data)
    found = kernels.log_likelihood(model, data, conditions=part.conditions[:4])
    given = model.denoiser.given(jnp.asarray(model.conditions.features(part.conditions[:4])))
    mean = np.asarray(given.law.mean, np.float64).reshape(4, -1)
    basis, variances = np.asarray(given.law.basis, np.float64), np.asarray(given.law.variances, np.float64)
    inside = (chosen.reshape(4, -1) - mean) @ basis
    spreads = variances + 0.002**2
    exact = -0.5 * np.sum(inside**2 / spreads + np.log(2 * np.pi * spreads), axis=1)
    np.testing.assert_allclose(found, exact, atol=0.02)
    days = np.datetime64("2001-01-01") + (np.floor(part.conditions[:4, 1]) - 1).astype("timedelta64[D]")
    dated = data.assign_coords(start=("sample", days), warm=("sample", part.conditions[:4, 4]))
    np.testing.assert_allclose(kernels.log_likelihood(model, dated), exact, atol=0.15)
