"""Names that people give to times, to parts of dates, to row counters and to series."""

import re
from typing import Any

__all__ = [
    "COUNTERS",
    "CYCLES",
    "MEMBERS",
    "PARTS",
    "QUANTITIES",
    "SERIES",
    "TIME_NAMES",
    "is_named",
    "is_time_name",
    "names_dates",
    "names_unix_time",
    "part_of_date",
    "plain_name",
    "sounds_like_time",
]

TIME_NAMES = ("time", "times", "t", "date", "datetime", "timestamp", "valid_time")
TIME_WORDS = (
    *("time", "date", "datetime", "timestamp", "when", "utc", "epoch", "timer", "elapsed", "clock"),
    *("datum", "zeit", "zeitpunkt", "zeitstempel", "fecha", "dato", "heure", "horodatage", "tidspunkt"),
)
DATE_WORDS = (
    "date",
    "datum",
    "fecha",
    "day",
    "yyyymmdd",
    "yyyyddd",
    "yyyymm",
    "yearmonth",
    "month",
    "jahr",
    "year",
)
WORD = re.compile(r"[^\W\d_]+")
PARTS = {  # of a date, by plain name
    "year": ("year", "yr", "yy", "yyyy", "jahr", "annee", "anno", "ano", "rok"),
    "month": ("month", "mo", "mon", "mm", "monat", "mois", "mes", "mnth"),
    "day": ("day", "dy", "dd", "da", "mday", "tag", "jour", "dia", "dayofmonth"),
    "doy": ("doy", "dayofyear", "jday", "julianday", "yday", "ddd", "jd", "julian", "yearday", "dayofyr"),
    "hour": ("hour", "hr", "hh", "stunde", "heure", "hours", "hod"),
    "minute": ("minute", "min", "mn", "mi", "minutes"),
    "second": ("second", "sec", "ss", "seconds"),
    "clock": ("hrmin", "hhmm", "hourmin", "hourminute", "timehhmm", "hrmn"),
}
COUNTERS = (
    *(
        "rownames",
        "rowname",
        "row",
        "rows",
        "rownumber",
        "rownum",
        "rowid",
        "x",
        "index",
        "idx",
        "no",
        "nr",
        "num",
    ),
    *(
        "record",
        "recordno",
        "recordnumber",
        "recnbr",
        "recnum",
        "rn",
        "id",
        "n",
        "obs",
        "obsno",
        "observation",
        "unnamed0",
    ),
    *(
        "counter",
        "count",
        "seq",
        "sequence",
        "line",
        "sampleno",
        "level0",
        "key",
        "ordinal",
        "tmstep",
        "sample",
        "samplenumber",
        "",
    ),
)
SERIES = (
    *(
        "unit",
        "unitnumber",
        "unitid",
        "engine",
        "engineid",
        "station",
        "stationid",
        "stationname",
        "stid",
        "site",
    ),
    *(
        "siteid",
        "siteno",
        "sitename",
        "location",
        "locationid",
        "city",
        "region",
        "country",
        "gauge",
        "gaugeid",
    ),
    *(
        "gaugename",
        "well",
        "plot",
        "subject",
        "subjectid",
        "patient",
        "patientid",
        "person",
        "animal",
        "device",
        "deviceid",
    ),
    *(
        "sensor",
        "sensorid",
        "logger",
        "buoy",
        "float",
        "platform",
        "platformid",
        "wmo",
        "wmoid",
        "machine",
        "machineid",
    ),
    *(
        "batch",
        "batchid",
        "experiment",
        "trial",
        "episode",
        "group",
        "groupid",
        "symbol",
        "ticker",
        "name",
        "code",
        "basin",
    ),
    *(
        "catchment",
        "lake",
        "river",
        "household",
        "meter",
        "meterid",
        "lclid",
        "uniqueid",
        "store",
        "item",
        "traj",
        "trajectory",
    ),
    *(
        "trajectoryid",
        "member",
        "memberid",
        "run",
        "runid",
        "realization",
        "realisation",
        "replicate",
        "ensemble",
        "draw",
    ),
    *(
        "ensembleid",
        "ensemblemember",
        "simulation",
        "sim",
        "scenario",
        "series",
        "seriesid",
        "vehicle",
        "ship",
        "entity",
    ),
)
MEMBERS = (  # dimensions of a Dataset
    *(
        "sample",
        "run",
        "member",
        "trajectory",
        "realization",
        "realisation",
        "replicate",
        "number",
        "traj",
        "draw",
    ),
    *(
        "ensemble",
        "ens",
        "ensemblemember",
        "samples",
        "runs",
        "members",
        "trajectories",
        "memberid",
        "ensembleid",
    ),
    *(
        "ensembleindex",
        "realizationid",
        "realizations",
        "realisations",
        "replicates",
        "sim",
        "simulation",
        "ensmember",
    ),
    *("variantlabel", "chain", "draws", "ensembles", "perturbation", "trial", "trials", "rep", "mem"),
)
CYCLES = ("cycle", "step", "timestep", "frame", "cycles", "iteration", "timecycles", "epoch", "visit")
QUANTITIES = (
    *(
        "variable",
        "parameter",
        "param",
        "element",
        "quantity",
        "datatype",
        "indicator",
        "measurement",
        "pollutant",
    ),
    *(
        "analyte",
        "characteristic",
        "parametername",
        "variablename",
        "metric",
        "obstype",
        "parametercode",
        "observedproperty",
    ),
)


def plain_name(name: Any) -> str:
    """Name in lower case, letters and digits only."""
    return re.sub(r"[\W_]+", "", str(name).lower())


def is_named(name: Any, names: tuple[str, ...]) -> bool:
    """Whether a name is one of the usual `names`."""
    return plain_name(name) in names


def is_time_name(name: Any) -> bool:
    """Whether a name is one of the usual names of time, in any case; T is a temperature."""
    return str(name) in TIME_NAMES or (len(str(name)) > 1 and str(name).lower() in TIME_NAMES)


def sounds_like_time(name: Any) -> bool:
    """Whether a name has a word for time, as `Date Time`, `timestamp_utc` or `obsTime`."""
    words = WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name)))
    return is_time_name(name) or any(word.lower() in TIME_WORDS for word in words) or names_dates(name)


def names_dates(name: Any, *, year: bool = False) -> bool:
    """Whether a name has a word for dates or, with `year`, also for years alone."""
    words = [word.lower() for word in WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name)))]
    wanted = DATE_WORDS if year else tuple(word for word in DATE_WORDS if word not in ("day", "year", "jahr"))
    return any(word in wanted for word in words)


def part_of_date(name: Any) -> str:
    """Part of a date that a name stands for: a key of `PARTS`, or empty."""
    return next((part for part, names in PARTS.items() if plain_name(name) in names), "")


def names_unix_time(name: Any) -> bool:
    """Whether a name is one of those of seconds or milliseconds since 1970."""
    return is_named(
        name, ("timestamp", "epoch", "unix", "unixtime", "unixtimestamp", "epochtime", "ts", "timestampms")
    )
