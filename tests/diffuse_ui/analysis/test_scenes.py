"""Scenes: fields over time, trajectories in space, pendulums in motion; and tabs that suit the model."""

import numpy as np
import pytest
from toys import make_toy

import kernels
from diffuse_ui.analysis import scenes
from diffuse_ui.analysis.curves import Pair
from diffuse_ui.analysis.ensembles import is_member
from diffuse_ui.app import App
from diffuse_ui.style.colors import LIGHT
from diffuse_ui.views.results.space import projected
from diffuse_ui.views.results.tabs import suitable
from diffuse_ui.work.results import states

FIELD = tuple(f"u{i}" for i in range(10))


@pytest.fixture(scope="module")
def wide():
    """A finished run on a model of many variables."""
    app = App(make_toy(FIELD), event="max(u4) > 1", num_samples=128, num_steps=12, estimator="monte_carlo")
    app.store.compare = False
    app.store.prepare()
    app.run()
    app.store.wait()
    yield app
    app.close()


@pytest.fixture
def window(wide):
    window = wide.window()
    yield window
    window.close()


def show(app, window, name):
    window.session.look.tab = name
    app.store.wait()
    return window.tabs.built[name]


def test_tabs_suit_the_model(app, wide):
    names = {tab.name for tab in suitable(app.state)}
    assert not names & {"space", "field", "motion"}
    assert {"space", "field"} <= {tab.name for tab in suitable(wide.state)}


def test_a_field_is_the_mean_the_spread_and_a_trajectory(wide):
    pair = Pair(wide.store.result, wide.store.backdrop)
    members = states(wide.store.result.dataset)[is_member(wide.store.result.dataset)]
    outside = states(wide.store.backdrop)
    mean, spread, one = (scenes.field(pair, view) for view in scenes.FIELD_VIEWS)
    np.testing.assert_allclose(mean.reference, outside.mean(0).T, atol=1e-4)
    np.testing.assert_allclose(spread.reference, outside.std(0).T, atol=1e-3)
    if pair.weights is None:
        np.testing.assert_allclose(mean.conditional, members.mean(0).T, atol=1e-4)
    assert mean.conditional.shape == (10, 16)
    assert mean.low == -mean.high  # white is 0
    assert mean.is_signed
    assert spread.low == 0.0
    assert not spread.is_signed
    assert any(np.array_equal(one.conditional.T, member) for member in members)
    with pytest.raises(ValueError, match="view"):
        scenes.field(pair, "median")


def test_the_field_tab_draws_both_sides(wide, window):
    tab = show(wide, window, "field")
    assert [source.data["image"][0].shape for source in tab.images.values()] == [(10, 16)] * 2
    both = tab.mapper.palette[0], tab.mapper.palette[-1]
    tab.view.value = "spread"
    wide.store.wait()
    assert tab.mapper.palette[0] == LIGHT.paper
    assert both == (LIGHT.accent.lower(), LIGHT.threshold.lower())
    assert "Standard deviation" in tab.note.object
    assert tab.mapper.low == 0.0


def test_a_turned_space_keeps_lengths(wide, window):
    points = np.random.default_rng(0).normal(size=(50, 3))
    front = projected(points, 0.0, 0.0)
    np.testing.assert_allclose(front, (points[:, 0], points[:, 2]))
    above = projected(points, 0.0, np.pi / 2)
    np.testing.assert_allclose(above, (points[:, 0], points[:, 1]), atol=1e-12)
    tab = show(wide, window, "space")
    assert len(tab.sources["conditional"].data["across"]) > 100
    assert list(tab.sources["names"].data["text"]) == ["u0 (m)" if n == "x" else n for n in FIELD[:3]]
    tab.axes[1].value = "u0"
    wide.store.wait()
    assert "three different variables" in tab.note.object


def test_joints_of_a_pendulum(wide):
    times = np.linspace(0, 1, 16)
    angles = np.zeros((2, 16, 4), np.float32)
    angles[0, :, 0], angles[0, :, 1] = np.pi / 2, np.pi
    pair = Pair(wide.store.result, None)
    layout = kernels.Layout(variables=("q1", "q2", "v1", "v2"), times=times)
    pair.conditional = kernels.trajectories.datasets.to_dataset(angles, layout)
    arms = scenes.pendulum(pair)
    np.testing.assert_allclose([arms.x[0][0, 3], arms.y[0][0, 3]], [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose([arms.x[1][0, 3], arms.y[1][0, 3]], [1.0, 1.0], atol=1e-6)
    np.testing.assert_allclose([arms.x[1][1, 0], arms.y[1][1, 0]], [0.0, -2.0], atol=1e-6)


def test_a_canvas_of_many_variables_shows_a_few_and_those_drawn_on(wide, window):
    names = [panel.name for panel in window.canvas.panels]
    assert names == ["u0", "u3", "u4", "u6", "u9"]  # four of ten, and the event's
    window.toolbar.variables.value = ["u1", "u2"]
    assert [panel.name for panel in window.canvas.panels] == ["u1", "u2", "u4"]
    wide.state.write("min(u7) < 0")
    assert [panel.name for panel in window.canvas.panels] == ["u1", "u2", "u7"]
    assert window.toolbar.variables.value == ["u1", "u2", "u7"]
    wide.state.write("max(u4) > 1")


@pytest.mark.slow
def test_pendulums_swing():
    app = App("double_pendulum", event="max(q1) > 0.5", num_samples=64, num_steps=4, estimator="monte_carlo")
    app.store.compare = False
    app.store.prepare()
    app.run()
    window = app.window()
    tab = show(app, window, "motion")
    assert tab.shape.data["count"][0] > 0
    assert len(tab.sources["one"].data["x"]) == 3
    begin = tab.session.state.layout.times[tab.player.value]
    assert begin > 0
    assert tab.clock.text.startswith(f"time {begin:g}")
    app.state.model = "lorenz63"
    app.store.wait()
    assert "motion" not in {kind.name for kind in window.tabs.kinds}
    assert window.session.look.tab == "convergence"
    window.close()
    app.close()
