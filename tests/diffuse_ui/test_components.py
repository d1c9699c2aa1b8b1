"""Pieces of the app alone: each is a frame on this machine; pieces on one app show one state."""

import numpy as np
import pytest

import diffuse_ui
from diffuse_ui import components
from diffuse_ui.state.look import Look


@pytest.mark.parametrize("name", [name for name in diffuse_ui.__all__ if name not in ("App", "FanChart")])
def test_every_piece_is_a_page_and_a_widget(app, name):
    piece = getattr(diffuse_ui, name)(app)
    assert piece.content() is not None
    bundle = piece._repr_mimebundle_()
    assert 'src="http://127.0.0.1:' in bundle["text/html"]
    assert name in bundle["text/plain"]
    assert piece.as_widget().value == bundle["text/html"]
    piece.close()
    assert app.store.draws is not None  # the app is not the piece's own


def test_pieces_on_one_app_show_one_event(app):
    canvas, editor = diffuse_ui.EventCanvas(app), diffuse_ui.EventEditor(app)
    app.state.write("max(x) > 1")
    assert canvas.event == editor.event == app.state.event
    assert str(canvas.event) == "max(x) > 1"


def test_a_piece_on_a_model_has_an_app_of_its_own(toy):
    piece = diffuse_ui.EventCanvas(toy, event="max(x) > 1", seed=3)
    assert piece.app.state.seed == 3
    assert str(piece.event) == "max(x) > 1"
    piece.close()


def test_a_fan_chart_shows_bands_of_the_members_and_a_reference(finished):
    chart = diffuse_ui.FanChart(finished.result.dataset, reference=finished.store.backdrop)
    look = Look()
    plots = chart.plots(look)
    median = finished.result.dataset["state"].sel(variable="x").median("sample")
    np.testing.assert_allclose(plots.sources[0][0].data["q2"], median, atol=1e-5)
    assert len(plots.sources[0][1].data["q2"]) == 16
    assert [plot.yaxis[0].axis_label for plot in plots.figures] == ["x (m)", "y"]
    light = plots.glyphs[0][0][3].glyph.line_color
    look.dark = True
    assert plots.glyphs[0][0][3].glyph.line_color != light
    assert 'src="http://127.0.0.1:' in chart._repr_mimebundle_()["text/html"]
    chart.close()


def test_a_fan_chart_wants_trajectories_of_the_same_variables(finished):
    dataset = finished.result.dataset
    with pytest.raises(ValueError, match="`reference` must have the variables x, y; got x"):
        diffuse_ui.FanChart(dataset, reference=dataset.isel(variable=[0]))
    with pytest.raises(ValueError, match="must have a variable `state"):
        diffuse_ui.FanChart(dataset.drop_vars("state"))


def test_unknown_names_are_unknown():
    assert set(diffuse_ui.__all__) <= set(dir(diffuse_ui))
    assert set(components.__all__) - {"Piece"} <= set(diffuse_ui.__all__)
    with pytest.raises(AttributeError, match="attribute Fan"):
        _ = diffuse_ui.Fan
