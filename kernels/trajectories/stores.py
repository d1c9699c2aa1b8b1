"""Stores: NetCDF files and Zarr folders from outside, opened lazily and loaded within bounds.

A small file may declare arrays of any size, and whoever opens it loads its axes. A file may also point to
other files, whose bytes would be read as numbers, and a folder may hold pipes, or filters that run code. So
what a store declares is looked at before xarray sees it, and what is to be loaded before it is loaded.
"""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import xarray as xr
import zarr

from kernels.files import UnreadableError, parse_json, read_text, readable, require_file, require_memory
from kernels.trajectories.heaps import require_sound_heaps

__all__ = ["open_store", "require_loadable", "store_groups"]

CLASSIC = (b"CDF\x01", b"CDF\x02")  # first bytes of NetCDF-3, with offsets of 32 and 64 bits
CDF5 = b"CDF\x05"
METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
MAX_GROUPS = 100  # named in a message
MAX_ENTRIES = 1_000_000  # files of a folder, chunks of an array, objects of a file
UNSAFE = ("pickle", "numcodecs.pickle")  # codecs whose data are programs


def open_store(path: Path, words: str, *, group: str | None = None, decode_times: bool = True) -> xr.Dataset:
    """Open a NetCDF file or Zarr store; its axes are loaded, nothing else.

    Args:
        path: the file or folder.
        words: the sentence of a failure, with `{path}` and `{error}`.
        group: to open instead of the root.
        decode_times: whether numbers since a date become dates.

    Raises:
        UnreadableError: another kind of file, a damaged one, one that points to others, or axes or chunks
            larger than memory.
    """
    if path.is_dir():
        _require_plain(path, words)
        options: dict[str, Any] = {"engine": "zarr", "consolidated": False}
        declared = _zarr_arrays(path, group)
    else:
        require_file(path, most=1 << 62)  # of a large file a part may be asked for
        classic = _is_classic(path, words)
        options = {"engine": "scipy" if classic else "h5netcdf"}
        declared = iter(()) if classic else _hdf5_arrays(path)
    options |= {"decode_times": decode_times} | ({} if group is None else {"group": group})
    with readable(path, words):
        for name, shape, chunks, itemsize in declared:
            if len(shape) == 1:  # it may be an axis
                require_memory(shape[0] * itemsize, path, f"variable {name!r}")
            require_memory(math.prod(chunks or ()) * itemsize, path, f"a chunk of variable {name!r}")
        dataset = xr.open_dataset(path, create_default_indexes=False, **options)
        for name, coordinate in dataset.coords.items():
            if coordinate.dims == (name,):
                dataset = dataset.set_xindex(str(name))
        return dataset


def store_groups(path: Path, words: str) -> list[str]:
    """Names of the groups of a store that hold arrays; the root has no name and is not among them.

    Args:
        path: a NetCDF-4 file or Zarr folder that `open_store` has opened.
        words: the sentence of a failure, with `{path}` and `{error}`.
    """
    found: list[str] = []
    with readable(path, words):
        if path.is_dir():
            groups = [(name, group) for name, group in zarr.open_group(path, mode="r").groups()]
            while groups and len(found) < MAX_GROUPS:
                name, group = groups.pop(0)
                found += [name] if next(iter(group.array_keys()), None) is not None else []
                groups += [(f"{name}/{inner}", one) for inner, one in group.groups()]
        elif not _is_classic(path, words):
            with h5py.File(path, "r") as file:
                file.visititems(
                    lambda name, item: (
                        found.append(name)
                        if isinstance(item, h5py.Group)
                        and any(isinstance(one, h5py.Dataset) for one in item.values())
                        else None
                    )
                )
    return found[:MAX_GROUPS]


def require_loadable(arrays: Iterable[xr.DataArray], source: Any) -> None:
    """Raise UnreadableError if lazy arrays of a file would take too much memory or time.

    Args:
        arrays: what is to be loaded.
        source: path of the file; anything else is in memory already.
    """
    if not isinstance(source, str | Path):
        return
    arrays = list(arrays)
    require_memory(
        sum(float(array.size) * max(array.dtype.itemsize, 8) for array in arrays),
        Path(source),
        f"variable {arrays[0].name!r}" if len(arrays) == 1 else f"all {len(arrays)} variables together",
    )
    for array in arrays:
        chunks = array.encoding.get("chunksizes") or array.encoding.get("chunks") or ()
        sizes = array.encoding.get("original_shape") or array.shape
        count = math.prod(-(-size // chunk) for size, chunk in zip(sizes, chunks, strict=False) if chunk)
        if count > MAX_ENTRIES:
            raise UnreadableError(
                f"{source} must hold variables of at most {MAX_ENTRIES} chunks; {array.name!r} has {count}. "
                "Write it again with larger chunks."
            )


def _is_classic(path: Path, words: str) -> bool:
    with readable(path, words), path.open("rb") as file:
        kind = file.read(4)
        if kind == CDF5:
            raise ValueError("NetCDF-3 with 64-bit data, CDF-5; convert it, `nccopy -k nc4 old.nc new.nc`")
        return kind in CLASSIC


_Declared = tuple[str, tuple[int, ...], tuple[int, ...] | None, int]  # name, shape, chunks, bytes of a number


def _hdf5_arrays(path: Path) -> Iterator[_Declared]:
    """Arrays that an HDF5 file declares. Raises UnreadableError where one lies in another file."""
    require_sound_heaps(path)
    with h5py.File(path, "r") as file:
        groups: list[Any] = [file["/"]]
        seen: set[int] = set()
        while groups:
            group = groups.pop()
            for name in group:
                if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                    raise UnreadableError(f"{path} must hold its data itself; {name!r} lies in another file.")
                item: Any = group.get(name)
                address = None if item is None else hash(item)  # of the place in the file
                if address is None or address in seen:
                    continue
                seen.add(address)
                if len(seen) > MAX_ENTRIES:
                    raise UnreadableError(f"{path} must hold at most {MAX_ENTRIES} objects.")
                if isinstance(item, h5py.Group):
                    groups.append(item)
                elif isinstance(item, h5py.Dataset):
                    if item.external or item.is_virtual:
                        raise UnreadableError(
                            f"{path} must hold its data itself; {name!r} lies in another file."
                        )
                    yield name, item.shape or (), item.chunks, item.dtype.itemsize


def _zarr_arrays(path: Path, group: str | None) -> Iterator[_Declared]:
    for name, array in zarr.open_group(path, mode="r", path=group).arrays():
        yield name, array.shape, array.chunks, array.dtype.itemsize


def _require_plain(path: Path, words: str) -> None:
    """Raise UnreadableError if a folder holds anything but files, or codecs that run code."""
    folders, count = [path], 0
    while folders:
        folder = folders.pop()
        with readable(path, words), os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                if count > MAX_ENTRIES:
                    raise UnreadableError(
                        f"{path} must hold at most {MAX_ENTRIES} files; write larger chunks."
                    )
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif not entry.is_file():
                    raise UnreadableError(f"{path} must hold files only; {entry.name!r} is none.")
                elif entry.name in METADATA:
                    document = parse_json(read_text(Path(entry.path), words), words, path=path, strict=False)
                    _require_safe(document, path)


def _require_safe(document: Any, path: Path) -> None:
    """Raise UnreadableError if metadata name a codec that runs code; without recursion."""
    level = [document]
    while level:
        named = [node.get(key) for node in level if isinstance(node, dict) for key in ("id", "name")]
        if any(name in UNSAFE for name in named if isinstance(name, str)):
            raise UnreadableError(f"{path} holds programs (pickle), which are not run. Write numbers.")
        inner = (list(node.values()) if isinstance(node, dict) else node for node in level)
        level = [
            item
            for items in inner
            if isinstance(items, list)
            for item in items
            if isinstance(item, dict | list)
        ]
