"""The factor of the noise estimate, against Gaussians for which it is known, and on its way to disk and back."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import kernels
from kernels.diffusion.gaussian import GaussianLaw
from kernels.diffusion.schedules import SIGMA_MAX
from kernels.fidelity import epsilon_scaling
from kernels.fidelity.epsilon_scaling import fit_epsilon_scale, with_epsilon_scale
from kernels.networks.unet import UNetConfig
from kernels.recordings.windows import Segment
from kernels.training import warm_start
from kernels.training.loop import initialize

SHAPE = (6, 2)
NETWORK = UNetConfig(
    num_times=6, in_features=4, out_features=2, channels=(8,), num_blocks=1, dense_width=16, embedding=16
)


class White:
    """Trajectories of independent standard normal numbers."""

    @staticmethod
    def simulate_array(key, num_samples):
        return np.asarray(jax.random.normal(key, (num_samples, *SHAPE)))


def model_of(variance):
    """A network that has learned nothing yet: the exact denoiser of white noise of this variance."""
    law = GaussianLaw.from_moments(np.zeros(SHAPE), variance * np.eye(12))
    return kernels.Model(
        denoiser=initialize(NETWORK, law, jax.random.key(0)),
        layout=kernels.Layout(variables=("x", "y"), times=np.arange(6.0)),
        standardizer=kernels.Standardizer.identity(2),
        initial=law,
        card={"name": "white", "system": "lorenz63", "num_steps": 30, "fidelity": {"event": "old"}},
    )


@pytest.fixture(autouse=True)
def _white(monkeypatch):
    monkeypatch.setattr(epsilon_scaling, "get_system", lambda name: White)


@pytest.mark.parametrize("variance", [0.9, 1.15])
def test_the_factor_of_a_gaussian_that_is_too_narrow_or_too_wide(variance):
    """By the ODE x₀ = σ_max^(1 − s) v^(s/2) ε, which has unit variance for one s."""
    found = fit_epsilon_scale(model_of(variance), num_samples=4096)
    half = 0.5 * np.log(variance)
    exact = np.log(SIGMA_MAX) / (np.log(SIGMA_MAX) - half)
    assert found.scale == pytest.approx(exact, abs=0.002)
    assert abs(found.before - 1.0) > 5 * found.standard_error
    assert abs(found.after - 1.0) < 3 * found.standard_error  # on other samples than those of the fit


def test_the_factor_is_measured_on_other_samples_than_those_it_was_fitted_to(monkeypatch):
    drawn, keys = epsilon_scaling._drawn, []

    def recorded(model, key, num_samples):
        keys.append(tuple(jax.random.key_data(key).tolist()))
        states = drawn(model, key, num_samples)
        return states if keys[-1] == keys[0] or not unlucky else np.zeros_like(states)

    monkeypatch.setattr(epsilon_scaling, "_drawn", recorded)
    unlucky = False
    found = fit_epsilon_scale(model_of(0.9), num_samples=2048)
    assert found.scale is not None
    assert keys[-1] == keys[-2]
    assert keys[-1] not in keys[:-2]
    assert len(set(keys[:-2])) == 1
    unlucky = True
    keys.clear()
    found = fit_epsilon_scale(model_of(0.9), num_samples=2048)
    assert found.scale is None  # it helps nowhere but where it was fitted
    assert found.before == found.after == 0.0


def test_no_factor_where_none_is_called_for_and_none_where_it_would_be_far_from_1():
    right = fit_epsilon_scale(model_of(1.0), num_samples=2048)
    assert right.scale is None
    assert right.after == right.before
    assert abs(right.before - 1.0) < 2 * right.standard_error
    assert fit_epsilon_scale(model_of(0.3), num_samples=512).scale is None


def test_a_scaled_denoiser_takes_less_away():
    model = model_of(0.9)
    x = jax.random.normal(jax.random.key(1), (3, *SHAPE))
    plain, less = model.denoiser.denoise(x, 2.0), with_epsilon_scale(model, 0.98).denoiser.denoise(x, 2.0)
    np.testing.assert_allclose(x - less, 0.98 * (x - plain), atol=1e-5)


@pytest.fixture(scope="module")
def record():
    """Windows of white noise, and the same with each of them in the record sixteen times."""
    windows = np.random.default_rng(0).normal(size=(4000, *SHAPE)).astype(np.float32)
    return {
        copies: Segment(
            np.repeat(windows, copies, axis=0).reshape(-1, 2), np.arange(0, copies * 24_000, 6), 6
        )
        for copies in (1, 16)
    }


def test_a_model_of_a_record_is_held_to_what_it_learned_from(record):
    narrow = dataclasses.replace(model_of(0.9), card={"name": "white", "num_steps": 30})
    found = fit_epsilon_scale(dataclasses.replace(narrow, training_data=record[1]), num_samples=4096)
    exact = np.log(SIGMA_MAX) / (np.log(SIGMA_MAX) - 0.5 * np.log(0.9))
    assert found.scale == pytest.approx(exact, abs=0.004)  # the record's own fluctuation is in it


def test_extremes_that_a_record_holds_in_few_places_call_for_no_factor(record):
    """Copies add nothing to what is known: the error is that of one window in each place."""
    white = dataclasses.replace(model_of(0.95), card={"name": "white", "num_steps": 30})
    found, once = (
        fit_epsilon_scale(
            dataclasses.replace(
                white, training_data=dataclasses.replace(record[n], starts=record[n].starts[: n * 250])
            ),
            num_samples=4096,
        )
        for n in (16, 1)
    )
    assert found.scale is None
    assert found.standard_error == pytest.approx(once.standard_error, rel=0.15)
    assert found.standard_error > np.sqrt(1 / (4 * 0.03 * 250)) / 1.2


def test_bounds_that_are_met_again_and_again_are_no_extremes(record):
    """Rain is never below 0, and a gauge that ends at 1 says 1 for all that is above."""
    bounded = dataclasses.replace(record[1], series=np.clip(record[1].series, -1.0, [1.0, np.inf]))
    narrow = dataclasses.replace(model_of(0.9), card={"name": "white", "num_steps": 30})
    found, whole = (
        fit_epsilon_scale(dataclasses.replace(narrow, training_data=part), num_samples=2048)
        for part in (bounded, record[1])
    )
    assert found.before == pytest.approx(whole.before, abs=0.2)  # by one side of four
    flat = dataclasses.replace(record[1], series=np.clip(record[1].series, -1.0, 1.0))
    with pytest.raises(ValueError, match="no variable of white has extremes that could be counted"):
        fit_epsilon_scale(dataclasses.replace(narrow, training_data=flat), num_samples=512)


def test_saved_and_read_again(tmp_path):
    model = with_epsilon_scale(model_of(0.9), 0.98)
    path = kernels.save_checkpoint(model, tmp_path / "white")
    again = kernels.load_checkpoint(path)
    assert again.fingerprint == model.fingerprint != model_of(0.9).fingerprint
    assert "fidelity" not in again.card  # it was that of another law
    told = dataclasses.replace(model, card={**model.card, "epsilon_scaling": {"scale": 0.98}})
    assert "epsilon_scaling" not in with_epsilon_scale(told, None).card
    for wrong in ("near 1", 3.0, [0.98]):
        card = json.loads(path.with_suffix(".json").read_text()) | {"epsilon_scale": wrong}
        path.with_suffix(".json").write_text(json.dumps(card))
        with pytest.raises(ValueError, match=r"`epsilon_scale` in the card of .* must be a number near 1"):
            kernels.load_checkpoint(path)


def test_training_goes_on_without_the_factor():
    model = with_epsilon_scale(model_of(0.9), 0.98)
    part = warm_start.trained_part(model, model.layout, num_known=0, expert=False)
    assert part.epsilon_scale is None
    pair = warm_start.expert_pair(model, part, (0.4, 12.0))
    assert pair.epsilon_scale is None
    assert pair.expert.epsilon_scale is None
    assert pair.scaled(0.98).expert.epsilon_scale == pytest.approx(0.98)


def test_what_cannot_be_scaled():
    model = model_of(1.0)
    exact = dataclasses.replace(model, denoiser=kernels.GaussianDenoiser(np.zeros(SHAPE), np.eye(12)))
    with pytest.raises(ValueError, match="must be a network that draws freely; white is none"):
        fit_epsilon_scale(exact)
    with pytest.raises(
        ValueError, match=r"must be of a registered system, or keep the data .*; white does neither"
    ):
        fit_epsilon_scale(dataclasses.replace(model, card={"name": "white"}))
