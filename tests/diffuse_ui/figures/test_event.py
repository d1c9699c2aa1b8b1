"""An event over trajectories: a panel for each signal it looks at, shapes, levels, and when it is settled."""

import jax
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon

import kernels
from diffuse_ui.figures.event import event_figure
from diffuse_ui.style.colors import LIGHT


@pytest.fixture(scope="module")
def lorenz():
    return kernels.get_system("lorenz63").simulate(jax.random.key(0), num_samples=300)


def labels(figure):
    return [ax.get_ylabel() for ax in figure.axes]


def curves(ax, colour):
    return [
        line for line in ax.lines if to_hex(line.get_color()) == colour.lower() and len(line.get_xdata()) > 2
    ]


def test_one_panel_for_each_signal_in_the_order_of_the_text(lorenz):
    figure = event_figure(
        "max((x + y) / 2) > 0.5 and min[1, 2](z) < 1 and max(x) > 0 and mean(x) > 0", lorenz
    )
    assert labels(figure) == ["(x + y) / 2", "z", "x"]
    figure = event_figure("eventually[0, 3](x > 0.7 and eventually[0, 1](derivative(y) < -4))", lorenz)
    assert labels(figure) == ["x", "derivative(y)"]
    level = [line.get_ydata()[0] for line in figure.axes[1].lines if line.get_linestyle() == "--"]
    assert level == [-4.0]


def test_trajectories_in_the_event_are_coloured_and_the_title_counts_them(lorenz):
    text = "max(x) > 0.75"
    figure = event_figure(text, lorenz, num_curves=20)
    inside = kernels.parse_event(text).holds(lorenz).values
    blue = curves(figure.axes[0], LIGHT.accent)
    expected = lorenz["state"].sel(variable="x").values[inside][:20]
    np.testing.assert_allclose(np.stack([line.get_ydata() for line in blue[:20]]), expected)
    assert len(curves(figure.axes[0], LIGHT.backdrop)) == 20
    title = figure.texts[0].get_text()
    assert "x rises above 0.75 at some time" in title
    assert f"{inside.sum()} of 300 trajectories" in title
    assert "%; 20 of each kind are shown" in title
    rare = event_figure("max(x) > 0.9", lorenz).texts[0].get_text()
    assert "; at most 25 of each kind are shown" in rare


def test_dots_lie_on_the_curves_when_the_event_is_settled(lorenz):
    figure = event_figure("max(x) > 0.75", lorenz)
    dots = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert (np.asarray(dots.get_ydata()) > 0.75).all()


def test_a_spectrum_has_its_frequencies_and_polygons_of_one_plane_share_it(lorenz):
    figure = event_figure("mean(abs(rfft(x))[1:]) < 0.6", lorenz)
    assert figure.axes[0].get_xlim() == (1, 30)
    text = "polygon(x, z, [[0, 0], [1, 0], [0, 1]]) or polygon(x, z, [[0, 2], [1, 2], [0, 3]]) avoids"
    figure = event_figure(text, lorenz)
    assert (figure.axes[0].get_xlabel(), labels(figure)) == ("x", ["z"])
    assert sum(isinstance(patch, Polygon) for patch in figure.axes[0].patches) == 4


def test_values_at_a_time_are_marked_there_and_signals_have_their_units(lorenz):
    figure = event_figure("at(z, 1) < 0.5 and at(x, 2) == 0.3 tolerance 0.1", lorenz)
    mark = next(line for line in figure.axes[0].lines if line.get_marker() == "_")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (1.0, 0.5)
    bar = figure.axes[1].collections[-1].get_segments()[0]
    np.testing.assert_allclose(bar, [[2.0, 0.2], [2.0, 0.4]])
    figure = event_figure("eventually[0, 2](at(z, 1) < 0.5)", lorenz)
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "_"]
    system = kernels.get_system("double_pendulum")
    pendulum = system.simulate(jax.random.key(0), num_samples=50)
    assert labels(event_figure("max(abs(q2)) > 3", pendulum)) == ["abs(q2) (rad)"]


def test_observables_need_their_layout(lorenz):
    system = kernels.get_system("double_pendulum")
    pendulum = system.simulate(jax.random.key(0), num_samples=50)
    text = "max(energy) > 0"
    assert labels(event_figure(text, pendulum, layout=system.layout)) == ["energy"]
    with pytest.raises(ValueError, match="unknown variable 'energy'"):
        event_figure(text, pendulum)


def test_an_event_that_never_happens_has_a_figure(lorenz):
    assert "0 of 300" in event_figure("max(x) > 50", lorenz, dark=True).texts[0].get_text()
