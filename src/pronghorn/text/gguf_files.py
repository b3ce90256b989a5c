"""The form of GGUF files: a header with named values, then arrays of numbers, of which many kinds are in blocks.

The header is read here, by its lengths. A file may come from anywhere, and the library's own reader makes two arrays
for each text of a vocabulary, which takes ten seconds for 400,000 of them. Kinds of numbers and their blocks are the
library's. The form is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pronghorn.saving.fetched_files import mend
from pronghorn.text.extra import importing

_VERSIONS = (2, 3)
_SCALARS = dict(enumerate(("<u1", "<i1", "<u2", "<i2", "<u4", "<i4", "<f4", "?"))) | {10: "<u8", 11: "<i8", 12: "<f8"}
_TEXT, _ARRAY = 8, 9
_MOST_AXES = 4
_SMALLEST = {"values": 13, "arrays": 24}  # bytes of one in a header
_BLOCKLESS: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "F64": np.dtype("<f8")}


def is_gguf(path: Path) -> bool:
    """Whether a path is that of a GGUF file, by its name or by how it begins."""
    if not path.is_file():
        return path.suffix == ".gguf" and not path.is_dir()
    if path.suffix == ".gguf":
        return True
    with open(path, "rb") as file:
        return file.read(4) == b"GGUF"


def library() -> Any:
    """Return the library `gguf`.

    Raises:
        ImportError: if it is not installed.
    """
    with importing("gguf", "GGUF files need"):
        import gguf
    return gguf


class GGUFArray:
    """An array of a file, mapped: rows are read and made numbers when they are asked for.

    Args:
        kind: a `gguf.GGMLQuantizationType`.
        shape: how many numbers there are along each axis, the last one being that of a row.
        data: its bytes.
    """

    def __init__(self, kind: Any, shape: tuple[int, ...], data: np.ndarray) -> None:
        self.kind, self.shape, self.data = kind, shape, data

    def blocks(self, rows: slice = slice(None)) -> np.ndarray:
        """Return the bytes of rows as they are in the file, (..., bytes of a row): a view of it.

        What has one axis is one row, and all of it is asked for.
        """
        count = math.prod(self.shape[:-1])
        return self.data.reshape(*self.shape[:-1], self.data.size // count)[rows]

    def values(self, rows: slice = slice(None)) -> np.ndarray:
        """Return the numbers of rows, in the type of the file where it has no blocks, in float32 otherwise."""
        if len(self.shape) == 1:
            return self._decoded(self.blocks())[rows]
        return self._decoded(self.blocks(rows))

    def check(self) -> None:
        """Raise where the library cannot make numbers of this kind.

        Raises:
            ValueError: with what to do.
        """
        try:
            self._decoded(self.data[: library().GGML_QUANT_SIZES[self.kind][1]])
        except NotImplementedError:
            raise ValueError(
                f"Numbers of the kind {self.kind.name} are not read; take a file of another kind, such as Q8_0 or Q4_K."
            ) from None

    def _decoded(self, blocks: np.ndarray) -> np.ndarray:
        plain = _BLOCKLESS.get(self.kind.name)
        if plain is not None:
            return blocks.view(plain)
        return library().quants.dequantize(np.ascontiguousarray(blocks), self.kind)


class GGUFFile(NamedTuple):
    """What is in a file, or in all files of a split model.

    Args:
        path: the file, as messages name it.
        fields: the values of the header by their names; arrays of numbers are NumPy's.
        arrays: by their names.
    """

    path: str
    fields: Mapping[str, Any]
    arrays: Mapping[str, GGUFArray]


def read_gguf(path: Path) -> GGUFFile:
    """Return what is in a file that may come from anywhere, with the other files of the same model.

    Raises:
        FileNotFoundError: if one of the files is not there.
        ImportError: without the library gguf.
        ValueError: if it is no such file, or damaged.
    """
    fields, arrays = _read(path)
    count = fields.get("split.count", 0)
    if isinstance(count, int) and count > 1:
        for other in _others(path, count):
            arrays |= _read(other)[1]
    return GGUFFile(os.fspath(path), fields, arrays)


def _others(path: Path, count: int) -> list[Path]:
    """The second and later files of a model that is split, by the name of the first."""
    mark = f"-00001-of-{count:05}.gguf"
    if not path.name.endswith(mark):
        raise ValueError(f"{path} is one of {count} files of a model; give the first of them, whose name ends {mark}.")
    names = [f"{path.name.removesuffix(mark)}-{n:05}-of-{count:05}.gguf" for n in range(2, min(count, 99999) + 1)]
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{path} is one of {count} files of a model; missing: {', '.join(missing[:3])}"
            f"{', ...' if missing[3:] else ''}. Fetch the rest of the model."
        )
    return [path.parent / name for name in names]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, GGUFArray]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {os.fspath(path)!r}; a model is a folder with config.json, or a GGUF file."
        )
    with open(path, "rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path} is no GGUF file, since it does not begin with GGUF; {mend(path)}.")
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header = _Header(memory, os.fspath(path))
    try:
        fields, infos = header.read()
    except (struct.error, UnicodeDecodeError, _Damaged) as error:
        raise ValueError(f"{path} is damaged, or not all of it is there ({error}): fetch it again.") from None
    alignment = fields.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
        raise ValueError(f"{path} is damaged: its arrays are aligned at {alignment!r} bytes.")
    start = -(-header.at // alignment) * alignment
    data = np.frombuffer(memory, "uint8")
    return fields, {name: _array(path, data, start, name, *info) for name, info in infos.items()}


def _array(path: Path, data: np.ndarray, start: int, name: str, shape: Any, number: int, offset: int) -> GGUFArray:
    """An array, whose bytes are in the file."""
    gguf = library()
    try:
        kind = gguf.GGMLQuantizationType(number)
        block, size = gguf.GGML_QUANT_SIZES[kind]
    except (ValueError, KeyError):
        raise ValueError(
            f"{path}: {name[:100]!r} is of the kind {number}, which this version of the library gguf does not know."
        ) from None
    if shape[-1] % block:
        raise ValueError(f"{path} is damaged: {name[:100]!r} has rows of {shape[-1]} numbers in blocks of {block}.")
    begin, length = start + offset, math.prod(shape) // block * size
    if begin + length > data.size:
        raise ValueError(
            f"{path} has {data.size:,} bytes, and its array {name[:100]!r} ends at {begin + length:,}: it is not "
            "all there; fetch it again."
        )
    return GGUFArray(kind, shape, data[begin : begin + length])


class _Damaged(Exception):
    """A header that cannot be."""


class _Header:
    """Reads a header from the beginning; no count in it is believed beyond the file's length."""

    def __init__(self, memory: mmap.mmap, shown: str) -> None:
        self._memory, self._shown = memory, shown
        self.at = 4

    def read(self) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], int, int]]]:
        """Return the values, and the shape, the kind and the place of each array."""
        version = self._number("<I")
        if version not in _VERSIONS:
            raise ValueError(
                f"{self._shown} is a GGUF file of version {version & 0xFFFF or version >> 24}"
                f"{'' if version & 0xFFFF else ' in the order of bytes of other machines'}; versions 2 and 3 are read."
            )
        arrays, values = self._number("<Q"), self._number("<Q")
        for count, what in ((arrays, "arrays"), (values, "values")):
            if count * _SMALLEST[what] > len(self._memory):
                raise _Damaged(f"it claims {count:,} {what}")
        fields: dict[str, Any] = {}
        for _ in range(values):
            name = self._text()
            if name in fields:
                raise _Damaged(f"it has {name[:100]!r} twice")
            fields[name] = self._value(self._number("<I"))
        infos: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(arrays):
            name = self._text()
            axes = self._number("<I")
            if name in infos or not 0 < axes <= _MOST_AXES:
                raise _Damaged(f"its array {name[:100]!r} is there twice or has {axes} axes")
            shape = tuple(reversed(self._numbers(f"<{axes}Q")))
            infos[name] = shape, self._number("<I"), self._number("<Q")
            if not all(shape):
                raise _Damaged(f"its array {name[:100]!r} has no numbers")
        return fields, infos

    def _numbers(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self._memory, self.at)
        self.at += struct.calcsize(form)
        return found

    def _number(self, form: str) -> Any:
        return self._numbers(form)[0]

    def _bytes(self, length: int) -> bytes:
        if length > len(self._memory) - self.at:
            raise _Damaged("a text goes on behind its end")
        self.at += length
        return self._memory[self.at - length : self.at]

    def _text(self) -> str:
        return self._bytes(self._number("<Q")).decode("utf-8")

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return np.frombuffer(self._bytes(np.dtype(_SCALARS[kind]).itemsize), _SCALARS[kind])[0].item()
        if kind == _TEXT:
            return self._text()
        if kind != _ARRAY:
            raise _Damaged(f"a value is of the kind {kind}")
        kind, count = self._number("<I"), self._number("<Q")
        if kind in _SCALARS:
            return np.frombuffer(self._bytes(count * np.dtype(_SCALARS[kind]).itemsize), _SCALARS[kind])
        if kind != _TEXT or count * 8 > len(self._memory):
            raise _Damaged(f"an array has {count:,} values of the kind {kind}")
        return [self._text() for _ in range(count)]
