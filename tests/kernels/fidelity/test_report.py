"""Reports: an exact model of the truth misses nothing, a wrong one says what it misses."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy import stats

import kernels
from kernels.diffusion.gaussian import GaussianLaw
from kernels.fidelity import metrics, report as measuring, samples
from kernels.fidelity.reference_events import (
    REFERENCE_EVENTS,
    SHARES,
    events_by_frequency,
    extremes,
    reference_event,
)
from kernels.fidelity.report import Effort, measure, misses, require_measurable
from kernels.fidelity.step_count import needed_steps
from kernels.networks.unet import UNetConfig
from kernels.recordings.windows import Segment
from kernels.training.loop import initialize

SMALL = Effort(
    num_samples=1024, num_simulated=2000, num_paired=0, num_chains=0, num_likelihood=2, stochastic=False
)


@pytest.fixture(scope="module")
def model():
    """Independent standard normal numbers, the exact model of them, and a recording of them."""
    layout = kernels.Layout(variables=("x", "wet bulb"), times=np.arange(12.0))
    exact = kernels.GaussianDenoiser(np.zeros((12, 2)), np.eye(24))
    series = np.random.default_rng(0).normal(size=(40_000, 2)).astype(np.float32)
    held_out = Segment(series, np.arange(0, 39_988, 12), 12)
    made = kernels.Model.from_denoiser(exact, layout, card={"name": "noise", "num_steps": 30})
    return dataclasses.replace(made, held_out=held_out)


@pytest.fixture(scope="module")
def report(model):
    return list(measure(model, effort=SMALL))[-1]


def test_an_exact_model_of_the_held_out_data(report):
    assert report["num_simulated"] == 3333
    ode = report["ode_30"]
    assert ode["kolmogorov_distance"] < 1.63 * np.sqrt(1 / 1024 + 1 / 3333) * 1.3  # the largest of four
    for entry in [*report["events"], {"model": ode, "truth": report["data"]}]:
        mine, truth = entry["model"], entry["truth"]
        error = np.hypot(mine["standard_error"], truth["standard_error"]) + 3 / 1024
        assert abs(mine["probability"] - truth["probability"]) < 5 * error
    for pair in report["one_point"].values():
        assert np.abs(np.cumsum(pair["model"]) - np.cumsum(pair["truth"])).max() < 0.05
    assert abs(report["autocorrelation"]["x"]["model"][3]) < 0.1
    assert len(report["power"]["x"]["truth"]) == 6
    exact = -12 * np.log(2 * np.pi * np.e)
    assert report["log_likelihood"]["mean"] == pytest.approx(exact, abs=20)
    assert "rollout" not in report
    assert "energy_drift" not in report


def test_a_wrong_model_says_what_it_misses(model):
    wide = kernels.GaussianDenoiser(np.zeros((12, 2)), 2.0 * np.eye(24))
    wrong = kernels.Model.from_denoiser(wide, model.layout, card={"name": "wide", "num_steps": 30})
    wrong = dataclasses.replace(wrong, held_out=model.held_out)
    learned = Segment(1.05 * model.held_out.series[:12_000], np.arange(0, 11_988, 12), 12)
    wrong = dataclasses.replace(wrong, training_data=learned)
    last = list(measure(wrong, effort=dataclasses.replace(SMALL, num_likelihood=0)))[-1]
    for entry in [*last["events"], last]:
        problem = samples.report_problem(wrong, entry["event"], jax.random.key(0), 30)
        assert entry["training_data"]["probability"] == problem.judge(learned.windows)[1].mean()
    assert any(miss.startswith("one-point Kolmogorov distance") for miss in last["misses"])
    assert any(miss.startswith("P(max(x) > ") and "off by" in miss for miss in last["misses"])


def test_misses_allow_for_the_errors_of_both():
    entry = {
        "event": "e",
        "share": 0.1,
        "truth": {"probability": 0.1, "standard_error": 0.001},
        "model": {"probability": 0.104, "standard_error": 0.002},
    }
    ode = {
        "probability": 0.2,
        "standard_error": 0.0,
        "kolmogorov_distance": 0.0,
        "where": "",
        "rollout_error": 0.01,
    }
    whole = {"num_steps": 30, "ode_30": ode, "simulator": ode, "event": "r", "events": [entry]}

    class Lorenz:
        system = "lorenz63"

    assert misses(Lorenz(), whole) == ["rollout error 0.01, target 0.002"]
    entry["model"]["probability"] = 0.106
    assert misses(Lorenz(), whole)[1].startswith("P(e) = 0.106, truth 0.1: off by 6 %, target 3 %")
    entry["training_data"] = {"probability": 0.2, "standard_error": 0.003}  # 2·√(1² + 2² + 3²)·1e-3 = 0.0075
    assert len(misses(Lorenz(), whole)) == 1
    entry["model"]["probability"] = 0.12
    learned = {"probability": 0.2, "standard_error": 0.0, "kolmogorov_distance": 0.03}
    whole |= {"training_data": learned, "ode_30": ode | {"kolmogorov_distance": 0.039}}
    words = "P(e) = 0.12, truth 0.1, training data 0.2: off by 20 %, target 3 %"
    assert misses(Lorenz(), whole) == ["rollout error 0.01, target 0.002", words]
    whole["ode_30"]["kolmogorov_distance"] = 0.041
    words = "one-point Kolmogorov distance 0.041 (), training data 0.03, target 0.04"
    assert misses(Lorenz(), whole)[0] == words


@pytest.mark.slow
def test_few_perfect_models_miss_a_target(model, monkeypatch):
    """Samples and records anew, all of one law: at most one report in twenty misses anything."""
    generator, effort = np.random.default_rng(0), dataclasses.replace(SMALL, num_likelihood=0)
    drawn = lambda problem, noise, starts: generator.normal(size=(1024, 12, 2)).astype(np.float32)
    monkeypatch.setattr(measuring, "deterministic", drawn)
    missed = 0
    for _ in range(80):
        series = generator.normal(size=(24_000, 2)).astype(np.float32)
        perfect = dataclasses.replace(model, held_out=Segment(series, np.arange(0, 23_989, 12), 12))
        missed += bool(list(measure(perfect, effort=effort))[-1]["misses"])
    assert missed <= 4


def test_noise_is_no_miss():
    """Few samples are far from the truth by chance, and state small errors where none is in the event."""
    ode = {"probability": 0.2, "standard_error": 0.01, "kolmogorov_distance": 0.04, "where": "x at 0"}
    truth = {"probability": 0.2, "standard_error": 0.01}
    entry = {
        "event": "e",
        "share": 0.005,
        "truth": {"probability": 0.005, "standard_error": 1e-4},
        "model": {"probability": 0.0, "standard_error": 0.0},
        "method": "monte_carlo",
    }
    whole = {"num_steps": 30, "ode_30": ode, "data": truth, "event": "r", "events": [entry]}

    class Record:
        system = None

    assert len(misses(Record(), whole | {"num_samples": 100_000})) == 2
    assert len(misses(Record(), whole | {"num_samples": 1000})) == 1
    whole["ode_30"] = ode | {"kolmogorov_noise": 0.05}
    assert misses(Record(), whole | {"num_samples": 1000}) == []
    entry["truth"]["interval"] = (0.0, 0.03)  # of few blocks
    assert misses(Record(), whole | {"num_samples": 100_000}) == []


def test_an_event_without_a_share_in_the_truth_is_left_out(model):
    """Rain: its least value is 0 in nearly every window, and no event tells these apart."""
    rain = np.maximum(model.held_out.windows, 0.0)
    shares = [share for share, _ in events_by_frequency(model.layout, rain)]
    assert 0.2 not in shares  # min(wet bulb) < 0.0
    assert {0.3, 0.1} <= set(shares)
    never = {"probability": 0.0, "standard_error": 0.0}
    entry = {
        "event": "e",
        "share": 0.2,
        "truth": never,
        "model": {"probability": 0.4, "standard_error": 0.01},
    }
    ode = {**never, "kolmogorov_distance": 0.0, "where": ""}
    whole = {"num_steps": 30, "ode_30": ode, "data": ode, "event": "r", "events": [entry]}
    assert misses(model, whole) == ["P(e) = 0.4, truth 0, target 3 %"]


def test_an_event_is_held_to_the_target_of_the_probability_that_it_is_meant_to_have(model):
    entry = {
        "event": "e",
        "share": 0.01,
        "truth": {"probability": 0.00999, "standard_error": 1e-4},
        "model": {"probability": 0.012, "standard_error": 1e-4},
    }
    ode = {"probability": 0.2, "standard_error": 0.0, "kolmogorov_distance": 0.0, "where": ""}
    whole = {"num_steps": 30, "ode_30": ode, "simulator": ode, "event": "r", "events": [entry]}
    assert misses(model, whole) == ["P(e) = 0.012, truth 0.00999: off by 20 %, target 7 %"]


def test_events_go_from_frequent_to_rare():
    states = np.random.default_rng(1).normal(size=(100_000, 4, 2))
    layout = kernels.Layout(variables=("x", "wet bulb"), times=np.arange(4.0))
    entries = events_by_frequency(layout, states)
    assert tuple(share for share, _ in entries) == SHARES
    for share, text in entries:
        constraint = kernels.compile_event(kernels.parse_event(text), layout)
        found = np.mean(jax.vmap(constraint.holds)(states.astype(np.float32)))
        assert found == pytest.approx(share, rel=0.05, abs=2e-5)
    assert len(extremes(layout, states)) == 8
    assert len(events_by_frequency(layout, states[:100])) == 4


@pytest.mark.parametrize("name", kernels.available_systems())
def test_every_system_has_a_reference_event_that_fits_it(name):
    system = kernels.get_system(name)
    kernels.compile_event(kernels.parse_event(REFERENCE_EVENTS[name]), system.layout)


def test_rollouts_and_energy_stand_between_their_references():
    system = kernels.get_system("double_pendulum")
    truth = system.simulate_array(jax.random.key(0), 64)
    curves = metrics.rollout_curves(system, truth, truth, jax.random.key(1))
    assert len(curves["times"]) == len(curves["model"]) == 56
    middle = {name: np.mean(curve[5:20]) for name, curve in curves.items() if name != "times"}
    assert middle["model"] < 0.1 * middle["perturbed_truth"] < 0.1 * middle["random_start"]
    exact = kernels.GaussianDenoiser(np.zeros(truth.shape[1:]), np.eye(240))
    model = kernels.Model.from_denoiser(exact, system.layout, card={"system": "double_pendulum"})
    drift = metrics.energy_drift(model, truth + 0.1, truth)
    assert drift["truth"] < 1e-3 < drift["model"]


def test_the_needed_steps_of_an_exact_model_are_few(model):
    found = needed_steps(model, model.held_out.windows, jax.random.key(0), num_samples=512)
    assert found["num_steps"] in (20, 30, 40)  # a tail of 1 in 100 of a Gaussian needs about 30
    assert found["worst"][str(found["num_steps"])]["event"]
    assert reference_event(model, model.held_out.windows).startswith("max(x) > ")


def test_levels_that_leave_something_out_are_never_enough(model):
    early = dataclasses.replace(model, card=dict(model.card) | {"ode_levels": [80, 2]})
    found = needed_steps(early, model.held_out.windows, jax.random.key(0), num_samples=512)
    assert found["num_steps"] == 60
    assert min(worst["shift"] for worst in found["worst"].values()) > 0.2


def test_what_cannot_be_measured(model):
    with pytest.raises(ValueError, match="of a registered system, or of a recording"):
        require_measurable(dataclasses.replace(model, held_out=None))


KNOWN = 3


@pytest.fixture(scope="module")
def walks():
    """A forecast that is exact (an untrained network of a Gaussian: D linear), and held-out draws of its law."""
    times, count = 8, 6000
    over_time = 0.9 ** np.abs(np.subtract.outer(np.arange(times), np.arange(times)))
    states = np.random.default_rng(3).multivariate_normal(np.zeros(times), over_time, (count, 1))
    states = states.transpose(0, 2, 1).astype(np.float32)
    network = UNetConfig(
        num_times=times,
        in_features=3,
        out_features=1,
        channels=(8,),
        num_blocks=1,
        dense_width=16,
        embedding=16,
    )
    law = GaussianLaw.from_moments(np.zeros((times, 1)), over_time)
    held_out = Segment(states.reshape(-1, 1), np.arange(0, count * times, times), times)
    return kernels.Model(
        denoiser=initialize(network, law, jax.random.key(0), num_known=KNOWN),
        layout=kernels.Layout(variables=("x",), times=np.arange(float(times))),
        standardizer=kernels.Standardizer.identity(1),
        initial=law,
        card={"name": "walks", "num_steps": 30},
        held_out=held_out,
    ), over_time


def test_a_forecast_is_reported_on_from_the_starts_of_the_truth(walks):
    model, over_time = walks
    effort = dataclasses.replace(SMALL, num_samples=1000, num_cases=400, stochastic=True, num_chains=64)
    learned = dataclasses.replace(model.held_out, series=3.0 + model.held_out.series)
    report = list(measure(dataclasses.replace(model, training_data=learned), effort=effort))[-1]
    assert "training_data" not in {**report, **report["events"][0]}  # it goes on from other starts
    assert report["ode_30"]["kolmogorov_distance"] < 1.63 * np.sqrt(1 / 1024 + 1 / 6000) * 1.2
    assert report["sde_80"]["kolmogorov_distance"] < 1.63 * np.sqrt(1 / 1024 + 1 / 6000) * 1.2
    assert report["ode_30"]["where"] == "x at 0"  # the only one of these times, and known
    assert all(entry["method"] == "monte_carlo" for entry in report["events"])
    scores = report["forecast"]
    assert scores["times"] == [3, 4, 5, 6, 7]
    exact = np.sqrt(
        1.0 - 0.9 ** (2 * np.arange(1, 6))
    )  # spread given the last known state, of a climate of 1
    np.testing.assert_allclose(scores["crps"]["x"], exact, rtol=0.1)
    np.testing.assert_allclose(scores["spread_skill"]["x"], 1.0, atol=0.12)
    rest = over_time[KNOWN:, KNOWN:] - over_time[KNOWN:, [2]] @ over_time[[2], KNOWN:]
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * rest)[1]
    few = model.held_out.windows[np.linspace(0, 5999, 2).round().astype(int)].astype(np.float64)[..., 0]
    mean = few[:, [2]] * 0.9 ** np.arange(1, 6)
    expected = stats.multivariate_normal(np.zeros(5), rest).logpdf(few[:, KNOWN:] - mean).mean()
    assert report["log_likelihood"]["mean"] == pytest.approx(expected, abs=0.5)
    assert abs(expected + entropy) < 10


def test_the_needed_steps_of_a_forecast_and_each_sample_continues_its_own_start(walks):
    model, _ = walks
    truth = model.held_out.windows
    starts = samples.starts_of(model, truth[:300], 700)
    np.testing.assert_array_equal(starts[650], truth[50, :KNOWN])  # in turn, where there are fewer
    problem = samples.report_problem(model, "max(x) > 1", jax.random.key(0), 20)
    states = samples.deterministic(problem, samples.latents(model, jax.random.key(1), 700), starts)
    np.testing.assert_allclose(states[:, :KNOWN], starts, atol=1e-5)
    assert needed_steps(model, truth, jax.random.key(0), num_samples=512)["num_steps"] <= 40


def test_a_forecast_that_is_too_sure_or_knows_nothing(walks):
    model, _ = walks
    rng = np.random.default_rng(0)
    came, climate = rng.normal(size=(500, 8, 1)), rng.normal(size=(1000, 8, 1))
    sure = came[:, None] + 1.0 + 0.5 * rng.normal(size=(500, 16, 8, 1))
    scores = metrics.forecast_scores(model, sure, came, climate)
    np.testing.assert_allclose(
        scores["spread_skill"]["x"], 0.5, rtol=0.1
    )  # an error of 1, a spread of a half
    ignorant = rng.normal(size=(500, 16, 8, 1))
    scores = metrics.forecast_scores(model, ignorant, came, climate)
    np.testing.assert_allclose(scores["crps"]["x"], 1.0, rtol=0.06)
    np.testing.assert_allclose(scores["spread_skill"]["x"], 1.0, rtol=0.1)


def test_the_climate_leaves_out_the_case_and_its_time(walks):
    part = Segment(np.zeros((90, 1), np.float32), np.arange(0, 80, 5), 10)
    cases, others = np.arange(3), np.arange(16)
    np.testing.assert_array_equal(
        measuring._apart(part, cases, others), abs(np.subtract.outer(cases, others)) > 1
    )
    both = dataclasses.replace(part, moments=part.starts % 40)  # two members
    apart = measuring._apart(both, cases, others)
    assert not apart[1, [0, 1, 2, 8, 9, 10]].any()
    assert apart[1].sum() == 10
    once = dataclasses.replace(part, moments=np.zeros(16, int))  # all at one time
    np.testing.assert_array_equal(
        measuring._apart(once, cases, others), measuring._apart(part, cases, others)
    )
    np.testing.assert_array_equal(measuring._apart(None, cases, others), cases[:, None] != others)
    model, _ = walks
    rng = np.random.default_rng(0)
    came, ensembles = rng.normal(size=(6, 8, 1)), rng.normal(size=(6, 400, 8, 1))
    scores = [
        np.mean(metrics.forecast_scores(model, ensembles, came, came, apart)["crps"]["x"])
        for apart in (None, ~np.eye(6, dtype=bool))
    ]
    assert scores[0] > 1.15 * scores[1]  # a climate that holds the case seems to know more


def test_rare_events_go_to_subset_simulation(model, monkeypatch):
    asked = []

    def recorded(problem, chains):
        asked.append(chains)
        yield from kernels.probability.latent.monte_carlo.monte_carlo(problem, 256)

    monkeypatch.setattr(measuring, "subset_simulation", recorded)
    effort = dataclasses.replace(SMALL, num_chains=8, num_likelihood=0)
    last = list(measure(model, effort=effort))[-1]
    rare = [entry for entry in last["events"] if entry["share"] * 1024 < 100]
    assert len(asked) == len(rare) > 0
