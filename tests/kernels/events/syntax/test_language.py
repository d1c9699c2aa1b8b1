"""Text, JSON and mistakes: what is accepted round-trips, what is not is located; frequencies on real trajectories."""

import json
import random
from pathlib import Path

import jax
import numpy as np
import pytest
from event_strategies import layouts_and_events
from hypothesis import HealthCheck, given, settings

import kernels
from kernels.events import EventSyntaxError, event_schema, parse_event
from kernels.events.syntax import documents
from kernels.events.syntax.event import Event

SCHEMA = Path(documents.__file__).with_name("event.schema.json")

EXAMPLES = [
    "max(x) > 1.2",
    "mean(abs(rfft(x))[1:]) < 0.6",
    "max[0, 3]((x + y) / 2) > 2.5 and not box(y, [1, 2], [0, 0.5])",
    "always[0, 3](x > 0) or eventually[1, 2](y < 0)",
    "x > 0.5 until[0, 2] y < 0",
    "at(x, 3) == 0.5 tolerance 0.05",
    "between(std(x), 0.1, 0.4)",
    "tube(x, [0, 1, 2], [0, 0.5, 0], 0.2) avoids",
    "polygon(x, y, [[0, 0], [1, 0], [0, 1]]) enters",
    "eventually[0, 3](x > 1 and eventually[0, 1](derivative(y) < -2))",
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(layouts_and_events())
def test_text_and_json_round_trip(pair):
    event = pair[1]
    assert parse_event(str(event)) == event
    assert Event.from_dict(json.loads(json.dumps(event.to_dict()))) == event


def test_the_published_schema_is_that_of_the_documents():
    """Write it anew by: python -c "import json; from kernels.events import event_schema as s; print(json.dumps(s(), indent=1))"."""
    published = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert published == event_schema()
    assert published["properties"]["version"]["const"] == 1


def test_unknown_versions_are_refused_and_known_ones_upgraded(monkeypatch):
    document = parse_event("max(x) > 1").to_dict()
    with pytest.raises(ValueError, match=r"must be 1 to 1; got .2.\. Update diffuse-ui"):
        Event.from_dict(document | {"version": 2})
    monkeypatch.setattr(documents, "VERSION", 2)
    monkeypatch.setattr(documents, "_UPGRADES", {1: lambda old: {**old, "version": 1}})
    assert Event.from_dict(document) == parse_event(
        "max(x) > 1"
    )  # goes through the upgrade, keeps its meaning


def mutated(text, generator):
    """A text with a few characters dropped, doubled, swapped or replaced."""
    characters = list(text)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(len(characters) + 1)
        kind = generator.randrange(3)
        if kind == 0 and characters:
            del characters[min(place, len(characters) - 1)]
        elif kind == 1:
            characters.insert(place, generator.choice("()[],.0123456789e+-*/<>= xyzandornot\n\t_\"'$λ∞"))
        else:
            start = generator.randrange(len(characters) + 1)
            characters[place:place] = characters[start : start + generator.randint(1, 12)]
    return "".join(characters)


def check_text(text):
    try:
        event = parse_event(text)
    except EventSyntaxError as error:
        assert error.line >= 1
        assert error.column >= 1
        return False
    assert parse_event(str(event)) == event
    return True


def fuzz_texts(count, seed):
    generator = random.Random(seed)
    return sum(check_text(mutated(generator.choice(EXAMPLES), generator)) for _ in range(count))


def test_mutated_texts_are_accepted_and_round_trip_or_rejected_with_their_place():
    assert 0 < fuzz_texts(400, 0) < 400


@pytest.mark.slow
def test_5000_mutated_texts():
    assert 0 < fuzz_texts(5000, 1) < 5000


def mutate_document(value, generator):
    """A JSON document with one value somewhere replaced, dropped or wrapped."""
    if isinstance(value, dict) and value and generator.random() < 0.8:
        key = generator.choice(sorted(value))
        if generator.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: mutate_document(value[key], generator)}
    if isinstance(value, list) and value and generator.random() < 0.8:
        place = generator.randrange(len(value))
        return [mutate_document(v, generator) if i == place else v for i, v in enumerate(value)]
    return generator.choice(
        [None, True, -1, 1e308, 0, "x", "max", [], {}, [value], {"type": value}, "__import__('os')", 2**80]
    )


def fuzz_documents(count, seed):
    generator, accepted = random.Random(seed), 0
    for _ in range(count):
        document = mutate_document(parse_event(generator.choice(EXAMPLES)).to_dict(), generator)
        try:
            event = Event.from_dict(document)
        except ValueError as error:
            assert str(error)
            continue
        accepted += 1
        assert Event.from_dict(event.to_dict()) == event
    return accepted


def test_mutated_documents():
    assert fuzz_documents(400, 0) < 400


@pytest.mark.slow
def test_5000_mutated_documents():
    assert 0 < fuzz_documents(5000, 1) < 5000


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + "x" + ")" * 5000, "not " * 5000 + "max(x) > 1", "max(x) > " + "9" * 5000, "x" * 200_000],
)
def test_nesting_and_sizes_are_bounded(text):
    with pytest.raises(ValueError, match=r"line 1|deep|long|finite|large"):
        parse_event(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "text", "expected", "tolerance"),
    [
        ("lorenz63", "mean(abs(rfft(x))[1:]) < 0.6", 0.193, 0.005),
        ("fitzhugh_nagumo", "max((x1 + x2) / 2) > 2.5", 0.0335, 0.003),
        ("double_pendulum", "max(abs(q2)) > 3.14159", 0.130, 0.005),
    ],
)
def test_the_papers_events_have_their_frequencies(system, text, expected, tolerance):
    dataset = kernels.get_system(system).simulate(jax.random.key(3), num_samples=100_000)
    found = float(np.mean(parse_event(text).holds(dataset)))
    assert abs(found - expected) < tolerance
