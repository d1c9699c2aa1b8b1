"""What the app emits draws the same trajectories."""

import shlex

import nbformat
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import kernels
from diffuse_ui.app import App
from diffuse_ui.cli import app as cli
from diffuse_ui.export import code


def test_only_what_differs_from_the_defaults_is_named():
    spec = kernels.RunSpec(model="lorenz63", event="max(x) > 0.9", seed=3, estimator=None)
    text = code.script(spec)
    assert "seed=3" in text
    assert "num_steps" not in text
    assert code.command(spec).endswith("--estimator none --seed 3 --output run.nc")


@pytest.fixture(scope="module")
def ran():
    choices = {"num_samples": 16, "num_steps": 6, "seed": 5, "estimator": None, "method": "guided"}
    app = App("lorenz63", event="max(x) > 0.5", **choices)
    app.store.compare = False
    yield app.run(), app.state.to_spec()
    app.close()


def same(path, result):
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        np.testing.assert_allclose(opened["state"].values, result.dataset["state"].values, atol=1e-5)


def test_the_script_draws_the_same(ran, tmp_path, monkeypatch):
    result, spec = ran
    monkeypatch.chdir(tmp_path)
    exec(compile(code.script(spec), "script", "exec"), {})
    same(tmp_path / "run.nc", result)


def test_the_command_draws_the_same(ran, tmp_path):
    result, spec = ran
    words = shlex.split(code.command(spec, str(tmp_path / "run.nc")))
    assert words[0] == "diffuse-ui"
    outcome = CliRunner().invoke(cli, words[1:])
    assert outcome.exit_code == 0, outcome.output
    same(tmp_path / "run.nc", result)


def test_the_notebook_is_valid_and_draws_the_same(ran, tmp_path, monkeypatch):
    result, spec = ran
    monkeypatch.chdir(tmp_path)
    notebook = nbformat.reads(code.notebook(spec, "P = 0.2\nby hand"), as_version=4)
    nbformat.validate(notebook)
    assert "P = 0.2" in notebook.cells[0].source
    names: dict = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec"), names)
    same(tmp_path / "run.nc", result)


def test_a_notebook_without_an_event_has_no_probability():
    text = code.notebook(kernels.RunSpec(model="lorenz63"))
    assert "probability" not in text
    assert "without an event" in text


def test_a_link_names_every_choice():
    spec = kernels.RunSpec(model="lorenz63", event="max(x) > 0.9", seed=3, estimator=None)
    address = code.link(spec)
    assert address.startswith("?model=lorenz63&event=max%28x%29+%3E+0.9&given=none&when=none&method=guided&")
    assert address.endswith(
        "&estimator=none&num_samples=512&num_steps=80&seed=3&sampler=sde_dpm_solver&schedule=focused"
    )


def test_a_model_made_in_python_leaves_a_gap_to_fill(toy):
    assert "model = ..." in code.script(kernels.RunSpec(model=toy))
