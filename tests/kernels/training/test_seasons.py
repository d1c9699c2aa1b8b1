"""Seasons from a file to a number: a short training, its file, `when`, and what stays as it was without them."""

import dataclasses
import json

import jax
import numpy as np
import pandas as pd
import pytest
from compiling import compilations

import kernels
from kernels.checkpoints import load_checkpoint, save_checkpoint
from kernels.denoisers.conditional import ConditionalDenoiser
from kernels.probability.latent.direct import direct_latents, direct_samples, latent_map
from kernels.runs.spec import RunSpec
from kernels.training.from_recording import plan_training, train_on

pytestmark = pytest.mark.slow  # a training

ROWS = 365 * 6
KEY = jax.random.key(0)


def table(seed=0):
    rng, times = np.random.default_rng(seed), pd.date_range("2001-01-01", periods=ROWS, freq="D")
    noise = np.zeros(ROWS)
    for day in range(1, ROWS):
        noise[day] = 0.7 * noise[day - 1] + rng.normal()
    season = 10 * np.sin(2 * np.pi * (times.day_of_year.to_numpy() - 110) / 365.25)
    return pd.DataFrame({"time": times, "x": season + noise, "co2": np.linspace(380.0, 420.0, ROWS)})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return train_on(table(), name="seasonal", window=10, covariates=["co2"], num_steps=20, path=folder)


def test_the_file_has_the_conditions_and_draws_the_same_samples(model, tmp_path):
    path = save_checkpoint(model, tmp_path / "copy")
    copy = load_checkpoint(path)
    assert copy.identity == model.identity
    assert copy.conditions.words == ("month", "day_of_year", "co2")
    np.testing.assert_array_equal(copy.conditions.rows, model.conditions.rows)
    np.testing.assert_array_equal(copy.held_out.conditions, model.held_out.conditions)
    assert json.loads(path.with_suffix(".json").read_text())["conditions"]["cycles"] == ["year"]
    with pytest.raises(ValueError, match="must not be restricted to month == 7"):
        save_checkpoint(model.when("month == 7"), tmp_path / "summer")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("conditions.rows", lambda t: t * np.nan),
        ("conditions.rows", lambda t: np.repeat(t, 5, 0)),
        ("conditions.scale", lambda t: -t),
        ("regression.gain", lambda t: t[:, :-1]),
        ("regression.variances", lambda t: t - 1e3),
        ("training.conditions", lambda t: t[:-1]),
        ("held_out.conditions", lambda t: t + np.inf),
        ("conditions.centre", None),
    ],
    ids=range(8),
)
def test_damaged_conditions_are_named(model, tmp_path, name, change):
    from kernels.files import load_tensors, save_tensors

    path = save_checkpoint(model, tmp_path / "copy")
    tensors = load_tensors(path, "{path} {error}")
    tensors = {n: t for n, t in tensors.items() if n != name} | (
        {} if change is None else {name: change(tensors[name])}
    )
    save_tensors(tensors, path)
    card = json.loads(path.with_suffix(".json").read_text())
    del card["weights_sha256"]
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=f"the model {path}|do not fit"):
        load_checkpoint(path)


def problem(model, **choices):
    return RunSpec(model=model, event="mean(x) > 5", **choices).problem(KEY)


def test_samples_begin_in_the_season_that_is_meant(model):
    for month, mean in ((1, -9.5), (7, 9.5)):
        states = np.concatenate(list(direct_samples(problem(model, when={"month": month}), 256)))
        assert abs(states[:, 0, 0].mean() - mean) < 1.5
    pooled = np.concatenate(list(direct_samples(problem(model), 512)))
    assert pooled[:, 0, 0].std() > 6


def test_sample_i_depends_on_seed_and_i_alone(model):
    asked = problem(model)
    states = np.concatenate(list(direct_samples(asked, 300)))
    latents = direct_latents(asked, np.array([290, 3]))
    assert latents.shape == (2, *model.latent_shape) == (2, 12, 1)
    np.testing.assert_allclose(np.concatenate(list(latent_map(asked, latents))), states[[290, 3]], atol=2e-4)


def test_another_season_compiles_nothing(model):
    def ask(when):
        return kernels.event_probability(
            KEY, model, "mean(x) > 5", when=when, method="monte_carlo", num_samples=256
        )

    ask("month == 1"), ask("month in 6..8")
    with compilations() as found:
        assert ask("month in 5..7 and co2 == 400").value > ask("month in 11..1").value
    assert found == []


@pytest.mark.parametrize("method", ["data", "training_data"])
def test_the_record_counts_the_windows_that_are_meant(model, method):
    part = model.held_out if method == "data" else model.training_data
    july = part.conditions[:, 0] == 7
    asked = kernels.event_probability(KEY, model, "mean(x) > 9", when="month == 7", method=method)
    holds = part.windows[july].mean((1, 2)) > 9
    assert asked.value == pytest.approx(holds.mean())
    assert asked.message.startswith("With month == 7: ")
    everything = kernels.event_probability(KEY, model, "mean(x) > 9", method=method)
    assert everything.value < 0.7 * asked.value


@pytest.mark.slow
@pytest.mark.parametrize("method", ["path_importance", "twisted_smc", "density_ratio", "subset_simulation"])
@pytest.mark.parametrize("guidance", ["moment_matching", "calibrated"])
def test_all_estimators_agree_on_a_season(model, method, guidance):
    def ask(method, num_samples, **more):
        return kernels.event_probability(
            KEY, model, "mean(x) > 9.5", when="month in 6..7", method=method, num_samples=num_samples, **more
        )

    direct, other = ask("monte_carlo", 2048), ask(method, 256, guidance=guidance, num_steps=20)
    assert abs(direct.value - other.value) < 4 * np.hypot(direct.standard_error, other.standard_error) + 0.03


def test_ensembles_begin_in_the_season_that_is_meant(model):
    for method in ("guided", "exact"):
        drawn = kernels.sample(
            KEY, model, event="max(x) > 5", when="month in 7..8", method=method, num_samples=32, num_steps=10
        )
        assert float(drawn.state.isel(time=0).mean()) > 4
        assert drawn.attrs["when"] == "month in 7..8"
    plain = kernels.sample(KEY, model, when="month == 1", num_samples=32, num_steps=10)
    assert float(plain.state.isel(time=0).mean()) < -6


def test_a_run_is_written_with_its_season(model):
    spec = RunSpec(model=model, event="max(x) > 5", when={"month": (6, 8), "co2": 400})
    document = spec.to_dict()
    assert document["when"] == "month in 6..8 and co2 == 400"
    assert RunSpec.from_dict(document | {"model": "lorenz63"}).when == document["when"]
    with pytest.raises(ValueError, match="'month' must be in whole numbers"):
        RunSpec(model=model, when="month == 13")
    with pytest.raises(ValueError, match="needs a model that knows the season"):
        RunSpec(model="lorenz63", when="month == 7").problem(KEY)


def test_without_seasons_nothing_is_different(tmp_path):
    numbers = table().assign(time=np.arange(float(ROWS)))  # no dates, as in every version before
    dated = plan_training(
        table()[["time", "x"]], name="a", window=10, num_steps=4, seasons="none", path=tmp_path
    )
    plain = plan_training(numbers[["time", "x"]], name="b", window=10, num_steps=4, path=tmp_path)
    assert dated.network == plain.network
    assert dated.conditions is None
    assert dated.split.held_out.conditions is None
    found = [
        train_on(source, name=name, window=10, num_steps=4, path=tmp_path, **choices)
        for name, source, choices in (
            ("a", table()[["time", "x"]], {"seasons": "none"}),
            ("b", numbers[["time", "x"]], {}),
        )
    ]
    assert not isinstance(found[0].denoiser, ConditionalDenoiser)
    a, b = (dataclasses.replace(model, layout=found[0].layout) for model in found)
    assert a.fingerprint == b.fingerprint
