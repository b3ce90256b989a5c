"""Files of NumPy arrays by name (`.npz`) that may be damaged."""

from __future__ import annotations

import contextlib
import errno
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, KeyError, NotImplementedError)


@contextlib.contextmanager
def telling_damage(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise ValueError where what reads a zip archive inside meets damage, or misses a name.

    Raises:
        ValueError: for that, with the path.
        OSError: for a file that is not there or cannot be read.
    """
    try:
        yield
    except _DAMAGE as error:
        raise ValueError(f"{os.fspath(path)!r} is no .npz file, or is damaged: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is of a place before the file's beginning
            raise
        raise ValueError(f"{os.fspath(path)!r} is damaged: it names places that it does not have") from error


@contextlib.contextmanager
def reading_npz(path: str | os.PathLike[str]) -> Iterator[Mapping[str, Any]]:
    """The arrays of a file by name, read as they are asked for; pickled objects are refused.

    Raises:
        ValueError: for a file that is no `.npz`, is damaged or cut short, or lacks a name that is asked for inside.
        OSError: for a file that is not there or cannot be read.
    """
    with telling_damage(path):
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError(f"{os.fspath(path)!r} is no .npz file: it holds a single array.")
        with file:
            yield file
