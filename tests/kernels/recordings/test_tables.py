"""Tables: the column of times is found or asked for, dates are read one way only, headings say units."""

import numpy as np
import pandas as pd
import pytest

from kernels.recordings.reading import read_recording
from kernels.recordings.regularity import regular
from kernels.recordings.units import is_unit

RNG = np.random.default_rng(5)
ISO, DAY_FIRST, MONTH_FIRST = "%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"


def columns(heading, times):
    """A table of two quantities at some times."""
    values = RNG.normal(size=(len(times), 2)).cumsum(0)
    return pd.DataFrame({heading: times, "T": values[:, 0], "Q": values[:, 1]})


def written(table, folder):
    """As it comes back from a CSV file."""
    table.to_csv(folder / "a.csv", index=False)
    return read_recording(folder / "a.csv")


@pytest.mark.parametrize("heading", ["Date Time", "when", "timestamp_utc", "Datum", "obsTime", "start (UTC)"])
@pytest.mark.parametrize("form", [None, ISO])
def test_a_column_of_dates_is_the_time_whatever_its_name(heading, form, tmp_path):
    dates = pd.date_range("2020-01-01", periods=100, freq="1h").delete([7, 8])
    table = columns(heading, dates if form is None else dates.strftime(form))
    recording = read_recording(table) if form is None else written(table, tmp_path)
    assert recording.variables == ("T", "Q")
    assert (recording.time_units, recording.start) == ("h", "2020-01-01T00:00:00")
    with pytest.raises(ValueError, match=r"4 of 200.*'drop'"):  # the rows that are missing
        regular(recording)


def test_rows_are_numbered_only_where_no_text_may_be_the_time(tmp_path):
    words = [f"the {i}th hour" for i in range(40)]
    with pytest.raises(ValueError, match=r"which column is time\?.*If it is moment, name it.*--time"):
        written(columns("moment", words), tmp_path)
    with pytest.raises(ValueError, match="If it is moment or place"):
        written(columns("moment", words).assign(place="here"), tmp_path)
    with pytest.raises(ValueError, match="'moment' must hold times, numbers or dates"):
        read_recording(columns("moment", words), time="moment")
    numbered = written(columns("moment", words).drop(columns="moment"), tmp_path)
    np.testing.assert_array_equal(numbered.times, np.arange(40))


def test_measurements_are_not_left_out_because_a_word_stands_among_them(tmp_path):
    table = columns("time", pd.date_range("2020-01-01", periods=100, freq="1h"))
    table["place"], table["wet"] = "here", [True, None] * 50
    assert written(table, tmp_path).variables == ("T", "Q")
    codes = table.assign(station="03772", seen=pd.array(["0123", None] * 50, object))
    assert read_recording(codes).variables == ("T", "Q")
    table["Q"] = table["Q"].astype(object)
    table.loc[[41, 50], "Q"] = "out of order"
    with pytest.raises(
        ValueError,
        match=r"'Q' must be numeric; it holds text in 2 of 100 rows, first 'out of order' in line 43",
    ):
        written(table, tmp_path)
    with pytest.raises(ValueError, match="2 of 100 rows"):
        read_recording(tmp_path / "a.csv", variables=["Q"])
    assert read_recording(tmp_path / "a.csv", variables=["T"]).variables == ("T",)
    table.loc[[41, 50], "Q"] = None
    assert written(table, tmp_path).variables == ("T", "Q")
    as_text = table.assign(Q=[f"{i}.5" for i in range(100)])
    np.testing.assert_array_equal(read_recording(as_text).values[:, 1], np.arange(100) + 0.5)


def test_two_columns_of_dates_are_told_apart_by_name_or_not_at_all():
    dates = pd.date_range("2020-01-01", periods=40, freq="1h")
    table = columns("begin", dates).assign(end=dates + pd.Timedelta("10min"))
    with pytest.raises(ValueError, match=r"Each of begin, end may be.*--time"):
        read_recording(table)
    assert read_recording(table, time="end").start == "2020-01-01T00:10:00"
    assert read_recording(table.rename(columns={"end": "Datum"})).start == "2020-01-01T00:10:00"


def test_a_growing_number_under_a_name_of_time_is_the_time():
    recording = read_recording(columns("elapsed time (s)", 0.5 * np.arange(40)))
    assert (recording.variables, recording.time_units) == (("T", "Q"), "s")
    np.testing.assert_allclose(recording.times, 0.5 * np.arange(40))
    with pytest.raises(ValueError, match="Each of elapsed time, epoch may be"):
        read_recording(columns("elapsed time", np.arange(40)).assign(epoch=60 * np.arange(40)))
    other = read_recording(columns("residence time (s)", RNG.uniform(size=40)))
    assert other.variables == ("residence time", "T", "Q")
    np.testing.assert_array_equal(other.times, np.arange(40))


@pytest.mark.parametrize(
    ("heading", "form", "step"),
    [("date", "%Y%m%d", "1D"), ("Datum", "%Y%m%d%H", "6h"), ("valid_time", "%Y%m%d%H%M", "10min")],
)
def test_dates_written_as_whole_numbers(heading, form, step, tmp_path):
    dates = pd.date_range("2020-01-20", periods=50, freq=step)
    recording = written(columns(heading, dates.strftime(form)), tmp_path)
    assert recording.start == "2020-01-20T00:00:00"
    assert regular(recording).num_rows == 50


@pytest.mark.parametrize(
    "numbers", [20200230 + np.arange(9), 10_000_000 + np.arange(9), 1_577_836_800 + 60 * np.arange(9)]
)
def test_numbers_that_are_no_dates_stay_numbers(numbers):
    recording = read_recording(columns("time", numbers))
    assert recording.start == ""
    np.testing.assert_allclose(recording.times, numbers - numbers[0])


@pytest.mark.parametrize(
    ("form", "step"),
    [
        (DAY_FIRST, "6h"),
        (MONTH_FIRST, "6h"),
        ("%d.%m.%y %H:%M", "6h"),
        ("%d-%m-%Y", "1D"),
        ("%m/%d/%Y %I:%M:%S %p", "1h"),
        ("%d %b %Y", "1D"),
        ("%Y-%m-%dT%H:%M:%S+01:00", "1h"),
    ],
)
def test_dates_are_read_the_way_that_gives_a_record(form, step, tmp_path):
    dates = pd.date_range("2020-03-01", periods=400, freq=step)
    times = written(columns("date", dates.strftime(form)), tmp_path).times
    days = (dates - dates[0]) / pd.Timedelta("1D")
    np.testing.assert_allclose(times / times[-1], days / days[-1])


def test_months_are_even_and_tell_day_from_month(tmp_path):
    dates = pd.date_range("2020-03-01", periods=400, freq="MS")  # no day above 12 ever
    recording = written(columns("date", dates.strftime("%d/%m/%Y")), tmp_path)
    np.testing.assert_array_equal(recording.times, np.arange(400))
    assert (recording.time_units, recording.start) == ("months", "2020-03-01T00:00:00")


def test_hours_of_few_days_tell_day_from_month(tmp_path):
    dates = pd.date_range("2020-02-03", periods=90, freq="1h")  # 03/02, 04/02, 05/02, 06/02
    recording = written(columns("date", dates.strftime(DAY_FIRST)), tmp_path)
    assert (recording.start, recording.times[-1]) == ("2020-02-03T00:00:00", 89.0)


def test_dates_that_can_be_read_in_two_ways_are_asked_for(tmp_path):
    days = pd.date_range("2020-01-01", periods=12, freq="1D")  # or months
    with pytest.raises(ValueError, match=r"two ways.*the first is '01/01/2020'.*ISO 8601"):
        written(columns("date", days.strftime("%m/%d/%Y")), tmp_path)
    with pytest.raises(
        ValueError, match=r"two ways"
    ):  # also in a column that nothing but this makes the time
        written(columns("noted", days.strftime("%m/%d/%Y")), tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lambda i: f"{i:02d}:00", r"'00:00' is a time of day.*Join the two"),
        (lambda i: "2020-01-01" if i % 2 else "yesterday", "all written alike"),
        (lambda i: None if i == 3 else f"2020-01-{i + 1:02d}", "some are missing"),
        (lambda i: f"2020-01-{i // 2 + 1:02d}", "increase from row to row.*must be joined"),
    ],
)
def test_times_that_cannot_be_used(text, words):
    with pytest.raises(ValueError, match=words):
        read_recording(columns("time", [text(i) for i in range(20)]))
    with pytest.raises(ValueError, match="must have rows"):
        read_recording(columns("time", []))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "K",
            "°C",
            "degC",
            "deg C",
            "%",
            "m",
            "mm",
            "hPa",
            "mbar",
            "kWh",
            "knots",
            "degrees_north",
            "Hours",
        ),
        *("m3/s", "m³/s", "m s-1", "1/s", "W m-2", "W·m⁻²", "kg m^-2 s^-1", "J kg**-1", "mm / day", "µg/m3"),
    ],
)
def test_what_reads_as_a_unit(text):
    assert is_unit(text)


@pytest.mark.parametrize(
    "text", ["10 m", "2m", "mean", "max", "upstream", "a", "CO2", "S1", "YYYY-MM-DD", "m/", ""]
)
def test_what_does_not(text):
    assert not is_unit(text)


def test_brackets_are_part_of_a_name_unless_they_hold_a_unit():
    headings = [
        "wind (10 m)",
        "T (mean)",
        "p [hPa]",
        "flow (upstream)",
        "flow (downstream)",
        "u (m)",
        "u (s)",
    ]
    table = pd.DataFrame(RNG.normal(size=(30, 7)), columns=headings)
    recording = read_recording(table.assign(**{"time (s)": np.arange(30.0)}))
    assert recording.variables == (*headings[:2], "p", *headings[3:])
    assert dict(recording.variable_units) == {"p": "hPa"}
    assert recording.time_units == "s"


@pytest.mark.parametrize(
    "text",
    [
        "Datum;Q (m3/s);T (°C)\n{}",
        "# station 7\n# from the office\nDatum;Q (m3/s);T (°C)\n{}",
        "Datum\tQ (m3/s)\tT (°C)\n{}",
    ],
)
def test_files_as_offices_write_them(tmp_path, text):
    """Semicolons or tabs, decimal commas, days first, notes above the heading, a byte order mark."""
    mark = "\t" if "\t" in text else ";"
    days = pd.date_range("2020-01-01", periods=40)
    rows = [
        mark.join([day.strftime("%d.%m.%Y"), f"{i + 0.5}".replace(".", ","), f"{-i / 4}".replace(".", ",")])
        for i, day in enumerate(days)
    ]
    path = tmp_path / "river.csv"
    path.write_text(text.format("\n".join(rows) + "\n"), encoding="utf-8-sig")
    recording = read_recording(path)
    assert recording.variables == ("Q", "T")
    assert recording.variable_units == {"Q": "m3/s", "T": "°C"}
    np.testing.assert_allclose(recording.values[:, 0], np.arange(40) + 0.5)
    np.testing.assert_allclose(recording.values[:, 1], -np.arange(40) / 4)
    assert recording.start.startswith("2020-01-01")


def test_row_numbers_without_a_heading_are_no_variable(tmp_path):
    path = tmp_path / "saved.csv"
    table = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=40), "Q": np.arange(40.0)})
    table.to_csv(path)
    assert read_recording(path).variables == ("Q",)


def test_a_table_is_not_wider_than_any_record(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join("c" * 10_001) + "\n" + ",".join("1" * 10_001) + "\n")
    with pytest.raises(ValueError, match=r"a.csv must have at most 10000 columns; it has 10001 or more"):
        read_recording(path)
    path.write_text("time,T\n0,1\n1," + "2" * 1_000_001)
    with pytest.raises(ValueError, match=r"a.csv must have lines of at most 1000000 characters"):
        read_recording(path)


def test_rows_with_one_number_more_than_there_are_headings(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,T\n2001-01-01,0,1\n2001-01-02,1,2\n")
    with pytest.raises(
        ValueError, match=r"a heading for each column; line 2 has 3 fields, the heading in line 1 has 2"
    ):
        read_recording(path)


def test_rows_with_two_numbers_more_than_there_are_headings(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("T,Q\n2001-01-01,0,1,2\n2001-01-02,1,2,3\n")
    with pytest.raises(
        ValueError, match="a heading for each column; line 2 has 4 fields, the heading in line 1 has 2"
    ):
        read_recording(path)


def test_headings_that_stand_twice():
    table = pd.DataFrame(np.zeros((3, 2)), columns=["T", "T"])
    with pytest.raises(ValueError, match="headings must be distinct; 'T' stands above two columns"):
        read_recording(table)
