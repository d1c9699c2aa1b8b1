"""Fields of a run that are wrong are named in one sentence, whatever their type."""

import pytest

import kernels
from kernels import RunSpec


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"model": 0}, "`model` must be the name of a model, a path or a Model; got 0"),
        ({"model": None}, "`model` must be the name of a model"),
        ({}, "`model` must be the name of a model"),
        ({"guidance": {}}, r"`guidance` must be one of moment_matching, .*; got \{\}"),
        ({"model": "lorenz63", "guidance": {"name": "calibrated"}}, "`guidance` must be one of"),
        ({"model": "lorenz63", "sampler": []}, "`sampler` must be one of"),
        ({"model": "lorenz63", "estimator": {}}, "the estimator must be one of"),
        ({"model": "lorenz63", "method": {}}, "`method` must be one of guided, exact"),
    ],
)
def test_a_field_of_another_type_is_named(fields, match):
    with pytest.raises(ValueError, match=match):
        RunSpec(**fields)


@pytest.mark.parametrize(
    ("document", "match"),
    [
        ({"model": "lorenz63", "guidence": "calibrated"}, "unknown: guidence. Did you mean 'guidance'?"),
        ({"model": "lorenz63", "guidance": {}}, "`guidance` must be one of"),
        ({"model": None}, "`model` must be text; got None"),
        ({"model": 0}, "`model` must be text; got 0"),
        ({"event": "max(x) > 1"}, "`model` is missing"),
    ],
)
def test_a_document_with_a_wrong_key_or_value_is_refused_in_words(document, match):
    with pytest.raises(ValueError, match=match):
        RunSpec.from_dict(document)


def test_what_is_no_model_is_named_wherever_a_model_is_asked_for():
    with pytest.raises(ValueError, match="`model` must be the name of a model, a path or a Model; got 3"):
        kernels.backdrop(3, num_samples=4)  # pyright: ignore[reportArgumentType]
