"""Reading the files that data sets come in, trusting none of them."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.utils.npz import reading_npz, telling_damage

Split = tuple[np.ndarray, np.ndarray]


def load_npz(path: str | Path, names: Sequence[str]) -> list[np.ndarray]:
    """Read arrays of plain numbers from an `.npz` file.

    Raises:
        ValueError: if the file is no such archive, lacks a name, or holds Python objects.
    """
    try:
        with reading_npz(path) as archive:
            return [archive[name] for name in names]
    except ValueError as error:
        raise ValueError(
            f"{path} is not the data set's file ({error}); delete it to have it downloaded again."
        ) from None


def load_npz_of_lists(path: str | Path, names: Sequence[str]) -> list[np.ndarray]:
    """Read arrays from an `.npz` file in which some hold lists of integers, as the text data sets do.

    Lists are stored as pickles, so they go through `load_plain_pickle`.
    """
    arrays = []
    try:
        with telling_damage(path), zipfile.ZipFile(path) as archive:
            for name in names:
                with archive.open(f"{name}.npy") as stream:
                    arrays.append(_read_npy(io.BytesIO(stream.read())))
    except ValueError as error:
        raise ValueError(
            f"{path} is not the data set's file ({error}); delete it to have it downloaded again."
        ) from None
    return arrays


def _read_npy(stream: io.BytesIO) -> np.ndarray:
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(stream)
    if not dtype.hasobject:
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    value = load_plain_pickle(stream)
    return np.asarray(value, dtype=object).reshape(shape)


def load_idx(path: str | Path) -> np.ndarray:
    """Read an array of bytes from a gzip-compressed IDX file, the format of MNIST and Fashion-MNIST.

    Raises:
        ValueError: if the file is not one.
    """
    try:
        data = gzip.decompress(Path(path).read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} is no gzip file: {error}") from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is no IDX file of bytes.")
    rank = data[3]
    shape = tuple(int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(rank))
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * rank)
    if values.size != int(np.prod(shape)):
        raise ValueError(f"{path} is cut short: {values.size} of {int(np.prod(shape))} values.")
    return values.reshape(shape).copy()


# What a data set's pickle may call. Anything else could run code.
_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}, which is no plain data")
        return super().find_class(module, name)


def load_plain_pickle(stream: Any, encoding: str = "bytes") -> Any:
    """Unpickle dicts, lists, strings, bytes, numbers and NumPy arrays, and nothing else.

    Raises:
        ValueError: if the pickle holds anything else, or is damaged.
    """
    try:
        return _PlainUnpickler(stream, encoding=encoding).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError) as error:
        raise ValueError(f"The data set's file holds more than plain data or is damaged: {error}.") from None
