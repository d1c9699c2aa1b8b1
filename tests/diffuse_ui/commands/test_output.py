"""Results on disk: whole or as before, beside where they should be, and no crash on a full disk."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kernels
from diffuse_ui.commands.output import require_output, write_somewhere, write_whole
from kernels.trajectories.datasets import to_dataset, write_dataset


@pytest.fixture
def ensemble(toy):
    states = np.random.default_rng(0).normal(size=(4, 16, 2))
    return to_dataset(states, toy.layout, satisfied=np.array([True, False, True, True]))


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_result_takes_the_place_of_another(ensemble, tmp_path, suffix):
    path = tmp_path / f"run{suffix}"
    for count in (4, 2):
        write_whole(lambda place, n=count: write_dataset(ensemble.isel(sample=slice(n)), place), path)
        found = kernels.read_dataset(path)
        assert found.sizes["sample"] == count
        np.testing.assert_array_equal(found["state"].values, ensemble["state"].values[:count])
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_failure_leaves_the_old_one(ensemble, tmp_path, suffix):
    path = tmp_path / f"run{suffix}"
    write_whole(lambda place: write_dataset(ensemble, place), path)

    def fails(place):
        write_dataset(ensemble.isel(sample=slice(1)), place)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_whole(fails, path)
    assert kernels.read_dataset(path).sizes["sample"] == 4
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_that_cannot_be_replaced_is_put_back(ensemble, tmp_path, monkeypatch):
    path = tmp_path / "run.zarr"
    write_whole(lambda place: write_dataset(ensemble, place), path)

    def refuse(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        write_whole(lambda place: write_dataset(ensemble, place), path)
    assert kernels.read_dataset(path).sizes["sample"] == 4


def test_a_link_stays_a_link(ensemble, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "run.nc").symlink_to(tmp_path / "far" / "run.nc")
    write_whole(lambda place: write_dataset(ensemble, place), tmp_path / "run.nc")
    assert (tmp_path / "run.nc").is_symlink()
    assert kernels.read_dataset(tmp_path / "far" / "run.nc").sizes["sample"] == 4


def test_where_the_folder_takes_nothing_the_temporary_one_does(ensemble, tmp_path, monkeypatch):
    spare, folder = tmp_path / "spare", tmp_path / "folder"
    spare.mkdir()
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))

    def write(place):
        if folder in place.parents:
            raise OSError(28, "No space left on device")
        write_dataset(ensemble, place)

    place, trouble = write_somewhere(write, folder / "run.nc")
    assert place == spare / "run-1.nc"
    assert kernels.read_dataset(place).sizes["sample"] == 4
    assert "No space left" in str(trouble)
    assert write_somewhere(lambda place: write_dataset(ensemble, place), folder / "run.nc") == (
        folder / "run.nc",
        None,
    )


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere"
)
def test_a_folder_that_lets_nobody_write_is_refused_beforehand(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="must let you write"):
        require_output(tmp_path / "run.nc")


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np, xarray as xr
from diffuse_ui.commands.output import write_somewhere
from kernels.trajectories.datasets import write_dataset

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
dataset = xr.Dataset({"state": ("x", np.random.default_rng(0).normal(size=100_000))})
place, trouble = write_somewhere(lambda path: write_dataset(dataset, path), Path(sys.argv[1]) / "run.nc")
print("told", place, "large" in str(trouble), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_full_disk_ends_in_an_error_not_in_a_crash(tmp_path):
    """HDF5 that cannot write crashes the process when the file is closed: the answer would be lost with it."""
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(kernels.__file__).parents[1])}
    environment["TMPDIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout) == (0, "told None True\n"), done.stderr
    assert not list(tmp_path.iterdir())
