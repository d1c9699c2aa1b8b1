"""The command line: codes 0, 1, 2; one message on stderr; one JSON object on stdout."""

import json

import pytest
from typer.testing import CliRunner

import kernels
from diffuse_ui import launching
from diffuse_ui.cli import app
from kernels.zoo import path_of, user_models


@pytest.fixture
def call(toy, monkeypatch):
    real = kernels.load_model
    monkeypatch.setattr(
        "kernels.specs.load_model", lambda name: toy if name == "toy" else real(name), raising=False
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
    words = launching.lab_arguments(launching.notebooks_folder(), port=9999, browser=False)
    assert "--ServerApp.ip=127.0.0.1" in words
    assert "--no-browser" in words
    assert any(launching.FIRST_NOTEBOOK in word for word in words)


def test_carried_notebooks_are_copied_once(tmp_path, monkeypatch):
    package = tmp_path / "site" / "diffuse_ui"
    (package / "notebooks" / "images").mkdir(parents=True)
    (package / "notebooks" / launching.FIRST_NOTEBOOK).write_text("{}")
    monkeypatch.setattr(launching, "__file__", str(package / "launching.py"))
    folder = launching.notebooks_folder(tmp_path / "mine")
    assert (folder / launching.FIRST_NOTEBOOK).read_text() == "{}"
    (folder / launching.FIRST_NOTEBOOK).write_text("edited")
    launching.notebooks_folder(tmp_path / "mine")
    assert (folder / launching.FIRST_NOTEBOOK).read_text() == "edited"


def test_without_notebooks_there_is_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(launching, "__file__", str(tmp_path / "diffuse_ui" / "launching.py"))
    with pytest.raises(ValueError, match="no notebooks"):
        launching.notebooks_folder(tmp_path / "mine")


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("train", "lorenz63", "-o", "m", "--window", 5), "--window"),
        (("train", "my.nc", "--preset", "quick"), "--preset"),
        (("train", "my.nc", "--from", "lorenz63"), "--from"),
        (("models", "report", "lorenz63", "-n", 5), "--num-samples"),
    ],
)
def test_options_that_would_be_ignored_are_refused(call, words, flag):
    outcome = call(*words)
    assert outcome.exit_code == 2
    assert f"{flag} has no meaning" in outcome.stderr


def test_the_output_is_checked_before_anything_is_drawn(call, monkeypatch):
    monkeypatch.setattr("kernels.stream", lambda spec: pytest.fail("drawn"))
    for output in ("run.h5", "/nowhere/run.nc"):
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
