"""The command `inspect`, and the options of `train` that answer what a file does not tell."""

import json

import pytest
from typer.testing import CliRunner

from diffuse_ui.cli import app
from diffuse_ui.commands.options import READING
from kernels.recordings.choices import Choices


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def gauge(tmp_path):
    path = tmp_path / "gauge.txt"
    rows = ["2020-01-01;1,5;A", "2020-01-02;-9999;A", "2020-01-03;2,5;B"]
    path.write_text("\n".join(["date;flow (m3/s);quality", *rows]) + "\n")
    return path


def test_what_was_understood_is_printed(gauge):
    outcome = call("inspect", gauge, "--missing", "-9999")
    assert outcome.exit_code == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    assert lines[0] == f"3 rows of {gauge}"
    assert lines[1] == "time: from 2020-01-01T00:00:00 on, over 2 d, every 1 d"
    assert lines[2] == "flow (m3/s): 1.5 to 2.5, 1 missing value"
    assert "note: left out quality: it holds words" in lines
    assert "note: flow: 1 value of -9999 taken as missing" in lines
    document = json.loads(call("inspect", gauge, "--missing", "-9999", "--json").stdout)
    assert (document["variables"], document["num_runs"]) == (["flow"], 1)


@pytest.mark.parametrize("command", ["inspect", "train"])
def test_questions_name_the_option_that_answers_them(command, gauge):
    outcome = call(command, gauge)
    assert outcome.exit_code == 2
    assert "(--missing -9999)" in outcome.stderr


def test_training_reads_as_it_is_told(gauge):
    outcome = call("train", gauge, "--missing", "-9999", "--gaps", "drop")
    assert outcome.exit_code == 2
    assert "windows of 60 steps" in outcome.stderr  # it was read
    outcome = call("train", "lorenz63", "-o", "m", "--missing", "-9999")
    assert "--missing has no meaning in training on lorenz63" in outcome.stderr


def test_every_choice_has_its_option():
    assert set(READING) == set(Choices.__dataclass_fields__)
    words = call("train", "--help").stdout + call("inspect", "--help").stdout
    for name in READING:
        assert words.count(f"--{name.replace('_', '-')}") >= 2, name
