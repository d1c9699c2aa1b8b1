"""The models that the package brings: how large they are, what their cards say, and that they draw."""

import jax
import numpy as np
import pytest

import kernels
from kernels import zoo

SYSTEMS = {"lorenz63", "fitzhugh_nagumo", "double_pendulum", "lorenz96", "kuramoto_sivashinsky"}


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "user_models", lambda: tmp_path)
    return kernels.available_models()


def test_every_system_has_a_model_and_all_are_small_enough(shipped):
    assert set(shipped) >= SYSTEMS
    sizes = [zoo.path_of(name).stat().st_size for name in shipped]
    assert max(sizes) <= 16 * 2**20
    assert sum(sizes) <= 48 * 2**20


def test_cards_say_how_models_were_made(shipped):
    for name in shipped:
        card = kernels.load_model(name).card
        assert card["name"] == name
        assert card["system"] in SYSTEMS
        assert card["training"]["validation_loss"] < 1.0, name  # of the best linear denoiser
        assert {"seed", "device", "versions"} <= set(card["training"]), name
        assert len(card["weights_sha256"]) == 1, name  # checked when it was loaded


@pytest.mark.slow  # each network compiles
def test_models_draw_trajectories_like_their_systems(shipped):
    for name in sorted(SYSTEMS & set(shipped)):
        drawn = kernels.sample(jax.random.key(0), name, num_samples=64, num_steps=20)["state"].values
        simulated = kernels.get_system(name).simulate_array(jax.random.key(1), 64)
        assert np.isfinite(drawn).all()
        spreads = _middle_half(drawn) / _middle_half(simulated)
        assert 2 / 3 < spreads.min() <= spreads.max() < 1.5, name


def _middle_half(values):
    """Width of the middle half of each variable: the few of 64 pendulums that turn over make any variance."""
    lower, upper = np.quantile(values, (0.25, 0.75), axis=(0, 1))
    return upper - lower
