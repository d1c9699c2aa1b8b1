"""Latent chains leave the conditional law as it is, whatever moves them; mixing is seen."""

import itertools

import jax
import numpy as np
import pytest
from exact_models import mean_event, small_gaussian
from problems import problem_of
from scipy import stats

import kernels
from kernels.probability.base import Population
from kernels.probability.latent import ensemble
from kernels.probability.latent.chains import Chains, Moves, walk
from kernels.probability.latent.convergence import Mixing, mixing_of, worst_mixing
from kernels.probability.latent.direct import latent_map
from kernels.probability.latent.ensemble import extend
from kernels.probability.latent.levels import Run, Scheme, mixing
from kernels.probability.latent.subset_simulation import predicted_calls, subset_simulation
from kernels.statistics.draws import Draws

MOVES = {
    "pcn": Moves(),
    "pcn of many sizes": Moves(spread=0.7),
}
STEPS = 10


def problem(probability=0.1, key=0):
    model, _ = small_gaussian()
    event = mean_event(model, probability, "dpm_solver", STEPS)
    return problem_of(jax.random.key(key), model, event, None, STEPS)


@pytest.fixture(scope="module")
def inside():
    """1024 independent draws of the conditional law of the 10 % event, as chains."""
    asked = problem()
    latents = np.random.default_rng(0).standard_normal((13_312, 8, 1), np.float32)
    states = np.concatenate(list(latent_map(asked, latents)))
    values, holds = asked.judge(states)
    chosen = np.flatnonzero(holds)[:1024]
    return asked, Chains(latents[chosen], states[chosen], values[chosen], holds[chosen])


@pytest.mark.parametrize("name", MOVES)
def test_moves_leave_the_conditional_law_as_it_is(inside, name):
    """C is exponential-like, and its latents are normal across: both before and after."""
    asked, chains = inside
    *_, last = walk(asked, chains, 0.0, jax.random.key(3), MOVES[name])
    assert last.holds.all()
    moved = np.any(last.latents != chains.latents, axis=(1, 2))
    assert moved.mean() > 0.6
    assert stats.ks_2samp(last.values, chains.values).pvalue > 1e-4
    across = np.diff(last.latents[:, :, 0], axis=1) / np.sqrt(2)
    assert abs(across.mean()) < 5 / np.sqrt(across.size)
    states = np.concatenate(list(latent_map(asked, last.latents)))
    np.testing.assert_allclose(states, last.states, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOVES)
def test_subset_simulation_is_right_with_all_moves(name):
    scheme = Scheme(moves=MOVES[name])
    *_, last = subset_simulation(problem(1e-3, 5), 256, scheme=scheme)
    estimate = last.probability
    assert abs(estimate.value - 1e-3) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.3 * estimate.value


def test_states_in_the_event_weigh_what_their_stage_weighs():
    """Weights by the replicates' whole products would count the last factor twice."""
    *_, frequent = subset_simulation(problem(0.3), 64)
    np.testing.assert_array_equal(frequent.population.weights, 1.0)
    assert frequent.population.independent
    *_, rare = subset_simulation(problem(1e-3), 64)
    found, replicates = rare.population, np.array(rare.probability.diagnostics["replicates"])
    assert not found.independent
    masses = np.array([found.weights[found.weights == w].sum() for w in np.unique(found.weights)])
    masses, parts = masses / masses.sum(), replicates / replicates.sum()
    assert len(masses) >= 6
    for mass in masses:  # of one replicate, or of those whose states happen to weigh the same
        sums = [sum(some) for count in (1, 2) for some in itertools.combinations(parts, count)]
        assert np.min(np.abs(np.subtract(sums, mass))) < 1e-9


def mixed_draws(generator, drift=0.0):
    draws = generator.normal(size=(12, 8, 64))
    return draws + drift * np.arange(8)[None, :, None]


def test_mixing_is_seen_and_its_lack_is_said():
    generator = np.random.default_rng(0)
    good = mixing_of(mixed_draws(generator))
    assert good.rhat < 1.02
    assert good.autocorrelation_time < 1.3
    assert good.mixed
    assert good.words() == ""
    bad = mixing_of(mixed_draws(generator, drift=0.4))
    assert bad.rhat > 1.2
    assert "The chains have not mixed (split R̂" in bad.words()
    assert "Take more samples" in bad.words()
    unknown = mixing_of(np.zeros((12, 8, 64)))
    assert np.isnan(unknown.rhat)
    assert unknown.mixed


def test_states_that_have_not_mixed_are_seen_where_c_has():
    """Each group stands in a place of its own in one of three statistics, and C knows nothing of it."""
    generator = np.random.default_rng(2)
    values = generator.normal(size=(12, 8, 64, 3))
    assert worst_mixing(values).mixed
    values[..., 2] += 2.0 * generator.normal(size=(1, 8, 1))
    assert mixing_of(values[..., 0]).mixed
    assert not worst_mixing(values).mixed


def test_the_effective_size_of_copies():
    """Chains that stand in threes at the same place are worth a third of their number."""
    generator = np.random.default_rng(3)
    draws = Draws(np.full(960, 1 / 960), np.repeat(np.arange(8), 120))
    found = [draws.measured(np.repeat(generator.normal(size=(320, 16)), 3, axis=0)) for _ in range(20)]
    assert np.mean(found) == pytest.approx(320, rel=0.15)
    assert draws.measured(generator.normal(size=(960, 16))) > 0.7 * 960
    assert np.isnan(draws.measured(np.ones((960, 2))))
    assert Draws(draws.shares, np.zeros(960, int)).measured(generator.normal(size=(960, 2))) == 1.0
    few = Mixing(1.0, 1.0, 12, ess=20.0)
    assert not few.mixed
    assert "worth 20 independent ones" in few.words()


def test_the_autocorrelation_time_of_a_known_series():
    """An AR(1) with coefficient 0.6 has τ = (1 + 0.6)/(1 − 0.6) = 4."""
    generator = np.random.default_rng(1)
    series = np.empty((40, 8, 200))
    series[0] = generator.normal(size=(8, 200))
    for move in range(1, 40):
        series[move] = 0.6 * series[move - 1] + 0.8 * generator.normal(size=(8, 200))
    assert mixing_of(series).autocorrelation_time == pytest.approx(4.0, abs=0.5)
    assert mixing_of(series[:6]).autocorrelation_time == pytest.approx(4.0, abs=1.0)


def test_the_ensemble_moves_on_until_it_has_mixed(inside):
    """Eight seeds of two kinds: the chains are moved more often than they are from good ones."""
    asked, chains = inside
    good = Population(chains.latents, chains.states, chains.values, np.ones(1024), np.arange(1024))
    *_, settled = extend(asked, good, 256)
    assert settled.fraction == 1.0
    assert settled.mixing.num_moves == 12
    assert settled.mixing.mixed
    order = np.argsort(chains.values)[[0, 1, 2, 3, -4, -3, -2, -1]]
    few = chains.take(order)
    *_, longer = extend(asked, Population(few.latents, few.states, few.values, np.ones(8), np.arange(8)), 256)
    assert longer.mixing.num_moves > 12
    assert stats.ks_2samp(longer.chains.values, chains.values).pvalue > 1e-4


def test_predicted_calls_grow_with_what_is_asked():
    one = predicted_calls(1e-3, 512, 30)
    assert one == 4 * 512 * 6 * 30
    assert predicted_calls(1e-3, 64, 30, relative_error=0.01) > 10 * predicted_calls(1e-3, 64, 30)


def test_the_exact_ensemble_says_whether_it_has_mixed(monkeypatch):
    model, _ = small_gaussian()
    event = mean_event(model, 0.006, "unipc", 30)
    dataset = kernels.sample(jax.random.key(0), model, event=event, method="exact", num_samples=256)
    assert dataset.attrs["rhat"] < 1.1
    assert dataset.attrs["autocorrelation_time"] >= 1
    assert dataset.attrs["mixing"] == "mixed"
    assert dataset.attrs["ess"] == dataset.attrs["effective_size"] <= 256
    assert len(np.unique(dataset["replicate"])) > 8
    monkeypatch.setattr(ensemble, "worst_mixing", lambda values: Mixing(1.5, 9.0, len(values)))
    spec = kernels.RunSpec(model=model, event=event, method="exact", num_samples=64, num_steps=10)
    *_, last = kernels.stream(spec)
    assert "have not mixed (split R̂ 1.50 after 36 moves" in last.message
    assert "have not mixed" in last.dataset.attrs["mixing"]


def test_chains_from_a_few_states_are_not_said_to_be_worth_more(inside):
    """They all agree with each other; whether the event has another part, none of them can know."""
    asked, chains = inside
    three = chains.take(np.array([0, 1, 2]))
    alone = Population(three.latents, three.states, three.values, np.ones(3), np.arange(3))
    *_, grown = extend(asked, alone, 128)
    assert grown.mixing.ess <= 3
    np.testing.assert_array_equal(np.unique(grown.replicate), [0, 1, 2])
    assert not grown.mixing.mixed


def test_mixing_is_that_of_the_runs_which_came_to_the_last_stage():
    there, dead = object.__new__(Run), object.__new__(Run)
    there.products, there.last_values = np.ones(8), np.random.default_rng(0).normal(size=(6, 8, 16))
    dead.products, dead.last_values = np.zeros(8), np.zeros((0, 8, 16))
    assert mixing([there, dead]).rhat == mixing([there]).rhat
    assert np.isnan(mixing([dead]).rhat)


def test_direct_samples_that_settle_an_event_can_be_stopped_between_chunks():
    """A record for each chunk of 256, so that whoever reads may stop there."""
    records = list(subset_simulation(problem(0.3), 1024))
    settling = [record for record in records if "settle it" in record.message]
    assert len(settling) > 20
    assert all(a.fraction <= b.fraction for a, b in itertools.pairwise(records))


@pytest.mark.parametrize(("num_samples", "status"), [(1, "few_chains"), (128, "few_chains"), (256, "ok")])
def test_few_chains_are_said(num_samples, status):
    *_, rare = subset_simulation(problem(1e-2), num_samples)
    assert rare.probability.status == status, rare.probability.message
    assert ("Take 256 samples or more" in rare.probability.message) == (status != "ok")
    *_, frequent = subset_simulation(problem(0.3), num_samples)  # direct samples settle it
    assert frequent.probability.status == ("few_chains" if num_samples == 1 else "ok")


def test_eight_replicates_that_agree_end_nothing():
    """The first batch has the error that is asked for, and another is drawn; a budget for one is kept to."""
    asked = problem(1e-3, key=0)
    *_, one = subset_simulation(asked, 256)
    wanted = 1.01 * one.probability.standard_error / one.probability.value
    *_, two = subset_simulation(asked, 256, relative_error=wanted, max_calls=10**9)
    assert len(one.probability.diagnostics["replicates"]) == 8
    assert len(two.probability.diagnostics["replicates"]) >= 16
    *_, bound = subset_simulation(asked, 256, relative_error=wanted, max_calls=one.probability.num_calls)
    assert len(bound.probability.diagnostics["replicates"]) == 8
