"""Everything that is read from outside, by format: how it is damaged, and what counts as a decent answer.

An answer is decent where the damaged thing is accepted and then of use, or refused by an error of ours: a
ValueError or OSError raised in this project, whose message is plain text; within 5 s and 2 GB.
"""

import contextlib
import json
import resource
import shutil
import sys
import time
import traceback
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import jax
import numpy as np
import pandas as pd
import xarray as xr
from mutations import Random, mutated_bytes, mutated_json, mutated_text

import kernels
from diffuse_ui.state import links
from diffuse_ui.state.state import State
from kernels.checkpoints import read_card, write_card
from kernels.diffusion.gaussian import GaussianLaw
from kernels.events.syntax.event import Event
from kernels.events.syntax.parser import EventSyntaxError
from kernels.files import load_tensors, tensors_digest
from kernels.networks.unet import UNetConfig
from kernels.recordings.reading import read_recording
from kernels.recordings.regularity import regular
from kernels.training import loop
from kernels.trajectories.datasets import dataset_layout, read_dataset, to_array, to_dataset, write_dataset

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "tests/compatibility/first_version"
MAX_SECONDS, MAX_GIGABYTES = 5.0, 2.0
MAX_MESSAGE = 1500


class Verdict(NamedTuple):
    """Answer to one damaged thing; `trouble` is empty where it is decent."""

    accepted: bool
    trouble: str
    seconds: float


class Format(NamedTuple):
    """One format: makes a damaged thing of it, and uses that."""

    damage: Callable[[Random, Path], Any]
    use: Callable[[Any], None]


def warm(folder: Path) -> None:
    """Use what is sound once, so that no damaged thing is charged for compiling and loading."""
    for run in _RUNS:
        _use_run_json(json.dumps(run["spec"]))
    for name in ("network", "expert", "forecast", "record"):
        shutil.copyfile(WRITTEN / f"{name}.json", folder / "sound.json")
        shutil.copyfile(WRITTEN / f"{name}.safetensors", folder / "sound.safetensors")
        _use_checkpoint(folder / "sound.safetensors")
    (folder / "sound.nc").write_bytes((WRITTEN / "run.nc").read_bytes())
    _use_run(folder / "sound.nc")
    for seed, suffix in ((_csv, ".csv"), (_netcdf, ".nc"), (_classic, ".nc")):
        (folder / f"sound{suffix}").write_bytes(seed(folder))
        _use_record(folder / f"sound{suffix}")
    (folder / "sound.state").write_bytes(_state(folder))
    _use_state(folder / "sound.state")
    for text in _TEXTS:
        _accepted_event(kernels.parse_event(text))


def judged(name: str, seed: int, index: int, folder: Path) -> Verdict:
    """Damage one thing and look at the answer; the same numbers give the same thing."""
    rng = np.random.default_rng([seed, index, zlib.crc32(name.encode())])
    thing = FORMATS[name].damage(rng, folder)
    memory, begin, accepted, trouble = _memory(), time.perf_counter(), False, ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            FORMATS[name].use(thing)
        accepted = True
    except Exception as error:
        trouble = _indecent(error)
    seconds, grown = time.perf_counter() - begin, _memory() - memory
    if not trouble and seconds > MAX_SECONDS:
        trouble = f"{seconds:.1f} s"
    if not trouble and grown > MAX_GIGABYTES:
        trouble = f"{grown:.1f} GB"
    return Verdict(accepted, trouble, seconds)


def _memory() -> float:
    """Largest memory of this process so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _indecent(error: Exception) -> str:
    """What is wrong with a refusal, with the place it comes from; empty where nothing is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith((f"{ROOT}/kernels", f"{ROOT}/diffuse_ui"))]
    place = f"{Path(own[-1].filename).relative_to(ROOT)}:{own[-1].lineno}" if own else "the test"
    words, what = str(error), f"{type(error).__name__} at {place}: {str(error)[:200]!r}"
    if not isinstance(error, ValueError | OSError):
        return f"no error of ours: {what}"
    if isinstance(error, _RefusedError):
        place = "diffuse_ui/state/links.py"
    elif isinstance(error, UnicodeError) or (isinstance(error, ValueError) and frames[-1] not in own):
        return f"raised by a library: {what}"
    first = words.split("\n")[0]
    shown = words.replace("\n", "") if isinstance(error, EventSyntaxError) else words
    if len(words) > MAX_MESSAGE or len(first) < 15 or not shown.isprintable():
        return f"no plain sentence: {what}"
    return ""


# -- files ------------------------------------------------------------------------------------


def _record() -> xr.Dataset:
    rng = np.random.default_rng(0)
    values = {name: ("time", np.cumsum(rng.normal(size=60)), {"units": "K"}) for name in "TQ"}
    return xr.Dataset(values, coords={"time": pd.date_range("2001", periods=60, freq="6h")})


def _damaged_file(seed: Callable[[Path], bytes], name: str) -> Callable[[Random, Path], Path]:
    """Damage of a file whose sound bytes `seed` gives once."""
    sound: list[bytes] = []

    def damage(rng: Random, folder: Path) -> Path:
        if not sound:
            sound.append(seed(folder))
        (folder / name).write_bytes(mutated_bytes(rng, sound[0]))
        return folder / name

    return damage


def _csv(_: Path) -> bytes:
    return _record().to_dataframe().to_csv().encode()


def _netcdf(folder: Path) -> bytes:
    encoding = {"T": {"zlib": True, "chunksizes": (16,)}}
    _record().to_netcdf(folder / "seed.nc", engine="h5netcdf", encoding=encoding)
    return (folder / "seed.nc").read_bytes()


def _classic(folder: Path) -> bytes:
    _record().to_netcdf(folder / "seed.nc", engine="scipy")
    return (folder / "seed.nc").read_bytes()


def _damaged_zarr(rng: Random, folder: Path) -> Path:
    """A Zarr store of which one file is damaged, as bytes or as JSON."""
    sound, store = folder / "sound.zarr", folder / "a.zarr"
    if not sound.exists():
        _record().to_zarr(sound, consolidated=False, zarr_format=2)
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(sound, store)
    files = sorted(path for path in store.rglob("*") if path.is_file())
    path = files[rng.integers(len(files))]
    content = path.read_bytes()
    if path.name.startswith(".z") and rng.integers(2):
        path.write_text(mutated_json(rng, json.loads(content)), encoding="utf-8", errors="replace")
    else:
        path.write_bytes(mutated_bytes(rng, content))
    return store


def _use_record(path: Path) -> None:
    recording = read_recording(path)
    assert recording.values.shape == (recording.num_rows, len(recording.variables)), "shape"
    assert recording.times.shape == recording.runs.shape == (recording.num_rows,), "times"
    regular(recording, gaps="drop")


def _use_run(path: Path) -> None:
    dataset = read_dataset(path)
    layout = dataset_layout(dataset)
    states = to_array(dataset, layout)
    assert states.shape[1:] == layout.shape, "shape"
    if "run_spec" in dataset.attrs:
        State().from_json(dataset.attrs["run_spec"])
    again = path.with_name("again.nc")
    write_dataset(to_dataset(states, layout), again)
    np.testing.assert_array_equal(to_array(read_dataset(again), layout), states)


def _damaged_checkpoint(rng: Random, folder: Path) -> Path:
    """A model of a record, its card or weights damaged, with and without a checksum."""
    name = ("network", "expert", "forecast", "record")[rng.integers(4)]
    weights = folder / "model.safetensors"
    for suffix in (".safetensors", ".json"):
        shutil.copyfile(WRITTEN / f"{name}{suffix}", weights.with_suffix(suffix))
    if rng.integers(2):
        digest = tensors_digest(load_tensors(weights, "{path} {error}"))
        write_card(weights, read_card(weights) | {"weights_sha256": [digest]})
    if rng.integers(2):
        weights.write_bytes(mutated_bytes(rng, weights.read_bytes()))
    else:
        card = json.loads(weights.with_suffix(".json").read_text())
        weights.with_suffix(".json").write_text(mutated_json(rng, card), encoding="utf-8", errors="replace")
    return weights


def _use_checkpoint(weights: Path) -> None:
    model = kernels.load_checkpoint(weights)
    assert model.num_steps >= 1, "num_steps"
    assert model.name == str(model.name), "name"
    for leaf in jax.tree.leaves((model.denoiser, model.standardizer, model.initial)):
        assert np.isfinite(leaf).all(), "finite"
    again = kernels.save_checkpoint(model, weights.with_name("again"))
    assert kernels.load_checkpoint(again).fingerprint == model.fingerprint, "round trip"
    for part in (model.held_out, model.training_data):
        assert part is None or part.windows.shape[1:] == model.layout.shape, "windows"


_NETWORK = UNetConfig(
    num_times=8, in_features=4, out_features=2, channels=(8,), dense_width=16, num_dense=1, embedding=16
)
_TRAINING = loop.TrainingConfig(num_steps=10, batch_size=4)
_template: list[Any] = []


def _state_template() -> Any:
    if not _template:
        law = GaussianLaw.fit(np.random.default_rng(0).normal(size=(64, 8, 2)).astype(np.float32))
        params = loop.initialize(_NETWORK, law, jax.random.key(0)).params
        _template.append(loop._State(params, loop._optimizer(_TRAINING).init(params), params))
    return _template[0]


def _state(folder: Path) -> bytes:
    loop._save_state(folder / "seed.state", 5, _state_template(), [(5, 0.5, 0.6)])
    return (folder / "seed.state").read_bytes()


def _use_state(path: Path) -> None:
    step, state, history = loop._load_state(path, _state_template(), _TRAINING.num_steps)
    assert 0 <= step <= _TRAINING.num_steps, "step"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state)), "finite"
    assert all(len(row) == 3 for row in history), "history"


# -- texts ------------------------------------------------------------------------------------

_EVENTS = [one["document"] for one in json.loads((WRITTEN / "events.json").read_text())]
_TEXTS = [one["text"] for one in json.loads((WRITTEN / "events.json").read_text())]
_RUNS = json.loads((WRITTEN / "runs.json").read_text())
_OBSERVED = kernels.Layout(("x", "y", "z"), np.arange(12) * 0.1, time_units="s")


def _accepted_event(event: Event) -> None:
    """Use an event; it need not fit the layout that it is tried on."""
    with contextlib.suppress(ValueError):
        kernels.compile_event(event, _OBSERVED)


def _use_event(event: Event) -> None:
    text = str(event)
    text.encode()
    assert kernels.parse_event(text) == event, "text"
    assert Event.from_json(event.to_json()) == event, "JSON"
    event.describe()
    event.parameters()
    kernels.compile_event(event, _OBSERVED)


def _use_run_json(text: str) -> None:
    state = State()
    state.from_json(text)
    again = State()
    again.from_json(state.to_json())
    assert again.to_spec() == state.to_spec(), "run"


def _damaged_link(rng: Random, _: Path) -> dict[str, str]:
    query = _RUNS[rng.integers(len(_RUNS))]["link"].removeprefix("?")
    if rng.integers(2):
        fields = dict(parse_qsl(query))
        name = list(fields)[rng.integers(len(fields))]
        fields[name] = mutated_text(rng, fields[name])
        query = urlencode(fields, errors="replace")
    else:
        query = mutated_text(rng, query)
    return dict(parse_qsl(query))


def _use_link(query: dict[str, str]) -> None:
    state = State()
    trouble = links.follow(state, query)
    if trouble:
        raise _RefusedError(trouble)
    state.to_spec()


class _RefusedError(ValueError):
    """What a link's refusal says, to be looked at like an error's message."""


FORMATS = {
    "csv": Format(_damaged_file(_csv, "a.csv"), _use_record),
    "netcdf": Format(_damaged_file(_netcdf, "a.nc"), _use_record),
    "netcdf_classic": Format(_damaged_file(_classic, "a.nc"), _use_record),
    "zarr": Format(_damaged_zarr, _use_record),
    "run_file": Format(_damaged_file(lambda _: (WRITTEN / "run.nc").read_bytes(), "run.nc"), _use_run),
    "checkpoint": Format(_damaged_checkpoint, _use_checkpoint),
    "training_state": Format(_damaged_file(_state, "a.state"), _use_state),
    "event_text": Format(
        lambda rng, _: mutated_text(rng, _TEXTS[rng.integers(len(_TEXTS))]),
        lambda text: _use_event(kernels.parse_event(text)),
    ),
    "event_json": Format(
        lambda rng, _: mutated_json(rng, _EVENTS[rng.integers(len(_EVENTS))]),
        lambda text: _use_event(Event.from_json(text)),
    ),
    "run_json": Format(
        lambda rng, _: mutated_json(rng, _RUNS[rng.integers(len(_RUNS))]["spec"]), _use_run_json
    ),
    "link": Format(_damaged_link, _use_link),
}
