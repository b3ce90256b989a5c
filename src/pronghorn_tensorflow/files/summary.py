"""`tf.summary`: scalars, distributions and texts of a script's own in TensorBoard's files, for `pronghorn run`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from pronghorn.callbacks.event_file import EventFile
from pronghorn.data.storing import path_of


class _State:
    writer: Writer | None = None
    step: Any = None


class Writer:
    """`tf.summary.create_file_writer`: a file in a folder, made with the first thing that is written."""

    def __init__(self, logdir: Any, *args: Any, **ignored: Any) -> None:
        self._folder = path_of(logdir)
        self._opened: EventFile | None = None

    @property
    def file(self) -> EventFile:
        """The event file."""
        if self._opened is None:
            self._opened = EventFile(self._folder)
        return self._opened

    @contextlib.contextmanager
    def as_default(self, step: Any = None) -> Iterator[Writer]:
        """Have what is written in a block go into this file."""
        before = _State.writer, _State.step
        _State.writer, _State.step = self, before[1] if step is None else step
        try:
            yield self
        finally:
            _State.writer, _State.step = before
            self.flush()

    def set_as_default(self, step: Any = None) -> None:
        """Have what is written from now on go into this file."""
        _State.writer = self
        _State.step = _State.step if step is None else step

    def flush(self) -> None:
        """Make what was written visible to readers."""
        self.file.flush()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def create_file_writer(logdir: Any, *args: Any, **ignored: Any) -> Writer:
    """`tf.summary.create_file_writer`."""
    return Writer(logdir)


def _step(step: Any, function: str) -> int:
    step = _State.step if step is None else step
    if step is None:
        raise ValueError(
            f"tf.summary.{function}: no step is set: pass step=, or call tf.summary.experimental.set_step."
        )
    return int(step)


def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """`tf.summary.scalar`; False where there is no file to write into.

    Raises:
        ValueError: without a step, or for an array with axes.
    """
    if _State.writer is None:
        return False
    if np.ndim(data):
        raise ValueError(f"tf.summary.scalar: {name!r} must be a number; got an array of shape {np.shape(data)}.")
    _State.writer.file.scalars(_step(step, "scalar"), {name: float(data)})
    return True


def histogram(name: str, data: Any, step: Any = None, buckets: Any = None, description: str | None = None) -> bool:
    """`tf.summary.histogram`."""
    if _State.writer is None:
        return False
    _State.writer.file.histogram(_step(step, "histogram"), name, np.asarray(data))
    return True


def image(name: str, data: Any, step: Any = None, max_outputs: int = 3, description: str | None = None) -> bool:
    """`tf.summary.image`, in grey: `[count, height, width, channels]`, floats from 0 to 1 or uint8."""
    if _State.writer is None:
        return False
    pictures = np.asarray(data)[:max_outputs]
    if pictures.dtype.kind == "f":
        pictures = (pictures.clip(0, 1) * 255).round()
    grey = pictures[..., :3].mean(axis=-1).astype("uint8")
    _State.writer.file.images(_step(step, "image"), name, list(grey))
    return True


def set_step(step: Any) -> None:
    """`tf.summary.experimental.set_step`."""
    _State.step = step


def get_step() -> Any:
    """`tf.summary.experimental.get_step`."""
    return _State.step


def nothing(*ignored: Any, **ignored_too: Any) -> bool:
    """For what is not written: text, audio, graphs and traces."""
    return False


def flush(writer: Any = None, name: str | None = None) -> None:
    """`tf.summary.flush`."""
    found = writer or _State.writer
    if found is not None:
        found.flush()
