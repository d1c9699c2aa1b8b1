"""Result tabs without a browser: built when shown, worked out when something changed, honest in words."""

import dataclasses

import numpy as np
import pytest

from diffuse_ui.figures.ensemble import ensemble_figure
from diffuse_ui.style.colors import palette
from diffuse_ui.views.legends import legend
from diffuse_ui.views.results.tabs import suitable


@pytest.fixture
def window(app):
    app.store.prepare()
    app.store.wait()
    window = app.window()
    yield window
    window.close()


def show(app, window, name):
    window.session.look.tab = name
    app.store.wait()
    return window.tabs.built[name]


def test_nothing_is_built_or_worked_out_before_there_is_a_result(app, window):
    assert window.tabs.built == {}
    assert window.tabs.empty.visible
    app.state.write("max(x) > 1")
    app.run()
    app.store.wait()
    assert list(window.tabs.built) == ["convergence"]
    assert not window.tabs.empty.visible


def test_every_tab_shows_the_result(app, window):
    app.state.write("max(x) > 1 and min(y) < 0")
    app.run()
    for tab in suitable(app.state):
        built = show(app, window, tab.name)
        assert app.store.derived[window.tabs.owner].error == "", tab.name
        assert built.note.object or tab.name == "runs", tab.name
    plots = window.tabs.built["marginals"].plots
    assert [plot.figure.xaxis[0].axis_label for plot in plots] == ["x (m)", "y"]
    for plot in plots:
        assert len(plot.sources["conditional"].data["x"]) > 10
        assert len(plot.sources["reference"].data["x"]) > 10
    assert "given the event" in window.tabs.built["table"].pane.object
    assert len(window.tabs.built["plane"].images["conditional"].data["image"]) == 1
    assert window.tabs.built["hitting"].part.options == ["the whole event", "max(x) > 1", "min(y) < 0"]


def test_a_shown_tab_follows_the_next_run_and_a_hidden_one_waits(app, window):
    app.state.write("max(x) > 1")
    app.run()
    marginals = show(app, window, "marginals")
    show(app, window, "spectrum")
    before = np.array(marginals.plots[0].sources["conditional"].data["y"])
    app.state.seed = 1
    app.run()
    app.store.wait()
    np.testing.assert_array_equal(marginals.plots[0].sources["conditional"].data["y"], before)
    show(app, window, "marginals")
    assert not np.array_equal(marginals.plots[0].sources["conditional"].data["y"], before)


def test_the_time_that_is_looked_at_is_one_for_all_tabs(app, window):
    app.state.write("max(x) > 1")
    app.run()
    marginals, table = show(app, window, "marginals"), show(app, window, "table")
    show(app, window, "marginals")
    before = np.array(marginals.plots[0].sources["conditional"].data["y"])
    window.session.look.time = 1.6  # a click on the canvas; 1.5 is the nearest sample
    app.store.wait()
    assert marginals.time.slider.value == table.time.slider.value == 1.5
    assert "1.5" in marginals.note.object
    assert not np.array_equal(marginals.plots[0].sources["conditional"].data["y"], before)


def test_one_variable_twice_is_said_and_not_drawn(app, window):
    app.state.write("max(x) > 1")
    app.run()
    plane = show(app, window, "plane")
    plane.y.value = "x"
    app.store.wait()
    assert "must be two variables" in plane.note.object


def test_without_an_event_there_is_no_constraint(app, window):
    app.run()
    window.session.look.tab = "constraint"
    app.store.wait()
    assert "no event" in window.tabs.empty.object
    show(app, window, "marginals")
    assert "drawn from the model" in window.tabs.legend.object


def test_the_legend_tells_exact_from_approximate_and_says_when_it_is_stale(app, window):
    app.state.write("max(x) > 1")
    app.run()
    show(app, window, "marginals")
    assert "exact" in window.tabs.legend.object
    app.state.method = "guided"
    app.run()
    assert "approximate" in window.tabs.legend.object
    assert "stale" not in window.tabs.legend.object
    app.state.write("max(x) > 1.1")
    assert "stale" in window.tabs.legend.object


def test_a_run_without_an_event_is_nowhere_called_given_it(app, window):
    app.run()
    assert "P = …" not in window.result.pane.object
    for name in ("marginals", "plane", "table"):
        show(app, window, name)
        assert "for comparison" in window.tabs.legend.object
        assert "the event" not in window.tabs.legend.object
    assert window.tabs.built["plane"].figures["conditional"].title.text == "drawn from the model"
    assert "drawn from the model" in window.tabs.built["table"].pane.object
    figure = ensemble_figure(app.store.result)
    labels = {line.get_label() for axes in figure.axes for line in axes.lines}
    assert "drawn from the model" in labels
    app.state.estimator = None
    app.state.write("max(x) > 1")
    app.run()
    assert "P = …" not in window.result.pane.object
    assert window.tabs.built["plane"].figures["conditional"].title.text == "drawn from the model"
    show(app, window, "plane")
    assert window.tabs.built["plane"].figures["conditional"].title.text == "given the event"


def test_too_few_effective_samples_are_said_to_be_single_hits(finished):
    dataset = finished.result.dataset
    weights = np.geomspace(1e-12, 1.0, dataset.sizes["sample"])
    snapshot = dataclasses.replace(
        finished.result.snapshot, dataset=dataset.assign(weight=("sample", weights))
    )
    few = dataclasses.replace(finished.result, snapshot=snapshot)
    words = legend(few, finished.store.backdrop, False, palette(False))
    assert "only single hits, unweighted" in words
    assert "&lt; 50" in words


def test_another_model_builds_the_tabs_anew(app, window, toy):
    app.state.write("max(x) > 1")
    app.run()
    show(app, window, "marginals")
    app.state.set_event(None)
    app.state.model = type(toy).from_denoiser(toy.denoiser, toy.layout, card={"name": "other"})
    assert window.tabs.built == {}
    app.run()
    app.store.wait()
    assert list(window.tabs.built) == ["marginals"]


def test_dark_and_light_repaint_the_built_tabs(app, window):
    app.state.write("max(x) > 1")
    app.run()
    plot = show(app, window, "marginals").plots[0]
    light = plot.lines["conditional"].glyph.line_color
    window.session.look.dark = True
    assert plot.lines["conditional"].glyph.line_color != light


def test_a_closed_window_leaves_no_question_behind(app):
    window = app.window()
    app.state.write("max(x) > 1")
    app.run()
    app.store.wait()
    assert window.tabs.owner in app.store.derived
    window.close()
    assert app.store.derived == {}


def test_the_canvas_says_which_colour_is_which(app, window):
    key = window.toolbar.legend.pane
    assert "meet the event" not in key.object
    app.state.write("max(x) > 1")
    app.store.wait()
    assert "meet the event" in key.object
    app.run()
    assert "given the event: median, 25–75 %, 5–95 %" in key.object
    window.session.look.display = "curves"
    assert "median" not in key.object
    assert "guided, miss the event" not in key.object
