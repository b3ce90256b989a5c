"""Arrays in a safetensors file, through its own library: a header, and then nothing but numbers.

The arrays have the names that they have in Keras's weights files, such as ``layers/dense/vars/0``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from pronghorn._extras import install_command
from pronghorn.saving.fetched_files import mend

_DTYPES = {
    "BOOL": np.dtype("bool"),
    "U8": np.dtype("uint8"),
    "I8": np.dtype("int8"),
    "U16": np.dtype("uint16"),
    "I16": np.dtype("int16"),
    "U32": np.dtype("uint32"),
    "I32": np.dtype("int32"),
    "U64": np.dtype("uint64"),
    "I64": np.dtype("int64"),
    "F16": np.dtype("float16"),
    "F32": np.dtype("float32"),
    "F64": np.dtype("float64"),
    "C64": np.dtype("complex64"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}


_MAX_AXES = 64  # of an array in NumPy
_MAX_HEADER = 1 << 23  # bytes of JSON: some 100,000 arrays


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            f"safetensors files need their library; to install it: {install_command('safetensors')}"
        ) from None
    return safetensors


class SafetensorsWriter:
    """Collects arrays and writes them into a new file when it is closed without an error.

    Args:
        path: the file.

    Raises:
        ImportError: if the library is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._library = _library()
        self._arrays: dict[str, np.ndarray] = {}

    def __enter__(self) -> SafetensorsWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            data = self._library.numpy.save(self._arrays, metadata={"format": "keras weights"})
            Path(self._path).write_bytes(data)

    def make(self, path: str, name: str | None = None) -> MutableMapping[str, Any]:
        """Return a mapping to put the arrays of one object into; see `WeightsWriter.make`."""
        return _Collected(self._arrays, f"{path}/vars/" if path else "vars/")


class _Collected(MutableMapping[str, Any]):
    """The arrays of one object: those of a dict whose keys begin alike."""

    def __init__(self, arrays: dict[str, np.ndarray], prefix: str) -> None:
        self._arrays, self._prefix = arrays, prefix

    def __setitem__(self, key: str, value: Any) -> None:
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        if array.dtype not in _DTYPES.values():
            raise TypeError(f"safetensors files hold numbers; {self._prefix}{key} is an array of {array.dtype}.")
        self._arrays[self._prefix + key] = array

    def __getitem__(self, key: str) -> np.ndarray:
        return self._arrays[self._prefix + key]

    def __delitem__(self, key: str) -> None:
        del self._arrays[self._prefix + key]

    def __iter__(self) -> Iterator[str]:
        return (key[len(self._prefix) :] for key in self._arrays if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _check_header(path: Path, shown: str) -> None:
    """Refuse a header that is long, which costs memory before anything is known, or that says two things of one name.

    Whatever else is wrong with it the library finds.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MAX_HEADER:
            raise ValueError(
                f"{shown} is no safetensors file of a model, or it is damaged: by its first bytes, {length:,} bytes of "
                f"names follow; {mend(path)}."
            )
        header = file.read(length)
    try:
        json.loads(header, object_pairs_hook=_without_repeats)
    except KeyError as repeated:
        raise ValueError(
            f"{shown} describes {repeated.args[0][:100]!r} twice, so it is refused; {mend(path)}."
        ) from None
    except (ValueError, RecursionError):
        return


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise KeyError(key)
        found[key] = value
    return found


class SafetensorsReader:
    """Reads arrays from a file that may come from anywhere.

    Args:
        path: the file.
        shown_as: what messages call it.

    Raises:
        ImportError: if the library is not installed.
        ValueError: if it is no such file, or damaged.
    """

    def __init__(self, path: str | os.PathLike[str], shown_as: str | None = None) -> None:
        self.shown_as = shown_as or os.fspath(path)
        library = _library()
        _check_header(Path(path), self.shown_as)
        try:
            entries = library.deserialize(Path(path).read_bytes())
        except library.SafetensorError as error:
            raise ValueError(
                f"{self.shown_as} is no safetensors file, or it is damaged ({error}); {mend(path)}."
            ) from None
        self._arrays: dict[str, np.ndarray] = {}
        for name, entry in entries:
            dtype = _DTYPES.get(entry["dtype"])
            if dtype is None:
                raise ValueError(f"{self.shown_as}: {name!r} is of the type {entry['dtype']!r}, which is not read.")
            if len(entry["shape"]) > _MAX_AXES:
                raise ValueError(
                    f"{self.shown_as}: {name!r} has {len(entry['shape'])} axes, more than an array can have."
                )
            self._arrays[name] = np.frombuffer(entry["data"], dtype).reshape(entry["shape"])

    def __enter__(self) -> SafetensorsReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._arrays = {}

    def arrays(self) -> list[tuple[str, tuple[int, ...], str]]:
        """Return the name, the shape and the type of every array."""
        return [(name, array.shape, array.dtype.name) for name, array in self._arrays.items()]

    def read(self, name: str) -> np.ndarray:
        """Return an array by its name in the file."""
        return self._arrays[name]

    def objects(self) -> list[str]:
        """Return the paths of all objects that have arrays, such as ``"layers/dense"``.

        Raises:
            ValueError: for arrays with other names.
        """
        found = set()
        for name in self._arrays:
            path, mark, _ = f"/{name}".rpartition("/vars/")
            if not mark:
                raise ValueError(
                    f"{self.shown_as}: {name!r} is not called as in Keras's weights files (layers/dense/vars/0), so it "
                    "is not known whose it is."
                )
            found.add(path.removeprefix("/"))
        return sorted(found)

    def get(self, path: str) -> SafetensorsGroup:
        """Return the arrays of one object; an empty mapping where the file has none."""
        return SafetensorsGroup(self._arrays, f"{path}/vars/" if path else "vars/")


def map_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the arrays of a file that may come from anywhere: read-only views of it, which are read when looked at.

    Args:
        path: the file.

    Raises:
        ImportError: if the library is not installed.
        ValueError: if it is no such file, or damaged.
    """
    shown, library = os.fspath(path), _library()
    _check_header(Path(path), shown)
    try:
        with library.safe_open(path, framework="numpy"):
            pass  # the library has compared the header with itself and with the file's length
    except library.SafetensorError as error:
        raise ValueError(f"{shown} is no safetensors file, or it is damaged ({error}); {mend(path)}.") from None
    memory = np.memmap(path, "uint8", "r")
    start = 8 + int.from_bytes(memory[:8].tobytes(), "little")
    found = {}
    for name, entry in json.loads(memory[8:start].tobytes()).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES or len(entry["shape"]) > _MAX_AXES:
            raise ValueError(
                f"{shown}: {name[:100]!r} is of the type {entry['dtype']} with {len(entry['shape'])} axes, which is "
                "not read."
            )
        begin, end = entry["data_offsets"]
        found[name] = memory[start + begin : start + end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return found


class SafetensorsGroup(Mapping[str, np.ndarray]):
    """The arrays of one object."""

    def __init__(self, arrays: dict[str, np.ndarray], prefix: str) -> None:
        self._inner = _Collected(arrays, prefix)

    def __getitem__(self, key: str) -> np.ndarray:
        return self._inner[key]

    def shape(self, key: str) -> tuple[int, ...] | None:
        """Return the shape of an array; None if it is not there."""
        return self._inner[key].shape if key in self._inner else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)
