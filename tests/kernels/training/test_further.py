"""More steps for a finished model of a record, and what is said at the end of a training."""

import shutil

import numpy as np
import pandas as pd
import pytest

import kernels
from kernels.networks.unet import UNetConfig
from kernels.training import from_recording
from kernels.training.ending import ending_facts, ending_words, is_stale
from kernels.training.loop import TrainingRecord

CHOICES = {"window": 8, "num_steps": 20, "margins": "pareto", "bounds": {"flow": (0.0, None)}}


def small(times, variables, num_known=0, num_samples=None, **_):
    return UNetConfig(
        num_times=times,
        in_features=2 * variables + (num_known > 0),
        out_features=variables,
        patch=2,
        channels=(8,),
        dense_width=16,
        num_dense=1,
        embedding=16,
    )


def flow():
    values = np.exp(np.cumsum(np.random.default_rng(0).normal(size=600) * 0.1)).round(3)
    return pd.DataFrame({"time": np.arange(600.0), "flow": values})


@pytest.fixture(scope="module")
def small_models():
    """Small networks, trained to the end and not calibrated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_recording, "network_config", small)
        patch.setattr(from_recording, "PATIENCE", 100)
        patch.setattr(from_recording, "calibrated", lambda model, seed: model)
        yield


@pytest.fixture(scope="module")
def first(small_models, tmp_path_factory):
    """Folder with a finished model m."""
    folder = tmp_path_factory.mktemp("models")
    kernels.train_on(flow(), name="m", path=folder, **CHOICES)
    return folder


@pytest.fixture
def record():
    return flow()


@pytest.fixture
def trained(first, tmp_path):
    shutil.copytree(first, tmp_path, dirs_exist_ok=True)
    return kernels.load_model(tmp_path / "m.safetensors")


def test_a_finished_model_is_trained_further(trained, record, tmp_path):
    assert trained.card["training"]["ended"]["step"] == 20
    records = []
    model = kernels.train_on(record, name="m", path=tmp_path, more_steps=30, on_record=records.append)
    told, before = model.card["training"], trained.card["training"]
    assert (records[0].step, records[-1].step, records[-1].num_steps) == (21, 50, 50)
    assert told["ended"]["step"] == 50
    assert told["validation_loss"] == min(r.validation_loss for r in records) < before["validation_loss"]
    assert told["history"][: len(before["history"])] == before["history"]
    assert told["started_from"]["num_steps"] == 20
    assert model.card["data"] == trained.card["data"]
    again = kernels.train_on(record, name="m", path=tmp_path, more_steps=1, on_record=records.append)
    assert records[-1].num_steps == 51
    assert again.card["training"]["validation_loss"] <= told["validation_loss"]
    assert not list(tmp_path.glob("*.state"))


def test_interrupted_further_steps_are_gone_on_with(trained, record, tmp_path):
    whole, seen = [], []
    plan = from_recording.plan_further(record, name="m", more_steps=10, path=tmp_path)
    for told, _ in from_recording.training(plan, stopped=lambda: len(seen) == 4):
        seen.append(told)
    assert list(tmp_path.glob("m.more20-10.*.state"))
    with pytest.raises(ValueError, match="is not finished"):
        kernels.train_on(record, name="m", path=tmp_path, more_steps=9)
    kernels.train_on(record, name="m", path=tmp_path, more_steps=10, on_record=whole.append)
    assert [told.step for told in (*seen, *whole)] == list(range(21, 31))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"window": 9}, "`window` must be that of the model m, 8"),
        ({"margins": "none"}, "must be left out with `margins` none"),
        ({"num_known": 2}, "`num_known` must be that of the model m, 0"),
        ({"num_steps": 3}, "must be left out with `more_steps`"),
        ({"more_steps": 0}, "`more_steps` must be a whole number"),
        ({"name": "other"}, "There is no model .*other"),
    ],
)
def test_other_choices_are_refused(trained, record, tmp_path, choices, words):
    with pytest.raises(ValueError, match=words):
        kernels.train_on(record, **({"name": "m", "path": tmp_path, "more_steps": 5} | choices))


def test_other_data_are_refused(trained, record, tmp_path):
    record.loc[100, "flow"] += 1.0
    with pytest.raises(ValueError, match="these are others"):
        kernels.train_on(record, name="m", path=tmp_path, more_steps=5)


def ended(losses, num_steps=None):
    history = tuple((step, loss, loss) for step, loss in enumerate(losses, 1))
    steps = len(losses) if num_steps is None else num_steps
    return TrainingRecord(len(losses), steps, losses[-1], losses[-1], 1.0, None, len(losses), history)  # pyright: ignore


def test_a_loss_that_still_falls_calls_for_more_steps():
    falling, flat = ended(np.linspace(1.0, 0.5, 20).tolist()), ended([1.0, 0.6] + 18 * [0.5])
    facts = ending_facts(falling, early=False)
    assert facts == {"step": 20, "early": False, "falling": True}
    assert ending_words({"ended": facts}, "take {steps}").endswith("ran out: take 20")
    assert "all but stopped" in ending_words({"ended": ending_facts(flat, early=False)})
    assert ending_words({"ended": ending_facts(flat, early=True)}).endswith("ended at step 20")
    assert ending_words({}) == ""
    assert is_stale(flat)
    assert not is_stale(falling)
    assert not is_stale(ended([1.0, 0.6] + 18 * [0.5], num_steps=50))


def test_time_left_does_not_count_the_compilation():
    told = ended([1.0] * 5, num_steps=13)._replace(seconds=46.0, seconds_once=38.0)
    assert told.seconds_left == pytest.approx(8.0 / 4 * 8)
