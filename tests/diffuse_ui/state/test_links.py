"""Links open a state; hostile ones are refused in words."""

import re
from urllib.parse import parse_qsl

import pytest

from diffuse_ui.export import code
from diffuse_ui.state.links import MAX_LENGTH, follow
from diffuse_ui.state.state import State


@pytest.fixture
def state(toy):
    return State(model=toy)


def query(address):
    return dict(parse_qsl(address.removeprefix("?")))


def test_a_link_opens_the_state_that_it_was_made_from(state, toy):
    state.param.update(method="guided", estimator=None, num_samples=17, num_steps=9, seed=3)
    state.write("max(x) > 0.5 and box(y, [1, 2], [-1, 1]) avoids")
    state.know("at(x, 0) == 0.4 tolerance 0.01")
    other = State(model=toy)
    assert follow(other, query(code.link(state.to_spec()))) == ""
    assert other.to_spec() == state.to_spec()


@pytest.mark.parametrize(
    ("choices", "match"),
    [
        ({"event": "__import__('os').system('true')"}, "`event`"),
        ({"event": "max(q) > 1"}, "q"),
        ({"event": "max(x) > " + "9" * MAX_LENGTH}, f"at most {MAX_LENGTH} characters"),
        ({"event": "(" * 1900}, "`event`"),
        ({"event": "not " * 450 + "max(x) > 1"}, ""),
        ({"given": "at(q, 0) == 1"}, "`given`"),
        ({"model": "/etc/passwd"}, r"`model` must be one of toy, .*; got '/etc/passwd'"),
        ({"model": "../../x" * 20}, "…"),
        ({"seed": "-1"}, "`seed` must be a whole number from 0 to 4294967295; got '-1'"),
        ({"seed": "1e3"}, "got '1e3'"),
        ({"seed": "²"}, "`seed`"),
        ({"num_samples": "99999999999"}, "`num_samples`"),
        ({"num_steps": "1"}, "`num_steps` must be a whole number from 2 to 10000"),
        ({"method": "fast"}, "`method` must be one of exact, guided; got 'fast'"),
        ({"estimator": "eval"}, "`estimator` must be one of auto, .*none"),
        ({"guidance": ""}, "`guidance`"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(state, choices, match):
    before = state.to_spec()
    message = follow(state, choices)
    if match:
        assert message.startswith("The link cannot be followed as it is.")
        assert re.search(match, message), message
        assert state.to_spec() == before


def test_what_is_right_is_taken_beside_what_is_wrong_and_other_names_are_nobodys(state):
    message = follow(state, {"event": "max(x) > 1", "seed": "x", "utm_source": "mail", "theme": "dark"})
    assert "`seed`" in message
    assert "utm" not in message
    assert str(state.event) == "max(x) > 1"


def test_a_link_without_knowledge_or_event_takes_both_away(state, toy):
    address = code.link(state.to_spec())
    state.write("max(x) > 0.5")
    state.know("at(x, 0) == 0.4 tolerance 0.01")
    assert follow(state, query(address)) == ""
    assert (state.event, state.given) == (None, "")


def test_choices_of_a_link_that_do_not_go_together(state):
    assert "80" in follow(state, {"estimator": "twisted_smc", "num_samples": "50"})


def test_a_window_beyond_the_trajectory_is_said_with_the_corrected_text(state):
    message = follow(state, {"event": "always[0, 100](x > -0.9)", "seed": "3"})
    assert "`event`: the window of `always` [0, 100] reaches beyond the trajectory" in message
    assert message.endswith("Write always[0, 7.5](x > -0.9).")
    assert (state.event, state.text, state.seed) == (None, "always[0, 100](x > -0.9)", 3)
    assert state.error.endswith("Write always[0, 7.5](x > -0.9).")
