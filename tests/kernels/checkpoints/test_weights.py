"""What is kept with a model: the truth bit for bit, a card in UTF-8, and both or neither."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import kernels
from kernels.checkpoints import read_card, weights as weights_module, write_card
from kernels.denoisers.network import NetworkDenoiser
from kernels.diffusion.gaussian import GaussianLaw
from kernels.models import Model
from kernels.networks.unet import UNetConfig
from kernels.recordings.windows import Segment
from kernels.training.loop import initialize
from kernels.trajectories.layout import Layout
from kernels.trajectories.standardizer import Standardizer

NETWORK = UNetConfig(
    num_times=8, in_features=4, out_features=2, channels=(8,), dense_width=16, num_dense=1, embedding=16
)


@pytest.fixture(scope="module")
def rain():
    """A model of rain, 0 nine times in ten, and of a temperature in tenths of a degree, with its truth."""
    generator = np.random.default_rng(0)
    amounts = np.where(generator.random(4000) < 0.9, 0.0, generator.exponential(20.0, 4000).round(1))
    temperatures = generator.normal(11.3, 7.7, 4000).round(1)
    series = np.stack([amounts, temperatures], 1).astype(np.float32)
    series[100] = np.nan
    held_out = Segment(series, np.arange(200, 3900, 3), 8)
    law = GaussianLaw.fit(generator.normal(size=(64, 8, 2)).astype(np.float32))
    denoiser = initialize(NETWORK, law, jax.random.key(0))
    assert isinstance(denoiser, NetworkDenoiser)
    return Model(
        denoiser=denoiser,
        layout=Layout(variables=("rain", "T"), times=np.arange(8.0)),
        standardizer=Standardizer.fit(held_out.windows),
        initial=law,
        card={"name": "rain", "description": "in Köln, of rain, T, … – σ"},
        held_out=held_out,
    )


def without_checksum(weights):
    """Make a pair one of an older version, whose cards had no checksum."""
    write_card(weights, {k: v for k, v in read_card(weights).items() if k != "weights_sha256"})
    return weights


def bits(values):
    return np.ascontiguousarray(values, np.float32).view(np.uint32)


def test_the_truth_comes_back_bit_for_bit(rain, tmp_path):
    again = kernels.load_model(kernels.save_checkpoint(rain, tmp_path / "rain"))
    np.testing.assert_array_equal(bits(again.held_out.series), bits(rain.held_out.series))
    np.testing.assert_array_equal(again.held_out.starts, rain.held_out.starts)
    assert again.held_out.moments is None
    assert again.training_data is None
    held_out = dataclasses.replace(rain.held_out, moments=rain.held_out.starts % 1000)
    learned = Segment(rain.held_out.series[::-1], np.arange(0, 90, 9), 8)
    both = dataclasses.replace(rain, held_out=held_out, training_data=learned)
    both = kernels.load_model(kernels.save_checkpoint(both, tmp_path / "members"))
    np.testing.assert_array_equal(both.held_out.moments, held_out.moments)
    np.testing.assert_array_equal(bits(both.training_data.series), bits(learned.series))
    np.testing.assert_array_equal(both.training_data.starts, learned.starts)
    assert both.training_data.moments is None
    for event in ("max(rain) > 0", "min(rain) >= 0", "max(T) > 20.1", "max(T) >= 20.1", "min(T) <= -0.3"):
        found = [
            kernels.event_probability(jax.random.key(0), model, event, method="data").value
            for model in (rain, again)
        ]
        assert found[0] == found[1], event
    wet = kernels.event_probability(jax.random.key(0), again, "max(rain) > 0", method="data").value
    assert wet == pytest.approx(np.mean(rain.held_out.windows[..., 0].max(1) > 0))
    assert wet < 0.7


def test_a_long_truth_is_kept_in_single_precision_too(rain, tmp_path):
    series = np.random.default_rng(1).normal(11.3, 7.7, (600_000, 2)).astype(np.float32)
    long = dataclasses.replace(rain, held_out=Segment(series, np.arange(0, 599_000, 8), 8))
    again = kernels.load_model(kernels.save_checkpoint(long, tmp_path / "long", dtype="float16"))
    np.testing.assert_array_equal(bits(again.held_out.series), bits(series))


def test_models_of_an_older_format_still_load(rain, tmp_path):
    """Their held-out part was standardised, in half precision where it was long."""
    weights = without_checksum(kernels.save_checkpoint(rain, tmp_path / "rain"))
    tensors = load_file(weights)
    mean, scale = (np.asarray(part) for part in (rain.standardizer.mean, rain.standardizer.scale))
    values = tensors.pop("held_out.values")
    for dtype, atol in ((np.float32, 1e-4), (np.float16, 0.2)):
        save_file(tensors | {"held_out.series": ((values - mean) / scale).astype(dtype)}, weights)
        held_out = kernels.load_model(weights).held_out
        np.testing.assert_allclose(held_out.series, rain.held_out.series, atol=atol)
        np.testing.assert_array_equal(held_out.starts, rain.held_out.starts)
    save_file({name: part for name, part in tensors.items() if name != "held_out.starts"}, weights)
    assert kernels.load_model(weights).held_out is None


def test_a_truth_without_its_windows_is_a_damaged_file(rain, tmp_path):
    weights = without_checksum(kernels.save_checkpoint(rain, tmp_path / "rain"))
    tensors = load_file(weights)
    del tensors["held_out.starts"]
    save_file(tensors, weights)
    with pytest.raises(ValueError, match=r"lacks 'held_out.starts'.*again"):
        kernels.load_model(weights)


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("failing", ["card", "weights"])
def test_weights_and_card_are_written_both_or_not_at_all(rain, tmp_path, monkeypatch, there, failing):
    if there:
        kernels.save_checkpoint(rain, tmp_path / "rain")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    card = {"name": "other"} | ({"made": object()} if failing == "card" else {})
    if failing == "weights":

        def full(tensors, path):
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(weights_module, "save_tensors", full)
    with pytest.raises((OSError, TypeError)):
        kernels.save_checkpoint(dataclasses.replace(rain, card=card), tmp_path / "rain")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_card_that_cannot_be_put_in_place_leaves_no_weights(rain, tmp_path):
    (tmp_path / "rain.json").mkdir()
    with pytest.raises(OSError, match=r"rain\.json"):
        kernels.save_checkpoint(rain, tmp_path / "rain")
    assert [path.name for path in tmp_path.iterdir()] == ["rain.json"]


def flip(path, place, bit=4):
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def test_a_flipped_bit_in_the_weights_is_seen(rain, tmp_path):
    weights = kernels.save_checkpoint(rain, tmp_path / "rain")
    flip(weights, weights.stat().st_size // 2)
    with pytest.raises(ValueError, match=r"rain.safetensors are .*damaged .*not those that their card is of"):
        kernels.load_model(weights)
    kernels.load_model(without_checksum(weights))  # of an older version: nobody can tell


def test_a_card_that_is_new_beside_weights_that_are_old(rain, tmp_path):
    """A process that was killed between the two renames of a pair."""
    old = kernels.save_checkpoint(rain, tmp_path / "old").read_bytes()
    weights = kernels.save_checkpoint(rain, tmp_path / "rain")
    turned = rain.standardizer._replace(mean=-rain.standardizer.mean)
    kernels.save_checkpoint(dataclasses.replace(rain, standardizer=turned), weights)
    assert kernels.load_model(weights).standardizer.mean[0] < 0
    weights.write_bytes(old)
    assert kernels.load_model(weights).standardizer.mean[0] > 0
    kernels.save_checkpoint(dataclasses.replace(rain, held_out=None), tmp_path / "other")
    weights.write_bytes((tmp_path / "other.safetensors").read_bytes())
    with pytest.raises(ValueError, match="not those that their card is of"):
        kernels.load_model(weights)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("network.0003", lambda t: t * np.float32(np.nan), r"finite numbers; 'network.0003' has others"),
        ("standardizer.mean", lambda t: t + np.float32(np.inf), r"'standardizer.mean' has others"),
        ("standardizer.scale", lambda t: -t, "'standardizer.scale' above 0"),
        ("standardizer.scale", lambda t: t[:1], r"'standardizer.scale' of the shape \(2,\); it has \(1,\)"),
        ("law.variances", lambda t: t - 100, "'law.variances' of at least 0"),
        ("law.basis", lambda t: t.astype(np.int32), r"finite numbers; 'law.basis' has others"),
        ("held_out.starts", lambda t: t + 10**6, "windows of 'held_out' within its 4000 rows"),
        ("held_out.starts", lambda t: t.astype(np.float32), "'held_out' as rows of 2 variables and starts"),
    ],
)
def test_numbers_that_make_no_model_are_refused_without_a_checksum_too(rain, tmp_path, name, change, words):
    weights = without_checksum(kernels.save_checkpoint(rain, tmp_path / "rain"))
    tensors = load_file(weights)
    save_file(tensors | {name: change(tensors[name])}, weights)
    with pytest.raises(ValueError, match=rf"rain.safetensors must have .*{words}.*again"):
        kernels.load_model(weights)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"layout": 3}, "rain.json is wrong at `layout`"),
        ({"num_known": "three"}, "is wrong at `num_known`"),
        ({"num_steps": -1}, "is wrong at `num_steps`"),
        ({"training": []}, "is wrong at `training`"),
        ({"architecture": {}}, "architecture in the card of .*rain.* is none"),
        ({"num_known": 8}, "do not fit"),
    ],
)
def test_a_card_of_other_kinds_of_things(rain, tmp_path, fields, words):
    weights = kernels.save_checkpoint(rain, tmp_path / "rain")
    weights.with_suffix(".json").write_text(json.dumps(read_card(weights) | fields))
    with pytest.raises(ValueError, match=words):
        kernels.load_model(weights)


WRITES = """
import sys
from kernels.checkpoints import read_card, write_card
card = read_card(sys.argv[1])
write_card(sys.argv[1], card | {"more": "\\xb0C \\u2026"})
assert read_card(sys.argv[1])["more"] == "\\xb0C \\u2026"
"""


def test_cards_are_utf_8_whatever_the_locale(rain, tmp_path):
    weights = kernels.save_checkpoint(rain, tmp_path / "rain")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {name: value for name, value in os.environ.items() if name not in ("LANG", "LC_CTYPE")}
    environment |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(kernels.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", WRITES, weights], check=True, env=environment | ascii_only)
    card = json.loads(weights.with_suffix(".json").read_bytes().decode("utf-8"))
    assert (card["description"], card["more"]) == (rain.card["description"], "°C …")


def test_cards_in_the_locales_encoding_still_load(rain, tmp_path, monkeypatch):
    weights = kernels.save_checkpoint(rain, tmp_path / "rain")
    write_card(weights, read_card(weights) | {"description": "in Köln"})
    card = weights.with_suffix(".json")
    card.write_bytes(card.read_text(encoding="utf-8").encode("latin-1"))
    real = Path.read_text

    def western(self, encoding=None, **more):
        return real(self, encoding="latin-1" if encoding == "locale" else encoding, **more)

    monkeypatch.setattr(Path, "read_text", western)
    assert read_card(weights)["description"] == "in Köln"
