"""Choices: the event's tree is the one truth; text, numbers, undo and specs agree with it."""

import re

import numpy as np
import pytest
from toys import make_toy

import kernels
from diffuse_ui.state.state import PRESETS, State


@pytest.fixture
def state(toy):
    return State(model=toy)


def test_text_becomes_the_tree_and_is_printed_the_canonical_way(state):
    assert state.write("max( x )>0.50")
    assert state.event == kernels.parse_event("max(x) > 0.5")
    assert (state.text, state.error) == ("max(x) > 0.5", "")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("max(x > 0.5", r"(?s)line 1.*\^"),
        ("max(q) > 0.5", "q"),
        ("max[90, 99](x) > 1", "99"),
        ("x > 1", "eventually"),
    ],
)
def test_a_mistake_is_told_and_the_last_good_event_stays(state, text, match):
    state.write("max(x) > 0.5")
    assert not state.write(text)
    assert state.text == text
    assert str(state.event) == "max(x) > 0.5"
    assert re.search(match, state.error)
    state.write("max(x) > 0.6")
    assert state.error == ""


def test_empty_text_is_no_event(state):
    state.write("max(x) > 0.5")
    assert state.write("  ")
    assert state.event is None
    assert state.to_spec().event is None


def test_an_event_the_model_cannot_have_is_refused(state):
    with pytest.raises(ValueError, match="q"):
        state.set_event(kernels.parse_event("max(q) > 1"))
    assert state.event is None


def test_undo_and_redo_go_through_the_events(state):
    state.write("max(x) > 0.5")
    state.write("max(x) > 0.5 and min(y) < 0")
    state.undo()
    assert str(state.event) == "max(x) > 0.5"
    state.undo()
    assert state.event is None
    assert not state.can_undo
    state.redo()
    state.redo()
    assert len(state.event.conjuncts) == 2
    assert not state.can_redo


def test_a_drag_of_one_number_is_one_step_of_undo(state):
    state.write("max(x) > 0.5")
    state.write("min(x) > -3")
    for level in (0.1, 0.2, 0.3):
        state.set_event(state.event.with_parameters({"right.value": level}))
    state.undo()
    assert str(state.event) == "max(x) > 0.5"


def test_spec_and_state_go_round(state):
    state.param.update(method="guided", estimator=None, num_samples=17, num_steps=9, seed=3)
    state.write("max(x) > 0.5")
    state.know("at(x, 0) == 0.4 tolerance 0.01")
    spec = state.to_spec()
    other = State(model=state.model)
    other.from_spec(spec)
    assert other.to_spec() == spec
    assert (other.event, other.given, other.seed) == (state.event, state.given, 3)


def test_what_is_known_is_checked(state):
    assert not state.know("at(q, 0) == 0.4 tolerance 0.01")
    assert "q" in state.given_error
    assert state.given == ""
    assert state.know("at(x, 0) == 0.4 tolerance 0.01")
    assert state.given_error == ""


def test_a_spec_with_a_wrong_event_changes_nothing(state):
    state.write("max(x) > 0.5")
    with pytest.raises(ValueError, match="q"):
        state.from_spec(kernels.RunSpec(model=state.model, event="max(q) > 1"))
    assert str(state.event) == "max(x) > 0.5"


def test_the_live_run_is_quick_and_approximate(state):
    state.write("max(x) > 0.5")
    spec = state.to_live_spec()
    assert (spec.method, spec.estimator) == ("guided", None)
    assert spec.num_samples < PRESETS["preview"][0]


def test_muting_and_knowing_are_undone_and_done_again(state):
    state.write("max(x) > 0.5 and at(y, 1) == 0 tolerance 0.1")
    state.arrange(state.parts.toggled(0))
    assert state.text == "at(y, 1) == 0 tolerance 0.1"
    state.arrange(state.parts.replaced(1), known=state.known.plus(state.parts.terms[1]))
    assert (state.event, state.given) == (None, "at(y, 1) == 0 tolerance 0.1")
    state.undo()
    assert (state.text, state.given) == ("at(y, 1) == 0 tolerance 0.1", "")
    state.undo()
    assert len(state.event.conjuncts) == 2
    state.redo()
    state.redo()
    assert state.known.event == kernels.parse_event("at(y, 1) == 0 tolerance 0.1")
    assert [str(term) for term in state.parts.terms] == ["max(x) > 0.5"]
    assert not state.can_redo


def test_muted_parts_survive_text_sliders_and_an_event_set_from_outside(state):
    state.write("max(x) > 0.5 and min(y) < 0")
    state.arrange(state.parts.toggled(0))
    state.write("min(y) < -1")
    state.set_event(state.event.with_parameters({"right.value": -1.5}))
    state.event = kernels.parse_event("min(y) < -2")
    assert [str(term) for term in state.parts.terms] == ["max(x) > 0.5", "min(y) < -2"]
    state.arrange(state.parts.toggled(0))
    assert str(state.event) == "max(x) > 0.5 and min(y) < -2"


def test_a_part_the_model_cannot_have_stays_muted(state):
    state.arrange(state.parts.plus(kernels.parse_event("max(q) > 1")).toggled(0))
    with pytest.raises(ValueError, match="q"):
        state.arrange(state.parts.toggled(0))
    assert state.event is None


def test_another_model_takes_nothing_of_the_first_ones_variables(state):
    state.write("max(x) > 0.5 and max(y) > 0.5")
    state.arrange(state.parts.toggled(0))
    layout = kernels.Layout(variables=("u",), times=state.layout.times)
    other = kernels.GaussianDenoiser(np.zeros((16, 1)), np.eye(16))
    state.model = kernels.Model.from_denoiser(other, layout, card={"name": "other"})
    assert (state.event, state.parts.terms, state.can_undo) == (None, (), False)


def test_an_event_that_another_model_can_have_is_kept(state):
    state.write("max(x) > 0.5")
    state.choose_model(make_toy(("x", "u")))
    assert state.text == "max(x) > 0.5"
    with pytest.raises(ValueError, match="must be one of"):
        state.choose_model("nowhere")
    assert state.layout.variables == ("x", "u")


def test_an_event_that_is_put_there_is_taken_whole(state):
    state.write("max(x) > 0.5")
    state.event = kernels.parse_event("min(y) < 0")
    assert (state.text, state.arrangement.event) == ("min(y) < 0", state.event)
    with pytest.raises(ValueError, match="q"):
        state.event = kernels.parse_event("max(q) > 0")
    assert state.text == str(state.event) == "min(y) < 0"
    state.undo()
    assert state.text == str(state.event) == "max(x) > 0.5"
    state.event = None
    assert state.text == ""


def test_writing_an_alternative_joins_what_is_drawn_next_by_or(state):
    state.write("max(x) > 0.5 or min(y) < 0")
    state.arrange(state.parts.plus(kernels.parse_event("max(y) > 1")))
    assert state.text == "max(x) > 0.5 or min(y) < 0 or max(y) > 1"


def test_what_is_known_is_known_of_one_model(state):
    state.know("at(x, 0) == 0.4 tolerance 0.01")
    state.know("at(q, 0) == 1")
    assert state.given_error
    state.model = make_toy()
    assert (state.given, state.given_error) == ("", "")
    state.param.update(model=make_toy(), given="at(y, 0) == 1.0 tolerance 0.1")
    assert state.given == "at(y, 0) == 1.0 tolerance 0.1"


def test_a_spec_with_wrong_knowledge_changes_nothing(state):
    state.write("max(x) > 1")
    before = state.to_spec()
    for given in ("at(q, 99) == nonsense", "max(x) > 1"):
        with pytest.raises(ValueError, match=r"q|nonsense|equalities"):
            state.from_spec(kernels.RunSpec(model=make_toy(("x", "q")), given=given))
        assert state.to_spec() == before


def test_a_spec_is_one_step_of_undo(state):
    state.write("max(x) > 1")
    before = state.to_spec()
    state.from_spec(state.to_spec(event="min(y) < 0", given="at(x, 0) == 0.4 tolerance 0.01"))
    state.undo()
    assert state.to_spec() == before


def test_a_model_must_begin_at_zero_to_be_drawn_on():
    layout = kernels.Layout(variables=("x",), times=[3.0, 4.0])
    model = kernels.Model.from_denoiser(kernels.GaussianDenoiser(np.zeros((2, 1)), np.eye(2)), layout)
    with pytest.raises(ValueError, match="begin at 3"):
        State(model=model).load()


def short_toy():
    """The toy model with 8 times instead of 16."""
    toy = make_toy()
    layout = kernels.Layout(variables=("x", "y"), times=toy.layout.times[:8])
    return kernels.Model.from_denoiser(
        kernels.GaussianDenoiser(np.zeros((8, 2)), np.eye(16)), layout, card={"name": "short"}
    )


def test_another_model_with_shorter_trajectories_shows_the_window_and_the_remedy(state):
    state.write("max[0, 7.5](x) > 0.5")
    state.choose_model(short_toy())
    assert (state.event, state.parts.terms, state.text) == (None, (), "max[0, 7.5](x) > 0.5")
    assert state.text_is_wrong
    assert state.error.endswith("times run from 0 to 3.5. Write max[0, 3.5](x) > 0.5.")
    state.choose_model(make_toy())
    assert (str(state.event), state.error, state.can_undo) == ("max[0, 7.5](x) > 0.5", "", False)


def test_a_spec_with_a_window_beyond_the_trajectory_opens_with_the_remedy(state):
    state.write("max(x) > 0.5")
    spec = kernels.RunSpec(model=state.model, event="box(x, [5, 100], [0, 1])", num_samples=17, seed=3)
    state.from_spec(spec)
    assert (state.event, state.num_samples, state.seed) == (None, 17, 3)
    assert state.text == "box(x, [5, 100], [0, 1])"
    assert state.error.endswith("Write box(x, [5, 7.5], [0, 1]).")
    state.write("box(x, [5, 7.5], [0, 1])")
    assert (state.error, state.text_is_wrong) == ("", False)


def test_a_wrong_number_of_a_slider_leaves_the_text_right(state):
    state.write("max(x) > 0.5")
    state.error = "a slider's"
    assert not state.text_is_wrong
    state.write("max(q) > 0.5")
    assert state.text_is_wrong
