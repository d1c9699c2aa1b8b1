"""Inner windows that are cut short or empty are said, with the times, what they count as, and a remedy."""

import dataclasses
import re

import jax
import numpy as np
import pytest

import kernels
from kernels.events import compile_event, parse_event
from kernels.trajectories.layout import Layout

SIX = Layout(("x", "y"), np.arange(60) * 0.1)
NOTHING = [
    "max(x) > 1",
    "always(x > 0)",
    "always(eventually(x > 0))",
    "always[0, 5](eventually[0, 0.9](x > 0))",
    "always[0, 2.9](eventually[1, 3](x > 0))",
    "(always[1, 2](x > 0)) until[0, 4] (y < 0)",
    "eventually[1, 2](always[0, 1](max[0, 2.9](x) > 1))",
    "std[3, 3.1](x) > 1",
]
SAID = [
    (
        "always(eventually[1, 3](x > -9))",
        "At the last 10 of 60 times the window of `eventually[1, 3](x > -9)` has no sample: there it counts as false. "
        "At 20 of 60 times its window is cut short: there only the samples that there are count. "
        "Write always[0, 2.9] to look only where it is whole.",
    ),
    (
        "eventually(x > 1 and eventually[0, 1.5](y > 0))",
        "At the last 15 of 60 times the window of `eventually[0, 1.5](y > 0)` is cut short: there only the samples "
        "that there are count. Write eventually[0, 4.4] to look only where it is whole.",
    ),
    (
        "always(at(x, 0.1) - x > -1)",
        "At the last of 60 times the window of `at(x, 0.1)` has no sample: there it has no value, and no comparison "
        "with it holds. Write always[0, 5.8] to look only where it is whole.",
    ),
    (
        "always[5, 5.9](max[2, 3](x) > 1)",
        "At all 10 times the window of `max[2, 3](x)` has no sample: there it counts as −∞.",
    ),
    (
        "eventually[0, 1](always[0.04, 0.06](x > 1))",
        "At all 11 times the window of `always[0.04, 0.06](x > 1)` has no sample: there it counts as true.",
    ),
    (
        "eventually[0, 2](always[0, 1](eventually[0, 4](x > 1)))",
        "At the last 11 of 31 times the window of `eventually[0, 4](x > 1)` is cut short: there only the samples that "
        "there are count.",
    ),
    (
        "(x > 0) until (eventually[1, 2](y > 0))",
        "At the last 10 of 60 times the window of `eventually[1, 2](y > 0)` has no sample: there it counts as false. "
        "At 10 of 60 times its window is cut short: there only the samples that there are count. "
        "Write until[0, 3.9] to look only where it is whole.",
    ),
    (
        "std[3, 3](x) > 0.1",
        "`std[3, 3](x)` is over one sample, and so 0 in every trajectory. Widen its window.",
    ),
]


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_is_said_where_every_window_is_whole(text):
    assert parse_event(text).caveats(SIX) == ()


@pytest.mark.parametrize(("text", "words"), SAID, ids=[text for text, _ in SAID])
def test_what_a_window_lacks_is_said(text, words):
    assert parse_event(text).caveats(SIX) == (words,)


@pytest.mark.parametrize("text", [text for text, words in SAID if "Write" in words])
def test_the_remedy_leaves_nothing_to_say(text):
    event = parse_event(text)
    name, start, end = re.search(r"Write (\w+)\[(.*), (.*)\]", event.caveats(SIX)[0]).groups()
    window = kernels.events.syntax.tree.Window(float(start), float(end))
    assert type(event).__name__.lower() == name
    remedied = dataclasses.replace(event, window=window)
    compile_event(remedied, SIX)
    assert remedied.caveats(SIX) == ()


def test_caveats_go_along_with_the_truth_and_the_probability(ar1):
    model, _ = ar1
    text = "always[0, 19](eventually[0, 4](x > -1))"
    (words,) = parse_event(text).caveats(model.layout)
    found = kernels.event_probability(
        jax.random.key(0), model, text, method="monte_carlo", num_samples=64, num_steps=8
    )
    assert found.message.endswith(words)
    assert found.diagnostics["caveats"] == [words]
    drawn = kernels.sample(jax.random.key(0), model, num_samples=8, num_steps=4)
    for answer in (parse_event(text).holds(drawn), parse_event(text).robustness(drawn)):
        assert answer.attrs["caveats"] == words
    assert "caveats" not in parse_event("max(x) > 1").holds(drawn).attrs


@pytest.mark.slow
def test_a_guided_run_says_its_caveats_once(ar1):
    model, _ = ar1
    text = "always[0, 19](eventually[0, 4](x > -1))"
    (words,) = parse_event(text).caveats(model.layout)
    spec = kernels.RunSpec(
        model=model, event=text, num_samples=24, num_steps=8, method="guided", estimator="path_importance"
    )
    result = kernels.run(spec)
    assert result.dataset.attrs["caveats"] == words
    assert result.probability.message.count(words) == 1
