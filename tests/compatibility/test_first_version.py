"""Files, links and scripts that version 0.1 wrote still load, run, and give the same numbers."""

import dataclasses
import json
import shlex
from pathlib import Path
from urllib.parse import parse_qsl

import jax
import nbformat
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import kernels
from diffuse_ui.cli import app as cli
from diffuse_ui.state import links
from diffuse_ui.state.state import State

WRITTEN = Path(__file__).parent / "first_version"
EVENTS, RUNS, NUMBERS = (
    json.loads((WRITTEN / f"{name}.json").read_text()) for name in ("events", "runs", "numbers")
)


def tree(spec: kernels.RunSpec) -> kernels.Event | None:
    """The event of a run, whichever way it is kept."""
    return kernels.parse_event(spec.event) if isinstance(spec.event, str) else spec.event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["typed"])
def test_events_read_and_write_the_same(event):
    read = kernels.Event.from_dict(event["document"])
    assert read == kernels.parse_event(event["text"]) == kernels.parse_event(event["typed"])
    assert str(read) == event["text"]
    assert read.to_dict() == event["document"]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["spec"]["model"])
def test_run_documents_and_links(run):
    spec = kernels.RunSpec.from_dict(run["spec"])
    written = spec.to_dict()
    assert {name: written[name] for name in run["spec"]} == run["spec"]
    state = State()
    assert not links.follow(state, dict(parse_qsl(run["link"].removeprefix("?"))))
    chosen = state.to_spec()
    assert tree(chosen) == tree(spec)
    assert dataclasses.replace(chosen, event=None) == dataclasses.replace(spec, event=None)


def test_a_run_file_holds_its_spec_and_its_numbers():
    with xr.open_dataset(WRITTEN / "run.nc", engine="h5netcdf") as opened:
        event = tree(kernels.RunSpec.from_dict(json.loads(opened.attrs["run_spec"])))
        assert str(event) == "max(x) > 0.5"
        states = kernels.read_dataset(WRITTEN / "run.nc")
        np.testing.assert_array_equal(event.holds(states).values, opened["satisfied"].values)


@pytest.mark.parametrize("name", ["network", "expert", "record"])
def test_checkpoints_draw_the_same(name):
    model = kernels.load_checkpoint(WRITTEN / f"{name}.safetensors")
    drawn = kernels.sample(jax.random.key(0), model, num_samples=4, num_steps=8)
    np.testing.assert_allclose(drawn["state"].values[:2], NUMBERS[name]["states"], rtol=2e-3, atol=2e-3)
    for method in ("data", "training_data"):
        if method in NUMBERS[name]:
            found = kernels.event_probability(
                jax.random.key(0), model, f"max({model.layout.variables[0]}) > 12", method=method
            )
            assert found.value == pytest.approx(NUMBERS[name][method], abs=1e-12)


def test_a_forecasting_checkpoint_loads():
    model = kernels.load_checkpoint(WRITTEN / "forecast.safetensors")
    assert model.num_known == 3


def same_run(path: Path) -> None:
    with xr.open_dataset(path, engine="h5netcdf") as drawn:
        found = drawn["state"].values[:2]
        np.testing.assert_allclose(found, NUMBERS["run"]["states"], rtol=2e-3, atol=2e-3)
        assert json.loads(drawn.attrs["probability"])["value"] == NUMBERS["run"]["probability"]


def test_the_exported_script_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile((WRITTEN / "exported.py").read_text(), "exported.py", "exec"), {})
    same_run(tmp_path / "run.nc")


def test_the_exported_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = nbformat.read(WRITTEN / "exported.ipynb", as_version=4)
    names: dict[str, object] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)
    same_run(tmp_path / "run.nc")


def test_the_exported_command_runs(tmp_path):
    words = shlex.split(RUNS[0]["command"].replace("run.nc", str(tmp_path / "run.nc")))
    words = [*words[1:], "--num-samples", "8", "--num-steps", "4", "--estimator", "none"]
    outcome = CliRunner().invoke(cli, words)
    assert outcome.exit_code == 0, outcome.output
    assert (tmp_path / "run.nc").exists()


@pytest.mark.parametrize(
    "line",
    [
        "from kernels.events.inspection import explain, states_of",
        "from kernels.events import Variable, always, box, eventually",
        "from kernels.statistics import effective_sample_size, kolmogorov_distance",
        "from kernels import summaries, verification",
        "from kernels.zoo import path_of",
        "from kernels.zoo.presets import PRESETS",
        "from kernels.zoo.simulated import train_system",
        "from diffuse_ui import codegen, exporting, sketches",
        "from diffuse_ui.colors import LIGHT",
        "from diffuse_ui.event_figures import event_figure",
        "from diffuse_ui.figure_axes import draw_shapes, style",
        "from diffuse_ui.training_figures import loss_figure",
    ],
)
def test_what_notebooks_and_the_readme_imported(line):
    exec(line, {})
