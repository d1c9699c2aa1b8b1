"""Probabilities by month in the shell: a table with both sides, JSON, and options that have no meaning there."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import kernels
from diffuse_ui.cli import app
from diffuse_ui.figures.groups import groups_figure
from kernels.probability.base import Progress
from kernels.runs.groups import Group, ProbabilityBy


def number(value):
    return kernels.Probability(
        value=value,
        standard_error=0.01,
        interval=(value - 0.02, value + 0.02),
        ess=100.0,
        method="monte_carlo",
    )


FOUND = ProbabilityBy(
    by="month",
    event="max(x) > 1",
    groups=(
        Group(name="January", when="month == 1", estimate=number(0.2), record=number(0.21)),
        Group(name="July", when="month == 7", estimate=number(0.5), record=None),
    ),
)


def ask(*words):
    return CliRunner().invoke(app, ["probability", "--event", "max(x) > 1", *words])


@pytest.fixture
def found(monkeypatch):
    records = [Progress(0.5, "half"), FOUND]
    monkeypatch.setattr("diffuse_ui.commands.by.stream_by", lambda *_, **__: iter(records))


@pytest.mark.usefixtures("found")
def test_the_table_has_the_model_beside_the_record():
    outcome = ask("--by", "month")
    assert outcome.exit_code == 0, outcome.output
    assert "January" in outcome.output
    assert "no window" in outcome.output
    assert "1 of 1 values of the model lie within the record's intervals." in outcome.output


@pytest.mark.usefixtures("found")
def test_json_has_every_group():
    outcome = ask("--by", "month", "--json")
    assert [group["name"] for group in json.loads(outcome.stdout)["groups"]] == ["January", "July"]


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (("--by", "month", "--method", "auto"), "--method has no meaning with --by or --against"),
        (("--by", "month", "--against", "month == 1"), "are two questions"),
        (("--by", "month"), "knows no season"),
    ],
    ids=["method", "both", "no-season"],
)
def test_what_has_no_meaning_is_refused(words, trouble):
    outcome = ask(*words)
    assert outcome.exit_code != 0
    assert trouble in outcome.output


def test_the_figure_shows_both_sides():
    (ax,) = groups_figure(FOUND).axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["model", "record, training part"]
    assert np.all(ax.get_xticks() == [0, 1])
