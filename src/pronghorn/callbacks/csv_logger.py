"""Results of each epoch as a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes the results of each epoch to a CSV file.

    Args:
        filename: the file.
        separator: what stands between two values.
        append: whether to go on with a file that is there, instead of starting it anew.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: Any = None
        self._writer: Any = None
        self._needs_header = True

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.append and os.path.exists(self.filename):
            self._needs_header = os.path.getsize(self.filename) == 0
        elif not self.append:
            self._needs_header = True
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            # The first epoch of a run may come without validation, later ones with it.
            extra = [f"val_{key}" for key in self.keys if not key.startswith("val_")]
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [key for key in extra if key.removeprefix("val_") != "learning_rate"]
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, ["epoch", *self.keys], delimiter=self.sep, lineterminator="\n")
            if self._needs_header:
                self._writer.writeheader()
                self._needs_header = False
        row = {"epoch": epoch, **{key: _cell(logs.get(key, "NA")) for key in self.keys}}
        self._writer.writerow(row)
        self._file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


def _cell(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    if isinstance(value, Iterable):
        return f'"[{", ".join(map(str, value))}]"'
    return value
