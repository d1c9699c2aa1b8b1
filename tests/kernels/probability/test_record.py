"""Estimates under a model of a record, held against that record."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import kernels
from kernels.probability.base import Progress
from kernels.probability.record import with_record
from kernels.recordings.windows import Segment

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model(ar1):
    """The exact model of two AR(1) processes, with a record of them that it was trained on."""
    generator, rows = np.random.default_rng(7), [np.zeros(2)]
    for noise in generator.standard_normal((6000, 2)) * np.sqrt(1 - 0.9**2):
        rows.append(0.9 * rows[-1] + noise)
    series = (np.stack(rows[1:]) * [1, 2]).astype(np.float32)
    return dataclasses.replace(ar1[0], training_data=Segment(series, np.arange(0, 5960, 4), 40))


def ask(model, event, **choices):
    return kernels.event_probability(KEY, model, event, method="monte_carlo", **choices)


def test_an_estimate_that_the_record_bears_out_says_that_its_error_is_not_in_it(model, ar1):
    found, plain = (ask(one, "mean(x) > 0.5", num_samples=2048) for one in (model, ar1[0]))
    assert (found.value, found.standard_error) == (plain.value, plain.standard_error)
    assert (found.status, plain.status) == ("no_record_error", "ok")
    low, high = found.interval
    assert low < found.diagnostics["record_frequency"] < high + 0.1
    assert (
        "the record's own is not in it. Train the model again for one that is. In the training"
        in found.message
    )


def test_an_event_beyond_the_record_is_an_extrapolation(model):
    few = ask(model, "mean(x) > 1.3", num_samples=4096)
    assert few.status == "few_in_record"
    assert "has only 5 independent occurrences in the training data" in few.message
    beyond = ask(model, "mean(x) > 1.7 and mean(y) > 0", num_samples=8192)
    assert beyond.status == "beyond_record"
    assert "the number is an extrapolation" in beyond.message


TAILS = {
    "x": {
        "upper": {"threshold": 1.9, "shape": -0.112, "shape_error": 0.05},
        "lower": {"threshold": -1.9, "shape": 0.2, "shape_error": 0.07},
    },
    "y": {"upper": {"threshold": "high", "shape": 0.1, "shape_error": None}},
}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            "max(x) > 3.9",
            "the number is extrapolated by the Pareto tail of x: shape -0.11 ± 0.05. Take a milder",
        ),
        (
            "eventually(x < -3.9)",
            "the number is extrapolated by the Pareto tail of x: shape 0.20 ± 0.07. Take",
        ),
        ("mean(x) > 3.9", "the number is an extrapolation. Take"),
        ("max(y) > 8", "the number is an extrapolation. Take"),  # a card with words for numbers
    ],
)
def test_an_extrapolation_names_the_tail_of_the_margins(model, event, words):
    found = ask(dataclasses.replace(model, card=model.card | {"margins": TAILS}), event, num_samples=64)
    assert words in found.message
    assert "the number is an extrapolation. Take" in ask(model, event, num_samples=64).message


def test_a_threshold_within_the_bulk_is_not_extrapolated_by_a_tail(model):
    beyond = model.card | {"margins": {"x": {"upper": TAILS["x"]["upper"] | {"threshold": 5.0}}}}
    found = ask(dataclasses.replace(model, card=beyond), "max(x) > 3.9", num_samples=64)
    assert "the number is an extrapolation. Take" in found.message


@pytest.mark.parametrize(("shift", "event"), [(1.0, "mean(x) > 1.2"), (-1.0, "mean(x) > 0.2")])
def test_an_estimate_that_the_record_contradicts(model, shift, event):
    shifted = Segment(model.training_data.series + np.float32(shift), model.training_data.starts, 40)
    other = dataclasses.replace(model, training_data=shifted)
    found = ask(other, event, num_samples=4096)
    assert (found.value < found.diagnostics["record_frequency"]) == (shift > 0)
    assert found.status == "contradicts_record"
    assert "The training data say otherwise" in found.message


def test_what_is_known_and_not_in_the_record_is_an_extrapolation(model):
    far = Segment(model.training_data.series + np.float32(50.0), model.training_data.starts, 40)
    apart = dataclasses.replace(model, training_data=far)
    found = ask(apart, "max(x) > 1", given="at(x, 0) == 0 tolerance 1", num_samples=512)
    assert found.status == "beyond_record"
    assert "No window of the training data meets what is known" in found.message


def test_what_else_speaks_against_an_estimate_stays(model):
    found = ask(model, "mean(x) > 1.7", num_samples=256)
    assert found.status == "unreliable"
    assert "extrapolation" in found.message
    data = kernels.event_probability(KEY, model, "mean(x) > 0.5", method="training_data")
    assert data.status == "ok"  # that is the record


def test_two_estimates_of_the_model_still_agree(model):
    both = kernels.compare(
        KEY, model, "mean(x) > 1", methods=("monte_carlo", "subset_simulation"), num_samples=1024
    )
    assert both.agree
    assert both.believed is not None


def test_the_record_s_own_numbers_stand_beside_an_estimate(model, ar1):
    held = dataclasses.replace(
        model, held_out=Segment(model.training_data.series[:2000], np.arange(1900), 40)
    )
    found = ask(held, "max(x) > 3.2", num_samples=1024)
    assert [number.method for number in found.beside] == ["data", "training_data", "peaks_over_threshold"]
    for number in found.beside:
        alone = kernels.event_probability(KEY, held, "max(x) > 3.2", method=number.method)
        assert (number.value, number.interval) == (alone.value, alone.interval)
    low, high = found.beside[2].interval
    assert low < found.value < high
    assert found.beside[2].words == f"{found.beside[2].value:.2g} ({low:.2g} to {high:.2g})"
    document = json.loads(json.dumps(found.to_dict()))
    assert document["beside"][2]["value"] == found.beside[2].value
    assert document["beside"][0]["interval"] == list(found.beside[0].interval)
    assert document["beside"][0]["beside"] == []
    assert [number.method for number in ask(model, "mean(x) > 1", num_samples=256).beside] == [
        "training_data"
    ]
    assert ask(ar1[0], "max(x) > 3.2", num_samples=256).beside == ()


def test_records_without_an_estimate_pass(model):
    problem = kernels.RunSpec(model=model, event="max(x) > 1").problem(KEY)
    records = [Progress(0.1, "drawing")]
    assert list(with_record(problem, iter(records))) == records
