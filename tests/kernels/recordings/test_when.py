"""The grammar of `when`: what it means, that its text is read again, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from kernels.recordings.when import CYCLIC, MAX_CLAUSES, Clause, parse_when, when_text

MONTHS = np.arange(1, 13)


@pytest.mark.parametrize(
    ("text", "months"),
    [("month in 6..8", [6, 7, 8]), ("month in 12..2", [1, 2, 12]), ("month == 4", [4])],
    ids=["summer", "winter", "april"],
)
def test_ranges_of_months_include_both_ends_and_go_round(text, months):
    (clause,) = parse_when(text)
    assert MONTHS[clause.holds(MONTHS)].tolist() == months


def test_hours_and_days_count_whole_ones():
    (hours,) = parse_when("hour in 7..19")
    assert hours.holds(np.array([6.99, 7.0, 19.75, 20.0])).tolist() == [False, True, True, False]
    (day,) = parse_when("day_of_year == 60")
    assert day.holds(np.array([59.9, 60.75, 61.0])).tolist() == [False, True, False]


def test_text_and_mapping_say_the_same():
    text = parse_when('month in 6..8 and co2 == 420 and "sea ice" in -1.5..2e-1')
    assert text == parse_when({"month": (6, 8), "co2": 420, "sea ice": (-1.5, 0.2)})
    assert parse_when({"month": 6}) == parse_when("month == 6")
    assert parse_when("co2 == 420 tolerance 5")[0].tolerance == 5
    assert parse_when("") == parse_when(None) == parse_when(" ") == ()


finite = st.floats(-1e6, 1e6).map(lambda number: float(f"{number:.6g}"))
names = st.text(st.characters(codec="ascii", categories=("L", "N", "Zs")), min_size=1, max_size=8).filter(
    lambda name: name not in CYCLIC and name.strip() == name
)


@st.composite
def clauses(draw):
    if draw(st.booleans()):
        word = draw(st.sampled_from(sorted(CYCLIC)))
        low, high = (draw(st.integers(*CYCLIC[word])) for _ in range(2))
        return Clause(word=word, low=low, high=high)
    low, high = sorted([draw(finite), draw(finite)])
    if draw(st.booleans()):
        return Clause(
            word=draw(names), low=low, high=low, fixed=True, tolerance=draw(st.none() | st.just(0.5))
        )
    return Clause(word=draw(names), low=low, high=high)


@given(st.lists(clauses(), max_size=4, unique_by=lambda clause: clause.word))
def test_the_text_of_clauses_is_read_again(chosen):
    assert parse_when(when_text(chosen)) == tuple(chosen)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("month in 6..13", "'month' must be in whole numbers from 1 to 12"),
        ("hour == 7.5", "'hour' must be in whole numbers"),
        ("month in 6 8", "'8' is out of place"),
        ("month inn 6..8", "Did you mean 'in'"),
        ("month in 6..8 or hour == 3", "'or' is out of place"),
        ("month in 6..8 and", "'the end' is out of place"),
        ("co2 in 5..4", "must begin with its lower end"),
        ("month == 6 and month == 7", "must name 'month' once"),
        ("month == 6 tolerance 1", "takes no tolerance"),
        ("co2 == 1e999", "'co2' must be finite"),
        ("co2 > 3", "cannot be read at '> 3'"),
        ("__import__('os')", "cannot be read"),
        ("x == 1 " * 1000, "at most 1000 characters"),
        ({"month": "6"}, "`when['month']` must be a number"),
        ({"month": (1, 2, 3)}, "`when['month']` must be a number"),
        ({"month": True}, "`when['month']` must be a number"),
        (7, "must be text or a mapping"),
        ({f"c{i}": 1 for i in range(MAX_CLAUSES + 1)}, "at most"),
    ],
    ids=range(18),
)
def test_what_is_wrong_is_named(when, words):
    with pytest.raises(ValueError, match="`when") as error:
        parse_when(when)
    assert words in str(error.value)
