"""Tables as text, as loggers, agencies and programs write them: smallest inputs, and what is right."""

import gzip

import numpy as np
import pytest

from kernels.recordings.reading import read_recording
from kernels.recordings.regularity import regular

NAN = np.nan
DAYS = [0.0, 1.0, 2.0]


def read(folder, text, suffix=".csv", encoding="utf-8", **choices):
    path = folder / f"a{suffix}"
    path.write_bytes(text.encode(encoding))
    return read_recording(path, **choices)


def check(recording, wanted):
    """Values by variable, and under other keys what else is right."""
    wanted = dict(wanted)
    times, units = wanted.pop("times", None), wanted.pop("units", None)
    start, notes, runs = wanted.pop("start", None), wanted.pop("notes", None), wanted.pop("runs", None)
    of_variables = wanted.pop("of", None)
    assert recording.variables == tuple(wanted), recording.notes
    for i, (name, values) in enumerate(wanted.items()):
        np.testing.assert_allclose(recording.values[:, i], values, err_msg=name)
    if times is not None:
        np.testing.assert_allclose(recording.times, times)
    if runs is not None:
        np.testing.assert_array_equal(recording.runs, runs)
    assert units in (None, recording.time_units)
    assert start is None or recording.start.startswith(start)
    assert of_variables in (None, dict(recording.variable_units))
    assert notes is None or any(notes in note for note in recording.notes), recording.notes


def days(*rows, heading="date,T"):
    """A table of three days from 1 January 2020."""
    return "\n".join([heading, *(f"2020-01-{i + 1:02d},{row}" for i, row in enumerate(rows))]) + "\n"


TF = {"temp": [1, 2, 3], "flow": [10, 20, 30], "times": DAYS, "units": "d", "start": "2020-01-01"}
READ = {
    # 1: headings
    "a separator ends each row": (days("1,10,", "2,20,", "3,30,", heading="date,temp,flow"), {}, TF),
    "of these, one variable": (
        days("1,10,", "2,20,", "3,30,", heading="date,temp,flow"),
        {"variables": ["temp"]},
        {"temp": [1, 2, 3]},
    ),
    "the same with semicolons and decimal commas": (
        "date;temp;flow\n2020-01-01;1,5;10,5;\n2020-01-02;2,5;20,5;\n2020-01-03;3,5;30,5;\n",
        {},
        {"temp": [1.5, 2.5, 3.5], "flow": [10.5, 20.5, 30.5], "times": DAYS},
    ),
    "the same with tabs": (
        "date\ttemp\tflow\n2020-01-01\t1\t10\t\n2020-01-02\t2\t20\t\n2020-01-03\t3\t30\t\n",
        {},
        TF,
    ),
    "it ends the first row only": (days("1,10,", "2,20", "3,30", heading="date,temp,flow"), {}, TF),
    "it ends the heading only": (days("1,10", "2,20", "3,30", heading="date,temp,flow,"), {}, TF),
    "bars": (
        "date|temp|flow\n2020-01-01|1|10\n2020-01-02|2|20\n2020-01-03|3|30\n",
        {},
        TF,
    ),
    "the heading is a comment": (
        days("1,10", "2,20", "3,30", heading="# station 7\n# date,temp,flow"),
        {},
        TF,
    ),
    "units in a comment": (
        days("1,10", "2,20", "3,30", heading="# site, Vienna\n# date,temp,flow\n# ,K,m3/s"),
        {},
        {**TF, "of": {"temp": "K", "flow": "m3/s"}},
    ),
    "no heading": (
        "2020-01-01,9.2,3.2\n2020-01-02,9.9,0.2\n2020-01-03,9.1,0.7\n",
        {},
        {
            "column 2": [9.2, 9.9, 9.1],
            "column 3": [3.2, 0.2, 0.7],
            "notes": "no line above the rows is a heading",
        },
    ),
    "no heading, decimal commas": (
        "2020-01-01;9,2\n2020-01-02;9,9\n2020-01-03;9,1\n",
        {},
        {"column 2": [9.2, 9.9, 9.1], "times": DAYS},
    ),
    "a line of units": (
        days("1,10", "2,20", "3,30", heading="date,temp,flow\n,°C,m3/s"),
        {},
        {**TF, "of": {"temp": "°C", "flow": "m3/s"}},
    ),
    "units in brackets, in a line": (
        days("1,10", "2,20", "3,30", heading="date,temp,flow\n[UTC],[K],[m3/s]"),
        {},
        {**TF, "of": {"temp": "K", "flow": "m3/s"}},
    ),
    "notes of other widths above": (
        days("1,10", "2,20", "3,30", heading="Station,Vienna\nby,me,and,others,too\n\ndate,temp,flow"),
        {},
        TF,
    ),
    "an unnamed column of flags": (
        "date,temp,flow,\n2020-01-01,1,10,A\n2020-01-02,2,20,B\n2020-01-03,3,30,A\n",
        {},
        {**TF, "notes": "left out column 4"},
    ),
    "an unnamed column of numbers": (
        "date,temp,,flow\n2020-01-01,1,7,10\n2020-01-02,2,8,20\n2020-01-03,3,7,30\n",
        {},
        {**TF, "notes": "column 3: it has no heading"},
    ),
    "two columns of one name": (
        days("1,2", "2,3", "3,4", heading="date,T,T"),
        {},
        {"T (column 2)": [1, 2, 3], "T (column 3)": [2, 3, 4], "notes": "told apart by their place"},
    ),
    "TOA5": (
        '"TOA5","Station_7","CR1000","1","OS","CPU:a.CR1","2","Table"\n'
        '"TIMESTAMP","RECORD","AirT_Avg","RH"\n"TS","RN","Deg C","%"\n"","","Avg","Smp"\n'
        '"2020-01-01 00:00:00",7,1.5,80\n"2020-01-01 00:10:00",8,"NAN",81\n"2020-01-01 00:20:00",9,2.5,82\n',
        {},
        {
            "AirT_Avg": [1.5, NAN, 2.5],
            "RH": [80, 81, 82],
            "times": [0, 10, 20],
            "units": "min",
            "of": {"AirT_Avg": "Deg C", "RH": "%"},
            "notes": "left out RECORD",
        },
    ),
    "USGS RDB": (
        "# U.S. Geological Survey\n#\nagency_cd\tsite_no\tdatetime\t85587_00060\t85587_00060_cd\n"
        "5s\t15s\t20d\t14n\t10s\nUSGS\t03339000\t2020-01-01\t100\tA\nUSGS\t03339000\t2020-01-02\tIce\tA\n"
        "USGS\t03339000\t2020-01-03\t104\tA\n",
        {"missing": "Ice"},
        {"85587_00060": [100, NAN, 104], "times": DAYS, "notes": "left out site_no"},
    ),
    "a buoy": (
        "#YY  MM DD hh mm WDIR WSPD\n#yr  mo dy hr mn degT m/s\n2020 01 31 22 50 120  5.0\n"
        "2020 01 31 23 50 130  6.0\n2020 02 01 00 50 140  7.0\n",
        {},
        {
            "WDIR": [120, 130, 140],
            "WSPD": [5, 6, 7],
            "times": DAYS,
            "units": "h",
            "start": "2020-01-31T22:50",
        },
    ),
    "R's row names": (
        '"temp" "flow"\n"1" 1 10\n"2" 2 20\n"3" 3 30\n',
        {},
        {"temp": [1, 2, 3], "flow": [10, 20, 30], "times": DAYS},
    ),
    "R's row names are dates": (
        '"temp","flow"\n"2020-01-01",1,10\n"2020-01-02",2,20\n"2020-01-03",3,30\n',
        {},
        TF,
    ),
    # 2: missing values
    "a flag, named": (days("1.5", "-9999", "2.5"), {"missing": -9999}, {"T": [1.5, NAN, 2.5]}),
    "a flag as text, and a word": (
        days("1.5", "-999", "broken"),
        {"missing": "-999,broken"},
        {"T": [1.5, NAN, NAN], "notes": "broken"},
    ),
    "a flag that is measured": (days("1.5", "-99", "2.5"), {"missing": "none"}, {"T": [1.5, -99, 2.5]}),
    "words for missing": (days("1", "***", "n/a"), {}, {"T": [1, NAN, NAN], "notes": "taken as missing"}),
    # 3 and 4: dates
    "year, month, day": (
        "YEAR,MO,DY,T2M\n2020,1,30,1.5\n2020,1,31,2.5\n2020,2,5,0.5\n",
        {},
        {"T2M": [1.5, 2.5, 0.5], "times": [0, 1, 6], "start": "2020-01-30"},
    ),
    "year, day of the year, HHMM": (
        "Year,Day_of_Year,HrMin,T\n2020,365,1200,1.5\n2020,366,0,2.5\n2021,2,1200,0.5\n",
        {},
        {"T": [1.5, 2.5, 0.5], "times": [0, 0.5, 3], "units": "d", "start": "2020-12-30T12"},
    ),
    "years": (
        "year,ring\n1900,1.5\n1901,2.5\n1905,0.5\n",
        {},
        {"ring": [1.5, 2.5, 0.5], "times": [0, 1, 5], "units": "years"},
    ),
    "year and month": (
        "Year;Month;T\n2020;11;1\n2020;12;2\n2021;2;3\n",
        {},
        {"T": [1, 2, 3], "times": [0, 1, 3], "units": "months"},
    ),
    "date and time": (
        "Date,Time,T\n2020-01-01,22:00,1\n2020-01-01,23:00,2\n2020-01-02,00:00,3\n",
        {},
        {"T": [1, 2, 3], "times": DAYS, "units": "h", "start": "2020-01-01T22"},
    ),
    "date and hour": (
        "Date,Hour,T\n2020-01-01,23,1\n2020-01-01,24,2\n2020-01-02,1,3\n",
        {},
        {"T": [1, 2, 3], "times": DAYS, "units": "h", "start": "2020-01-01T23"},
    ),
    "twelve months a row": (
        "Year Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec\n2020 "
        + " ".join(f"{i}.5" for i in range(12))
        + "\n2021 "
        + " ".join(f"{i}.5" for i in range(12, 24))
        + "\n",
        {},
        {"value": np.arange(24) + 0.5, "times": np.arange(24), "units": "months"},
    ),
    "day of the year in digits": (
        "date,T\n2020365,1\n2020366,2\n2021001,3\n2021002,2\n",
        {},
        {"T": [1, 2, 3, 2], "times": [0, 1, 2, 3], "units": "d", "start": "2020-12-30"},
    ),
    "months in digits": (
        "date,T\n202011,1\n202012,2\n202101,3\n",
        {},
        {"T": [1, 2, 3], "times": DAYS, "units": "months"},
    ),
    "seconds in digits": (
        "timestamp,T\n20200131230000,1\n20200201000000,2\n20200201010000,3\n",
        {},
        {"T": [1, 2, 3], "times": DAYS, "units": "h"},
    ),
    "24:00": (
        "time,T\n2020-01-01 23:00,1\n2020-01-01 24:00,2\n2020-01-02 01:00,3\n",
        {},
        {"T": [1, 2, 3], "times": DAYS, "units": "h"},
    ),
    "quarters": (
        "date,T\n2020-Q1,1\n2020-Q2,2\n2020-Q4,3\n",
        {},
        {"T": [1, 2, 3], "times": [0, 3, 9], "units": "months"},
    ),
    "months by name": (
        "month,T\nNov-20,1\nDec-20,2\nJan-21,3\n",
        {},
        {"T": [1, 2, 3], "times": DAYS, "units": "months", "start": "2020-11-01"},
    ),
    "a footer, left out": (
        days("1", "2", "3") + "Total,6\n",
        {"skip_lines": [5]},
        {"T": [1, 2, 3], "times": DAYS},
    ),
    "newest first": (
        "date,T\n2020-01-03,3\n2020-01-02,2\n2020-01-01,1\n",
        {},
        {"T": [1, 2, 3], "times": DAYS, "notes": "turned round"},
    ),
    # 8: daylight saving
    "daylight saving, named": (
        "time,T\n2019-10-27 01:00,1\n2019-10-27 02:00,2\n2019-10-27 02:00,3\n2019-10-27 03:00,4\n",
        {"timezone": "Europe/Berlin"},
        {"T": [1, 2, 3, 4], "times": [0, 1, 2, 3], "units": "h", "start": "2019-10-26T23"},
    ),
    "no daylight saving": (
        "time,T\n2019-03-31 00:00,1\n2019-03-31 01:00,2\n2019-03-31 03:00,3\n2019-03-31 04:00,4\n",
        {"timezone": "UTC"},
        {"T": [1, 2, 3, 4], "times": [0, 1, 3, 4]},
    ),
    # 9: numbers as text
    "thousands": (
        days('"1,145.8",1', '"1,150",2', "998,3", heading="date,flow,temp"),
        {},
        {"flow": [1145.8, 1150, 998], "temp": [1, 2, 3]},
    ),
    "thousands with points": (
        "date;flow\n2020-01-01;1.145,8\n2020-01-02;1.150\n2020-01-03;998\n",
        {},
        {"flow": [1145.8, 1150, 998]},
    ),
    "thousands with spaces": (
        "date;flow\n2020-01-01;1 145,8\n2020-01-02;1 150,0\n2020-01-03;998,5\n",
        {},
        {"flow": [1145.8, 1150, 998.5]},
    ),
    "a column of commas settles another": (
        "date;a;b\n2020-01-01;1,145;1,5\n2020-01-02;2,310;2,5\n2020-01-03;3,150;3,5\n",
        {},
        {"a": [1.145, 2.31, 3.15], "b": [1.5, 2.5, 3.5]},
    ),
    "points are thousands where commas are decimals": (
        "date;a;b\n2020-01-01;1.145;1,5\n2020-01-02;2.310;2,5\n2020-01-03;3.150;3,5\n",
        {},
        {"a": [1145, 2310, 3150], "b": [1.5, 2.5, 3.5]},
    ),
    "a comma in quotes": (
        days('"1145,8"', '"1150,25"', '"998,5"'),
        {},
        {"T": [1145.8, 1150.25, 998.5]},
    ),
    "decimals named": (
        days('"1,145"', '"2,150"', '"3,998"'),
        {"decimal": ","},
        {"T": [1.145, 2.15, 3.998]},
    ),
    "percent": (days("11.5%", "12%", "13.5%"), {}, {"T": [11.5, 12, 13.5], "of": {"T": "%"}}),
    "units in every field": (
        days("3 m3/s", "4 m3/s", "5.5 m3/s"),
        {},
        {"T": [3, 4, 5.5], "of": {"T": "m3/s"}},
    ),
    "half the limit": (days("<0.05", "0.5", "0.7"), {"censored": "half"}, {"T": [0.025, 0.5, 0.7]}),
    "the limit": (days("< 0.05", "0.5", ">9"), {"censored": "limit"}, {"T": [0.05, 0.5, 9]}),
    "marks left out": (days("12.3*", "0.5", "7 e"), {"flags": "ignore"}, {"T": [12.3, 0.5, 7]}),
    "marked values left out": (days("12.3*", "0.5", "7"), {"flags": "missing"}, {"T": [NAN, 0.5, 7]}),
    "Fortran's exponents": (days("1.5D+01", "2.5D+01", "0.5D+00"), {}, {"T": [15, 25, 0.5]}),
    # 11: series
    "units and cycles": (
        "unit,cycle,s1\n1,1,0.1\n1,2,0.3\n2,1,5.1\n2,2,5.3\n",
        {},
        {"s1": [0.1, 0.3, 5.1, 5.3], "times": [0, 1, 0, 1], "runs": [0, 0, 1, 1]},
    ),
    "stations": (
        "date,station,tmax\n2020-01-01,A,1\n2020-01-02,A,2\n2020-01-01,B,5\n2020-01-02,B,6\n",
        {},
        {
            "tmax": [1, 2, 5, 6],
            "times": [0, 1, 0, 1],
            "runs": [0, 0, 1, 1],
            "notes": "station tells 2 series apart",
        },
    ),
    "stations, date by date": (
        "date,id_stn,tmax\n2020-01-01,A,1\n2020-01-01,B,5\n2020-01-02,A,2\n2020-01-02,B,6\n",
        {},
        {"tmax": [1, 2, 5, 6], "times": [0, 1, 0, 1], "runs": [0, 0, 1, 1]},
    ),
    "one station": (
        "date,station,tmax\n2020-01-01,A,1\n2020-01-02,A,2\n2020-01-01,B,5\n2020-01-02,B,6\n",
        {"select": "station=B"},
        {"tmax": [5, 6], "times": [0, 1], "runs": [0, 0]},
    ),
    "quantities one below the other": (
        "date,parameter,value\n2020-01-01,T,1\n2020-01-01,Q,5\n2020-01-02,T,2\n2020-01-02,Q,6\n",
        {},
        {"T": [1, 2], "Q": [5, 6], "times": [0, 1]},
    ),
    # 12: counters
    "row names": (
        "rownames,temp,flow\n1,1,10\n2,2,20\n3,3,30\n",
        {},
        {"temp": [1, 2, 3], "flow": [10, 20, 30], "notes": "left out rownames: it numbers the rows"},
    ),
    "X": (
        '"X","date","T"\n1,2020-01-01,5\n2,2020-01-02,4\n3,2020-01-03,6\n',
        {},
        {"T": [5, 4, 6], "times": DAYS},
    ),
    "a timer beside the dates": (
        "DateTime,timer,T\n2020-01-01 00:00,0.5,5\n2020-01-01 01:00,1.5,4\n2020-01-01 02:00,2.5,6\n",
        {},
        {"T": [5, 4, 6], "times": DAYS, "notes": "left out timer"},
    ),
    "t beside DateTime": (
        "t,DateTime,T\n1,2020-01-01 00:00,5\n2,2020-01-01 01:00,4\n3,2020-01-01 02:00,6\n",
        {},
        {"T": [5, 4, 6], "times": DAYS, "units": "h", "notes": "left out t"},
    ),
    "parts of the date beside it": (
        "date,year,month,day,T\n2020-01-30,2020,1,30,5\n2020-01-31,2020,1,31,4\n2020-02-01,2020,2,1,6\n",
        {},
        {"T": [5, 4, 6], "times": DAYS, "notes": "left out month: it is a part of the date"},
    ),
    "true and false": (
        days("1,TRUE", "2,FALSE", "3,TRUE", heading="date,T,ok"),
        {},
        {"T": [1, 2, 3], "notes": "left out ok: it holds true and false"},
    ),
    "true and false as numbers": (
        days("1,TRUE", "2,FALSE", "3,TRUE", heading="date,T,ok"),
        {"variables": ["T", "ok"]},
        {"T": [1, 2, 3], "ok": [1, 0, 1]},
    ),
    # agencies and loggers
    "NASA POWER": (
        "-BEGIN HEADER-\nNASA/POWER Daily Data\nDates (month/day/year): 01/30/2020 through 02/02/2020\n"
        "Location: Latitude  48.2   Longitude 16.3\nThe value for missing data, as it is called: -999\nParameter(s):\n"
        "T2M           MERRA-2 Temperature at 2 Meters (C)\n-END HEADER-\n"
        "YEAR,MO,DY,T2M\n2020,1,30,1.5\n2020,1,31,2.5\n2020,2,1,-999\n2020,2,2,0.5\n",
        {"missing": -999},
        {"T2M": [1.5, 2.5, NAN, 0.5], "times": [0, 1, 2, 3]},
    ),
    "carbon dioxide": (
        "# decimal  monthly  #days\n"
        + "".join(f"1958  {m:2d}   {1958 + (m - 0.5) / 12:.4f}   31{m % 5}.70   -1\n" for m in range(3, 9)),
        {},
        {
            "column 4": [313.7, 314.7, 310.7, 311.7, 312.7, 313.7],
            "times": np.arange(6),
            "units": "months",
            "notes": "left out column 3: it is the date in years",
        },
    ),
    "HOBO": (
        '"Plot Title: Creek 4"\n"#","Date Time, GMT+01:00","Temp, °C (LGR S/N: 1234)","End Of File (LGR S/N: 1234)"\n'
        "1,01/13/20 11:45:00 AM,20.1,\n2,01/13/20 12:00:00 PM,20.2,\n3,01/13/20 12:15:00 PM,20.4,Logged\n",
        {},
        {"Temp, °C (LGR S/N: 1234)": [20.1, 20.2, 20.4], "times": [0, 15, 30], "notes": "left out #"},
    ),
    "a climate index": (
        " 1950 1951\n"
        + "".join(
            f" {y} {' '.join(f'{(y + m) % 7 / 2:6.2f}' for m in range(12))}\n" for y in range(1950, 1952)
        )
        + " 1952   0.50 "
        + " ".join(["-99.90"] * 11)
        + "\n  -99.9\n  NAO index\n  https://psl.noaa.gov\n",
        {"missing": -99.9},
        {
            "value": [(y + m) % 7 / 2 for y in range(1950, 1952) for m in range(12)] + [0.5] + [NAN] * 11,
            "times": np.arange(36),
            "units": "months",
            "notes": "3 lines at the end, from line 5 on",
        },
    ),
    "intervals of time": (
        '"Time (CET/CEST)","Load [MW]"\n"13.01.2020 00:00 - 13.01.2020 00:15","43900"\n'
        '"13.01.2020 00:15 - 13.01.2020 00:30","N/A"\n"13.01.2020 00:30 - 13.01.2020 00:45","43500"\n',
        {},
        {"Load": [43900, NAN, 43500], "times": [0, 15, 30], "units": "min"},
    ),
    "an ECG": (
        "'sample #','MLII','V5'\n0,995,1011\n1,995,1011\n2,996,1010\n",
        {},
        {"MLII": [995, 995, 996], "V5": [1011, 1011, 1010], "times": DAYS, "notes": "left out sample #"},
    ),
    "air quality": (
        "Data supplied by UK-AIR\n\n,London Bloomsbury,,\nDate,time,Ozone,status,unit\n01-02-2020,23:00:00,30.5,V,ugm-3\n"
        "01-02-2020,24:00:00,31.5,V,ugm-3\n02-02-2020,01:00:00,No data,,\n",
        {"dates": "day-first", "missing": "No data"},
        {"Ozone": [30.5, 31.5, NAN], "times": DAYS, "units": "h", "start": "2020-02-01T23"},
    ),
    "milliseconds since 1970": (
        "timestamp,T\n1577836800000,1.5\n1577836860000,1.7\n1577836920000,1.6\n",
        {},
        {"T": [1.5, 1.7, 1.6], "times": DAYS, "units": "min", "start": "2020-01-01"},
    ),
    "a line below the heading": (
        "Date       Temp   Rain\n---------- ------ -----\n2020-01-01   1.20  0.0 \n2020-01-02  -0.30  1.2 \n",
        {},
        {"Temp": [1.2, -0.3], "Rain": [0, 1.2], "of": {}},
    ),
    "a constant": (
        days("1,48.2", "2,48.2", "3,48.2", heading="date,T,latitude"),
        {},
        {"T": [1, 2, 3], "notes": "left out latitude: it is 48.2 in all rows"},
    ),
    # 14: steps
    "rows are steps": (
        "date,T\n2020-01-02,1\n2020-01-03,2\n2020-01-06,3\n2020-01-07,4\n",
        {"steps": "rows"},
        {"T": [1, 2, 3, 4], "times": [0, 1, 2, 3], "units": "steps", "start": "2020-01-02"},
    ),
}
ASKED = {
    "one number more": (
        days("1,10,5", "2,20,6", heading="date,temp,flow"),
        {},
        r"line 2 has 4 fields, the heading in line 1 has 3",
    ),
    "one number more, later": (days("1,10", "2,20,6", heading="date,temp,flow"), {}, r"line 3 has 4 fields"),
    **{
        f"a flag of {flag}": (days("1.5", flag, "2.5"), {}, rf"1 value of {flag}, far off.*--missing {flag}")
        for flag in ("-9999", "-999", "-99", "9999.9", "-99.9")
    },
    "a flag of 1e20": (days("1.5", "1e20", "2.5"), {}, r"1 value of 1e\+20"),
    "a value again and again": (
        days(*(f"{20 + i / 10}" for i in range(9)), "85", "85"),
        {},
        r"2 values of 85, far off.*--missing 85",
    ),
    "another flag": (
        days("1.5", "-9999", "-7999", "2"),
        {"missing": -9999},
        r"value of -7999.*--missing -9999,-7999",
    ),
    "a footer": (days("1", "2", "3") + "Total,6\n", {}, r"line 5 holds 'Total'.*--skip-lines 5"),
    "a date that does not exist": (
        "year,month,day,T\n2020,2,28,1\n2020,2,30,2\n2020,3,1,3\n",
        {},
        "the time of line 3",
    ),
    "an hour twice": (
        "time,T\n2019-10-27 01:00,1\n2019-10-27 02:00,2\n2019-10-27 02:00,3\n2019-10-27 03:00,4\n",
        {},
        r"daylight saving\? The hour 02:00 of 27 October 2019 comes twice.*--timezone Europe/Berlin",
    ),
    "an hour missing": (
        "time,T\n2019-03-31 00:00,1\n2019-03-31 01:00,2\n2019-03-31 03:00,3\n2019-03-31 04:00,4\n",
        {},
        r"The hour 02:00 of 31 March 2019 is missing.*--timezone UTC",
    ),
    "half an hour twice, in America": (
        "time,T\n2019-11-03 01:00,1\n2019-11-03 01:30,2\n2019-11-03 01:00,3\n2019-11-03 01:30,4\n2019-11-03 02:00,5\n",
        {},
        r"--timezone America/New_York",
    ),
    "a wrong order of dates": (
        "date,T\n01/02/2020,1\n02/02/2020,2\n03/02/2020,3\n04/02/2020,3\n",
        {"time": "date", "dates": "days"},
        "`dates` must be one of day-first, month-first",
    ),
    "text that is a time": (
        "when,T\nat dawn,1\nat noon,2\nat dusk,3\n",
        {},
        "which column is time",
    ),
    "two readings of every number": (
        "date;T\n2020-01-01;1,145\n2020-01-02;2,310\n",
        {},
        r"'1,145' may be 1145 or 1.145.*--decimal",
    ),
    "limits": (days("<0.05", "0.5", "0.7"), {}, r"1 value of it are limits, first '<0.05'.*--censored"),
    "marks": (
        days("12.3*", "0.5", "0.7"),
        {},
        r"marks stand behind 1 number, first '12.3\*'.*--flags ignore",
    ),
    "a word": (days("1", "broken", "3"), {}, r"'broken' in line 3: correct these, or.*--missing 'broken'"),
    "units mixed": (days("1 m", "2 cm", "3 m"), {}, "different units"),
    "one time twice": (
        "date,T\n2020-01-01,1\n2020-01-02,2\n2020-01-02,3\n2020-01-03,2\n",
        {},
        r"line 3 and line 4 both hold 2020-01-02.*--repeated first",
    ),
    "trading days": (
        "date,T\n" + "".join(f"2020-01-{d:02d},{d % 5}\n" for d in (2, 3, 6, 7, 8, 9, 10, 13, 14)),
        {},
        "--steps rows",
    ),
    "no such station": (
        "date,station,T\n2020-01-01,A,1\n2020-01-02,A,2\n",
        {"select": "station=B"},
        r"'station' is never 'B'. There are A",
    ),
    "a wrong zone": (days("1", "2"), {"timezone": "Mars"}, "`timezone` must be a place"),
    "a wrong choice": (days("1", "2"), {"decimal": ";"}, r"`decimal` must be one of"),
    "an unknown choice": (days("1", "2"), {"decimals": ","}, "Did you mean 'decimal'"),
    "a zip archive": ("PK\x03\x04", {}, "a zip archive or an Excel workbook"),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name, tmp_path):
    text, choices, wanted = READ[name]
    check(read(tmp_path, text, **choices), wanted)


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked(name, tmp_path):
    text, choices, words = ASKED[name]
    with pytest.raises(ValueError, match=words):
        read(tmp_path, text, **choices)


@pytest.mark.parametrize("suffix", [".CSV", ".tsv", ".txt", ".dat", ".csv.gz", ""])
def test_suffixes_do_not_matter(suffix, tmp_path):
    text = days("1,10", "2,20", "3,30", heading="date,temp,flow")
    if suffix.endswith(".gz"):
        (tmp_path / f"a{suffix}").write_bytes(gzip.compress(text.encode()))
        recording = read_recording(tmp_path / f"a{suffix}")
    else:
        recording = read(tmp_path, text.replace(",", "\t" if suffix == ".tsv" else ","), suffix)
    check(recording, TF)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"])
def test_encodings(encoding, tmp_path):
    recording = read(tmp_path, days("1", "2", "3", heading="date,T (°C)"), encoding=encoding)
    check(recording, {"T": [1, 2, 3], "of": {"T": "°C"}, "times": DAYS})


@pytest.mark.parametrize(
    ("text", "step", "gaps"),
    [
        ("time (s),x\n0.000,1\n0.033,2\n0.067,3\n0.100,5\n0.133,4\n", 0.133 / 4, 0),
        ("time (s),x\n0.000,1\n0.033,2\n0.067,3\n0.133,5\n0.167,4\n", 0.167 / 5, 1),
        (
            "time,x\n2020-01-01 00:00:00,1\n2020-01-01 00:01:01,2\n2020-01-01 00:01:59,1\n2020-01-01 00:03:00,5\n",
            1.0,
            0,
        ),
        ("date,x\n2020-01-31,1\n2020-02-29,2\n2020-03-31,1\n2020-05-31,5\n", 1.0, 1),
        ("date,x\n2020-01-16,1\n2020-02-15,2\n2020-03-16,1\n2020-04-16,5\n", 1.0, 0),
        ("date,x\n2020-01-01,1\n2020-01-11,2\n2020-01-21,1\n2020-02-01,5\n", 1.0, 0),
    ],
)
def test_nearly_even_times_are_even(text, step, gaps, tmp_path):
    recording = regular(read(tmp_path, text), gaps="drop")
    np.testing.assert_allclose(np.diff(recording.times), step)
    assert np.isnan(recording.values).sum() == gaps


def test_numbers_with_few_bits_are_even(tmp_path):
    hours = (43_800 + np.arange(200) / 24).astype(np.float32)
    lines = "".join(f"{hour},{i % 7}\n" for i, hour in enumerate(hours))
    recording = regular(read(tmp_path, f"time (d),x\n{lines}"))
    np.testing.assert_allclose(np.diff(recording.times), 1 / 24, rtol=1e-3)
