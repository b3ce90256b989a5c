"""Elements of data sets in a file: plain arrays, in NumPy's format, from which nothing is run."""

from __future__ import annotations

import glob
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.data.element import Text, as_element, as_plain, text_of
from pronghorn.data.ragged import RaggedTensor
from pronghorn.utils.npz import reading_npz
from pronghorn.utils.replacing import replacing


def path_of(path: Any) -> str:
    """A path that may be an array of one string without axes."""
    return os.fsdecode(path if isinstance(path, str | bytes | os.PathLike) else as_plain(path))


def paths_of(filenames: Any) -> list[str]:
    """The paths in a string, a list, an array or a data set of them.

    >>> paths_of(["a", b"b"])
    ['a', 'b']
    """
    if isinstance(filenames, str | bytes | os.PathLike):
        return [os.fsdecode(filenames)]
    if hasattr(filenames, "as_numpy_iterator"):
        filenames = list(filenames.as_numpy_iterator())
    if isinstance(filenames, np.ndarray):
        filenames = np.atleast_1d(np.asarray(filenames, object)).tolist()
    return [path_of(x) for x in filenames]


def matching(patterns: Any) -> list[str]:
    """The paths that match one of the patterns, in order; patterns as `paths_of` takes them."""
    return sorted(path for pattern in paths_of(patterns) for path in glob.glob(pattern))


_COMPRESSIONS = (None, "", "GZIP")


def file_of(path: Any) -> Path:
    """The file in which elements lie for a path that a user gave."""
    return Path(path_of(path) + ".elements.npz")


def write(path: Path, elements: Iterable[Any], compression: str | None = None) -> None:
    """Write elements; a file that is there is replaced once the new one is whole.

    Raises:
        ValueError: for another compression than `"GZIP"` or none.
    """
    if compression not in _COMPRESSIONS:
        raise ValueError(f"Dataset.save: compression={compression!r}; it must be 'GZIP' or None.")
    arrays: dict[str, np.ndarray] = {}
    structures = [_put(element, arrays) for element in elements]
    arrays["structures"] = np.frombuffer(json.dumps(structures).encode(), "uint8")
    if compression == "GZIP":
        arrays["compression"] = np.frombuffer(b"GZIP", "uint8")
    write_arrays(path, arrays, compressed=compression == "GZIP")


def write_arrays(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], compressed: bool = False) -> None:
    """Write arrays by name into a file of NumPy's; one that is there is replaced once the new one is whole."""
    with replacing(path) as fresh, open(fresh, "wb") as stream:
        (np.savez_compressed if compressed else np.savez)(stream, **arrays)  # type: ignore[arg-type]


def read(path: Path, compression: str | None = None) -> Iterator[Any]:
    """Read elements.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file that is none of these, or was compressed in another way.
    """
    with reading_npz(path) as file:
        found = bytes(file["compression"]).decode() if "compression" in file else None
        if found != (compression or None):
            raise ValueError(
                f"Dataset.load: the data set was saved with compression={found!r}, not {compression!r}; pass that."
            )
        try:
            structures = json.loads(bytes(file["structures"]))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path} holds no elements of a data set: {error}.") from None
        for structure in structures:
            yield _get(structure, file)


def _put(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The structure of an element, with the names of its arrays in the places of them."""
    if isinstance(value, dict):
        return {"dict": {key: _put(entry, arrays) for key, entry in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [_put(entry, arrays) for entry in value]}
    if isinstance(value, RaggedTensor):
        return {"rows": [_put(value.values, arrays), _put(value.splits, arrays)]}
    value = as_element(value.numpy() if hasattr(value, "numpy") and not isinstance(value, np.ndarray) else value)
    name = str(len(arrays))
    if isinstance(value, Text):
        strings = value.ravel().tolist()
        arrays[name] = np.frombuffer(b"".join(strings), "uint8")
        return {"text": [name, [len(x) for x in strings], list(value.shape)]}
    arrays[name] = np.asarray(value)
    if arrays[name].dtype.kind not in "biufc":
        raise ValueError(f"a data set's elements of type {arrays[name].dtype} cannot be written to a file.")
    return {"array": name}


def _get(structure: Any, arrays: Any) -> Any:
    ((kind, value),) = structure.items()
    if kind == "dict":
        return {key: _get(entry, arrays) for key, entry in value.items()}
    if kind == "tuple":
        return tuple(_get(entry, arrays) for entry in value)
    if kind == "rows":
        return RaggedTensor(*(_get(entry, arrays) for entry in value))
    if kind == "text":
        name, lengths, shape = value
        data, ends = bytes(arrays[name]), np.cumsum([0, *lengths]).tolist()
        return text_of([data[a:b] for a, b in itertools.pairwise(ends)], tuple(shape))
    return arrays[value]
