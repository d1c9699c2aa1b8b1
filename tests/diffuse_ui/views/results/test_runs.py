"""The history of runs: bounded, two of them on common axes, and the way back to one of them."""

import numpy as np
import pytest
from toys import make_toy

from diffuse_ui.analysis import curves
from diffuse_ui.work.store import MAX_HISTORY


@pytest.fixture
def window(app):
    app.store.prepare()
    app.store.wait()
    window = app.window()
    yield window
    window.close()


@pytest.fixture
def runs(app, window):
    """Three runs, and the tab."""
    for number, event in enumerate(("max(x) > 1", "max(x) > 1.5", "min(y) < 0")):
        app.state.write(event)
        app.state.seed = number
        app.run()
    window.session.look.tab = "runs"
    app.store.wait()
    return window.tabs.built["runs"]


def test_runs_are_numbered_and_listed_newest_first(app, runs):
    assert [result.number for result in app.store.history] == [1, 2, 3]
    assert [row.result.number for row in runs.rows] == [3, 2, 1]
    words = runs.rows[1].words.object
    for piece in ("max(x) &gt; 1.5", "P = ", "±", "direct Monte Carlo", "seed 1", "exact"):
        assert piece in words


def test_two_chosen_runs_are_drawn_on_common_axes_in_two_colours(app, runs):
    runs.rows[2].chosen.value = True
    app.store.wait()
    sources = runs.plots.sources[0]
    assert all(len(source.data["q2"]) == 16 for source in sources)
    assert not np.array_equal(sources[0].data["q2"], sources[1].data["q2"])
    first, second = (glyphs[3].glyph.line_color for glyphs in runs.plots.glyphs[0])
    assert first != second
    assert "run 3" in runs.key.object
    assert "run 1" in runs.key.object


def test_of_three_chosen_the_first_goes(app, runs):
    runs.rows[1].chosen.value = True
    runs.rows[2].chosen.value = True
    app.store.wait()
    assert [row.chosen.value for row in runs.rows] == [False, True, True]
    assert len(runs.picked) == 2


def test_restore_asks_again_what_the_run_asked(app, runs):
    app.state.param.update(num_steps=40, method="guided")
    runs.rows[1].restore.clicks += 1
    spec = runs.rows[1].result.spec
    assert app.state.to_spec() == spec
    assert str(app.state.event) == "max(x) > 1.5"
    assert (app.state.seed, app.state.num_steps, app.state.method) == (1, 12, "exact")


def test_live_runs_and_runs_that_gave_nothing_are_not_kept(app):
    app.state.write("max(x) > 1")
    app.state.live = True
    app.store.wait()
    assert app.store.result.live
    assert app.store.history == ()


def test_the_history_is_bounded(app):
    app.state.param.update(num_samples=16, estimator=None, method="guided")
    for seed in range(MAX_HISTORY + 2):
        app.state.seed = seed
        app.run()
    assert [result.spec.seed for result in app.store.history] == list(range(2, MAX_HISTORY + 2))


def test_restore_goes_back_to_a_model_with_other_variables(app, window, runs):
    app.state.model = make_toy(("a", "b", "c"))
    app.state.write("max(b) > 1")
    app.store.wait()
    runs.rows[-1].restore.clicks += 1
    app.store.wait()
    assert str(app.state.event) == "max(x) > 1"
    assert app.state.layout.variables == ("x", "y")
    assert [panel.name for panel in window.canvas.panels] == ["x", "y"]
    assert app.store.backdrop.sizes["variable"] == 2
    assert app.store.hits.event == app.state.event


def test_a_run_that_is_left_out_keeps_its_colour(app, runs):
    app.state.model = make_toy(("a", "b"))
    app.run()
    app.state.model = app.store.history[0].spec.model
    app.store.wait()
    runs.refresh()
    assert runs.rows[0].result.number == 4
    runs.picked = [runs.rows[0], runs.rows[1]]
    runs.show([curves.bands(row.result.dataset) for row in runs.picked])
    first, second = runs.plots.sources[0]
    assert len(first.data["q2"]) == 0
    assert len(second.data["q2"]) == 16
    assert "left out" in runs.note.object
