"""Reports and trainings as pictures and on the command line."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import kernels
from diffuse_ui.cli import app
from diffuse_ui.commands import train_console
from diffuse_ui.commands.report_console import print_report
from diffuse_ui.commands.report_page import shipped_models
from diffuse_ui.commands.report_page_text import NOTES
from diffuse_ui.figures.report import draw_probabilities, report_figure
from diffuse_ui.figures.training import loss_figure
from diffuse_ui.style.colors import LIGHT
from diffuse_ui.views.controls.model_card import card_rows
from kernels import zoo
from kernels.fidelity import epsilon_scaling
from kernels.files import locked
from kernels.networks.unet import UNetConfig
from kernels.training import from_recording, from_system, presets


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def reported(toy):
    """The toy with a full report in its card, of made-up numbers."""
    density = {"low": -3.0, "high": 3.0, "model": [0.25] * 4, "truth": [0.2, 0.3, 0.3, 0.2]}
    pair = {"model": [1.0, 0.5], "truth": [1.0, 0.6]}
    figures = {"probability": 0.2, "standard_error": 0.004}
    times = {"model": list(np.linspace(1, 0, 16)), "truth": list(np.linspace(1, 0, 16))}
    entries = [
        {"event": f"max(x) > {i}", "share": p, "method": "monte_carlo"}
        | {side: {"probability": p, "standard_error": 0.1 * p} for side in ("truth", "model")}
        for i, p in enumerate((0.3, 0.01, 0.0))
    ]
    report = {
        "event": "max(x) > 1",
        "num_samples": 1000,
        "num_simulated": 2000,
        "num_steps": 30,
        "data": figures,
        "ode_30": figures | {"kolmogorov_distance": 0.02, "where": "x at 0", "rollout_error": 0.01},
        "one_point": {"x": density, "y": density},
        "autocorrelation": {"x": times, "y": times},
        "power": {"x": pair, "y": pair},
        "rollout": {
            "times": [1.0, 2.0],
            "model": [0.1, 0.2],
            "perturbed_truth": [0.1, 0.3],
            "random_start": [0.7, 0.8],
        },
        "events": entries,
        "energy_drift": {"model": 0.1, "truth": 0.001},
        "log_likelihood": {"mean": -10.0, "standard_error": 1.0, "per_number": -0.3, "num_trajectories": 4},
        "misses": ["one-point Kolmogorov distance 0.02"],
    }
    history = [[10, 0.9, 0.95], [20, 0.8, 0.85], [30, 0.7, 0.88]]
    return dataclasses.replace(toy, card={**toy.card, "fidelity": report, "training": {"history": history}})


def test_a_report_is_drawn(reported):
    figure = report_figure(reported)
    assert len(figure.axes) == 3 * 2 + 2
    alone = {**reported.card["fidelity"]}
    del alone["rollout"]
    whole = report_figure(dataclasses.replace(reported, card={"fidelity": alone})).axes[-1].get_position()
    assert (whole.x0, whole.x1) == (pytest.approx(0.09), pytest.approx(0.985))
    words = " ".join(text.get_text() for text in figure.texts)
    assert "1000 samples of 30 steps against 2000 held-out trajectories" in words


@pytest.fixture
def forecasting(reported):
    """The same of a model that forecasts, with made-up scores."""
    scores = {"num_cases": 8, "num_members": 4, "times": [6.0, 6.5, 7.0, 7.5]}
    scores |= {"crps": {"x": [0.01, 0.1, 0.4, 0.9]}, "spread_skill": {"x": [0.5, 0.8, 1.0, 1.1]}}
    report = reported.card["fidelity"] | {"forecast": scores}
    return dataclasses.replace(reported, card={**reported.card, "fidelity": report})


def test_a_forecasts_report_has_its_scores(forecasting, capsys):
    axes = report_figure(forecasting).axes
    assert len(axes) == 3 * 2 + 2 + 2
    assert [ax.get_ylabel() for ax in axes[-2:]] == ["CRPS / the climate's", "spread / error of the mean"]
    curve = next(line for line in axes[-2].lines if line.get_label() == "x")
    np.testing.assert_allclose(curve.get_xdata(), [0.5, 1.0, 1.5, 2.0])  # after the last known time, 5.5
    np.testing.assert_allclose(curve.get_ydata(), [0.01, 0.1, 0.4, 0.9])
    print_report(forecasting)
    words = " ".join(capsys.readouterr().out.split())
    assert "at 6 s" in words
    assert "at 7.5 s" in words
    assert "0.01, 0.5" in words
    assert dict(card_rows(forecasting))["forecast"] == (
        "CRPS of x 0.1 of the climate's at 6.5, 0.9 of the climate's at 7.5"
    )


def test_probabilities_stand_where_they_are_and_none_is_a_triangle():
    entries = [
        {
            "truth": {"probability": t, "standard_error": t / 9},
            "model": {"probability": m, "standard_error": m / 5},
        }
        for t, m in ((0.1, 0.09), (1e-3, 1e-5), (1e-4, 0.0))
    ]
    axes = Figure().subplots()
    draw_probabilities(axes, {"events": entries}, LIGHT)
    marks = {line.get_marker(): line for line in axes.lines if line.get_marker() in ("o", "v")}
    np.testing.assert_allclose(marks["o"].get_ydata(), [0.09, 1e-5])
    np.testing.assert_allclose(marks["v"].get_xdata(), [1e-4])
    draw_probabilities(Figure().subplots(), {"events": entries[2:]}, LIGHT)
    assert axes.get_legend() is None


def test_what_was_learned_from_stands_beside_the_truth_and_the_model(reported, capsys):
    report = reported.card["fidelity"]
    entries = [
        entry | {"training_data": {"probability": p, "standard_error": 0.001}}
        for entry, p in zip(report["events"], (0.345, 0.0, 0.123), strict=True)
    ]
    learned = {
        "probability": 0.234,
        "standard_error": 0.001,
        "kolmogorov_distance": 0.0123,
        "where": "x at 1",
    }
    report = report | {"events": entries, "training_data": learned}
    model = dataclasses.replace(reported, card={**reported.card, "fidelity": report})
    axes = Figure().subplots()
    draw_probabilities(axes, report, LIGHT)
    (diamonds,) = (line for line in axes.lines if line.get_marker() == "D")
    np.testing.assert_allclose(diamonds.get_xdata(), [0.3, 0.01])
    np.testing.assert_allclose(diamonds.get_ydata(), [0.345, np.nan])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["P in the training data"]
    print_report(model)
    words = capsys.readouterr().out
    assert "training data" in words
    assert "34.50 %" in words
    assert "23.40 %" in words
    assert "0.0123  (x at 1)" in words
    assert dict(card_rows(model))["P, training data"].startswith("23.40 %")
    assert dict(card_rows(model))["P, held-out data"]


@pytest.mark.slow
def test_losses_are_drawn_with_the_best(reported, toy):
    axes = loss_figure(reported, dark=True).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["training", "validation", "best: 0.85 at step 20"]
    with pytest.raises(ValueError, match="tells no history"):
        loss_figure(toy)
    with pytest.raises(ValueError, match="holds no full report"):
        report_figure(toy)


@pytest.mark.slow
def test_a_report_on_the_command_line(reported, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("kernels.load_model", lambda name: reported if name == "reported" else toy)
    outcome = call("models", "report", "reported", "-o", tmp_path / "report.png")
    assert outcome.exit_code == 0, outcome.stderr
    assert "fidelity of toy" in outcome.stdout
    assert "misses its target: one-point" in outcome.stdout
    assert (tmp_path / "report.png").stat().st_size > 10_000
    document = json.loads(call("models", "report", "reported", "--json").stdout)
    assert document["fidelity"]["num_steps"] == 30
    refused = call("models", "report", "toy").stderr
    assert "holds no report, and none can be measured" in refused
    assert "of a registered system, or of a recording" in refused
    assert "must end with .png" in call("models", "report", "reported", "-o", "a.gif").stderr
    assert "of a registered system, or of a recording" in call("models", "report", "toy", "--measure").stderr


def test_the_page_on_the_shipped_models_is_that_of_their_cards():
    outcome = call("models", "report", "--all", "--markdown")
    assert outcome.exit_code == 0, outcome.stderr
    page = Path(zoo.__file__).with_name("README.md")
    assert outcome.stdout == page.read_text(encoding="utf-8"), (
        "made by: diffuse-ui models report --all --markdown > kernels/zoo/README.md"
    )
    assert max(map(len, outcome.stdout.splitlines())) <= 170
    assert set(NOTES) == set(shipped_models())
    tables = re.findall(r"(?:^\|.*\n)+", outcome.stdout, re.MULTILINE)
    assert all(len({len(line) for line in table.splitlines()}) == 1 for table in tables)


def test_a_models_section_says_how_far_off_it_is(reported, monkeypatch):
    monkeypatch.setattr("kernels.load_model", lambda name: reported)
    monkeypatch.setattr("kernels.zoo.path_of", Path)
    outcome = call("models", "report", "reported", "--markdown")
    assert outcome.exit_code == 0, outcome.stderr
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in outcome.stdout.splitlines()
        if line.startswith("| `max")
    ]
    assert rows == [
        ["`max(x) > 0`", "30 % ± 3 %", "30 % ± 3 %", "1.00 ± 0.14", "samples"],
        ["`max(x) > 1`", "20.0 % ± 0.4 %", "20.0 % ± 0.4 %", "1.00 ± 0.03", "samples"],
        ["`max(x) > 1`", "1.00 % ± 0.10 %", "1.00 % ± 0.10 %", "1.00 ± 0.14", "samples"],
        ["`max(x) > 2`", "0", "< 0.3 %", "—", "samples"],
    ]
    assert "  * one-point Kolmogorov distance 0.02\n" in outcome.stdout


def test_all_reports_at_once():
    document = json.loads(call("models", "report", "--all", "--json").stdout)
    assert list(document["models"]) == list(shipped_models())
    refused = {
        (): "Give the name of a model, or --all",
        ("lorenz63", "--all"): "and not both",
        ("--all", "--measure"): "--measure has no meaning with --all",
        ("--all", "-o", "a.png"): "--output has no meaning with --all",
        ("--all", "--json", "--markdown"): "exclude each other",
    }
    for words, message in refused.items():
        outcome = call("models", "report", *words)
        assert outcome.exit_code == 2
        assert message in outcome.stderr


def test_measuring_says_what_is_new(reported, monkeypatch):
    entries = [{"event": "mean(abs(rfft(x))[1:]) < 0.6"}, {"event": "max(x) > 1"}]
    reports = [{"event": "", "num_steps": 30}, {"event": "", "num_steps": 30, "events": entries[:1]}]
    reports.append(reports[1] | {"events": entries})
    monkeypatch.setattr("kernels.load_model", lambda name: reported)
    monkeypatch.setattr("kernels.checkpoints.write_card", lambda path, card: None)
    monkeypatch.setattr("kernels.zoo.path_of", lambda name: name)
    monkeypatch.setattr("kernels.fidelity.report.require_measurable", lambda model: None)
    monkeypatch.setattr("kernels.fidelity.report.measure", lambda model, effort: reports)
    said = call("models", "report", "reported", "--measure").stderr
    assert [line.split("measured: ")[1].rstrip() for line in said.splitlines() if "measured: " in line] == [
        "event, num_steps",
        "events",
        "max(x) > 1",
    ]


def small(times, variables, num_known=0, num_conditions=0, num_samples=None):
    return UNetConfig(
        num_times=times,
        in_features=2 * variables + num_conditions,
        out_features=variables,
        channels=(8,),
        dense_width=16,
        num_dense=1,
        embedding=16,
    )


@pytest.fixture
def recording(tmp_path, monkeypatch):
    """A file in a folder of its own, and a home for models there."""
    monkeypatch.setattr(from_recording, "network_config", small)
    monkeypatch.setattr(from_recording, "user_models", lambda: tmp_path / "models")
    generator = np.random.default_rng(0)
    values = np.cumsum(generator.normal(size=(800, 2)), axis=0)
    lines = ["time,T (K),P (hPa)"] + [f"{i / 2},{t:.4f},{p:.4f}" for i, (t, p) in enumerate(values)]
    (tmp_path / "my.csv").write_text("\n".join(lines))
    return tmp_path / "my.csv"


def test_every_preset_is_in_the_help():
    words = re.findall(r"\w+", call("train", "--help").stdout)
    assert set(presets.PRESETS) <= set(words)


def test_a_finished_model_is_not_overwritten(tmp_path):
    (tmp_path / "there.safetensors").write_bytes(b"precious")
    outcome = call("train", "lorenz63", "--output", tmp_path / "there.safetensors")
    assert outcome.exit_code == 2
    assert "There is a model in" in outcome.stderr
    assert (tmp_path / "there.safetensors").read_bytes() == b"precious"


def test_a_system_is_not_trained_twice_into_one_file(tmp_path):
    with locked(tmp_path / "new.safetensors", "model new is being trained"):
        outcome = call("train", "lorenz63", "--output", tmp_path / "new")
    assert outcome.exit_code == 2
    assert "model new is being trained by process" in outcome.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(Path(zoo.__file__).parent.glob("*.safetensors"))]
)
def test_every_shipped_model_has_a_report(name):
    outcome = call("models", "report", name, "--json")
    assert outcome.exit_code == 0
    report = json.loads(outcome.stdout)["fidelity"]
    assert len(report["events"]) == 10
    assert "misses" in report
    assert ("forecast" in report) == name.endswith("_forecast")


def test_a_factor_goes_into_the_card_and_what_was_measured_goes(tmp_path, monkeypatch):
    for ending in ("safetensors", "json"):
        shutil.copy(zoo.path_of("lorenz63").with_suffix(f".{ending}"), tmp_path)
    path = tmp_path / "lorenz63.safetensors"
    found = epsilon_scaling.Scaling(0.99, 0.8, 1.01, 0.02, 64)
    monkeypatch.setattr(epsilon_scaling, "fit_epsilon_scale", lambda model, *, num_samples: found)
    outcome = call("models", "scale", path, "-n", 64)
    assert outcome.exit_code == 0
    assert "0.800 ± 0.020 times as often" in outcome.stdout
    assert "1.010 times with a factor of 0.99" in outcome.stdout
    model = kernels.load_model(str(path))
    assert float(model.denoiser.epsilon_scale) == pytest.approx(0.99)
    assert model.card["epsilon_scaling"]["before"] == 0.8
    assert "fidelity" not in model.card
    assert "fidelity" in kernels.load_model("lorenz63").card
    monkeypatch.setattr(
        epsilon_scaling, "fit_epsilon_scale", lambda model, *, num_samples: found._replace(scale=None)
    )
    assert "no factor is called for" in call("models", "scale", "lorenz63").stdout


def test_training_from_a_model_tells_what_its_exemplars_cost(tmp_path, monkeypatch):
    def nothing(*arguments, **choices):
        raise ValueError("no training today")
        yield

    monkeypatch.setattr(from_system, "train_system", nothing)
    asked = ("--preset", "further", "--from", "fitzhugh_nagumo", "--output", tmp_path / "further.safetensors")
    outcome = call("train", "fitzhugh_nagumo", *asked)
    assert "no training today" in outcome.stderr
    assert "looking at 16384 exemplars" in outcome.stderr


def test_ones_own_data_are_trained_on_by_one_command(recording, monkeypatch):
    outcome = call(
        "train", recording, "--variables", "T", "--window", 8, "--stride", 2, "--num-steps", 30, "--json"
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert "network: " in outcome.stderr
    assert "multiply-adds" in outcome.stderr
    assert "left" in outcome.stderr
    document = json.loads(outcome.stdout)
    assert (document["name"], document["stopped"]) == ("my", False)
    assert "time from " in outcome.stderr
    assert document["ending"].startswith("the loss ")
    assert document["understood"]["variables"]["T"]["unit"] == "K"
    model = kernels.load_model(document["output"])
    assert (model.layout.variables, dict(model.layout.variable_units)) == (("T",), {"T": "K"})
    found = kernels.event_probability(jax.random.key(0), model, "max(T) > 0", method="data")
    assert found.method == "data"
    outcome = call("train", recording, "--more-steps", 10, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["steps"] == document["steps"] + 10
    assert f"10 more steps after {document['steps']}" in outcome.stderr


@pytest.mark.slow
def test_a_stop_keeps_the_best_and_says_so(recording, monkeypatch):
    real = from_recording.training

    def interrupted(plan):
        for i, pair in enumerate(real(plan)):
            yield pair
            if i == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(from_recording, "training", interrupted)
    outcome = call("train", recording, "--name", "mine", "--window", 8, "--num-steps", 30)
    assert outcome.exit_code == 0, outcome.stderr
    assert "stopped; the best so far" in outcome.stdout


def test_troubles_of_data_are_bad_input(recording):
    outcome = call("train", recording, "--window", 500)
    assert outcome.exit_code == 2
    assert "Choose a shorter `window`" in outcome.stderr
    outcome = call("train", recording.parent / "none.nc")
    assert outcome.exit_code == 2
    assert "no file or store" in outcome.stderr
    outcome = call("train", "lorenz63")
    assert outcome.exit_code == 2
    assert "`--output` or `--name` must be given" in outcome.stderr
    outcome = call("train", "lorenz63", "--name", "lorenz63_forecast")
    assert outcome.exit_code == 2
    assert "There is a model named lorenz63_forecast" in outcome.stderr
    outcome = call("train", "lorenz63", "--name", "../lorenz63")
    assert outcome.exit_code == 2
    assert "a name without slashes" in outcome.stderr


def test_only_the_same_training_goes_on_under_a_name_that_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "user_models", lambda: tmp_path)
    for ending in ("safetensors", "json", "0123.state", "v2.0123-0.state"):
        (tmp_path / f"mine.{ending}").touch()
    outcome = call("train", "lorenz63", "--name", "mine", "--preset", "quick")
    assert outcome.exit_code == 2
    assert "There is a model named mine" in outcome.stderr
    choices = {"preset": presets.PRESETS["quick"], "seed": 0, "start": None}
    begun = from_system._state_path(
        tmp_path / "mine.safetensors",
        from_system._asked(kernels.get_system("lorenz63"), choices["preset"], 0, None),
        1,
    )
    begun.touch()
    assert from_system.is_unfinished("lorenz63", tmp_path / "mine.safetensors", **choices)
    assert not from_system.is_unfinished("lorenz63", tmp_path / "mine.safetensors", **choices | {"seed": 1})


def test_files_and_systems_are_told_apart():
    assert train_console.is_recording("my.nc")
    assert train_console.is_recording("folder/my.zarr")
    assert not train_console.is_recording("lorenz63")
