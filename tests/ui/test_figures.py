"""Figures and files: what is exported says what it is, and the same result gives the same bytes."""

import io
import json

import numpy as np
import pytest
import xarray as xr

from diffuse_ui import exporting
from diffuse_ui.ensembles import Fan, fan, nan_lines, states
from diffuse_ui.figures import caption, ensemble_figure
from diffuse_ui.store import Result


def test_caption_carries_event_probability_model_and_seed(finished):
    text = caption(finished.result)
    for piece in ("max(x) > 1.5", "P =", "monte carlo", "toy", "seed 0", "exact"):
        assert piece in text


def test_figure_has_a_panel_for_each_variable_with_units(finished):
    figure = ensemble_figure(finished.result, finished.store.backdrop)
    assert [ax.get_ylabel() for ax in figure.axes] == ["x (m)", "y"]
    assert figure.axes[-1].get_xlabel() == "time (s)"
    threshold = [line for line in figure.axes[0].lines if np.allclose(line.get_ydata(), 1.5)]
    assert len(threshold) == 1


@pytest.mark.parametrize("kind", exporting.FORMATS)
def test_the_same_result_gives_the_same_bytes(finished, kind):
    first = exporting.picture(finished.result, finished.store.backdrop, kind)
    assert first == exporting.picture(finished.result, finished.store.backdrop, kind)
    assert first[:8] in (b"\x89PNG\r\n\x1a\n", b"<?xml ve") or first.startswith(b"%PDF")


def test_figures_on_a_dark_ground_and_unknown_formats(finished):
    assert exporting.picture(finished.result, None, "png", dark=True, dpi=40).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="`kind` must be one of png, svg, pdf; got 'gif'"):
        exporting.picture(finished.result, None, "gif")


def test_netcdf_opens_again_with_the_run_in_it(finished):
    with xr.open_dataset(io.BytesIO(exporting.netcdf(finished.result)), engine="h5netcdf") as opened:
        np.testing.assert_array_equal(opened["state"].values, finished.result.dataset["state"].values)
        assert json.loads(opened.attrs["run_spec"])["event"] == "max(x) > 1.5"
        assert json.loads(opened.attrs["probability"])["method"] == "monte_carlo"
        assert opened.time.attrs["units"] == "s"


@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_files_are_written_and_wrong_names_refused(finished, tmp_path, ending):
    path = tmp_path / f"run{ending}"
    exporting.write(finished.result, path)
    assert path.exists()
    with pytest.raises(ValueError, match=r"must end with \.nc"):
        exporting.write(finished.result, tmp_path / "run.csv")
    with pytest.raises(ValueError, match="folder"):
        exporting.write(finished.result, tmp_path / "no" / f"run{ending}")


def dataset(weights, satisfied=None):
    count = len(weights)
    state = np.random.default_rng(0).normal(size=(count, 4, 1))
    data = {
        "state": (("sample", "time", "variable"), state),
        "weight": ("sample", np.asarray(weights, float)),
    }
    if satisfied is not None:
        data["satisfied"] = ("sample", satisfied)
    return xr.Dataset(data, coords={"time": np.arange(4.0), "variable": ["x"]})


def test_a_fan_needs_weights_that_are_worth_fifty():
    assert isinstance(fan(dataset(np.ones(100))), Fan)
    assert fan(dataset(np.geomspace(1, 1e6, 100))) is None
    assert fan(dataset(np.ones(100), np.arange(100) < 5)) is None
    assert fan(dataset(np.ones(100), np.arange(100) < 60)).num_members == 60


def test_a_fan_is_made_of_quantiles():
    data = dataset(np.ones(100))
    expected = np.quantile(states(data), 0.5, axis=0)
    np.testing.assert_allclose(fan(data).quantiles[2], expected, atol=0.1)


def test_lines_are_separated_by_nan():
    x, y = nan_lines(np.arange(3.0), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(y, [0, 1, 2, np.nan, 3, 4, 5, np.nan])
    np.testing.assert_array_equal(x, [0, 1, 2, np.nan, 0, 1, 2, np.nan])


def test_a_result_without_trajectories_cannot_be_drawn(finished):
    empty = Result(
        finished.result.spec, type(finished.result.snapshot)("guided", 0.0, "", None, None), {}, 0.0
    )
    for export in (exporting.netcdf, ensemble_figure):
        with pytest.raises(ValueError, match="no trajectories yet"):
            export(empty)
