"""Results as bytes: the figure as PNG, SVG or PDF, the data as NetCDF or Zarr."""

import io
import tempfile
import zipfile
from pathlib import Path

import matplotlib as mpl
import xarray as xr

import kernels
from diffuse_ui.figures.axes import FigureSize
from diffuse_ui.figures.ensemble import caption, ensemble_figure
from diffuse_ui.work.store import Result
from kernels.trajectories.datasets import without_booleans, write_dataset

__all__ = ["FORMATS", "annotated", "netcdf", "picture", "write", "write_dataset", "zarr_zip"]

FORMATS = ("png", "svg", "pdf")
_FIXED = {"svg.hashsalt": "diffuse-ui", "svg.fonttype": "none", "pdf.fonttype": 42}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier date


def picture(
    result: Result | kernels.RunResult,
    backdrop: xr.Dataset | None,
    kind: str,
    *,
    dark: bool = False,
    dpi: int = 200,
    size: FigureSize | None = None,
    captioned: bool = True,
) -> bytes:
    """The figure of a result; its caption is in the file's metadata too.

    Args:
        result: the run.
        backdrop: trajectories that stand behind it, or None.
        kind: "png", "svg" or "pdf".
        dark: on a dark ground, for slides.
        dpi: resolution of PNG, and of the curves that are rasterised in SVG and PDF.
        size: of the figure and its text.
        captioned: whether the caption is written below the panels.
    """
    if kind not in FORMATS:
        raise ValueError(f"`kind` must be one of {', '.join(FORMATS)}; got {kind!r}.")
    buffer = io.BytesIO()
    with mpl.rc_context(_FIXED):  # pyright: ignore[reportArgumentType]
        figure = ensemble_figure(result, backdrop, dark=dark, size=size, captioned=captioned)
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_metadata(kind, result))
    return buffer.getvalue()


def _metadata(kind: str, result: Result | kernels.RunResult) -> dict[str, str | None]:
    """Metadata of a figure: event, probability, model and seed, under the format's own keys."""
    words = caption(result).replace("\n", " ")
    title = "no event" if result.spec.event is None else str(result.spec.event)
    if kind == "png":
        return {"Software": "diffuse-ui", "Title": title, "Description": words}
    if kind == "svg":
        return {"Creator": "diffuse-ui", "Title": title, "Description": words, "Date": None}
    return {"Creator": "diffuse-ui", "Title": title, "Subject": words, "CreationDate": None}


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


def zarr_zip(result: Result) -> bytes:
    """The annotated Dataset as a Zarr store in a zip file, which Zarr opens as it is."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run.zarr"
        write_dataset(annotated(result), store)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # its chunks are compressed
            for path in sorted(p for p in store.rglob("*") if p.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(store).as_posix(), _EPOCH)
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def write(result: Result, path: Path) -> None:
    """Write the annotated Dataset as NetCDF (.nc) or Zarr (.zarr)."""
    write_dataset(annotated(result), path)
