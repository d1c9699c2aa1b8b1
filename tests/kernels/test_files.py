"""What may be read, whole files or none, and locks that end with the process that holds them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import kernels
from kernels.files import (
    UnreadableError,
    load_tensors,
    locked,
    parse_json,
    read_text,
    readable,
    replacing,
    require_file,
    require_memory,
    save_tensors,
    tensors_digest,
)

ENVIRONMENT = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(kernels.__file__).parents[1])}


def test_what_fails_leaves_what_was_there(tmp_path):
    paths = tmp_path / "a.json", tmp_path / "b.bin"
    for path in paths:
        path.write_text("before")

    def fail():
        with replacing(*paths) as new:
            new[0].write_text("after")
            assert [path.read_text() for path in paths] == ["before", "before"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert sorted(tmp_path.iterdir()) == list(paths)
    assert [path.read_text() for path in paths] == ["before", "before"]
    with replacing(*paths) as new:
        for path in new:
            path.write_text("after")
    assert sorted(tmp_path.iterdir()) == list(paths)
    assert [path.read_text() for path in paths] == ["after", "after"]


def test_tensors_that_cannot_be_written_are_an_error_of_the_system(tmp_path):
    tensors = {"a": np.arange(6.0).reshape(2, 3).T, "number": np.asarray(3)}
    save_tensors(tensors, tmp_path / "a.safetensors")
    for name, tensor in load_file(tmp_path / "a.safetensors").items():
        np.testing.assert_array_equal(tensor, tensors[name], strict=True)
    with pytest.raises(OSError, match="cannot be written"):
        save_tensors(tensors, tmp_path / "nowhere" / "a.safetensors")


def test_a_checksum_is_of_names_types_shapes_and_numbers(tmp_path):
    tensors = {"a": np.arange(6.0).reshape(2, 3).T, "n": np.asarray(3), "h": np.float16([0.0, 1.0])}
    digest = tensors_digest(tensors)
    save_tensors(tensors, tmp_path / "a.safetensors")
    assert tensors_digest(load_tensors(tmp_path / "a.safetensors", "{path} {error}")) == digest
    others = (
        {"b": tensors["a"]},
        {"a": tensors["a"].astype(np.float32)},
        {"a": tensors["a"].T},
        {"a": tensors["a"] + 1e-9},
        {"h": np.float16([-0.0, 1.0])},
    )
    assert len({digest, *(tensors_digest(tensors | other) for other in others)}) == 1 + len(others)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of Unix")
def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    (tmp_path / "loop.json").symlink_to("loop.json")
    for name, words in (
        ("pipe.json", "must be a file; it is a folder, a device or a pipe"),
        ("zero.json", "must be a file; it is a folder, a device or a pipe"),
        ("", "must be a file; it is a folder"),
        ("loop.json", "no file .*loop.json"),
        ("missing.json", "no file .*missing.json"),
        ("a" * 5000, "File name too long"),
        ("null\0byte", "no file"),
    ):
        with pytest.raises(UnreadableError, match=words):
            read_text(tmp_path / name, "{path} is no text ({error}).")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    (tmp_path / "real.json").write_text("{}")
    assert read_text(tmp_path / "link.json", "{path} is no text ({error}).") == "{}"


def test_what_is_larger_than_memory_is_refused_and_the_limit_can_be_raised(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_bytes(bytes(2000))
    monkeypatch.setenv("DIFFUSE_UI_MAX_GB", "1e-6")
    with pytest.raises(UnreadableError, match=r"a.csv must take at most 1e-06 GB.*set DIFFUSE_UI_MAX_GB"):
        require_file(tmp_path / "a.csv")
    monkeypatch.setenv("DIFFUSE_UI_MAX_GB", "1")
    require_file(tmp_path / "a.csv")
    monkeypatch.delenv("DIFFUSE_UI_MAX_GB")
    with pytest.raises(UnreadableError, match=r"at most 2 GB of memory; variable 'T' has 8e\+03 GB"):
        require_memory(8e12, tmp_path / "a.nc", "variable 'T'")
    for wrong in ("much", "-1", "nan"):
        monkeypatch.setenv("DIFFUSE_UI_MAX_GB", wrong)
        with pytest.raises(
            ValueError, match=f"DIFFUSE_UI_MAX_GB must be a positive number of GB; got '{wrong}'"
        ):
            require_memory(1, tmp_path / "a.nc")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (IndexError("one\ntwo"), "a.nc is bad (IndexError: one)."),
        (MemoryError(), "a.nc is bad (it takes more memory than there is)."),
        (RecursionError("maximum"), "a.nc is bad (it is nested too deeply)."),
        (RuntimeError("\x1b[31m\x00"), "a.nc is bad (RuntimeError: �[31m�)."),
        (KeyError(), "a.nc is bad (KeyError)."),
        (UnreadableError("as it is"), "as it is"),
    ],
)
def test_errors_of_libraries_become_one_sentence(error, words):
    with pytest.raises(UnreadableError) as caught, readable(Path("a.nc"), "{path} is bad ({error})."):
        raise error
    assert str(caught.value) == words
    with pytest.raises(UnreadableError) as caught, readable(Path("a.nc"), "{path}: {error}"):
        raise ValueError("x" * 10_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", '{"a": -Infinity}', "[" * 100_000, "9" * 5000, '"\x01"', "[1] 2", '{"a": 1, "a"}'],
)
def test_what_is_no_json_is_said_in_one_sentence(text):
    with pytest.raises(UnreadableError, match=r"^a.json is no JSON \([^\n]*\)\.$"):
        parse_json(text, "{path} is no JSON ({error}).", path=Path("a.json"))
    with pytest.raises(UnreadableError, match="lone surrogate"):
        parse_json('["\\ud800"]', "{path} {error}")
    assert parse_json('["\\ud83d\\ude00"]', "{path} {error}") == ["\U0001f600"]
    assert str(parse_json("[NaN]", "{path} {error}", strict=False)) == "[nan]"


def test_a_lock_is_held_once_and_leaves_nothing(tmp_path):
    path = tmp_path / "lr0.001.safetensors"
    refused = []

    def another():
        try:
            with locked(path, "model lr0.001 is being trained"):
                refused.append("no")
        except ValueError as error:
            refused.append(str(error))

    with locked(path, "model lr0.001 is being trained"):
        assert [file.name for file in tmp_path.iterdir()] == ["lr0.001.lock"]
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
        another()
    assert len(refused) == 2
    for words in refused:
        assert f"is being trained by process {os.getpid()} on " in words
        assert "already. Wait for its end, or choose another name." in words
    assert not list(tmp_path.iterdir())
    another()
    assert refused[-1] == "no"


HOLDS = """
import sys
from pathlib import Path
from kernels.files import locked
with locked(Path(sys.argv[1]), "it is being written"):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_and_one_that_was_killed_holds_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    process = hold(path)
    try:
        with pytest.raises(ValueError, match=f"it is being written by process {process.pid} on .* already"):
            locked(path, "it is being written").__enter__()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert path.with_suffix(".lock").exists()  # of a process that had no time to clear up
    with locked(path, "it is being written"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open stays there")
def test_a_lock_that_was_on_its_way_out_is_taken_anew(tmp_path, monkeypatch):
    """Opened before its holder took it away, locked afterwards: it would keep nobody out."""
    import fcntl

    path, real, times = tmp_path / "model.safetensors", fcntl.flock, []

    def late(file, how):
        if not times:
            path.with_suffix(".lock").unlink()
        times.append(file)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(path, "it is being written"):
        assert len(times) == 2
        with pytest.raises(ValueError, match="already"):
            locked(path, "it is being written").__enter__()


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_where_there_are_no_locks_one_is_told_and_goes_on(tmp_path, monkeypatch):
    import errno
    import fcntl

    def unknown(file, how):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with pytest.warns(UserWarning, match="knows no locks"), locked(tmp_path / "a", "it is being written"):
        pass
