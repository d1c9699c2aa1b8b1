"""Reading: a file, Dataset or table → `Recording`, on the boundary of xarray and arrays.

NetCDF, Zarr, text (CSV and its kin, also gzipped) and Parquet are read, by their content rather than their names.
Times become numbers since the first row, in a unit that suits the step; names and units are kept. What a file does
not tell is asked in an error that names the argument and the option to answer with (`choices`); what was
understood, and what was left out, stands in `Recording.notes`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from kernels.names import nearest, shown
from kernels.recordings.axis import ordered_axis
from kernels.recordings.choices import Choices
from kernels.recordings.frames import frame_table, read_parquet
from kernels.recordings.gridded import dataset_rows, opened_store
from kernels.recordings.rows import Rows
from kernels.recordings.tables import table_rows
from kernels.recordings.text_tables import read_text_table

__all__ = ["Recording", "read_recording"]

STORES = (".nc", ".nc4", ".cdf", ".netcdf", ".h5", ".hdf5", ".zarr")
MAGIC = (b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")  # of HDF5 and NetCDF-3


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Recording: rows of numbers over time.

    Attributes:
        values: (row, variable), physical units; NaN where nothing was measured.
        times: (row,), since the first row, in `time_units`; increasing within a run.
        runs: (row,), number of the run that a row belongs to; one recording may hold several.
        variables: names.
        time_units: "s", "min", "h", "d", "months", "years", "steps", or what a numeric time axis says.
        variable_units: unit of each variable; those that are not listed have none.
        start: date and time of the first row, ISO 8601; empty where times are plain numbers.
        calendar: of dates that are not those of everyday life, as "noleap" of a climate model; else empty.
        source: where it comes from.
        positions: of the points of fields, variable → {coordinate: value}.
        notes: what was understood, left out and taken for missing, a sentence each.
    """

    values: Float[np.ndarray, "row variable"]
    times: Float[np.ndarray, " row"]
    runs: Int[np.ndarray, " row"]
    variables: tuple[str, ...]
    time_units: str = ""
    variable_units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    start: str = ""
    calendar: str = ""
    source: str = ""
    positions: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def num_rows(self) -> int:
        return len(self.values)


def read_recording(
    source: str | Path | xr.Dataset | Any,
    *,
    variables: Sequence[str] | None = None,
    time: str | None = None,
    **choices: Any,
) -> Recording:
    """Read a recording.

    Args:
        source: path of a NetCDF file, Zarr store, table as text or Parquet file; or a Dataset or DataFrame.
        variables: which to keep, in this order; all numeric ones over time unless given.
        time: name of the time dimension or column, "none" where rows of a table are to be numbered; found by name,
            type and text unless given.
        **choices: answers to questions that a file leaves open, see `kernels.recordings.choices`.

    Raises:
        ValueError: no such file, variable or time; a question that the file does not answer, such as dates that can
            be read in two ways or numbers that may mean "missing"; times that do not increase; no rows.
    """
    made = _choices(choices)
    notes: list[str] = []
    rows = _rows(source, variables, time, made, notes)
    axis = ordered_axis(rows.times, rows.runs, rows.time_units, made, rows.where, notes)
    return Recording(
        values=rows.values[axis.rows],
        times=axis.times,
        runs=rows.runs[axis.rows],
        variables=rows.variables,
        time_units=axis.units,
        variable_units=rows.units,
        start=axis.start,
        calendar=str(getattr(rows.times[0], "calendar", "")),
        source=str(source) if isinstance(source, str | Path) else f"a {type(source).__name__} in memory",
        positions=rows.positions,
        notes=tuple(dict.fromkeys(notes)),
    )


def _choices(given: Mapping[str, Any]) -> Choices:
    known = [field.name for field in dataclasses.fields(Choices)]
    for name in given:
        if name not in known:
            hint = nearest(name, known)
            raise ValueError(
                f"choices of a reading are {', '.join(known)}; got {shown(name)}. {hint}".rstrip()
            )
    return Choices(**given)


def _rows(
    source: Any, variables: Sequence[str] | None, time: str | None, choices: Choices, notes: list[str]
) -> Rows:
    """Rows of a source of any kind."""
    if isinstance(source, xr.DataArray):
        source = source.to_dataset(name=source.name or "x")
    if isinstance(source, xr.Dataset):
        return dataset_rows(source, variables, time, choices, notes)
    if not isinstance(source, str | Path):
        return table_rows(frame_table(source, notes), variables, time, choices, notes)
    path = Path(source)
    if not path.exists():
        raise ValueError(f"no file or store at {path}. NetCDF, Zarr, CSV and Parquet are read.")
    kind = _kind(path)
    if kind == "store":
        with opened_store(path, choices, notes) as dataset:
            return dataset_rows(dataset, variables, time, choices, notes, path)
    table = read_parquet(path, notes) if kind == "parquet" else read_text_table(path, choices, notes)
    return table_rows(table, variables, time, choices, notes)


def _kind(path: Path) -> str:
    """Kind of a file: "store", "parquet" or "text", by its content where that tells."""
    if path.is_dir() or path.suffix.lower() in STORES:
        return "store"
    if not path.is_file():  # a device or a pipe is not to be opened
        return "text"
    with path.open("rb") as file:
        head = file.read(4)
    if head in MAGIC:
        return "store"
    return "parquet" if head == b"PAR1" or path.suffix.lower() == ".parquet" else "text"
