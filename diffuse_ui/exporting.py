"""Results as bytes: the figure as PNG, SVG or PDF, the data as NetCDF. Same result, same bytes."""

import io
import json
from pathlib import Path

import matplotlib as mpl
import xarray as xr

from diffuse_ui.figures import ensemble_figure
from diffuse_ui.store import Result

__all__ = ["FORMATS", "annotated", "netcdf", "picture", "write", "write_dataset"]

FORMATS = ("png", "svg", "pdf")
_FIXED = {"svg.hashsalt": "diffuse-ui", "svg.fonttype": "none", "pdf.fonttype": 42}
_METADATA = {"png": {"Software": "diffuse-ui"}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def picture(
    result: Result, backdrop: xr.Dataset | None, kind: str, *, dark: bool = False, dpi: int = 200
) -> bytes:
    """The figure of a result.

    Args:
        result: the run.
        backdrop: trajectories that stand behind it, or None.
        kind: "png", "svg" or "pdf".
        dark: on a dark ground, for slides.
        dpi: resolution of PNG, and of the curves that are rasterised in SVG and PDF.
    """
    if kind not in FORMATS:
        raise ValueError(f"`kind` must be one of {', '.join(FORMATS)}; got {kind!r}.")
    buffer = io.BytesIO()
    with mpl.rc_context(_FIXED):  # pyright: ignore[reportArgumentType]
        figure = ensemble_figure(result, backdrop, dark=dark)
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return buffer.getvalue()


def annotated(result: Result) -> xr.Dataset:
    """The result's Dataset with the spec and the probability in its attributes.

    Raises:
        ValueError: the run has drawn nothing yet.
    """
    if result.dataset is None:
        raise ValueError("the run has drawn no trajectories yet; wait for the first chunk.")
    spec = result.spec.to_dict()
    attrs = {"run_spec": json.dumps(spec, default=str), "created_by": "diffuse-ui"}
    if result.probability is not None:
        attrs["probability"] = json.dumps(result.probability.to_dict(), default=float)
    return result.dataset.assign_attrs(attrs)


def netcdf(result: Result) -> bytes:
    """The annotated Dataset as a NetCDF-4 file."""
    return bytes(_without_booleans(annotated(result)).to_netcdf(engine="h5netcdf"))


def write(result: Result, path: Path) -> None:
    """Write the annotated Dataset as NetCDF (.nc) or Zarr (.zarr)."""
    write_dataset(annotated(result), path)


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a Dataset as NetCDF (.nc) or Zarr (.zarr).

    Raises:
        ValueError: another ending, or a folder that does not exist.
    """
    if path.suffix not in (".nc", ".zarr"):
        raise ValueError(f"`output` must end with .nc (NetCDF) or .zarr; got {path.name!r}.")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"the folder of `output` must exist; there is no {path.absolute().parent}.")
    if path.suffix == ".zarr":
        names = dataset["variable"].astype(object)  # Zarr 3 specifies text of any length only
        dataset.assign_coords(variable=names).to_zarr(path, mode="w", consolidated=False)
    else:
        _without_booleans(dataset).to_netcdf(path, engine="h5netcdf")


def _without_booleans(dataset: xr.Dataset) -> xr.Dataset:
    """NetCDF has no Boolean: 0 and 1 in its place."""
    flags = {name: dataset[name].astype("i1") for name in dataset.data_vars if dataset[name].dtype == bool}
    return dataset.assign(flags)
