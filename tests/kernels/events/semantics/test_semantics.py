from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from event_strategies import (
    UNIFORM,
    events,
    layouts,
    layouts_and_events,
    maybe_windows,
    trajectories,
    windows,
)
from event_truth import Truth
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from kernels.events import Variable, compile_event, parse_event
from kernels.events.semantics.algebras import CERTAIN
from kernels.events.syntax.predicates import Always, Eventually, Until
from kernels.trajectories.layout import Layout

SETTINGS = settings(
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
TIE = 1e-5


QUICK_COMPILATION = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def evaluate(event, layout, xs):
    """C and holds of (sample, time, variable), compiled in a hurry: each random tree is run once."""
    program, parameters = compile_event(event, layout)

    def both(x):
        return program.value(x, parameters), program.holds(x, parameters)

    value, holds = jax.jit(jax.vmap(both), compiler_options=QUICK_COMPILATION)(xs)
    return np.asarray(value, np.float64), np.asarray(holds)


def truth(event, layout, xs):
    with np.errstate(all="ignore"):
        c = Truth(xs, layout).robustness(event)
    return np.clip(c, -CERTAIN, CERTAIN)


def check_against_truth(layout, event, seed, num_samples=180):
    xs = trajectories(layout, num_samples, seed)
    value, holds = evaluate(event, layout, xs)
    expected = truth(event, layout, xs)
    assert not np.isnan(value).any()
    clear = np.abs(value) > TIE
    np.testing.assert_array_equal((value > 0)[clear], holds[clear], err_msg=str(event))
    assert ((value > 0) != (expected > 0))[clear & (np.abs(expected) > TIE)].sum() == 0, str(event)
    np.testing.assert_array_equal(
        holds[clear & (np.abs(expected) > TIE)], (expected > 0)[clear & (np.abs(expected) > TIE)]
    )
    moderate = np.abs(expected) < 10
    np.testing.assert_allclose(value[moderate], expected[moderate], rtol=1e-3, atol=1e-3, err_msg=str(event))


@settings(SETTINGS, max_examples=25)
@given(layouts_and_events(), st.integers(0, 2**20))
def test_random_events_mean_what_they_say(case, seed):
    check_against_truth(*case, seed)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # each tree compiles once: about 0.3 s
@settings(SETTINGS, max_examples=120)
@given(layouts_and_events(depth=4), st.integers(0, 2**20))
def test_many_random_events_mean_what_they_say(case, seed):
    check_against_truth(*case, seed)


@settings(SETTINGS, max_examples=8)
@given(st.integers(0, 2**20), st.data())
def test_until_and_nested_windows_mean_what_they_say(seed, data):
    layout = data.draw(layouts)
    inner = events(layout, 1, True)
    p = Until(data.draw(inner), data.draw(inner), data.draw(maybe_windows(layout, True)))
    check_against_truth(
        layout,
        Always(Eventually(p, data.draw(windows(layout, True))), data.draw(windows(layout, False))),
        seed,
    )


@settings(SETTINGS, max_examples=8)
@given(st.data(), st.integers(0, 2**20))
def test_de_morgan(data, seed):
    layout = data.draw(layouts)
    a, b, inner = (
        data.draw(events(layout, 2)),
        data.draw(events(layout, 2)),
        data.draw(events(layout, 1, True)),
    )
    window = data.draw(maybe_windows(layout, False))
    xs = trajectories(layout, 50, seed)
    for left, right in ((~(a & b), ~a | ~b), (~Always(inner, window), Eventually(~inner, window))):
        for one, other in zip(evaluate(left, layout, xs), evaluate(right, layout, xs), strict=True):
            np.testing.assert_array_equal(one, other)


# -- smooth robustness and gradients ---------------------------------------------------------


@settings(SETTINGS, max_examples=10)
@given(layouts_and_events(depth=2), st.integers(0, 2**20))
def test_smooth_robustness_becomes_exact(case, seed):
    layout, event = case
    program, parameters = compile_event(event, layout)
    xs = trajectories(layout, 50, seed)

    @jax.jit
    def errors(temperatures):
        smooth = jax.vmap(jax.vmap(program.smooth_value, (0, None, None)), (None, None, 0))(
            xs, parameters, temperatures
        )
        exact = jax.vmap(program.value, (0, None))(xs, parameters)
        return jnp.where(jnp.abs(exact) < 3, smooth - exact, 0.0)

    coarse, fine, finest = np.abs(errors(jnp.array([1e-1, 1e-3, 1e-5])))
    assert np.isfinite(coarse).all()
    assert np.mean(fine < 0.02) > 0.97, event
    assert np.mean(finest < 1e-3) > 0.97, event
    assert np.median(finest) <= np.median(coarse) + 1e-6


def test_smooth_robustness_of_a_maximum_is_a_scaled_log_sum_exp():
    program, parameters = compile_event(parse_event("max[0.2, 0.5](x) > 0.25"), UNIFORM)
    x = trajectories(UNIFORM, 1, 0)[0]
    expected = 0.3 * np.log(np.exp(x[2:6, 0] / 0.3).sum()) - 0.25
    assert program.smooth_value(x, parameters, 0.3) == pytest.approx(expected, rel=1e-5)


NASTY = [
    "min(sqrt(x)) > 0",
    "max(sqrt(x - y)) > 0",
    "std(x) > 0.1",
    "std[0.1, 0.1](x) > 0.1",
    "mean(log(x)) < 0",
    "max(1 / x) > 1",
    "max(y / (x - y)) > 1",
    "mean(abs(rfft(x))[1:]) < 0.6",
    "std(abs(rfft(x))) > 0.1",
    "max(exp(100 * x)) > 1",
    "max(exp(exp(exp(x + 2)))) > 1",
    "at(x, 0) == 0 tolerance 0.1",
    "range(abs(x)) > 0",
    "polygon(x, y, [[0, 0], [1, 0], [1, 1], [0, 1]])",
    "polygon(x, y, [[0, 0], [0, 0], [1, 1], [0, 1]]) avoids",
    "always(eventually[2, 3](x > 0))",
    "always(std[2, 3](x) * y > 0)",
    "always(max[2, 3](x) * y > 0)",
    "always(mean[2, 3](x) / x > final[2, 3](y) or x > 0)",
    "always((x > 0) until[0.1, 0.4] (y > 0))",
    "(sqrt(x) > 0) until (log(y) > 0)",
    "max(tanh(x / 0)) > 0",
    "max(sin(log(x))) > 0",
    "max(x^16) > 1",
    "max(x / x) > 0",
    "range(abs(rfft(x - x))) > 1",
    "tube(x, [0, 0.5], [0, 0], 0.1)",
]
EXTREMES = np.stack(
    [
        np.zeros(UNIFORM.shape),
        np.ones(UNIFORM.shape),
        -np.ones(UNIFORM.shape),
        np.arange(24).reshape(UNIFORM.shape) % 2,
        np.arange(24).reshape(UNIFORM.shape) // 4 % 3 - 1.0,
        np.full(UNIFORM.shape, 1e-38),
        np.full(UNIFORM.shape, 1e15),
        np.random.default_rng(0).normal(size=UNIFORM.shape),
    ]
).astype(np.float32)


def assert_finite_gradients(event, layout, xs):
    program, parameters = compile_event(event, layout)
    functions = (program.value, lambda x, p: program.smooth_value(x, p, 0.01))

    def gradients(x):
        return [jax.value_and_grad(function)(x, parameters) for function in functions]

    for value, gradient in jax.jit(jax.vmap(gradients), compiler_options=QUICK_COMPILATION)(xs):
        assert np.isfinite(value).all(), event
        assert np.isfinite(gradient).all(), event


@pytest.mark.parametrize("text", NASTY)
def test_gradients_are_finite_at_ties_zeros_and_vertices(text):
    assert_finite_gradients(parse_event(text), UNIFORM, EXTREMES)


@settings(SETTINGS, max_examples=10)
@given(events(UNIFORM, 2))
def test_gradients_of_random_events_are_finite(event):
    assert_finite_gradients(event, UNIFORM, EXTREMES)


def test_gradients_are_right_where_they_exist():
    event = parse_event("mean[0.1, 0.8](sqrt(1 + x^2) * sin(y) / (2 + tanh(x))) + std(derivative(y)) > 0.1")
    program, parameters = compile_event(event, UNIFORM)
    x = trajectories(UNIFORM, 1, 3)[0]
    direction = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    slope = jax.jvp(lambda x: program.value(x, parameters), (jnp.asarray(x),), (jnp.asarray(direction),))[1]
    ahead, behind = (
        truth(event, UNIFORM, (x + sign * 1e-4 * direction.astype(np.float64))[None])[0] for sign in (1, -1)
    )
    assert slope == pytest.approx((ahead - behind) / 2e-4, rel=1e-3)


# -- structure and numbers -------------------------------------------------------------------


MOVABLE = (
    "max[0.1, 0.5](x) > 0.25 and not box(y, [0.2, 0.6], [0, 1]) and tube(x, [0, 1], [0, 1], 0.5) passes "
    "and at(y, 0.3) == 0.4 tolerance 0.1 and polygon(x, y, [[0, 0], [1, 0], [0, 1]]) and always[0.1, 0.4](eventually[0, 0.3](x > 0.1 * y))"
)


def test_moving_any_number_does_not_retrace():
    event = parse_event(MOVABLE)
    traces = []

    @partial(jax.jit, static_argnames="program")
    def evaluate_jitted(program, xs, parameters):
        traces.append(program)
        return jax.vmap(program.value, (0, None))(xs, parameters)

    xs = trajectories(UNIFORM, 64, 0)
    moves = 0
    for path, owner, number in event.numbers():
        shift = {"start": -0.05, "end": 0.05, "times": 0.01}.get(path.split(".")[-1], 0.03)
        moved = event.with_parameters({path: number + (shift if type(owner).__name__ != "Tube" else 0.02)})
        program, parameters = compile_event(moved, UNIFORM)
        value = evaluate_jitted(program, xs, parameters)
        np.testing.assert_allclose(value, truth(moved, UNIFORM, xs), atol=2e-5)
        moves += 1
    assert moves > 20
    assert len(traces) == 1


def test_programs_are_equal_when_structure_and_layout_are():
    one, other = (
        compile_event(parse_event(f"max[0, {end}](x) > {end}"), UNIFORM).program for end in (0.3, 0.5)
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one != compile_event(parse_event("max[0, 0.3](y) > 1"), UNIFORM).program
    assert one != compile_event(parse_event("max(x) > 1"), UNIFORM).program
    assert (
        one
        != compile_event(parse_event("max[0, 0.3](x) > 1"), Layout(("x", "y"), np.arange(12) * 0.2)).program
    )


def test_parameters_are_numbers_and_masks_on_the_host():
    parameters = compile_event(parse_event(MOVABLE), UNIFORM).parameters
    assert {np.asarray(leaf).dtype.name for leaf in jax.tree.leaves(parameters)} == {"float32", "bool"}


def test_extrema_at_the_top_cost_no_square_of_the_times():
    layout = Layout(("x",), np.arange(97) * 0.1)
    for text in (
        "max[0, 3](x) > 1",
        "mean(x - at(x, 0)) > 1",
        "box(x, [0, 1], [0, 1])",
        "std(derivative(x)) > 1",
        "always(x > 1)",
        "(x > 1) until[0, 3] (x > 2)",
    ):
        program, parameters = compile_event(parse_event(text), layout)
        jaxpr = str(jax.make_jaxpr(program.value)(np.zeros((97, 1), np.float32), parameters))
        assert "97,97" not in jaxpr, text
    program, parameters = compile_event(parse_event("always(max[0, 1](x) > 1)"), layout)
    assert "97,97" in str(jax.make_jaxpr(program.value)(np.zeros((97, 1), np.float32), parameters))


def test_parts_tolerances_and_residuals():
    event = parse_event("at(x, 0) == 0.5 tolerance 0.25 and max(y) > 1 and between(final(x), 0, 1)")
    program, parameters = compile_event(event, UNIFORM)
    x = trajectories(UNIFORM, 1, 0)[0]
    assert program.parts == ("equality", "inequality", "inequality")
    np.testing.assert_allclose(program.part_tolerances(parameters), [0.25, 0, 0])
    final = x[-1, 0]
    np.testing.assert_allclose(
        program.part_values(x, parameters),
        [x[0, 0] - 0.5, x[:, 1].max() - 1, min(final, 1 - final)],
        rtol=1e-6,
    )
    single, parameters = compile_event(parse_event("at(x, 0) == 0.5 tolerance 0.25"), UNIFORM)
    assert single.parts == ("equality",)
    np.testing.assert_allclose(single.part_values(x, parameters), [x[0, 0] - 0.5])
    assert single.value(x, parameters) == pytest.approx(0.25 - abs(x[0, 0] - 0.5))
    either = compile_event(parse_event("max(x) > 0 or max(y) > 0"), UNIFORM).program
    assert either.parts == ("inequality",)


# -- meanings, one by one --------------------------------------------------------------------

SECONDS = Layout(
    ("x", "z"), np.arange(6) * 1.0, time_units="s", observables={"energy": lambda x: x[:, 0] ** 2}
)
X = np.array([0.0, 1.0, -2.0, 3.0, 0.5, -1.0])
Z = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 2.0])
MEANINGS = [
    ("max(x) > 2", 1.0),
    ("max[1, 2](x) > 2", -1.0),
    ("max[1.5, 2.5](x) > -3", 1.0),
    ("min(x) < -2.5", -0.5),
    ("mean[0, 3](x) > 0", 0.5),
    ("integral[0, 2](x) > 0", 0.0 + 0.5 - 0.5),
    ("integral[0, 1](x) > 0", 0.5),
    ("std[0, 1](x) > 0", 0.5),
    ("range(x) > 4", 1.0),
    ("final(x) > -2", 1.0),
    ("final[0, 3.2](x) > 0", 3.0),
    ("at(x, 3.4) > 0", 3.0),
    ("at(x, 2.6) > 0", 3.0),
    ("max(energy) > 0", 9.0),
    ("max(time) > 0", 5.0),
    ("max(derivative(x)) > 0", 1.25),
    ("at(x, 3) == 2.5 tolerance 1", 0.5),
    ("between(final(x), -3, 2)", 2.0),
    ("eventually(x > 2)", 1.0),
    ("always[3, 4](x > 0)", 0.5),
    ("eventually[1, 2](x > 0 and z > 0)", 1.0),
    ("always[0, 2](eventually[0, 1](x > 0.5))", 0.5),
    ("eventually[4, 5](always[2, 3](x > 100))", 1e37),  # beyond the end: nothing to violate
    ("always[4, 5](eventually[2, 3](x > -100))", -1e37),
    ("(z > 0.5) until (x > 2)", 0.5 - 0.0),
    ("(z > 0.5) until[2, 4] (x < -1)", 0.5),
    ("(z > 0.5) until[4, 5] (x > 0)", -0.5),
    ("box(x, [2, 4], [2, 4])", 1.0),
    ("box(x, [2, 4], [-3, 4]) stays", 1.0),
    ("box(x, [2, 4], [2, 4]) avoids", -1.0),
    ("tube(x, [0, 2], [0, 0], 2.5)", 0.5),
    ("tube(x, [0, 2], [0, 2], 0.5) passes", 0.5),
    ("tube(x, [3, 4], [0, 1], 1) avoids", -0.5),
    ("polygon(x, z, [[2, -1], [4, -1], [4, 1], [2, 1]])", 1.0),
    ("polygon(x, z, [[2, -1], [4, -1], [4, 1], [2, 1]]) avoids", -1.0),
    ("polygon(x, z, [[-9, -9], [9, -9], [9, 9], [-9, 9]]) stays", 6.0),
    ("polygon(x, z, [[5, 0], [6, 0], [6, 1]]) or polygon(x, z, [[2, -1], [4, -1], [4, 1], [2, 1]])", 1.0),
    ("max(x - at(x, 1)) > 0", 2.0),
    ("eventually(at(x, 1) - x > 4)", 1.0),
    ("always[0, 4](max[0, 1](x) > 0.25)", 0.25),
    ("mean(abs(rfft(x))[1:]) < 10", 10 - np.abs(np.fft.rfft(X))[1:].mean()),
    ("abs(rfft(x))[0] > 0", 1.5),
    ("min(sqrt(x)) > -1", -1e37),  # NaN is no number: nothing holds
    ("not min(sqrt(x)) > -1", 1e37),
    ("max(x) > 3", 0.0),
]


@pytest.mark.parametrize(("text", "expected"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_meaning(text, expected):
    x = np.stack([X, Z], axis=1).astype(np.float32)
    constraint = compile_event(parse_event(text), SECONDS)
    assert constraint.value(x) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    if expected != 0:
        assert bool(constraint.holds(x)) == (expected > 0)


def test_strict_and_other_comparisons_differ_at_ties():
    x = np.stack([X, Z], axis=1).astype(np.float32)
    holds = {
        op: bool(compile_event(parse_event(f"max(x) {op} 3"), SECONDS).holds(x))
        for op in (">", ">=", "<", "<=")
    }
    assert holds == {">": False, ">=": True, "<": False, "<=": True}
    assert bool(compile_event(parse_event("at(x, 3) == 2 tolerance 1"), SECONDS).holds(x))


def test_windows_include_their_ends_to_a_millionth_of_a_step():
    x = np.zeros(UNIFORM.shape, np.float32)
    x[3] = 1.0  # at 0.1 + 0.1 + 0.1 = 0.30000000000000004
    assert bool(compile_event(parse_event("max[0, 0.3](x) > 0.5"), UNIFORM).holds(x))
    assert bool(compile_event(parse_event("max[0.29999995, 0.3](x) > 0.5"), UNIFORM).holds(x))
    assert not bool(compile_event(parse_event("max[0, 0.2999](x) > 0.5"), UNIFORM).holds(x))


def test_observables_and_time_yield_to_variables_of_that_name():
    layout = Layout(("time", "x"), np.arange(3.0))
    assert compile_event(parse_event("max(time) > 0"), layout).value(np.full((3, 2), 7.0)) == 7.0


# -- mistakes --------------------------------------------------------------------------------

MISTAKES = [
    ("max(x11) > 1", r"unknown variable 'x11'. Did you mean 'x1'\? Available: x1, x2, energy, time"),
    ("max(pressure) > 1", r"unknown variable 'pressure'. Available: x1, x2"),
    ("max(Energy) > 1", "Did you mean 'energy'"),
    (
        "max[7, 9](x1) > 1",
        r"the window of `max` \[7, 9\] lies outside the trajectory; times run from 0 to 5 s .* nearest sample time is 5",
    ),
    ("max[-3, -1](x1) > 1", "outside the trajectory.*nearest sample time is 0"),
    (
        "always[1.2, 1.4](x1 > 1)",
        r"the window of `always` \[1.2, 1.4\] contains no sample.*nearest sample times are 1 and 2",
    ),
    ("box(x1, [1.2, 1.4], [0, 1])", "the box over times .* contains no sample.*1 and 2. Move or widen it"),
    ("tube(x1, [1.2, 1.4], [0, 1], 1)", "the tube over times .* contains no sample"),
    ("(x1 > 1) until[8, 9] (x1 > 1)", "the window of `until`"),
    ("at(x1, 6) > 1", "time 6 lies outside the trajectory.*nearest sample time is 5"),
    ("abs(rfft(x1))[4] > 1", "the spectrum has frequencies 0 to 3"),
    ("max(abs(rfft(x1))[4:]) > 1", "is empty: the spectrum has frequencies 0 to 3"),
    ("max(abs(rfft(x1)[1:] - rfft(x2))) > 1", "must have the same frequencies; they have 3 and 4"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_mistakes_name_the_remedy(text, message):
    layout = Layout(
        ("x1", "x2"), np.arange(6) * 1.0, time_units="s", observables={"energy": lambda x: x[:, 0]}
    )
    with pytest.raises(ValueError, match=message):
        compile_event(parse_event(text), layout)


def test_bare_comparisons_and_other_things_are_no_events():
    with pytest.raises(ValueError, match=r"Write eventually\(x > 1\) or always\(x > 1\)"):
        compile_event(Variable("x") > 1, UNIFORM)
    with pytest.raises(ValueError, match=r"`event` must be an event; got str\. Use parse_event"):
        compile_event("max(x) > 1", UNIFORM)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="at least two times"):
        compile_event(parse_event("max(derivative(x)) > 1"), Layout(("x",), np.zeros(1)))
    with pytest.raises(ValueError, match=r"`x` must be one trajectory .* Use jax\.vmap"):
        compile_event(parse_event("max(x) > 1"), UNIFORM).value(np.zeros((3, 12, 2)))


def test_nested_windows_may_be_empty_or_beyond_the_end():
    check_against_truth(
        UNIFORM, parse_event("always[0, 0.5](eventually[0.82, 0.88](x > 0) or always[3, 4](y > 0))"), 0
    )


def test_another_function_of_the_same_name_is_another_observable():
    def ratio(number):
        layout = Layout(("x",), np.arange(3) * 1.0, observables={"r": lambda x: number * x[:, 0]})
        program, parameters = compile_event(parse_event("max(r) > 1"), layout)
        return float(program.value(jnp.ones((3, 1)), parameters))

    assert (ratio(1.0), ratio(3.0)) == (0.0, 2.0)
