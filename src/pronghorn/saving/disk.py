"""A file that HDF5 can always close."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py


class Disk:
    """A new file for h5py, which takes all that it is given; what went wrong meanwhile is raised when it is closed.

    HDF5 cannot give up a file that it cannot write: after a failed close it stays open, and HDF5 comes back to it at
    the end of the process, where it may crash. So it never learns that a disk is full.

    Args:
        path: of the file.

    Raises:
        OSError: if the file cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115
        self._end = 0  # as HDF5 knows it
        self._place = 0
        self._error: BaseException | None = None

    def _unless_failed(self, do: Callable[..., None], *arguments: Any) -> None:
        if self._error is None:
            try:
                do(*arguments)
            except BaseException as error:  # Ctrl-C as well: raised in the midst of HDF5 it would be lost
                self._error = error

    def _write(self, view: memoryview, place: int) -> None:
        self._file.seek(place)
        while view:
            view = view[self._file.write(view) :]

    def _read(self, view: memoryview, place: int) -> None:
        self._file.seek(place)
        while view and (count := self._file.readinto(view)):
            view = view[count:]

    # -- what h5py asks of a file -----------------------------------------------------------------------------------
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the place of the next read or write."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        return self._place

    def tell(self) -> int:
        """The place of the next read or write."""
        return self._place

    def write(self, data: Any) -> int:
        """Write all bytes."""
        view = memoryview(data).cast("B")
        self._unless_failed(self._write, view, self._place)
        self._place += len(view)
        self._end = max(self._end, self._place)
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as the buffer has; zeros where none were written."""
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        self._unless_failed(self._read, view, self._place)
        self._place += len(view)
        return len(view)

    def read(self, count: int) -> bytes:
        """Read so many bytes."""
        buffer = bytearray(count)
        self.readinto(buffer)
        return bytes(buffer)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        self._end = self._place if size is None else size
        self._unless_failed(self._file.truncate, self._end)
        return self._end

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def close(self) -> None:
        """Close the file.

        Raises:
            OSError: what went wrong before.
        """
        self._unless_failed(self._file.close)
        with contextlib.suppress(OSError):
            self._file.close()
        error, self._error = self._error, None
        if error is not None:
            raise error


@contextmanager
def new_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open a new HDF5 file to be written, which is closed at the end.

    Args:
        path: of the file.

    Raises:
        OSError: at the end, if not all could be written.
    """
    disk = Disk(path)
    try:
        with h5py.File(disk, "w") as file:
            yield file
    finally:
        disk.close()
