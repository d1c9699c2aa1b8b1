"""The command line: codes 0, 1, 2; one message on stderr; one JSON object on stdout."""

import dataclasses
import gc
import json
import re
import signal
import socket
from pathlib import Path

import h5py
import numpy as np
import panel as pn
import pytest
from jax.errors import JaxRuntimeError
from typer.testing import CliRunner

import kernels
from diffuse_ui import jupyter
from diffuse_ui.cli import app
from diffuse_ui.commands import sample
from diffuse_ui.serving import free_port
from kernels.recordings.windows import Segment
from kernels.zoo import path_of, user_models


@pytest.fixture
def call(toy, monkeypatch):
    real = kernels.load_model
    monkeypatch.setattr(
        "kernels.runs.spec.load_model", lambda name: toy if name == "toy" else real(name), raising=False
    )
    monkeypatch.setattr("kernels.load_model", lambda name: toy if name == "toy" else real(name))
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


FAST = ("--num-samples", 64, "--num-steps", 10)


def test_probability_is_one_json_object(call):
    outcome = call("probability", "-m", "toy", "-e", "max(x)>1.5", "--method", "monte_carlo", "--json", *FAST)
    assert outcome.exit_code == 0, outcome.stderr
    document = json.loads(outcome.stdout)
    assert {"value", "standard_error", "interval", "method", "status", "event", "model"} <= set(document)
    assert document["event"] == "max(x) > 1.5"
    assert document["method"] == "monte_carlo"


def test_probability_in_words(call):
    outcome = call("probability", "-m", "toy", "-e", "max(x) > 1.5", "--method", "monte_carlo", *FAST)
    assert outcome.stdout.startswith("P =")
    assert "95 %" in outcome.stdout


def test_a_record_s_own_numbers_stand_below_the_estimate(toy, monkeypatch):
    times, variables = toy.layout.shape
    series = np.random.default_rng(0).exponential(size=(4000, variables)).astype(np.float32)
    part = Segment(series, np.arange(0, 4000 - times, times), times)
    model = dataclasses.replace(toy, held_out=part, training_data=part)
    monkeypatch.setattr("kernels.runs.spec.load_model", lambda name: model)
    words = ["probability", "-m", "mine", "-e", "max(x) > 8", "--method", "monte_carlo", "-n", "8"]
    lines = CliRunner().invoke(app, words).stdout.splitlines()[-3:]
    labels = ("frequency in held-out data", "frequency in training data", "peaks over threshold")
    for line, label in zip(lines, labels, strict=True):
        assert re.fullmatch(rf"{label}: [\d.e-]+ \([\d.e-]+ to [\d.e-]+\)", line), line
    document = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [one["method"] for one in document["beside"]] == ["data", "training_data", "peaks_over_threshold"]


@pytest.mark.parametrize(
    ("event", "piece"),
    [("max(x > 1", "^"), ("max(q) > 1", "q"), ("max[90, 99](x) > 1", "99"), ("x > 1", "eventually")],
)
def test_a_bad_event_is_bad_input(call, event, piece):
    outcome = call("probability", "-m", "toy", "-e", event, "--json", *FAST)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("Error: ")
    assert piece in outcome.stderr
    assert "Traceback" not in outcome.output


def test_unknown_names_are_bad_input(call):
    for words in (
        ("probability", "-m", "lorentz", "-e", "max(x) > 1"),
        ("simulate", "lorentz63", "-o", "a.nc"),
    ):
        outcome = call(*words)
        assert outcome.exit_code == 2
        assert "Error: " in outcome.stderr
    assert call("nonsense").exit_code == 2


def test_numerical_failure_has_its_own_code(call, monkeypatch):
    def breaks(spec):
        raise kernels.NumericalError("every chain stood still; take more steps.")
        yield

    monkeypatch.setattr("kernels.stream", breaks)
    outcome = call("sample", "-m", "toy", "-e", "max(x) > 1")
    assert (outcome.exit_code, outcome.stderr) == (1, "Error: every chain stood still; take more steps.\n")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (BlockingIOError(11, "unable to lock file"), 2, "[Errno 11] unable to lock file"),
        (OSError(28, "No space left on device"), 2, "[Errno 28] No space left on device"),
        (OSError("several\nlines"), 2, "several"),
        (MemoryError(), 1, "there is not enough memory (MemoryError). Ask for less at once"),
        (
            JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.\nBufferAssignment: …"),
            1,
            "there is not enough memory (RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.). Ask for less",
        ),
        (JaxRuntimeError("INTERNAL: the device is lost\nmore"), 1, "INTERNAL: the device is lost"),
    ],
)
def test_troubles_of_the_machine_are_one_line_and_a_code(call, monkeypatch, error, code, words):
    def breaks(spec):
        raise error
        yield

    monkeypatch.setattr("kernels.stream", breaks)
    outcome = call("sample", "-m", "toy")
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert outcome.stderr.startswith(f"Error: {words}")
    assert outcome.stderr.count("\n") == 1


def test_nobody_who_reads_the_answer_is_no_error_of_ours(call, monkeypatch):
    def breaks(spec):
        raise BrokenPipeError(32, "Broken pipe")
        yield

    monkeypatch.setattr("kernels.stream", breaks)
    outcome = call("sample", "-m", "toy")
    assert (outcome.exit_code, outcome.stderr) == (1, "")


@pytest.fixture
def unwritable(monkeypatch):
    """Names of files that cannot be written, whole or at all."""
    names, real = [], sample.write_dataset

    def keep(dataset, path):
        if path.name in names or "*" in names:
            path.write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        real(dataset, path)

    monkeypatch.setattr(sample, "write_dataset", keep)
    return names


ASKED = ("sample", "-m", "toy", "-e", "max(x) > 1.5", "--method", "guided", *FAST)


def test_what_cannot_be_written_goes_beside_and_the_answer_is_told(call, tmp_path, unwritable):
    (tmp_path / "run.nc").write_bytes(b"before")
    (tmp_path / "run-1.nc").write_bytes(b"another")
    unwritable.append("run.nc")
    outcome = call(*ASKED, "-o", tmp_path / "run.nc", "--json")
    assert outcome.exit_code == 2
    assert outcome.stderr.count("\n") == 1
    assert f"the trajectories are in {tmp_path / 'run-2.nc'}" in outcome.stderr
    document = json.loads(outcome.stdout)
    assert document["output"] == str(tmp_path / "run-2.nc")
    assert 0 < document["probability"]["value"] < 1
    assert kernels.read_dataset(tmp_path / "run-2.nc").sizes["sample"] == 64
    assert (tmp_path / "run.nc").read_bytes() == b"before"
    assert (tmp_path / "run-1.nc").read_bytes() == b"another"
    assert len(list(tmp_path.iterdir())) == 3


def test_where_nothing_can_be_written_the_answer_is_told(call, tmp_path, unwritable):
    unwritable.append("*")
    outcome = call(*ASKED, "-o", tmp_path / "run.nc")
    assert outcome.exit_code == 2
    assert "P = " in outcome.stdout
    assert "No space left on device); the trajectories are lost" in outcome.stderr
    assert not list(tmp_path.iterdir())


def test_a_simulation_that_cannot_be_written_leaves_the_old_one(call, tmp_path, unwritable):
    (tmp_path / "run.nc").write_bytes(b"before")
    unwritable.append("run.nc")
    outcome = call("simulate", "lorenz63", "-n", 8, "-o", tmp_path / "run.nc")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "No space left on device" in outcome.stderr
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("run.nc", b"before")]


def test_a_file_that_is_open_elsewhere_is_replaced(call, tmp_path):
    """HDF5 locks what is open; a run that took an hour is not to fail for that."""
    path = tmp_path / "run.nc"
    assert call("sample", "-m", "toy", "-o", path, *FAST).exit_code == 0
    with h5py.File(path, "r"):
        outcome = call("sample", "-m", "toy", "-o", path, "--num-samples", 32, "--num-steps", 10)
    assert outcome.exit_code == 0, outcome.stderr
    assert kernels.read_dataset(path).sizes["sample"] == 32


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of Tornado, which could not bind it
def test_a_port_that_is_in_use_is_said(call):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = call("serve", "-m", "toy", "--port", port, "--no-browser")
    assert outcome.exit_code == 2
    last, lines = outcome.stderr.splitlines()[-1], outcome.stderr.count("\n")
    del outcome
    gc.collect()
    assert lines == 1  # no address of a page that is not there
    assert last.startswith(f"Error: port {port} of 127.0.0.1 is in use")
    assert last.endswith("Choose another port (`port`, --port).")


@pytest.mark.parametrize("command", [("serve", "-m", "toy"), ("lab",)])
@pytest.mark.parametrize("port", [0, -1, 99_999])
def test_what_is_no_port_is_said(call, command, port):
    outcome = call(*command, f"--port={port}", "--no-browser")
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"Error: `port` must be from 1 to 65535; got {port}. Choose another (`port`, --port).\n"
    )


def test_the_address_is_told_once_the_port_is_bound(call, monkeypatch):
    """A server that listens at that moment, and nothing that is left of it after Ctrl-C."""
    real = pn.serve

    def served(*arguments, **options):
        server = real(*arguments, **options)
        server.io_loop.add_callback(server.io_loop.stop)  # as Ctrl-C does
        servers.append(server)
        return server

    servers = []
    monkeypatch.setattr(pn, "serve", served)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own Ctrl-C stays
    port = free_port()
    outcome = call("serve", "-m", "toy", "--port", port, "--no-browser")
    servers[0].stop()
    assert outcome.exit_code == 0, outcome.stderr
    assert re.fullmatch(
        rf"diffuse-ui at http://127\.0\.0\.1:{port}/\?token=[0-9a-f]{{48}}   \(Ctrl-C ends it\)\n",
        outcome.stderr,
    )


def test_an_origin_that_is_none_is_said(call):
    outcome = call("serve", "-m", "toy", "--no-browser", "--allow-origin", "https://*.example.org")
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("Error: --allow-origin must be an address such as")


def test_sample_and_simulate_write_files(call, tmp_path):
    outcome = call("sample", "-m", "toy", "-o", tmp_path / "a.nc", "--json", *FAST)
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["num_samples"] == 64
    assert kernels.read_dataset(tmp_path / "a.nc").sizes["sample"] == 64
    outcome = call("simulate", "lorenz63", "-o", tmp_path / "b.nc", "-n", 8)
    assert outcome.exit_code == 0, outcome.stderr
    assert kernels.read_dataset(tmp_path / "b.nc").sizes == {"sample": 8, "time": 60, "variable": 3}
    assert call("simulate", "lorenz63", "-o", tmp_path / "b.csv").exit_code == 2


def test_validate_reads_what_the_app_exports(call, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"model": "toy", "event": "max(x) > 1.5"}))
    outcome = call("validate", path)
    assert (outcome.exit_code, outcome.stdout[:6]) == (0, "valid:")
    path.write_text(json.dumps({"model": "toy", "event": "max(q) > 1.5"}))
    assert call("validate", path).exit_code == 2
    path.write_text(json.dumps({"model": "toy", "event": "max[0, 99](x) > 1.5"}))
    outcome = call("validate", path)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "Write max[0, 7.5](x) > 1.5." in outcome.stderr
    path.write_text(json.dumps({"model": "toy", "event": "always(eventually[1, 3](x > -9))"}))
    outcome = call("validate", path)
    assert "counts as false" in outcome.stdout
    assert outcome.exit_code == 0
    path.write_text("{")
    assert "is no JSON" in call("validate", path).stderr
    assert call("validate", tmp_path / "none.json").exit_code == 2


def test_models_lists_models_and_systems(call):
    outcome = call("models", "--json")
    assert outcome.exit_code == 0, outcome.stderr
    assert "lorenz63" in json.loads(outcome.stdout)["systems"]


def test_models_lists_a_damaged_one_with_what_is_wrong(call, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = user_models()
    folder.mkdir(parents=True)
    for name, cut in (("whole", None), ("cut", ".safetensors"), ("carded", ".json")):
        for kind in (".safetensors", ".json"):
            content = path_of("lorenz63").with_suffix(kind).read_bytes()
            (folder / f"{name}{kind}").write_bytes(content[:-3] if kind == cut else content)
    models = json.loads(call("models", "--json").stdout)["models"]
    assert models["whole"] == kernels.load_model("lorenz63").card
    assert "cut.safetensors are truncated or damaged" in models["cut"]["description"]
    assert "carded.json is not valid JSON" in models["carded"]["description"]


def test_train_refuses_unknown_presets(call, tmp_path):
    outcome = call("train", "lorenz63", "-o", tmp_path / "m", "--preset", "huge")
    assert outcome.exit_code == 2
    assert "quick" in outcome.stderr


def test_lab_listens_to_this_machine_only():
    words = jupyter.lab_arguments(jupyter.notebooks_folder(), port=9999, browser=False)
    assert "--ServerApp.ip=127.0.0.1" in words
    assert "--no-browser" in words
    assert any(jupyter.FIRST_NOTEBOOK in word for word in words)


def test_carried_notebooks_are_copied_once(tmp_path, monkeypatch):
    package = tmp_path / "site" / "diffuse_ui"
    (package / "notebooks" / "images").mkdir(parents=True)
    (package / "notebooks" / jupyter.FIRST_NOTEBOOK).write_text("{}")
    monkeypatch.setattr(jupyter, "__file__", str(package / "jupyter.py"))
    folder = jupyter.notebooks_folder(tmp_path / "mine")
    assert (folder / jupyter.FIRST_NOTEBOOK).read_text() == "{}"
    (folder / jupyter.FIRST_NOTEBOOK).write_text("edited")
    jupyter.notebooks_folder(tmp_path / "mine")
    assert (folder / jupyter.FIRST_NOTEBOOK).read_text() == "edited"


def test_half_a_notebook_is_not_left(tmp_path, monkeypatch):
    """What exists stays: it would never be mended."""
    package = tmp_path / "site" / "diffuse_ui"
    (package / "notebooks").mkdir(parents=True)
    (package / "notebooks" / jupyter.FIRST_NOTEBOOK).write_text("whole")
    monkeypatch.setattr(jupyter, "__file__", str(package / "jupyter.py"))
    real = jupyter.shutil.copy2

    def full(source, target):
        Path(target).write_text("ha")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jupyter.shutil, "copy2", full)
    with pytest.raises(OSError, match="No space left"):
        jupyter.notebooks_folder(tmp_path / "mine")
    monkeypatch.setattr(jupyter.shutil, "copy2", real)
    folder = jupyter.notebooks_folder(tmp_path / "mine")
    assert (folder / jupyter.FIRST_NOTEBOOK).read_text() == "whole"
    assert [path.name for path in folder.iterdir()] == [jupyter.FIRST_NOTEBOOK]


def test_without_notebooks_there_is_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(jupyter, "__file__", str(tmp_path / "diffuse_ui" / "jupyter.py"))
    with pytest.raises(ValueError, match="no notebooks"):
        jupyter.notebooks_folder(tmp_path / "mine")


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("train", "lorenz63", "-o", "m", "--window", 5), "--window"),
        (("train", "lorenz63", "-o", "m", "--positive", "x"), "--positive"),
        (("train", "lorenz63", "-o", "m", "--difference", "x-y"), "--difference"),
        (("train", "lorenz63", "-o", "m", "--more-steps", 5), "--more-steps"),
        (("train", "my.nc", "--from", "lorenz63"), "--from"),
        (("models", "report", "lorenz63", "-n", 5), "--num-samples"),
    ],
)
def test_options_that_would_be_ignored_are_refused(call, words, flag):
    outcome = call(*words)
    assert outcome.exit_code == 2
    assert f"{flag} has no meaning" in outcome.stderr


def test_the_output_is_checked_before_anything_is_drawn(call, tmp_path, monkeypatch):
    monkeypatch.setattr("kernels.stream", lambda spec: pytest.fail("drawn"))
    (tmp_path / "folder.nc").mkdir()
    (tmp_path / "file.zarr").touch()
    for output in ("run.h5", "/nowhere/run.nc", tmp_path / "folder.nc", tmp_path / "file.zarr"):
        outcome = call("sample", "-m", "toy", "-o", output, *FAST)
        assert outcome.exit_code == 2
        assert "`path`" in outcome.stderr


def test_what_is_not_the_exact_ensemble_says_so(call, tmp_path):
    words = ("sample", "-m", "toy", "-e", "max(x) > 1 and max(x) < 0", "--method", "exact", *FAST)
    outcome = call(*words, "--estimator", "monte_carlo", "-o", tmp_path / "run.nc")
    assert outcome.exit_code == 1
    assert "there is no exact ensemble" in outcome.stderr


def test_direct_samples_take_the_steps_that_are_asked_for(call):
    words = ("probability", "-m", "toy", "-e", "max(x) > 1.5", "--method", "monte_carlo", "--json", *FAST)
    calls = [json.loads(call(*words, *more).stdout)["num_calls"] for more in ((), ("--ode-steps", 50))]
    assert calls == [64 * 30, 64 * 50]
