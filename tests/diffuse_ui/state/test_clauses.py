"""Parts in an order, muted or not: what the event is, and what survives which change."""

import pytest

import kernels
from diffuse_ui.state.clauses import Arrangement

A, B, C = (kernels.parse_event(text) for text in ("max(x) > 1", "min(x) < 0", "max(z) > 2"))


@pytest.mark.parametrize("text", ["max(x) > 1", "max(x) > 1 and min(x) < 0", "max(x) > 1 or min(x) < 0"])
def test_an_event_is_arranged_and_read_back(text):
    event = kernels.parse_event(text)
    assert Arrangement.of(event).event == event
    assert Arrangement.of(None).event is None


def test_a_muted_part_keeps_its_place_and_is_no_part_of_the_event():
    arrangement = Arrangement((A, B, C)).toggled(1)
    assert arrangement.event == A & C
    assert arrangement.toggled(1).event == Arrangement((A, B, C)).event
    assert Arrangement((A,)).toggled(0).event is None


def test_muted_parts_survive_edits_of_the_others():
    arrangement = Arrangement((A, B, C)).toggled(0)
    numbers = arrangement.event.with_parameters({"terms.0.right.value": -1.0})
    assert arrangement.with_event(numbers).terms[0] == A
    assert arrangement.with_event(None).terms == (A,)
    assert arrangement.with_event(C).terms == (A, C)
    assert arrangement.plus(B).muted == {0}
    assert arrangement.replaced(1).terms == (A, C)
    assert Arrangement((A, B, C)).toggled(2).replaced(0).muted == {1}
    assert Arrangement((A, B, C)).toggled(0).replaced(0, B, C).muted == {0, 1}


def test_parts_are_joined_by_and_or_by_or_also_where_one_is_left():
    either = Arrangement((A, B)).joined_by("or")
    assert either.event == A | B
    assert either.replaced(1).plus(C).event == A | C
    assert Arrangement((A | B, C)).joined_by("or").terms == (A, B, C)
    with pytest.raises(ValueError, match="`joiner` must be one of and, or; got 'xor'"):
        either.joined_by("xor")


def test_a_group_stays_one_part_while_the_other_is_muted():
    arrangement = Arrangement((A | B, C)).toggled(1)
    assert arrangement.event == A | B
    assert arrangement.toggled(1).event == (A | B) & C
    moved = arrangement.with_event(arrangement.event.with_parameters({"terms.0.right.value": 1.5}))
    assert moved.toggled(1).terms[1] == C
    assert len(moved.terms) == 2


def test_not_comes_and_goes():
    arrangement = Arrangement((A, B)).negated(0)
    assert arrangement.event == ~A & B
    assert arrangement.negated(0).event == A & B
