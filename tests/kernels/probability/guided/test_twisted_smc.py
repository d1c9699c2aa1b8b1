"""Twisted SMC: unbiased on tails of one mode, honest about the rest."""

import jax
import numpy as np
import pytest
from exact_models import linear_event, separated_modes, separated_tail, short_autoregression, tail
from problems import problem_of

import kernels
from kernels.probability.guided import twisted_smc as module
from kernels.probability.guided.direct_check import MIN_DIRECT, DirectCheck
from kernels.probability.guided.twisted_smc import Islands, estimate_from_islands
from kernels.probability.latent.direct import CHUNK
from kernels.probability.resampling import systematic


def ask(key, model, event, **options):
    return kernels.event_probability(jax.random.key(key), model, event, method="twisted_smc", **options)


@pytest.mark.parametrize("deviations", [1.0, 2.0, 3.0])
def test_linear_events_of_a_gaussian(ar1, deviations):
    model, covariance = ar1
    estimate = ask(0, model, linear_event(covariance, deviations)[0], num_samples=300)
    assert abs(estimate.value - tail(deviations)) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.1 * estimate.value
    assert estimate.status == ("ok" if deviations < 3 else "uncorroborated"), estimate.message
    assert estimate.method == "twisted_smc"
    assert len(estimate.diagnostics["islands"]) == 10
    assert estimate.value == pytest.approx(np.mean(estimate.diagnostics["islands"]))


def test_an_equality_whose_twist_is_a_density_and_no_probability():
    """ψ ends far from 1 here, so that a last weight without it would be wrong by a factor."""
    model, _ = short_autoregression(10)
    spread = np.sqrt(np.mean(0.8 ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))))
    truth = tail(0.7 / spread) - tail(0.9 / spread)
    estimate = ask(0, model, "mean(x) == 0.8 tolerance 0.1", num_samples=500)
    assert abs(estimate.value - truth) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.1 * truth
    assert 0.5 < estimate.diagnostics["hit_rate"] < 1
    assert estimate.diagnostics["psi_start"] is None


def test_an_event_that_needs_resampling():
    """The twist of a maximum is wrong at high noise by an order of magnitude; the weights repair it."""
    model, maxima = short_autoregression()
    truth = float(np.mean(maxima > 2.0))
    estimate = ask(3, model, "max(x) > 2", num_samples=500)
    assert estimate.diagnostics["resamplings"] > 0.5
    assert estimate.diagnostics["psi_start"] < 0.5 * truth
    assert abs(estimate.value - truth) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.25 * truth


@pytest.mark.slow
def test_error_bars_are_calibrated_over_60_replicates():
    model, maxima = short_autoregression()
    truth = float(np.mean(maxima > 2.0))
    found = [ask(100 + i, model, "max(x) > 2", num_samples=200) for i in range(60)]
    values, errors = np.array([e.value for e in found]), np.array([e.standard_error for e in found])
    covered = np.mean([e.interval[0] <= truth <= e.interval[1] for e in found])
    assert abs(values.mean() - truth) < max(0.05 * truth, 3 * values.std() / np.sqrt(60))
    assert 0.88 <= covered <= 1.0
    assert 0.75 < errors.mean() / values.std(ddof=1) < 1.35


def test_separated_modes_are_missed_and_the_status_says_so():
    truth = separated_tail(3.54)
    assert truth == pytest.approx(1e-3, rel=0.05)
    found = [ask(key, separated_modes(), "mean(x) > 3.54", num_samples=300) for key in range(4)]
    values = [estimate.value for estimate in found]
    assert max(values) > 10 * min(
        values
    )  # what the method fails at: mostly far too small, now and then too large
    assert np.median(values) < truth
    for estimate in found:
        assert estimate.status == "unreliable"
        assert "Use subset simulation" in estimate.message


def test_small_islands_understate_the_error_and_say_so(ar1):
    estimate = ask(0, ar1[0], "mean(x) > 0.5", num_samples=100, num_steps=20)
    assert estimate.status == "unreliable"
    assert "10 particles an island" in estimate.message


@pytest.mark.slow
def test_complementary_events_add_up(ar1):
    model, _ = ar1
    inside, outside = (ask(3, model, text, num_samples=400) for text in ("mean(x) > 0.7", "mean(x) <= 0.7"))
    error = np.hypot(inside.standard_error, outside.standard_error)
    assert abs(inside.value + outside.value - 1) < 5 * error
    assert error < 0.05


def test_impossible_and_certain_events(ar1):
    never = ask(0, ar1[0], "max(abs(x)) < -1", num_samples=100, num_steps=20)
    assert never.value == 0.0
    assert never.status == "no_hits"
    assert never.interval == (0.0, pytest.approx(3 / MIN_DIRECT))
    assert "rule of three" in never.message
    always = ask(0, ar1[0], "max(abs(x)) > -1", num_samples=100, num_steps=20)
    assert always.value == pytest.approx(1.0, abs=0.05)
    assert np.isfinite([always.standard_error, *always.interval, always.ess]).all()


def test_what_is_known_conditions_the_estimate(ar1):
    model, _ = ar1
    estimate = ask(1, model, "at(x, 0.5) > 1", given="at(x, 0) == 1 tolerance 0.05", num_samples=200)
    variance = 1 - 0.9**2  # of the second value given the first; the tolerance adds little
    assert abs(estimate.value - tail((1 - 0.9) / np.sqrt(variance))) < 5 * estimate.standard_error + 0.01


@pytest.mark.slow
def test_islands_do_not_depend_on_how_they_are_grouped(monkeypatch):
    model, _ = short_autoregression()
    together = ask(5, model, "max(x) > 2", num_samples=80, num_steps=10)
    monkeypatch.setattr(module, "CHUNK", 8)  # each island alone, and in two batches
    alone = ask(5, model, "max(x) > 2", num_samples=80, num_steps=10)
    np.testing.assert_allclose(together.diagnostics["islands"], alone.diagnostics["islands"], rtol=1e-3)
    assert len(set(together.diagnostics["islands"])) == 10


def test_it_reports_progress_and_can_be_closed(ar1, monkeypatch):
    steps = []
    original = module.shifted_step
    monkeypatch.setattr(module, "shifted_step", lambda *a: steps.append(1) or original(*a))
    problem = problem_of(jax.random.key(0), ar1[0], "mean(x) > 1", None)
    records = module.twisted_smc(problem, 100, 10)
    checking = MIN_DIRECT // CHUNK  # records of direct samples come first
    fractions = [next(records).fraction for _ in range(checking + 4)]
    records.close()
    assert 0 < len(steps) < 5
    assert fractions == sorted(fractions)
    *_, last = module.twisted_smc(problem, 100, 10)
    assert last.fraction == 1.0
    assert last.probability.num_calls == 100 * 10 + MIN_DIRECT * 60


def islands(values, **changed):
    count = len(values)
    fields = {
        "log_values": np.log(np.maximum(values, 1e-300)),
        "log_start": np.log(np.full(count, 0.01)),
        "hit_rates": np.ones(count),
        "ess": np.full(count, 40.0),
        "ancestors": np.full(count, 0.9),
        "resamplings": np.ones(count, int),
    }
    fields["log_values"] = np.where(np.asarray(values) > 0, fields["log_values"], -np.inf)
    return Islands(**fields | changed)


EVEN = [0.01, 0.012, 0.009, 0.011, 0.01, 0.008, 0.01, 0.011, 0.009, 0.01]
SILENT = DirectCheck(20, 2048)


@pytest.mark.parametrize(
    ("found", "check", "words"),
    [
        (islands(EVEN), DirectCheck(40, 1024), "40 of 1024 direct samples"),
        (islands([0.02] * 4 + [0.0] * 6), SILENT, "only 4 of 10 islands"),
        (islands([0.09] + [0.001] * 9), SILENT, "islands disagree"),
        (islands(EVEN, hit_rates=np.full(10, 0.05)), SILENT, "only 5% of the particles"),
        (islands(EVEN, ancestors=np.full(10, 0.1)), SILENT, "descend from 10% of the first"),
        (islands(EVEN, log_start=np.full(10, np.log(1e-5))), SILENT, "expected 1e-05 at the start"),
    ],
)
def test_each_sign_of_trouble_is_named(found, check, words):
    assert estimate_from_islands(islands(EVEN), SILENT, 0).status == "ok"
    estimate = estimate_from_islands(found, check, 0)
    assert estimate.status == "unreliable"
    assert words in estimate.message
    assert "Use subset simulation" in estimate.message


def test_islands_without_particles_count_as_zeros():
    estimate = estimate_from_islands(islands([0.02] * 8 + [0.0] * 2), SILENT, 0)
    assert estimate.value == pytest.approx(0.016)
    assert estimate.standard_error == pytest.approx(np.std([0.02] * 8 + [0.0] * 2, ddof=1) / np.sqrt(10))


def test_small_answers_that_direct_samples_cannot_check_are_uncorroborated():
    small = islands(np.array(EVEN) * 1e-3, log_start=np.full(10, np.log(1e-5)))
    estimate = estimate_from_islands(small, DirectCheck(0, 1024), 0)
    assert estimate.status == "uncorroborated"
    assert (
        "0 hits of 1024 samples without guidance do not rule out an error of a factor of 2"
        in estimate.message
    )
    assert "Compare it with subset simulation" in estimate.message
    assert "Compare it" not in estimate_from_islands(islands(EVEN), SILENT, 0).message


def test_direct_samples_contradict_what_they_make_implausible():
    assert DirectCheck(0, 1000).contradicts(0.02, 0.05)
    assert DirectCheck(30, 1000).contradicts(0.001, 0.01)
    assert not DirectCheck(10, 1000).contradicts(0.005, 0.02)
    assert not DirectCheck(0, 1000).contradicts(1e-5, 1e-4)


@pytest.mark.parametrize(("hits", "corroborated"), [(4, False), (12, False), (20, True), (30, False)])
def test_what_direct_samples_corroborate(hits, corroborated):
    """Of 2,000 samples 20 are expected at 0.01; 12 and 30 are possible there, and at half of it or twice, too."""
    assert DirectCheck(hits, 2000).corroborates(0.01) == corroborated
    assert not DirectCheck(2, 200).corroborates(0.01)  # as it should be, but too few to tell


def test_a_wrong_half_is_hardly_ever_corroborated():
    """Where the truth is twice the estimate, one check in 40 is fooled at most."""
    hits = np.random.default_rng(0).binomial([[1000], [4000], [16_000]], 0.01, (3, 4000))
    for total, row in zip((1000, 4000, 16_000), hits, strict=True):
        fooled = np.mean([DirectCheck(int(one), total).corroborates(0.005) for one in row])
        assert fooled < 0.033


def test_weights_that_are_not_finite_are_a_numerical_error():
    particles = module._Particles(1, 4, [jax.random.key(0)])
    with pytest.raises(FloatingPointError, match="particle weights are not finite"):
        particles.multiply(np.array([0.0, np.nan, 0.0, 0.0], np.float32))


def test_too_few_particles_are_refused(ar1):
    with pytest.raises(ValueError, match="at least 80 for twisted smc; got 79"):
        ask(0, ar1[0], "max(x) > 1", num_samples=79)


def test_systematic_resampling_keeps_proportions():
    weights = np.array([0.0, 0.5, 0.1, 0.4, 0.0])
    generator = np.random.default_rng(0)
    draws = [systematic(weights, 8, generator.uniform()) for _ in range(2000)]
    counts = np.array([np.bincount(draw, minlength=5) for draw in draws])
    assert (np.abs(counts - 8 * weights) < 1).all()
    np.testing.assert_allclose(counts.mean(0), 8 * weights, atol=0.05)
    assert systematic(weights, 8, np.nextafter(1.0, 0.0)).max() == 3


def test_what_is_certain_without_steering_is_as_sure_as_direct_samples_say(ar1):
    always = ask(0, ar1[0], "max(x) > -100", num_samples=100, num_steps=20)
    assert always.interval == (pytest.approx(1 - 3 / MIN_DIRECT), 1.0)
    assert always.ess <= MIN_DIRECT
