"""From a recording to a model: trained, stopped early, interrupted, resumed, compared with held-out data."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import kernels
from kernels.systems import System, available_systems, register_system
from kernels.training import data, from_recording, steps

OSCILLATOR = System(
    name="oscillator",
    variables=("x", "v"),
    vector_field=lambda s: jnp.stack([s[1], -s[0] + 0.3 * (1 - s[0] ** 2) * s[1]]),
    draw_initial=lambda key: jax.random.normal(key, (2,)),
    variable_units={"x": "m"},
    step=0.5,
    num_times=8,
    burn_in=5.0,
)


@pytest.fixture
def recording():
    return kernels.observe(OSCILLATOR, jax.random.key(1), num_steps=1500, noise=0.05, missing=0.02)


def small(times, variables, num_known=0, num_conditions=0, num_samples=None):
    from kernels.networks.unet import UNetConfig

    return UNetConfig(
        num_times=times,
        in_features=2 * variables + (num_known > 0) + num_conditions,
        out_features=variables,
        patch=2,
        channels=(8,),
        dense_width=16,
        num_dense=1,
        embedding=16,
    )


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(from_recording, "network_config", small)
    monkeypatch.setattr(from_recording, "PATIENCE", 100)  # to the end, however little there is to learn


CHOICES = {"window": 8, "gaps": "drop", "num_steps": 60}


def test_observations_have_noise_gaps_units_and_dates(recording):
    assert set(recording.data_vars) == {"x", "v"}
    assert recording["x"].attrs["units"] == "m"
    assert recording["time"].values[1] - recording["time"].values[0] == np.timedelta64(1, "h")
    lost = np.isnan(recording["x"].values)
    assert 0.005 < lost.mean() < 0.06
    np.testing.assert_array_equal(lost, np.isnan(recording["v"].values))
    clean = kernels.observe(OSCILLATOR, jax.random.key(1), num_steps=1500)
    difference = (recording["x"] - clean["x"]).values[~lost]
    assert difference.std() == pytest.approx(0.05 * float(clean["x"].std()), rel=0.1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"num_steps": 1}, "`num_steps` must be at least 2"),
        ({"num_steps": 9, "noise": -1.0}, "`noise` must not be negative"),
        ({"num_steps": 9, "missing": 1.0}, "`missing` must be at least 0 and less than 1"),
    ],
)
def test_observations_that_cannot_be_made(fields, words):
    with pytest.raises(ValueError, match=words):
        kernels.observe(OSCILLATOR, jax.random.key(0), **fields)


def test_a_recording_becomes_a_model_that_is_compared_with_what_was_held_out(recording, tmp_path, quick):
    recording.to_netcdf(tmp_path / "swing.nc", engine="h5netcdf")
    records = []
    model = kernels.train_on(
        tmp_path / "swing.nc", name="swing", path=tmp_path, on_record=records.append, **CHOICES
    )
    assert (model.name, model.layout.variables, model.layout.time_units) == ("swing", ("x", "v"), "h")
    assert model.layout.variable_units["x"] == "m"
    np.testing.assert_allclose(model.layout.times, np.arange(8.0))
    card = kernels.load_model(tmp_path / "swing.safetensors").card
    assert card["data"]["num_windows"]["held-out"] == len(model.held_out.starts)
    assert card["data"]["start"].startswith("2000-01-01")
    losses = np.array(card["training"]["history"])
    assert losses[-1, 0] == card["training"]["best_step"]
    assert (
        card["training"]["validation_loss"] == losses[:, 2].min() == min(r.validation_loss for r in records)
    )
    assert records[-1].step == 60
    assert records[0].seconds_left > 0 == records[-1].seconds_left
    assert not list(tmp_path.glob("*.state"))
    found = kernels.event_probability(jax.random.key(0), model, "max(x) > 1.9", method="data")
    windows = model.held_out.windows[:, :, 0]
    assert found.value == pytest.approx(np.mean(windows.max(1) > 1.9))


@pytest.fixture
def rain():
    """Amounts of rain in tenths, three hours in four dry, and a temperature, as float32 in a Dataset."""
    generator = np.random.default_rng(3)
    amounts = np.where(generator.random(1500) < 0.75, 0.0, generator.exponential(5.0, 1500).round(1))
    temperatures = generator.normal(11.3, 7.7, 1500).round(1)
    time = np.arange(1500.0)
    columns = {"rain": amounts, "T": temperatures}
    return xr.Dataset({name: ("time", v.astype(np.float32)) for name, v in columns.items()}, {"time": time})


def test_the_truth_that_is_held_out_is_that_of_the_file(rain, tmp_path, quick):
    rain.to_netcdf(tmp_path / "rain.nc", engine="h5netcdf")
    choices = {"name": "rain", "path": tmp_path, "window": 8, "num_steps": 20}
    model = kernels.train_on(tmp_path / "rain.nc", **choices)
    again = kernels.load_model(tmp_path / "rain.safetensors")
    windows = [one.held_out.windows for one in (model, again)]
    np.testing.assert_array_equal(*windows)
    first, end = model.card["data"]["rows"]["held-out"]
    assert end - first == model.card["data"]["held_out_rows_kept"] == len(model.held_out.series)
    file = np.stack([rain[name].values[first:end] for name in ("rain", "T")], 1)
    assert file.dtype == windows[0].dtype == np.float32
    starts = model.held_out.starts[:, None] + np.arange(8)
    np.testing.assert_array_equal(windows[0], file[starts])
    found = kernels.event_probability(jax.random.key(0), again, "max(rain) > 0", method="data")
    assert found.value == pytest.approx(np.mean(file[starts][..., 0].max(1) > 0))
    assert found.value < 0.97
    learned = kernels.event_probability(jax.random.key(0), again, "max(rain) > 0", method="training_data")
    end = model.card["data"]["rows"]["training"][1]
    file = np.stack([rain[name].values[:end] for name in ("rain", "T")], 1)
    np.testing.assert_array_equal(again.training_data.series, file)
    windows = file[again.training_data.starts[:, None] + np.arange(8)]
    assert learned.value == pytest.approx(np.mean(windows[..., 0].max(1) > 0))


def test_a_held_out_part_that_is_too_long_loses_rows_and_the_card_says_so(rain, tmp_path, quick, monkeypatch):
    monkeypatch.setattr("kernels.recordings.windows.MAX_KEPT", 400)
    plan = from_recording.plan_training(rain, name="rain", path=tmp_path, window=8, num_steps=1)
    ((_, model),) = from_recording.training(plan)
    data = kernels.load_model(plan.weights).card["data"]
    assert data["held_out_rows_kept"] == len(model.held_out.series) == 200
    assert 100 < data["training_rows_kept"] == len(model.training_data.series) <= 200
    assert data["rows"]["held-out"][1] - data["rows"]["held-out"][0] > 200
    np.testing.assert_array_equal(kernels.load_model(plan.weights).held_out.series, model.held_out.series)


def test_a_name_is_one_trainings_at_a_time(recording, tmp_path, quick):
    plan = from_recording.plan_training(recording, name="swing", path=tmp_path, **CHOICES)
    other = from_recording.plan_training(recording, name="swing", path=tmp_path, **CHOICES | {"seed": 1})
    with contextlib.closing(from_recording.training(plan)) as first:
        next(first)
        written = plan.weights.read_bytes()
        for same in (plan, other):  # to go on from its state is no more possible than to begin another one
            with pytest.raises(
                ValueError, match=r"model swing is being trained by process \d+ on .* already"
            ):
                next(from_recording.training(same))
        assert plan.weights.read_bytes() == written
    assert not list(tmp_path.glob("*.lock"))
    *_, (record, _) = from_recording.training(plan)
    assert record.step == 60
    with pytest.raises(ValueError, match="There is a model named swing"):
        next(from_recording.training(other))


TRAINS = """
import sys
from pathlib import Path
import numpy as np, xarray as xr
from kernels.networks.unet import UNetConfig
from kernels.training import data, from_recording
from_recording.network_config = lambda times, variables, **_: UNetConfig(
    num_times=times, in_features=2 * variables, out_features=variables, patch=2, channels=(8,), dense_width=16,
    num_dense=1, embedding=16)
values = np.random.default_rng(0).normal(size=600).cumsum()
table = xr.Dataset({"x": ("time", values)}, {"time": np.arange(600.0)})
plan = from_recording.plan_training(table, name="walk", path=Path(sys.argv[1]), window=8, num_steps=60_000)
for record, _ in from_recording.training(plan):
    print(record.step, flush=True)
"""


@pytest.mark.slow
def test_a_training_that_was_killed_leaves_its_name_free(tmp_path):
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(kernels.__file__).parents[1])}
    environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    words = [sys.executable, "-c", TRAINS, str(tmp_path)]
    first = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    step = int(first.stdout.readline())
    second = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert second.returncode == 1
    assert f"model walk is being trained by process {first.pid} on" in second.stderr
    first.send_signal(signal.SIGKILL)
    step = max([step, *map(int, first.communicate()[0].split())])
    third = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    assert int(third.stdout.readline()) in (step + 2000, step + 4000)  # it goes on from the last state
    third.kill()
    third.communicate()


def test_windows_of_more_numbers_than_there_is_memory_for_are_refused(monkeypatch):
    """Before anything of their size is made: the covariance of 500 variables at 60 times is 7.2 GB."""
    values = np.random.default_rng(0).normal(size=(700, 500))
    field = xr.Dataset({"u": (("time", "x"), values)}, {"time": np.arange(700.0)})
    monkeypatch.setattr(data, "split_windows", lambda *args, **more: pytest.fail("windows are cut"))
    words = (
        r"at most 8192 numbers; 60 times of 500 variables are 30000, and their covariance alone would take about "
        r"43 GB of memory.*--variables.*--window.*136 variables at these times, or 16 times of these variables"
    )
    with pytest.raises(ValueError, match=words):
        from_recording.plan_training(field, name="field", window=60)


@pytest.mark.slow
def test_training_stops_early_and_keeps_the_best(recording, tmp_path, quick, monkeypatch):
    """Once the network learns noise only, its validation loss rises, and the best model stays.

    A rise in the first half stops nothing: a network that starts as the best linear denoiser may get worse first.
    """
    monkeypatch.setattr(from_recording, "PATIENCE", 2)
    losses = iter([0.9, 0.95, 0.94, 0.93, 0.92, 0.7, 0.8, 0.75, 0.6, 0.5])
    real = from_recording.fit

    def worsening(*args, **fields):
        history = []
        for record in real(*args, **fields):
            history.append((record.step, record.loss, next(losses)))
            yield record._replace(validation_loss=history[-1][2], history=tuple(history))

    monkeypatch.setattr(from_recording, "fit", worsening)
    plan = from_recording.plan_training(recording, name="swing", path=tmp_path, **CHOICES | {"num_steps": 12})
    seen = [(record.validation_loss, model is not None) for record, model in from_recording.training(plan)]
    assert seen[:5] == [(0.9, True), (0.95, False), (0.94, False), (0.93, False), (0.92, False)]
    assert seen[5:] == [(0.7, True), (0.8, False), (0.75, False)]
    card = kernels.load_model(plan.weights).card
    assert card["training"]["validation_loss"] == 0.7
    assert card["training"]["best_step"] == 6


@pytest.mark.slow
def test_an_interrupted_training_keeps_its_best_and_goes_on(recording, tmp_path, quick):
    def interrupt(record):
        if record.step == 20:
            raise KeyboardInterrupt

    whole = kernels.train_on(recording, name="whole", path=tmp_path / "whole", **CHOICES)
    stopped = kernels.train_on(recording, name="part", path=tmp_path, on_record=interrupt, **CHOICES)
    assert stopped.card["training"]["history"][-1][0] <= 20
    assert len(list(tmp_path.glob("*.state"))) == 1
    resumed = kernels.train_on(recording, name="part", path=tmp_path, **CHOICES)
    assert resumed.card["training"]["history"] == whole.card["training"]["history"]
    assert resumed.fingerprint == whole.fingerprint
    for changes in ({}, {"seed": 1}, {"window": 9}):
        with pytest.raises(ValueError, match="There is a model named part"):
            kernels.train_on(recording, name="part", path=tmp_path, **CHOICES | changes)
    assert kernels.load_model(tmp_path / "part.safetensors").fingerprint == whole.fingerprint


def test_an_interruption_before_there_is_a_model(recording, tmp_path, quick, monkeypatch):
    def interrupted(*args, **fields):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(from_recording, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kernels.train_on(recording, name="none", path=tmp_path, **CHOICES)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "a/b"}, "a name without slashes"),
        ({"num_steps": 0}, "`num_steps` must be at least 1"),
        ({"window": None}, "`window` must be a whole number of steps, at least 2; got None"),
        ({"window": 1}, "`window` must be a whole number of steps, at least 2; got 1"),
        ({"num_known": 8}, "`num_known` must be at least 0 and less than `window`"),
        ({"gaps": None}, "--gaps drop"),
        ({"window": 200}, "Choose a shorter `window`"),
    ],
)
def test_plans_that_cannot_be_made(recording, fields, words):
    with pytest.raises(ValueError, match=words):
        from_recording.plan_training(recording, **{"name": "swing"} | CHOICES | fields)


def test_steps_and_network_follow_the_amount_of_data(recording):
    plan = from_recording.plan_training(recording, name="swing", window=8, gaps="drop")
    assert steps.MIN_STEPS <= plan.config.num_steps <= steps.MAX_STEPS
    assert plan.network.channels == (32, 64)


def test_a_system_of_ones_own_is_simulated_and_compared_with(monkeypatch):
    monkeypatch.setattr("kernels.systems._SYSTEMS", dict(kernels.systems._SYSTEMS))
    register_system(OSCILLATOR)
    assert "oscillator" in available_systems()
    with pytest.raises(ValueError, match=r"there is a system 'oscillator' already.*replace=True"):
        register_system(OSCILLATOR)
    register_system(OSCILLATOR, replace=True)
    shape = OSCILLATOR.layout.shape
    exact = kernels.GaussianDenoiser(np.zeros(shape), np.eye(np.prod(shape)))
    card = {"name": "oscillator", "system": "oscillator"}
    model = kernels.Model.from_denoiser(exact, OSCILLATOR.layout, card=card)
    found = kernels.event_probability(
        jax.random.key(0), model, "max(x) > 1.9", method="simulator", num_samples=64
    )
    assert found.diagnostics["num_samples"] == 64
    monkeypatch.setattr("kernels.systems._SYSTEMS", {})
    assert model.system is None  # as in a process that does not register it


def test_systems_that_cannot_be_registered():
    with pytest.raises(ValueError, match=r"`name` must be new.*Take another name"):
        register_system(kernels.get_system("lorenz63"), replace=True)
    with pytest.raises(ValueError, match="must not be empty"):
        register_system(System(name="", variables=("x",), vector_field=abs, draw_initial=abs, step=1.0))
    with pytest.raises(ValueError, match="`vector_field` or `stepper` must be given"):
        System(name="nothing", variables=("x",), draw_initial=abs, step=1.0)


def test_a_map_is_a_system_by_its_stepper():
    logistic = System(
        name="logistic",
        variables=("x",),
        stepper=lambda step: lambda x: 3.9 * x * (1 - x),
        draw_initial=lambda key: jax.random.uniform(key, (1,), minval=0.1, maxval=0.9),
        step=1.0,
        substeps=1,
        num_times=5,
    )
    x = logistic.simulate_array(jax.random.key(0), 3)[..., 0]
    np.testing.assert_allclose(x[:, 1:], 3.9 * x[:, :-1] * (1 - x[:, :-1]), rtol=1e-5)


class Shrinking:
    """A denoiser of one's own: the exact one of independent standard normal numbers."""

    def denoise(self, x, sigma):
        return x / (1.0 + jnp.atleast_1d(sigma)[:, None, None] ** 2)


def test_a_denoiser_of_ones_own_is_a_model_in_one_line():
    jax.tree_util.register_static(Shrinking)
    layout = kernels.Layout(variables=("x",), times=np.arange(4.0))
    model = kernels.Model.from_denoiser(Shrinking(), layout, card={"name": "mine", "num_steps": 20})
    found = kernels.event_probability(
        jax.random.key(0), model, "final(x) > 1", num_samples=4096, method="monte_carlo"
    )
    assert abs(found.value - 0.1587) < 5 * found.standard_error


SCRIPT = """
import sys
import jax, numpy as np
from kernels.networks.unet import UNetConfig
from kernels.training.loop import TrainingConfig, fit
from pathlib import Path

x0 = np.random.default_rng(0).normal(size=(512, 8, 2)).cumsum(1).astype(np.float32)
network = UNetConfig(num_times=8, in_features=4, out_features=2, channels=(8,), dense_width=16, embedding=16)
config = TrainingConfig(num_steps=1500, batch_size=16, warmup=4, report_every=5)
state = Path(sys.argv[1]) if sys.argv[1] != "none" else None
for record in fit(jax.random.key(0), x0[:448], network, config, validation=x0[448:], state_path=state):
    print(record.step, flush=True)
weights = [np.asarray(leaf).tobytes().hex() for leaf in jax.tree.leaves(record.denoiser.params)]
import json
print(json.dumps({"history": record.history, "weights": weights}))
"""


def start(state):
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(kernels.__file__).parents[1])}
    words = [sys.executable, "-c", SCRIPT, str(state)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_random_moments_it_ends_bit_for_bit_as_if_it_had_not_been(tmp_path):
    whole = json.loads(start("none").communicate()[0].splitlines()[-1])
    generator, state, last = np.random.default_rng(), tmp_path / "a.state", 0
    for _ in range(4):
        process = start(state)
        first = int(process.stdout.readline())
        assert (
            last < first <= last + 10
        )  # what had been saved is not done again, and no more than that is lost
        time.sleep(generator.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        last = max([first, *map(int, process.communicate()[0].split())])
    resumed = json.loads(start(state).communicate()[0].splitlines()[-1])
    assert resumed == whole


def test_coloured_noise_is_trained_with_and_kept(recording, quick, tmp_path):
    model = kernels.train_on(recording, name="pink", noise="pink", path=tmp_path, **CHOICES)
    again = kernels.load_checkpoint(tmp_path / "pink.safetensors")
    assert again.card["data"]["noise"] == "pink"
    np.testing.assert_allclose(again.standardizer.noise, model.standardizer.noise)
    assert np.ptp(np.asarray(again.standardizer.noise)) > 0.1
    with pytest.raises(ValueError, match="`noise` must be white for a model that knows its first states"):
        kernels.train_on(recording, name="a", noise="brown", num_known=2, path=tmp_path, **CHOICES)
    with pytest.raises(ValueError, match="`noise` must be one of white, pink, brown; got 'blue'"):
        kernels.train_on(recording, name="a", noise="blue", path=tmp_path, **CHOICES)


@pytest.mark.slow
def test_two_variables_keep_their_order_in_samples_and_in_the_file(tmp_path, quick):
    generator = np.random.default_rng(0)
    low = generator.normal(5.0, 6.0, 600).round(1)
    both = {"tmin": ("time", low), "tmax": ("time", (low + generator.gamma(2.0, 2.0, 600)).round(1))}
    data = xr.Dataset(both, {"time": np.arange(600.0)})
    choices = {"window": 8, "num_steps": 2, "difference": ["tmax-tmin"]}
    model = kernels.train_on(data, name="t", path=tmp_path, **choices)
    assert model.card["data"]["difference"] == [["tmax", "tmin"]]
    z = np.random.default_rng(1).normal(size=(500, 8, 2)).astype(np.float32)
    x = np.asarray(model.standardizer.unstandardize(jnp.asarray(z)))
    assert np.all(x[..., 1] >= x[..., 0])
    assert x[..., 0].min() < 0
    with pytest.raises(ValueError, match="must be left out with `margins` none"):
        kernels.train_on(data, name="u", path=tmp_path, margins="none", **choices)
