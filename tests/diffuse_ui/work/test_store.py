"""Results: news becomes visible by `drain`; the last good result stays; stale results say so."""

import dataclasses
import itertools
import threading

import jax
import numpy as np
import pytest
from toys import make_toy

import kernels
from diffuse_ui.style import numbers
from diffuse_ui.views.controls import result_panel
from diffuse_ui.work import jobs
from diffuse_ui.work.results import Result, states
from kernels.recordings.windows import Segment


def test_backdrop_and_hits_agree_with_the_event(app):
    app.state.write("max(x) > 1")
    app.store.prepare()
    app.store.wait()
    maxima = states(app.store.backdrop)[:, :, 0].max(1)
    assert app.store.hits.count == int((maxima > 1).sum())
    app.state.write("max(x) > 2")
    app.store.wait()
    assert app.store.hits.count == int((maxima > 2).sum())
    app.state.write("")
    app.store.wait()
    assert app.store.hits is None


def test_an_event_and_its_hits_come_together(app, monkeypatch):
    monkeypatch.setattr("diffuse_ui.work.store.PROMPT", 30.0)
    app.store.prepare()
    app.store.wait()
    maxima = states(app.store.backdrop)[:, :, 0].max(1)
    seen = []
    app.state.param.watch(lambda _: seen.append(app.store.hits.count), ["event"])
    for level in (1, 2):
        app.state.write(f"max(x) > {level}")
    assert seen == [int((maxima > level).sum()) for level in (1, 2)]


def test_a_run_ends_with_trajectories_and_a_probability(app):
    app.state.write("max(x) > 1")
    result = app.run()
    assert (app.store.status, app.store.progress, app.store.error) == ("done", 1.0, "")
    assert result.dataset.sizes["sample"] > 0
    assert 0.5 < result.probability.value < 0.9
    assert result.ensemble in ("exact", "guided")


def test_without_an_event_the_samples_are_unconditional(app):
    result = app.run()
    assert result.ensemble == "unconditional"
    assert result.dataset.sizes["sample"] == 64


def test_a_result_is_stale_once_the_event_has_changed(app):
    app.state.write("max(x) > 1")
    app.run()
    assert not app.store.stale
    app.state.write("min(x) < 1")
    assert app.store.stale
    app.state.undo()
    assert not app.store.stale


def test_a_failed_run_keeps_the_last_good_result(app, monkeypatch):
    app.state.write("max(x) > 1")
    good = app.run()

    def breaks(spec):
        raise ValueError("`num_steps` must be even. Add one.")
        yield

    monkeypatch.setattr("kernels.stream", breaks)
    app.run()
    assert app.store.status == "failed"
    assert app.store.error == "`num_steps` must be even. Add one."
    assert app.store.result is good


def test_stop_keeps_what_has_been_drawn(app):
    app.state.write("max(x) > 1")
    app.state.param.update(num_samples=4000, num_steps=80)
    app.store.run()
    app.store.stop()
    app.store.wait()
    assert app.store.status == "stopped"
    assert not app.store.draws.busy()


def test_live_runs_follow_the_event(app):
    app.state.live = True
    app.state.write("max(x) > 1")
    app.store.wait()
    assert app.store.result.live
    assert app.store.result.ensemble == "guided"
    assert str(app.store.result.spec.event) == "max(x) > 1"
    app.state.live = False
    app.state.write("max(x) > 2")
    app.store.wait()
    assert app.store.stale


def test_numbers_beside_the_run(app):
    app.store.compare = True
    app.state.param.update(estimator="path_importance", num_samples=128)
    app.state.write("max(x) > 1")
    references = app.run().references
    assert "simulator" not in references  # the toy has no simulator
    assert abs(references["model"].value - 0.7) < 0.2


def test_of_a_recording_both_parts_stand_beside_the_run(app, toy):
    """A frequency that differs as the model does says that the parts are unlike, not that the model is wrong."""
    times, variables = toy.layout.shape
    calm, wild = np.zeros((400, variables), np.float32), np.zeros((400, variables), np.float32)
    wild[::2] = 3.0
    starts = np.arange(0, 400 - times, times)
    app.state.model = dataclasses.replace(
        toy, held_out=Segment(calm, starts, times), training_data=Segment(wild, starts, times)
    )
    app.store.compare = True
    app.state.write("max(x) > 1")
    result = app.run()
    assert list(result.references) == ["data", "training", "model"]
    assert [result.references[name].value for name in ("data", "training")] == [0.0, 1.0]
    table = result_panel._table(result)
    assert "frequency in held-out data" in table
    assert "frequency in the data it was trained on" in table


def test_of_a_recording_peaks_over_threshold_stand_beside_the_run(toy):
    times, variables = toy.layout.shape
    series = np.random.default_rng(0).exponential(size=(4000, variables)).astype(np.float32)
    part = Segment(series, np.arange(0, 4000 - times, times), times)
    model = dataclasses.replace(toy, held_out=part, training_data=part)
    spec = kernels.RunSpec(model=model, event="max(x) > 8", num_samples=8)
    records = kernels.estimate(jax.random.key(0), model, spec.event, method="monte_carlo", num_samples=8)
    *_, last = records
    references = dict(itertools.islice(jobs._references(spec, last.probability), 3))
    assert list(references) == ["data", "training", "peaks"]
    assert references["peaks"] is last.probability.beside[2]  # is not worked out anew
    result = Result(spec, kernels.Snapshot("done", 1.0, "", None, last.probability), references, 0.0)
    table = result_panel._table(result)
    assert "peaks over threshold: the Pareto tail of" in table
    assert f"95 % interval {numbers.span(references['peaks'].interval)}" in table


def test_the_same_seed_gives_the_same_numbers(app):
    app.state.write("max(x) > 1")
    first, second = app.run(), app.run()
    assert first.probability.value == second.probability.value
    np.testing.assert_allclose(states(first.dataset), states(second.dataset), atol=1e-5)
    app.state.seed = 1
    assert np.abs(states(app.run().dataset) - states(first.dataset)).max() > 0.1


def test_another_model_clears_what_was_shown(app, toy):
    app.run()
    app.state.model = type(toy).from_denoiser(toy.denoiser, toy.layout, card={"name": "other"})
    assert app.store.result is None
    app.store.wait()
    assert app.store.backdrop is not None


def test_waiting_has_an_end(app):
    app.state.param.update(num_samples=4000, num_steps=200)
    app.store.run()
    with pytest.raises(TimeoutError, match="not ended"):
        app.store.wait(timeout=0.01)
    app.store.stop()


def test_a_run_under_way_gives_nothing_to_another_model(app):
    app.state.write("max(x) > 1")
    app.state.param.update(num_samples=4000, num_steps=80)
    app.store.run()
    app.state.model = make_toy()
    app.store.wait()
    assert (app.store.result, app.store.history, app.store.status) == (None, (), "idle")
    assert app.store.backdrop is not None


def test_a_stop_before_the_first_curves_keeps_the_last_result(app, monkeypatch):
    app.state.write("max(x) > 1")
    good = app.run()
    bare = dataclasses.replace(good.snapshot, dataset=None, probability=None)
    waiting = threading.Event()

    def stream(spec):
        yield bare
        waiting.wait(10.0)
        yield bare

    monkeypatch.setattr("kernels.stream", stream)
    app.store.run()
    app.store.stop()
    waiting.set()
    app.store.wait()
    assert app.store.status == "stopped"
    assert app.store.result.dataset is good.dataset


def test_choices_that_do_not_go_together_are_said(app):
    app.state.write("max(x) > 1")
    good = app.run()
    app.state.param.update(estimator="twisted_smc", num_samples=50)
    app.run()
    assert app.store.status == "failed"
    assert "80" in app.store.error
    assert app.store.result is good
    app.state.write("max(x) > 1.2")
    assert app.store.stale


class Comparison:
    """Direct simulation that waits to be let go, then tells one number."""

    def __init__(self, monkeypatch):
        self.begun, self.go = threading.Event(), threading.Event()
        self._real = kernels.estimate
        monkeypatch.setattr("kernels.estimate", self)

    def __call__(self, key, model, event, **choices):
        records = list(self._real(key, model, event, **choices | {"num_samples": 64}))
        self.begun.set()
        assert self.go.wait(20.0)
        yield records[-1]


@pytest.fixture
def comparing(app, monkeypatch):
    """An app whose run is done and is being compared."""
    app.prepare()
    app.store.wait()
    comparison = Comparison(monkeypatch)
    app.store.compare = True
    app.state.param.update(method="guided", estimator="path_importance", num_samples=80)
    app.state.write("max(x) > 1")
    app.store.run()
    assert comparison.begun.wait(30.0)
    yield comparison
    comparison.go.set()


def test_a_run_is_in_the_history_as_soon_as_it_is_done(app, comparing):
    app.store.drain()
    assert (app.store.status, app.store.message) == ("running", "comparing with direct simulation")
    (early,) = app.store.history
    assert (early.number, dict(early.references)) == (1, {})
    comparing.go.set()
    app.store.wait()
    (late,) = app.store.history
    assert app.store.status == "done"
    assert (late.number, set(late.references)) == (1, {"model"})
    assert late is app.store.result
    assert late.dataset is early.dataset
    app.store.run()
    app.store.wait()
    assert [result.number for result in app.store.history] == [1, 2]


@pytest.mark.parametrize("drained", [True, False])
def test_a_live_run_does_not_take_the_place_of_one_that_is_being_compared(app, comparing, drained):
    if drained:
        app.store.drain()
    app.state.live = True
    app.state.write("max(x) > 1.5")
    comparing.go.set()
    app.store.wait()
    assert app.store.result.live
    assert [(result.number, str(result.spec.event)) for result in app.store.history] == [(1, "max(x) > 1")]


@pytest.mark.parametrize("drained", [True, False])
def test_another_model_does_not_take_the_place_of_a_run_that_is_being_compared(app, comparing, drained):
    if drained:
        app.store.drain()
    app.state.model = make_toy(("a", "b"))
    comparing.go.set()
    app.store.wait()
    assert (app.store.result, app.store.status) == (None, "idle")
    assert [str(result.spec.event) for result in app.store.history] == ["max(x) > 1"]


def test_a_run_that_is_done_when_the_next_one_is_asked_for_is_kept(app, monkeypatch):
    """Its last trajectories come when nobody wants to hear of them any more."""
    app.state.write("max(x) > 1")
    good = app.run()
    waiting, drawn = threading.Event(), threading.Event()

    def stream(spec):
        drawn.set()
        assert waiting.wait(20.0)
        yield good.snapshot

    monkeypatch.setattr("kernels.stream", stream)
    app.store.run()
    assert drawn.wait(20.0)
    app.store.run()
    waiting.set()
    app.store.wait()
    assert [result.number for result in app.store.history] == [1, 2, 3]


def test_a_comparison_that_is_stopped_leaves_one_entry(app, comparing):
    app.store.stop()
    comparing.go.set()
    app.store.wait()
    assert app.store.status == "stopped"
    (kept,) = app.store.history
    assert kept is app.store.result


def test_a_comparison_that_fails_leaves_the_run(app, monkeypatch):
    def fails(*args, **choices):
        raise MemoryError
        yield

    monkeypatch.setattr("kernels.estimate", fails)
    app.store.compare = True
    app.state.param.update(method="guided", estimator="path_importance", num_samples=80)
    app.state.write("max(x) > 1")
    app.run()
    assert app.store.status == "failed"
    (kept,) = app.store.history
    assert kept is app.store.result


def test_the_models_number_has_samples_of_its_own_as_many_as_it_needs(app):
    app.store.compare = True
    app.state.param.update(method="guided", estimator="path_importance", num_samples=64, num_steps=8)
    app.state.write("max(x) > 1")
    often = app.run()
    assert often.references["model"].diagnostics["num_samples"] == jobs.LEAST_DIRECT
    app.state.write("max(x) > 4.5")
    rarely = app.run()
    assert rarely.references["model"].diagnostics["num_samples"] == jobs.MOST_DIRECT


def test_a_text_that_is_no_event_does_not_run(app):
    app.state.write("max(x) > 1")
    good = app.run()
    app.state.write("always[0, 100](x > -0.9)")
    app.run()
    assert app.store.status == "failed"
    assert "nothing was run" in app.store.error
    assert app.store.error.endswith("Write always[0, 7.5](x > -0.9).")
    assert app.store.result is good
