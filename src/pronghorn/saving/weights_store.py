"""Arrays in an HDF5 file: written plainly, and read with no trust in the file.

A weights file is data. Whatever HDF5 has beside numbers that lie in the file itself is refused: links to other files
or places, external storage, virtual data sets, strings, references, and shapes that promise more than the file holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from pronghorn.saving.disk import Disk
from pronghorn.saving.memory_cap import capped

# HDF5 does not know these types: they are written as bytes, and an attribute says what they are.
_BY_NAME = {
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
}
# How much larger a compressed array may be than its bytes in the file; weights do not compress better.
_MAX_RATIO = 200
_SMALL = 1 << 22
_TEXT = 1 << 28


class WeightsWriter:
    """Writes arrays into a new HDF5 file.

    Args:
        path: the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._disk = Disk(path)
        self._file = h5py.File(self._disk, "w")

    def __enter__(self) -> WeightsWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End writing.

        Raises:
            OSError: if not all could be written.
        """
        try:
            self._file.close()
        finally:
            self._disk.close()

    def make(self, path: str, name: str | None = None) -> WriteGroup:
        """Return a mapping to put the arrays of one object into.

        Args:
            path: of the object, such as ``"layers/dense"``; empty for the root.
            name: of the object.
        """
        group = self._file.create_group(f"{path}/vars" if path else "vars")
        if name is not None:
            group.attrs["name"] = name
        return WriteGroup(group)

    def note(self, name: str, data: Any, arrays: Sequence[Any] = ()) -> None:
        """Write plain data and arrays that are no weights beside them.

        Args:
            name: of the group that holds them.
            data: what `json.dumps` takes.
            arrays: arrays of numbers.
        """
        group = self._file.create_group(name)
        group.create_dataset("json", data=np.frombuffer(json.dumps(data).encode("utf-8"), "uint8"))
        written = WriteGroup(group)
        for number, array in enumerate(arrays):
            written[str(number)] = array


class WriteGroup(MutableMapping[str, Any]):
    """The arrays of one object that is being written."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group

    def __setitem__(self, key: str, value: Any) -> None:
        array = np.asarray(value)
        name = array.dtype.name
        if name in _BY_NAME:
            array = array.view(f"V{array.dtype.itemsize}")
        elif array.dtype.kind not in "biufc":
            raise TypeError(f"Weights files hold numbers; {self._group.name}/{key} is an array of {array.dtype}.")
        data = self._group.create_dataset(key, data=array)
        if name in _BY_NAME:
            data.attrs["dtype"] = name

    def __getitem__(self, key: str) -> np.ndarray:
        return array_of(self._group[key])

    def __delitem__(self, key: str) -> None:
        del self._group[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)


class WeightsReader:
    """Reads arrays from an HDF5 file that may come from anywhere.

    Args:
        path: the file.

    Raises:
        ValueError: if it is no HDF5 file.
    """

    def __init__(self, path: str | os.PathLike[str], shown_as: str | None = None) -> None:
        self.shown_as = shown_as or os.fspath(path)
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            if not os.path.exists(path):
                raise
            raise ValueError(f"{self.shown_as} is no weights file: it is not in the HDF5 format ({error}).") from None

    def __enter__(self) -> WeightsReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End reading."""
        self._file.close()

    def get(self, path: str) -> ReadGroup:
        """Return the arrays of one object; an empty mapping where the file has none.

        Args:
            path: of the object, such as ``"layers/dense"``.

        Raises:
            ValueError: if the path leads through a link.
        """
        group: Any = self._file
        for part in [*path.split("/"), "vars"] if path else ["vars"]:
            group = member_of(group, part, self.shown_as)
            if not isinstance(group, h5py.Group):
                return ReadGroup(None, self.shown_as)
        return ReadGroup(group, self.shown_as)

    def noted(self, name: str) -> tuple[Any, list[np.ndarray]] | None:
        """Return what `WeightsWriter.note` wrote, or None where there is nothing.

        Raises:
            ValueError: if it is damaged.
        """
        group = member_of(self._file, name, self.shown_as)
        if not isinstance(group, h5py.Group):
            return None
        found = ReadGroup(group, self.shown_as)
        try:
            data = json.loads(found["json"].astype("uint8").tobytes().decode("utf-8"))
        except (KeyError, ValueError, RecursionError) as error:
            raise ValueError(f"{self.shown_as}: its {name} cannot be read ({error}).") from None
        return data, [found[str(number)] for number in range(len(found) - 1)]

    def objects(self) -> list[str]:
        """Return the paths of all objects that have arrays, such as ``"layers/dense"``.

        Raises:
            ValueError: if something on the way is a link.
        """
        groups = (path for path, found in everything(self._file, self.shown_as) if isinstance(found, h5py.Group))
        return sorted(path.rpartition("/")[0] for path in groups if path.rpartition("/")[2] == "vars")

    def nbytes(self) -> int:
        """Return the size of all arrays, after the checks that cost nothing.

        Raises:
            ValueError: if one is not to be trusted.
        """
        return total_bytes(self._file, self.shown_as)

    def is_legacy(self) -> bool:
        """Return whether the file has the older layout, of `model.save_weights("....h5")` in Keras 2."""
        return "layer_names" in self._file.attrs or "model_weights" in self._file


def open_store(
    root_path: str | os.PathLike[str], archive: Any = None, mode: str = "r"
) -> WeightsWriter | WeightsReader:
    """A weights file as other libraries open it for arrays of their own, by Keras's names of the arguments.

    Args:
        root_path: the file.
        archive: None; there are no files within files here.
        mode: ``"r"`` or ``"w"``.

    Raises:
        ValueError: for another mode, or an archive.
    """
    if archive is not None or mode not in ("r", "w"):
        raise ValueError(f"A weights file is opened by its path with mode 'r' or 'w', got {archive=} and {mode=}.")
    return WeightsWriter(root_path) if mode == "w" else WeightsReader(root_path)


class ReadGroup(Mapping[str, np.ndarray]):
    """The arrays of one object; reading one checks it first."""

    def __init__(self, group: h5py.Group | None, shown_as: str) -> None:
        self._group = group
        self._shown_as = shown_as

    def __getitem__(self, key: str) -> np.ndarray:
        if self._group is None or key not in self._group:
            raise KeyError(key)
        return array_of(member_of(self._group, key, self._shown_as), self._shown_as)

    def shape(self, key: str) -> tuple[int, ...] | None:
        """Return the shape of an array without reading it; None if it is not there."""
        data = member_of(self._group, key, self._shown_as) if self._group is not None else None
        return tuple(data.shape) if isinstance(data, h5py.Dataset) else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._group if self._group is not None else ())

    def __len__(self) -> int:
        return len(self._group) if self._group is not None else 0


def member_of(group: h5py.Group, name: str, shown_as: str) -> Any:
    """What is in a group under a name, or None; refuses everything but what lies there itself.

    Args:
        group: an open group.
        name: of one of its members.
        shown_as: what messages call the file.

    Raises:
        ValueError: for a link.
    """
    link = group.get(name, getlink=True) if name and name not in (".", "..") else None
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise ValueError(
            f"{shown_as}: {group.name}/{name} is a link ({type(link).__name__}) and not data. Weights files hold their "
            "arrays themselves; this one is refused."
        )
    return group.get(name)


def array_of(data: Any, shown_as: str = "") -> np.ndarray:
    """The array of a data set, after checks that cost nothing.

    Args:
        data: what `member_of` found.
        shown_as: what messages call the file.

    Raises:
        ValueError: if it is no array of numbers, lies in another file, or is said to be larger than the file.
    """
    checked_size(data, shown_as)
    array = data[()]
    if data.dtype.kind != "V":
        return np.asarray(array)
    where = f"{shown_as}: {data.name}"
    name = attribute(data, "dtype", shown_as)
    name = name.decode("ascii", "replace") if isinstance(name, bytes) else name
    if not isinstance(name, str) or name not in _BY_NAME or _BY_NAME[name].itemsize != data.dtype.itemsize:
        raise ValueError(f"{where} is not an array of numbers (its bytes are said to be {name!r}).")
    return np.asarray(array).view(_BY_NAME[name])


def attribute(holder: Any, name: str, shown_as: str) -> Any:
    """An attribute of a file, a group or an array, or None, after a check that it is no larger than the file.

    Args:
        holder: what has the attribute.
        name: of the attribute.
        shown_as: what messages call the file.

    Raises:
        ValueError: if it is said to be larger than the file.
    """
    if name not in holder.attrs:
        return None
    found = h5py.h5a.open(holder.id, name.encode("utf-8"))
    size = found.get_space().get_simple_extent_npoints() * found.get_type().get_size()
    if size > holder.file.id.get_filesize():
        raise ValueError(f"{shown_as}: its {name} is said to have {size:,} bytes, more than the file; it is refused.")
    with capped(_TEXT + holder.file.id.get_filesize()):  # HDF5 takes the length of a text from the file, unchecked
        return holder.attrs[name]


def checked_size(data: Any, shown_as: str) -> int:
    """The size of an array in bytes, without reading it.

    Raises:
        ValueError: if it is no array of numbers, lies in another file, or is said to be larger than the file.
    """
    if not isinstance(data, h5py.Dataset):
        raise ValueError(f"{shown_as}: {getattr(data, 'name', data)} is no array.")
    where = f"{shown_as}: {data.name}"
    if data.external or data.is_virtual:
        raise ValueError(f"{where} lies in another file; weights files hold their arrays themselves. It is refused.")
    if data.shape is None or data.dtype.kind not in "biufcV" or data.dtype.fields or data.dtype.subdtype:
        raise ValueError(f"{where} is not an array of numbers (it is of type {data.dtype}).")
    size = int(np.prod(data.shape, dtype=object)) * data.dtype.itemsize
    stored = data.id.get_storage_size()
    allowed = stored if data.compression is None and data.chunks is None else max(_SMALL, stored * _MAX_RATIO)
    if size > allowed and size > 0:
        raise ValueError(
            f"{where} is said to have the shape {data.shape}, {size:,} bytes, but the file has only {stored:,} bytes "
            "for it. The file is damaged or not to be trusted."
        )
    return size


def everything(group: h5py.Group, shown_as: str, path: str = "", seen: set[int] | None = None) -> Iterator[Any]:
    """All groups and arrays below a group: pairs of the path from there and the object, groups before what is in them.

    Args:
        group: an open group.
        shown_as: what messages call the file.
        path: of the group.
        seen: the addresses of those before, for the calls within.

    Raises:
        ValueError: for a link, and for what lies at two places: groups that do so in each other, forty deep, would be
            more than anybody can walk through.
    """
    seen = set() if seen is None else seen
    for name in group:
        member = member_of(group, name, shown_as)
        place = h5py.h5o.get_info(member.id).addr
        if place in seen:
            raise ValueError(
                f"{shown_as}: what is at {member.name} is also at another place. Weights files hold every array and "
                "every group once; this one is refused."
            )
        seen.add(place)
        inner = f"{path}/{name}" if path else name
        yield inner, member
        if isinstance(member, h5py.Group):
            yield from everything(member, shown_as, inner, seen)


def total_bytes(group: h5py.Group, shown_as: str) -> int:
    """The size of all arrays at and below a group; see `checked_size`."""
    found = (member for _, member in everything(group, shown_as))
    return sum(checked_size(member, shown_as) for member in found if not isinstance(member, h5py.Group))


def array_info(data: h5py.Dataset) -> tuple[tuple[int, ...], str]:
    """The shape and the type of an array, without reading it."""
    name = attribute(data, "dtype", data.file.filename)
    known = name if isinstance(name, str) and name in _BY_NAME else None
    return tuple(data.shape or ()), known or data.dtype.name
