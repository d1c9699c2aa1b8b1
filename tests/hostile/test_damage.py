"""Damaged files and texts of every format are of use, or refused in one plain sentence, soon and in little memory."""

import collections

import hostile
import pytest

SEED = 0
NUM_DAMAGED = {
    "netcdf": 40,
    "netcdf_classic": 30,
    "zarr": 60,
    "run_file": 30,
    "checkpoint": 100,
}  # slower to read
ALL = 200
FOUND = {  # what ten thousand of each had found
    "csv": (4231, 6838),
    "run_json": (470, 821, 860, 1261),
    "checkpoint": (941, 1073, 1366),
    "netcdf": (149, 155, 205, 332),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    hostile.warm(folder)
    return folder


def judge(name, indices, folder):
    """Verdicts on some damaged things; fails with the indices of those that were not answered decently."""
    verdicts = {index: hostile.judged(name, SEED, index, folder) for index in indices}
    troubles = collections.defaultdict(list)
    for index, verdict in verdicts.items():
        if verdict.trouble:
            troubles[verdict.trouble].append(index)
    assert not troubles, dict(troubles)
    return verdicts


@pytest.mark.parametrize("name", hostile.FORMATS)
def test_damage_is_answered_decently(name, folder):
    verdicts = judge(name, range(NUM_DAMAGED.get(name, ALL)), folder)
    accepted = sum(verdict.accepted for verdict in verdicts.values())
    assert 0 < accepted < len(verdicts)  # the mutations are neither harmless nor hopeless


@pytest.mark.parametrize("name", FOUND)
def test_what_was_once_answered_badly(name, folder):
    judge(name, FOUND[name], folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", NUM_DAMAGED)
def test_more_damage_is_answered_decently(name, folder):
    judge(name, range(NUM_DAMAGED[name], ALL), folder)


def test_what_is_not_decent_is_told(monkeypatch):
    """The harness sees what it looks for."""

    def raising(error):
        def use(_):
            raise error

        return hostile.Format(lambda rng, folder: None, use)

    for error, words in (
        (IndexError("x"), "no error of ours"),
        (AssertionError("round trip"), "no error of ours"),
        (ValueError("could not convert string to float"), "raised by a library"),
        (hostile._RefusedError("a sentence with \x1b in it"), "no plain sentence"),
        (hostile._RefusedError("short"), "no plain sentence"),
        (hostile._RefusedError("long " * 1000), "no plain sentence"),
    ):
        monkeypatch.setitem(hostile.FORMATS, "csv", raising(error))
        assert words in hostile.judged("csv", 0, 0, None).trouble
    monkeypatch.setattr(hostile, "MAX_SECONDS", 0.0)
    monkeypatch.setitem(hostile.FORMATS, "csv", hostile.Format(lambda rng, folder: None, lambda thing: None))
    assert hostile.judged("csv", 0, 0, None).trouble.endswith(" s")
