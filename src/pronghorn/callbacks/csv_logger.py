"""Results of each epoch as a CSV file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.saving.archive import explained

_MOST_TO_COMPARE = 1 << 22


class CSVLogger(Callback):
    """Writes the results of each epoch to a CSV file.

    Args:
        filename: the file.
        separator: what stands between two values.
        append: whether to go on with a file that is there, instead of starting it anew. A training that
            `BackupAndRestore` resumes goes on with its own file in any case.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "log.csv")
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, callbacks=[CSVLogger(path)], verbose=0)
    >>> len(open(path).readlines())  # names, and two epochs
    3
    """

    _only_first = True
    _kept = ("keys",)

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: Any = None
        self._needs_header = True
        self._starts_anew = False
        self._written_before = b""  # by an interrupted run, after its backup

    def _label(self) -> str:
        return f"{super()._label()} in {os.path.basename(self.filename)}"

    def _state(self) -> dict[str, Any]:
        size = 0 if self._file is None or self._starts_anew else os.fstat(self._file.fileno()).st_size
        return {**super()._state(), "size": size}

    def _set_state(self, state: Mapping[str, Any]) -> None:
        size = int(state["size"])
        if self._file is None or not 0 <= size <= os.path.getsize(self.filename):
            return  # another file has taken its place
        super()._set_state(state)
        _drop_torn_line(self.filename)
        with open(self.filename, "rb") as file:
            file.seek(size)
            self._written_before = file.read(_MOST_TO_COMPARE)
        self._starts_anew, self._needs_header = False, size == 0

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.append and os.path.exists(self.filename):
            _drop_torn_line(self.filename)
            self._needs_header = os.path.getsize(self.filename) == 0
        elif not self.append:
            self._needs_header = True
        # What is there goes when the first row comes: a training that is resumed needs it.
        self._starts_anew = not self.append
        self._written_before = b""
        self._file = open(self.filename, "ab", buffering=0)  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            # The first epoch of a run may come without validation, later ones with it.
            extra = [f"val_{key}" for key in self.keys if not key.startswith("val_")]
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [key for key in extra if key.removeprefix("val_") != "learning_rate"]
        text = io.StringIO()
        writer = csv.DictWriter(text, ["epoch", *self.keys], delimiter=self.sep, lineterminator="\n")
        if self._needs_header:
            writer.writeheader()
            self._needs_header = False
        writer.writerow({"epoch": epoch, **{key: _cell(logs.get(key, "NA")) for key in self.keys}})
        self._write(text.getvalue().encode("utf-8"))

    def _write(self, data: bytes) -> None:
        """Write whole lines at once, so that an interruption or a full disk leaves no part of one."""
        before, self._written_before = self._written_before, b""
        if data and before.startswith(data):  # the same bits again
            self._written_before = before[len(data) :]
            return
        if self._starts_anew:
            self._file.truncate(0)
            self._starts_anew = False
        size = os.fstat(self._file.fileno()).st_size
        with explained(self.filename, "CSVLogger"):
            try:
                while data:
                    data = data[self._file.write(data) :]
            except OSError:
                self._file.truncate(size)
                raise

    def on_train_end(self, logs: Logs = None) -> None:
        if self._file is not None:
            if self._starts_anew:
                self._file.truncate(0)
            self._file.close()
        self._file = None


def _drop_torn_line(filename: str) -> None:
    """Cut off a last line without an end, which a kill in the middle of writing it may have left."""
    with open(filename, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        keep, step = size, 1 << 12
        while keep > 0:
            begin = max(0, keep - step)
            file.seek(begin)
            at = file.read(keep - begin).rfind(b"\n")
            if at >= 0:
                keep = begin + at + 1
                break
            keep = begin
        if keep < size:
            file.truncate(keep)


def _cell(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    if isinstance(value, Iterable):
        return f'"[{", ".join(map(str, value))}]"'
    return value
