"""A card at a glance, whatever is in it."""

import dataclasses

import pytest

import kernels
from diffuse_ui.views.controls.model_card import card_rows


def with_card(toy, card):
    return dataclasses.replace(toy, card=card)


def test_the_shipped_card_says_how_right_the_model_is():
    model = kernels.load_model("lorenz63")
    rows, report = dict(card_rows(model)), model.card["fidelity"]
    assert rows["system"] == "lorenz63"
    assert rows["reference event"] == "mean(abs(rfft(x))[1:]) < 0.6"
    truth, steps = report["simulator"], report["num_steps"]
    assert rows["P, simulator"] == f"{truth['probability']:.2%} ± {truth['standard_error']:.2%}".replace(
        "%", " %"
    )
    sampled = next(words for name, words in rows.items() if name.startswith(f"P, model (ODE, {steps}"))
    figures = report[f"ode_{steps}"]
    assert f"Kolmogorov distance {figures['kolmogorov_distance']:.3g}" in sampled
    assert f"rollout error {figures['rollout_error']:.3g}" in sampled
    assert "steps" in rows["trained on"]


def test_a_factor_of_the_noise_estimate_is_told(toy):
    told = {"scale": 0.9789, "before": 0.766, "after": 0.9945}
    words = dict(card_rows(with_card(toy, {"epsilon_scaling": told})))["noise estimate"]
    assert words == (
        "multiplied by 0.9789, with which extremes come 0.995 times as often as they should (0.766 without)"
    )
    for unread in ({"scale": None}, {"scale": "half"}, "near 1", {}):
        assert "noise estimate" not in dict(card_rows(with_card(toy, {"epsilon_scaling": unread})))


def test_a_card_with_a_name_alone_is_readable(toy):
    rows = dict(card_rows(toy))
    assert rows["trajectories"] == "x, y: 16 times from 0 to 7.5 s"
    assert set(rows) == {"trajectories", "steps"}


@pytest.mark.parametrize(
    "card",
    [
        {"fidelity": "good", "training": 3, "architecture": None, "created": 7, "description": ["a"]},
        {"fidelity": {"simulator": 1, "ode_30": {"probability": "high"}, "sde": None, "event": {}}},
        {"fidelity": {"ode_12": {"probability": 0.25}}, "training": {"num_steps": None, "data": {"a": 1}}},
    ],
)
def test_what_cannot_be_read_is_left_out(toy, card):
    rows = dict(card_rows(with_card(toy, card)))
    assert rows["trajectories"]
    assert all(isinstance(words, str) and words for words in rows.values())
