"""`tf.io.gfile.GFile`, for `pronghorn run`: a file that is opened once it is read or written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pronghorn.data.element import encoded
from pronghorn.data.storing import path_of
from pronghorn_tensorflow.program.errors import with_causes

_MODES = ("r", "w", "a", "r+", "w+", "a+")


class GFile:
    """A file of bytes, which modes without a `b` give as text; strings and bytes are written in any mode.

    Args:
        name: its path.
        mode: as for Python's `open`.

    Raises:
        ValueError: for another mode.
    """

    @with_causes
    def __init__(self, name: Any, mode: str = "r") -> None:
        if mode.replace("b", "") not in _MODES:
            raise ValueError(f"tf.io.gfile.GFile: mode={mode!r}; it must be one of {', '.join(_MODES)}, or with a b.")
        self.name, self.mode = path_of(name), mode
        self._stream: Any = None

    @with_causes
    def _opened(self, what: str) -> Any:
        """The stream.

        Raises:
            PermissionError: where the mode does not allow `what`, reading or writing.
        """
        if "+" not in self.mode and (self.mode[0] == "r") != (what == "reading"):
            raise PermissionError(f"tf.io.gfile.GFile: {self.name} is not open for {what}; its mode is {self.mode!r}.")
        return self._there()

    def _there(self) -> Any:
        if self._stream is None:
            self._stream = open(self.name, self.mode.replace("b", "") + "b")  # noqa: SIM115
        return self._stream

    def _as_asked(self, data: bytes) -> Any:
        return data if "b" in self.mode else data.decode("utf-8")

    def read(self, n: int = -1) -> Any:
        """Return the next `n` bytes, or all that are left; as text where the mode says so."""
        return self._as_asked(self._opened("reading").read(n))

    def readline(self) -> Any:
        """Return the next line with its end; nothing after the last."""
        return self._as_asked(self._opened("reading").readline())

    def readlines(self) -> list[Any]:
        """Return all lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def write(self, file_content: Any) -> None:
        """Write a string or bytes.

        Raises:
            TypeError: for anything else.
        """
        if not isinstance(file_content, str | bytes):
            raise TypeError(f"tf.io.gfile.GFile: a string or bytes are written; got {type(file_content).__name__}.")
        self._opened("writing").write(encoded(file_content))

    @with_causes
    def size(self) -> int:
        """Return how many bytes the file has."""
        return os.path.getsize(self.name)

    @with_causes
    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Go to a place."""
        self._there().seek((position if offset is None else offset) or 0, whence)

    @with_causes
    def tell(self) -> int:
        """Return the place where one is."""
        return int(self._there().tell())

    def seekable(self) -> bool:
        """Whether one can go to a place: always."""
        return True

    def flush(self) -> None:
        """Have what was written be in the file."""
        if self._stream is not None:
            self._stream.flush()

    def close(self) -> None:
        """Close the file; it is opened anew when it is used again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
