"""Training on one's own data from the app: to its end, stopped and gone on with, and refused."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kernels
from diffuse_ui.app import App
from diffuse_ui.figures.training import history_figure
from diffuse_ui.views.controls.model_panel import ModelPanel
from diffuse_ui.views.controls.own_data import UPLOAD
from diffuse_ui.work.session import Session
from diffuse_ui.work.training import Progress, Request
from kernels.recordings.choices import Choices
from kernels.zoo import user_models

SMALL = {"window": 8, "num_steps": 30}


@pytest.fixture
def recording(tmp_path, monkeypatch):
    """A CSV file of two variables at 600 times; models go to an empty folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    rng = np.random.default_rng(0)
    values = np.zeros((600, 2))
    for row in range(1, 600):
        values[row] = 0.8 * values[row - 1] + rng.normal(size=2)
    path = tmp_path / "river.csv"
    pd.DataFrame({"time": np.arange(600.0), "flow": values[:, 0], "level": values[:, 1]}).to_csv(
        path, index=False
    )
    return path


@pytest.fixture
def panel(app):
    return ModelPanel(Session(app.state, app.store))


def test_a_file_becomes_a_model_that_can_be_chosen(app, panel, recording):
    own = panel.own
    own.source.value, own.window.value = str(recording), 8
    request = own.request
    request.choices["num_steps"] = 30
    app.store.train(request)
    app.store.wait(120)
    update = app.store.training
    assert update.state == "finished", update.error
    steps = [step for step, _, _ in update.item.history]
    assert steps == list(range(1, update.item.step + 1))  # as far as the loss fell
    assert "600 steps of flow, level" in own.facts.object
    assert own.message.object.startswith("Done: model river is saved. The loss ")
    assert "time from 0 to 599, a row every 1" in own.understood.object
    assert own.losses.object.startswith("<img")
    axes = history_figure(update.item.history, num_steps=30).axes[0]
    for line, losses in zip(axes.lines[:2], list(zip(*update.item.history))[1:], strict=True):
        np.testing.assert_allclose(line.get_xydata(), np.transpose([steps, losses]))
    assert [line.get_label() for line in axes.lines[:2]] == ["training", "validation"]
    assert axes.get_xlim() == (0, 30)
    light = own.losses.object
    own.session.look.dark = True
    assert own.losses.object not in ("", light)
    assert "river" in panel.model.options
    assert app.state.model_name == "toy"  # what the user is at stays
    own.use.clicks += 1
    assert app.state.model_name == "river"
    assert app.state.layout.variables == ("flow", "level")


def test_what_a_file_does_not_tell_is_chosen_in_fields(panel):
    own = panel.own
    assert set(own.reading.fields) == {"time", *Choices.__dataclass_fields__}
    assert own.request.choices == {"window": 60, "gaps": None, "variables": None}
    own.reading.fields["missing"].value = "-9999"
    own.reading.fields["steps"].value = "rows"
    assert own.request.choices["missing"] == "-9999"
    assert own.request.choices["steps"] == "rows"


@pytest.mark.slow
def test_a_stopped_training_keeps_its_best_and_goes_on(app, panel, recording):
    choices = {"window": 8, "num_steps": 3000}
    app.store.train(Request(source=str(recording), choices=choices))
    end = time.monotonic() + 90
    while not (app.store.training.item and app.store.training.item.saved):
        assert time.monotonic() < end
        time.sleep(0.02)
        app.store.drain()
    begin = time.monotonic()
    app.store.stop_training()
    assert app.store.trainings.join(10.0)
    assert time.monotonic() - begin < 1.0
    app.store.drain()
    assert app.store.training.state == "stopped"
    assert panel.own.message.object == "Stopped; the best so far is kept as river."
    steps = [step for step, _, _ in app.store.training.item.history]
    assert kernels.load_model("river").card["training"]["best_step"] in steps

    app.store.train(Request(source=str(recording), choices=choices))
    while not (app.store.training.item and app.store.training.item.history):
        assert time.monotonic() < end
        time.sleep(0.02)
        app.store.drain()
    resumed = [step for step, _, _ in app.store.training.item.history]
    assert resumed[: len(steps)] == steps
    assert app.store.training.item.saved  # by the one before, whether or not it is beaten
    app.store.stop_training()
    assert app.store.trainings.join(10.0)


@pytest.mark.parametrize(
    ("source", "choices", "words"),
    [
        ("", {}, "Give the path of a"),
        ("nowhere.csv", {}, "nowhere.csv"),
        ("river.csv", {"variables": ["depth"]}, "depth"),
        ("river.csv", {"window": 500}, "window"),
    ],
)
def test_what_cannot_be_trained_is_said_and_nothing_is_lost(app, panel, recording, source, choices, words):
    app.state.write("max(x) > 1")
    result = app.run()
    path = str(recording.with_name(source)) if source else ""
    app.store.train(Request(source=path, choices=SMALL | choices))
    app.store.wait(60)
    assert app.store.training.state == "failed"
    assert words in panel.own.message.object
    assert app.store.result is result
    assert not panel.own.train.disabled


def test_the_name_of_another_model_is_refused(app, panel, recording):
    app.store.train(Request(source=str(recording), name="lorenz63", choices=SMALL))
    app.store.wait(60)
    assert "There is a model named lorenz63" in panel.own.message.object


def test_variables_that_are_never_negative_are_asked_for(panel):
    own = panel.own
    assert "positive" not in own.request.choices
    own.positive.value = "flow, level"
    assert own.request.choices["positive"] == ["flow", "level"]


def test_an_emptied_window_is_asked_for(app, panel, recording):
    panel.own.source.value, panel.own.window.value = str(recording), None
    app.store.train(panel.own.request)
    app.store.wait(60)
    assert app.store.training.state == "failed"
    assert panel.own.message.object.startswith("Give the window: how many steps")


def test_two_windows_do_not_train_under_one_name(app, toy, recording):
    """Each window of a server has a store of its own."""
    other = App(toy)
    app.store.train(Request(source=str(recording), choices={"window": 8, "num_steps": 100_000}))
    try:
        end = time.monotonic() + 90
        while not (app.store.training.item and app.store.training.item.facts):
            assert time.monotonic() < end
            time.sleep(0.02)
            app.store.drain()
        lock = user_models() / "river.lock"
        while not lock.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        other.store.train(Request(source=str(recording), choices=SMALL))
        other.store.wait(60)
        assert other.store.training.state == "failed"
        assert "model river is being trained by process" in str(other.store.training.error)
    finally:
        app.store.stop_training()
        assert app.store.trainings.join(60.0)
        other.close()
    assert not lock.exists()


def test_words_tell_where_a_training_is():
    told = Progress(name="a")
    assert told.words == "Reading the file"
    history = ((10, 0.9, 0.8), (20, 0.7, 0.75))
    told = Progress(
        name="a", facts="much", step=20, num_steps=40, seconds_left=600.0, history=history, saved=True
    )
    assert told.words.startswith("Step 20 of 40, about 10")
    assert told.words.endswith("best validation loss 0.75")


def test_a_served_page_trains_on_what_is_uploaded_and_reads_no_path(app, recording):
    session = Session(app.state, app.store, served=True)
    panel = ModelPanel(session)
    own = panel.own
    shown = own.__panel__()
    shown.collapsed = False
    assert own.upload in shown.objects
    assert own.source not in shown.objects
    own.source.value = str(recording)  # as a page that is tampered with may
    own.train.clicks += 1
    assert own.message.object == UPLOAD
    assert app.store.training is None
    own.upload.param.update(value=recording.read_bytes(), filename="../../river.csv")
    request = own.request
    assert Path(request.source).read_bytes() == recording.read_bytes()
    assert (Path(request.source).name, request.model_name) == ("river.csv", "river")
    assert Path(request.source).parent != recording.parent
    before = app.state.model
    panel.model.param.update(options=[*panel.model.options, str(recording)], value=str(recording))
    assert app.state.model is before
    assert session.look.warning.endswith("a served page reads no paths of the server's disk.")
    session.close()
    assert not Path(request.source).exists()
