"""Figures and files: what is exported says what it is, and the same result gives the same bytes."""

import dataclasses
import html
import io
import json

import numpy as np
import pytest
import xarray as xr
import zarr
from matplotlib.figure import Figure
from PIL import Image

from diffuse_ui.analysis.ensembles import Fan, fan, nan_lines
from diffuse_ui.export import files
from diffuse_ui.figures.axes import SIZES, draw_shapes
from diffuse_ui.figures.ensemble import caption, ensemble_figure
from diffuse_ui.sketch.parts import parts_of_text
from diffuse_ui.style.colors import LIGHT
from diffuse_ui.work.results import states
from diffuse_ui.work.store import Result


def test_caption_carries_event_probability_model_and_seed(finished):
    text = caption(finished.result)
    for piece in ("max(x) > 1.5", "P =", "monte carlo", "toy", "seed 0", "its law given the event"):
        assert piece in text


def test_figure_has_a_panel_for_each_variable_with_units(finished):
    figure = ensemble_figure(finished.result, finished.store.backdrop)
    assert [ax.get_ylabel() for ax in figure.axes] == ["x (m)", "y"]
    assert figure.axes[-1].get_xlabel() == "time (s)"
    threshold = [line for line in figure.axes[0].lines if np.allclose(line.get_ydata(), 1.5)]
    assert len(threshold) == 1


@pytest.mark.parametrize("kind", files.FORMATS)
def test_the_same_result_gives_the_same_bytes(finished, kind):
    first = files.picture(finished.result, finished.store.backdrop, kind)
    assert first == files.picture(finished.result, finished.store.backdrop, kind)
    assert first[:8] in (b"\x89PNG\r\n\x1a\n", b"<?xml ve") or first.startswith(b"%PDF")


def test_figures_on_a_dark_ground_and_unknown_formats(finished):
    assert files.picture(finished.result, None, "png", dark=True, dpi=40).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="`kind` must be one of png, svg, pdf; got 'gif'"):
        files.picture(finished.result, None, "gif")


def test_netcdf_opens_again_with_the_run_in_it(finished):
    with xr.open_dataset(io.BytesIO(files.netcdf(finished.result)), engine="h5netcdf") as opened:
        np.testing.assert_array_equal(opened["state"].values, finished.result.dataset["state"].values)
        assert json.loads(opened.attrs["run_spec"])["event"] == "max(x) > 1.5"
        assert json.loads(opened.attrs["probability"])["method"] == "monte_carlo"
        assert opened.time.attrs["units"] == "s"


def test_zarr_in_a_zip_opens_again_as_it_is(finished, tmp_path):
    path = tmp_path / "run.zarr.zip"
    path.write_bytes(files.zarr_zip(finished.result))
    with zarr.storage.ZipStore(path, mode="r") as store, xr.open_zarr(store, consolidated=False) as opened:
        np.testing.assert_array_equal(opened["state"].values, finished.result.dataset["state"].values)
        assert json.loads(opened.attrs["run_spec"])["event"] == "max(x) > 1.5"


@pytest.mark.parametrize("kind", files.FORMATS)
def test_the_caption_is_in_the_metadata_of_every_format(finished, kind):
    content = files.picture(finished.result, None, kind, dpi=40)
    if kind == "png":
        with Image.open(io.BytesIO(content)) as picture:
            content = " ".join(picture.text.values()).encode()
    elif kind == "svg":
        content = html.unescape(content.decode()).encode()
    content = content.replace(b"\\", b"")  # PDF escapes brackets, and writes what is not ASCII as UTF-16
    for piece in ("max(x) > 1.5", "seed 0", "model toy", "monte carlo"):
        assert piece.encode() in content or piece.encode("utf-16-be") in content, piece


@pytest.mark.parametrize("name", list(SIZES))
def test_figures_have_the_size_that_was_asked_and_hold_their_text(finished, name):
    size = SIZES[name]
    figure = ensemble_figure(finished.result, finished.store.backdrop, size=size)
    assert figure.get_figwidth() == size.width
    if size.height:
        assert figure.get_figheight() == size.height
    figure.canvas.draw()
    renderer, frame = figure.canvas.get_renderer(), figure.bbox
    texts = [*figure.texts, *figure.legends[0].get_texts(), *(ax.yaxis.label for ax in figure.axes)]
    for text in texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= frame.x0 - 1, text.get_text()
        assert box.x1 <= frame.x1 + 1, text.get_text()
        assert box.y0 >= frame.y0 - 1, text.get_text()
    caption_top = figure.texts[0].get_window_extent(renderer).y1
    assert caption_top <= figure.axes[-1].xaxis.label.get_window_extent(renderer).y0 + 1
    bare = ensemble_figure(finished.result, size=size, captioned=False)
    assert bare.texts[0].get_text() == ""


@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_files_are_written_and_wrong_names_refused(finished, tmp_path, ending):
    path = tmp_path / f"run{ending}"
    files.write(finished.result, path)
    assert path.exists()
    with pytest.raises(ValueError, match=r"must end with \.nc"):
        files.write(finished.result, tmp_path / "run.csv")
    with pytest.raises(ValueError, match="folder"):
        files.write(finished.result, tmp_path / "no" / f"run{ending}")


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
    for export in (files.netcdf, ensemble_figure):
        with pytest.raises(ValueError, match="no trajectories yet"):
            export(empty)


def test_the_caption_says_how_trajectories_were_drawn(finished):
    assert "12 ODE steps" not in caption(dataclasses.replace(finished.result, snapshot=_guided(finished)))
    assert "9 SDE steps" in caption(dataclasses.replace(finished.result, snapshot=_guided(finished)))
    steps = finished.result.dataset.attrs["num_steps"]
    assert f"{steps} ODE steps" in caption(finished.result)
    assert steps == finished.state.load().num_steps


def _guided(finished):
    snapshot = finished.result.snapshot
    attrs = {"ensemble": "guided", "sampler": "sde", "num_steps": 9}
    return dataclasses.replace(snapshot, dataset=snapshot.dataset.assign_attrs(attrs))


@pytest.mark.parametrize(
    ("text", "hatched", "dashed"),
    [
        ("box(x, [1, 2], [0, 1])", False, False),
        ("not box(x, [1, 2], [0, 1])", True, True),
        ("box(x, [1, 2], [0, 1]) avoids", True, False),
        ("not (box(x, [1, 2], [0, 1]) avoids)", False, True),
        ("box(x, [1, 2], [0, 1]) stays", False, False),
        ("not (box(x, [1, 2], [0, 1]) stays)", False, True),
    ],
)
def test_what_is_to_be_kept_out_of_is_hatched(text, hatched, dashed):
    axes = Figure().subplots()
    axes.set(xlim=(0, 3), ylim=(-0.5, 0.5))
    draw_shapes(axes, parts_of_text(text), "x", LIGHT)
    inside, outline = axes.patches
    assert bool(inside.get_hatch()) == hatched
    assert (outline.get_linestyle() != "solid") == dashed
    assert axes.get_ylim()[1] > 1.0  # the axes hold all of it
