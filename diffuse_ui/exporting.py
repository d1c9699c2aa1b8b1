"""Results as bytes: the figure as PNG, SVG or PDF, the data as NetCDF. Same result, same bytes."""

import io
from pathlib import Path

import matplotlib as mpl
import xarray as xr

import kernels
from diffuse_ui.figures import ensemble_figure
from diffuse_ui.store import Result
from kernels.trajectories import without_booleans, write_dataset

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
    return kernels.RunResult(result.dataset, result.probability, result.spec).annotated()


def netcdf(result: Result) -> bytes:
    """The annotated Dataset as a NetCDF-4 file."""
    return bytes(without_booleans(annotated(result)).to_netcdf(engine="h5netcdf"))


def write(result: Result, path: Path) -> None:
    """Write the annotated Dataset as NetCDF (.nc) or Zarr (.zarr)."""
    write_dataset(annotated(result), path)
