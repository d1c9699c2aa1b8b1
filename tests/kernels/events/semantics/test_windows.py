"""Windows at the top of an event lie within the trajectory; those inside count with the samples that there are."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from event_strategies import UNIFORM, trajectories
from event_truth import Truth

from kernels.events import BeyondTrajectoryError, compile_event, parse_event
from kernels.runs.given import with_knowledge
from kernels.trajectories.layout import Layout

SIX = Layout(("x", "y", "z"), np.arange(60) * 0.1)  # its last time is 5.9, in float64 5.9 + 9e-16
BEYOND = [  # event, the window at fault, the corrected text
    ("always[0, 100](x > -0.9)", r"the window of `always` \[0, 100\]", "always[0, 5.9](x > -0.9)"),
    ("not eventually[5, 7](x > 0)", r"the window of `eventually` \[5, 7\]", "not eventually[5, 5.9](x > 0)"),
    ("max[0, 9e9](x) > 0", r"the window of `max` \[0, 9000000000\]", "max[0, 5.9](x) > 0"),
    ("max[-3, 2](x) > 0", r"the window of `max` \[-3, 2\]", "max[0, 2](x) > 0"),
    ("integral[0, 10](x) > 1", r"the window of `integral` \[0, 10\]", "integral[0, 5.9](x) > 1"),
    ("max(x - at(x, 7)) > 0", r"`at\(x, 7\)`: time 7", "max(x - at(x, 5.9)) > 0"),
    ("at(x, -0.04) == 1 tolerance 0.1", r"time -0\.04", "at(x, 0) == 1 tolerance 0.1"),
    ("(x > 0) until[1, 8] (y > 0)", r"the window of `until` \[1, 8\]", "(x > 0) until[1, 5.9] (y > 0)"),
    ("box(x, [5, 100], [0, 1]) stays", r"the box over times \[5, 100\]", "box(x, [5, 5.9], [0, 1]) stays"),
    (
        "tube(z, [1, 2, 100], [0, 1, 50], 0.3)",
        r"the tube over times \[1, 100\]",
        "tube(z, [1, 2, 5.9], [0, 1, 2.95], 0.3)",
    ),
    (
        "eventually[2, 7](x > 1 and eventually[0, 2](y > 0))",
        r"the window of `eventually` \[2, 7\]",
        "eventually[2, 5.9](x > 1 and eventually[0, 2](y > 0))",
    ),
    (
        "max[0, 5.9](x) > 0 and (max[0, 6](x) > 1 or max[-1, 3](y) > 2)",
        r"the window of `max` \[0, 6\]",
        "max[0, 5.9](x) > 0 and (max[0, 5.9](x) > 1 or max[0, 3](y) > 2)",
    ),
]


@pytest.mark.parametrize(("text", "culprit", "corrected"), BEYOND, ids=[case[0] for case in BEYOND])
def test_a_window_beyond_the_trajectory_is_refused_with_the_corrected_text(text, culprit, corrected):
    with pytest.raises(BeyondTrajectoryError, match=rf"{culprit}.*times run from 0 to 5\.9") as error:
        compile_event(parse_event(text), SIX)
    assert str(error.value).endswith(f"Write {corrected}.")
    assert error.value.corrected == parse_event(corrected)
    compile_event(parse_event(corrected), SIX)


def test_a_tube_that_cannot_be_cut_is_to_be_moved():
    with pytest.raises(BeyondTrajectoryError, match=r"Move it\.$") as error:
        compile_event(parse_event("tube(z, [-3, 0], [0, 1], 0.3)"), SIX)
    assert error.value.corrected is None


@pytest.mark.parametrize(
    "layout",
    [
        SIX,
        Layout(("x",), np.linspace(0, 5.9, 60)),
        Layout(("x",), np.float64(np.arange(60, dtype=np.float32) * np.float32(0.1))),
        Layout(("x",), 3.0 + np.arange(60) * 0.1),
        Layout(("x",), np.cumsum([0, 0.5, 0.25, 0.25, 1, 0.5, 0.75, 0.25, 0.5, 1.9])),
    ],
    ids=["arange", "linspace", "float32", "from 3", "irregular"],
)
def test_a_window_over_the_whole_trajectory_is_accepted_and_a_step_more_is_not(layout):
    compile_event(parse_event("max[0, 5.9](x) > 0 and at(x, 5.9) > 0"), layout)
    longer = 5.9 + 0.1 * layout.step
    for text in (f"max[0, {longer}](x) > 0", f"at(x, {longer}) > 0", f"max[{-0.1 * layout.step}, 3](x) > 0"):
        with pytest.raises(BeyondTrajectoryError):
            compile_event(parse_event(text), layout)


def test_the_corrected_window_of_awkward_times_is_accepted_and_holds_the_last_sample():
    layout = Layout(("x",), np.arange(30) / 7.0)
    with pytest.raises(BeyondTrajectoryError) as error:
        compile_event(parse_event("final[0, 99](x) > 0"), layout)
    mask = compile_event(error.value.corrected, layout).parameters["left.window"]
    assert mask.all()


def test_times_of_what_is_known_lie_within_the_trajectory_too():
    forecast = types.SimpleNamespace(num_known=1, layout=SIX)
    with pytest.raises(ValueError, match=r"time -5 lies outside the trajectory.*Write at\(x, 0\)"):
        with_knowledge(forecast, "at(x, -5) == 0.1 tolerance 0.1")  # pyright: ignore[reportArgumentType]


# -- inside ----------------------------------------------------------------------------------


X = np.linspace(-1.0, 1.0, 12)
EMPTY = [  # at the last of the times 0 … 1.1 the window has no sample; C of the rest is above −3
    ("always[1, 1.1](eventually[0.1, 0.2](x > -9))", False),
    ("always[1, 1.1](always[0.1, 0.2](x > -9))", True),
    ("always[1, 1.1]((x > -9) until[0.1, 0.2] (x > -9))", False),
    ("always[1, 1.1](box(x, [0.1, 0.2], [-9, 9]))", False),
    ("always[1, 1.1](box(x, [0.1, 0.2], [-9, 9]) stays)", True),
    ("always[1, 1.1](box(x, [0.1, 0.2], [8, 9]) avoids)", True),
    ("always[1, 1.1](max[0.1, 0.2](x) > -9)", False),
    ("always[1, 1.1](max[0.1, 0.2](x) < 9)", True),
    ("always[1, 1.1](min[0.1, 0.2](x) > -9)", True),
    ("always[1, 1.1](min[0.1, 0.2](x) < 9)", False),
    *(
        (f"always[1, 1.1]({number} {comparison})", False)
        for number in (
            "at(x, 0.1)",
            "mean[0.1, 0.2](x)",
            "final[0.1, 0.2](x)",
            "integral[0.1, 0.2](x)",
            "std[0.1, 0.2](x)",
            "range[0.1, 0.2](x)",
        )
        for comparison in ("> -9", "< 9", "== 0 tolerance 9")
    ),
]


@pytest.mark.parametrize(("text", "holds"), EMPTY, ids=[text for text, _ in EMPTY])
def test_an_inner_window_without_samples_follows_one_rule(text, holds):
    event = parse_event(text)
    program, parameters = compile_event(event, UNIFORM)
    x = np.stack([X, X], axis=1).astype(np.float32)
    assert bool(program.holds(x, parameters)) == holds
    assert (float(program.value(x, parameters)) > 0) == holds
    assert (float(program.smooth_value(x, parameters, 0.01)) > 0) == holds
    with np.errstate(invalid="ignore"):
        assert (Truth(x[None], UNIFORM).robustness(event)[0] > 0) == holds
    gradient = jax.grad(lambda x: program.value(x, parameters))(jnp.asarray(x))
    assert np.isfinite(gradient).all()


def test_an_inner_window_that_is_cut_short_counts_with_the_samples_that_there_are():
    xs = trajectories(UNIFORM, 200, 0)
    program, parameters = compile_event(parse_event("always(integral[0, 0.3](x) > -0.2)"), UNIFORM)
    found = np.asarray(jax.vmap(program.holds, (0, None))(xs, parameters))
    whole = [np.trapezoid(xs[:, i : i + 4, 0], dx=0.1, axis=1) for i in range(12)]
    np.testing.assert_array_equal(found, (np.min(whole, axis=0) > -0.2))
    assert 0 < found.sum() < len(found)
