"""Tables written from known values in random dialects: read rightly, or refused in a sentence."""

import numpy as np
import pandas as pd
import pytest

from kernels.recordings.reading import read_recording

MARKS = (",", ";", "\t", "|", " ")
ENCODINGS = ("utf-8", "utf-8-sig", "latin-1", "utf-16")
STEPS = ("1h", "1D", "10min", "MS", "YS")
FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M", "%d.%m.%Y %H:%M", "parts", "two")


def written(seed):
    """A table with its right values, times and missing places, and the choices that it needs."""
    rng = np.random.default_rng(seed)
    mark, step, form = (options[rng.integers(len(options))] for options in (MARKS, STEPS, FORMS))
    dates = pd.date_range(f"{rng.integers(1990, 2021)}-01-01", periods=int(rng.integers(30, 90)), freq=step)
    values = np.round(rng.normal(10, 3, (len(dates), 2)), 2 if rng.integers(2) else 4)
    missing = rng.random(values.shape) < 0.1
    flag = ("-9999", "NA", "" if mark != " " else "NaN")[rng.integers(3)]
    comma = mark in (";", "\t", "|") and bool(rng.integers(2))
    end = mark * bool(mark != " " and rng.integers(3) == 0)
    texts = [
        [flag if gone else repr(float(v)) for v, gone in zip(*row)]
        for row in zip(values, missing, strict=True)
    ]
    texts = [[text.replace(".", ",") if comma else text for text in row] for row in texts]
    if form == "parts":
        names, stamps = (
            ["Year", "Month", "Day", "Hour", "Minute"],
            [f"{d.year}|{d.month}|{d.day}|{d.hour}|{d.minute}" for d in dates],
        )
    elif form == "two" or (mark == " " and " " in form):
        names, stamps = ["Date", "Time"], [f"{d:%Y-%m-%d}|{d:%H:%M}" for d in dates]
    else:
        names, stamps = ["Datum"], list(dates.strftime(form))
    rows = [mark.join([*stamp.split("|"), *row]) + end for stamp, row in zip(stamps, texts, strict=True)]
    unit = bool(rng.integers(2)) and mark != " "
    heading = [mark.join([*names, "T", "Q"])] + [mark.join(["" for _ in names] + ["°C", "m3/s"])] * unit
    notes = ["# station 7", "# by hand"][: rng.integers(3)]
    text = ("\r\n" if rng.integers(2) else "\n").join([*notes, *heading, *rows, ""])
    choices = {"missing": flag} if flag == "-9999" and missing.any() else {}
    return text, ENCODINGS[rng.integers(4)], choices, dates, np.where(missing, np.nan, values)


def judge(seed, folder):
    text, encoding, choices, dates, values = written(seed)
    path = folder / "a.csv"
    path.write_bytes(text.encode(encoding))
    recording = read_recording(path, **choices)
    assert recording.variables == ("T", "Q"), recording.notes
    np.testing.assert_array_equal(recording.values, values)
    assert recording.start == dates[0].isoformat()
    days = (dates - dates[0]) / pd.Timedelta("1D")
    if recording.time_units == "months":
        days = 12 * (dates.year - dates.year[0]) + dates.month - dates.month[0]
    elif recording.time_units == "years":
        days = dates.year - dates.year[0]
    np.testing.assert_allclose(recording.times / recording.times[-1], days / days[-1])


def test_random_dialects(tmp_path):
    for seed in range(15):
        judge(seed, tmp_path)


@pytest.mark.slow
def test_many_random_dialects(tmp_path):
    for seed in range(15, 400):
        judge(seed, tmp_path)
