"""What has been drawn is not drawn again: stopped runs go on, and more samples are added to those that are there."""

import jax
import numpy as np
import pytest
from exact_models import mean_event, small_gaussian

import kernels
from kernels.probability.cache import LRUCache, Resumable
from kernels.probability.guided import path_importance
from kernels.probability.guided.direct_check import MIN_DIRECT
from kernels.probability.latent import direct, subset_simulation


@pytest.fixture
def drawn(monkeypatch):
    """Counts chunks of trajectories through the ODE, and steps of guided paths."""
    counts = {"chunks": 0, "steps": 0}
    chunk, step = direct.draw, path_importance.shifted_step

    def counting(name, original):
        def counted(*arguments):
            counts[name] += 1
            return original(*arguments)

        return counted

    monkeypatch.setattr(direct, "draw", counting("chunks", chunk))
    monkeypatch.setattr(path_importance, "shifted_step", counting("steps", step))
    return counts


def forget():
    for store in (direct._caches, path_importance._kept, subset_simulation._kept):
        store.clear()


def records(method, num_samples, key=11, num_steps=8):
    model, _ = small_gaussian()
    event = mean_event(model, 1e-3, "dpm_solver", num_steps)
    return kernels.estimate(
        jax.random.key(key), model, event, method=method, num_samples=num_samples, num_steps=num_steps
    )


def last(iterator):
    *_, record = iterator
    return record.probability


def test_more_paths_are_added_to_those_that_are_there(drawn):
    forget()
    last(records("path_importance", 128))
    first = drawn["steps"]
    more = last(records("path_importance", 256))
    assert drawn["steps"] == 2 * first
    forget()
    anew = last(records("path_importance", 256))
    assert anew.value == pytest.approx(more.value, rel=1e-4)
    assert anew.num_calls == more.num_calls


def test_a_stopped_run_of_paths_keeps_its_finished_chunks(drawn):
    forget()
    stream = records("path_importance", 384)
    for record in stream:
        if record.probability is not None:
            break
    stream.close()
    assert record.probability.num_calls == (128 + MIN_DIRECT) * 8
    before = drawn["steps"]
    whole = last(records("path_importance", 384))
    assert drawn["steps"] - before == 2 * 7
    assert whole.num_calls == (384 + MIN_DIRECT) * 8


def test_more_chains_are_further_batches_at_the_levels_of_the_first(drawn):
    forget()
    few = last(records("subset_simulation", 512))
    before = drawn["chunks"]
    again = last(records("subset_simulation", 512))
    assert drawn["chunks"] == before
    assert again == few
    more = last(records("subset_simulation", 1024))
    assert len(few.diagnostics["replicates"]) == 8
    assert more.diagnostics["replicates"][:8] == few.diagnostics["replicates"]
    assert len(set(more.diagnostics["replicates"])) == 16
    assert more.diagnostics["levels"] == few.diagnostics["levels"]
    assert more.num_calls == pytest.approx(2 * few.num_calls)
    assert more.value == pytest.approx(np.mean(more.diagnostics["replicates"]))
    assert float(dict_of(more)[0.0]) == pytest.approx(more.value)


def dict_of(estimate):
    return {point.threshold: point.probability for point in estimate.diagnostics["exceedance"]}


def test_a_stopped_subset_simulation_goes_on_where_it_was(drawn):
    forget()
    whole = last(records("subset_simulation", 128, key=12))
    total = drawn["chunks"]
    forget()
    stream = records("subset_simulation", 128, key=12)
    while drawn["chunks"] < total + 0.6 * total:
        next(stream)
    stream.close()
    again = last(records("subset_simulation", 128, key=12))
    assert drawn["chunks"] == 2 * total
    assert again.value == pytest.approx(whole.value, rel=1e-4)
    assert again.diagnostics["levels"] == pytest.approx(whole.diagnostics["levels"], rel=1e-4)


def test_an_interrupted_subset_simulation_is_not_taken_for_a_finished_one(drawn, monkeypatch):
    forget()
    whole = last(records("subset_simulation", 128, key=14))
    total, draw = drawn["chunks"], direct.draw
    forget()

    def interrupted(*arguments):
        if drawn["chunks"] == total + round(0.6 * total):
            raise KeyboardInterrupt
        return draw(*arguments)

    with monkeypatch.context() as once:
        once.setattr(direct, "draw", interrupted)
        with pytest.raises(KeyboardInterrupt):
            last(records("subset_simulation", 128, key=14))
    again = last(records("subset_simulation", 128, key=14))
    assert len(whole.diagnostics["levels"]) > 2
    assert again.value == pytest.approx(whole.value, rel=1e-4)


def test_another_event_or_key_has_its_own(drawn):
    forget()
    first = last(records("path_importance", 128))
    steps = drawn["steps"]
    assert last(records("path_importance", 128, key=13)).value != first.value
    model, _ = small_gaussian()
    other = kernels.estimate(
        jax.random.key(11), model, "mean(x) > 2", method="path_importance", num_samples=128, num_steps=8
    )
    last(other)
    assert drawn["steps"] == 3 * steps


def test_only_the_latest_are_kept():
    kept, made = LRUCache(2), []
    for name in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(name, lambda name=name: made.append(name) or name) == name
    assert made == ["a", "b", "c", "b"]


def test_a_generator_goes_on_with_its_next_reader_and_fails_for_every_one():
    def three():
        yield from (1, 2)
        raise FloatingPointError("the model drew values that are not finite.")

    shared = Resumable(three())
    assert next(iter(shared)) == 1
    assert next(iter(shared)) == 2
    for _ in range(2):
        with pytest.raises(FloatingPointError, match="not finite"):
            next(iter(shared))
