"""Training learns, resumes bit for bit, and its checkpoints say what is wrong with them."""

import dataclasses
import itertools
import json

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import kernels
from kernels.denoisers.base import evaluate
from kernels.models import Model
from kernels.networks.unet import UNetConfig
from kernels.training import from_system, presets, provenance
from kernels.training.loop import TrainingConfig, fit
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

NETWORK = UNetConfig(
    num_times=8,
    in_features=4,
    out_features=2,
    patch=2,
    channels=(8, 16),
    num_blocks=1,
    dense_width=32,
    num_dense=1,
    embedding=16,
)
CONFIG = TrainingConfig(num_steps=40, batch_size=32, warmup=4, report_every=10)


@pytest.fixture(scope="module")
def data():
    """A bimodal process: standardised trajectories (2048, 8, 2)."""
    generator = np.random.default_rng(0)
    sign = generator.choice([-1.0, 1.0], (2048, 1, 1))
    x0 = sign + 0.08 * np.cumsum(generator.normal(size=(2048, 8, 2)), axis=1)
    return ((x0 - x0.mean((0, 1))) / x0.std((0, 1))).astype(np.float32)


def train(data, config=CONFIG, **more):
    return fit(jax.random.key(0), data[:1792], NETWORK, config, validation=data[1792:], **more)


def test_training_lowers_the_loss_below_the_linear_denoisers(data):
    """Before training D is the best linear denoiser, whose weighted loss is 1."""
    records = list(train(data, TrainingConfig(num_steps=300, batch_size=64, warmup=20, report_every=100)))
    assert [r.step for r in records] == [100, 200, 300]
    assert records[-1].validation_loss < 0.93
    assert records[-1].validation_loss < records[0].validation_loss


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(data, tmp_path):
    whole = list(train(data))[-1]
    state = tmp_path / "model.state"
    for record in itertools.islice(train(data, state_path=state), 2):
        assert record.step <= 20  # stopped here, as if killed
    resumed = list(train(data, state_path=state))
    assert resumed[0].step == 30
    for a, b in zip(
        jax.tree.leaves(whole.denoiser.params), jax.tree.leaves(resumed[-1].denoiser.params), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_training_that_was_killed_when_all_was_done_tells_its_last_losses(data, tmp_path):
    """Between its last step and the writing of the model: the card is to say what the training loss was."""
    state = tmp_path / "model.state"
    config = dataclasses.replace(CONFIG, num_steps=10)
    *_, whole = train(data, config, state_path=state)
    (resumed,) = train(data, config, state_path=state)
    assert resumed.steps_here == 0
    assert resumed.loss == whole.loss != resumed.validation_loss
    assert resumed.history == whole.history


def test_a_card_is_written_where_a_package_tells_no_version(data, monkeypatch):
    """As where the source is run without being installed: hours of training must not end in an error."""

    def nothing(package):
        raise provenance.PackageNotFoundError(package)

    record = next(train(data))
    monkeypatch.setattr(provenance, "version", nothing)
    assert set(provenance.training_facts(record)["versions"].values()) == {"unknown"}


def test_a_damaged_or_foreign_training_state(data, tmp_path):
    state = tmp_path / "model.state"
    next(train(data, state_path=state))
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"is damaged.*Delete it"):
        next(train(data, state_path=state))
    state.write_bytes(whole)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    state.write_bytes(flipped)
    with pytest.raises(ValueError, match=r"model.state is damaged \(its checksum.*Delete it"):
        next(train(data, state_path=state))
    state.write_bytes(whole)
    other = UNetConfig.from_dict({**NETWORK.to_dict(), "dense_width": 16})
    with pytest.raises(ValueError, match="of another network"):
        next(fit(jax.random.key(0), data, other, CONFIG, validation=data, state_path=state))


@pytest.mark.parametrize(
    "change",
    [
        {"step": None},
        {"step": np.asarray(10**6)},
        {"step": np.zeros(3)},
        {"history": np.zeros(3)},
        {"00003": lambda leaf: np.full_like(leaf, np.nan)},
    ],
    ids=["no step", "a late step", "steps", "losses", "not a number"],
)
def test_a_state_of_an_older_version_that_holds_no_training(data, tmp_path, change):
    """States of older versions have no checksum; sound ones go on."""
    state = tmp_path / "model.state"
    next(train(data, state_path=state))
    tensors = {name: tensor for name, tensor in load_file(state).items() if name != "sha256"}
    save_file(tensors, state)
    assert next(train(data, state_path=state)).step > int(tensors["step"])
    for name, new in change.items():
        tensors[name] = new(tensors[name]) if callable(new) else new
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, state)
    with pytest.raises(
        ValueError, match=r"model.state is damaged \(it holds no numbers of a training.*Delete it"
    ):
        next(train(data, state_path=state))


@pytest.fixture(scope="module")
def model(data):
    record = list(train(data))[-1]
    layout = Layout(variables=("a", "b"), times=np.arange(8) * 0.1, time_units="s")
    standardizer = Standardizer(np.float32([1.0, 2.0]), np.float32([3.0, 4.0]))
    card = {"name": "toy", "num_steps": 12}
    return Model(
        denoiser=record.denoiser,
        layout=layout,
        standardizer=standardizer,
        initial=record.denoiser.law,
        card=card,
    )


def test_a_checkpoint_reads_back_the_same_model(model, tmp_path):
    path = kernels.save_checkpoint(model, tmp_path / "toy")
    again = kernels.load_model(path)
    assert again.layout == model.layout
    assert (again.name, again.num_steps) == ("toy", 12)
    assert again.fingerprint == model.fingerprint
    x = np.random.default_rng(1).normal(size=(4, 8, 2)).astype(np.float32)
    np.testing.assert_array_equal(evaluate(again.denoiser, x, 0.5), evaluate(model.denoiser, x, 0.5))


def test_half_precision_halves_the_file_and_reads_back_as_float32(model, tmp_path):
    whole = kernels.save_checkpoint(model, tmp_path / "whole")
    half = kernels.save_checkpoint(model, tmp_path / "half", dtype="float16")
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    again = kernels.load_model(half)
    assert {leaf.dtype for leaf in jax.tree.leaves(again.denoiser)} == {np.dtype("float32")}
    basis = np.asarray(again.initial.basis, np.float64)
    np.testing.assert_allclose(basis.T @ basis, np.eye(16), atol=1e-6)
    np.testing.assert_allclose(basis, model.initial.basis, atol=2e-3)
    x = np.random.default_rng(1).normal(size=(4, 8, 2)).astype(np.float32)
    for sigma in (0.002, 0.5, 20.0):
        exact = evaluate(model.denoiser, x, sigma)
        np.testing.assert_allclose(evaluate(again.denoiser, x, sigma), exact, atol=3e-3)
    with pytest.raises(ValueError, match="`dtype` must be one of float32, float16"):
        kernels.save_checkpoint(model, tmp_path / "other", dtype="int8")


def test_a_checkpoint_remembers_which_variables_are_seen_as_increments(model, tmp_path):
    standardizer = model.standardizer._replace(increments=np.float32([0.0, 1.0]))
    drifting = dataclasses.replace(model, standardizer=standardizer)
    again = kernels.load_model(kernels.save_checkpoint(drifting, tmp_path / "drifting"))
    np.testing.assert_array_equal(again.standardizer.increments, [0.0, 1.0])
    assert again.fingerprint != model.fingerprint


def damage_weights(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_card(path):
    card = path.with_suffix(".json")
    card.write_text(card.read_text()[:-50])


def change_card(**fields):
    def change(path):
        card = json.loads(path.with_suffix(".json").read_text())
        path.with_suffix(".json").write_text(json.dumps(card | fields))

    return change


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damage_weights, "truncated or damaged.*again"),
        (damage_card, "is not valid JSON"),
        (change_card(format_version=99), "format_version 1. A newer diffuse-ui"),
        (
            change_card(architecture={**NETWORK.to_dict(), "dense_width": 16}),
            "do not fit the architecture",
        ),
        (
            change_card(architecture={**NETWORK.to_dict(), "reach": -1}),
            "`reach` must be a whole number from 0",
        ),
        (
            change_card(architecture={**NETWORK.to_dict(), "patch": "two"}),
            "`patch` must be a whole number from 1",
        ),
        (
            change_card(architecture={**NETWORK.to_dict(), "num_blocks": 10**9}),
            "`num_blocks` must be .* to 64",
        ),
        (
            change_card(architecture={**NETWORK.to_dict(), "channels": []}),
            "`channels` must be 1 to 16 widths",
        ),
        (change_card(architecture={**NETWORK.to_dict(), "sites": 5}), "`sites` must divide"),
        (change_card(architecture={**NETWORK.to_dict(), "sites": 2}), "`reach` must be positive on a ring"),
        (change_card(layout={}), "lacks `layout.variables`"),
        (lambda path: path.with_suffix(".json").unlink(), "no file .*toy.json"),
    ],
)
def test_damaged_checkpoints(model, tmp_path, damage, words):
    path = kernels.save_checkpoint(model, tmp_path / "toy")
    damage(path)
    with pytest.raises(ValueError, match=words):
        kernels.load_model(path)


def test_a_dot_in_a_name_is_no_ending(model, tmp_path):
    for name in ("lr0.001", "lr0.002"):
        saved = kernels.save_checkpoint(model, tmp_path / name)
        assert saved == tmp_path / f"{name}.safetensors"
        assert kernels.load_checkpoint(tmp_path / name).name == model.name
    assert len(list(tmp_path.iterdir())) == 4


def test_a_system_that_has_changed_is_another_training(tmp_path):
    lorenz = kernels.get_system("lorenz63")
    asked = [
        from_system._asked(system, presets.PRESETS["quick"], 0, None)
        for system in (
            lorenz,
            dataclasses.replace(lorenz),
            dataclasses.replace(lorenz, vector_field=lambda x: -x),
        )
    ]
    assert asked[0] == asked[1] != asked[2]


def test_unknown_models_and_exact_ones():
    with pytest.raises(ValueError, match="Did you mean 'lorenz63'"):
        kernels.load_model("lorentz63")
    with pytest.raises(ValueError, match="no file"):
        kernels.load_model("nowhere/model.safetensors")
    exact = Model.from_denoiser(
        kernels.GaussianDenoiser(np.zeros((2, 1)), np.eye(2)), Layout(variables=("x",), times=[0.0, 1.0])
    )
    with pytest.raises(ValueError, match="only network denoisers"):
        kernels.save_checkpoint(exact, "anywhere")


@pytest.fixture
def tiny(monkeypatch):
    """A training of a few seconds, with a small network for any system."""
    monkeypatch.setattr(
        presets,
        "network_config",
        lambda times, variables, num_known, **others: UNetConfig.from_dict(
            {**NETWORK.to_dict(), "num_times": times, "in_features": 2 * variables, "out_features": variables}
        ),
    )
    return presets.Preset(
        num_samples=512,
        num_validation=64,
        training=TrainingConfig(num_steps=4, batch_size=16, warmup=1, report_every=2),
    )


@pytest.mark.slow
def test_training_a_system_makes_a_model_with_a_card(tmp_path, tiny):
    *_, (record, model) = from_system.train_system("lorenz63", tmp_path / "small", preset=tiny)
    assert record.step == 4
    assert model.system == "lorenz63"
    assert kernels.load_model(tmp_path / "small.safetensors").card["training"]["batch_size"] == 16
    assert not (tmp_path / "small.state").exists()


@pytest.mark.slow
def test_training_goes_on_from_a_model_in_its_units(tmp_path, tiny):
    *_, (_, model) = from_system.train_system("lorenz63", tmp_path / "first", preset=tiny)
    *_, (record, further) = from_system.train_system(
        "lorenz63", tmp_path / "second", preset=tiny, seed=1, start=model
    )
    np.testing.assert_array_equal(further.standardizer.scale, model.standardizer.scale)
    card = kernels.load_model(tmp_path / "second.safetensors").card["training"]
    assert card["started_from"]["seed"] == 0
    assert record.step == 4
    with pytest.raises(ValueError, match="than those that 'first' was trained with, 0"):
        next(from_system.train_system("lorenz63", tmp_path / "third", preset=tiny, start=model))
    with pytest.raises(ValueError, match="trained model of q1, q2, v1, v2"):
        next(
            from_system.train_system("double_pendulum", tmp_path / "third", preset=tiny, seed=1, start=model)
        )
    forecast = dataclasses.replace(tiny, num_known=3)
    with pytest.raises(ValueError, match="knows the first 0 states"):
        next(from_system.train_system("lorenz63", tmp_path / "third", preset=forecast, seed=1, start=model))
